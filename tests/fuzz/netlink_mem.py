# SPDX-License-Identifier: GPL-2.0
"""Random messages for the control interface of nitro_mem; see genl.py. Runs in a virtual
machine, as User-Mode Linux cannot do without memory: tests/memory/inside calls it.

Meanwhile guests' memory is opened, mapped and written, and let go in any state, while
the pool grows and shrinks. In the end all of it is free and zeros, and the host gets it
back.
"""

import mmap
import os
import random
import re
import struct
import sys
import time

import genl
import rtnl
from genl import SEED

MIB = 1 << 20
GRAIN = 2 * MIB
DEADLINE = 120


class Mem(genl.Fuzzer):
    name = "nitro_mem"

    def __init__(self, rnd):
        super().__init__(rnd)
        self.mapped = []

    def likely(self, name):
        if name == "target":
            return self.rnd.choice((0, 128 * MIB, 256 * MIB, 256 * MIB, 384 * MIB))
        if name == "size":
            return GRAIN * self.rnd.choice((1, 1, 2, 3, 16, 64, 100))
        if name == "id":
            return self.rnd.randrange(1, 12)
        if name == "openers":
            return self.rnd.choice((1, 1, 1, 2))
        return self.rnd.randrange(2)

    def odd(self, name):
        # All of the host's memory is a test of its own
        return self.rnd.choice((1, 4096, GRAIN - 1, GRAIN + 1, 1 << 40, 1 << 63, (1 << 64) - GRAIN,
                                (1 << 64) - 1))

    def text(self, name):
        return self.rnd.choice((b"guest", b"i-0123456789abcdef0", b"", b"a/b", b"a b", b"\xff\n",
                                b"x" * 63, b"x" * 64, b"x" * 4000))

    def binary(self, name):
        raise AssertionError(f"'{name}' is new")

    def skip(self, name, depth, names):
        if name == "node":
            return self.chance(70)
        return super().skip(name, depth, names)

    @staticmethod
    def descriptors():
        """Of guests that nobody has opened, as far as this process knows."""
        found = []
        for name in os.listdir("/proc/self/fd"):
            try:
                if re.match("/nitro_mem:", os.readlink(f"/proc/self/fd/{name}")):
                    found.append(int(name))
            except OSError:
                pass
        return found

    def before(self, op):
        """Room in the pool, now and then."""
        if op == "create" and self.chance(10):
            for fd in self.descriptors():
                os.close(fd)

    def beside(self, count):
        if count % 5:
            return
        fds = self.descriptors()
        if fds and self.chance(50):
            os.close(fds.pop(self.rnd.randrange(len(fds))))
        if self.mapped and self.chance(30):
            self.mapped.pop(self.rnd.randrange(len(self.mapped))).close()
        if not fds:
            return
        try:
            fd = os.open(f"/proc/self/fd/{self.rnd.choice(fds)}", os.O_RDWR)
        except OSError:
            return  # Once is enough
        try:
            if self.chance(70):
                area = mmap.mmap(fd, os.fstat(fd).st_size)
                assert area[:4096] == bytes(4096), "somebody had it before"
                area[self.rnd.randrange(len(area))] = 165
                area[:64] = b"\xa5" * 64
                self.mapped.append(area)
        except BlockingIOError:
            pass  # It is for two, and the other one never comes
        finally:
            os.close(fd)

    def state(self):
        """What was asked for; how far the pool is changes by itself."""
        number = self.family.sets["pool"]["target"][0]
        guests = self.family.sets["guest"]
        kept = [guests[name][0] for name in ("id", "name", "size", "state")]
        return [self.pool()[number]] + \
            [[attrs.get(number) for number in kept] for attrs in self.guests()]

    def pool(self):
        command = self.family.ops["pool-get"][0]
        self.sock.send(self.message(self.number, command, b"", genl.NLM_F_ACK))
        code, _, replies = self.sock.answers()
        assert not code
        return rtnl.attrs(replies[0][4:])

    def guests(self):
        return [rtnl.attrs(guest) for guest in self.dump(self.family.ops["get"][0])]

    def number_of(self, name):
        return struct.unpack("Q", self.pool()[self.family.sets["pool"][name][0]])[0]

    def until(self, condition, what):
        end = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < end, f"{what}: {self.pool()}"
            time.sleep(0.1)

    def clear(self):
        for area in self.mapped:
            area.close()
        for fd in self.descriptors():
            os.close(fd)
        self.until(lambda: not self.guests(), "guests end")
        self.until(lambda: self.number_of("free") == self.number_of("size"), "all is free")
        self.must("pool-set", rtnl.attr(1, struct.pack("Q", 0)))
        self.until(lambda: self.number_of("size") == 0, "the host has it")


def main():
    print(f"seed {SEED}, {genl.ROUNDS} rounds", flush=True)
    fuzzer = Mem(random.Random(SEED))
    fuzzer.run()
    fuzzer.clear()
    fuzzer.sock.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
