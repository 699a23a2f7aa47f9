# SPDX-License-Identifier: GPL-2.0
"""4 KiB reads of a guest's NVMe disks: of tests/bench/instance, see there. What differs is what is
behind the disk."""

import json
import re

from guests import Bench, Guest, without_services

# pylint: disable=wrong-import-order
import storage
import volume
import volumes

MIB = 8  # of a disk
KINDS = [volumes.Raw, volumes.Inline4096, volumes.Nitro, volumes.Nitro4096]


def disk(number, who):
    return ["-blockdev", json.dumps({
        "driver": "host_device", "node-name": f"d{number}", "filename": who.path,
        "aio": "io_uring", "cache": {"direct": True}, "discard": "unmap"}),
        "-device", f"nvme,drive=d{number},serial={who.label}"]


def main():
    bench = Bench(ios=300)
    without_services()
    volumes.Brd.load(len(KINDS), MIB)
    lab = volume.Lab()
    disks = [kind(lab, volumes.brd()) for kind in KINDS]
    for who in disks:
        storage.fill(who.path, bytes(MIB << 20))
        who.ready()
    guest = Guest(sum((disk(number, who) for number, who in enumerate(disks)), []))
    said = guest.tell("for d in /sys/block/nvme*n1; do "
                      "echo disk ${d##*/} $(cat $d/device/serial); done")
    found = {serial: name for name, serial in re.findall(r"disk (nvme\d+n1) (\S+)", said)}
    ios = bench.args.ios
    for depth in (1, 32):
        for _ in range(bench.args.rounds):
            for who in disks:
                bench.work(f"4 KiB read, QD{depth}", who.label, guest,
                           f"read /dev/{found[who.label]} {ios} {depth}", ios)
    guest.end()
    for who in disks:
        who.close()


if __name__ == "__main__":
    main()
