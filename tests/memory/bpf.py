# SPDX-License-Identifier: GPL-2.0
"""A BPF program that copies kernel memory, made by hand: nothing of the test host's
compiles one."""

import ctypes
import os
import struct

from injector import check, libc

BPF = 321
MAP_CREATE, MAP_LOOKUP, MAP_UPDATE, PROG_LOAD, PROG_TEST_RUN = 0, 1, 2, 5, 10
ARRAY, RAW_TRACEPOINT = 2, 17
LOOKUP_ELEM, PROBE_READ_KERNEL = 1, 113
SIZE = 64


def insn(code, dst=0, src=0, offset=0, number=0):
    return struct.pack("<BBhi", code, src << 4 | dst, offset, number)


def program(fd):
    """value[0] is an address, value[1] the result, then what is there."""
    return b"".join((
        insn(0x62, 10, 0, -4, 0),           # *(u32 *)(fp - 4) = 0
        insn(0xbf, 2, 10),                  # r2 = fp - 4
        insn(0x07, 2, 0, 0, -4),
        insn(0x18, 1, 1, 0, fd), insn(0),   # r1 = the map
        insn(0x85, number=LOOKUP_ELEM),
        insn(0x55, 0, 0, 2, 0),             # if (!r0) return 0
        insn(0xb7, 0), insn(0x95),
        insn(0xbf, 6, 0),                   # r6 = r0
        insn(0x79, 3, 6, 0),                # r3 = value[0]
        insn(0xbf, 1, 6),                   # r1 = &value[2]
        insn(0x07, 1, 0, 0, 16),
        insn(0xb7, 2, 0, 0, SIZE),
        insn(0x85, number=PROBE_READ_KERNEL),
        insn(0x7b, 6, 0, 8),                # value[1] = r0
        insn(0xb7, 0), insn(0x95)))


def bpf(command, attr):
    attr = ctypes.create_string_buffer(attr.ljust(144, b"\0"))
    return check(libc.syscall(BPF, command, attr, 144))


class Reader:
    """The program, loaded."""

    def __init__(self):
        self.key = ctypes.create_string_buffer(4)
        self.value = ctypes.create_string_buffer(16 + SIZE)
        self.map = bpf(MAP_CREATE, struct.pack("IIII", ARRAY, 4, 16 + SIZE, 1))
        code = ctypes.create_string_buffer(program(self.map))
        text = ctypes.create_string_buffer(b"GPL")
        try:
            self.prog = bpf(PROG_LOAD, struct.pack("IIQQ", RAW_TRACEPOINT, (len(code) - 1) // 8,
                                                   ctypes.addressof(code),
                                                   ctypes.addressof(text)))
        except OSError:
            os.close(self.map)
            raise

    def __enter__(self):
        return self

    def __exit__(self, *args):
        os.close(self.prog)
        os.close(self.map)

    def read(self, address):
        """Return: what is there, or None"""
        self.value.raw = struct.pack("Q", address).ljust(16 + SIZE, b"\0")
        element = struct.pack("I4xQQQ", self.map, ctypes.addressof(self.key),
                              ctypes.addressof(self.value), 0)
        bpf(MAP_UPDATE, element)
        bpf(PROG_TEST_RUN, struct.pack("I", self.prog))
        bpf(MAP_LOOKUP, element)
        result, data = struct.unpack_from("q", self.value, 8)[0], self.value.raw[16:]
        return None if result else data
