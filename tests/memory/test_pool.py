# SPDX-License-Identifier: GPL-2.0
"""The pool: out of the host's kernel and back."""

import errno
import glob
import os
import subprocess

from ktap import test
from nitromem import GRAIN, MIB, meminfo, ranges, refused
from netlink import wait


def blocks():
    return len(glob.glob("/sys/devices/system/memory/memory*"))


def write_back(start):
    """Does the kernel know that it is to be mapped cached?"""
    with open("/sys/kernel/debug/x86/pat_memtype_list", encoding="ascii") as file:
        return f"mem 0x{start:016x}-" in (text := file.read()) and any(
            f"0x{start:016x}-" in line and "write-back" in line for line in text.splitlines())


@test
def takes_and_gives_back(lab):
    lab.set(0)
    total, before = meminfo("MemTotal"), blocks()
    pool = lab.set(512 * MIB)
    block = pool["block-size"]
    assert pool["size"] >= 512 * MIB and pool["size"] - 512 * MIB < block, pool
    assert pool["free"] == pool["size"] and "short" not in pool, pool
    assert sum(node["size"] for node in pool["nodes"]) == pool["size"], pool
    # The struct pages of what has gone are memory that the host has now
    gone = total - meminfo("MemTotal")
    assert pool["size"] * 9 // 10 < gone <= pool["size"], f"MemTotal: {gone}"
    assert before - blocks() == pool["size"] // block, "memory blocks"
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


@test
def says_how_far_it_got(lab):
    """What cannot be had is not had, and the host lives on."""
    want = meminfo("MemTotal")
    pool = lab.set(want, deadline=600.0)
    assert 0 < pool["size"] < want, pool
    assert pool["skipped"] or "short" in pool, pool
    assert meminfo("MemAvailable") > 128 * MIB
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
    lab.card.close()
    type(lab.card).family = None
    lab.card = type(lab.card)()
    assert lab.pool()["size"] == 0
    assert lab.set(256 * MIB)["size"] >= 256 * MIB
    assert os.path.exists("/sys/module/nitro_mem")
