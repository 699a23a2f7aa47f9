#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What work costs: the tables of tests/bench/instance about guests and bare metal, from what the
plugin (profile.c) has counted.

usage: outside.py DIRECTORY

A mark's name is "MEASURE: CONTESTANT", and it is there once for each round. All is what
one unit of work takes; outside is what of it guests do not execute themselves, and where that
is: the mean of the rounds in the kernel, in its modules and in user space.
"""

import collections
import statistics
import sys

import profile

# measure, of ours and of the rival, goal of all (the rival's by ours), of outside
GOALS = [
    *((f"{what}, {where}", "nitro", "ovs", 1.2, 0.8)
      for where in ("one host", "two hosts") for what in ("round trip", "MiB")),
    *((f"4 KiB read, QD{depth}", ours, "inline-4096", 1.15, 0.8)
      for depth in (1, 32) for ours in ("nitro", "nitro-4096")),
    *((what, "metal", "host", 0.97, None)
      for what in ("loop", "system call", "bare 4 KiB read, QD1", "bare 4 KiB read, QD32",
                   "bare round trip"))]


def verdict(met):
    return "met" if met else "MISSED"


def place(name):
    """Of a function, as it is called in the table of symbols."""
    if name == "user space":
        return name
    _, bracket, module = name.partition(" [")
    return module.rstrip("]") if bracket else "kernel"


def main():
    directory = sys.argv[1]
    names = profile.marks(directory)
    symbols = profile.Symbols(f"{directory}/symbols")
    found, places = {}, {}
    for number, blocks, inside in profile.blocks(f"{directory}/blocks"):
        count, name = names[number]
        measure, _, who = name.rpartition(": ")
        outside = sum(insns * times for _, insns, times in blocks)
        found.setdefault(measure, {}).setdefault(who, []).append(
            ((inside + outside) / count, outside / count))
        parts = places.setdefault(name, collections.Counter())
        for addr, insns, times in blocks:
            parts[place(symbols.find(addr)[0])] += insns * times / count
    for measure, contestants in found.items():
        guests = any(every > outside for rounds in contestants.values()
                     for every, outside in rounds)
        print(f"\n{measure}: instructions (median; least to most)" +
              (", and of them outside of guests" if guests else ""))
        for who, rounds in contestants.items():
            print(f"  {who:14}" + "".join(
                f" {statistics.median(values):12,.1f} ({min(values):,.1f} to {max(values):,.1f})"
                for values in list(zip(*rounds))[:2 if guests else 1]) +
                  f"  {len(rounds)} rounds")
            parts = places[f"{measure}: {who}"]
            print("    " + ", ".join(f"{name} {value / len(rounds):,.0f}"
                                     for name, value in parts.most_common()
                                     if value > sum(parts.values()) / 200))
    print("\ngoals")
    for measure, ours, rival, rate, outside in GOALS:
        if not {ours, rival} <= found.get(measure, {}).keys():
            continue
        ratios = [statistics.median(one) / statistics.median(other) for one, other in
                  zip(zip(*found[measure][ours]), zip(*found[measure][rival]))]
        print(f"  {measure}: rate of {ours} / {rival}: {1 / ratios[0]:.3f}, goal >= {rate}: "
              f"{verdict(1 / ratios[0] >= rate)}")
        if outside:
            print(f"  {measure}: outside of guests, {ours} / {rival}: {ratios[1]:.3f}, goal <= "
                  f"{outside}: {verdict(ratios[1] <= outside)}")


main()
