# SPDX-License-Identifier: GPL-2.0
"""Bit for bit what dm-crypt makes, and what it reads."""

import os
import random

import storage
from ktap import test
from storage import MIB, contents, fill
from volume import KEY, formats
from xts import Xts

# In all, both ways and all formats taken together
SECTORS = int(os.environ.get("NITRO_EBS_SECTORS", "20000"))
AREA = 2 * MIB if SECTORS < 100000 else 8 * MIB
BIG = (1 << 32) + 12345  # an IV that does not fit into 32 bits


def cases():
    """Format, offsets and key of each run, not all of them round numbers."""
    for number, (size, large) in enumerate(formats()):
        offsets = [0, 8 * size // 512, BIG * 8]
        yield {"sector_size": size, "large": large,
               "iv_offset": offsets[number % 3],
               "start": (0, MIB, 3 * 4096)[number % 3],
               "key": KEY if number % 4 else KEY[:32]}


def name(case):
    return (f"{case['sector_size']}{' large' if case['large'] else ''} "
            f"start {case['start']} iv {case['iv_offset']} "
            f"AES-{4 * len(case['key'])}")


CASES = {name(case): case for case in cases()}


def extents(rand, size, sector, total):
    """Random (offset, bytes) until total sectors are covered."""
    most = 64
    while total > 0:
        count = min(rand.choice((1, 1, 2, 3, 8, rand.randint(1, most))), total)
        first = rand.randrange(size // sector - count + 1)
        total -= count
        yield first * sector, count * sector


def scribble(path, model, sector, total, seed):
    """Write random sectors, here and in the model."""
    rand = random.Random(seed)
    with storage.Device(path) as device:
        for offset, size in extents(rand, len(model), sector, total):
            data = rand.randbytes(size)
            device.write(offset, data)
            model[offset:offset + size] = data
        device.sync()


def peruse(path, model, sector, total, seed):
    """Read random sectors, and then all; they are as in the model."""
    rand = random.Random(seed)
    with storage.Device(path, os.O_RDONLY | os.O_DIRECT) as device:
        for offset, size in extents(rand, len(model), sector, total):
            assert device.read(offset, size) == \
                model[offset:offset + size], f"{size} bytes at {offset} differ"
        assert device.read_all(len(model)) == model, "sectors differ"


@test(each=CASES)
def dm_crypt(lab, which):
    """Written by the one, read by the other, at random."""
    case = CASES[which]
    sector, start = case["sector_size"], case["start"]
    backing = lab.null(AREA // MIB + start // MIB, blocksize=512)
    size = AREA - 4 * 4096
    share = SECTORS // len(CASES) // 4
    model = bytearray(size)
    volume = lab.volume(backing, size=size, **case)
    storage.fill(volume.path, bytes(model))
    scribble(volume.path, model, sector, share, 1)
    peruse(volume.path, model, sector, share, 2)
    lab.close(volume)
    other = lab.reference(backing, size=size, **case)
    peruse(other.path, model, sector, 8, 3)
    scribble(other.path, model, sector, share, 4)
    lab.close(other)
    volume = lab.volume(backing, size=size, **case)
    peruse(volume.path, model, sector, share, 5)


@test(each=CASES)
def openssl(lab, which):
    """The bytes on the backing device, against OpenSSL."""
    case = dict(CASES[which])
    start = case["start"]
    backing = lab.null(3, blocksize=512)
    before = random.Random(7).randbytes(backing.size)
    fill(backing.path, before)
    size = MIB
    volume = lab.volume(backing, size=size, **case)
    plain = random.Random(8).randbytes(size)
    fill(volume.path, plain)
    lab.close(volume)
    after = contents(backing.path)
    xts = Xts(case["key"], case["sector_size"], case["iv_offset"],
              case["large"])
    assert after[start:start + size] == xts.encrypt(0, plain), \
        "not what OpenSSL makes"
    assert after[:start] == before[:start], "wrote before its start"
    assert after[start + size:] == before[start + size:], "wrote after its end"


@test
def luks_on_top(lab):
    """A LUKS with its header elsewhere, on a volume."""
    backing = lab.null(16)
    volume = lab.volume(backing, sector_size=4096)
    header = "/tmp/luks-header"
    try:
        with open(header, "wb") as file:
            file.truncate(16 * MIB)
        luks = ("cryptsetup", "--key-file", "/tmp/luks-key", "--header", header)
        with open("/tmp/luks-key", "wb") as file:
            file.write(KEY)
        storage.run(*luks, "luksFormat", "--batch-mode", "--pbkdf", "pbkdf2",
                    "--pbkdf-force-iterations", "1000", volume.path)
        storage.run(*luks, "luksOpen", volume.path, "luks")
        try:
            path = os.path.realpath("/dev/mapper/luks")
            data = random.Random(9).randbytes(4 * MIB)
            fill(path, data, MIB)
            assert contents(path, 4 * MIB, MIB) == data
            assert data[:4096] not in contents(volume.path)
        finally:
            storage.run("cryptsetup", "close", "luks")
    finally:
        os.unlink(header)


@test
def no_plaintext(lab):
    """A pattern written through a volume is nowhere on the backing device."""
    backing = lab.null(2)
    volume = lab.volume(backing)
    mark = b"NitroPlaintextMark"
    block = (mark * (MIB // len(mark) + 1))[:MIB]
    with storage.Device(volume.path) as device:
        device.write_all(block * 2)
        device.sync()
    raw = contents(backing.path)
    assert mark not in raw and mark[:8] not in raw, "plaintext below"
    # What it looks like is noise: all byte values, none of them often
    counts = [raw.count(bytes([value])) for value in range(256)]
    mean = len(raw) / 256
    assert max(abs(count - mean) for count in counts) < mean * 0.08, counts
    blocks = {raw[at:at + 16] for at in range(0, len(raw), 16)}
    assert len(blocks) == len(raw) // 16, "repeats below"
