# SPDX-License-Identifier: GPL-2.0
"""Measures of tests/bench/control, see there.

A request is encoded before the clock starts; it is carried out within the
sendmsg() that sends it, so the time of the system call is that of the kernel.
"""

import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "../net"))

# pylint: disable=wrong-import-position
import rtnl
from nitronet import Card, Namespace, prefix_attr, rule

ENIS, RULES, MAPPINGS, PART = 1000, 1000, 100000, 1000
ROUNDS = 11


def encode(card, name, **attrs):
    op = card.ynl.msgs[name]
    attrs = {key.replace("_", "-"): value for key, value in attrs.items()}
    # pylint: disable=protected-access
    return bytes(card.ynl._encode_message(op, attrs, [], 1))


def take(card, messages):
    """Milliseconds in the kernel; every request has to succeed."""
    spent = 0
    for message in messages:
        start = time.perf_counter()
        card.ynl.sock.send(message)
        spent += time.perf_counter() - start
        answer = card.ynl.sock.recv(1 << 16)
        error = int.from_bytes(answer[16:20], "little", signed=True)
        if error:
            raise OSError(-error, os.strerror(-error))
    return spent * 1000


def show(what, values, goal):
    median = statistics.median(values)
    verdict = "met" if median <= goal else \
        "unclear, the machine was busy" if min(values) <= goal else "MISSED"
    print(f"{what}: {median:.1f} ms ({min(values):.1f} to {max(values):.1f}), "
          f"goal {goal} ms: {verdict}", flush=True)
    return min(values) <= goal


def rules(step):
    """No two of them can be merged: each has a port and a block of its own."""
    return [rule("ingress", "tcp", 1000 + n,
                 f"10.{n // 250 + step}.{n % 250}.0/24", rid=n + 1)
            for n in range(RULES)]


def replace_policy(card):
    card("policy-set", id=1, rule=rules(0))
    for n in range(ENIS):
        index = rtnl.link_add(f"e{n}", "nitro",
                              address=f"06:00:00:00:{n >> 8:02x}:{n & 255:02x}")
        card("eni-set", id=n + 1, ifindex=index, vni=100, policy=1,
             address=[prefix_attr(f"10.200.{n // 200}.{n % 200 + 10}")],
             subnet=[prefix_attr("10.200.0.0/16")])
    sets = [[encode(card, "policy-set", id=1, rule=rules(step))] for step in (1, 2)]
    return show(f"a policy of {RULES} rules that {ENIS} ENIs share, replaced",
                [take(card, sets[n % 2]) for n in range(ROUNDS)], 50)


def load_mappings(card):
    def part(first):
        return encode(card, "mapping-set", entry=[dict(
            prefix_attr(f"11.{n >> 16}.{n >> 8 & 255}.{n & 255}"), host=2, vni=101,
            mac=bytes([6, 1, 0, n >> 16, n >> 8 & 255, n & 255]), tag=[1, 2])
            for n in range(first, first + PART)])

    messages = [part(first) for first in range(0, MAPPINGS, PART)]
    drop = [encode(card, "mapping-del", vni=101)]
    found, gone = [], []
    for _ in range(5):
        found.append(take(card, messages))
        assert card("card-get")["mappings"] == MAPPINGS
        gone.append(take(card, drop))
    return show(f"{MAPPINGS} mappings loaded", found, 1000) & \
        show(f"{MAPPINGS} mappings deleted", gone, 1000)


def main():
    ns = Namespace("control")
    card = Card(ns)
    card("host-set", id=1, local=True, **prefix_attr("192.0.2.1"))
    card("host-set", id=2, **prefix_attr("192.0.2.2"))
    with ns:
        met = replace_policy(card) & load_mappings(card)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
