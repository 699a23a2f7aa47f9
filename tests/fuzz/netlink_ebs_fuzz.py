# SPDX-License-Identifier: GPL-2.0
"""Random messages for the control interface of nitro_ebs; see genl.py.

Meanwhile volumes are opened, written and read, so that some of the messages meet
I/O. What is left in the end can be detached, and nothing holds the backing devices.
"""

import os
import random
import struct
import subprocess
import sys

import genl
import rtnl
from genl import SEED

sys.path[:0] = [f"{genl.SRC}/tests/lib", f"{genl.SRC}/tests/ebs"]

# pylint: disable=wrong-import-position
import storage
import volume
from storage import MIB

SECTORS = (512, 512, 1024, 2048, 4096)


class Ebs(genl.Fuzzer):
    name = "nitro_ebs"

    def __init__(self, rnd):
        super().__init__(rnd)
        self.backings = [storage.NullBlk(4) for _ in range(3)]
        self.files = [os.open(backing.path, os.O_RDONLY)
                      for backing in self.backings for _ in range(4)]
        self.files += [os.open("/dev/null", os.O_RDONLY), 9999]
        bad = volume.add_key(bytes(range(64)), "nitro:revoked")
        self.keys = [volume.add_key(bytes(range(number, number + 64)), f"nitro:{number}")
                     for number in range(8)]
        self.keys += [bad, volume.add_key(b"short", "nitro:short"),
                      volume.add_key(volume.KEY, "nitro:user", "user")]
        volume.revoke_key(bad)
        self.opened = []
        numbers = self.family.sets["device"]
        self.changing = [numbers[name][0] for name in ("opens", "stalled")]

    def likely(self, name):
        sector = self.rnd.choice(SECTORS)
        if name == "backing-fd":
            return self.rnd.choice(self.files)
        if name == "key":
            return self.rnd.choice(self.keys)
        if name == "sector-size":
            return sector
        if name == "start":
            return self.rnd.choice((0, 0, MIB, 2 * MIB, 4096, sector))
        if name == "size":
            return self.rnd.choice((MIB, MIB, 2 * MIB, 3 * MIB, 4 * MIB, 4096, sector))
        if name == "iv-offset":
            return self.rnd.choice((0, 8, 1 << 40, sector >> 9))
        if name in ("iops", "throughput", "iops-burst", "throughput-burst"):
            return self.rnd.choice((0, 0, 100000, 1 << 20, 1 << 30))
        return self.rnd.randrange(4)

    def odd(self, name):
        if name in ("iops", "throughput"):
            # So slow that a test would wait is not what is looked for
            return self.rnd.choice((1 << 32, 1 << 40, (1 << 40) + 1, (1 << 64) - 1))
        return self.rnd.choice((*genl.ODD_NUMBERS, 1 << 32, 1 << 63, (1 << 64) - 512))

    def text(self, name):
        return self.rnd.choice((b"vol0123", b"data", b"", b"a/b", b"..", b"a b", b"\xff\n",
                                b"x" * 20, b"x" * 21, b"x" * 127, b"x" * 128))

    def binary(self, name):
        raise AssertionError(f"'{name}' is new")

    def skip(self, name, depth, names):
        if name in ("instance-store", "read-only", "force", "throughput", "iops", "start",
                    "id", "serial", "volume"):
            return self.chance(70 if len(names) > 5 else 30)
        return super().skip(name, depth, names)

    def before(self, op):
        """Three devices at most can be attached to so few bytes; make room."""
        if op == "attach" and self.chance(30):
            self.detach_all(self.rnd.choice(self.devices() or [None]))

    def devices(self):
        return [struct.unpack("I", rtnl.attrs(device)[1])[0]
                for device in self.dump(self.family.ops["get"][0])]

    def detach_all(self, only=None):
        force = rtnl.attr(self.family.sets["device"]["force"][0], b"")
        for number in self.devices():
            if only in (None, number):
                self.must("detach", rtnl.attr(1, number) + force)

    def state(self):
        """What is configured, and not how often it is open."""
        found = []
        for device in self.dump(self.family.ops["get"][0]):
            while device:
                size, kind = struct.unpack_from("HH", device)
                if kind & 0x3fff not in self.changing:
                    found.append(device[:size])
                device = device[(size + 3) & ~3:]
        return found

    def beside(self, count):
        if count % 15:
            return
        if len(self.opened) > 3:
            os.close(self.opened.pop(self.rnd.randrange(len(self.opened))))
        for number in self.devices():
            try:
                fd = os.open(f"/dev/nitro_ebs{number}", os.O_RDWR)
            except OSError:
                continue  # Erased, read-only or just gone
            self.opened.append(fd)
            try:
                os.pwrite(fd, self.rnd.randbytes(8192), 4096)
                os.pread(fd, 4096, 0)
                os.fsync(fd)
            except OSError:
                pass

    def clear(self):
        for fd in self.opened:
            os.close(fd)
        self.detach_all()
        for fd in self.files[:-1]:
            os.close(fd)
        for backing in self.backings:
            os.close(os.open(backing.path, os.O_RDWR | os.O_EXCL))
            backing.vanish()
            backing.close()


def main():
    subprocess.run(["modprobe", "nitro_ebs"], check=True)
    print(f"seed {SEED}, {genl.ROUNDS} rounds", flush=True)
    fuzzer = Ebs(random.Random(SEED))
    fuzzer.run()
    fuzzer.clear()
    fuzzer.sock.close()
    subprocess.run(["modprobe", "-r", "nitro_ebs"], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
