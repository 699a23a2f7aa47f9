# SPDX-License-Identifier: GPL-2.0
"""What is asked of the card: it does it, or says why not and changes nothing."""

import errno
import os

from ktap import test
from nitroebs import MIB, Card, Key, Ramdisk, refused, wait


@test
def attach_and_detach(lab):
    backing = lab.own(Ramdisk(8 * MIB))
    events = lab.card.events()
    device = lab.card.attach(backing, Key(), start=MIB, serial="vol0123456789abcdef0",
                             volume="data-1", **{"sector-size": 4096})
    number = os.stat(device.path).st_rdev
    info = device.get()
    assert info == device.info
    assert (info["major"], info["minor"]) == (os.major(number), os.minor(number))
    number = os.stat(backing.path).st_rdev
    assert (info["backing-major"], info["backing-minor"]) == \
        (os.major(number), os.minor(number))
    assert info["size"] == 7 * MIB and info["start"] == MIB
    assert info["state"] == "live" and info["opens"] == 0
    assert info["cipher"].startswith("aes-xts-plain64 ")
    assert device.sysfs("serial") == "vol0123456789abcdef0"
    assert device.sysfs("volume") == "data-1"
    assert device.sysfs("queue/logical_block_size") == "4096"
    assert device.sysfs("size") == str(7 * MIB // 512)
    assert os.path.exists(f"/sys/block/{device.name}/slaves/"
                          f"{os.path.basename(backing.path)}")
    assert lab.card.dump("get") == [info]
    assert events.wait("attach")["size"] == 7 * MIB
    device.detach()
    assert events.wait("detach")["serial"] == "vol0123456789abcdef0"
    assert lab.card.dump("get") == [] and not os.path.exists(device.path)
    with refused(errno.ENODEV, "no device nitro_ebs"):
        device.get()


@test
def ids(lab):
    backing = lab.own(Ramdisk(8 * MIB))
    key = Key()
    seven = lab.card.attach(backing, key, id=7, size=MIB)
    zero = lab.card.attach(backing, key, start=MIB, size=MIB)
    assert (seven.id, zero.id) == (7, 0)
    with refused(errno.EEXIST, "nitro_ebs7 already"):
        lab.card.attach(backing, key, id=7, start=2 * MIB)
    assert [one["id"] for one in lab.card.dump("get")] == [0, 7]


@test
def attach_refused(lab):
    backing = lab.own(Ramdisk(8 * MIB))
    large = lab.own(Ramdisk(8 * MIB, sector=4096))
    key = Key()
    rows = [
        (backing, None, {}, errno.EINVAL, "'key' or 'instance-store'"),
        (backing, key, {"instance-store": True}, errno.EINVAL, "exclude each other"),
        (backing, Key(os.urandom(48)), {}, errno.EINVAL, "48 bytes"),
        (backing, Key(bytes(64)), {}, errno.EINVAL, "halves"),
        (backing, Key(kind="user"), {}, errno.EINVAL, "'logon'"),
        (backing, key, {"sector-size": 8192}, errno.EINVAL, "'sector-size'"),
        (backing, key, {"sector-size": 513}, errno.EINVAL, "'sector-size'"),
        (backing, key, {"start": 100}, errno.EINVAL, "'start'"),
        (backing, key, {"size": 4100}, errno.EINVAL, "'size'"),
        (backing, key, {"size": 0}, errno.EINVAL, "'size'"),
        (backing, key, {"size": 9 * MIB}, errno.ENOSPC, "only 8388608 bytes"),
        (backing, key, {"start": 8 * MIB}, errno.ENOSPC, "only 8388608 bytes"),
        (backing, key, {"start": (1 << 64) - 4096, "size": 8192}, errno.ENOSPC, "only"),
        (backing, key, {"iv-offset": 4, "sector-size": 4096}, errno.EINVAL, "'iv-offset'"),
        (backing, key, {"volume": "a b"}, errno.EINVAL, "'volume'"),
        (backing, key, {"volume": "../b"}, errno.EINVAL, "'volume'"),
        (backing, key, {"serial": "a\nb"}, errno.EINVAL, "'serial'"),
        (backing, key, {"iops": 1 << 41}, errno.EINVAL, "'iops'"),
        (backing, None, {"instance-store": True, "read-only": True}, errno.EINVAL,
         "read-only"),
        (large, key, {"sector-size": 512}, errno.EINVAL, "blocks of 4096"),
        ("/dev/null", key, {}, errno.ENOTBLK, "no block device"),
    ]
    for where, with_key, what, number, words in rows:
        with refused(number, words):
            lab.card.attach(where, with_key, **what)
        assert lab.card.dump("get") == []
    with refused(errno.EBADF, "no open file"):
        lab.card("attach", **{"backing-fd": 1000, "key": key.serial})
    with refused(errno.ENOKEY, "no key"):
        lab.card.attach(backing, NoKey)
    revoked = Key()
    revoked.revoke()
    with refused(errno.EKEYREVOKED):
        lab.card.attach(backing, revoked)
    fd = os.open(backing.path, os.O_RDWR | os.O_EXCL)
    with refused(errno.EBUSY, "in use"):
        lab.card.attach(backing, key)
    os.close(fd)
    lab.card.attach(backing, key)


class NoKey:
    serial = 0x7ffffff0


@test
def ranges_do_not_overlap(lab):
    backing = lab.own(Ramdisk(8 * MIB))
    key = Key()
    first = lab.card.attach(backing, key, size=2 * MIB)
    second = lab.card.attach(backing, key, start=4 * MIB, size=2 * MIB)
    for start, size in ((0, 4096), (2 * MIB - 4096, 8192), (0, 8 * MIB),
                        (5 * MIB, 3 * MIB), (4 * MIB + 512, 512)):
        with refused(errno.EBUSY, "has a part"):
            lab.card.attach(backing, key, start=start, size=size)
    with refused(errno.EBUSY, f"{second.name} has a part"):
        first.set(size=4 * MIB + 512)
    first.set(size=4 * MIB)
    with refused(errno.EBUSY):
        lab.card.attach(backing, key, start=3 * MIB, size=MIB)
    second.detach()
    wait(lambda: len(lab.card.dump("get")) == 1)
    first.set(size=8 * MIB)


@test
def detach_refused_while_open(lab):
    device = lab.card.attach(lab.own(Ramdisk(8 * MIB)), Key())
    fd = device.open()
    with refused(errno.EBUSY, "is open"):
        device.detach()
    assert device.get()["opens"] == 1
    os.close(fd)
    device.detach()


@test
def set_refused(lab):
    device = lab.card.attach(lab.own(Ramdisk(8 * MIB)), Key(), size=4 * MIB,
                             **{"sector-size": 4096})
    with refused(errno.EINVAL, "never shrink"):
        device.set(size=2 * MIB)
    with refused(errno.EINVAL, "no multiple"):
        device.set(size=4 * MIB + 512)
    with refused(errno.ENOSPC, "only"):
        device.set(size=16 * MIB)
    with refused(errno.EINVAL, "'throughput'"):
        device.set(throughput=1 << 41)
    assert device.get() == device.info


@test
def only_for_administrators(lab):
    device = lab.card.attach(lab.own(Ramdisk(8 * MIB)), Key())
    child = os.fork()
    if not child:
        try:
            os.setuid(1000)
            card = Card()
            card.devices[device.id] = device
            for operation in ("detach", "erase", "set", "attach"):
                with refused(errno.EPERM, "CAP_SYS_ADMIN"):
                    card(operation, id=device.id)
            assert card("get", id=device.id)["id"] == device.id
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert device.get() == device.info
