# SPDX-License-Identifier: GPL-2.0
"""FLUSH and FUA: what was promised to be stable is, in every order of events."""

import os

import logwrites
from ktap import test
from logwrites import DISCARD, FLUSH, FUA, MARK
from storage import MIB, Device, fill, run
from test_filesystem import CHECK, make, mounted
from volume import KEY
from xts import Xts


def logged(lab, backing):
    """A device that logs what is written to backing, and its log."""
    log = lab.null(96)
    return lab.dm(f"log-writes {backing.path} {log.path}", backing.size), log


def record(number, size=8192):
    return (b"record %6d " % number * (size // 14 + 1))[:size]


@test(each=("flush", "fua"))
def stable(lab, how):
    """After each fsync or O_DSYNC write, a power cut loses nothing."""
    backing = lab.null(4)
    below, log = logged(lab, backing)
    volume = lab.volume(below)
    flags = os.O_RDWR | os.O_DIRECT | (os.O_DSYNC if how == "fua" else 0)
    count = 40
    with Device(volume.path, flags) as device:
        for number in range(count):
            device.write(number * 8192, record(number))
            if how == "flush":
                device.sync()
            below.message("mark", f"after.{number}")
    lab.close(volume)
    lab.close(below)
    found = logwrites.entries(log.path)
    if how == "fua":
        assert any(entry.flags & FUA for entry in found), "FUA was dropped"
    image, xts, seen = bytearray(backing.size), Xts(KEY), 0
    for entry in found:
        logwrites.replay([entry], image)
        if entry.mark and entry.mark.startswith("after"):
            number = int(entry.mark.split(".")[1])
            at = number * 8192
            assert xts.decrypt(at, bytes(image[at:at + 8192])) == \
                record(number), f"record {number} was lost"
            seen += 1
    assert seen == count


def epochs(found, convert=lambda at, data: data):
    """The contents of the device after each flush."""
    image = {}
    states = []
    for entry in found:
        if entry.flags & (MARK | DISCARD):
            continue
        if entry.flags & FLUSH:
            states.append(dict(image))
        data = convert(entry.sector, entry.data)
        for at in range(0, len(data), 512):
            image[entry.sector + at] = data[at:at + 512]
    return states + [image]


@test
def above_and_below(lab):
    """The same between any two flushes on a volume and under it."""
    backing = lab.null(8)
    below, log_below = logged(lab, backing)
    volume = lab.volume(below)
    log_above = lab.null(96)
    above = lab.dm(f"log-writes {volume.path} {log_above.path}", backing.size)
    with Device(above.path) as device:
        for number in range(120):
            at = lab.random.randrange(0, 4 * MIB, 512)
            size = lab.random.choice((512, 4096, 65536, 262144, 524288))
            device.write(at, lab.random.randbytes(size))
            if number % 7 == 6:
                device.sync()
        device.sync()
    lab.close(above)
    lab.close(volume)
    lab.close(below)
    upper = epochs(logwrites.entries(log_above.path))
    lower = epochs(logwrites.entries(log_below.path), Xts(KEY).decrypt)
    assert len(upper) > 15 and len(upper) == len(lower), \
        f"{len(upper)} flushes above, {len(lower)} below"
    for number, (one, other) in enumerate(zip(upper, lower)):
        missing = [at for at, data in one.items() if other.get(at) != data]
        assert not missing, f"flush {number}: {len(missing)} sectors not below"


SMALL = {"ext4": ("-J", "size=4"),
         "xfs": ("--unsupported", "-l", "size=13m", "-d", "agcount=1")}
# Its checker has no second superblock to compare
ONE_GROUP = {"xfs": ("-o", "force_geometry")}


@test(each=SMALL)
def power_cut(lab, kind):
    """A file system is consistent, and has what was synced, after a cut
    anywhere."""
    backing = lab.null(24)
    below, log = logged(lab, backing)
    volume = lab.volume(below)
    make(kind, volume.path, *SMALL[kind])
    with mounted(kind, volume.path) as folder:
        for number in range(24):
            path = f"{folder}/{number}"
            with open(path, "wb") as file:
                file.write(record(number, 20000))
                file.flush()
                os.fsync(file.fileno())
            if number % 5 == 4:
                os.unlink(f"{folder}/{number - 2}")
            below.message("mark", f"synced.{number}")
    lab.close(volume)
    lab.close(below)
    found = logwrites.entries(log.path)
    ends = [index for index, entry in enumerate(found)
            if entry.mark and entry.mark.startswith("synced")]
    # Just after a promise, and in the middle between two
    cuts = sorted(set(ends[::4] + [(one + other) // 2 for one, other in
                                   zip(ends[::6], ends[1::6])]))
    image, at = bytearray(backing.size), 0
    for cut in cuts:
        logwrites.replay(found[at:cut + 1], image)
        at = cut + 1
        spare = lab.null(24)
        fill(spare.path, bytes(image))
        again = lab.volume(spare)
        with mounted(kind, again.path, "/tmp/again") as folder:
            synced = [int(entry.mark.split(".")[1]) for entry in found[:cut + 1]
                      if entry.mark and entry.mark.startswith("synced")]
            for number in synced[-2:]:
                with open(f"{folder}/{number}", "rb") as file:
                    assert file.read() == record(number, 20000), \
                        f"file {number} after a cut at entry {cut}"
        run(*CHECK[kind], *ONE_GROUP.get(kind, ()), again.path)
        lab.close(again)
        lab.close(spare)
