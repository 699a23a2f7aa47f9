# SPDX-License-Identifier: GPL-2.0
"""The memory of guests, as tests see it: netlink by the kernel's own YNL, and VMMs
that are processes which do what they are told."""

import contextlib
import os
import re
import subprocess
import sys

from netlink import Family, Refused, wait

HERE = os.path.dirname(os.path.realpath(__file__))
MIB = 1 << 20
GRAIN = 2 * MIB


class Card(Family):
    name = "nitro_mem"


@contextlib.contextmanager
def refused(number, words=""):
    """The request inside is refused, with this errno and such a sentence."""
    try:
        yield
    except Refused as error:
        assert abs(error.errno) == number, f"refused otherwise: {error}"
        assert error.sentence and words in error.sentence, f"extack: {error}"
    else:
        raise AssertionError("was not refused")


@contextlib.contextmanager
def fails(*numbers):
    """The system call inside fails with this errno, or one of these."""
    try:
        yield
    except OSError as error:
        assert error.errno in numbers, f"failed otherwise: {error}"
    else:
        raise AssertionError("did not fail")


class Holder:
    """A process that opens and maps memory of a guest, or memory of its own; what it shares
    it maps when it is told. See tests/memory/holder."""

    def __init__(self, what, size, fd=None, shared=False):
        self.size = size
        self.address = None
        self.process = subprocess.Popen(
            [sys.executable, f"{HERE}/holder", what, str(size),
             *["shared"] * shared], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            pass_fds=[] if fd is None else [fd])
        if shared:
            assert self.answer() == "opened"
        else:
            self.address = int(self.answer(), 16)

    def map(self):
        self.address = int(self("map"), 16)

    @property
    def pid(self):
        return self.process.pid

    def answer(self):
        line = self.process.stdout.readline().strip()
        assert line, "the holder has died"
        assert not line.startswith("error"), line
        return line

    def __call__(self, *command):
        print(*command, file=self.process.stdin, flush=True)
        return self.answer()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Lab:
    """One pool, and what tests make of it."""

    def __init__(self):
        self.card = Card()
        self.gigantic = meminfo("DirectMap1G")
        self.holders = []
        self.fds = []

    def connect(self):
        """The module was loaded anew."""
        self.card.close()
        Card.family = None
        self.card = Card()

    def pool(self):
        return self.card("pool-get")

    def set(self, size, deadline=300.0, **attrs):
        """Say how large the pool should be, and wait until it has done what it can."""
        self.card("pool-set", target=size, **attrs)
        return wait(lambda: (pool := self.pool())["state"] == "settled" and pool,
                    f"a pool of {size >> 20} MiB", deadline)

    def ready(self, size):
        """A pool with at least so much, without guests."""
        pool = self.pool()
        if pool["size"] < size:
            pool = self.set(size)
        assert pool["size"] >= size and pool["free"] == pool["size"], pool
        return pool

    def create(self, size, name="test", **attrs):
        guest = self.card("create", name=name, size=size, **attrs)
        self.fds.append(guest["fd"])
        return guest

    def drop(self, guest):
        self.fds.remove(guest["fd"])
        os.close(guest["fd"])

    def guest(self, size, name="test"):
        """A guest, and a process that has mapped it; nobody else has a descriptor."""
        guest = self.create(size, name)
        holder = self.hold(f"/proc/self/fd/{guest['fd']}", size, guest["fd"])
        self.drop(guest)
        return guest, holder

    def hold(self, what, size, fd=None, shared=False):
        holder = Holder(what, size, fd, shared)
        self.holders.append(holder)
        return holder

    def all_free(self):
        return wait(lambda: (pool := self.pool())["free"] == pool["size"] and pool,
                    "all memory is free", 60.0)

    def reset(self):
        for holder in self.holders:
            holder.kill()
        for fd in self.fds:
            os.close(fd)
        self.holders, self.fds = [], []
        self.all_free()


def ranges(what):
    """What /proc/iomem has under that name."""
    with open("/proc/iomem", encoding="ascii") as file:
        return [(int(found[1], 16), int(found[2], 16) + 1) for found in
                re.finditer(rf"^ *([0-9a-f]+)-([0-9a-f]+) : {what}$", file.read(), re.M)]


def meminfo(key, path="/proc/meminfo", unit=1024):
    with open(path, encoding="ascii") as file:
        return int(re.search(rf"^{key}:\s*(\d+)", file.read(), re.M)[1]) * unit
