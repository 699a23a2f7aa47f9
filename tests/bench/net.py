# SPDX-License-Identifier: GPL-2.0
"""The measures of tests/bench/net, see there.

A figure is the median of the rounds, in which the contestants take turns. A round
of a stream is the best of a few short runs, as the machine does other things, too:
what the others of the machine take makes runs longer, never shorter. A ratio is
that of the medians and that of the best rounds; where only one of them meets the
goal, the machine was too busy to tell ("unclear").
"""

import argparse
import json
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "../net"))

# pylint: disable=wrong-import-position
import nitronet
import rigs
from pktgen import Stream
from rigs import A, A2, B

RUNS = 8
COUNT = 2000


class Bench:
    def __init__(self, rounds, names):
        self.rounds, self.names = rounds, names
        self.results, self.goals = [], []
        self.last, self.unit = {}, ""

    def wanted(self, name):
        return not self.names or any(part in name for part in self.names)

    def compare(self, name, unit, measures):
        """measures: {contestant: function that gives a figure}."""
        found = {who: [] for who in measures}
        for _ in range(self.rounds):
            for who, function in measures.items():
                found[who].append(function())
        self.last, self.unit = found, unit
        median = {}
        print(f"\n{name} ({unit}, median of {self.rounds}; least to most)")
        for who, values in found.items():
            median[who] = statistics.median(values)
            print(f"  {who:14} {median[who]:12,.0f}   "
                  f"{min(values):,.0f} to {max(values):,.0f}", flush=True)
            self.results.append({"measure": name, "unit": unit, "who": who,
                                 "median": median[who], "values": values})

    def goal(self, name, one, other, goal, most=True):
        """one / other are figures of the last comparison."""
        median = statistics.median(self.last[one]) / \
            statistics.median(self.last[other])
        extreme = min if self.unit == "ns/packet" else max
        self.value(name, median, goal, most, extreme(self.last[one]) /
                   extreme(self.last[other]))

    def value(self, name, value, goal, most=True, least=None):
        verdicts = {figure <= goal if most else figure >= goal
                    for figure in (value, value if least is None else least)}
        met = "unclear" if len(verdicts) > 1 else \
            "met" if True in verdicts else "MISSED"
        least = "" if least is None else f"{least:.2f}"
        self.goals.append((name, goal, value, most, met, least))
        print(f"  {name}: {value:.2f} {least and f'(of the best {least})'}, "
              f"goal {'<=' if most else '>='} {goal:.2f}: {met}",
              flush=True)


def best(stream, count=COUNT, runs=RUNS):
    return lambda: min(stream.run(count) for _ in range(runs))


def checked(stream, counter, what):
    """Everything that is sent arrives."""
    before = counter()
    stream.run(1000)
    end = time.monotonic() + 5
    while counter() - before < 1000:
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: of 1000 packets came "
                               f"{counter() - before}")
        time.sleep(0.01)


def stream_to(host, source, dest, **how):
    ns, dev = host.guest(source)
    return Stream(ns, dev, dest.mac, source.ip, dest.ip, **how)


def egress(bench):
    """One established flow into an underlay that swallows it."""
    kinds = [rigs.Floor, rigs.Geneve, rigs.Nitro, rigs.NitroPort,
             rigs.Openvswitch, rigs.Openvswitch2, rigs.Bridge]
    measures = {}
    for kind in kinds:
        host = kind.alone()
        stream = stream_to(host, A, B)
        if kind is not rigs.Floor:
            host.establish(A, B)
            checked(stream, host.underlay_sent, kind.name)
        measures[kind.name] = best(stream)
    bench.compare("egress, established", "ns/packet", measures)
    bench.goal("egress / geneve", "nitro", "geneve", 1.15)
    bench.goal("egress / ovs (the sender's zone only)",
               "nitro", "ovs", 0.5)
    bench.goal("egress / ovs (both zones)",
               "nitro", "ovs-2zones", 0.5)
    bench.goal("egress / bridge", "nitro", "bridge", 0.4)
    bench.goal("egress / bridge, ours with a veth, too",
               "nitro-veth", "bridge", 0.4)


def cross_host(bench):
    """From guest to guest over two hosts."""
    measures = {}
    for kind in (rigs.Geneve, rigs.Nitro, rigs.NitroPort, rigs.Openvswitch,
                 rigs.Bridge):
        one, two = kind.pair()
        if kind is not rigs.Geneve:
            one.establish(A, B, two)
        two.sink(B)
        stream = stream_to(one, A, B)
        checked(stream, lambda two=two: two.received(B), kind.name)
        measures[kind.name] = best(stream)
    bench.compare("cross-host, established", "ns/packet", measures)
    bench.goal("cross-host / geneve", "nitro", "geneve", 1.15)
    bench.goal("cross-host / ovs", "nitro", "ovs", 0.5)
    bench.goal("cross-host / bridge", "nitro", "bridge", 0.4)
    bench.goal("cross-host / bridge, ours with a veth, too",
               "nitro-veth", "bridge", 0.4)


def same_host(bench):
    """From guest to guest on one host."""
    measures = {}
    for kind in (rigs.Nitro, rigs.Openvswitch, rigs.Bridge):
        host = kind.alone()
        host.establish(A, A2)
        host.sink(A2)
        stream = stream_to(host, A, A2)
        checked(stream, lambda host=host: host.received(A2), kind.name)
        measures[kind.name] = best(stream)
    bench.compare("same-host, established", "ns/packet", measures)
    bench.goal("same-host / ovs", "nitro", "ovs", 0.4)


def rules(bench):
    """A thousand rules against one: established packets and new flows."""
    # The same ENI with the one and the other policy, as the place of its data
    # in the caches makes more of a difference
    one = rigs.Nitro.alone()
    one.establish(A, B)
    same = stream_to(one, A, B)

    def with_rules(number):
        one.set_rules(number)
        return best(same)()

    new = {}
    for kind in (rigs.Nitro, rigs.Openvswitch, rigs.Bridge, rigs.BridgeLinear):
        for number in (1, 1000):
            if kind is rigs.BridgeLinear and number == 1:
                continue
            host = kind.alone(rules=number)
            host.establish(A, B)
            name = f"{kind.name} {number}"
            stream = stream_to(host, A, B)
            checked(stream, host.underlay_sent, name)
            many = stream_to(host, A, B, sport=(1024, 65000),
                             dport=(1, 63900), random=True)
            linear = kind is rigs.BridgeLinear
            new[name] = lambda many=many, few=linear: \
                1e9 / min(many.run(1000 if few else 5000) for _ in range(3))
    with open("/proc/sys/net/netfilter/nf_conntrack_max", "w",
              encoding="ascii") as file:
        file.write("4000000")
    bench.compare("rules, established", "ns/packet",
                  {"nitro 1": lambda: with_rules(1),
                   "nitro 1000": lambda: with_rules(1000)})
    bench.goal("packets/s of 1000 rules / 1 rule",
               "nitro 1", "nitro 1000", 0.98, most=False)
    bench.compare("new connections, first packets of UDP flows", "1/s", new)
    bench.goal("new flows/s of 1000 rules / 1 rule",
               "nitro 1000", "nitro 1", 0.8, most=False)
    for who, goal in (("ovs", 5), ("bridge", 1.5)):
        for number in (1, 1000):
            bench.goal(f"new flows/s / {who}, {number} rules",
                       f"nitro {number}", f"{who} {number}",
                       goal, most=False)


def bulk(bench):
    """iperf3, one TCP connection, MTU 9001, guests with their own stack."""
    measures = {}
    for kind in (rigs.Geneve, rigs.Nitro, rigs.Openvswitch):
        one, two = kind.pair(mtu=9001)
        inside = {}
        for host, guest in ((one, A), (two, B)):
            ns = inside[guest] = nitronet.Namespace(f"{host.tag}-guest")
            ns.quiet()
            rigs.ip(host.ns, f"link set {guest.dev} netns /proc/{os.getpid()}"
                             f"/fd/{ns.fd}")
            rigs.ip(ns, f"link set {guest.dev} mtu 9001 up",
                    f"addr add {guest.ip}/24 dev {guest.dev}",
                    *(f"neigh replace {other.ip} lladdr {other.mac} dev "
                      f"{guest.dev}" for other in rigs.GUESTS
                      if other is not guest))
        inside[B].run("iperf3", "-s", "-D")

        def run(ns=inside[A]):
            out = ns.run("iperf3", "-c", B.ip, "-t", "1", "-O", "0.2", "-J")
            return json.loads(out)["end"]["sum_received"][
                "bits_per_second"] / 1e6
        run()
        measures[kind.name] = run
    bench.compare("bulk TCP, MTU 9001", "Mbit/s", measures)
    bench.goal("bulk / geneve", "nitro", "geneve", 0.95,
               most=False)
    bench.goal("bulk / ovs", "nitro", "ovs", 1.1, most=False)


def slab(name):
    """Bytes of an object of a slab cache, with what the slab wastes."""
    def read(what):
        with open(f"/sys/kernel/slab/{name}/{what}", encoding="ascii") as file:
            return int(file.read().split()[0])

    return 4096 * 2 ** read("order") / read("objs_per_slab")


def million(bench):
    """A million flows of one ENI: memory, and packets of random ones."""
    host = rigs.Nitro.alone()
    stream_to(host, A, B, sport=(10000, 10999),
              dport=(10000, 11000)).run(1001000)
    flows = host.card("eni-get", id=A.number)["flows"]
    size = slab("nitro_vpc_flow")
    with open("/sys/module/nitro_vpc/parameters/flow_buckets",
              encoding="ascii") as file:
        buckets = int(file.read())
    print(f"\nmillion flows: {flows:,} flows of {size:.0f} bytes in their "
          f"slabs, {buckets:,} buckets of 8 bytes")
    bench.value("bytes of a flow, of a million",
               size + buckets * 8 / max(flows, 1), 256)
    measures = {
        "1 flow": best(stream_to(host, A, B, sport=(10000, 10000),
                                 dport=(10000, 10000)), 20000, 4),
        "4 flows": best(stream_to(host, A, B, sport=(10000, 10001),
                                  dport=(10000, 10001), random=True), 20000, 4),
        "a million": best(stream_to(host, A, B, sport=(10000, 10999),
                                    dport=(10000, 11000), random=True),
                          20000, 4),
    }
    bench.compare("random flows", "ns/packet", measures)
    bench.goal("packets/s over a million flows / one flow",
               "1 flow", "a million", 0.5, most=False)
    host.flush()


def neighbour(bench):
    """A flow's cost while the neighbour floods. There is one CPU, so the flood
    comes between the packets that are measured, in slices: what is left is what
    it does to tables, caches and locks, not the time that it takes itself."""
    host = rigs.Nitro.alone()
    host.card("eni-set", id=A2.number, pps=200000, flow_limit=65536,
              connection_rate=20000)
    host.establish(A, B)
    victim = stream_to(host, A, B)
    flood = stream_to(host, A2, B, sport=(1024, 65000), dport=(1, 65000),
                      random=True)

    def flooded():
        found = []
        for _ in range(RUNS):
            flood.run(4000)
            found.append(victim.run(COUNT))
        return min(found)

    def quiet():
        return min(victim.run(COUNT) for _ in range(RUNS))

    bench.compare("victim of a neighbour's flood", "ns/packet",
                         {"quiet": quiet, "flood": flooded})
    bench.goal("victim's packets/s, flood / quiet",
               "quiet", "flood", 0.98, most=False)


MEASURES = [egress, cross_host, same_host, rules, bulk, million, neighbour]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json")
    parser.add_argument("measure", nargs="*")
    args = parser.parse_args()
    bench = Bench(args.rounds, [name.replace("-", "_")
                                for name in args.measure])
    print(f"Linux {os.uname().release}, {os.cpu_count()} CPU")
    for measure in MEASURES:
        if bench.wanted(measure.__name__):
            measure(bench)
    print("\ngoals: of the medians, of the best rounds")
    for name, goal, value, most, met, least in bench.goals:
        print(f"  {name:44} {'<=' if most else '>='} {goal:6.2f}  {value:8.2f} "
              f"{least:>6}  {met}")
    if args.json:
        with open(args.json, "w", encoding="ascii") as file:
            json.dump(bench.results, file, indent=1)


main()
