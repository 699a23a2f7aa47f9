# SPDX-License-Identifier: GPL-2.0
"""Ways to read a guest's memory from the host, as root. Each is tried on memory of
an ordinary process, too, and has to find it there: else it proves nothing."""

import ctypes
import errno
import fcntl
import mmap
import os
import signal
import struct
import subprocess

from ktap import test
from nitromem import GRAIN, MIB, fails, ranges

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
PEEKDATA, DETACH, SEIZE, INTERRUPT = 2, 17, 0x4206, 0x4207
IO_URING_SETUP, IO_URING_REGISTER, USERFAULTFD = 425, 427, 323
UFFDIO_API, UFFDIO_REGISTER = 0xc018aa3f, 0xc020aa00
MADV_PAGEOUT = 21
SIZE = 4 * GRAIN
AT = GRAIN + 4096
DISK = "/run/nitro-test-disk"


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


def check(result):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def proc_mem(holder, address, size):
    with open(f"/proc/{holder.pid}/mem", "rb", 0) as memory:
        memory.seek(address)
        return memory.read(size)


def process_vm_readv(holder, address, size):
    buffer = ctypes.create_string_buffer(size)
    mine = Iovec(ctypes.addressof(buffer), size)
    other = Iovec(address, size)
    check(libc.process_vm_readv(holder.pid, ctypes.byref(mine), 1, ctypes.byref(other), 1, 0))
    return buffer.raw


def ptrace_peek(holder, address, size):
    check(libc.ptrace(SEIZE, holder.pid, None, None))
    try:
        check(libc.ptrace(INTERRUPT, holder.pid, None, None))
        os.waitpid(holder.pid, 0)
        data = b""
        while len(data) < size:
            ctypes.set_errno(0)
            word = libc.ptrace(PEEKDATA, holder.pid, address + len(data), None)
            if word == -1 and ctypes.get_errno():
                check(-1)
            data += (word & (1 << 64) - 1).to_bytes(8, "little")
        return data
    finally:
        libc.ptrace(DETACH, holder.pid, None, None)


READERS = {f.__name__: f for f in (proc_mem, process_vm_readv, ptrace_peek)}


@test(each=tuple(READERS))
def reading_another_process(lab, reader):
    lab.ready(256 * MIB)
    canary = os.urandom(32)
    _, guest = lab.guest(SIZE)
    ordinary = lab.hold("anonymous", SIZE)
    for holder in (guest, ordinary):
        holder("write", AT, canary.hex())
    assert READERS[reader](ordinary, ordinary.address + AT, 32) == canary, "the control"
    try:
        found = READERS[reader](guest, guest.address + AT, 32)
    except OSError as error:
        assert error.errno in (errno.EIO, errno.EFAULT), error
    else:
        raise AssertionError(f"it has read {found.hex()}")
    assert guest("read", AT, 32) == canary.hex(), "it is there"


def mapped_here(lab):
    guest = lab.create(SIZE)
    fd = os.open(f"/proc/self/fd/{guest['fd']}", os.O_RDWR)
    lab.fds.append(fd)
    return mmap.mmap(fd, SIZE)


def direct_write(area):
    """The disk's driver would read it."""
    path = f"{DISK}/direct"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DIRECT, 0o600)
    try:
        os.pwritev(fd, [memoryview(area)[AT:AT + 4096]], 0)
        os.fsync(fd)
        with open(path, "rb") as file:
            return file.read(32)
    finally:
        os.close(fd)
        os.unlink(path)


def vmsplice(area):
    """A pipe would hold its pages."""
    r, w = os.pipe()
    try:
        piece = (ctypes.c_char * 4096).from_buffer(area, AT)
        vector = Iovec(ctypes.addressof(piece), 32)
        check(libc.vmsplice(w, ctypes.byref(vector), 1, 0))
        return os.read(r, 32)
    finally:
        del piece
        os.close(r)
        os.close(w)


PINNERS = {f.__name__: f for f in (direct_write, vmsplice)}


def on_a_disk():
    """Direct I/O needs a file system that means it."""
    if not os.path.ismount(DISK):
        subprocess.run(f"modprobe brd rd_nr=1 rd_size=131072 && mkfs.ext4 -q /dev/ram0 && "
                       f"mkdir -p {DISK} && mount /dev/ram0 {DISK}", shell=True, check=True)


@test(each=tuple(PINNERS))
def pinning_it(lab, pinner):
    """Not even the process that has mapped it can give it to a device."""
    lab.ready(256 * MIB)
    on_a_disk()
    canary = os.urandom(32)
    guest, ordinary = mapped_here(lab), mmap.mmap(-1, SIZE)
    try:
        for area in (guest, ordinary):
            area[AT:AT + 32] = canary
        assert PINNERS[pinner](ordinary) == canary, "the control"
        try:
            found = PINNERS[pinner](guest)
        except OSError as error:
            assert error.errno == errno.EFAULT, error
        else:
            raise AssertionError(f"it has got {found.hex()}")
        assert guest[AT:AT + 32] == canary, "it is there"
    finally:
        guest.close()
        ordinary.close()


def io_uring_buffer(address):
    """Its pages would be the ring's for as long as that is there."""
    params = ctypes.create_string_buffer(120)
    ring = check(libc.syscall(IO_URING_SETUP, 1, params))
    try:
        vector = Iovec(address, 4096)
        check(libc.syscall(IO_URING_REGISTER, ring, 0, ctypes.byref(vector), 1))
    finally:
        os.close(ring)


def userfault(address):
    """Whoever has the descriptor would say what is in missing pages."""
    fd = check(libc.syscall(USERFAULTFD, os.O_CLOEXEC))
    try:
        fcntl.ioctl(fd, UFFDIO_API, struct.pack("QQQ", 0xaa, 0, 0))
        fcntl.ioctl(fd, UFFDIO_REGISTER, struct.pack("QQQQ", address, 4096, 1, 0))
    finally:
        os.close(fd)


def page_out(address):
    check(libc.madvise(ctypes.c_void_p(address), 4096, MADV_PAGEOUT))


REGISTRARS = {f.__name__: f for f in (io_uring_buffer, userfault, page_out)}


@test(each=tuple(REGISTRARS))
def registering_it(lab, registrar):
    """Nor can the process that has mapped it have the kernel care for its pages."""
    lab.ready(256 * MIB)
    guest, ordinary = mapped_here(lab), mmap.mmap(-1, SIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        at = [ctypes.addressof(ctypes.c_char.from_buffer(area, AT)) for area in (guest, ordinary)]
        guest[AT] = ordinary[AT] = 1
        REGISTRARS[registrar](at[1])
        with fails(errno.EFAULT, errno.EINVAL):
            REGISTRARS[registrar](at[0])
        assert guest[AT] == 1, "it is there"
    finally:
        guest.close()
        ordinary.close()


@test
def dev_mem(lab):
    """Every range of the pool, read and mapped."""
    lab.ready(256 * MIB)
    _, guest = lab.guest(lab.pool()["free"])
    guest("fill", 165)
    mine = ranges("nitro_mem")
    assert mine
    fd = os.open("/dev/mem", os.O_RDONLY)
    try:
        # The control: what is no memory at all, as the BIOS, can be read
        assert len(os.pread(fd, 4096, 0xf0000)) == 4096
        for start, end in mine:
            for at in range(start, end, 16 * MIB):
                try:
                    found = os.pread(fd, 4096, at)
                except PermissionError:
                    pass
                else:
                    raise AssertionError(f"{at:#x}: {found[:16].hex()}")
                try:
                    mmap.mmap(fd, 4096, mmap.MAP_SHARED, mmap.PROT_READ, offset=at)
                except OSError as error:
                    assert error.errno in (errno.EPERM, errno.EINVAL), error
                else:
                    raise AssertionError(f"{at:#x} was mapped")
    finally:
        os.close(fd)


@test
def core_dump(lab):
    """What a VMM leaves when it crashes."""
    lab.ready(256 * MIB)
    on_a_disk()
    with open("/proc/sys/kernel/core_pattern", "r+", encoding="ascii") as file:
        pattern = file.read()
        file.seek(0)
        file.write(f"{DISK}/core.%p\n")
    found = []
    try:
        for holder in (lab.guest(SIZE)[1], lab.hold("anonymous", SIZE)):
            canary = os.urandom(32)
            holder("write", AT, canary.hex())
            subprocess.run(["prlimit", "--pid", str(holder.pid), "--core=unlimited"], check=True)
            os.kill(holder.pid, signal.SIGABRT)
            holder.process.wait()
            path = f"{DISK}/core.{holder.pid}"
            with open(path, "rb") as file:
                # The canary's own digits passed through the process: look for its bytes,
                # at where a page would have them
                core = file.read()
            found.append(any(core[i + AT % 4096:i + AT % 4096 + 32] == canary
                             for i in range(0, len(core), 4096)))
            os.unlink(path)
    finally:
        with open("/proc/sys/kernel/core_pattern", "w", encoding="ascii") as file:
            file.write(pattern)
    assert found == [False, True], f"guest, control: {found}"
