# SPDX-License-Identifier: GPL-2.0
"""The guests of the matrix. Each has a canary: 32 random bytes that it has chosen itself
and filled 32 MiB with, and of which it tells the SHA-256. Nobody else has ever had them,
so whoever finds bytes with that hash has read the guest's memory."""

import collections
import contextlib
import glob
import hashlib
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import time

from nitromem import MIB, ranges

SIZE = 192 * MIB
RUN = "/run/nitro-matrix"
TOOLS = "build/memory"
GUEST = "/src/build/instance"
CMDLINE = ("console=hvc0 quiet mitigations=off cryptomgr.notests random.trust_cpu=1 reboot=t "
           "panic=-1")
PLANT = ("head -c 32 /dev/urandom >/tmp/a; n=0; while [ $n -lt 20 ]; do cat /tmp/a /tmp/a >/tmp/b; "
         "mv /tmp/b /tmp/a; n=$((n + 1)); done; echo guest: cana''ry {} "
         "$(head -c 32 /tmp/a | sha256sum | cut -c 1-64)\n")


def until(condition, what, deadline):
    """Look twice a second; return what was true at last."""
    end = time.monotonic() + deadline
    while not (value := condition()):
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.5)
    return value


class Target:
    """A guest. The matrix has a column for each kind."""

    mapping = None

    def __init__(self, name):
        self.name = name
        self.planted, self.boots = 0, 1
        self.hash = None

    def plant(self):
        until(lambda: self.console().count(b"guest: up") >= self.boots, f"{self.name} comes up",
              300.0)
        self.planted += 1
        self.type(PLANT.format(self.planted))
        found = until(lambda: re.search(rb"guest: canary %d ([0-9a-f]{64})" % self.planted,
                                        self.console()), f"{self.name} has a canary", 300.0)
        self.hash = found[1].decode()

    def area(self):
        """Where its VMM has its memory."""
        with open(f"/proc/{self.pid}/maps", encoding="ascii") as file:
            for line in file:
                start, end, path = re.match(r"(\w+)-(\w+) (?:\S+ +){4}(.*)$", line).groups()
                if int(end, 16) - int(start, 16) == SIZE and re.match(self.mapping, path):
                    return int(start, 16), int(end, 16)
        raise AssertionError(f"the VMM of {self.name} has no such mapping")

    def points(self):
        """Virtual addresses in the VMM, every sixth of which has a canary."""
        start, end = self.area()
        return range(start + 8192, end, MIB)

    def physical(self):
        """The same in physical memory."""
        with open(f"/proc/{self.pid}/pagemap", "rb", 0) as file:
            for at in self.points():
                file.seek(at // 4096 * 8)
                entry = struct.unpack("Q", file.read(8))[0]
                if entry >> 63 and entry & (1 << 55) - 1:
                    yield (entry & (1 << 55) - 1) * 4096

    def is_canary(self, data):
        """Bytes of one page, at least 32 of them, aligned to 8."""
        data = (data * 2)[:64] if len(data) < 64 else data[:64]
        if len(set(data)) < 2 or data[:32] != data[32:]:
            return False
        return any(hashlib.sha256(data[turn:turn + 32]).hexdigest() == self.hash
                   for turn in range(32))

    def is_there(self):
        """Has the guest still got it?"""
        return self.pid and os.path.exists(f"/proc/{self.pid}")


class Ordinary(Target):
    """QEMU started by hand, with memory as it comes."""

    mapping = "$"
    machine, memory = "", []

    def __init__(self, name):
        super().__init__(name)
        self.log, self.monitor = f"{RUN}/{name}.log", f"{RUN}/{name}.qmp"
        self.vmm = subprocess.Popen(
            ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
             "-accel", "kvm", "-cpu", "host", "-m", f"size={SIZE // MIB}M",
             "-M", "microvm,acpi=on,pcie=on,rtc=on,usb=off,graphics=off" + self.machine,
             *self.memory, "-kernel", f"{GUEST}/kernel", "-initrd", f"{GUEST}/initrd",
             "-append", CMDLINE + " pcie_ports=native",
             "-chardev", f"socket,id=console,path={RUN}/{name}.console,server=on,wait=off,"
                         f"logfile={self.log}",
             "-device", "virtio-serial-pci,id=ports,max_ports=1",
             "-device", "virtconsole,chardev=console,nr=0",
             "-qmp", f"unix:{self.monitor},server=on,wait=off"], stdin=subprocess.DEVNULL)
        self.pid = self.vmm.pid

    def console(self):
        assert self.vmm.poll() is None, "QEMU has ended"
        return pathlib.Path(self.log).read_bytes() if os.path.exists(self.log) else b""

    def type(self, text):
        with socket.socket(socket.AF_UNIX) as console:
            console.connect(f"{RUN}/{self.name}.console")
            console.sendall(text.encode())
            until(lambda: b"cana''ry" in self.console(), "it is typed", 60.0)

    @contextlib.contextmanager
    def at_monitor(self):
        yield self.monitor

    def gone(self):
        self.vmm.wait()

    def end(self):
        if self.vmm.poll() is None:
            self.vmm.kill()
            self.vmm.wait()


class Memfd(Ordinary):
    """The same with memory that others could share."""

    mapping = "/memfd:"
    machine = ",memory-backend=ram"
    memory = ["-object", f"memory-backend-memfd,id=ram,size={SIZE // MIB}M,share=on"]


class Ours(Target):
    """An instance, as nitrod runs it."""

    mapping = "/nitro_mem:"

    def __init__(self, name):
        super().__init__(name)
        subprocess.run(["nitroctl", "instance", "run", name, "--memory", f"{SIZE // MIB}M",
                        "--kernel", f"{GUEST}/kernel", "--initrd", f"{GUEST}/initrd",
                        "--cmdline", CMDLINE], check=True, stdout=subprocess.DEVNULL)
        self.instance = json.loads(subprocess.check_output(
            ["nitroctl", "--json", "instance", "show", name]))
        self.before = self.pid

    @property
    def pid(self):
        return int(subprocess.check_output(
            ["systemctl", "show", "-P", "MainPID", self.instance["unit"]]))

    def gate(self):
        """The process between its monitor and who asks."""
        with open(f"/sys/fs/cgroup/nitro.slice/{self.instance['unit']}/cgroup.procs",
                  encoding="ascii") as file:
            return [pid for pid in map(int, file) if pid != self.pid]

    def console(self):
        return subprocess.check_output(["nitroctl", "instance", "console", self.name])

    def type(self, text):
        follow = subprocess.Popen(["nitroctl", "instance", "console", self.name, "--follow"],
                                  stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        follow.stdin.write(text)
        follow.stdin.flush()
        until(lambda: self.console().count(b"cana''ry") >= self.planted, "it is typed", 60.0)
        follow.kill()
        follow.wait()
        follow.stdin.close()

    def physical(self):
        """It says nowhere which memory it has; the pool is not much more."""
        for start, end in ranges("nitro_mem"):
            yield from range(start + 8192, end, MIB)

    @contextlib.contextmanager
    def at_monitor(self):
        """nitrod is there, and the gate takes one at a time."""
        subprocess.run(["systemctl", "stop", "nitrod.service"], check=True)
        try:
            yield glob.glob(f"/run/nitro/**/{self.instance['id']}/qmp", recursive=True)[0]
        finally:
            subprocess.run(["systemctl", "start", "nitrod.service"], check=True)

    def gone(self):
        """nitrod starts it again."""
        until(lambda: self.pid not in (0, self.before), f"{self.name} is there again", 120.0)
        self.before = self.pid
        self.boots += 1

    def end(self):
        subprocess.run(["nitroctl", "instance", "terminate", self.name, "--force"], check=True)


Scanned = collections.namedtuple("Scanned", "found read error")


def scan(path, hashes, *pairs):
    """Look for canaries in (parts of) a file, in a process of its own."""
    lines = subprocess.check_output(
        [f"{TOOLS}/scan", path, ",".join(hashes), *(str(x) for pair in pairs for x in pair)],
        text=True).splitlines()
    words = [line.split() for line in lines]
    return Scanned({word[1] for word in words if word[0] == "found"},
                   sum(int(word[1]) for word in words if word[0] == "read"),
                   sum(int(word[1]) for word in words if word[0] == "error"))
