# SPDX-License-Identifier: GPL-2.0
"""Encrypted volumes: ours, and dm-crypt as what they are held against.

The tests run on either, as NITRO_EBS_DEVICE says ("nitro", the default, or
"dm-crypt"): a test that fails on dm-crypt is wrong itself. What dm-crypt does not
have is skipped there.
"""

import ctypes
import os
import random
import subprocess
import time

import ktap
import netlink
import nitroebs
import storage
from netlink import Refused, wait
from storage import Dm, run

LIBC = ctypes.CDLL(None, use_errno=True)
ADD_KEY, KEYCTL = 248, 250  # x86-64
SESSION_KEYRING, PROCESS_KEYRING = -3, -2
REVOKE = 3
KEY = bytes(range(7, 71))
OTHER_KEY = bytes(range(101, 165))


def add_key(payload, description="nitro:test", kind="logon"):
    """Serial number of a new key in the keyring of this process."""
    serial = LIBC.syscall(ADD_KEY, kind.encode(), description.encode(),
                          payload, ctypes.c_size_t(len(payload)),
                          PROCESS_KEYRING)
    if serial < 0:
        raise OSError(ctypes.get_errno(), "add_key")
    return serial


def revoke_key(serial):
    LIBC.syscall(KEYCTL, REVOKE, serial)


class Ebs(netlink.Family):
    """The card's generic netlink family."""

    name = "nitro_ebs"

    def attach(self, path, key=KEY, **attrs):
        """Attach a volume by the path of its backing device; its id."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        serial = None
        try:
            if key is not None:
                serial = add_key(key)
            return self("attach", backing_fd=fd, key=serial, **attrs)["id"]
        finally:
            os.close(fd)
            if serial is not None:
                revoke_key(serial)

    def devices(self):
        return {device["id"]: device for device in self.dump("get")}


class Nitro:
    """A volume of nitro_ebs. How, as the names of the specification."""

    kind = "nitro"

    def __init__(self, lab, backing, key=KEY, sector_size=512, iv_offset=0,
                 large=False, **how):
        self.lab = lab
        flags = {"iv_large_sectors": True} if large else {}
        self.id = lab.ebs.attach(backing.path, key, sector_size=sector_size,
                                 iv_offset=iv_offset or None, **flags, **how)
        self.path = f"/dev/nitro_ebs{self.id}"
        wait(lambda: os.path.exists(self.path), self.path)
        self.attached = True

    def get(self):
        return self.lab.ebs("get", id=self.id)

    def stats(self):
        return self.lab.ebs("stats-get", id=self.id)

    def set(self, **attrs):
        self.lab.ebs("set", id=self.id, **attrs)

    def grow(self, size):
        self.set(size=size)

    def erase(self):
        self.lab.ebs("erase", id=self.id)

    def detach(self, force=False):
        self.lab.ebs("detach", id=self.id, force=force or None)
        self.attached = False

    def close(self):
        """Detach, even if a process that is about to end has it open."""
        if not self.attached:
            return
        try:
            # What looks for partitions or file systems opens it for a moment
            end = time.monotonic() + netlink.DEADLINE
            while True:
                try:
                    return self.detach()
                except Refused as error:
                    if "open" not in error.sentence or \
                            time.monotonic() > end:
                        raise
                    time.sleep(0.02)
        finally:
            if self.attached:
                self.detach(force=True)


class DmCrypt:
    """The same by cryptsetup, format plain."""

    kind = "dm-crypt"
    options = ()
    count = 0

    def __init__(self, lab, backing, key=KEY, sector_size=512, iv_offset=0,
                 large=False, start=0, size=None, discard=False,
                 read_only=False, **how):
        if set(how) - {"serial", "volume"}:
            raise ktap.Skip(f"dm-crypt has no {' '.join(how)}")
        del lab
        DmCrypt.count += 1
        self.name = f"crypt{DmCrypt.count}"
        key_file = "/tmp/dm-crypt-key"
        with open(key_file, "wb") as file:
            file.write(key)
        # Read from standard input, a key would be hashed
        line = ["cryptsetup", "open", "--type", "plain", "-c",
                "aes-xts-plain64", "-s", str(8 * len(key)), "--key-file",
                key_file, *self.options,
                "--sector-size", str(sector_size), "--offset", str(start >> 9),
                "--skip", str(iv_offset)]
        if size is not None:
            line += ["--size", str(size >> 9)]
        if large:
            line.append("--iv-large-sectors")
        if discard:
            line.append("--allow-discards")
        if read_only:
            line.append("--readonly")
        line += [backing.path, self.name]
        run(*line)
        self.path = os.path.realpath(f"/dev/mapper/{self.name}")

    def grow(self, size):
        run("cryptsetup", "resize", "--size", str(size >> 9), self.name)

    def close(self):
        end = time.monotonic() + netlink.DEADLINE
        while True:
            done = subprocess.run(["cryptsetup", "close", self.name],
                                  capture_output=True, text=True, check=False)
            if not done.returncode:
                return
            if time.monotonic() > end:
                raise AssertionError(f"cryptsetup close: {done.stderr}")
            time.sleep(0.05)

    def __getattr__(self, name):
        if name in ("erase", "detach", "stats", "get", "set", "attached"):
            raise ktap.Skip(f"dm-crypt has no {name}")
        raise AttributeError(name)


class Lab:
    """What the tests share; undoes what a test has made."""

    def __init__(self):
        os.environ["DM_DISABLE_UDEV"] = "1"
        self.broken = False
        self.made = []
        self.device = os.environ.get("NITRO_EBS_DEVICE", "nitro")
        self.ebs = None
        self.modules()
        self.random = random.Random(1)

    def modules(self):
        if self.device == "nitro":
            run("modprobe", "nitro_ebs", "fault_injection=1")
            # The family has another number now, and so have its sockets
            Ebs.family = None
            self.ebs = Ebs()
            self.one = None

    @property
    def card(self):
        """The card for tests of one device's life, see nitroebs.py."""
        self.ours()
        if not self.one:
            self.one = nitroebs.Card()
        return self.one

    def own(self, thing):
        return self.keep(thing)

    def ours(self):
        """For tests of what only nitro_ebs has."""
        if self.device != "nitro":
            raise ktap.Skip(f"{self.device} has none of this")
        return self.ebs

    def keep(self, thing):
        self.made.append(thing)
        return thing

    # --- to be made by tests

    def null(self, mib=16, **attributes):
        return self.keep(storage.NullBlk(mib, **attributes))

    def scsi(self):
        return self.keep(storage.ScsiDebug())

    def dm(self, table, size):
        return self.keep(Dm(table, size))

    def linear(self, backing):
        return self.dm(f"linear {backing.path} 0", backing.size)

    def volume(self, backing, **how):
        """The device under test."""
        kind = Nitro if self.device == "nitro" else DmCrypt
        return self.keep(kind(self, backing, **how))

    def reference(self, backing, **how):
        return self.keep(DmCrypt(self, backing, **how))

    def close(self, thing):
        self.made.remove(thing)
        thing.close()

    def reset(self):
        problems = []
        if self.one:
            self.one.close()
        for thing in reversed(self.made):
            try:
                thing.close()
            except (AssertionError, OSError, Refused) as error:
                problems.append(f"{thing}: {error}")
        self.made = []
        if self.ebs:
            for number in self.ebs.devices():
                problems.append(f"nitro_ebs{number} was left")
                self.ebs("detach", id=number, force=True)
        assert not problems, "\n".join(problems)


def formats():
    """Every format: (sector size, iv-large-sectors)."""
    return [(512, False)] + [(size, large) for size in (1024, 2048, 4096)
                             for large in (False, True)]


