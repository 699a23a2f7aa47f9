# SPDX-License-Identifier: GPL-2.0
"""Those who work in the measures of tests/bench/instance, see there: guests, each of which is QEMU
as nitrod would start it, bare metal, and this host.

All do their work by worker.c, which tells the plugin (profile.c) when it is to be counted. The
plugin counts what a guest executes and what is executed for it; outside.py makes tables of that.
"""

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [f"{HERE}/../lib", f"{HERE}/../ebs", f"{HERE}/../net"]

# pylint: disable=wrong-import-position
import storage
from marks import Profile

BUILD = "/src/build/bench"
FILES = "/run/bench"
PATIENCE = 1500
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


class Shell(Worker):
    """A program that reads lines."""

    def __init__(self, *command):
        super().__init__()
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=dict(os.environ, PATH=f"{FILES}:/usr/bin:/usr/sbin"))

    def send(self, data):
        os.write(self.process.stdin.fileno(), data)

    def receive(self):
        return os.read(self.process.stdout.fileno(), 4096)

    def end(self):
        self.process.kill()
        self.process.wait()


class Guest(Worker):
    """A virtual machine. Its console is a serial port: with a virtio console a guest spins
    until QEMU, which is on the same CPU, has taken what it says."""

    count = 0

    def __init__(self, devices, fds=()):
        super().__init__()
        Guest.count += 1
        path = f"/run/bench/guest{Guest.count}"
        line = MACHINE + ["-chardev", f"socket,id=c,path={path},server=on,wait=off"] + devices
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(line, pass_fds=fds, stdin=subprocess.DEVNULL)
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


class Bench:
    def __init__(self, **counts):
        """@counts: how much of something is done, by its name."""
        parser = argparse.ArgumentParser()
        parser.add_argument("--rounds", type=int, default=3)
        parser.add_argument("measure", nargs="*")
        self.args = argparse.Namespace(**counts, **vars(parser.parse_args()))
        self.profile = Profile(more=True)
        os.makedirs(FILES, exist_ok=True)
        for name in ("kernel", "initrd-work", "worker"):
            shutil.copy(f"{BUILD}/{name}", FILES)
        print(f"Linux {os.uname().release}, {os.cpu_count()} CPU, instructions", flush=True)

    def work(self, name, who, worker, what, count):
        """@worker does @what, which is @count of it; @who is it for the table."""
        if self.args.measure and not any(part in name for part in self.args.measure):
            return
        self.profile.told(f"{name}: {who}", lambda mark: worker.tell(f"worker {mark} {what}"),
                          count)
        print(f"{name}: {who}", file=sys.stderr, flush=True)


def without_services():
    """It is without nitrod, and without udev, which would look at their disks."""
    storage.run("systemctl", "-q", "stop", "systemd-udevd.service",
                "systemd-udevd-control.socket", "systemd-udevd-kernel.socket", "nitrod.service",
                check=False)
