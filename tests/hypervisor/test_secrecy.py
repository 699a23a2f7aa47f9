# SPDX-License-Identifier: GPL-2.0
"""Root of the host looks for what an enclave knows. The same looks have to find it in a
guest whose memory is ordinary: else they prove nothing."""

import ctypes
import os
import re

from ktap import test
from vmm import Guest

CHUNK = 16 << 20
libc = ctypes.CDLL(None, use_errno=True)


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


def mappings(pid):
    """(start, end) of what is mapped there and can be read."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        return [(int(start, 16), int(end, 16)) for start, end in
                re.findall(r"^([0-9a-f]+)-([0-9a-f]+) r", file.read(), re.M)]


def pieces(pid):
    for start, end in mappings(pid):
        for at in range(start, end, CHUNK):
            yield at, min(CHUNK, end - at)


def proc_mem(pid):
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for at, size in pieces(pid):
            try:
                yield os.pread(memory.fileno(), size, at)
            except OSError:
                pass


def process_vm_readv(pid):
    buffer = ctypes.create_string_buffer(CHUNK)
    for at, size in pieces(pid):
        n = libc.process_vm_readv(pid, ctypes.byref(Iovec(ctypes.addressof(buffer), size)), 1,
                                  ctypes.byref(Iovec(at, size)), 1, 0)
        if n > 0:
            yield buffer.raw[:n]


def map_files(pid):
    """What is mapped, opened anew."""
    for start, end in mappings(pid):
        try:
            with open(f"/proc/{pid}/map_files/{start:x}-{end:x}", "rb", 0) as file:
                while data := file.read(CHUNK):
                    yield data
        except OSError:
            pass


LOOKS = {look.__name__: look for look in (proc_mem, process_vm_readv, map_files)}


def plant(guest, secret):
    text = "".join(f"\\x{byte:02x}" for byte in secret)
    guest.run(f"printf '{text}' >/secret")
    return secret


def found(look, pid, secret):
    # It may lie across two chunks only if it lies across two of its pages, too
    return any(secret in data for data in look(pid))


@test
def hidden_from_root(lab):
    """In memory of the pool it is in no mapping that anybody else can read."""
    secret, known = plant(lab.guest, os.urandom(32)), os.urandom(32)
    with Guest(cid=17, memory=96, do=["agent,obey"]) as ordinary:
        ordinary.says("guest: serves")
        plant(ordinary, known)
        for name, look in LOOKS.items():
            assert found(look, ordinary.process.pid, known), f"{name}: the control"
            assert not found(look, lab.guest.process.pid, secret), name
    assert lab.guest.run("cat /secret") == secret, "it is there"
