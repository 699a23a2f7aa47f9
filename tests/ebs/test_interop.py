# SPDX-License-Identifier: GPL-2.0
"""What we write dm-crypt reads, and the other way round."""

import os
import random

from ktap import test
from nitroebs import MIB, DmDevice, Key, Ramdisk, read, write

SIZES = (512, 1024, 2048, 4096)


def dm_crypt(backing, key, sectors, size, start=0, iv_offset=0, large=False):
    options = [f"sector_size:{size}"] + (["iv_large_sectors"] if large else [])
    return DmDevice(f"0 {sectors} crypt aes-xts-plain64 {key.bytes.hex()} {iv_offset} "
                    f"{backing.path} {start >> 9} {len(options)} {' '.join(options)}")


def both_ways(lab, size, start=0, iv_offset=0, large=False, key=None):
    length = 3 * MIB
    key = key or Key()
    backing = lab.own(Ramdisk(16 * MIB, sector=512))
    what = {"iv-large-sectors": True} if large else {}
    device = lab.card.attach(backing, key, size=length, start=start,
                             **{"sector-size": size, "iv-offset": iv_offset}, **what)
    dice = random.Random(f"{size} {start} {iv_offset} {large}")
    image = bytearray(length)
    for part in range(0, length, MIB):
        image[part:part + MIB] = dice.randbytes(MIB)
    write(device.path, 0, image)
    for _ in range(40):
        length_one = size * dice.randrange(1, 700 * 1024 // size)
        at = dice.randrange(0, (length - length_one) // size) * size
        data = dice.randbytes(length_one)
        write(device.path, at, data)
        image[at:at + length_one] = data
    assert read(device.path, 0, length) == image
    device.detach()

    crypt = dm_crypt(backing, key, length >> 9, size, start, iv_offset, large)
    assert read(crypt.path, 0, length) == image, "dm-crypt reads something else"
    for _ in range(20):
        length_one = size * dice.randrange(1, 100 * 1024 // size)
        at = dice.randrange(0, (length - length_one) // size) * size
        data = dice.randbytes(length_one)
        write(crypt.path, at, data)
        image[at:at + length_one] = data
    crypt.close()

    device = lab.card.attach(backing, key, size=length, start=start,
                             **{"sector-size": size, "iv-offset": iv_offset}, **what)
    assert read(device.path, 0, length) == image, "we read something else"
    for _ in range(20):
        length_one = size * dice.randrange(1, 1500 * 1024 // size)
        at = dice.randrange(0, (length - length_one) // size) * size
        assert read(device.path, at, length_one) == image[at:at + length_one]


@test(v=SIZES, unit="bytes")
def sector_sizes(lab, v):
    both_ways(lab, v)


@test(v=SIZES, unit="bytes")
def offsets(lab, v):
    both_ways(lab, v, start=3 * 4096, iv_offset=(1 << 33) + 8 * 4096)


@test(v=SIZES[1:], unit="bytes")
def large_sectors(lab, v):
    both_ways(lab, v, iv_offset=8 * 100, large=True)


@test
def short_key(lab):
    both_ways(lab, 4096, key=Key(os.urandom(32)))


@test
def nothing_plain_reaches_the_backing_device(lab):
    backing = lab.own(Ramdisk(8 * MIB))
    device = lab.card.attach(backing, Key())
    pattern = b"the quick brown fox jumps over the lazy dog. " * 91
    device.write(0, (pattern * 2100)[:8 * MIB])
    raw = backing.read(0, 8 * MIB)
    assert raw != bytes(8 * MIB)
    assert b"quick brown" not in raw and bytes(64) not in raw
