# SPDX-License-Identifier: GPL-2.0
"""The control interface: what is told, and what is refused and why."""

import errno
import os
import socket

import storage
from ktap import test
from netlink import Refused, refused, wait
from storage import MIB, read_file
from volume import KEY, Ebs, add_key, revoke_key

WRONG = {
    # What, errno, attributes beside a good key and backing device
    "sector size 0": (errno.EINVAL, {"sector_size": 0}),
    "sector size 256": (errno.EINVAL, {"sector_size": 256}),
    "sector size 768": (errno.EINVAL, {"sector_size": 768}),
    "sector size 8192": (errno.EINVAL, {"sector_size": 8192}),
    "start within a sector": (errno.EINVAL, {"start": 512,
                                             "sector_size": 4096}),
    "start no multiple of 512": (errno.EINVAL, {"start": 100}),
    "start at the end": (None, {"start": 4 * MIB}),
    "start far away": (None, {"start": 1 << 63}),
    "size 0": (errno.EINVAL, {"size": 0}),
    "size within a sector": (errno.EINVAL, {"size": 4096 + 512,
                                            "sector_size": 4096}),
    "size too large": (errno.ENOSPC, {"size": 4 * MIB + 512}),
    "size that wraps": (None, {"start": 4096, "size": (1 << 64) - 4096}),
    "IV offset within a sector": (errno.EINVAL, {
        "iv_offset": 4, "sector_size": 4096, "iv_large_sectors": True}),
    "id too large": (None, {"id": 65536}),
    "serial with a space": (errno.EINVAL, {"serial": "vol 1"}),
    "serial with a control character": (errno.EINVAL, {"serial": "vol\n1"}),
    "serial too long": (None, {"serial": "v" * 21}),
    "name with a slash": (errno.EINVAL, {"volume": "a/b"}),
    "name too long": (None, {"volume": "v" * 128}),
}


@test(each=WRONG)
def attach_refused(lab, what):
    ebs = lab.ours()
    backing = lab.null(4)
    number, attrs = WRONG[what]
    with refused(number):
        ebs.attach(backing.path, **attrs)
    assert not ebs.devices(), "something was attached"
    # And nothing holds the backing device
    lab.volume(backing)


@test
def key_refused(lab):
    """Keys that are not there, of another kind, too short, weak, revoked."""
    ebs = lab.ours()
    backing = lab.null(4)
    fd = os.open(backing.path, os.O_RDONLY)
    try:
        for what, payload, kind in (
                ("31 bytes", KEY[:31], "logon"), ("48 bytes", KEY[:48], "logon"),
                ("65 bytes", KEY + b"x", "logon"), ("1 byte", b"k", "logon"),
                ("halves alike", KEY[:32] * 2, "logon"),
                ("of another type", KEY, "user")):
            serial = add_key(payload, f"nitro:{len(payload)}", kind)
            try:
                with refused():
                    ebs("attach", backing_fd=fd, key=serial)
                    raise AssertionError(f"a key {what} was taken")
            finally:
                revoke_key(serial)
            with refused():
                ebs("attach", backing_fd=fd, key=serial)
        with refused():
            ebs("attach", backing_fd=fd, key=0x7ffffff0)
        with refused():
            ebs("attach", backing_fd=fd, key=0)
        with refused(errno.EINVAL):
            ebs("attach", backing_fd=fd)
        serial = add_key(KEY)
        with refused(errno.EINVAL):
            ebs("attach", backing_fd=fd, key=serial, instance_store=True)
        with refused(errno.EINVAL):
            ebs("attach", key=serial)
        with refused():
            ebs("attach", key=serial, backing_fd=9999)
        for path in ("/dev/null", "/etc/passwd", "/"):
            other = os.open(path, os.O_RDONLY)
            with refused():
                ebs("attach", key=serial, backing_fd=other)
            os.close(other)
        revoke_key(serial)
    finally:
        os.close(fd)
    assert not ebs.devices()


@test
def backing_in_use(lab):
    lab.ours()
    backing = lab.null(4)
    lab.volume(backing)
    with refused(errno.EBUSY):
        lab.volume(backing)
    other = lab.null(4)
    lab.linear(other)
    with refused(errno.EBUSY):
        lab.volume(other)
    third = lab.null(4)
    fd = os.open(third.path, os.O_RDWR | os.O_EXCL)
    with refused(errno.EBUSY):
        lab.volume(third)
    os.close(fd)
    lab.volume(third)


@test
def id_taken(lab):
    lab.ours()
    one = lab.volume(lab.null(4), id=7)
    assert one.path == "/dev/nitro_ebs7"
    with refused(errno.EEXIST):
        lab.volume(lab.null(4), id=7)
    two = lab.volume(lab.null(4))
    assert two.id == 0, "not the lowest free one"


@test
def backing_sectors_too_large(lab):
    lab.ours()
    backing = lab.null(4, blocksize=4096)
    with refused():
        lab.volume(backing, sector_size=512)
    lab.volume(backing, sector_size=4096)


@test
def told(lab):
    """All that was asked for is told, but for the key."""
    ebs = lab.ours()
    backing = lab.null(8)
    asked = {"sector_size": 2048, "start": MIB, "size": 2 * MIB,
             "iv_offset": 16, "iops": 1000, "iops_burst": 50,
             "throughput": 10 * MIB, "throughput_burst": MIB,
             "serial": "vol0123456789abcdef0", "volume": "database"}
    volume = lab.volume(backing, large=True, discard=True, **asked)
    found = volume.get()
    for name, value in asked.items():
        assert found[name.replace("_", "-")] == value, f"{name}: {found}"
    assert found["state"] == "live" and "discard" in found
    assert "iv-large-sectors" in found and "key" not in found
    status = os.stat(backing.path)
    assert (found["backing-major"], found["backing-minor"]) == (
        os.major(status.st_rdev), os.minor(status.st_rdev))
    assert found == ebs.devices()[volume.id]
    block = f"/sys/block/nitro_ebs{volume.id}"
    assert read_file(f"{block}/serial") == asked["serial"]
    assert read_file(f"{block}/volume") == asked["volume"]


@test
def no_device(lab):
    ebs = lab.ours()
    for op in ("get", "set", "erase", "detach", "stats-get"):
        with refused(errno.ENODEV):
            ebs(op, id=77)
        with refused(errno.EINVAL):
            ebs(op)


@test
def set_refused(lab):
    """Smaller, unaligned, beyond the backing device: and nothing is changed."""
    lab.ours()
    volume = lab.volume(lab.null(4), sector_size=4096, size=2 * MIB, iops=100)
    before = volume.get()
    for size in (MIB, 0, 2 * MIB + 512, 4 * MIB + 4096, (1 << 64) - 4096):
        with refused():
            volume.set(size=size, iops=200)
    assert volume.get() == before
    volume.set(size=3 * MIB)
    assert volume.get() == dict(before, size=3 * MIB)
    volume.set(iops=300, throughput=5 * MIB)
    assert volume.get() == dict(before, size=3 * MIB, iops=300,
                                throughput=5 * MIB)


@test
def busy(lab):
    """A volume that is open stays, unless that is forced."""
    lab.ours()
    volume = lab.volume(lab.null(4))
    fd = os.open(volume.path, os.O_RDONLY)
    wait(lambda: volume.get()["opens"] >= 1, "a count of opens")
    with refused(errno.EBUSY):
        volume.detach()
    os.close(fd)
    wait(lambda: not volume.get()["opens"], "a count of no opens")
    volume.detach()


@test
def unprivileged(lab):
    """Who may not administer the machine may look, and no more."""
    ebs = lab.ours()
    backing = lab.null(4)
    volume = lab.volume(backing)
    pid = os.fork()
    if not pid:
        status = 1
        try:
            os.setresuid(65534, 65534, 65534)
            for op in ("set", "erase", "detach"):
                try:
                    ebs(op, id=volume.id)
                    os._exit(2)
                except Refused as error:
                    if error.errno != errno.EPERM:
                        os._exit(3)
            status = 0
        finally:
            os._exit(status)
    assert not os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert volume.get()["state"] == "live"


def told_events(listener, count):
    found = []

    def enough():
        listener.ynl.check_ntf()
        found.extend(n["msg"] for n in listener.ynl.async_msg_queue)
        listener.ynl.async_msg_queue.clear()
        return len(found) >= count

    wait(enough, f"{count} events, only {found}")
    return found


@test
def events(lab):
    """What happens to a volume is told, in this order."""
    lab.ours()
    listener = Ebs()
    listener.ynl.ntf_subscribe("events")
    volume = lab.volume(lab.null(8), size=2 * MIB, serial="vol1", volume="name")
    volume.set(size=4 * MIB)
    volume.set(iops=500)
    volume.erase()
    volume.detach()
    found = told_events(listener, 5)
    listener.close()
    assert [event["kind"] for event in found] == [
        "attach", "resize", "limits", "erase", "detach"], found
    assert all(event["id"] == volume.id and event["serial"] == "vol1" and
               event["volume"] == "name" for event in found), found
    assert found[0]["size"] == 2 * MIB and found[1]["size"] == 4 * MIB


@test
def counted(lab):
    """Operations and bytes, as they were done."""
    lab.ours()
    # Without a cache below there would be nothing to flush
    volume = lab.volume(lab.null(8, discard=1, cache_size=1), discard=True)
    wait(lambda: not volume.get()["opens"], "the search for partitions")
    before = volume.stats()
    with storage.Device(volume.path) as device:
        for number in range(10):
            device.write(number * 65536, bytes(4096))
        device.read(0, MIB)
        device.read(4096, 512)
        device.sync()
        device.discard(MIB, MIB)
    after = volume.stats()
    grown = {name: after[name] - before[name] for name in before
             if isinstance(before[name], int)}
    for name, value in {"write-ops": 10, "write-bytes": 40960, "read-ops": 2,
                        "read-bytes": MIB + 512, "discard-bytes": MIB,
                        "errors": 0}.items():
        assert grown[name] == value, f"{name}: {grown[name]}, not {value}"
    assert grown["flush-ops"] >= 1
    assert sum(entry["count"] for entry in after["write-latency"]) - sum(
        entry["count"] for entry in before.get("write-latency", [])) == 10
    assert not after["queue-length"]


@test
def other_socket(lab):
    """A dump that is left in the middle while volumes go."""
    ebs = lab.ours()
    found = [lab.volume(lab.null(1)) for _ in range(12)]
    others = []
    for _ in range(6):
        other = Ebs()
        other.ynl.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        others.append(other)
    assert set(ebs.devices()) == {volume.id for volume in found}
    for volume in found[::2]:
        lab.close(volume)
    assert set(ebs.devices()) == {volume.id for volume in found[1::2]}
    for other in others:
        other.close()


@test
def instance_store(lab):
    """A key of its own each time; first and last MiB are zeros, no key told."""
    lab.ours()
    backing = lab.null(8, discard=1)
    storage.fill(backing.path, b"old " * (2 * MIB))
    seen = []
    for _ in range(2):
        volume = lab.volume(backing, key=None, instance_store=True)
        found = volume.get()
        assert "instance-store" in found and "discard" in found
        plain = storage.contents(volume.path)
        assert plain[:MIB] == bytes(MIB) and plain[-MIB:] == bytes(MIB)
        assert b"old old" not in plain[MIB:-MIB]
        storage.fill(volume.path, b"s" * MIB, 2 * MIB)
        lab.close(volume)
        raw = storage.contents(backing.path, MIB, 2 * MIB)
        assert b"ssss" not in raw
        seen.append(raw)
    assert seen[0] != seen[1], "the same key twice"
