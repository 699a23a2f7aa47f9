# SPDX-License-Identifier: GPL-2.0
"""From attach to detach, and what goes wrong in between."""

import contextlib
import errno
import fcntl
import os
import struct
import threading
import time

from ktap import test
from nitroebs import (BLKDISCARD, MIB, DmDevice, Key, Ramdisk, buffer, read, refused, run, wait,
                      write)


@contextlib.contextmanager
def fails(number=errno.EIO):
    try:
        yield
    except OSError as error:
        assert error.errno == number, error
    else:
        raise AssertionError("did not fail")


class Worker(threading.Thread):
    """Does something that may take forever; .error is how it ended."""

    def __init__(self, function, *args):
        super().__init__(daemon=True)
        self.function, self.args, self.error = function, args, None
        self.start()

    def run(self):
        try:
            self.function(*self.args)
        except OSError as error:
            self.error = error.errno

    def ended(self):
        return not self.is_alive()


def hung(lab, size=16 * MIB):
    """A backing device that takes I/O and does not answer, until resumed."""
    backing = lab.own(Ramdisk(size))
    device = lab.own(DmDevice(f"0 {size >> 9} linear {backing.path} 0"))
    return backing, device


@test
def grow(lab):
    device = lab.card.attach(lab.own(Ramdisk(8 * MIB)), Key(), size=4 * MIB)
    events = lab.card.events()
    with device_open(device) as fd:
        device.set(size=8 * MIB)
        assert os.lseek(fd, 0, os.SEEK_END) == 8 * MIB
    assert events.wait("resize")["size"] == 8 * MIB
    assert device.get()["size"] == 8 * MIB
    device.write(7 * MIB, b"x" * 4096)
    assert device.read(7 * MIB, 4096) == b"x" * 4096


@contextlib.contextmanager
def device_open(device):
    fd = device.open()
    try:
        yield fd
    finally:
        os.close(fd)


@test
def grow_with_the_backing_device(lab):
    backing = lab.own(Ramdisk(8 * MIB))
    device = lab.card.attach(backing, Key())
    with refused(errno.ENOSPC):
        device.set(size=12 * MIB)
    os.truncate(backing.file, 12 * MIB)
    run("losetup", "-c", backing.path)
    device.set(size=12 * MIB)
    device.write(12 * MIB - 4096, b"y" * 4096)


@test
def erase(lab):
    key = Key()
    backing = lab.own(Ramdisk(8 * MIB))
    device = lab.card.attach(backing, key)
    events = lab.card.events()
    device.write(0, b"secret--" * 512)
    fd = device.open()
    device.erase()
    with fails():
        os.preadv(fd, [buffer(4096)], 0)
    os.close(fd)
    with fails():
        device.read(0, 4096)
    with fails():
        device.write(0, bytes(4096))
    assert events.wait("erase")["state"] == "erased"
    assert device.get()["state"] == "erased" and device.get()["cipher"] == ""
    device.erase()
    with refused(errno.EIO, "not live"):
        device.set(size=8 * MIB)
    device.detach()
    # What the key's owner still has opens it again: erase is of this key here
    again = lab.card.attach(backing, key)
    assert again.read(0, 4096) == b"secret--" * 512


@test
def instance_store(lab):
    backing = lab.own(Ramdisk(8 * MIB))
    write(backing.path, 0, os.urandom(8 * MIB))
    device = lab.card.attach(backing, **{"instance-store": True})
    assert device.read(0, MIB) == bytes(MIB)
    assert device.read(7 * MIB, MIB) == bytes(MIB)
    assert device.read(4 * MIB, MIB) != bytes(MIB)
    assert backing.read(0, MIB) != bytes(MIB)
    assert int(device.sysfs("queue/discard_max_bytes")) > 0
    device.write(MIB, b"mine" * 1024)
    device.detach()
    device = lab.card.attach(backing, **{"instance-store": True})
    assert device.read(MIB, 4096) != b"mine" * 1024


@test
def discard(lab):
    backing = lab.own(Ramdisk(8 * MIB))
    device = lab.card.attach(backing, Key())
    device.write(0, b"a" * MIB)
    with device_open(device) as fd, fails(errno.EOPNOTSUPP):
        fcntl.ioctl(fd, BLKDISCARD, struct.pack("QQ", 0, MIB))
    device.detach()
    device = lab.card.attach(backing, Key(), discard=True)
    with device_open(device) as fd:
        fcntl.ioctl(fd, BLKDISCARD, struct.pack("QQ", 0, MIB))
    assert backing.read(0, MIB) == bytes(MIB)
    assert device.stats()["discard-bytes"] == MIB


@test
def read_only(lab):
    backing, key = lab.own(Ramdisk(8 * MIB)), Key()
    device = lab.card.attach(backing, key)
    device.write(0, b"r" * 4096)
    device.detach()
    device = lab.card.attach(backing, key, **{"read-only": True})
    assert device.sysfs("ro") == "1"
    assert device.read(0, 4096) == b"r" * 4096
    with fails(errno.EROFS):
        device.open()


@test
def partitions(lab):
    backing, key = lab.own(Ramdisk(32 * MIB)), Key()
    device = lab.card.attach(backing, key)
    run("sfdisk", device.path, stdin=b"label: gpt\nsize=8MiB\nsize=8MiB\n")
    device.detach()
    device = lab.card.attach(backing, key)
    assert os.path.exists(f"/sys/block/{device.name}/{device.name}p2")
    write(f"/dev/{device.name}p2", 0, b"p" * 4096)
    assert read(f"/dev/{device.name}p2", 0, 4096) == b"p" * 4096


@test
def file_system(lab):
    os.makedirs("/tmp/mnt", exist_ok=True)
    for size in (512, 4096):
        device = lab.card.attach(lab.own(Ramdisk(320 * MIB)), Key(), discard=True,
                                 **{"sector-size": size})
        run("mkfs.xfs", "-q", "-f", device.path)
        run("mount", "-o", "discard", device.path, "/tmp/mnt")
        data = os.urandom(5 * MIB)
        with open("/tmp/mnt/file", "wb") as file:
            file.write(data)
            os.fsync(file.fileno())
        run("umount", "/tmp/mnt")
        run("xfs_repair", "-n", device.path)
        run("mount", device.path, "/tmp/mnt")
        with open("/tmp/mnt/file", "rb") as file:
            assert file.read() == data
        run("umount", "/tmp/mnt")
        assert device.stats()["flush-ops"] > 0


def detach_what_hangs(lab, most):
    backing, under = hung(lab)
    key = Key()
    device = lab.card.attach(under, key, id=3)
    device.write(0, b"before--" * 512)
    under.do("suspend")
    workers = [Worker(device.write, 0, b"late----" * 512), Worker(device.read, 4096, 4096)]
    wait(lambda: device.stats()["queue-length"] == 2, "I/O in flight")
    # In one piece or several, as the backing device takes it
    workers.append(Worker(device.read, 0, MIB))
    wait(lambda: device.stats()["queue-length"] > 2, "large I/O in flight")
    assert not any(worker.ended() for worker in workers)
    start = time.monotonic()
    device.detach(force=True)
    wait(lambda: all(worker.ended() for worker in workers), "end of the I/O")
    spent = time.monotonic() - start
    assert most is None or spent < most, spent
    found = [worker.error for worker in workers]
    assert found == [errno.EIO] * 3, found
    assert not os.path.exists(device.path)
    with refused(errno.EBUSY, "has not ended"):
        lab.card.attach(under, key)
    under.do("resume")

    def attached():
        with contextlib.suppress(Exception):
            return lab.card.attach(under, key)
    again = wait(attached, "release of the backing device")
    assert again.read(0, 4096) in (b"before--" * 512, b"late----" * 512)
    assert backing.read(0, 4096) != bytes(4096)


@test
def backing_device_hangs(lab):
    """Detach by force ends what hangs, and what comes late hurts nobody."""
    detach_what_hangs(lab, None)


@test(clock=True)
def backing_device_hangs_for_a_second(lab):
    """The same, by a clock that does not mind what else the machine does."""
    detach_what_hangs(lab, 1.0)


@test
def erase_while_the_backing_device_hangs(lab):
    _, under = hung(lab)
    device = lab.card.attach(under, Key())
    under.do("suspend")
    worker = Worker(device.read, 0, 4096)
    wait(lambda: device.stats()["queue-length"] == 1, "I/O in flight")
    device.erase()
    wait(worker.ended, "end of the I/O")
    assert worker.error == errno.EIO
    under.do("resume")
    device.detach()


@test
def forced_while_mounted(lab):
    device = lab.card.attach(lab.own(Ramdisk(320 * MIB)), Key())
    os.makedirs("/tmp/mnt", exist_ok=True)
    run("mkfs.xfs", "-q", "-f", device.path)
    run("mount", device.path, "/tmp/mnt")
    with open("/tmp/mnt/file", "wb") as file:
        file.write(b"x" * MIB)
    device.detach(force=True)
    with fails():
        fd = os.open("/tmp/mnt/other", os.O_WRONLY | os.O_CREAT)
        os.write(fd, b"x" * 4096)
        os.fsync(fd)
    run("umount", "/tmp/mnt")


@test
def stall(lab):
    with open("/sys/module/nitro_ebs/parameters/stall_timeout", "w",
              encoding="ascii") as file:
        file.write("200")
    _, under = hung(lab)
    device = lab.card.attach(under, Key())
    events = lab.card.events()
    under.do("suspend")
    worker = Worker(device.write, 0, bytes(4096))
    assert events.wait("stall")["waited"] >= 200000
    assert device.get()["stalled"]
    under.do("resume")
    events.wait("resume")
    assert "stalled" not in device.get()
    wait(worker.ended)
    assert worker.error is None


@test
def errors(lab):
    backing = lab.own(Ramdisk(16 * MIB))
    half = 8 * MIB >> 9
    under = lab.own(DmDevice(f"0 {half} linear {backing.path} 0\n{half} {half} error"))
    device = lab.card.attach(under, Key())
    events = lab.card.events()
    device.write(0, bytes(MIB))
    with fails():
        device.write(8 * MIB, bytes(4096))
    with fails():
        device.read(12 * MIB, 4096)
    with fails():
        device.read(8 * MIB - 4096, 8192)
    event = events.wait("error")
    assert event["error"] == errno.EIO and event["sector"] >= half - 8
    assert device.stats()["errors"] >= 3
    assert device.get()["state"] == "live"


@test
def injected_faults(lab):
    device = lab.card.attach(lab.own(Ramdisk(8 * MIB)), Key())
    device.fault("error_ppm", 1000000)
    with fails():
        device.read(0, 4096)
    device.fault("error_ppm", 0)
    device.fault("latency_us", 50000)
    start = time.monotonic()
    device.write(0, b"slow" * 1024)
    assert device.read(0, 4096) == b"slow" * 1024
    assert time.monotonic() - start >= 0.1
    device.fault("latency_us", 0)
    device.fault("pause", 1)
    worker = Worker(device.write, 0, b"late" * 1024)
    wait(lambda: device.stats()["queue-length"] == 1)
    assert not worker.ended()
    device.fault("pause", 0)
    wait(worker.ended)
    assert device.read(0, 4096) == b"late" * 1024
    device.fault("pause", 1)
    worker = Worker(device.write, 0, b"dead" * 1024)
    wait(lambda: device.stats()["queue-length"] == 1)
    device.detach(force=True)
    wait(worker.ended)
    assert worker.error == errno.EIO


@test
def counters(lab):
    device = lab.card.attach(lab.own(Ramdisk(8 * MIB)), Key())
    base = device.stats()
    device.write(0, bytes(3 * MIB))
    for _ in range(10):
        device.read(4096, 8192)
    stats = device.stats()
    assert stats["write-bytes"] - base["write-bytes"] == 3 * MIB
    assert stats["read-bytes"] - base["read-bytes"] == 10 * 8192
    assert stats["read-ops"] - base["read-ops"] == 10
    assert stats["queue-length"] == 0 and stats["errors"] == 0
    assert stats["read-time"] > 0 and stats["write-time"] > 0
    assert sum(b["count"] for b in stats["read-latency"]) == stats["read-ops"]
    assert all(b["from"] < b["to"] for b in stats["read-latency"])
    assert lab.card.dump("stats-get")[0]["id"] == device.id


@test
def limits(lab):
    device = lab.card.attach(lab.own(Ramdisk(8 * MIB)), Key(), iops=25)
    events = lab.card.events()
    device.read(0, 4096)
    start = time.monotonic()
    for _ in range(13):
        device.read(0, 4096)
    spent = time.monotonic() - start
    assert spent > 0.47, spent
    events.wait("limit-exceeded")
    assert device.stats()["iops-exceeded"] > 0
    assert device.stats()["throughput-exceeded"] == 0
    device.set(iops=0, throughput=4 * MIB)
    start = time.monotonic()
    device.read(0, 4 * MIB)
    assert time.monotonic() - start > 0.7
    assert device.stats()["throughput-exceeded"] > 0
    device.set(throughput=1024)
    worker = Worker(device.read, 0, MIB)
    wait(lambda: device.stats()["queue-length"])
    device.set(throughput=0)
    wait(worker.ended)
