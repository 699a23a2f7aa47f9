# SPDX-License-Identifier: GPL-2.0
"""Guests begin and end: eight at once, each in its own way."""

import atexit
import functools
import os
import re

import cbor2

import document
import nsm
from cryptography import x509
from ktap import Skip, test
from vmm import BUILD, CMDLINE, IMAGES, WAIT_PORT, Guest

ATTEST = cbor2.dumps({"Attestation": {"user_data": None, "nonce": b"n", "public_key": None}})


def requests(guest):
    return [bytes.fromhex(line.split()[-1].decode()) if len(line.split()) > 2 else b""
            for line in guest.output.split(b"\n") if line.startswith(b"guest: nsm")]


NEWEST = "../newest/"
GUESTS = {}


def newest():
    return os.path.exists(f"{BUILD}/guest/{NEWEST}/vmlinux")


def start():
    ways = {
        "kernel": {},
        "vmlinux": {"images": ("vmlinux", "initrd")},
        "large": {"cpus": 2, "memory": 5120, "do": ["grep,MemTotal,/proc/meminfo"]},
        "reboot=k": {"do": ["reboot,-f"]},
        "reboot=a": {"cmdline": CMDLINE.replace("reboot=k", "reboot=a"), "do": ["reboot,-f"]},
        "panic": {"do": ["exec,false"]},
        "silent": {"serial": False, "nsm": nsm.enrol("i-1-enc22", {0: b"\1" * 48})},
        "newest": {"images": [NEWEST + name for name in ("kernel", "initrd")] if newest() else IMAGES,
                   "do": [f"agent,nsm,{ATTEST.hex()}"],
                   "nsm": nsm.enrol("i-1-enc23", {0: b"\1" * 48}, True)},
    }
    for cid, (name, how) in enumerate(ways.items(), 16):
        do = ["agent,heartbeat", f"agent,wait,{WAIT_PORT}", *how.pop("do", [])]
        GUESTS[name] = Guest(cid=cid, do=do, **how)
        atexit.register(GUESTS[name].process.kill)


def fleet():
    """All of them, which were up at the same time, and are on their ways."""
    if GUESTS:
        return GUESTS
    start()
    try:
        waiting = [guest.waits() for guest in GUESTS.values()]
        for name, guest in GUESTS.items():
            guest.tells("heartbeat\n")
            assert guest.process.poll() is None, name
    except BaseException:
        for guest in GUESTS.values():
            guest.process.kill()
        raise
    for stream in waiting:
        stream.close()
    return GUESTS


@functools.cache
def ended(name):
    """A guest of the fleet, and how it has ended."""
    with fleet()[name] as guest:
        how = guest.ends()
        assert guest.complaint() == ""
    return guest, how


@test(own=True)
def eight_at_once():
    """Each has a heartbeat of its own."""
    assert len(fleet()) == 8


@test(each=("kernel", "vmlinux", "newest"), own=True)
def boots(kernel):
    if kernel == "newest" and not newest():
        raise Skip("the kernel of backports could not be had")
    guest, how = ended(kernel)
    assert how == (0, "ended off")
    assert b"guest: up, 1 CPUs" in guest.output
    assert b"complains" not in guest.output, guest.output


@test(own=True)
def processors():
    guest, how = ended("large")
    assert how == (0, "ended off")
    assert b"guest: up, 2 CPUs" in guest.output


@test(own=True)
def memory_above_4_gib():
    """There is a hole for devices in it. It is reserved, not used."""
    guest, _ = ended("large")
    total = int(guest.output.split(b"MemTotal:")[1].split()[0])
    assert total > 4800 << 10, total


@test(each=("reboot=k", "reboot=a", "panic"), own=True)
def reset_ends(name):
    guest, how = ended(name)
    assert how == (0, "ended reset"), how
    assert (b"Kernel panic" in guest.output) == (name == "panic"), guest.output


@test(own=True)
def silent_without_serial():
    """Nothing of the guest comes out of one that is not debugged."""
    guest, how = ended("silent")
    assert how == (0, "ended off")
    assert guest.output == b""
    assert re.fullmatch(rb"started cpu_us=\d+\nheartbeat\nended off\n", guest.told), guest.told


@test(own=True)
def debug_shows():
    """In the registers, and in who vouches for them."""
    guest, how = ended("newest")
    assert how == (0, "ended off")
    message = cbor2.loads(requests(guest)[0])["Attestation"]["document"]
    with open(nsm.ROOT, "rb") as file:
        found = document.verify(message, x509.load_pem_x509_certificate(file.read()), nonce=b"n")
    assert sorted(found["pcrs"]) == list(range(16))
    assert not any(any(value) for value in found["pcrs"].values())
    with open(f"{nsm.KEYS}/debug.pem", "rb") as file:
        debug = x509.load_pem_x509_certificate(file.read())
    assert x509.load_der_x509_certificate(found["certificate"]).issuer == debug.subject


@test(own=True)
def without_acpi():
    """Devices are on the command line. Debian's kernel does not look for them there, and says it
    before it misses ACPI."""
    with Guest(cid=16, acpi=False, cmdline="earlyprintk=serial,ttyS0") as guest:
        guest.says(" virtio_mmio.device=4K@0xd0000000:5")
