# SPDX-License-Identifier: GPL-2.0
"""What a debugger can do to a process: read it, and have it make system calls."""

import ctypes
import os
import struct

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.syscall.restype = ctypes.c_long
PEEKDATA, POKEDATA, SINGLESTEP, GETREGS, SETREGS, DETACH, SEIZE, INTERRUPT = (
    2, 5, 9, 12, 13, 17, 0x4206, 0x4207)
WALL = 0x40000000
# struct user_regs_struct, and of it the six arguments
RAX, ORIG_RAX, RIP, RSP = 10, 15, 16, 19
ARGUMENTS = (14, 13, 12, 7, 9, 8)
CALLS = {"write": 1, "close": 3, "vmsplice": 278, "pipe2": 293}


def check(result):
    """The result of a system call, or an exception."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


class Injector:
    """A process that is stopped while this is entered."""

    def __init__(self, pid):
        self.pid = pid
        self.regs = self.insn = self.scratch = None

    def __enter__(self):
        check(libc.ptrace(SEIZE, self.pid, None, None))
        check(libc.ptrace(INTERRUPT, self.pid, None, None))
        os.waitpid(self.pid, WALL)
        self.regs = self.registers()
        # It waits in a system call; there is the instruction for another one
        self.insn = self.regs[RIP] - 2
        self.scratch = (self.regs[RSP] - 4096) & ~15
        return self

    def __exit__(self, *args):
        libc.ptrace(DETACH, self.pid, None, None)

    def registers(self):
        data = ctypes.create_string_buffer(27 * 8)
        check(libc.ptrace(GETREGS, self.pid, None, ctypes.addressof(data)))
        return list(struct.unpack("27Q", data.raw))

    def set_registers(self, values):
        data = ctypes.create_string_buffer(struct.pack("27Q", *values))
        check(libc.ptrace(SETREGS, self.pid, None, ctypes.addressof(data)))

    def peek(self, address, size):
        data = b""
        while len(data) < size:
            ctypes.set_errno(0)
            word = libc.ptrace(PEEKDATA, self.pid, address + len(data), None)
            if word == -1 and ctypes.get_errno():
                check(-1)
            data += (word & (1 << 64) - 1).to_bytes(8, "little")
        return data[:size]

    def poke(self, address, data):
        for at in range(0, len(data), 8):
            word = int.from_bytes(data[at:at + 8], "little")
            check(libc.ptrace(POKEDATA, self.pid, address + at, word))

    def call(self, name, *arguments):
        """Have it make a system call. Return: its result"""
        assert self.peek(self.insn, 2) == b"\x0f\x05", "it is in no system call"
        regs = list(self.regs)
        regs[RIP], regs[RAX], regs[ORIG_RAX] = self.insn, CALLS[name], (1 << 64) - 1
        for number, value in zip(ARGUMENTS, arguments):
            regs[number] = value & (1 << 64) - 1
        self.set_registers(regs)
        check(libc.ptrace(SINGLESTEP, self.pid, None, None))
        os.waitpid(self.pid, WALL)
        result = ctypes.c_long(self.registers()[RAX]).value
        self.set_registers(self.regs)
        if result < 0:
            raise OSError(-result, os.strerror(-result))
        return result
