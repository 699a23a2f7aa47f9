# SPDX-License-Identifier: GPL-2.0
"""Volumes that change, break and go while there is I/O on them."""

import contextlib
import errno
import os
import subprocess
import threading

import storage
from ktap import test
from netlink import Refused, wait
from storage import MIB, Device, contents, run
from volume import KEY, OTHER_KEY


# A disk that was removed has no size, so that a write is past its end
GONE = (errno.EIO, errno.ENXIO, errno.ENODEV, errno.ENOSPC)


class Load:
    """Threads that write and read a volume until told to stop. Each has a
    region of its own and knows what is in it."""

    def __init__(self, path, size, threads=3, errors=()):
        self.errors = errors
        self.stopped = threading.Event()
        self.problems, self.done, self.failed = [], 0, 0
        share = size // threads // 65536 * 65536
        # Here: a thread that comes late finds no node any more
        self.threads = [threading.Thread(target=self.run,
                                         args=(Device(path, most=65536), number,
                                               number * share, share))
                        for number in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self, device, number, start, size):
        try:
            with device:
                count = 0
                while not self.stopped.is_set():
                    count += 1
                    at = start + count * 65536 % size
                    data = f"{number} {count} ".encode() * 16400
                    try:
                        device.write(at, data[:65536])
                        if device.read(at, 65536) != data[:65536]:
                            self.problems.append(f"{at} differs")
                        self.done += 1
                    except OSError as error:
                        if error.errno not in self.errors:
                            raise
                        self.failed += 1
                        # Gone: that is the end of it
                        if self.failed > 20:
                            return
        except Exception as error:  # pylint: disable=broad-except
            self.problems.append(repr(error))

    def wait_for(self, number):
        target = self.done + number
        wait(lambda: self.done >= target or self.problems, f"{number} more I/Os",
             30)

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join(20)
            assert not thread.is_alive(), "I/O hangs"
        assert not self.problems, self.problems[:5]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


@test
def resize(lab):
    """Growing again and again fails no I/O, and is seen at once."""
    volume = lab.volume(lab.null(32), size=4 * MIB)
    with Load(volume.path, 4 * MIB) as load, Device(volume.path) as device:
        for size in range(5, 32, 3):
            load.wait_for(2)
            volume.grow(size * MIB)
            assert device.size == size * MIB
            device.write(size * MIB - 4096, b"n" * 4096)


@test
def limits(lab):
    """Limits come and go under load."""
    lab.ours()
    volume = lab.volume(lab.null(8))
    with Load(volume.path, 8 * MIB) as load:
        for iops, throughput in ((500, 0), (0, 20 * MIB), (300, 30 * MIB),
                                 (0, 0)) * 3:
            volume.set(iops=iops, throughput=throughput)
            load.wait_for(5)


@test
def erase(lab):
    """The key goes while I/O is under way: EIO afterwards, and no plaintext."""
    lab.ours()
    backing = lab.null(8)
    volume = lab.volume(backing)
    load = Load(volume.path, 8 * MIB, errors=(errno.EIO,))
    load.wait_for(10)
    volume.erase()
    with Device(volume.path) as device:
        for operation in (lambda: device.read(0, 4096),
                          lambda: device.write(0, bytes(4096))):
            try:
                operation()
            except OSError as error:
                assert error.errno == errno.EIO
            else:
                raise AssertionError("I/O after an erase")
    load.stop()
    assert load.failed, "nobody saw it"
    assert volume.get()["state"] == "erased"
    assert b"0 1 0 1" not in contents(backing.path)


@test
def detach(lab):
    """By force: who has it open gets errors, nothing hangs, and what was
    written before is there."""
    lab.ours()
    backing = lab.null(8)
    volume = lab.volume(backing)
    storage.fill(volume.path, b"stays" * 1000 + bytes(120), 7 * MIB)
    load = Load(volume.path, 6 * MIB,
                errors=GONE)
    load.wait_for(10)
    volume.detach(force=True)
    load.stop()
    wait(lambda: not os.path.exists(volume.path), "the node's end")
    again = lab.volume(backing)
    assert contents(again.path, 5120, 7 * MIB) == b"stays" * 1000 + bytes(120)


@test(each=("null_blk", "scsi_debug"))
def backing_vanishes(lab, kind):
    """EIO, never a crash, and the volume can be detached."""
    backing = lab.null(8) if kind == "null_blk" else lab.scsi()
    volume = lab.volume(backing)
    load = Load(volume.path, 4 * MIB,
                errors=GONE)
    load.wait_for(10)
    backing.vanish()
    wait(lambda: load.failed, "errors", 20)
    load.stop()
    if volume.kind == "nitro":
        wait(lambda: volume.get()["state"] == "dead", "a dead volume")
    lab.close(volume)


@test(each=("error_reads", "error_writes", "drop_writes"))
def flakey(lab, feature):
    """Errors of the backing device come up, and are over when they are over."""
    backing = lab.null(8)
    under = lab.linear(backing)
    volume = lab.volume(under)
    good, other = b"good" * 1024, b"evil" * 1024
    with Device(volume.path) as device:
        device.write(0, good)
        device.write(8192, good)
        under.reload(f"flakey {backing.path} 0 0 60 1 {feature}", "--noflush")
        if feature == "error_reads":
            with fails():
                device.read(0, 4096)
        elif feature == "error_writes":
            with fails():
                device.write(0, other)
            assert device.read(8192, 4096) == good
        else:
            device.write(0, other)
        under.reload(f"linear {backing.path} 0", "--noflush")
        assert device.read(0, 4096) == good
        device.write(0, other)
        assert device.read(0, 4096) == other
    if volume.kind == "nitro" and feature != "drop_writes":
        assert volume.stats()["errors"] >= 1


@contextlib.contextmanager
def fails(number=errno.EIO):
    try:
        yield
    except OSError as error:
        assert error.errno == number, error
    else:
        raise AssertionError("did not fail")


@test
def corruption(lab):
    """A byte that is wrong below spoils its block of 16 and nothing else."""
    backing = lab.null(4)
    volume = lab.volume(backing)
    plain = lab.random.randbytes(MIB)
    storage.fill(volume.path, plain)
    lab.close(volume)
    for at in (0, 5000, 524288 + 17):
        with Device(backing.path) as device:
            sector = bytearray(device.read(at // 512 * 512, 512))
            sector[at % 512] ^= 1
            device.write(at // 512 * 512, bytes(sector))
    volume = lab.volume(backing)
    found = contents(volume.path, MIB)
    wrong = {at // 16 * 16 for at in range(0, MIB, 16)
             if found[at:at + 16] != plain[at:at + 16]}
    assert wrong == {0, 5000 // 16 * 16, (524288 + 17) // 16 * 16}, wrong


@test
def wrong_key(lab):
    """Another key gives noise, and the right one the data again."""
    backing = lab.null(2)
    volume = lab.volume(backing)
    plain = b"secret" * 10000 + bytes(928)
    storage.fill(volume.path, plain)
    lab.close(volume)
    volume = lab.volume(backing, key=OTHER_KEY)
    assert b"secret" not in contents(volume.path)
    lab.close(volume)
    volume = lab.volume(backing, key=KEY)
    assert contents(volume.path, len(plain)) == plain


@test
def rmmod(lab):
    """The module stays while it is in use, and takes all with it in the end."""
    lab.ours()
    backing = lab.null(8)
    volume = lab.volume(backing)
    with Load(volume.path, 4 * MIB) as load:
        for _ in range(3):
            load.wait_for(3)
            done = subprocess.run(["rmmod", "nitro_ebs"], capture_output=True,
                                  check=False)
            assert done.returncode, "was removed under load"
    lab.close(volume)
    run("rmmod", "nitro_ebs")
    lab.modules()
    volume = lab.volume(backing)
    storage.fill(volume.path, bytes(4096))


@test
def come_and_go(lab):
    """Attach and detach in a loop beside dumps and I/O of another."""
    ebs = lab.ours()
    steady = lab.volume(lab.null(4))
    backing = lab.null(4)
    with Load(steady.path, 4 * MIB) as load:
        for number in range(25):
            volume = lab.volume(backing)
            storage.fill(volume.path, b"x" * 4096, number * 4096)
            assert len(ebs.devices()) == 2
            lab.close(volume)
        load.wait_for(1)


@test
def same_time(lab):
    """Several who detach, erase and grow the same volume at once."""
    ebs = lab.ours()
    for _ in range(8):
        volume = lab.volume(lab.null(2), size=MIB)
        unexpected = []

        def request(op, volume=volume, unexpected=unexpected, **attrs):
            other = type(ebs)()
            try:
                other(op, id=volume.id, **attrs)
            except Refused as error:
                if error.errno not in (errno.ENODEV, errno.EINVAL, errno.EBUSY,
                                       errno.EIO):
                    unexpected.append(error)
            finally:
                other.close()

        threads = [threading.Thread(target=request, args=(op,), kwargs=attrs)
                   for op, attrs in (("erase", {}), ("set", {"size": 2 * MIB}),
                                     ("detach", {"force": True}), ("erase", {}),
                                     ("detach", {"force": True}))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not unexpected, unexpected
        assert not ebs.devices()
        volume.attached = False
