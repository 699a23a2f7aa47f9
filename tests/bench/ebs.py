# SPDX-License-Identifier: GPL-2.0
"""The measures of tests/bench/ebs, see there.

A figure is the median of the rounds, in which the contestants take turns. Where the
clock counts instructions (--instructions), rounds differ by little; else a ratio is
that of the medians and that of the best rounds, and where only one of them meets
the goal, the machine was too busy to tell ("unclear").
"""

import argparse
import json
import os
import re
import statistics
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [f"{HERE}/../lib", f"{HERE}/../ebs"]

# pylint: disable=wrong-import-position
import storage
import volume
import volumes
from marks import Profile
from storage import MIB, Device, run

SIZE = 32  # MiB of a backing device of brd


class Bench:
    def __init__(self, args):
        self.args = args
        self.rounds = args.rounds
        self.results, self.goals = [], []
        self.last, self.unit = {}, ""
        os.environ["NITRO_EBS_DEVICE"] = "dm-crypt" if args.rivals else "nitro"
        self.lab = volume.Lab()
        self.kinds = volumes.RIVALS + ([] if args.rivals else volumes.OURS)
        volumes.Brd.load(len(self.kinds), SIZE)
        self.brd = [kind(self.lab, volumes.brd()) for kind in self.kinds]
        for who in self.brd:
            # brd makes its pages with the first write
            storage.fill(who.path, bytes(SIZE * MIB))

    def wanted(self, name):
        return not self.args.measure or any(
            part in name for part in self.args.measure)

    def on(self, kind):
        """The contestants, each on a new device of that kind."""
        return [who(self.lab, kind()) for who in self.kinds]

    def backings(self):
        """Kinds of backing devices that cost nothing but instructions."""
        wanted = self.args.backing or ("brd", "null_blk")
        if "brd" in wanted:
            yield "brd", self.brd
        if "null_blk" in wanted:
            contestants = self.on(volumes.null)
            yield "null_blk", contestants
            for thing in contestants:
                thing.close()

    def compare(self, name, unit, contestants, measure):
        """measure(contestant) gives a figure."""
        found = {who.label: [] for who in contestants}
        for _ in range(self.rounds):
            for who in contestants:
                who.ready()
                found[who.label].append(measure(who))
        self.last, self.unit = found, unit
        print(f"\n{name} ({unit}, median of {self.rounds}; least to most)")
        for who, values in found.items():
            median = statistics.median(values)
            print(f"  {who:14} {median:12,.0f}   "
                  f"{min(values):,.0f} to {max(values):,.0f}", flush=True)
            self.results.append({"measure": name, "unit": unit, "who": who,
                                 "median": median, "values": values})

    def least(self):
        return self.unit not in ("1/s", "MiB/s")

    def goal(self, name, one, other, goal, beyond=None):
        """one / other, figures of the last comparison; without those of
        beyond."""
        least = self.least()
        pick = {"median": statistics.median, "best": min if least else max}
        ratios = {}
        if one not in self.last or other not in self.last:
            return
        for how, function in pick.items():
            base = function(self.last[beyond]) if beyond else 0
            ratios[how] = (function(self.last[one]) - base) / \
                (function(self.last[other]) - base)
        met = {ratio <= goal if least else ratio >= goal
               for ratio in ratios.values()}
        verdict = "unclear" if len(met) > 1 else \
            "met" if True in met else "MISSED"
        sign = "<=" if least else ">="
        self.goals.append((name, f"{sign} {goal:.2f}", ratios, verdict))
        print(f"  {name}: {ratios['median']:.2f} (of the best "
              f"{ratios['best']:.2f}), goal {sign} {goal:.2f}: {verdict}",
              flush=True)


def fio(path, **options):
    """What fio says of its one group of jobs."""
    line = ["fio", "--name=bench", f"--filename={path}", "--direct=1",
            "--output-format=json", "--randrepeat=1", "--norandommap",
            "--thread", "--group_reporting"]
    line += [f"--{name}={value}" for name, value in options.items()]
    out = run(*line)
    return json.loads(out[out.index("{"):])["jobs"][0]


def per_io(side):
    """Nanoseconds of an I/O, fio and the system call included."""
    return side["runtime"] * 1e6 / side["total_ios"]


def single(bench):
    """4 KiB at a time: psync, QD1."""
    count = bench.args.ios
    for backing, contestants in bench.backings():
        for direction in ("read", "write"):
            bench.compare(f"{backing}: 4 KiB {direction}, QD1", "ns",
                          contestants, lambda who, how=direction: per_io(
                              fio(who.path, rw=f"rand{how}", bs="4k",
                                  ioengine="psync", number_ios=count,
                                  size=f"{SIZE}m")[how]))
            title = f"{backing} 4 KiB {direction} QD1"
            for ours, rival, goal in (
                    ("nitro", "dm-crypt", 0.40 if bench.args.instructions
                     else 0.35), ("nitro", "inline", 0.80),
                    ("nitro-4096", "inline-4096", 0.80)):
                bench.goal(f"{title}: {ours} / {rival}", ours, rival, goal)
            for ours in ("nitro", "nitro-4096"):
                bench.goal(f"{title}, beyond raw: {ours} / inline-4096", ours,
                           "inline-4096", 0.70, beyond="raw")


def deep(bench):
    """4 KiB, QD32 x 4 jobs, io_uring, half of them writes."""
    count = bench.args.ios

    def measure(who):
        job = fio(who.path, rw="randrw", bs="4k", ioengine="io_uring",
                  iodepth=32, numjobs=4, number_ios=count // 2,
                  size=f"{SIZE}m")
        return (job["read"]["total_ios"] + job["write"]["total_ios"]) / \
            max(job["read"]["runtime"], job["write"]["runtime"]) * 1e3

    for backing, contestants in bench.backings():
        bench.compare(f"{backing}: 4 KiB, QD32 x 4 jobs", "1/s", contestants,
                      measure)
        bench.goal(f"{backing} QD32 x 4: nitro-4096 / inline-4096",
                   "nitro-4096", "inline-4096", 1.3)
        bench.goal(f"{backing} QD32 x 4: nitro / inline", "nitro", "inline",
                   1.8)


def sequential(bench):
    """1 MiB at a time, QD1."""
    for backing, contestants in bench.backings():
        for direction in ("read", "write"):
            bench.compare(f"{backing}: 1 MiB {direction}, QD1", "MiB/s",
                          contestants, lambda who, how=direction: 1e9 / per_io(
                              fio(who.path, rw=how, bs="1m", ioengine="psync",
                                  number_ios=bench.args.ios // 50,
                                  size=f"{SIZE}m", time_based=0)[how]))
            bench.goal(f"{backing} 1 MiB {direction}: nitro-4096 / inline-4096",
                       "nitro-4096", "inline-4096", 1.5)
            bench.goal(f"{backing} 1 MiB {direction}: nitro / inline", "nitro",
                       "inline", 1.5)


def tail(bench):
    """p99.9 of reads while half of the I/O is writes, QD8. Not of those that come
    first: fio's start is in them, and they are more than one of a thousand."""
    depth, log = 8, "/tmp/bench-tail"

    def measure(who):
        fio(who.path, rw="randrw", bs="4k", ioengine="io_uring", iodepth=depth,
            number_ios=bench.args.ios * 2, size=f"{SIZE}m", write_lat_log=log)
        with open(f"{log}_clat.1.log", encoding="ascii") as file:
            rows = [line.split(",") for line in file][depth:]
        reads = sorted(int(row[1]) for row in rows if int(row[2]) == 0)
        return reads[len(reads) * 999 // 1000]

    bench.compare("brd: p99.9 of reads beside 50 % writes, QD8", "ns",
                  bench.brd, measure)
    bench.goal("p99.9: nitro / dm-crypt", "nitro", "dm-crypt", 0.4)
    bench.goal("p99.9: nitro-4096 / inline-4096", "nitro-4096", "inline-4096",
               0.9)
    bench.goal("p99.9: nitro / inline-4096", "nitro", "inline-4096", 0.9)


def delay(bench):
    """A backing device that takes 100 microseconds."""
    contestants = bench.on(volumes.slow)
    for direction in ("read", "write"):
        job = {}

        def measure(who, how=direction, job=job):
            side = fio(who.path, rw=f"rand{how}", bs="4k", ioengine="psync",
                       number_ios=bench.args.ios // 2, size=f"{SIZE}m",
                       percentile_list="50:99")[how]
            job.setdefault(who.label, []).append(
                side["clat_ns"]["percentile"]["50.000000"])
            return side["iops"]

        bench.compare(f"100 us: 4 KiB {direction}, QD1", "1/s", contestants,
                      measure)
        for ours in ("nitro", "nitro-4096"):
            bench.goal(f"100 us {direction}, IOPS: {ours} / raw", ours, "raw",
                       0.97)
        raw = statistics.median(job["raw"])
        for who, values in job.items():
            print(f"  p50 {who:14} {statistics.median(values):10,.0f} ns, "
                  f"{statistics.median(values) - raw:+,.0f} to raw")

    def busy(who):
        job = fio(who.path, rw="randrw", bs="4k", ioengine="io_uring",
                  iodepth=8, number_ios=bench.args.ios, size=f"{SIZE}m")
        return job["read"]["iops"] + job["write"]["iops"]

    bench.compare("100 us: 4 KiB, QD8, half writes", "1/s", contestants, busy)
    for thing in reversed(contestants):
        thing.close()


def floor(bench):
    """AES alone: the kernel's cipher through its socket, 64 KiB at a time."""
    found = {}
    for _ in range(bench.rounds):
        out = run("cryptsetup", "benchmark", "-c", "aes-xts", "-s", "512")
        speeds = re.search(r"([\d.]+) MiB/s\s+([\d.]+) MiB/s", out)
        for how, speed in zip(("encryption", "decryption"), speeds.groups()):
            found.setdefault(how, []).append(1e9 * 4096 / MIB / float(speed))
    print("\nAES-256-XTS of 4 KiB, 64 KiB at a time (ns)")
    for how, values in found.items():
        print(f"  {how:14} {statistics.median(values):12,.0f}")
        bench.results.append({"measure": "AES alone", "unit": "ns", "who": how,
                              "median": statistics.median(values),
                              "values": values})


MEASURES = [single, deep, sequential, tail, delay, floor]
PROFILED = {"4 KiB": 4096, "1 MiB": MIB}


def profile(bench):
    """Where the instructions of an I/O go. Without fio, whose start is longer than
    many an I/O."""
    marks = Profile()
    for backing, contestants in bench.backings():
        for what, size in PROFILED.items():
            count = max(bench.args.ios * 4096 // size, 20)
            for who in contestants:
                who.ready()
                with Device(who.path) as device:
                    data = bytes(size)
                    pieces = memoryview(device.buffer)[:size]

                    def read(fd=device.fd, pieces=pieces, size=size, count=count):
                        for number in range(count):
                            os.preadv(fd, [pieces], number * size % (SIZE * MIB))

                    def write(fd=device.fd, pieces=pieces, size=size, count=count):
                        for number in range(count):
                            os.pwritev(fd, [pieces], number * size % (SIZE * MIB))

                    pieces[:] = data
                    marks.run(f"{backing}, {what} read: {who.label}", read, count)
                    marks.run(f"{backing}, {what} write: {who.label}", write, count)
                    del read, write
                    pieces.release()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ios", type=int, default=8000)
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--rivals", action="store_true")
    parser.add_argument("--backing", action="append")
    parser.add_argument("--json")
    parser.add_argument("measure", nargs="*")
    args = parser.parse_args()
    bench = Bench(args)
    print(f"Linux {os.uname().release}, {os.cpu_count()} CPU, "
          f"{'instructions' if args.instructions else 'wall clock'}")
    if args.profile:
        profile(bench)
    for measure in [] if args.profile else MEASURES:
        if bench.wanted(measure.__name__):
            measure(bench)
    print("\ngoals: of the medians, of the best rounds")
    for name, goal, ratios, verdict in bench.goals:
        print(f"  {name:56} {goal:8} {ratios['median']:6.2f} "
              f"{ratios['best']:6.2f}  {verdict}")
    for who in bench.brd:
        who.close()
    if args.json:
        with open(args.json, "w", encoding="ascii") as file:
            json.dump(bench.results, file, indent=1)


main()
