# SPDX-License-Identifier: GPL-2.0
"""The ways in to a guest's memory that root of the host has. Each is a function that gets
a target and answers what came of it:

    found       it has read the canary
    not there   it could read, or look, and there was no canary
    refused     somebody said no
    open        nobody said no; the rest of the way is not gone here
    –           there is no such thing with this guest
"""

import contextlib
import ctypes
import errno
import functools
import glob
import json
import mmap
import os
import re
import signal
import socket
import struct
import subprocess

import bpf
import dma
from nitromem import MIB, ranges
from injector import Injector, libc, check
from targets import RUN, Target, scan, until

FOUND, ABSENT, REFUSED, OPEN, NONE = "found", "not there", "refused", "open", "–"
NO = (errno.EPERM, errno.EACCES, errno.EFAULT, errno.EIO, errno.EBUSY, errno.EINVAL,
      errno.EKEYREJECTED, errno.ENOMEDIUM)
PIDFD_OPEN, PIDFD_GETFD, PROCESS_MADVISE, KEXEC_FILE_LOAD = 434, 438, 440, 320
MADV_PAGEOUT = 21
NOWHERE, KERNEL_TEXT = (1 << 64) - 1, 0xffffffff80000000
TRACING = "/sys/kernel/tracing"
WAYS = {}


def way(name):
    """In the table, and of the order in which they are tried: what looks through all of
    memory is first, as others leave in it what they have read."""
    def register(function):
        WAYS[name] = function
        return function
    return register


def refusable(function):
    """An error of a system call is an answer."""
    @functools.wraps(function)
    def call(target):
        try:
            return function(target)
        except OSError as error:
            assert error.errno in NO, f"{error!r}"
            return REFUSED
    return call


def any_canary(target, pieces):
    """Of pieces that are read one by one. None is one that cannot be read."""
    some = False
    for piece in pieces:
        if piece is not None:
            some = True
            if target.is_canary(piece):
                return FOUND
    return ABSENT if some else REFUSED


def scanned(result, target):
    if target.hash in result.found:
        return FOUND
    return ABSENT if result.read or not result.error else REFUSED


def command(*words):
    return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


# --- all of memory

def kcore_segments():
    """(offset, length, virtual, physical) of all that /proc/kcore has."""
    with open("/proc/kcore", "rb") as file:
        header = file.read(64)
        offset, size, count = (struct.unpack_from("Q", header, 32)[0],
                               *struct.unpack_from("HH", header, 54))
        file.seek(offset)
        for _ in range(count):
            kind, _, at, virtual, physical, length = struct.unpack_from("IIQQQQ",
                                                                        file.read(size))
            if kind == 1:
                yield at, length, virtual, physical


@functools.cache
def direct_map():
    """What is to be added to a physical address; who has found out once knows."""
    return next(virtual - physical for _, _, virtual, physical in kcore_segments()
                if physical != NOWHERE and virtual < KERNEL_TEXT)


def scan_kcore(targets):
    """The direct map, and what is mapped by vmalloc()."""
    parts, segments = [], list(kcore_segments())
    for at, length, _, physical in segments:
        if physical != NOWHERE:
            parts.append((at, length))
    with open("/proc/vmallocinfo", encoding="ascii") as file:
        for line in file:
            start, end = (int(x, 16) for x in re.match(r"0x(\w+)-0x(\w+)", line).groups())
            parts += [(at + start - virtual, end - start)
                      for at, length, virtual, _ in segments
                      if virtual <= start < virtual + length]
    return scan("/proc/kcore", [target.hash for target in targets], *parts)


@way("`/proc/kcore`")
@refusable
def kcore(target):
    return scanned(scan_kcore([target]), target)


@way("`/dev/mem`, read and mapped")
@refusable
def dev_mem(target):
    pieces = []
    with open("/dev/mem", "rb", 0) as file:
        for at in target.physical():
            try:
                file.seek(at)
                pieces.append(file.read(64))
            except OSError as error:
                assert error.errno in NO, error
            try:
                with mmap.mmap(file.fileno(), 4096, mmap.MAP_SHARED, mmap.PROT_READ,
                               offset=at) as area:
                    pieces.append(area[:64])
            except OSError as error:
                assert error.errno in NO, error
    return any_canary(target, pieces)


# --- the VMM as a process

@way("`/proc/PID/mem`")
def proc_mem(target):
    start, end = target.area()
    return scanned(scan(f"/proc/{target.pid}/mem", [target.hash], (start, end - start)), target)


@way("`process_vm_readv()`")
def process_vm_readv(target):
    buffer, pid = ctypes.create_string_buffer(64), target.pid
    mine = struct.pack("QQ", ctypes.addressof(buffer), 64)

    def pieces():
        for at in target.points():
            other = struct.pack("QQ", at, 64)
            yield buffer.raw if libc.process_vm_readv(pid, mine, 1, other, 1, 0) == 64 else None
    return any_canary(target, pieces())


@way("ptrace, `PEEKDATA`")
@refusable
def ptrace_peek(target):
    with Injector(target.pid) as injector:
        def pieces():
            for at in target.points():
                try:
                    yield injector.peek(at, 64)
                except OSError:
                    yield None
        return any_canary(target, pieces())


@way("`gcore -a` of the VMM")
def gcore(target):
    path = f"{RUN}/gcore"
    command("gcore", "-a", "-o", path, str(target.pid))
    try:
        if not os.path.exists(f"{path}.{target.pid}"):
            return REFUSED
        return scanned(scan(f"{path}.{target.pid}", [target.hash]), target)
    finally:
        for name in glob.glob(f"{path}*"):
            os.unlink(name)


def mapped(target, fd):
    with mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ) as area:
        return any_canary(target, (area[at:at + 64] for at in range(8192, len(area), MIB)))


@way("its file, opened and mapped by another")
@refusable
def reopen(target):
    """Once by the mapping and once by the VMM's descriptor."""
    start, end = target.area()
    names = [f"/proc/{target.pid}/map_files/{start:x}-{end:x}"]
    names += [name for name in glob.glob(f"/proc/{target.pid}/fd/*")
              if re.match(target.mapping + ".", os.readlink(name))]
    answers = set()
    for name in names:
        if not os.path.islink(name):
            continue
        try:
            fd = os.open(name, os.O_RDWR)
        except OSError as error:
            assert error.errno in NO, error
            answers.add(REFUSED)
            continue
        try:
            answers.add(mapped(target, fd))
        except OSError as error:
            assert error.errno in NO, error
            answers.add(REFUSED)
        finally:
            os.close(fd)
    return next((answer for answer in (FOUND, ABSENT, REFUSED) if answer in answers), NONE)


@contextlib.contextmanager
def stolen(pid, number):
    """Another process's descriptor."""
    pidfd = check(libc.syscall(PIDFD_OPEN, pid, 0))
    try:
        fd = check(libc.syscall(PIDFD_GETFD, pidfd, number, 0))
        try:
            yield fd
        finally:
            os.close(fd)
    finally:
        os.close(pidfd)


@way("its descriptor, taken by `pidfd_getfd()`")
@refusable
def taken(target):
    numbers = [int(os.path.basename(name)) for name in glob.glob(f"/proc/{target.pid}/fd/*")
               if re.match(target.mapping + ".", os.readlink(name))]
    if not numbers:
        return NONE
    with stolen(target.pid, numbers[0]) as fd:
        return mapped(target, fd)


@way("`write()` by the VMM, injected by ptrace")
@refusable
def inject_write(target):
    """It copies from its own mapping, which is its business."""
    with Injector(target.pid) as injector:
        return injected(target, injector, lambda fd, at: injector.call("write", fd, at, 64))


@way("`vmsplice()` by the VMM, the same way")
@refusable
def inject_vmsplice(target):
    """A pipe would have its pages."""
    with Injector(target.pid) as injector:
        def splice(fd, at):
            injector.poke(injector.scratch, struct.pack("QQ", at, 64))
            return injector.call("vmsplice", fd, injector.scratch, 1, 0)
        return injected(target, injector, splice)


def injected(target, injector, give):
    """What the VMM puts into a pipe of its own can be read from /proc."""
    injector.call("pipe2", injector.scratch, os.O_NONBLOCK)
    ends = struct.unpack("ii", injector.peek(injector.scratch, 8))
    try:
        with open(f"/proc/{target.pid}/fd/{ends[0]}", "rb", 0) as pipe:
            def pieces():
                for at in target.points():
                    try:
                        give(ends[1], at)
                    except OSError as error:
                        assert error.errno in NO, error
                        yield None
                    else:
                        yield pipe.read(64)
            return any_canary(target, pieces())
    finally:
        for end in ends:
            injector.call("close", end)


@way("`/proc/PID/pagemap`: which memory it is")
@refusable
def pagemap(target):
    return OPEN if next(Target.physical(target), None) else ABSENT


# --- code in the kernel

@way("a kprobe that fetches memory")
@refusable
def kprobe(target):
    base, points = direct_map(), list(target.physical())
    events, enable = f"{TRACING}/kprobe_events", f"{TRACING}/events/kprobes/enable"

    def write(path, text):
        with open(path, "w", encoding="ascii") as file:
            file.write(text)

    def pieces():
        for n in range(0, len(points), 16):
            part = points[n:n + 16]
            words = [f"w{i}_{j}=@{base + at + 8 * j:#x}:x64" for i, at in enumerate(part)
                     for j in range(4)]
            write(events, f"p:nitro_peek do_sys_openat2 {' '.join(words)}\n")
            write(f"{TRACING}/trace", "")
            write(enable, "1")
            with open("/dev/null", "rb"):
                pass
            write(enable, "0")
            with open(f"{TRACING}/trace", encoding="ascii", errors="replace") as file:
                seen = next(line for line in file if "nitro_peek:" in line)
            write(events, "")
            for i in range(len(part)):
                found = [re.search(rf" w{i}_{j}=0x([0-9a-f]+)", seen) for j in range(4)]
                yield b"".join(int(word[1], 16).to_bytes(8, "little") for word in found) \
                    if all(found) else None
    return any_canary(target, pieces())


@way("`bpf_probe_read_kernel()`")
@refusable
def ebpf(target):
    base = direct_map()
    with bpf.Reader() as reader:
        return any_canary(target, (reader.read(base + at) for at in target.physical()))


@way("a module that nobody has signed")
@refusable
def module(target):
    if not os.path.exists("/sys/module/nitro_peek") and \
       not command("insmod", "build/memory/nitro_peek.ko"):
        return REFUSED
    return scanned(peek(target), target)


def peek(target):
    pairs = ranges("nitro_mem") if target.mapping == "/nitro_mem:" else \
        [(at - 8192, at - 4096) for at in target.physical()]
    return scan("/sys/kernel/debug/nitro_peek", [target.hash],
                *((start, end - start) for start, end in pairs))


# --- a device that does what root says

@way("a device's DMA, its IOMMU group made `identity`")
@refusable
def dma_passed(target):
    with dma.Edu() as device:
        return ABSENT if device.find(target) is None else FOUND


@way("a device's DMA, its IOMMU group as it is")
@refusable
def dma_stopped(target):
    """From where it can read if the group is another."""
    with dma.Edu() as device:
        at = device.find(target)
        assert at is not None, "the control"
        return FOUND if target.is_canary(device.read(at, device.before)) else REFUSED


# --- its monitor

def ask(path, *commands):
    """Give commands to a monitor. Return: the answers, None for one that hung up"""
    answers = []
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(120)
        monitor.connect(path)
        with monitor.makefile("rw", encoding="ascii") as lines:
            json.loads(lines.readline())
            for name, arguments in (("qmp_capabilities", {}), *commands):
                try:
                    print(json.dumps({"execute": name, "arguments": arguments} if arguments else
                                     {"execute": name}), file=lines, flush=True)
                    answer = next(line for line in lines if "event" not in json.loads(line))
                except (StopIteration, OSError):
                    answers.append(None)
                    break
                answers.append(json.loads(answer))
    return answers[1:] or [None]


def to_file(target, *commands):
    path = f"{RUN}/dump"
    with target.at_monitor() as monitor:
        answers = ask(monitor, *((name, json.loads(json.dumps(arguments).replace("PATH", path)))
                                 for name, arguments in commands))
        if answers[0] is None or "error" in answers[0]:
            return REFUSED
        if commands[0][0] == "migrate":
            until(lambda: ask(monitor, ("query-migrate", {}))[0]["return"]["status"] ==
                 "completed", "migration", 120.0)
            ask(monitor, ("cont", {}))
    try:
        return scanned(scan(path, [target.hash]), target)
    finally:
        os.unlink(path)


@way("the VMM's monitor: `pmemsave`")
def monitor_dump(target):
    return to_file(target, ("pmemsave", {"val": 0, "size": 192 * MIB, "filename": "PATH"}))


@way("the VMM's monitor: `migrate`")
def monitor_migrate(target):
    return to_file(target, ("migrate", {"uri": "file:PATH"}))


@way("the monitor, by a descriptor taken from its gate")
@refusable
def monitor_stolen(target):
    if not hasattr(target, "gate"):
        return NONE
    answers = [from_gate(target, pid, int(os.path.basename(name)))
               for pid in target.gate() for name in glob.glob(f"/proc/{pid}/fd/*")
               if os.readlink(name).startswith("socket:")]
    return next(answer for answer in (FOUND, ABSENT, REFUSED) if answer in answers)


def from_gate(target, pid, number):
    """Which of its sockets is the monitor's? All are tried; the VMM's answers are for the
    gate, which does not care."""
    path = f"/proc/{target.pid}/root/tmp/nitro-peek"
    found = ABSENT
    try:
        with stolen(pid, number) as fd, socket.socket(fileno=os.dup(fd)) as sock:
            # The VMM may write files of 4 MiB
            for at in range(64 * MIB, 192 * MIB, 8 * MIB):
                words = json.dumps({"execute": "pmemsave", "id": "nitro-gate", "arguments": {
                    "val": at, "size": 2 * MIB, "filename": "/tmp/nitro-peek"}})
                try:
                    sock.send(words.encode() + b"\n", socket.MSG_DONTWAIT)
                except (BlockingIOError, BrokenPipeError, OSError):
                    return ABSENT
                try:
                    until(lambda: os.path.exists(path) and os.path.getsize(path) == 2 * MIB,
                         "a dump", 3.0)
                except AssertionError:
                    return ABSENT
                if target.hash in scan(path, [target.hash]).found:
                    found = FOUND
                os.unlink(path)
                if found == FOUND:
                    break
    except OSError as error:
        assert error.errno in NO, error
        return REFUSED
    return found


# --- to where memory goes by itself

@way("hibernation: `/dev/snapshot`")
@refusable
def hibernation(target):
    del target
    os.close(os.open("/dev/snapshot", os.O_RDONLY))
    return OPEN


@way("another kernel, by `kexec_file_load()`")
@refusable
def kexec(target):
    del target
    kernel = os.open(glob.glob("/boot/vmlinuz-6.12*[0-9]-amd64")[0], os.O_RDONLY)
    try:
        check(libc.syscall(KEXEC_FILE_LOAD, kernel, -1, 1, b"\0", 4))
        check(libc.syscall(KEXEC_FILE_LOAD, -1, -1, 0, None, 1))
    finally:
        os.close(kernel)
    return OPEN


@way("kdump: the memory that a vmcore is made of")
def vmcore(target):
    ram = ranges("System RAM")
    return OPEN if any(start <= at < end for at in target.physical() for start, end in ram) \
        else ABSENT


@contextlib.contextmanager
def swap():
    """A disk that holds what it is given."""
    subprocess.run("modprobe zram && echo 256M >/sys/block/zram0/disksize && "
                   "mkswap -q /dev/zram0 && swapon /dev/zram0", shell=True, check=True,
                   stdout=subprocess.DEVNULL)
    try:
        yield "/dev/zram0"
    finally:
        # udev may still look at what mkswap has written
        subprocess.run("swapoff /dev/zram0 && for _ in $(seq 50); do udevadm settle; "
                       "echo 1 >/sys/block/zram0/reset && exit; sleep 0.2; done; exit 1",
                       shell=True, check=True)


@way("swap, by `process_madvise(MADV_PAGEOUT)`")
@refusable
def pageout(target):
    start, end = target.area()
    pidfd = check(libc.syscall(PIDFD_OPEN, target.pid, 0))
    with swap() as disk:
        try:
            check(libc.syscall(PROCESS_MADVISE, pidfd, struct.pack("QQ", start, end - start), 1,
                               MADV_PAGEOUT, 0))
        finally:
            os.close(pidfd)
        return scanned(scan(disk, [target.hash]), target)


def ksm_says(name, value=None):
    with open(f"/sys/kernel/mm/ksm/{name}", "r+" if value else "r", encoding="ascii") as file:
        return file.write(value) if value else int(file.read())


@way("KSM: its pages are shared with others'")
def ksm(target):
    area = f"{target.area()[0]:x}-"
    ksm_says("pages_to_scan", "20000")
    ksm_says("run", "1")
    before = ksm_says("full_scans")
    until(lambda: ksm_says("full_scans") >= before + 3, "it has looked at all", 300.0)
    try:
        with open(f"/proc/{target.pid}/smaps", encoding="ascii") as file:
            part = file.read().partition(area)[2]
        return OPEN if int(re.search(r"^KSM: +(\d+) kB", part, re.M)[1]) else ABSENT
    finally:
        ksm_says("run", "2")


@way("a core dump of the VMM")
def core_dump(target):
    """Its end, too. What it dies with has not been read by any of the other ways."""
    target.plant()
    path, pid = f"{RUN}/core", target.pid
    with open("/proc/sys/kernel/core_pattern", "r+", encoding="ascii") as file:
        before = file.read()
        # To a program, which no limit of the VMM's holds for
        try:
            file.seek(0)
            file.write(f"|/usr/bin/dd of={path} bs=1M\n")
            file.flush()
        except PermissionError:
            pass
        command("prlimit", "--pid", str(pid), "--core=unlimited")
        os.kill(pid, signal.SIGABRT)
        target.gone()
        try:
            if not os.path.exists(path):
                return REFUSED
            return scanned(scan(path, [target.hash]), target)
        finally:
            with contextlib.suppress(OSError):
                file.seek(0)
                file.write(before)
            with contextlib.suppress(OSError):
                os.unlink(path)


@way("memory after its end")
@refusable
def after_end(target):
    """By /proc/kcore where the host has it again, by the module where the pool has it."""
    answers = [scanned(scan_kcore([target]), target)]
    if target.mapping == "/nitro_mem:":
        assert os.path.exists("/sys/kernel/debug/nitro_peek")
        answers.append(scanned(peek(target), target))
    return next(answer for answer in (FOUND, ABSENT, REFUSED) if answer in answers)
