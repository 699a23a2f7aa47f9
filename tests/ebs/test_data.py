# SPDX-License-Identifier: GPL-2.0
"""fio writes and verifies: sizes mixed, trims, deep queues, both interfaces."""

import json
import os

from ktap import Skip, test
from storage import MIB, Device, contents, fill, queue, run

QUEUES = ("libaio 1", "libaio 32", "io_uring 1", "io_uring 128",
          "io_uring 32 of 4 jobs")


def fio(path, **options):
    line = ["fio", "--name=verify", f"--filename={path}", "--direct=1",
            "--output-format=json", "--thread", "--group_reporting",
            "--verify_fatal=1", "--verify_state_save=0", "--exitall_on_error"]
    line += [f"--{name}={value}" for name, value in options.items()]
    out = run(*line)
    job = json.loads(out[out.index("{"):])["jobs"][0]
    assert not job["error"], f"fio: error {job['error']}"
    return job


def no_lockdep():
    """The end of a libaio ring unmaps it from a worker, about which lockdep
    complains in User-Mode Linux."""
    if os.path.exists("/proc/lockdep"):
        raise Skip("libaio upsets lockdep in User-Mode Linux; see the boot "
                   "without it")


@test(each=QUEUES)
def fio_verify(lab, how):
    """crc32c of all that was written, in pieces of 512 bytes to 1 MiB."""
    engine, depth, *jobs = how.split()
    if engine == "libaio":
        no_lockdep()
    jobs = int(jobs[1]) if jobs else 1
    volume = lab.volume(lab.null(16))
    size = 12 // jobs
    job = fio(volume.path, ioengine=engine, iodepth=depth, numjobs=jobs,
              rw="randwrite", bsrange="512-1m", blockalign=512,
              size=f"{size}m", offset_increment=f"{size}m", verify="crc32c",
              verify_backlog=64, randseed=11)
    assert job["read"]["total_ios"] > 0, "nothing was verified"


@test(each=(512, 4096))
def fio_trims(lab, sector):
    """Trims among the writes; what was not trimmed is verified."""
    volume = lab.volume(lab.null(16, discard=1), sector_size=sector,
                        discard=True)
    job = fio(volume.path, ioengine="io_uring", iodepth=16,
              rw="randtrimwrite", bs="4k", size="8m", verify="crc32c",
              randseed=3)
    assert job["read"]["total_ios"] > 0, "nothing was verified"


@test
def fio_polled(lab):
    """Polled I/O, where there are queues to poll, and I/O that may not wait."""
    volume = lab.volume(lab.null(16))
    fio(volume.path, ioengine="pvsync2", hipri=1, rw="randwrite", bs="4k",
        size="2m", verify="crc32c")
    fio(volume.path, ioengine="pvsync2", nowait=1, rw="randread", bs="4k",
        size="2m")


@test
def vectors(lab):
    """I/O of many small pieces of memory, none of them in one page with its
    neighbour, and pieces that are smaller than a sector."""
    volume = lab.volume(lab.null(16), sector_size=4096)
    data = lab.random.randbytes(MIB)
    step = max(512, queue(volume.path, "dma_alignment") + 1)
    with Device(volume.path) as device:
        device.buffer[:] = data
        order = list(range(0, 256 * step, step))
        lab.random.shuffle(order)
        # Sectors from pieces that are scattered
        with device.pieces(order, step) as pieces:
            assert os.pwritev(device.fd, pieces, 0) == 256 * step
        wanted = b"".join(data[at:at + step] for at in order)
        assert device.read(0, 256 * step) == wanted
        with device.pieces(order, step) as pieces:
            assert os.preadv(device.fd, pieces, 0) == 256 * step
        assert device.buffer[:256 * step] == data[:256 * step]


@test
def limits(lab):
    """What the backing device can and cannot is what the volume says."""
    backing = lab.null(16, blocksize=4096, discard=1)
    volume = lab.volume(backing, sector_size=4096)
    assert queue(volume.path, "logical_block_size") == 4096
    assert queue(volume.path, "physical_block_size") == 4096
    assert queue(volume.path, "discard_max_bytes") == 0, "discards by default"
    assert queue(volume.path, "rotational") == queue(backing.path, "rotational")
    lab.close(volume)
    volume = lab.volume(backing, sector_size=4096, discard=True)
    assert queue(volume.path, "discard_max_bytes") > 0


@test
def discard(lab):
    """A discard reaches the backing device, where it says so and in the place."""
    backing = lab.null(4, discard=1)
    fill(backing.path, b"x" * backing.size)
    volume = lab.volume(backing, start=MIB, discard=True)
    with Device(volume.path) as device:
        device.discard(65536, 131072)
    raw = contents(backing.path)
    assert raw[MIB + 65536:MIB + 65536 + 131072] == bytes(131072)
    assert raw[:MIB + 65536] == b"x" * (MIB + 65536)
    assert raw[MIB + 65536 + 131072:] == b"x" * (3 * MIB - 65536 - 131072)


@test
def write_zeroes(lab):
    """Zeros that are asked for are read as zeros, and not seen below."""
    backing = lab.null(4)
    volume = lab.volume(backing)
    with Device(volume.path) as device:
        device.write_all(lab.random.randbytes(2 * MIB))
        device.zero(4096, MIB)
        assert device.read_all(MIB, 4096) == bytes(MIB)
        device.sync()
    raw = contents(backing.path)
    assert bytes(64) not in raw[:2 * MIB], "zeros below"


@test
def misaligned(lab):
    """I/O that is no multiple of the sector size is refused."""
    volume = lab.volume(lab.null(4), sector_size=4096)
    with Device(volume.path) as device:
        device.write(0, bytes(8192))
        for offset, size in ((512, 4096), (0, 512), (4096, 4608)):
            try:
                device.read(offset, size)
            except OSError:
                continue
            raise AssertionError(f"{size} bytes at {offset} were read")


@test
def end(lab):
    """Nothing goes past the end."""
    backing = lab.null(4)
    volume = lab.volume(backing, size=2 * MIB)
    with Device(volume.path) as device:
        assert device.size == 2 * MIB
        device.write(2 * MIB - 512, b"e" * 512)
        assert not os.pread(device.fd, 0, 2 * MIB)
        try:
            device.write(2 * MIB, b"e" * 512)
        except OSError:
            return
    raise AssertionError("wrote past the end")


@test
def read_only(lab):
    backing = lab.null(4)
    volume = lab.volume(backing, read_only=True)
    before = contents(backing.path)
    with Device(volume.path, os.O_RDONLY | os.O_DIRECT) as device:
        device.read_all()
    try:
        with Device(volume.path) as device:
            device.write(0, bytes(512))
    except OSError:
        pass
    else:
        raise AssertionError("a read-only volume was written")
    assert contents(backing.path) == before


@test
def partitions(lab):
    """A partition table is found when the volume is attached."""
    backing = lab.null(16)
    volume = lab.volume(backing)
    run("sfdisk", "--quiet", "--no-tell-kernel", "--no-reread", volume.path,
        input="label: gpt\nstart=2048, size=4096\nstart=8192, size=2048\n")
    lab.close(volume)
    if volume.kind == "dm-crypt":
        return
    volume = lab.volume(backing)
    for number, sectors in ((1, 4096), (2, 2048)):
        name = f"{os.path.basename(volume.path)}p{number}"
        with open(f"/sys/class/block/{name}/size", encoding="ascii") as file:
            assert int(file.read()) == sectors, name
    data = lab.random.randbytes(MIB)
    fill(f"{volume.path}p1", data)
    assert contents(volume.path, MIB, 2048 * 512) == data
