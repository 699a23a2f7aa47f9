# SPDX-License-Identifier: GPL-2.0
"""The log that dm-log-writes makes of a device: what is stable, in which order.

It logs a write when it is on stable storage: with the flush that follows it, or at
once with FUA. So the log up to a mark is what a power cut would have left then.
"""

import struct

from storage import Device

MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8


class Entry:
    def __init__(self, sector, count, flags, data):
        self.sector, self.count = sector, count
        self.flags, self.data = flags, data

    @property
    def mark(self):
        return self.data.rstrip(b"\0").decode() if self.flags & MARK else None


def entries(path):
    """All entries of a log device. The target has to be gone or idle."""
    found = []
    with Device(path) as log:
        magic, version, count, unit = struct.unpack_from("<QQQI",
                                                         log.read(0, 4096))
        assert magic == MAGIC and version == 1, "no log"
        at = unit
        for _ in range(count):
            head = log.read(at, max(unit, 512))
            sector, sectors, flags, length = struct.unpack_from("<QQQQ", head)
            at += unit
            data = b""
            if flags & MARK:
                data = head[32:32 + length]
            elif not flags & DISCARD and sectors:
                size = sectors * unit
                data = log.read_all(size, at)
                at += size
            found.append(Entry(sector * unit, sectors * unit, flags, data))
    return found


def replay(found, image):
    """Apply entries to the contents of a device (a bytearray)."""
    for entry in found:
        if entry.flags & DISCARD:
            image[entry.sector:entry.sector + entry.count] = bytes(entry.count)
        elif entry.data and not entry.flags & MARK:
            image[entry.sector:entry.sector + len(entry.data)] = entry.data
