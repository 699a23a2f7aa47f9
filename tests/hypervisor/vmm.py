# SPDX-License-Identifier: GPL-2.0
"""Guests of nitro-hypervisor, started as nitrod starts them: with open descriptors."""

import os
import select
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
BUILD = os.environ.get("NITRO_HYPERVISOR_BUILD", f"{HERE}/../../build/hypervisor")
CMDLINE = ("console=ttyS0 quiet reboot=k panic=-1 random.trust_cpu=1 mitigations=off "
           "cryptomgr.notests")
IMAGES = ("kernel", "initrd")
TIMEOUT = 600
# Where the guest's agent runs commands; where it waits, if it is told so
OBEY_PORT = 4000
WAIT_PORT = 4001


def private_kib(pid):
    """PSS without what the guest's memory is in, which is a memfd or of nitro_mem."""
    total, guest = 0, False
    with open(f"/proc/{pid}/smaps", encoding="utf-8") as file:
        for line in file:
            words = line.split()
            if "-" in words[0] and not words[0].endswith(":"):
                guest = "/memfd:" in line or "nitro_mem:" in line
            elif words[0] == "Pss:" and not guest:
                total += int(words[1])
    return total


class Guest:
    """One VMM. do: what guest-init does, a list of commands. images: kernel and RAM disk,
    each a path or (path, offset, size). pool: a handle of nitro_mem's, for its memory.
    nsm: its end of the socket of its module."""

    def __init__(self, do=(), memory=128, images=IMAGES, cmdline=CMDLINE, cpus=1,
                 cid=None, nsm=None, serial=True, acpi=True, pool=None):
        self.dir = tempfile.TemporaryDirectory()
        self.output = b""
        self.told = b""
        self.broker = None
        self.listener = None
        kept = []

        def keep(fd):
            kept.append(fd)
            return str(fd)

        def pipe(end):
            ours, theirs = os.pipe()
            setattr(self, end, ours)
            return keep(theirs)

        def image(what):
            path, *part = what if isinstance(what, tuple) else (what,)
            fd = keep(os.open(os.path.join(f"{BUILD}/guest", path), os.O_RDONLY))
            return ",".join([fd, *map(str, part)])

        if pool is None:
            pool = os.memfd_create("guest")
            os.ftruncate(pool, memory << 20)
        command = [f"{BUILD}/nitro-hypervisor",
                   "--kvm", keep(os.open("/dev/kvm", os.O_RDWR)),
                   "--memory", keep(pool),
                   "--kernel", image(images[0]), "--initrd", image(images[1]),
                   "--events", pipe("events"), "--cpus", str(cpus)]
        self.console = None
        if serial:
            command += ["--serial", pipe("console")]
        if do:
            cmdline += f" do={';'.join(do)}"
        if cid:
            command += self.make_vsock(cid, keep)
        if nsm is not None:
            command += ["--nsm", keep(nsm)]
        if not acpi:
            command += ["--no-acpi"]
        command += ["--cmdline", cmdline]
        self.process = subprocess.Popen(command, pass_fds=[int(fd) for fd in kept],
                                        stderr=subprocess.PIPE)
        for fd in kept:
            os.close(fd)

    def make_vsock(self, cid, keep):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"{self.dir.name}/v.sock")
        listener.listen(4096)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        directory = os.open(self.dir.name, os.O_DIRECTORY)
        self.broker = subprocess.Popen(
            [f"{BUILD}/nitro-vsock-broker", str(ours.fileno()), str(directory), "v.sock"],
            pass_fds=[ours.fileno(), directory])
        os.close(directory)
        ours.close()
        self.listener = self.listen(WAIT_PORT)
        return ["--cid", str(cid), "--vsock", keep(listener.detach()),
                "--broker", keep(theirs.detach())]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        if self.broker:
            # it ends when nobody can ask any more
            assert self.broker.wait(TIMEOUT) == 0, "the broker failed"
        if self.listener:
            self.listener.close()
        self.process.stderr.close()
        for fd in (self.console, self.events):
            if fd is not None:
                os.close(fd)
        self.dir.cleanup()

    def hear(self, timeout):
        """Take what there is of console and events; False if that was the end."""
        fds = [fd for fd in (self.console, self.events) if fd is not None]
        if not fds:
            return False
        for fd in select.select(fds, [], [], timeout)[0]:
            data = os.read(fd, 65536)
            if fd == self.console:
                self.output += data
            else:
                self.told += data
            if not data:
                os.close(fd)
                if fd == self.console:
                    self.console = None
                else:
                    self.events = None
        return True

    def until(self, true, what):
        deadline = time.monotonic() + TIMEOUT
        while not true():
            if not self.hear(1) or time.monotonic() > deadline:
                if true():
                    return
                raise AssertionError(f"{what}: not in {self.output.decode(errors='replace')}"
                                     f" and {self.told!r}")

    def says(self, text):
        self.until(lambda: text.encode() in self.output, text)

    def tells(self, text):
        self.until(lambda: text.encode() in self.told, text)

    def ends(self):
        """Wait for the end: exit status and how it was told."""
        deadline = time.monotonic() + TIMEOUT
        while self.hear(1):
            assert time.monotonic() < deadline, f"no end: {self.output!r}"
        status = self.process.wait(TIMEOUT)
        return status, self.told.decode().splitlines()[-1]

    def complaint(self):
        return self.process.stderr.read().decode()

    def connect(self, port, timeout=TIMEOUT):
        """A stream to a port of the guest, or None if it is refused."""
        stream = socket.socket(socket.AF_UNIX)
        stream.settimeout(timeout)
        stream.connect(f"{self.dir.name}/v.sock")
        stream.sendall(f"CONNECT {port}\n".encode())
        line = b""
        while not line.endswith(b"\n"):
            byte = stream.recv(1)
            if not byte:
                stream.close()
                return None
            line += byte
        assert line.startswith(b"OK "), line
        return stream

    def listen(self, port):
        """Where the guest's connections to a port arrive."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"{self.dir.name}/v.sock_{port}")
        listener.listen(4096)
        listener.settimeout(TIMEOUT)
        return listener

    def waits(self):
        """Wait until the guest waits. What this gives is to be closed, for it to go on."""
        self.until(lambda: select.select([self.listener], [], [], 0)[0], "it does not wait")
        return self.listener.accept()[0]

    def run(self, command):
        """Output of a command in the guest, whose agent obeys."""
        with self.connect(OBEY_PORT) as stream:
            stream.sendall(f"{command}; echo :$?\n".encode())
            output = b""
            while part := stream.recv(65536):
                output += part
        output, _, status = output.rpartition(b":")
        assert status == b"0\n", f"'{command}': {status!r} {output[-2000:]!r}"
        return output

    def status(self, key, thread=None):
        """A value of /proc/PID/status."""
        task = f"task/{thread}/" if thread else ""
        with open(f"/proc/{self.process.pid}/{task}status", encoding="ascii") as file:
            for line in file:
                if line.startswith(f"{key}:"):
                    return line.split(":")[1].strip()
        raise KeyError(key)

    def threads(self):
        return [int(thread) for thread in os.listdir(f"/proc/{self.process.pid}/task")]
