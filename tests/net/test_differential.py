# SPDX-License-Identifier: GPL-2.0
"""The same packets through an ENI and through a router with nf_conntrack and
equivalent rules. Every difference has to have an explanation here.

            our ENI                          nf_conntrack
    ra ->| card of host-a |-> wire      x1 ->| x0   router   y0 |-> y1

What goes out is seen on the wire as Geneve, what comes in is put there by
host-b in the name of peers that do not exist, so that only ra's rules decide.

NITRO_SEED and NITRO_ROUNDS in the environment make other packets, and more.
"""

import os
import random

import packet
from packet import ACK, FIN, PSH, RST, SYN
from ktap import test
from nitronet import IN, OUT, Namespace, Port, prefix_attr, rtnl, rule

ROUNDS = int(os.environ.get("NITRO_ROUNDS", "60"))
SEED = int(os.environ.get("NITRO_SEED", "20221122"))
POLICY = 2
VNI = 100

# (direction, protocol, ports or (type, code)): what the first peer may
RULES = [
    (OUT, "tcp", (80, 81)), (OUT, "udp", (53, 53)), (OUT, "icmp", (8, 0)),
    (OUT, 47, None), (IN, "tcp", (443, 443)), (IN, "udp", (500, 500)),
    (IN, "icmp", (8, 0)),
]


class Peer:
    """Somebody on host-b whom there is only a mapping of."""

    def __init__(self, lab, number):
        self.lab = lab
        self.mac = f"06:00:00:00:64:{number:02x}"
        self.ip = {4: f"10.0.1.{number}", 6: f"fd00:1:1::{number}"}
        lab.a.card("mapping-set", entry=[
            dict(prefix_attr(ip), vni=VNI, host=lab.b.id, eni=900 + number,
                 mac=packet.mac(self.mac), flags=0, tag=[])
            for ip in self.ip.values()])

    def close(self):
        self.lab.a.card("mapping-del", entry=[
            dict(prefix_attr(ip), vni=VNI) for ip in self.ip.values()])


class Ours:
    """The ENI."""

    def __init__(self, lab, v, peers):
        self.lab, self.v, self.eni, self.peers = lab, v, lab.ra, peers
        self.before = self.drops()
        self.dropped = 0

    def drops(self):
        found = self.eni.drops()
        found.pop("multicast", None)
        return sum(found.values())

    def set_rules(self, rules):
        width = 32 if self.v == 4 else 128
        self.lab.set_policy(POLICY, [
            rule(direction, icmp_name(protocol, self.v),
                 icmp_type(ports, self.v) if protocol == "icmp" else ports,
                 f"{self.peers[0].ip[self.v]}/{width}")
            for direction, protocol, ports in rules])
        self.eni.set(policy=POLICY)

    def passes(self, direction, peer, data):
        if direction == OUT:
            self.eni.port.send(packet.eth(peer.mac, self.eni.mac, data))
            seen = [frame.inner.l3 for frame in self.lab.b.port.drain()
                    if frame.inner]
        else:
            frame = packet.eth(self.eni.mac, peer.mac, data)
            self.lab.b.send_geneve(self.lab.a, packet.geneve(VNI, frame))
            seen = [frame.l3 for frame in self.eni.port.drain()]
        self.dropped += data not in seen
        return data in seen

    def late(self, direction, data):
        """It was not dropped, only not seen at once."""
        port = self.lab.b.port if direction == OUT else self.eni.port
        found = comes(port, lambda frame: data == (
            frame.inner.l3 if direction == OUT and frame.inner else frame.l3))
        self.dropped -= found
        return found

    def check(self):
        """What was not seen at once was dropped and not only late."""
        found = self.drops() - self.before
        assert found == self.dropped, f"{found} dropped, not {self.dropped}"


class Netfilter:
    """The router."""

    macs = {OUT: "06:00:00:00:00:01", IN: "06:00:00:00:00:02"}

    def __init__(self, lab, v, peers):
        self.v, self.eni, self.peers = v, lab.ra, peers
        self.ns = Namespace("nf")
        self.ns.quiet()
        self.outer = lab.raw
        with self.ns:
            for inner, outer, direction in (("x0", "x1", OUT),
                                            ("y0", "y1", IN)):
                rtnl.veth_add(inner, outer, self.outer.fd)
                rtnl.link_set(inner, up=True, address=self.macs[direction])
            rtnl.addr_add("x0", "10.9.9.1", 32)
            for dev, ips in (("x0", self.eni.ip), ("y0", peers[0].ip),
                             ("y0", peers[1].ip)):
                for ip, length in ((ips[4], 32), (ips[6], 128)):
                    rtnl.route_add(ip, length, None, dev)
                    self.ns.run("ip", "neigh", "add", ip, "dev", dev, "lladdr",
                                "06:00:00:00:00:99", "nud", "permanent")
        for name, value in (("ipv4/ip_forward", 1),
                            ("ipv4/conf/all/rp_filter", 0),
                            ("ipv4/conf/x0/rp_filter", 0),
                            ("ipv4/conf/y0/rp_filter", 0),
                            ("ipv6/conf/all/forwarding", 1),
                            ("netfilter/nf_conntrack_tcp_be_liberal", 1)):
            self.ns.sysctl(name, value)
        with self.outer:
            for dev in ("x1", "y1"):
                rtnl.link_set(dev, up=True)
        self.ports = {OUT: Port(self.outer, "x1"), IN: Port(self.outer, "y1")}

    def set_rules(self, rules):
        family = "ip" if self.v == 4 else "ip6"
        peer = self.peers[0].ip[self.v]
        lines = []
        for direction, protocol, ports in rules:
            line = (f'iifname "x0" {family} daddr {peer}' if direction == OUT
                    else f'iifname "y0" {family} saddr {peer}')
            if protocol == "icmp":
                line += (" icmp" if self.v == 4 else " icmpv6")
                line += " type echo-request"
            elif ports is None:
                line += f" meta l4proto {protocol}"
            else:
                line += f" {protocol} dport {ports[0]}-{ports[1]}"
            lines.append(line + " accept")
        self.ns.run("nft", "table inet t { chain f { type filter hook forward "
                    "priority 0; policy drop; }; }; flush chain inet t f; "
                    "table inet t { chain f { ct state invalid drop; "
                    "ct state established,related accept; " +
                    "; ".join(lines) + " ; }; }")

    def passes(self, direction, _peer, data):
        other = IN if direction == OUT else OUT
        self.ports[direction].send(packet.eth(self.macs[direction],
                                              "06:00:00:00:00:99", data))
        # It is routed there, so the hop count is one less
        seen = [same_hops(frame.l3) for frame in self.ports[other].drain()
                if frame.type in (packet.ETH_IP, packet.ETH_IPV6)]
        return same_hops(data) in seen

    def late(self, direction, data):
        port = self.ports[IN if direction == OUT else OUT]
        return comes(port, lambda frame: frame.type != packet.ETH_ARP and
                     same_hops(frame.l3) == same_hops(data))

    def close(self):
        for port in self.ports.values():
            port.sock.close()
        with self.outer:
            for dev in ("x1", "y1"):
                rtnl.link_del(dev)
        self.ns.close()


def comes(port, match):
    try:
        port.get(match, 0.5)
    except AssertionError:
        return False
    return True


def icmp_name(protocol, v):
    return "icmpv6" if (protocol, v) == ("icmp", 6) else protocol


def icmp_type(ports, v):
    return (128, 0) if v == 6 else ports


def same_hops(data):
    if data[0] >> 4 == 6:
        return data[:7] + b"\0" + data[8:]
    return data[:8] + b"\0" + data[9:10] + b"\0\0" + data[12:]


class Step:
    """A packet: where it goes, what it says, whether something may start with
    it; for an error the direction of what it quotes; for a RST how far it is
    from where the sender should be; for a SYN its number."""

    def __init__(self, direction, payload, text, starts=True, quotes=None,
                 reset=None, syn=None):
        self.direction, self.payload, self.text = direction, payload, text
        self.starts, self.quotes = starts, quotes
        self.reset, self.syn = reset, syn


def opposite(direction):
    return IN if direction == OUT else OUT


class Conversation:
    """Packets between the ENI and a peer that nobody else sends."""

    def __init__(self, rnd, number, v, peers):
        self.rnd, self.number, self.v = rnd, number, v
        self.peer = peers[rnd.random() < 0.1]
        self.passed = set()  # directions of what passed
        self.acked = set()  # likewise, with ACK
        self.syns = set()  # their numbers
        self.reset = self.lost = False
        self.openers = set()  # directions of SYNs that passed
        self.history = []
        self.started = False
        self.over = False
        self.direction = rnd.choice((IN, OUT))
        kind = rnd.choice(("tcp", "tcp", "tcp", "udp", "icmp", "other"))
        self.steps = getattr(self, kind)()

    # --- what is said

    def tcp(self):
        """A connection, with lines repeated, left out, exchanged, put in."""
        rnd = self.rnd
        sport = 20000 + self.number
        dport = rnd.choice((80, 80, 81, 82) if self.direction == OUT
                           else (443, 443, 443, 444))
        client, server = rnd.randrange(1 << 32), rnd.randrange(1 << 32)
        script = [("c", SYN, 0, 0, 0), ("s", SYN | ACK, 0, 1, 0),
                  ("c", ACK, 1, 1, 0), ("c", ACK | PSH, 1, 1, 100),
                  ("s", ACK, 1, 101, 0), ("s", ACK | PSH, 1, 101, 300),
                  ("c", ACK, 101, 301, 0)]
        script += rnd.choice((
            [("c", FIN | ACK, 101, 301, 0), ("s", ACK, 301, 102, 0),
             ("s", FIN | ACK, 301, 102, 0), ("c", ACK, 102, 302, 0)],
            [("s", FIN | ACK, 301, 101, 0), ("c", FIN | ACK, 101, 302, 0),
             ("s", ACK, 302, 102, 0)],
            [("c", RST, 101, 0, 0)],
            [("s", RST | ACK, 301, 101, 0)],
            []))
        if rnd.random() < 0.3:
            # Once more with the same ports
            script += [("c", SYN, 90000, 0, 0), ("s", SYN | ACK, 70000, 90001, 0),
                       ("c", ACK, 90001, 70001, 0)]
        for _ in range(rnd.randrange(4)):
            at = rnd.randrange(len(script))
            change = rnd.random()
            if change < 0.3:
                script.insert(at, script[rnd.randrange(at + 1)])
            elif change < 0.4:
                del script[at]
            elif change < 0.5 and at:
                script[at - 1], script[at] = script[at], script[at - 1]
            elif change < 0.75:
                side = rnd.choice("cs")
                edge = 101 if side == "c" else 301
                edge += any(line[0] == side and line[1] & FIN
                            for line in script[:at])
                script.insert(at, (side, rnd.choice((RST, RST | ACK)), edge,
                                   rnd.choice((1, 101)), 0,
                                   rnd.choice((0, 0, 10, -200, 200000))))
            else:
                script.insert(at, (rnd.choice("cs"), rnd.choice(
                    (SYN, SYN | ACK, ACK, FIN | ACK)),
                    rnd.choice((0, 1, 101, 500, 5000)),
                    rnd.choice((0, 1, 101, 301)), rnd.choice((0, 10))))
            if not script:
                break

        steps = []
        for side, flags, seq, ack, size, *off in script:
            seq += sum(off)
            mine, other = (client, server) if side == "c" else (server, client)
            ports = (sport, dport) if side == "c" else (dport, sport)
            if flags & RST and not flags & ACK:
                ack = other = 0
            options = b"\3\3\2" if flags & SYN else b""
            steps.append(Step(
                self.direction if side == "c" else opposite(self.direction),
                packet.tcp(*ports, flags, mine + seq,
                           other + ack if flags & ACK else 0, 1000,
                           bytes(size), options),
                f"{side} {flags_text(flags)} seq {seq} ack {ack} len {size}",
                starts=flags in (SYN, ACK, ACK | PSH),
                reset=sum(off) if flags & RST else None,
                syn=seq if flags == SYN else None))
            if rnd.random() < 0.05:
                steps.append(self.error(steps))
        return steps

    def udp(self):
        rnd = self.rnd
        sport = 20000 + self.number
        dport = rnd.choice((53, 53, 54) if self.direction == OUT
                           else (500, 500, 501))
        steps = []
        for _ in range(rnd.randrange(1, 6)):
            there = rnd.random() < 0.6
            ports = (sport, dport) if there else (dport, sport)
            if rnd.random() < 0.1:
                ports = (ports[0], ports[1] + 1)
            steps.append(Step(
                self.direction if there else opposite(self.direction),
                packet.udp(*ports, b"x" * rnd.randrange(20)),
                f"udp {ports[0]}>{ports[1]}"))
            if rnd.random() < 0.3:
                steps.append(self.error(steps))
        return steps

    def icmp(self):
        rnd = self.rnd
        steps = []
        for seq in range(rnd.randrange(1, 6)):
            reply = rnd.random() < 0.4
            ident = self.number * 2 + (reply and rnd.random() < 0.1)
            steps.append(Step(
                opposite(self.direction) if reply else self.direction,
                packet.echo(ident, seq, b"ping", self.v == 6, reply),
                f"echo {'reply' if reply else 'request'} {ident}",
                starts=not reply))
            if rnd.random() < 0.2:
                steps.append(self.error(steps))
        return steps

    def other(self):
        return [Step(self.rnd.choice((IN, OUT)), packet.raw(47, bytes(16)),
                     "gre")
                for _ in range(self.rnd.randrange(1, 4))]

    def error(self, steps):
        """About one of the packets so far, or one that never was."""
        step = self.rnd.choice(steps)
        quoted = step.payload
        if self.rnd.random() < 0.2:
            quoted = packet.udp(9, 20000 + self.number)
        source, dest = self.ends(step.direction)
        data = packet.ip(source, dest, quoted)[:28 if self.v == 4 else 48]
        kind = 1 if self.v == 6 else 3
        return Step(opposite(step.direction),
                    packet.icmp(kind, 4 if self.v == 6 else 3, 0, data,
                                self.v == 6),
                    f"error about {step.text}", starts=False,
                    quotes=step.direction)

    # --- who says it

    def ends(self, direction):
        ends = self.eni_ip, self.peer.ip[self.v]
        return ends if direction == OUT else ends[::-1]

    eni_ip = None

    def play(self, step, ours, netfilter):
        """Returns what is different and not to be explained, or None."""
        data = packet.ip(*self.ends(step.direction), step.payload,
                         ident=len(self.history))
        if step.syn is not None:
            self.syns.add(step.syn)
        mine = ours.passes(step.direction, self.peer, data)
        theirs = netfilter.passes(step.direction, self.peer, data)
        if mine != theirs:
            mine = mine or ours.late(step.direction, data)
            theirs = theirs or netfilter.late(step.direction, data)
        self.history.append(f"{step.direction:7} {step.text}: "
                            f"{'pass' if mine else 'drop'}")
        if mine == theirs:
            if mine and not step.quotes:
                self.started = True
                self.passed.add(step.direction)
                if step.syn is not None:
                    self.openers.add(step.direction)
                if step.reset is not None:
                    self.reset = True
                elif " ACK" in step.text or "+ACK" in step.text:
                    self.acked.add(step.direction)
            elif not mine and not step.quotes:
                self.lost = True
            return None
        # From here on the two know different things
        self.over = True
        if self.explain(step, mine):
            return None
        return [f"netfilter would {'pass' if theirs else 'drop'}:",
                f"peer {self.peer.ip[self.v]}, dropped {ours.eni.drops()}, "
                f"data {data.hex()}"] + self.history

    def explain(self, step, mine):
        # A rule that allows a packet allows it, even if a connection does not
        # begin with such a one: after the flow was forgotten the endpoints
        # shall be able to tell each other.
        if mine and not self.started and not step.starts and not step.quotes:
            return True
        # To netfilter a connection without an answer is new with each packet;
        # to AWS it is tracked from the first on, and survives its rule.
        if mine and not step.quotes and self.passed == {step.direction}:
            return True
        # Until a simultaneous open has ended netfilter knows what comes next.
        if mine and len(self.openers) == 2 and len(self.acked) < 2:
            return True
        # And there is but one flow of GRE with a peer, begun in any turn.
        if mine and step.text == "gre":
            return True
        # An error about a packet that was never there.
        if not mine and step.quotes and step.quotes not in self.passed:
            return True
        # Being liberal, netfilter lets a RST pass that is beyond the window,
        # or that comes before there is one and does not acknowledge the SYN.
        # What both have dropped is not sent again here, so that a RST may be
        # where no connection would have got to.
        if not mine and step.reset is not None and (
                abs(step.reset) > 100 or len(self.acked) < 2 or self.lost):
            return True
        # netfilter forgets a connection at once that a RST answers.
        if mine and self.reset and not step.quotes:
            return True
        # Each new connection on the same ports has to ask the rules. netfilter
        # only asks if it saw the old one end properly; we are slower to say
        # that if its FIN was not in order.
        return len(self.syns) > 1


def flags_text(flags):
    names = ((SYN, "SYN"), (FIN, "FIN"), (RST, "RST"), (PSH, "PSH"),
             (ACK, "ACK"))
    return "+".join(name for bit, name in names if flags & bit)


@test(v=(4, 6))
def like_nf_conntrack(lab, v):
    """Random packets get the verdict that nf_conntrack gives, or a reason is
    known why not."""
    rnd = random.Random(SEED + v)
    peers = [Peer(lab, 98), Peer(lab, 99)]
    netfilter = Netfilter(lab, v, peers)
    ours = Ours(lab, v, peers)
    Conversation.eni_ip = lab.ra.ip[v]
    talks = [Conversation(rnd, number, v, peers) for number in range(ROUNDS)]
    differences = []
    counts = {True: 0, False: 0}
    try:
        # Few at a time, so that nothing times out
        for first in range(0, ROUNDS, 10):
            for turn in range(2):
                # In the second turn nothing but what is tracked may go on
                for side in (ours, netfilter):
                    side.set_rules(RULES[:1] if turn else RULES)
                for talk in talks[first:first + 10]:
                    middle = rnd.randrange(len(talk.steps) + 1)
                    steps = talk.steps if turn else talk.steps[:middle]
                    talk.steps = talk.steps[middle:]
                    for step in steps:
                        if talk.over:
                            break
                        found = talk.play(step, ours, netfilter)
                        counts[talk.history[-1].endswith("pass")] += 1
                        if found:
                            differences.append("\n".join(found))
        ours.check()
    finally:
        netfilter.close()
        for peer in peers:
            peer.close()
    assert counts[True] > ROUNDS and counts[False] > ROUNDS / 2, counts
    assert not differences, (f"{len(differences)} differences, "
                             f"counts {counts}:\n" +
                             "\n\n".join(differences[:6]))
