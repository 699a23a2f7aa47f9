#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Where the instructions go: by function, of what tests/bench/net --profile or
tests/bench/ebs --profile ran, or the guests of tests/bench/instance.

usage: profile.py DIRECTORY [--top N] [--blocks FUNCTION]

DIRECTORY has what the plugin (profile.c) has counted, the kernel's symbols, and
what the marks stand for.
"""

import argparse
import bisect
import collections


class Symbols:
    def __init__(self, path):
        found = []
        with open(path, encoding="ascii") as file:
            for line in file:
                addr, kind, name, *module = line.split()
                if kind in "tTwW":
                    found.append((int(addr, 16), name, "".join(module)))
        found.sort()
        self.addresses = [addr for addr, _, _ in found]
        self.names = [name + (f" {module}" if module else "")
                      for _, name, module in found]

    def find(self, addr):
        """(name, offset) of what is at an address."""
        if addr < self.addresses[0]:
            return "user space", 0
        i = bisect.bisect_right(self.addresses, addr) - 1
        return self.names[i], addr - self.addresses[i]


def blocks(path):
    """For every mark its number, the blocks that ran since, and the instructions of guests."""
    number, found, inside = 0, [], 0
    with open(path, encoding="ascii") as file:
        for line in file:
            words = line.split()
            if words[0] == "mark":
                if number:
                    yield number, found, inside
                number, found, inside = int(words[1]), [], 0
            elif words[0] == "inside":
                inside = int(words[1])
            else:
                found.append((int(words[0], 16), int(words[1]), int(words[2])))


def marks(directory):
    """What the marks stand for: how often it was done, and its name."""
    found = {}
    with open(f"{directory}/marks", encoding="utf-8") as file:
        for line in file:
            number, count, name = line.rstrip("\n").split(" ", 2)
            found[int(number)] = int(count), name
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("--top", type=int, default=40)
    parser.add_argument("--blocks", default="")
    args = parser.parse_args()
    symbols = Symbols(f"{args.directory}/symbols")
    names = marks(args.directory)
    for number, found, inside in blocks(f"{args.directory}/blocks"):
        packets, name = names[number]
        by_name, calls = collections.Counter(), collections.Counter()
        parts = []
        for addr, insns, count in found:
            function, offset = symbols.find(addr)
            by_name[function] += insns * count
            if not offset:
                calls[function] += count
            if args.blocks and function.split()[0] == args.blocks:
                parts.append((offset, insns, count))
        total = sum(by_name.values())
        guests = f", {inside / packets:,.0f} in guests" if inside else ""
        print(f"\n{name}: {total / packets:,.0f} instructions{guests}, {packets} times")
        for function, insns in by_name.most_common(args.top):
            print(f"  {insns / packets:8.1f} {100 * insns / total:5.1f} % "
                  f"{calls[function] / packets:7.2f} calls  {function}")
        for offset, insns, count in sorted(parts):
            print(f"    +{offset:#06x} {insns:3} instructions, "
                  f"{count / packets:.2f} times")


if __name__ == "__main__":
    main()
