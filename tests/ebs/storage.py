# SPDX-License-Identifier: GPL-2.0
"""Block devices to put a volume on, and I/O on block devices.

A backing device has path, size and close(). What is written here goes around the
page cache, so that it is the device that answers.
"""

import contextlib
import errno
import fcntl
import mmap
import os
import random
import struct
import subprocess
import time

from netlink import wait

BLKGETSIZE64, BLKSSZGET, BLKDISCARD = 0x80081272, 0x1268, 0x1277
BLKZEROOUT = 0x127f
MIB = 1 << 20


def run(*command, check=True, **how):
    """Standard output of a command."""
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          **how)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.returncode}: "
                             f"{(done.stderr or done.stdout)[:1000]}")
    return done.stdout


def write_file(path, value):
    with open(path, "w", encoding="ascii") as file:
        file.write(str(value))


def read_file(path):
    with open(path, encoding="ascii") as file:
        return file.read().strip()


def queue(path, name):
    """A limit of a device, from sysfs."""
    return int(read_file(f"/sys/class/block/{os.path.basename(os.path.realpath(path))}"
                         f"/queue/{name}"))


class Device:
    """An open block device: direct I/O at any offset the device can do."""

    def __init__(self, path, flags=os.O_RDWR | os.O_DIRECT, most=MIB):
        self.fd = os.open(path, flags | os.O_CLOEXEC)
        self.buffer = mmap.mmap(-1, most)

    @property
    def size(self):
        return struct.unpack("Q", fcntl.ioctl(self.fd, BLKGETSIZE64,
                                              bytes(8)))[0]

    @contextlib.contextmanager
    def pieces(self, offsets, size):
        """Pieces of the buffer; it could not be closed with them about."""
        with memoryview(self.buffer) as whole:
            pieces = [whole[at:at + size] for at in offsets]
            try:
                yield pieces
            finally:
                for piece in pieces:
                    piece.release()

    def write(self, offset, data):
        self.buffer[:len(data)] = data
        with self.pieces((0,), len(data)) as pieces:
            done = os.pwritev(self.fd, pieces, offset)
        assert done == len(data), f"wrote {done} of {len(data)} bytes"

    def read(self, offset, size):
        with self.pieces((0,), size) as pieces:
            done = os.preadv(self.fd, pieces, offset)
        if not done:
            raise OSError(errno.ENXIO, "past the end, or gone")
        assert done == size, f"read {done} of {size} bytes"
        return self.buffer[:size]

    def read_all(self, size=None, offset=0):
        size = self.size - offset if size is None else size
        most = len(self.buffer)
        return b"".join(self.read(offset + at, min(most, size - at))
                        for at in range(0, size, most))

    def write_all(self, data, offset=0):
        most = len(self.buffer)
        for at in range(0, len(data), most):
            self.write(offset + at, data[at:at + most])

    def sync(self):
        os.fsync(self.fd)

    def discard(self, offset, size):
        fcntl.ioctl(self.fd, BLKDISCARD, struct.pack("QQ", offset, size))

    def zero(self, offset, size):
        fcntl.ioctl(self.fd, BLKZEROOUT, struct.pack("QQ", offset, size))

    def close(self):
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None
            self.buffer.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def fill(path, data, offset=0):
    with Device(path) as device:
        device.write_all(data, offset)
        device.sync()


def contents(path, size=None, offset=0):
    with Device(path, os.O_RDONLY | os.O_DIRECT) as device:
        return device.read_all(size, offset)


class NullBlk:
    """A device of null_blk that keeps what is written, of any kind.

    More attributes as in the kernel's documentation: blocksize, discard,
    irqmode, completion_nsec, queue_mode...
    """

    count = 0
    root = "/sys/kernel/config/nullb"

    def __init__(self, mib, **attributes):
        if not os.path.isdir(self.root):
            run("mount", "-t", "configfs", "configfs", "/sys/kernel/config")
        NullBlk.count += 1
        self.dir = f"{self.root}/test{NullBlk.count}"
        os.mkdir(self.dir)
        settings = {"size": mib, "memory_backed": 1, "blocksize": 512,
                    "max_sectors": 0} | attributes
        for name, value in settings.items():
            if name != "max_sectors" or value:
                write_file(f"{self.dir}/{name}", value)
        write_file(f"{self.dir}/power", 1)
        # Named after the folder since 6.11, by its index before
        index = read_file(f"{self.dir}/index")
        names = (f"/dev/test{NullBlk.count}", f"/dev/nullb{index}")
        self.path = wait(lambda: next(filter(os.path.exists, names), None),
                         "null_blk's device")
        self.size = mib * MIB

    def vanish(self):
        """Taken away at once, whoever has it open."""
        write_file(f"{self.dir}/power", 0)

    def close(self):
        with contextlib.suppress(OSError):
            os.rmdir(self.dir)


class ScsiDebug:
    """A disk of scsi_debug; all of them share one store."""

    drivers = "/sys/bus/pseudo/drivers/scsi_debug"

    def __init__(self):
        if not os.path.isdir(self.drivers):
            run("modprobe", "scsi_debug", "add_host=0")
        before = self.disks()
        write_file(f"{self.drivers}/add_host", 1)
        name = wait(lambda: self.disks() - before, "a disk of scsi_debug").pop()
        self.path = f"/dev/{name}"
        wait(lambda: os.path.exists(self.path), self.path)
        with Device(self.path, os.O_RDONLY) as device:
            self.size = device.size
        self.dir = f"/sys/block/{name}/device"

    @staticmethod
    def disks():
        return {name for name in os.listdir("/sys/block")
                if name.startswith("sd") and "scsi_debug" in read_file(
                    f"/sys/block/{name}/device/model")}

    def vanish(self):
        write_file(f"{self.dir}/delete", 1)

    def close(self):
        write_file(f"{self.drivers}/add_host", -1)


class Dm:
    """A device-mapper device of any target. table: "linear /dev/x 0"; {size}
    sectors are put before it."""

    count = 0

    def __init__(self, table, size):
        Dm.count += 1
        self.name = f"test{Dm.count}"
        self.size = size
        self.tool("create", self.name, "--table", self.line(table),
                  "--noudevsync")
        node = run("dmsetup", "info", "-c", "--noheadings", "-o", "blkdevname",
                   self.name).strip()
        self.path = f"/dev/{node}"
        wait(lambda: os.path.exists(self.path), self.path)

    def line(self, table):
        return table if "\n" in table else f"0 {self.size >> 9} {table}"

    @staticmethod
    def tool(*arguments):
        return run("dmsetup", *arguments)

    def reload(self, table, *flags):
        """Another table; flags such as --noflush for suspend."""
        self.tool("load", self.name, "--table", self.line(table))
        self.tool("suspend", *flags, self.name)
        self.tool("resume", "--noudevsync", self.name)

    def suspend(self, *flags):
        self.tool("suspend", *flags, self.name)

    def resume(self):
        self.tool("resume", "--noudevsync", self.name)

    def message(self, *words):
        self.tool("message", self.name, "0", *words)

    def status(self):
        return self.tool("status", self.name).split()

    def close(self):
        end = time.monotonic() + 5
        while True:
            done = subprocess.run(["dmsetup", "remove", "--noudevsync",
                                   self.name], capture_output=True, text=True,
                                  check=False)
            if not done.returncode:
                return
            if time.monotonic() > end:
                raise AssertionError(f"dmsetup remove: {done.stderr}")
            time.sleep(0.05)


class Pattern:
    """Random bytes, the same ones for the same seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def bytes(self, size):
        return self.random.randbytes(size)
