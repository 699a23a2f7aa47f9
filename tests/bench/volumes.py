# SPDX-License-Identifier: GPL-2.0
"""The contestants of the benchmark of volumes.

    raw            R0: the backing device itself
    dm-crypt       R1: as cryptsetup opens it, 512-byte sectors
    inline         R3: R1 with no_read_workqueue and no_write_workqueue
    inline-4096    R4: R3 with 4096-byte sectors, and requests of up to 1 MiB
    nitro          ours, 512-byte sectors
    nitro-4096     ours, 4096-byte sectors

Each has a backing device of its own, all of them of the same kind.
"""

import storage
import volume
from storage import MIB, run

SPLIT = "/sys/module/dm_crypt/parameters/max_{}_size"


def split_at(size):
    """dm-crypt's own limit of a request: all its devices', read with each."""
    for direction in ("read", "write"):
        storage.write_file(SPLIT.format(direction), size)


class Raw:
    label = "raw"

    def __init__(self, lab, backing):
        del lab
        self.path = backing.path

    def ready(self):
        """Before each measure."""

    def close(self):
        pass


class DmCrypt(volume.DmCrypt):
    label = "dm-crypt"
    sector_size = 512
    split = 0

    def __init__(self, lab, backing):
        super().__init__(lab, backing, sector_size=self.sector_size)

    def ready(self):
        split_at(self.split)


class Inline(DmCrypt):
    label = "inline"
    options = ("--perf-no_read_workqueue", "--perf-no_write_workqueue")


class Inline4096(Inline):
    label = "inline-4096"
    sector_size = 4096
    split = MIB


class Nitro(volume.Nitro):
    label = "nitro"
    sector_size = 512

    def __init__(self, lab, backing):
        super().__init__(lab, backing, sector_size=self.sector_size)

    def ready(self):
        pass


class Nitro4096(Nitro):
    label = "nitro-4096"
    sector_size = 4096


RIVALS = [Raw, DmCrypt, Inline, Inline4096]
OURS = [Nitro, Nitro4096]


class Brd:
    """A RAM disk; there are as many as the module was loaded with."""

    count = 0

    def __init__(self):
        self.path = f"/dev/ram{Brd.count}"
        Brd.count += 1

    @staticmethod
    def load(number, mib):
        run("modprobe", "brd", f"rd_nr={number}", f"rd_size={mib * 1024}")

    def close(self):
        pass


def brd():
    return Brd()


def null():
    """Takes and gives back at once, keeps nothing."""
    return storage.NullBlk(64, memory_backed=0, irqmode=0, queue_mode=2)


def slow():
    """100 microseconds. dm-delay counts milliseconds, so it is null_blk."""
    return storage.NullBlk(64, memory_backed=0, irqmode=2, queue_mode=2,
                           completion_nsec=100000)
