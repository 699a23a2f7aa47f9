# SPDX-License-Identifier: GPL-2.0
"""Tells QEMU's plugin (profile.c) what the instructions are executed for, and
profile.py what its marks stand for."""

import ctypes
import mmap

BUILD = "/src/build/bench"


class Profile:
    """What is profiled, one after the other."""

    def __init__(self, more=False):
        """@more: others may have been before."""
        self.page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE |
                              mmap.PROT_EXEC)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.page))
        self.function = ctypes.CFUNCTYPE(None)(address)
        with open(f"{BUILD}/marks", "a+" if more else "w+", encoding="utf-8") as file:
            file.seek(0)
            self.number = len(file.readlines())

    def mark(self, number):
        # nopl 0x4e4954NN(%rax); ret
        self.page[:8] = bytes([0x0f, 0x1f, 0x80, number]) + b"TIN\xc3"
        self.function()

    def begin(self):
        """The number of what comes next."""
        self.number += 1
        # Again for each, as contestants load modules
        with open("/proc/kallsyms", encoding="ascii") as file, \
                open(f"{BUILD}/symbols", "w", encoding="ascii") as copy:
            copy.write(file.read())
        return self.number

    def end(self, name, times):
        # It is there, too, if what comes next never ends
        with open(f"{BUILD}/marks", "a", encoding="utf-8") as file:
            file.write(f"{self.number} {times} {name}\n")

    def run(self, name, function, times, counter=None):
        """@times: how often the function does it, if the counter does not tell."""
        number = self.begin()
        function()  # what is done for the first time only
        before = counter() if counter else 0
        self.mark(number)
        function()
        self.mark(0)
        if counter:
            times = counter() - before or times
        self.end(name, times)

    def told(self, name, function, times):
        """function(number) has somebody else do it @times, who makes the marks."""
        function(self.begin())
        self.end(name, times)
