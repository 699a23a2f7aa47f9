# SPDX-License-Identifier: GPL-2.0
"""Fragments belong to their first one, and to nobody else's."""

import itertools
import socket

import packet
from ktap import test
from nitronet import IN, dropped, open_rules, rule

PAYLOAD = bytes(n & 255 for n in range(4000))
IDENTS = itertools.count(20000)  # the card remembers those of earlier tests


def pieces(sender, receiver, v, payload=None, ident=None, size=1200):
    """The frames of a packet in fragments."""
    payload = payload or packet.udp(1000, 2000, PAYLOAD)
    ident = next(IDENTS) if ident is None else ident
    source, dest = sender.ip[v], receiver.ip[v]
    whole = payload.bytes(packet.address(source), packet.address(dest))
    return [packet.eth(sender.next_hop(receiver), sender.mac, packet.ip(
        source, dest, (payload.protocol, whole[at:at + size]), ident=ident,
        offset=at, more=at + size < len(whole)))
        for at in range(0, len(whole), size)]


def joined(port, count):
    data = b""
    for _ in range(count):
        frame = port.get(lambda f: f.proto == packet.UDP)
        body = frame.l3[20:frame.length] if frame.type == packet.ETH_IP else \
            frame.l3[48:]
        assert frame.offset == len(data), "out of order"
        data += body
    return data


@test(v=(4, 6), underlay=(4, 6))
def pass_in_order(lab, v):
    for peer in (lab.ra2, lab.rb, lab.rb3):
        frames = pieces(lab.ra, peer, v)
        for frame in frames:
            lab.ra.port.send(frame)
        assert joined(peer.port, len(frames))[8:] == PAYLOAD
        peer.port.nothing()


@test(v=(4, 6))
def rules_count(lab, v):
    """The first fragment's ports decide for all."""
    lab.set_policy(2, [rule(IN, "udp", 2000, lab.ra.ip[v])] +
                   open_rules("egress"))
    lab.rb.set(policy=2)
    frames = pieces(lab.ra, lab.rb, v)
    for frame in frames:
        lab.ra.port.send(frame)
    joined(lab.rb.port, len(frames))
    frames = pieces(lab.ra, lab.rb, v, packet.udp(1000, 2001, PAYLOAD), 78)
    before = sum(lab.rb.drops().values())
    for frame in frames:
        lab.ra.port.send(frame)
    lab.rb.port.nothing()
    assert sum(lab.rb.drops().values()) == before + len(frames)


@test(v=(4, 6))
def without_the_first(lab, v):
    """Later fragments alone have no ports, so they belong to nothing."""
    with dropped(lab.ra, fragment=3):
        for frame in pieces(lab.ra, lab.rb, v)[1:]:
            lab.ra.port.send(frame)
    lab.rb.port.nothing()


@test(v=(4, 6))
def two_vpcs_with_the_same_everything(lab, v):
    """Same addresses, same IP id, in two VPCs at once: they do not mix."""
    one = pieces(lab.ra, lab.rb, v, packet.udp(1000, 2000, b"1" * 4000), 77)
    two = pieces(lab.oa, lab.ob, v, packet.udp(1000, 2000, b"2" * 4000), 77)
    for frame_one, frame_two in zip(one, two):
        lab.ra.port.send(frame_one)
        lab.oa.port.send(frame_two)
    assert set(joined(lab.rb.port, len(one))[8:]) == set(b"1")
    assert set(joined(lab.ob.port, len(two))[8:]) == set(b"2")


@test(v=(4, 6))
def other_vpc_does_not_help(lab, v):
    """A first fragment in one VPC opens nothing in another."""
    ident = next(IDENTS)
    lab.oa.port.send(pieces(lab.oa, lab.ob, v, ident=ident)[0])
    with dropped(lab.ra, fragment=1):
        lab.ra.port.send(pieces(lab.ra, lab.rb, v, ident=ident)[1])
    lab.rb.port.nothing()


@test(v=(4, 6))
def other_ident(lab, v):
    frames = pieces(lab.ra, lab.rb, v, ident=5)
    lab.ra.port.send(frames[0])
    with dropped(lab.ra, fragment=1):
        lab.ra.port.send(pieces(lab.ra, lab.rb, v, ident=6)[1])


@test
def tiny_and_overlapping(lab):
    """RFC 1858, RFC 3128: the TCP header is in the first fragment whole, and
    is not overwritten."""
    tcp = packet.tcp(1, 80, data=bytes(100)).bytes(
        packet.address(lab.ra.ip[4]), packet.address(lab.rb.ip[4]))

    def send(data, **how):
        lab.ra.port.send(packet.eth(lab.rb.mac, lab.ra.mac, packet.ip(
            lab.ra.ip[4], lab.rb.ip[4], (6, data), ident=9, **how)))

    with dropped(lab.ra, fragment=1):
        send(tcp[:8], more=True)
    with dropped(lab.ra, fragment=1):
        send(tcp[8:24], offset=8)
    send(tcp[:24], more=True)
    lab.rb.port.get(lambda f: f.more)
    with dropped(lab.ra, fragment=1):
        send(tcp[8:24], offset=8, more=True)
    lab.rb.port.nothing()


@test
def ping_of_death(lab):
    """A fragment that would end behind 65535."""
    with dropped(lab.ra, fragment=1):
        lab.ra.port.send(packet.eth(lab.rb.mac, lab.ra.mac, packet.ip(
            lab.ra.ip[4], lab.rb.ip[4], (17, bytes(100)), ident=9,
            offset=65528)))
    lab.rb.port.nothing()


@test(v=(4, 6))
def many_at_once(lab, v):
    """Packets in fragments that are interleaved."""
    frames = [pieces(lab.ra, lab.rb, v, packet.udp(1000 + n, 2000, PAYLOAD),
                     ident=100 + n) for n in range(50)]
    for group in zip(*frames):
        for frame in group:
            lab.ra.port.send(frame)
    got = [lab.rb.port.get() for _ in range(50 * len(frames[0]))]
    assert len(got) == 50 * len(frames[0])


@test(v=(4, 6))
def first_fragments_that_never_end(lab, v):
    """A guest that only starts packets uses up its own room, nobody else's."""
    for n in range(3000):
        lab.ra.port.send(pieces(lab.ra, lab.rb, v, ident=1000 + n)[0])
    lab.rb.port.drain()
    frames = pieces(lab.ra2, lab.rb, v, ident=7)
    for frame in frames:
        lab.ra2.port.send(frame)
    got = [lab.rb.port.get(lambda f: f.ip_src == lab.ra2.ip[v])
           for _ in frames]
    assert [f.offset for f in got] == sorted(f.offset for f in got)
    # And its own whole packets still pass
    lab.ra.passes(lab.rb, packet.udp(1, 2), v,
                  match=lambda f: f.sport == 1 and not f.more)


@test(v=(4, 6), underlay=(4, 6))
def stack_to_stack(lab, v):
    """A datagram larger than the MTU between guests' own stacks."""
    server = lab.b1.socket(socket.SOCK_DGRAM, v, 7000)
    client = lab.a1.socket(socket.SOCK_DGRAM, v)
    message = PAYLOAD * 12
    client.sendto(message, (lab.b1.ip[v], 7000))
    got, peer = server.recvfrom(100000)
    assert got == message
    server.sendto(message, peer)
    assert client.recv(100000) == message
    server.close()
    client.close()
