# SPDX-License-Identifier: GPL-2.0
"""Bare metal and this host itself, which do the same: of tests/bench/instance, see there. Each has
a volume of one pool and an ENI of one subnet; who answers both is in a network namespace."""

import json
import os
import subprocess

from guests import BUILD, FILES, Bench, Shell

# pylint: disable=wrong-import-order
import storage

MEMORY = "192M"
PEER = "10.0.1.30"


def cli(*words):
    return storage.run("nitroctl", *words).strip()


def prepare():
    """What both have. nitrod's state is in memory: while all wait for a disk, a clock of
    instructions jumps."""
    storage.run("systemctl", "stop", "nitrod.service")
    storage.run("mount", "-t", "tmpfs", "-o", "mode=700", "none", "/var/lib/nitro")
    storage.run("systemctl", "start", "nitrod.service")
    backing = storage.NullBlk(256).path
    storage.run("mkfs.ext4", "-q", backing)
    os.makedirs("/srv/bench", exist_ok=True)
    storage.run("mount", backing, "/srv/bench")
    os.chmod("/srv/bench", 0o700)
    for line in ("host set host-a --underlay 192.0.2.1 --local",
                 "vpc create v --cidr 10.0.0.0/16", "subnet create s --vpc v --cidr 10.0.1.0/24",
                 "sg create g --vpc v",
                 "sg allow g --ingress --protocol all --peer 0.0.0.0/0",
                 "eni create metal --subnet s --ip 10.0.1.10 --sg g",
                 "eni create host --subnet s --ip 10.0.1.20 --sg g",
                 f"eni create peer --subnet s --ip {PEER} --sg g",
                 "pool create main --dir /srv/bench --size 130M",
                 "volume create root --size 64M", "volume create metal --size 16M",
                 "volume create host --size 16M"):
        cli(*line.split())
    path = cli("volume", "attach", "root", "--local")
    storage.run("dd", f"if={BUILD}/metal.raw", f"of={path}", "bs=1M", "oflag=direct",
                "conv=fsync")
    storage.run("udevadm", "settle")
    cli("volume", "detach", "root")


def peer():
    storage.run("ip", "netns", "add", "peer")
    cli("eni", "attach", "peer", "--netns", "peer", "--ifname", "eth0")
    # pylint: disable=consider-using-with
    return subprocess.Popen(["ip", "netns", "exec", "peer", f"{FILES}/worker", "serve"])


def begin():
    """The instance's shell, on its console."""
    cli("instance", "run", "metal", "--metal", "--vcpus", "1", "--memory", MEMORY, "--boot",
        "root", "--volume", "metal", "--eni", "metal")
    shell = Shell("nitroctl", "instance", "console", "metal", "--follow")
    shell.expect(rb"guest: up\r?\n")
    # a line that is typed before may be lost
    shell.expect(rb"[~/] # ")
    return shell


def main():
    bench = Bench(ios=4000, trips=4000, calls=200000, loops=20000000)
    prepare()
    answers = peer()
    here, there = Shell("sh"), begin()
    disks = {there: "/dev/nitro/by-id/" + json.loads(cli("--json", "volume", "show", "metal"))["id"],
             here: cli("volume", "attach", "host", "--local")}
    cli("eni", "attach", "host", "--local")
    for who in disks:
        who.tell(f"dd if=/dev/zero of={disks[who]} bs=1M count=16 2>/dev/null")
    args = bench.args
    for _ in range(args.rounds):
        for name, who in (("metal", there), ("host", here)):
            bench.work("loop", name, who, f"loop {args.loops}", args.loops)
            bench.work("system call", name, who, f"call {args.calls}", args.calls)
            for depth in (1, 32):
                bench.work(f"bare 4 KiB read, QD{depth}", name, who,
                           f"read {disks[who]} {args.ios} {depth}", args.ios)
            bench.work("bare round trip", name, who, f"rr {PEER} {args.trips}", args.trips)
    answers.kill()
    answers.wait()
    for who in disks:
        who.end()
    cli("instance", "terminate", "metal", "--force")


if __name__ == "__main__":
    main()
