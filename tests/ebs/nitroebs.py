# SPDX-License-Identifier: GPL-2.0
"""The card for volumes, as tests see it: netlink by the kernel's own YNL, keys in
the session's keyring, backing devices of several kinds."""

import contextlib
import ctypes
import errno
import mmap
import os
import subprocess
import time

from netlink import YNL, spec_path, wait

SPEC = spec_path("nitro_ebs")
DEADLINE = 10.0
MIB = 1 << 20

BLKDISCARD, BLKGETSIZE64, BLKROGET = 0x1277, 0x80081272, 0x125e


class Refused(Exception):
    """The card refused a request; .errno and .sentence say why."""

    def __init__(self, error):
        self.errno = -error.nl_msg.error
        self.sentence = (error.nl_msg.extack or {}).get("msg", "")
        super().__init__(f"{errno.errorcode.get(self.errno)}: {self.sentence}")


def run(*command, stdin=None, check=True):
    done = subprocess.run(command, capture_output=True, input=stdin, check=False)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.returncode}: "
                             f"{done.stderr.decode(errors='replace')}")
    return done.stdout


@contextlib.contextmanager
def refused(number, words=""):
    """The request inside is refused, with this errno and such a sentence."""
    try:
        yield
    except Refused as error:
        assert error.errno == number, f"refused otherwise: {error}"
        assert error.sentence and words in error.sentence, f"extack: {error}"
    else:
        raise AssertionError("was not refused")


class Key:
    """A key, and a logon key with it."""

    count = 0
    libkeyutils = ctypes.CDLL("libkeyutils.so.1", use_errno=True)

    def __init__(self, data=None, kind="logon"):
        Key.count += 1
        self.bytes = os.urandom(64) if data is None else data
        self.serial = self.libkeyutils.add_key(
            kind.encode(), f"nitro:test-{Key.count}".encode(), self.bytes,
            len(self.bytes), -3 & 0xffffffff)
        assert self.serial > 0, os.strerror(ctypes.get_errno())

    def revoke(self):
        assert self.libkeyutils.keyctl_revoke(self.serial) == 0


class Ramdisk:
    """A backing device: a loop device on a file in memory."""

    def __init__(self, size=64 * MIB, sector=512):
        self.file = f"/dev/shm/backing-{os.getpid()}-{time.monotonic_ns()}"
        with open(self.file, "wb") as file:
            file.truncate(size)
        self.path = run("losetup", "--show", "-f", "-b", str(sector), "--direct-io=off",
                        self.file).decode().strip()

    def read(self, offset, size):
        with open(self.file, "rb") as file:
            file.seek(offset)
            return file.read(size)

    def close(self):
        run("losetup", "-d", self.path)
        os.unlink(self.file)


class DmDevice:
    """A backing device made of a device mapper table."""

    count = 0

    def __init__(self, table):
        DmDevice.count += 1
        self.name = f"nitro-test-{os.getpid()}-{DmDevice.count}"
        run("dmsetup", "create", "--noudevsync", self.name, "--table", table)
        self.path = os.path.realpath(f"/dev/mapper/{self.name}")
        if not os.path.exists(self.path):
            run("dmsetup", "mknodes", self.name)
            self.path = os.path.realpath(f"/dev/mapper/{self.name}")

    def do(self, *command):
        run("dmsetup", command[0], "--noudevsync", *command[1:], self.name)

    def close(self):
        self.do("resume")
        wait(lambda: subprocess.run(["dmsetup", "remove", "--noudevsync", self.name],
                                    capture_output=True, check=False).returncode == 0,
             "removal of a device")


class NullBlock:
    """A backing device in memory whose I/O ends in an interrupt, some time later."""

    count = 0

    def __init__(self, size=64 * MIB, **what):
        if not os.path.exists("/sys/kernel/config/nullb"):
            subprocess.run(["modprobe", "null_blk", "nr_devices=0"], check=False)
            subprocess.run(["mount", "-t", "configfs", "none", "/sys/kernel/config"],
                           check=False)
        NullBlock.count += 1
        self.name = f"nullb-test{NullBlock.count}"
        self.dir = f"/sys/kernel/config/nullb/{self.name}"
        os.mkdir(self.dir)
        what = {"size": size // MIB, "memory_backed": 1, "irqmode": 2,
                "completion_nsec": 100000, "submit_queues": 1, **what}
        for name, value in {**what, "power": 1}.items():
            self.set(name, value)
        with open(f"{self.dir}/index", encoding="ascii") as file:
            index = file.read().strip()
        self.path = next(path for path in (f"/dev/{self.name}", f"/dev/nullb{index}")
                         if os.path.exists(path))

    def set(self, name, value):
        with open(f"{self.dir}/{name}", "w", encoding="ascii") as file:
            file.write(str(value))

    def close(self):
        if os.path.exists(self.dir):
            self.set("power", 0)
            os.rmdir(self.dir)


class Device:
    """An attached device."""

    def __init__(self, card, info):
        self.card, self.id = card, info["id"]
        self.name = f"nitro_ebs{self.id}"
        self.path = f"/dev/{self.name}"
        self.info = self.get()

    def get(self):
        return self.card("get", id=self.id)

    def stats(self):
        return self.card("stats-get", id=self.id)

    def set(self, **what):
        return self.card("set", id=self.id, **what)

    def erase(self):
        return self.card("erase", id=self.id)

    def detach(self, force=False, patient=True):
        """udev may have the device open for a moment, whenever it was written."""
        flags = {"force": True} if force else {}

        def detached():
            try:
                self.card("detach", id=self.id, **flags)
                return True
            except Refused as error:
                if not patient or error.errno != errno.EBUSY:
                    raise
                return False
        wait(detached, f"detach of {self.name}")
        self.card.devices.pop(self.id, None)

    def fault(self, name, value):
        with open(f"/sys/kernel/debug/nitro_ebs/{self.name}/{name}", "w",
                  encoding="ascii") as file:
            file.write(str(value))

    def sysfs(self, name):
        with open(f"/sys/block/{self.name}/{name}", encoding="ascii") as file:
            return file.read().strip()

    def open(self, flags=os.O_RDWR, direct=True):
        return os.open(self.path, flags | (os.O_DIRECT if direct else 0))

    def write(self, offset, data):
        write(self.path, offset, data)

    def read(self, offset, size):
        return read(self.path, offset, size)


def buffer(size):
    return mmap.mmap(-1, max(size, 1))


def write(path, offset, data, flags=0):
    """Write past the page cache."""
    area = buffer(len(data))
    area[:] = data
    fd = os.open(path, os.O_WRONLY | os.O_DIRECT | flags)
    try:
        done = 0
        while done < len(data):
            done += os.pwritev(fd, [memoryview(area)[done:]], offset + done)
    finally:
        os.close(fd)


def read(path, offset, size):
    """Read past the page cache."""
    area = buffer(size)
    fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
    try:
        done = 0
        while done < size:
            part = os.preadv(fd, [memoryview(area)[done:]], offset + done)
            if not part:
                break
            done += part
    finally:
        os.close(fd)
    return bytes(area[:done])


class Card:
    """The module's control interface."""

    def __init__(self):
        self.ynl = YNL.YnlFamily(SPEC, schema=False)
        self.devices = {}

    def __call__(self, operation, **attrs):
        try:
            return self.ynl.do(operation, attrs)
        except YNL.NlError as error:
            raise Refused(error) from None

    def dump(self, operation):
        return self.ynl.dump(operation, {})

    def attach(self, backing, key=None, **what):
        fd = os.open(getattr(backing, "path", backing), os.O_RDONLY)
        try:
            if key:
                what["key"] = key.serial
            device = Device(self, self("attach", **{"backing-fd": fd}, **what))
        finally:
            os.close(fd)
        self.devices[device.id] = device
        return device

    def events(self):
        """A listener."""
        listener = YNL.YnlFamily(SPEC, schema=False)
        listener.ntf_subscribe("events")
        return Events(listener)

    def close(self):
        for device in list(self.devices.values()):
            with contextlib.suppress(Refused):
                device.detach(force=True)
        self.devices = {}


class Events:
    def __init__(self, ynl):
        self.ynl, self.seen = ynl, []

    def poll(self):
        self.ynl.check_ntf()
        queue = self.ynl.async_msg_queue
        while not (queue.empty() if hasattr(queue, "empty") else not queue):
            item = queue.get() if hasattr(queue, "get") else queue.pop(0)
            self.seen.append(item["msg"])
        return self.seen

    def wait(self, kind, deadline=DEADLINE):
        return wait(lambda: next((e for e in self.poll() if e["kind"] == kind), None),
                    f"event {kind}", deadline)
