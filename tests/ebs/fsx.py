# SPDX-License-Identifier: GPL-2.0
"""Exercise files: random reads, writes, truncations, holes, maps and copies, each
held against what the file ought to be.

usage: fsx.py FOLDER SEED ROUNDS
"""

import ctypes
import mmap
import os
import random
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
MOST = 1 << 20
PUNCH, ZERO, KEEP = 2, 16, 1
DIRECT = 4096


class File:
    def __init__(self, path, rand):
        self.path, self.rand = path, rand
        self.model = bytearray()
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        self.direct = os.open(path, os.O_RDWR | os.O_DIRECT)
        self.buffer = mmap.mmap(-1, 1 << 17)

    def extent(self, limit):
        size = self.rand.choice((1, 100, 4096, 5000, 30000, 131072))
        return self.rand.randrange(limit), size

    def grow(self, size):
        if size > len(self.model):
            self.model.extend(bytes(size - len(self.model)))

    def write(self):
        at, size = self.extent(MOST - 131072)
        data = self.rand.randbytes(size)
        os.pwrite(self.fd, data, at)
        self.grow(at + size)
        self.model[at:at + size] = data

    def write_direct(self):
        at, size = self.extent(MOST - 131072)
        at, size = at // DIRECT * DIRECT, min(-(-size // DIRECT) * DIRECT, 1 << 17)
        self.buffer[:size] = data = self.rand.randbytes(size)
        os.pwritev(self.direct, [memoryview(self.buffer)[:size]], at)
        self.grow(at + size)
        self.model[at:at + size] = data

    def read(self):
        at, size = self.extent(MOST)
        assert os.pread(self.fd, size, at) == self.model[at:at + size], \
            f"{self.path}: {size} bytes at {at}"

    def read_direct(self):
        at = self.rand.randrange(MOST) // DIRECT * DIRECT
        done = os.preadv(self.direct, [self.buffer], at)
        assert self.buffer[:done] == self.model[at:at + len(self.buffer)], \
            f"{self.path}: direct, {done} bytes at {at}"

    def truncate(self):
        size = self.rand.randrange(MOST)
        os.ftruncate(self.fd, size)
        self.grow(size)
        del self.model[size:]

    def fallocate(self, mode):
        at, size = self.extent(MOST)
        if LIBC.fallocate(self.fd, mode | KEEP, ctypes.c_long(at),
                          ctypes.c_long(size)):
            raise OSError(ctypes.get_errno(), "fallocate")
        end = min(at + size, len(self.model))
        if end > at:
            self.model[at:end] = bytes(end - at)

    def punch(self):
        self.fallocate(PUNCH)

    def zero(self):
        self.fallocate(ZERO)

    def map_write(self):
        if len(self.model) < 1:
            return
        at = self.rand.randrange(len(self.model))
        data = self.rand.randbytes(min(9000, len(self.model) - at))
        with mmap.mmap(self.fd, len(self.model)) as view:
            view[at:at + len(data)] = data
        self.model[at:at + len(data)] = data

    def copy(self):
        if len(self.model) < 2:
            return
        size = self.rand.randrange(1, len(self.model) // 2 + 1)
        source = self.rand.randrange(len(self.model) // 2 - size + 1)
        dest = self.rand.randrange(len(self.model) // 2,
                                   len(self.model) - size + 1)
        done = os.copy_file_range(self.fd, self.fd, size, source, dest)
        self.model[dest:dest + done] = self.model[source:source + done]

    def sync(self):
        os.fsync(self.fd)

    def forget(self):
        """Read from the disk next time."""
        os.fsync(self.fd)
        os.posix_fadvise(self.fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def check(self):
        assert os.fstat(self.fd).st_size == len(self.model)
        assert os.pread(self.fd, MOST + 1, 0) == self.model, self.path

    def step(self):
        self.rand.choice((self.write, self.write, self.write_direct, self.read,
                          self.read, self.read_direct, self.truncate,
                          self.punch, self.zero, self.map_write, self.copy,
                          self.sync, self.forget))()

    def close(self):
        os.close(self.fd)
        os.close(self.direct)


def exercise(folder, seed, rounds, count=3):
    """Returns {path: contents} of the files that are left."""
    rand = random.Random(seed)
    files = [File(f"{folder}/{number}", rand) for number in range(count)]
    for _ in range(rounds):
        rand.choice(files).step()
    for file in files:
        file.check()
        file.sync()
        file.close()
    return {file.path: bytes(file.model) for file in files}


if __name__ == "__main__":
    exercise(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
