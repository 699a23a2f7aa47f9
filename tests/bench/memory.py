# SPDX-License-Identifier: GPL-2.0
"""The measures of tests/bench/memory, see there."""

import argparse
import contextlib
import glob
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [f"{HERE}/../lib", f"{HERE}/../memory"]

# pylint: disable=wrong-import-position
import nitromem
from nitromem import GRAIN, MIB, meminfo

SIZE = 1024 * MIB
PAGE_STRUCTS = SIZE // 4096 * 64
FILES = "/run/bench"
HUGE = "/run/huge"
CMDLINE = ("console=hvc0 quiet mitigations=off cryptomgr.notests random.trust_cpu=1 "
           "transparent_hugepage=never reboot=t panic=-1 pcie_ports=native")
KVM = "/sys/kernel/debug/kvm"


class Memory:
    """Memory of some kind, for one guest at a time."""

    page_structs = PAGE_STRUCTS
    backend = None

    @contextlib.contextmanager
    def taken(self):
        """Yield: a descriptor of it, -1 for anonymous memory"""
        yield -1

    def option(self, fd):
        """Of QEMU's command line."""
        del fd
        return self.backend


class Pool(Memory):
    """pool"""

    def __init__(self):
        self.lab = nitromem.Lab()
        before = meminfo("MemTotal")
        pool = self.lab.set(SIZE)
        assert pool["size"] == SIZE, pool
        # The host has got back the struct pages of what it gave, or some of them
        self.page_structs = PAGE_STRUCTS - (SIZE - (before - meminfo("MemTotal")))

    @contextlib.contextmanager
    def taken(self):
        guest = self.lab.create(SIZE, "bench")
        try:
            yield guest["fd"]
        finally:
            self.lab.drop(guest)
            self.lab.all_free()

    def option(self, fd):
        return f"memory-backend-file,align=1G,share=on,prealloc=off,mem-path=/proc/self/fd/{fd}"


class Hugetlbfs(Memory):
    """hugetlbfs"""

    backend = f"memory-backend-file,share=on,prealloc=on,mem-path={HUGE}"

    def __init__(self):
        with open("/proc/sys/vm/nr_hugepages", "w", encoding="ascii") as file:
            file.write(f"{SIZE // GRAIN}\n")
        assert meminfo("HugePages_Total", unit=1) == SIZE // GRAIN
        os.makedirs(HUGE, exist_ok=True)
        subprocess.run(["mount", "-t", "hugetlbfs", "none", HUGE], check=True)

    @contextlib.contextmanager
    def taken(self):
        path = f"{HUGE}/bench"
        fd = os.open(path, os.O_RDWR | os.O_CREAT)
        os.unlink(path)
        try:
            os.ftruncate(fd, SIZE)
            yield fd
        finally:
            os.close(fd)


class Memfd(Memory):
    """memfd"""

    backend = "memory-backend-memfd,share=on"

    @contextlib.contextmanager
    def taken(self):
        fd = os.memfd_create("bench")
        try:
            os.ftruncate(fd, SIZE)
            yield fd
        finally:
            os.close(fd)


class Anonymous(Memory):
    """anonymous"""

    backend = "memory-backend-ram"


KINDS = {kind.__doc__: kind for kind in (Pool, Hugetlbfs, Memfd, Anonymous)}


def now():
    """Nanoseconds. Of one CPU whose clock counts instructions: those that it has executed.
    While it waits for a disk or a timer the clock jumps."""
    idle = 0
    if os.cpu_count() == 1:
        with open("/proc/stat", encoding="ascii") as file:
            idle = sum(map(int, file.readline().split()[4:6])) * 10 ** 9 // os.sysconf("SC_CLK_TCK")
    return time.monotonic_ns() - idle


def numbers(line):
    return {name: int(value) for name, value in re.findall(r"(\w+) (\d+)", line)}


def process(memory):
    """A process of the host in it. Return: what of it, by name"""
    with memory.taken() as fd:
        found = numbers(subprocess.check_output(
            [f"{FILES}/init", f"/proc/self/fd/{fd}" if fd >= 0 else "anonymous", str(SIZE)],
            text=True, pass_fds=[fd] if fd >= 0 else []))
    return {"a process's faults": found["faults"], "a process streams": found["stream"],
            "bytes of a process's page tables": found["tables"] * 1024}


class Vmm:
    """QEMU with memory of some kind. Nothing polls: that would cost."""

    def __init__(self, memory, fd):
        ours, its = socket.socketpair()
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-S",
             "-accel", "kvm", "-cpu", "host", "-m", f"size={SIZE // MIB}M",
             "-M", "microvm,acpi=on,pcie=on,rtc=on,usb=off,graphics=off,memory-backend=ram",
             "-object", f"{memory.option(fd)},id=ram,size={SIZE // MIB}M",
             "-kernel", f"{FILES}/kernel", "-initrd", f"{FILES}/initrd", "-append", CMDLINE,
             "-chardev", f"socket,id=monitor,fd={its.fileno()}",
             "-mon", "chardev=monitor,mode=control",
             "-chardev", "stdio,id=console,signal=off",
             "-device", "virtio-serial-pci,id=ports,max_ports=1",
             "-device", "virtconsole,chardev=console,nr=0"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            pass_fds=[its.fileno()] + ([fd] if fd >= 0 else []))
        its.close()
        self.monitor = ours.makefile("rw", encoding="ascii")
        ours.close()

    def ask(self, command):
        print(json.dumps({"execute": command}), file=self.monitor, flush=True)
        for line in self.monitor:
            if "return" in json.loads(line):
                return
        raise RuntimeError(f"QEMU does not answer {command}")

    def said(self, word):
        for line in self.process.stdout:
            if f"guest: {word}" in line:
                return line
        raise RuntimeError(f"the guest does not say '{word}'")

    def stage2(self):
        """How KVM has mapped the guest's memory, by size of the entries."""
        return {f"entries of {size.upper()} in KVM's tables": sum(
            int(open(path, encoding="ascii").read())
            for path in glob.glob(f"{KVM}/{self.process.pid}-*/pages_{size}"))
            for size in ("4k", "2m", "1g")}

    def end(self):
        self.process.kill()
        self.process.wait()
        for file in (self.process.stdin, self.process.stdout, self.monitor):
            file.close()


def guest(memory):
    """One guest's life. Return: what of it, by name"""
    found = {}
    tables = meminfo("SecPageTables")
    start = now()
    with memory.taken() as fd:
        found["taking the memory"] = now() - start
        vmm = Vmm(memory, fd)
        vmm.ask("qmp_capabilities")
        found["until the VMM is there"] = now() - start
        vmm.ask("cont")
        vmm.said("first")
        found["until the guest is there"] = now() - start
        said = numbers(vmm.said("fresh"))
        found.update({"fresh pages, touched": said["fresh"],
                      "of these, for the host's part": said["fresh"] - said["again"],
                      "a guest streams": said["stream"], **vmm.stage2(),
                      "bytes of KVM's page tables": meminfo("SecPageTables") - tables})
        start = now()
        vmm.end()
    found["until all is free again"] = now() - start
    found["there and gone"] = found["until the guest is there"] + found["until all is free again"]
    return found


def report(found, kinds):
    """Medians by name and kind, printed."""
    medians = {}
    names = [kind.__doc__ for kind in kinds]
    print(f"\n{'':36}" + "".join(f"{name:>18}" for name in names))
    for key, values in found.items():
        medians[key] = {name: statistics.median(values[name]) for name in names}
        print(f"{key:36}" + "".join(f"{medians[key][name]:18,.0f}" for name in names))
        if any(min(values[name]) != max(values[name]) for name in names):
            print(f"{'':36}" + "".join(
                f"{f'{min(values[name]):,}..{max(values[name]):,}':>18}" if len(
                    f"{min(values[name]):,}..{max(values[name]):,}") < 18 else
                f"{f'±{(max(values[name]) - min(values[name])) / 2 / medians[key][name]:.1%}':>18}"
                for name in names), flush=True)
    return medians


def goals(medians, ours, theirs):
    def goal(name, value, most, unit=""):
        print(f"{name}: {value:.3f}{unit}, goal <= {most:g}{unit}: "
              f"{'met' if value <= most else 'MISSED'}")

    def ratio(key):
        return medians[key][ours] / medians[key][theirs]

    print()
    goal("bandwidth: time of the same, by hugetlbfs's", ratio("a guest streams"), 1 / 0.98)
    goal("fresh pages: time of the same, by hugetlbfs's", ratio("fresh pages, touched"), 1 / 0.98)
    goal("start: by hugetlbfs's", ratio("until the guest is there"), 1.0)
    print(f"there and gone: by hugetlbfs's: {ratio('there and gone'):.3f}")
    for name in ours, theirs:
        print(f"bandwidth: guest by a process of the host, {name}: "
              f"{medians['a process streams'][name] / medians['a guest streams'][name]:.3f}")
    goal("host kernel memory for 1 GiB", sum(
        medians[key][ours] for key in medians if key.startswith("bytes of")) / 1024, 64, " KiB")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    parser.add_argument("kind", nargs="*", default=KINDS)
    args = parser.parse_args()
    os.makedirs(FILES, exist_ok=True)
    for name in ("kernel", "initrd", "init"):
        shutil.copy(f"/src/build/bench/memory/{name}", FILES)
    print(f"Linux {os.uname().release}, {os.cpu_count()} CPU, a guest of {SIZE // MIB} MiB",
          flush=True)
    kinds = [KINDS[name] for name in args.kind]
    memories = [kind() for kind in kinds]
    # What is done for the first time only
    vmm = Vmm(Memfd(), -1)
    vmm.ask("qmp_capabilities")
    vmm.end()
    found = {}
    for number in range(args.rounds):
        for memory in memories:
            start = time.monotonic()
            values = {**process(memory), **guest(memory),
                      "bytes of struct pages": memory.page_structs}
            for key, value in values.items():
                found.setdefault(key, {}).setdefault(memory.__doc__, []).append(value)
            print(f"# round {number + 1}, {memory.__doc__}: {time.monotonic() - start:.1f} s",
                  file=sys.stderr, flush=True)
    medians = report(found, kinds)
    if {Pool, Hugetlbfs} <= set(kinds):
        goals(medians, Pool.__doc__, Hugetlbfs.__doc__)


main()
