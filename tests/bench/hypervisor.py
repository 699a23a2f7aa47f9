# SPDX-License-Identifier: GPL-2.0
"""Boots of nitro-hypervisor and QEMU's microvm, in turns. See tests/bench/hypervisor."""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [f"{HERE}/../hypervisor", f"{HERE}/../lib"]

from netlink import Family  # noqa: E402  pylint: disable=wrong-import-position
from vmm import BUILD, CMDLINE, Guest, private_kib  # noqa: E402  pylint: disable=wrong-import-position

TRACING = "/sys/kernel/tracing"
EVENTS = ("kvm_exit", "kvm_userspace_exit")
MEMORY = 128
KERNELS = {"kernel": "bzImage", "vmlinux": "PVH"}
UP = b"guest: drivers"
# In memory, like what is booted often: files of the checkout may be behind a network
FILES = tempfile.mkdtemp()
# What stays until it has been looked at
STAYS = ["sleep,1000"]


def trigger(event, text):
    with open(f"{TRACING}/events/kvm/{event}/trigger", "w", encoding="ascii") as file:
        file.write(text)


class Exits:
    """Counts of the kernel's tracepoints, without a trace."""

    def __enter__(self):
        for event in EVENTS:
            trigger(event, "hist:keys=common_pid")
        return self

    def __exit__(self, *_):
        self.count = {}
        for event in EVENTS:
            with open(f"{TRACING}/events/kvm/{event}/hist", encoding="ascii") as file:
                hits = re.search(r"Hits: (\d+)", file.read())
            self.count[event] = int(hits.group(1))
            trigger(event, "!hist:keys=common_pid")


def files(kernel):
    """What is booted: kernel and RAM disk."""
    return f"{FILES}/{kernel}", f"{FILES}/initrd"


def cpu_us(guest):
    """Of the VMM, when the guest is about to begin."""
    return int(guest.told.split(b"cpu_us=")[1].split()[0])


def ours(kernel):
    with Guest(memory=MEMORY, images=files(kernel)) as guest:
        status, told = guest.ends()
        assert (status, told) == (0, "ended off"), guest.output
        assert UP in guest.output
        return cpu_us(guest)


class Card(Family):
    name = "nitro_mem"


def begin(pool):
    """Memory of nitro_mem's pool, as guests of nitrod's have it, or a memfd."""
    memory = Card()("create", name="bench", size=MEMORY << 20)["fd"] if pool else None
    with Guest(memory=MEMORY, images=files("kernel"), pool=memory) as guest:
        guest.tells("started")
        guest.tells("\n")
        return cpu_us(guest)


def starts(rounds):
    subprocess.run(["nitroctl", "memory", "set", "-q", "--pool", f"{2 * MEMORY}M"], check=True)
    print("\n| CPU before the guest, median of | memfd, ms | nitro_mem, ms |")
    print("|---|---|---|")
    found = [statistics.median(begin(pool) for _ in range(rounds)) / 1000 for pool in (0, 1)]
    print(f"| {rounds} | {found[0]:.2f} | {found[1]:.2f} |", flush=True)


def our_memory():
    with Guest(memory=MEMORY, images=files("kernel"), do=STAYS) as guest:
        guest.says(UP.decode())
        return private_kib(guest.process.pid)


def start_microvm(kernel, cmdline=CMDLINE):
    command = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-m", str(MEMORY), "-M",
               "microvm,pit=off,pic=off,rtc=off,auto-kernel-cmdline=off,memory-backend=ram",
               "-object", f"memory-backend-memfd,id=ram,size={MEMORY}M", "-nodefaults",
               "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
               "-append", cmdline, "-kernel", files(kernel)[0], "-initrd", files(kernel)[1]]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)


def microvm(kernel):
    with start_microvm(kernel) as process:
        output = process.stdout.read()
    assert process.returncode == 0 and UP in output, output


def microvm_memory():
    with start_microvm("kernel", f"{CMDLINE} do={';'.join(STAYS)}") as process:
        while UP not in process.stdout.readline():
            assert process.poll() is None
        kib = private_kib(process.pid)
        process.kill()
    return kib


def boots(rounds, chosen):
    runs = [(f"{name}, {how}", boot, kernel) for kernel, how in KERNELS.items() if how in chosen
            for name, boot in (("nitro-hypervisor", ours), ("microvm", microvm))]
    found = {name: [] for name, _, _ in runs}
    for _ in range(rounds):
        for name, boot, kernel in runs:
            with Exits() as exits:
                start = time.monotonic()
                cpu = boot(kernel)
                wall = time.monotonic() - start
            found[name].append((wall, exits.count["kvm_exit"],
                                exits.count["kvm_userspace_exit"], cpu))
            print(name, found[name][-1], file=sys.stderr, flush=True)
    print("| boot and off, median | wall, s | exits | of them to the VMM | CPU before the guest, ms |")
    print("|---|---|---|---|---|")
    for name, values in found.items():
        wall, exits, to_vmm, cpu = ([v[i] for v in values] for i in range(4))
        start = f"{statistics.median(cpu) / 1000:.2f}" if cpu[0] is not None else ""
        print(f"| {name} | {statistics.median(wall):.3f} | {statistics.median(exits):.0f} | "
              f"{statistics.median(to_vmm):.0f} | {start} |")
    print(f"\nMemory beyond the guest's: {our_memory()} KiB, microvm {microvm_memory()} KiB")


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    chosen = sys.argv[2:] or [*KERNELS.values(), "start"]
    subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACING], check=False,
                   stderr=subprocess.DEVNULL)
    for name in (*KERNELS, "initrd"):
        shutil.copy(f"{BUILD}/guest/{name}", FILES)
    if "start" in chosen:
        starts(2 * rounds + 1)
    if set(chosen) - {"start"}:
        boots(rounds, chosen)
    shutil.rmtree(FILES)


if __name__ == "__main__":
    main()
