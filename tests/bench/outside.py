#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What guests cost their host: the tables of tests/bench/instance about work, from what the
plugin (profile.c) has counted.

usage: outside.py DIRECTORY

A mark's name is "MEASURE: CONTESTANT", and it is there once for each round. All is what
one unit of work takes; outside is what of it guests do not execute themselves.
"""

import statistics
import sys

import profile

# measure, of ours and of the rival, goal of all (the rival's by ours), of outside
GOALS = [(f"4 KiB read, QD{depth}", ours, "inline-4096", 1.15, 0.8)
         for depth in (1, 32) for ours in ("nitro", "nitro-4096")]


def verdict(met):
    return "met" if met else "MISSED"


def main():
    directory = sys.argv[1]
    names = profile.marks(directory)
    found = {}
    for number, blocks, inside in profile.blocks(f"{directory}/blocks"):
        count, name = names[number]
        measure, _, who = name.rpartition(": ")
        outside = sum(insns * times for _, insns, times in blocks)
        found.setdefault(measure, {}).setdefault(who, []).append(
            ((inside + outside) / count, outside / count))
    for measure, contestants in found.items():
        print(f"\n{measure}: instructions (median; least to most), and of them outside of guests")
        for who, rounds in contestants.items():
            print(f"  {who:14}" + "".join(
                f" {statistics.median(values):12,.0f} ({min(values):,.0f} to {max(values):,.0f})"
                for values in zip(*rounds)) + f"  {len(rounds)} rounds")
    print("\ngoals")
    for measure, ours, rival, rate, outside in GOALS:
        if not {ours, rival} <= found.get(measure, {}).keys():
            continue
        ratios = [statistics.median(one) / statistics.median(other) for one, other in
                  zip(zip(*found[measure][ours]), zip(*found[measure][rival]))]
        print(f"  {measure}: rate of {ours} / {rival}: {1 / ratios[0]:.2f}, goal >= {rate}: "
              f"{verdict(1 / ratios[0] >= rate)}")
        print(f"  {measure}: outside of guests, {ours} / {rival}: {ratios[1]:.2f}, goal <= "
              f"{outside}: {verdict(ratios[1] <= outside)}")


main()
