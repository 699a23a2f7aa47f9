# SPDX-License-Identifier: GPL-2.0
"""Guests that work, of tests/bench/instance, see there.

Each is QEMU as nitrod would start it, so that what differs is what is behind
the disk. The plugin
(profile.c) counts what a guest executes and what is executed for it; outside.py makes
tables of that.
"""

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [f"{HERE}/../lib", f"{HERE}/../ebs"]

# pylint: disable=wrong-import-position
import storage
import volume
import volumes
from marks import Profile

BUILD = "/src/build/bench"
FILES = "/run/bench"
PATIENCE = 1500
MIB = 8  # of a disk
MACHINE = ["qemu-system-x86_64", "-M", "microvm,acpi=on,pcie=on,rtc=on,usb=off,graphics=off",
           "-accel", "kvm", "-cpu", "host", "-smp", "1", "-m", "160M", "-nodefaults",
           "-no-user-config", "-display", "none", "-kernel", f"{FILES}/kernel", "-initrd",
           f"{FILES}/initrd-work", "-append", "console=ttyS0 quiet mitigations=off "
           "cryptomgr.notests random.trust_cpu=1 reboot=t panic=-1 ipv6.disable=1",
           "-serial", "chardev:c", "-device", "virtio-rng-pci"]


class Worker:
    """Who does what is said, line by line, and tells how that ended."""

    def __init__(self):
        self.text = b""

    def send(self, data):
        raise NotImplementedError

    def receive(self):
        raise NotImplementedError

    def expect(self, pattern):
        while True:
            found = re.search(pattern, self.text)
            if found:
                break
            more = self.receive()
            if not more:
                raise RuntimeError(f"it has ended: {self.text!r}")
            self.text += more
        before, self.text = self.text[:found.start()], self.text[found.end():]
        return before.decode(errors="replace"), found

    def tell(self, line):
        # whoever echoes what is typed does not end the line with it
        self.send(f'if {line}; then echo "guest: d"one; else echo "guest: f"ailed; fi\n'.encode())
        said, found = self.expect(rb"guest: (done|failed)\r?\n")
        if found[1] != b"done":
            raise RuntimeError(f"{line}: {said}")
        return said


class Guest(Worker):
    """A virtual machine. Its console is a serial port: with a virtio console a guest spins
    until QEMU, which is on the same CPU, has taken what it says."""

    count = 0

    def __init__(self, devices):
        super().__init__()
        Guest.count += 1
        path = f"/run/bench/guest{Guest.count}"
        line = MACHINE + ["-chardev", f"socket,id=c,path={path},server=on,wait=off"] + devices
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(line, stdin=subprocess.DEVNULL)
        self.socket = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + PATIENCE
        while not os.path.exists(path):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError("QEMU does not start")
            time.sleep(0.01)
        self.socket.connect(path)
        self.expect(rb"guest: up\r?\n")

    def send(self, data):
        self.socket.sendall(data)

    def receive(self):
        return self.socket.recv(4096)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.socket.close()


def compare(bench, name, contestants, count):
    """contestants: {name: function that does @count of it}."""
    for _ in range(bench.args.rounds):
        for who, function in contestants.items():
            bench.profile.run(f"{name}: {who}", function, count)


KINDS = [volumes.Raw, volumes.Inline4096, volumes.Nitro, volumes.Nitro4096]


def disk(number, who):
    return ["-blockdev", json.dumps({
        "driver": "host_device", "node-name": f"d{number}", "filename": who.path,
        "aio": "io_uring", "cache": {"direct": True}, "discard": "unmap"}),
        "-device", f"nvme,drive=d{number},serial={who.label}"]


def block(bench):
    """4 KiB reads of a guest's NVMe disks."""
    # It is without nitrod, and without udev, which would look at their disks
    storage.run("systemctl", "-q", "stop", "systemd-udevd.service",
                "systemd-udevd-control.socket", "systemd-udevd-kernel.socket", "nitrod.service",
                check=False)
    args = bench.args
    volumes.Brd.load(len(KINDS), MIB)
    lab = volume.Lab()
    disks = [kind(lab, volumes.brd()) for kind in KINDS]
    for who in disks:
        storage.fill(who.path, bytes(MIB << 20))
        who.ready()
    guest = Guest(sum((disk(number, who) for number, who in enumerate(disks)), []))
    said = guest.tell("for d in /sys/block/nvme*n1; do "
                      "echo disk ${d##*/} $(cat $d/device/serial); done")
    found = {serial: name for name, serial in re.findall(r"disk (nvme\d+n1) (\S+)", said)}
    for depth in (1, 32):
        compare(bench, f"4 KiB read, QD{depth}",
                {who.label: lambda who=who, depth=depth: guest.tell(
                    f"worker read /dev/{found[who.label]} {args.ios} {depth}")
                 for who in disks}, args.ios)
    guest.end()
    for who in disks:
        who.close()


MEASURES = [block]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ios", type=int, default=1000)
    parser.add_argument("measure", nargs="*")
    bench = argparse.Namespace(args=parser.parse_args(), profile=Profile())
    os.makedirs(FILES, exist_ok=True)
    for name in ("kernel", "initrd-work"):
        shutil.copy(f"{BUILD}/{name}", FILES)
    print(f"Linux {os.uname().release}, {os.cpu_count()} CPU, instructions", flush=True)
    for measure in MEASURES:
        if not bench.args.measure or any(part in measure.__name__
                                         for part in bench.args.measure):
            measure(bench)


if __name__ == "__main__":
    main()
