# SPDX-License-Identifier: GPL-2.0
"""Security groups: which rule lets what through."""

import contextlib
import ipaddress
import os
import random
import select
import signal

import packet
from ktap import test
from nitronet import ALL, IN, OUT, Card, dropped, open_rules, refused, rule

PEERS = (4, 6)


def only(lab, eni, *rules):
    """Give the ENI exactly these rules."""
    lab.set_policy(2, list(rules))
    eni.set(policy=2)


def check(sender, receiver, direction, allowed, payload, v, **how):
    """The packet passes or is dropped, by the rules of that direction."""
    if allowed:
        sender.passes(receiver, payload, v, **how)
        return
    where = receiver if direction == IN else sender
    with dropped(where, **{f"{direction}_rule": 1}):
        sender.send(receiver, payload, v, **how)


@test(v=PEERS, aws="1.2 default")
def new_group(lab, v):
    """A new group: no inbound, all outbound. VPC User Guide,
    security-group-rules."""
    only(lab, lab.ra, *open_rules(OUT))
    for payload in (packet.udp(1, 2), packet.tcp(1, 2),
                    packet.echo(1, v6=v == 6), packet.raw(47, bytes(20))):
        check(lab.rb, lab.ra, IN, False, payload, v)
        check(lab.ra, lab.rb, OUT, True, payload, v)


@test(v=PEERS, aws="1.2 union")
def union(lab, v):
    """Rules only allow; what one allows no other takes back. VPC User Guide,
    security-group-rules."""
    only(lab, lab.rb, rule(IN, "tcp", 80, ALL[v == 6]),
         rule(IN, "tcp", (70, 90), f"{lab.ra2.ip[v]}"), *open_rules(OUT))
    check(lab.ra, lab.rb, IN, True, packet.tcp(1, 80), v)
    check(lab.ra, lab.rb, IN, False, packet.tcp(1, 81), v)
    check(lab.ra2, lab.rb, IN, True, packet.tcp(1, 81), v)


@test(v=PEERS)
def ports(lab, v):
    """A range has both its ends."""
    everyone = ALL[v == 6]
    only(lab, lab.rb, rule(IN, "udp", (1000, 2000), everyone),
         rule(IN, "tcp", 443, everyone), rule(IN, "udp", 65535, everyone),
         rule(IN, "tcp", (0, 10), everyone), *open_rules(OUT))
    for port, allowed in ((999, 0), (1000, 1), (1500, 1), (2000, 1), (2001, 0),
                          (65535, 1), (443, 0), (0, 0)):
        check(lab.ra, lab.rb, IN, allowed, packet.udp(1000, port), v)
    for port, allowed in ((442, 0), (443, 1), (444, 0), (0, 1), (10, 1),
                          (11, 0), (1500, 0), (65535, 0)):
        check(lab.ra, lab.rb, IN, allowed, packet.tcp(443, port), v)


@test(v=PEERS)
def egress(lab, v):
    everyone = ALL[v == 6]
    only(lab, lab.ra, rule(OUT, "udp", 53, everyone),
         rule(OUT, "tcp", None, f"{lab.rb.ip[v]}"))
    check(lab.ra, lab.rb, OUT, True, packet.udp(1, 53), v)
    check(lab.ra, lab.rb, OUT, False, packet.udp(53, 1), v)
    check(lab.ra, lab.rb, OUT, True, packet.tcp(1, 4444), v)
    check(lab.ra, lab.rb3, OUT, False, packet.tcp(1, 4444), v)


@test(v=PEERS)
def icmp_types(lab, v):
    """Type and code are matched as ports are."""
    name, request, everyone = (("icmp", 8, ALL[0]) if v == 4 else
                               ("icmpv6", 128, ALL[1]))
    only(lab, lab.rb, rule(IN, name, (request, 0), everyone), *open_rules(OUT))
    check(lab.ra, lab.rb, IN, True, packet.echo(1, v6=v == 6), v)
    check(lab.ra, lab.rb, IN, False,
          packet.icmp(request, 1, 0x20001, v6=v == 6), v)
    if v == 4:  # timestamp request
        check(lab.ra, lab.rb, IN, False, packet.icmp(13, 0, 0x30001,
                                                     bytes(12)), v)
        only(lab, lab.rb, rule(IN, name, (13, None), everyone),
             *open_rules(OUT))
        check(lab.ra, lab.rb, IN, True, packet.icmp(13, 0, 0x40001,
                                                    bytes(12)), v)
        check(lab.ra, lab.rb, IN, False, packet.echo(9), v)


@test(v=PEERS)
def protocols(lab, v):
    """Other protocols by number; all of them."""
    everyone = ALL[v == 6]
    only(lab, lab.rb, rule(IN, 47, None, everyone), rule(IN, 132, None, everyone),
         *open_rules(OUT))
    for number, allowed in ((47, 1), (132, 1), (50, 0), (4, 0), (255, 0)):
        check(lab.ra, lab.rb, IN, allowed, packet.raw(number, bytes(40)), v)
    check(lab.ra, lab.rb, IN, False, packet.udp(1, 47), v)
    only(lab, lab.rb, rule(IN, None, None, everyone), *open_rules(OUT))
    for number in (50, 4 if v == 6 else 41, 255, 139):
        check(lab.ra, lab.rb, IN, True, packet.raw(number, bytes(40)), v)


@test(v=PEERS)
def nested_prefixes(lab, v):
    """Prefixes inside prefixes, each with ports of its own."""
    if v == 4:
        nets = ("10.0.0.0/8", "10.0.1.0/24", "10.0.1.30/31", "10.0.1.30/32")
    else:
        nets = ("fd00::/8", "fd00:1:1::/64", "fd00:1:1::30/127",
                "fd00:1:1::30/128")
    only(lab, lab.rb, *[rule(IN, "udp", 100 + n, net)
                        for n, net in enumerate(nets)], *open_rules(OUT))
    for sender, allowed in ((lab.ra, (1, 1, 1, 1)), (lab.ra2, (1, 1, 1, 0)),
                            (lab.ra3, (1, 0, 0, 0))):
        for n, yes in enumerate(allowed):
            check(sender, lab.rb, IN, yes, packet.udp(50, 100 + n), v)


@test(v=PEERS)
def family_of_rule(lab, v):
    """0.0.0.0/0 is not ::/0."""
    only(lab, lab.rb, rule(IN, None, None, ALL[v == 4]), *open_rules(OUT))
    check(lab.ra, lab.rb, IN, False, packet.udp(1, 2), v)
    only(lab, lab.rb, rule(IN, None, None, ALL[v == 6]), *open_rules(OUT))
    check(lab.ra, lab.rb, IN, True, packet.udp(1, 2), v)


@test(v=PEERS, aws="1.2 group reference", underlay=(4, 6))
def tags(lab, v):
    """A group as the peer matches private addresses of its members, here and
    elsewhere. VPC User Guide, security-group-rules."""
    only(lab, lab.rb, rule(IN, "tcp", 80, 1), rule(OUT, "udp", None, 3))
    check(lab.ra, lab.rb, IN, True, packet.tcp(1, 80), v)
    check(lab.ra, lab.rb, IN, False, packet.tcp(1, 81), v)
    check(lab.ra2, lab.rb, IN, False, packet.tcp(1, 80), v)
    check(lab.rb, lab.ra3, OUT, True, packet.udp(1, 2), v)
    check(lab.rb, lab.ra, OUT, False, packet.udp(1, 2), v)
    only(lab, lab.ra, rule(IN, None, None, 2), *open_rules(OUT))
    check(lab.ra2, lab.ra, IN, True, packet.udp(1, 2), v)
    check(lab.ra3, lab.ra, IN, False, packet.udp(1, 2), v)


@test(v=PEERS)
def membership_changes(lab, v):
    """Joining and leaving a group counts for the next connection."""
    only(lab, lab.rb, rule(IN, None, None, 77), *open_rules(OUT))
    check(lab.ra, lab.rb, IN, False, packet.tcp(1, 80), v)
    lab.ra.set_mapping(tags=[1, 77, 500])
    check(lab.ra, lab.rb, IN, True, packet.tcp(2, 80), v)
    lab.ra.set_mapping(tags=[1])
    check(lab.ra, lab.rb, IN, False, packet.tcp(3, 80), v)
    lab.ra.set_mapping(tags=list(range(70, 86)))  # 16 at most
    check(lab.ra, lab.rb, IN, True, packet.tcp(4, 80), v)


@test(v=PEERS, aws="1.2 quotas")
def thousand_rules(lab, v):
    """1000 rules per direction and family. VPC User Guide,
    amazon-vpc-limits."""
    rules = []
    for n in range(1000):
        rules.append(rule(IN, "tcp", 2 * n + 1, f"10.0.{n % 4}.0/24"))
        rules.append(rule(IN, "tcp", 2 * n + 1, f"fd00:1:{n % 4}::/64"))
        rules.append(rule(OUT, "udp", 2 * n + 1, f"10.0.{n % 4}.0/24"))
        rules.append(rule(OUT, "udp", 2 * n + 1, f"fd00:1:{n % 4}::/64"))
    only(lab, lab.rb, *rules)
    for n in (0, 1, 2, 499, 501, 997, 999):
        check(lab.ra, lab.rb, IN, n % 4 == 1, packet.tcp(9, 2 * n + 1), v)
        check(lab.ra3, lab.rb, IN, n % 4 == 2, packet.tcp(9, 2 * n + 1), v)
        check(lab.ra, lab.rb, IN, False, packet.tcp(9, 2 * n), v)
        check(lab.rb, lab.ra, OUT, n % 4 == 1, packet.udp(9, 2 * n + 1), v)


@test
def random_rules(lab):
    """Random rules and packets against the plainest model there is."""
    rand = random.Random(2026)
    senders = (lab.ra, lab.ra2, lab.ra3, lab.rb3)
    number = 20000
    for _ in range(6):
        rules = []
        for _ in range(40):
            protocol = rand.choice(("tcp", "udp", None))
            low = rand.randrange(20)
            span = (low, low + rand.randrange(6)) if protocol else None
            peer = rand.choice((
                1, 2, 3, "10.0.1.30/32", "10.0.1.30/31", "10.0.2.0/24",
                "fd00:1:1::30/128", "fd00:1:2::/48", "fd00:1:1::/64"))
            rules.append((protocol, span, peer))
        rules = rand.sample(rules, rand.randrange(1, 6))
        only(lab, lab.rb, *[rule(IN, *one) for one in rules], *open_rules(OUT))
        for _ in range(60):
            sender = rand.choice(senders)
            v, protocol = rand.choice((4, 6)), rand.choice(("tcp", "udp"))
            port = rand.randrange(26)
            number += 1
            payload = (packet.tcp if protocol == "tcp" else packet.udp)(
                number, port)
            expected = any(model(one, sender, v, protocol, port)
                           for one in rules)
            check(sender, lab.rb, IN, expected, payload, v)


def model(one, sender, v, protocol, port):
    wanted, span, peer = one
    if wanted and wanted != protocol:
        return False
    if span and not span[0] <= port <= span[1]:
        return False
    if isinstance(peer, int):
        return peer in sender.tags

    net = ipaddress.ip_network(peer, strict=False)
    return net.version == v and ipaddress.ip_address(sender.ip[v]) in net


@test
def shared_policy(lab):
    """One policy, many ENIs; a replacement reaches all at once."""
    lab.set_policy(2, open_rules(OUT))
    for eni in (lab.rb, lab.rb3, lab.ra3):
        eni.set(policy=2)
    for eni in (lab.rb, lab.rb3, lab.ra3):
        check(lab.ra, eni, IN, False, packet.udp(1, 2), 4)
    lab.set_policy(2, open_rules())
    for eni in (lab.rb, lab.rb3, lab.ra3):
        check(lab.ra, eni, IN, True, packet.udp(1, 2), 4)
    with refused(16):
        lab.b.card("policy-del", id=2)


@test(v=PEERS)
def to_oneself(lab, v):
    """A packet to one's own address goes through both directions' rules."""
    only(lab, lab.ra, rule(OUT, "udp", None, ALL[v == 6]))
    frame = lab.ra.frame(lab.ra, packet.udp(1, 2), v,
                         dst_mac=lab.ra.find_router())
    lab.ra.port.drain()
    before = lab.ra.drops()
    lab.ra.port.send(frame)
    lab.ra.port.nothing(lambda f: f.dport == 2)
    assert sum(lab.ra.drops().values()) == sum(before.values()) + 1


@contextlib.contextmanager
def replacing(lab, *sets):
    """Another process gives policy 2 one set of rules after the other."""
    messages = []
    card = lab.b.card
    for rules in sets:
        op = card.ynl.msgs["policy-set"]
        # pylint: disable=protected-access
        messages.append(bytes(card.ynl._encode_message(
            op, {"id": 2, "rule": rules}, [], 1)))
    done, tell = os.pipe()
    pid = os.fork()
    if not pid:
        sock = Card(lab.b.ns).ynl.sock
        count = 0
        while not select.select([sock], [], [], 0)[0] or sock.recv(1 << 16):
            sock.send(messages[count % len(messages)])
            count += 1
            if count == 50:
                os.write(tell, b"x")
    try:
        # it goes on all the time, not only before or after the packets
        assert select.select([done], [], [], 30)[0], "nothing is replaced"
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(done)
        os.close(tell)


@test(v=PEERS)
def replaced_under_traffic(lab, v):
    """A policy of a thousand rules is replaced all the time: what both sets of
    rules allow is never lost, and what neither allows never passes, not even what
    the ports of one and the peers of the other would allow."""
    block = 32 if v == 4 else 128
    one, two = (f"{eni.ip[v]}/{block}" for eni in (lab.ra, lab.ra2))
    first = ipaddress.ip_address(lab.ra.ip[v]) + 1000
    filler = [rule(IN, "tcp", 10000 + n, f"{first + n}/{block}") for n in range(990)]
    old = filler + [rule(IN, "udp", 7, ALL[v == 6]), rule(IN, "udp", 8, one)]
    new = filler[::-1] + [rule(IN, "udp", 9, two), rule(IN, "udp", 7, ALL[v == 6])]
    only(lab, lab.rb, *old)

    def match(frame, port):
        if frame.proto != packet.UDP:
            return False
        assert frame.dport == 7, f"{frame.ip_src} may not send to {frame.dport}"
        return frame.sport == port

    with replacing(lab, old, new):
        for n in range(200):
            for sender, port in ((lab.ra, 9), (lab.ra2, 8), (lab.ra, 10)):
                sender.send(lab.rb, packet.udp(1000 + n, port), v)
            for sender in (lab.ra, lab.ra2):  # with a new flow each time
                sender.passes(lab.rb, packet.udp(2000 + n, 7), v,
                              match=lambda frame, n=n: match(frame, 2000 + n))
