# SPDX-License-Identifier: GPL-2.0
"""A device that reads memory for root, past all that the kernel knows of it: QEMU's "edu",
which copies between physical memory and a page of its own when its registers say so. Root
has those by sysfs; no driver is needed."""

import ctypes
import glob
import mmap
import struct
import time

from injector import check, libc

IO_URING_SETUP, IO_URING_REGISTER = 425, 427
REGISTERS, PAGE_OF_ITS_OWN = 1 << 20, 0x40000
SOURCE, DESTINATION, COUNT, COMMAND = 0x80, 0x88, 0x90, 0x98
RUN, TO_MEMORY = 1, 2
COMMAND_REGISTER, BUS_MASTER = 4, 4
SIZE = 64


def words(path, text=None):
    with open(path, "r" if text is None else "w", encoding="ascii") as file:
        return file.read().strip() if text is None else file.write(text)


class Edu:
    """The device, while this is entered, and a page of memory that it may write to, which is
    pinned. The group of its IOMMU is as it was afterwards."""

    def __init__(self):
        self.where = next(path for path in glob.glob("/sys/bus/pci/devices/*")
                          if (words(f"{path}/vendor"), words(f"{path}/device")) ==
                          ("0x1234", "0x11e8"))
        self.type = f"{self.where}/iommu_group/type"
        self.before = words(self.type)
        self.file = self.registers = self.page = self.ring = None

    def __enter__(self):
        # pylint: disable=consider-using-with
        words(f"{self.where}/enable", "1")
        self.file = open(f"{self.where}/resource0", "r+b", 0)
        try:
            self.registers = mmap.mmap(self.file.fileno(), REGISTERS)
            with open(f"{self.where}/config", "r+b", 0) as config:
                config.seek(COMMAND_REGISTER)
                command = struct.unpack("<H", config.read(2))[0]
                config.seek(COMMAND_REGISTER)
                config.write(struct.pack("<H", command | BUS_MASTER))
        except OSError:
            self.file.close()
            raise
        self.page = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.page[0] = 1
        self.ring = check(libc.syscall(IO_URING_SETUP, 1, ctypes.create_string_buffer(120)))
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.page))
        check(libc.syscall(IO_URING_REGISTER, self.ring, 0, struct.pack("QQ", address, 4096), 1))
        with open("/proc/self/pagemap", "rb", 0) as file:
            file.seek(address // 4096 * 8)
            self.at = (struct.unpack("Q", file.read(8))[0] & (1 << 55) - 1) * 4096
        assert self.at, "the page is somewhere"
        return self

    def __exit__(self, *_):
        libc.close(self.ring)
        words(self.type, self.before)
        self.file.close()

    def register(self, number):
        return ctypes.c_uint64.from_buffer(self.registers, number)

    def copy(self, source, destination, command):
        for number, value in (SOURCE, source), (DESTINATION, destination), (COUNT, SIZE), \
                (COMMAND, command | RUN):
            self.register(number).value = value
        # It takes a tenth of a second
        while self.register(COMMAND).value & RUN:
            time.sleep(0.01)

    def read(self, at, kind):
        """What the device gets of there, its IOMMU group being of that kind. What it has got
        comes here with the group as `identity`."""
        self.page[:SIZE] = bytes(SIZE)
        if kind != "identity":
            # Nothing may be left there of an earlier time
            words(self.type, "identity")
            self.copy(self.at, PAGE_OF_ITS_OWN, 0)
        words(self.type, kind)
        self.copy(at, PAGE_OF_ITS_OWN, 0)
        words(self.type, "identity")
        self.copy(PAGE_OF_ITS_OWN, self.at, TO_MEMORY)
        return self.page[:SIZE]

    def find(self, target):
        """An address that it finds the canary at, if the IOMMU lets it pass; or None."""
        points = list(target.physical())
        for at in (at for n in range(24) for at in points[n::24]):
            if target.is_canary(self.read(at, "identity")):
                return at
        return None
