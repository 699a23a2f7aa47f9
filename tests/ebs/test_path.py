# SPDX-License-Identifier: GPL-2.0
"""The ways that I/O takes: interrupts, few tags, little memory, many sizes."""

import errno
import os
import random

from ktap import Skip, test
from nitroebs import MIB, Key, NullBlock, Ramdisk, read, run, wait, write


def scribble(device, size, rounds, seed, unit=512, most=1200 * 1024):
    """Write and read at random, and compare all of it in the end."""
    dice = random.Random(seed)
    image = bytearray(size)
    write(device.path, 0, image)
    for _ in range(rounds):
        length = unit * dice.randrange(1, most // unit)
        at = dice.randrange(0, (size - length) // unit) * unit
        if dice.randrange(3):
            data = dice.randbytes(length)
            write(device.path, at, data)
            image[at:at + length] = data
        else:
            assert read(device.path, at, length) == image[at:at + length]
    assert read(device.path, 0, size) == image


@test
def ends_in_interrupts(lab):
    backing = lab.own(NullBlock(8 * MIB))
    device = lab.card.attach(backing, Key(), **{"sector-size": 4096})
    scribble(device, 4 * MIB, 60, "interrupts", unit=4096)


@test
def few_tags(lab):
    """A backing device with room for one I/O makes nobody sleep, and loses none."""
    backing = lab.own(NullBlock(8 * MIB, hw_queue_depth=1, completion_nsec=1000000))
    device = lab.card.attach(backing, Key())
    run("fio", "--name=tags", f"--filename={device.path}", "--direct=1", "--rw=randwrite",
        "--ioengine=libaio", "--iodepth=32", "--bs=4k", "--size=2m", "--verify=crc32c",
        "--verify_state_save=0", "--output=/dev/null")
    assert device.stats()["errors"] == 0 and device.stats()["queue-length"] == 0


@test
def small_backing_requests(lab):
    backing = lab.own(NullBlock(8 * MIB, max_sectors=64))
    device = lab.card.attach(backing, Key())
    scribble(device, 4 * MIB, 30, "small")


@test
def backing_device_vanishes(lab):
    backing = lab.own(NullBlock(8 * MIB))
    device = lab.card.attach(backing, Key())
    events = lab.card.events()
    device.write(0, bytes(MIB))
    with open(f"/sys/block/{os.path.basename(backing.path)}/size",
              encoding="ascii") as file:
        assert int(file.read()) == 8 * MIB // 512
    backing.set("power", 0)
    events.wait("dead")
    assert device.get()["state"] == "dead"
    for action in (lambda: device.read(0, 4096), lambda: device.write(0, bytes(4096))):
        try:
            action()
        except OSError as error:
            assert error.errno in (errno.EIO, errno.ENXIO, errno.ENODEV), error
        else:
            raise AssertionError("I/O without a backing device")
    device.detach()


@test
def memory_is_short(lab):
    """No page for whoever cannot sleep, as the card cannot: all goes on, from the
    reserves."""
    base = "/sys/kernel/debug/fail_page_alloc"
    if not os.path.exists(base):
        raise Skip("the kernel has no fault injection for pages")
    device = lab.card.attach(lab.own(Ramdisk(8 * MIB)), Key())

    def configure(**what):
        for name, value in what.items():
            with open(f"{base}/{name.replace('_', '-')}", "w", encoding="ascii") as file:
                file.write(str(value))

    configure(ignore_gfp_wait="Y", min_order=0, times=1 << 30, interval=1, verbose=0,
              task_filter="N", probability=100)
    # What the card keeps for the next I/O goes, too, and nothing comes again
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("2")
    try:
        scribble(device, 4 * MIB, 40, "short")
        with open(f"{base}/times", encoding="ascii") as file:
            left = int(file.read())
    finally:
        configure(probability=0)
    assert left < (1 << 30) - 100, "nothing failed"
    wait(lambda: device.stats()["queue-length"] == 0)
