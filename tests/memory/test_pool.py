# SPDX-License-Identifier: GPL-2.0
"""The pool: out of the host's kernel and back."""

import errno
import glob
import os
import re
import subprocess

from ktap import test
from nitromem import GRAIN, MIB, fails, meminfo, ranges, refused
from netlink import wait


def blocks():
    return len(glob.glob("/sys/devices/system/memory/memory*"))


def mapped(*sizes):
    """What the kernel's own map of memory has, of pages of some size."""
    return sum(meminfo(f"DirectMap{size}") for size in sizes or ("4k", "2M", "1G"))


def write_back(start):
    """Does the kernel know that it is to be mapped cached?"""
    with open("/sys/kernel/debug/x86/pat_memtype_list", encoding="ascii") as file:
        return f"mem 0x{start:016x}-" in (text := file.read()) and any(
            f"0x{start:016x}-" in line and "write-back" in line for line in text.splitlines())


@test
def takes_and_gives_back(lab):
    lab.set(0)
    total, before, direct = meminfo("MemTotal"), blocks(), mapped()
    pool = lab.set(512 * MIB)
    block = pool["block-size"]
    assert pool["size"] >= 512 * MIB and pool["size"] - 512 * MIB < block, pool
    assert pool["free"] == pool["size"] and "short" not in pool, pool
    assert sum(node["size"] for node in pool["nodes"]) == pool["size"], pool
    # The struct pages of what has gone are memory that the host has now
    gone = total - meminfo("MemTotal")
    assert pool["size"] * 9 // 10 < gone <= pool["size"], f"MemTotal: {gone}"
    assert before - blocks() == pool["size"] // block, "memory blocks"
    assert direct - mapped() == pool["size"], "the kernel maps it"
    mine = ranges("nitro_mem")
    assert sum(end - start for start, end in mine) == pool["size"], mine
    for start, _ in mine:
        assert write_back(start), f"no write-back entry at {start:#x}"
    for start, end in ranges("System RAM"):
        assert not any(start < e and s < end for s, e in mine), "System RAM, too"

    pool = lab.set(0)
    assert pool["size"] == 0 and not ranges("nitro_mem"), pool
    wait(lambda: meminfo("MemTotal") >= total and blocks() == before,
         "the host has its memory again")


@test
def grows_and_shrinks_live(lab):
    lab.set(256 * MIB)
    _, holder = lab.guest(64 * MIB)
    holder("fill", 1)
    assert lab.set(512 * MIB)["size"] >= 512 * MIB
    # The block that the guest is in stays, the others go
    lab.card("pool-set", target=0)
    pool = wait(lambda: (p := lab.pool())["size"] == p["block-size"] and p, "it shrinks", 120.0)
    assert pool["state"] == "shrinking" and pool["guests"] == 1, pool
    with refused(errno.ENOSPC, "free in the pool"):
        lab.create(GRAIN)
    # And goes, too, when the guest ends
    holder.kill()
    wait(lambda: lab.pool()["size"] == 0, "the rest goes", 60.0)
    assert not ranges("nitro_mem")


def on_node(number):
    """The host's memory there."""
    with open(f"/sys/devices/system/node/node{number}/meminfo", encoding="ascii") as file:
        return int(re.search(r"MemTotal:\s*(\d+) kB", file.read())[1]) << 10


@test
def knows_nodes(lab):
    """A pool on one node, then on both, and guests where they are wanted."""
    lab.set(0)
    before = [on_node(0), on_node(1)]

    def sizes(what="size"):
        nodes = {node["id"]: node[what] for node in lab.pool().get("nodes", ())}
        return [nodes.get(0, 0), nodes.get(1, 0)]
    lab.set(256 * MIB, node=1)
    assert sizes() == [0, 256 * MIB], sizes()
    assert on_node(0) == before[0] and on_node(1) <= before[1] - 240 * MIB
    with refused(errno.ENOSPC, "0 MiB are free"):
        lab.create(GRAIN, node=0)
    guest = lab.create(GRAIN, node=1)
    lab.drop(guest)
    lab.set(512 * MIB, node=0)
    assert sizes() == [256 * MIB, 256 * MIB], sizes()
    # One that fits is on one node, one that does not is on both
    guest = lab.create(200 * MIB)
    assert sorted(sizes("free")) == [56 * MIB, 256 * MIB], sizes("free")
    lab.drop(guest)
    guest = lab.create(400 * MIB)
    assert sum(sizes("free")) == 112 * MIB and guest["ranges"] > 1, guest
    with refused(errno.ENOSPC, "are free"):
        lab.create(200 * MIB, node=0)
    lab.drop(guest)
    lab.set(256 * MIB, node=1)
    assert sizes() == [256 * MIB, 0], sizes()
    lab.set(0)
    # All of them in turn, but for blocks that cannot be had
    lab.set(512 * MIB)
    assert min(sizes()) > 0 and sum(sizes()) == 512 * MIB, sizes()
    lab.set(0)
    wait(lambda: on_node(0) >= before[0] and on_node(1) >= before[1], "each has its own again")


@test
def says_how_far_it_got(lab):
    """What cannot be had is not had, and the host lives on."""
    lab.set(0)
    want, direct = meminfo("MemTotal"), mapped()
    pool = lab.set(want, deadline=600.0)
    assert 0 < pool["size"] < want, pool
    assert pool["skipped"] or "short" in pool, pool
    assert meminfo("MemAvailable") > 128 * MIB
    # Some of that was of a page of 1 GiB of the kernel's map
    assert direct - mapped() == pool["size"], "the kernel maps it"
    assert mapped("1G") < lab.gigantic, "there was no such page"
    assert lab.set(0)["size"] == 0


@test
def refuses_what_makes_no_sense(lab):
    before = lab.set(256 * MIB)
    with refused(errno.ERANGE, "the host has"):
        lab.card("pool-set", target=1 << 50)
    with refused(errno.EINVAL, "no NUMA node 1000"):
        lab.card("pool-set", target=0, node=1000)
    with refused(errno.EINVAL, "'target' is missing"):
        lab.card("pool-set")
    with refused(errno.EINVAL, "multiple of 2 MiB"):
        lab.create(GRAIN + 4096)
    with refused(errno.EINVAL, "multiple of 2 MiB"):
        lab.create(0)
    for name in ("a b", "a/b", "a\n", "\x7f"):
        with refused(errno.EINVAL, "printable ASCII"):
            lab.create(GRAIN, name)
    with refused(errno.EINVAL, "'name' is empty"):
        lab.create(GRAIN, "")
    with refused(errno.ENOSPC, f"{before['free'] >> 20} MiB are free"):
        lab.create(before["free"] + GRAIN)
    with refused(errno.ENOENT, "there is no guest 77"):
        lab.card("get", id=77)
    assert lab.pool() == before


@test
def needs_an_administrator(lab):
    before = lab.pool()
    code = ("import sys; sys.path[:0] = ['tests/lib', 'tests/memory']\n"
            "import errno, nitromem, os\n"
            "card = nitromem.Card()\n"
            "os.setuid(65534)\n"
            "card('pool-get')\n"
            "for request in ('pool-set', {'target': 0}), ('create', {'name': 'x', 'size': 1 << 21}):\n"
            "    try:\n"
            "        card(request[0], **request[1])\n"
            "    except nitromem.Refused as error:\n"
            "        assert abs(error.errno) == errno.EPERM, error\n"
            "    else:\n"
            "        raise SystemExit('was not refused')\n")
    subprocess.run(["python3", "-c", code], check=True)
    assert lab.pool() == before


@test
def module_stays_while_in_use(lab):
    lab.ready(256 * MIB)
    done = subprocess.run(["rmmod", "nitro_mem"], capture_output=True, check=False)
    assert done.returncode and b"in use" in done.stderr, done
    lab.set(0)
    subprocess.run(["rmmod", "nitro_mem"], check=True)
    # What was given back has a name that does not go with the module
    assert ranges("System RAM")
    subprocess.run(["modprobe", "nitro_mem"], check=True)
    lab.connect()
    assert lab.pool()["size"] == 0
    assert lab.set(256 * MIB)["size"] >= 256 * MIB
    assert os.path.exists("/sys/module/nitro_mem")


def physical(file, at, size):
    file.seek(at)
    return file.read(size)


@test
def is_reserved_at_boot(lab):
    """The kernel was told by memmap= to leave it alone. Then anybody has it, until this
    module has."""
    with open("/proc/cmdline", encoding="ascii") as file:
        found = re.search(r"memmap=(\d+)M\$(0x[0-9a-f]+)", file.read())
    assert found, "the host was to be started with memmap="
    size, at = int(found[1]) * MIB, int(found[2], 16)
    lab.set(0)
    subprocess.run(["rmmod", "nitro_mem"], check=True)
    try:
        with open("/dev/mem", "r+b", 0) as memory:
            memory.seek(at)
            memory.write(b"\xa5" * 4096)
            assert physical(memory, at, 4096) == b"\xa5" * 4096, "the control"
            for wrong in (f"{size // MIB}M", f"1M${at:#x}", f"{2 * size // MIB}M${at:#x}",
                          f"2M${at - GRAIN:#x}", "4M$0x8000000", f"2M${at:#x},", "much"):
                done = subprocess.run(["modprobe", "nitro_mem", f"reserved={wrong}"],
                                      capture_output=True, check=False)
                assert done.returncode and b"Invalid" in done.stderr, f"{wrong}: {done}"
            assert physical(memory, at, 4096) == b"\xa5" * 4096, "it was touched"
            subprocess.run(["modprobe", "nitro_mem", f"reserved={size // MIB}M${at:#x}"],
                           check=True)
            lab.connect()
            pool = lab.pool()
            assert pool["reserved"] == pool["size"] == pool["free"] == size, pool
            assert ranges("nitro_mem") == [(at, at + size)]
            with fails(errno.EPERM):
                physical(memory, at, 4096)
            with refused(errno.ERANGE, f"{size // MIB} MiB were reserved at boot, and stay"):
                lab.card("pool-set", target=0)
            _, holder = lab.guest(size)
            assert holder("dirty") == "0"
            holder("fill", 165)
            # Grows by what the host has, and shrinks to what was reserved
            pool = lab.set(size + 128 * MIB)
            assert pool["size"] >= size + 128 * MIB and pool["free"] == pool["size"] - size, pool
            assert lab.set(size)["size"] == size
            holder.kill()
            lab.all_free()
            subprocess.run(["rmmod", "nitro_mem"], check=True)
            assert physical(memory, at, size).count(0) == size, "it left something"
    finally:
        subprocess.run(["rmmod", "nitro_mem"], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(["modprobe", "nitro_mem"], check=True)
        lab.connect()
