# SPDX-License-Identifier: GPL-2.0
"""The measures of tests/bench/net, see there.

A figure is the median of the rounds, in which the contestants take turns. A round
of a stream is the best of a few short runs, as the machine does other things, too:
what the others of the machine take makes runs longer, never shorter. A ratio is
that of the medians and that of the best rounds; where only one of them meets the
goal, the machine was too busy to tell ("unclear").

With --instructions a nanosecond is an instruction, as the clock counts those: what
the machine does besides does not show, and neither do caches.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "../net"))

# pylint: disable=wrong-import-position
import nitronet
import rigs
from marks import Profile
from pktgen import Stream
from rigs import A, A2, B

# The tool of connections.c, which tests/bench/net has compiled
BUILD = "/src/build/bench"
CONNECTIONS = f"{BUILD}/connections"


class Bench:
    def __init__(self, rounds, names, instructions):
        self.rounds, self.names = rounds, names
        self.instructions = instructions
        self.results, self.goals = [], []
        self.last, self.unit = {}, ""
        self.profile = None
        self.packet = "instructions/packet" if instructions else "ns/packet"
        self.runs, self.count = (2, 500) if instructions else (8, 2000)

    def best(self, stream, count=None, runs=None):
        """What a packet of a stream costs, at best."""
        count, runs = count or self.count, runs or self.runs
        return lambda: min(stream.run(count) for _ in range(runs))

    def begin_profile(self):
        self.profile = Profile()
        self.runs, self.count = 1, 10000

    def settle(self):
        """Daemons have just been started: until they are idle. With a clock of
        instructions idle time passes at once."""
        if not self.instructions:
            return
        end = time.monotonic() + 300
        while time.monotonic() < end:
            before = busy()
            time.sleep(1)
            if busy() - before < 0.02:
                return
        raise RuntimeError("the machine does not become idle")

    def wanted(self, name):
        return not self.names or any(part in name for part in self.names)

    def compare(self, name, unit, measures):
        """measures: {contestant: function that gives a figure}."""
        self.settle()
        if self.profile:
            for who, function in measures.items():
                self.profile.run(f"{name}: {who}", function, self.count,
                                 lambda: Stream.sent)
            return
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
        if self.profile:
            return
        median = statistics.median(self.last[one]) / \
            statistics.median(self.last[other])
        extreme = min if self.unit == self.packet else max
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


def busy():
    """Seconds that the CPU was not idle."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _, _, irq, softirq = \
            (int(word) for word in file.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


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
    return Stream(ns, dev, dest.mac, host.inside(source), host.inside(dest),
                  **how)


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
        measures[kind.name] = bench.best(stream)
    bench.compare("egress, established", bench.packet, measures)
    bench.goal("egress / geneve", "nitro", "geneve", 1.15)
    bench.goal("egress / ovs (the sender's zone only)",
               "nitro", "ovs", 0.5)
    bench.goal("egress / ovs (both zones)",
               "nitro", "ovs-2zones", 0.5)
    bench.goal("egress / bridge", "nitro", "bridge", 0.4)
    bench.goal("egress / bridge, ours with a veth, too",
               "nitro-veth", "bridge", 0.4)


def ipv6(bench):
    """The same with IPv6 inside, and also outside. The packet is 20 bytes longer,
    pktgen makes none that are shorter."""
    for underlay in (4, 6):
        measures = {}
        for kind in (rigs.Geneve, rigs.Nitro, rigs.Openvswitch, rigs.Bridge):
            host = kind.alone(inner=6, underlay=underlay)
            stream = stream_to(host, A, B)
            host.establish(A, B)
            checked(stream, host.underlay_sent, kind.name)
            measures[kind.name] = bench.best(stream)
        name = f"IPv6 over IPv{underlay}"
        bench.compare(f"egress, established, {name}", bench.packet, measures)
        bench.goal(f"{name} / geneve", "nitro", "geneve", 1.15)
        bench.goal(f"{name} / ovs (the sender's zone only)",
                   "nitro", "ovs", 0.5)
        bench.goal(f"{name} / bridge", "nitro", "bridge", 0.4)


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
        measures[kind.name] = bench.best(stream)
    bench.compare("cross-host, established", bench.packet, measures)
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
        measures[kind.name] = bench.best(stream)
    bench.compare("same-host, established", bench.packet, measures)
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
        return bench.best(same)()

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
            count = 2 * bench.count // (5 if linear else 1)
            new[name] = lambda many=many, count=count: \
                1e9 / min(many.run(count) for _ in range(3))
    with open("/proc/sys/net/netfilter/nf_conntrack_max", "w",
              encoding="ascii") as file:
        file.write("4000000")
    bench.compare("rules, established", bench.packet,
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


def guests_inside(kind, mtu):
    """Two hosts whose guests have namespaces, thus IP stacks, of their own."""
    inside = {}
    for host, guest in zip(kind.pair(mtu=mtu), (A, B)):
        ns = inside[guest] = nitronet.Namespace(f"{host.tag}-guest")
        ns.quiet()
        rigs.ip(host.ns, f"link set {host.guest(guest)[1]} netns "
                         f"/proc/{os.getpid()}/fd/{ns.fd}")
        rigs.ip(ns, f"link set {guest.dev} mtu {mtu} up",
                f"addr add {guest.ip}/24 dev {guest.dev}",
                *(f"neigh replace {other.ip} lladdr {other.mac} dev "
                  f"{guest.dev}" for other in rigs.GUESTS
                  if other is not guest))
    return inside


def connections(bench):
    """TCP, one connection after the other: connect, 64 bytes there and back,
    close. Guests with their own stack."""
    measures = {}
    for kind in (rigs.Geneve, rigs.Nitro, rigs.Openvswitch, rigs.Bridge):
        inside = guests_inside(kind, 1500)
        with inside[B]:
            subprocess.Popen([CONNECTIONS, B.ip, "5000"])
        inside[A].sysctl("ipv4/ip_local_port_range", "10000 65000")

        def run(ns=inside[A]):
            return float(ns.run(CONNECTIONS, B.ip, "5000", str(bench.count)))
        nitronet.wait(lambda run=run: answers(run), "the server")
        measures[kind.name] = run
    bench.compare("TCP connections with a request each", "1/s", measures)
    for who, goal in (("ovs", 5), ("bridge", 1.5)):
        bench.goal(f"TCP connections/s / {who}", "nitro", who, goal, most=False)


def answers(run):
    try:
        return run()
    except AssertionError:
        return False


def bulk(bench):
    """iperf3, one TCP connection, MTU 9001, guests with their own stack."""
    measures = {}
    for kind in (rigs.Geneve, rigs.Nitro, rigs.Openvswitch):
        inside = guests_inside(kind, 9001)
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
        "1 flow": bench.best(stream_to(host, A, B, sport=(10000, 10000),
                                 dport=(10000, 10000)), 20000, 4),
        "4 flows": bench.best(stream_to(host, A, B, sport=(10000, 10001),
                                  dport=(10000, 10001), random=True), 20000, 4),
        "a million": bench.best(stream_to(host, A, B, sport=(10000, 10999),
                                    dport=(10000, 11000), random=True),
                          20000, 4),
    }
    bench.compare("random flows", bench.packet, measures)
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
        for _ in range(bench.runs):
            flood.run(2 * bench.count)
            found.append(victim.run(bench.count))
        return min(found)

    bench.compare("victim of a neighbour's flood", bench.packet,
                  {"quiet": bench.best(victim), "flood": flooded})
    bench.goal("victim's packets/s, flood / quiet",
               "quiet", "flood", 0.98, most=False)


MEASURES = [egress, ipv6, cross_host, same_host, rules, connections, bulk,
            million, neighbour]

OF_CACHES = [million]  # a count of instructions says nothing


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json")
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("measure", nargs="*")
    args = parser.parse_args()
    bench = Bench(args.rounds, [name.replace("-", "_")
                                for name in args.measure], args.instructions)
    if args.profile:
        bench.begin_profile()
    print(f"Linux {os.uname().release}, {os.cpu_count()} CPU, "
          f"{'instructions' if args.instructions else 'native time'}")
    for measure in MEASURES:
        if args.instructions and measure in OF_CACHES:
            continue
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
