# SPDX-License-Identifier: GPL-2.0
"""ARP and neighbour discovery are answered by the card, nothing is flooded."""

import packet
from ktap import test
from nitronet import dropped

BROADCAST = "ff:ff:ff:ff:ff:ff"


def request(eni, target, v, source=None, src_mac=None, sender_mac=None,
            dst=None):
    """A frame that asks for target's MAC address."""
    src_mac = src_mac or eni.mac
    source = source or eni.ip[v]
    if v == 4:
        return packet.eth(dst or BROADCAST, src_mac, packet.arp(
            1, sender_mac or src_mac, source, target), packet.ETH_ARP)
    return packet.eth(dst or packet.multicast_mac(packet.solicited_node(target)),
                      src_mac, packet.solicitation(source, target,
                                                   sender_mac or src_mac))


def answer(eni, target, v):
    """The MAC address that is answered."""
    eni.port.send(request(eni, target, v))
    if v == 4:
        frame = eni.port.get(lambda f: f.op == 2 and f.sender == target)
        assert frame.target == eni.ip[4]
        assert frame.src == frame.sender_mac
    else:
        frame = eni.port.get(lambda f: f.icmp_type == 136 and
                             f.target == target)
        assert frame.checksum_ok and frame.ttl == 255
        assert frame.rest & 0x60000000 == 0x60000000, "solicited, override"
        assert (frame.ip_src, frame.ip_dst) == (target, eni.ip[6])
    assert frame.dst == eni.mac
    return frame.sender_mac


def silence(lab, eni, frame, **reasons):
    """The frame is dropped for these reasons; nobody sees anything of it."""
    with dropped(eni, **reasons):
        eni.port.send(frame)
    eni.port.nothing()
    for other in lab.enis:
        if not other.ns.name == other.name:
            other.port.nothing()
    lab.b.port.nothing(lambda f: f.vni is not None)
    lab.a.port.nothing(lambda f: f.vni is not None)


@test(v=(4, 6), aws="1.1 router")
def router(lab, v):
    """The first address (plus one) of the subnet is the router. VPC User
    Guide, subnet-sizing."""
    first = answer(lab.ra, lab.ra.router[v], v)
    assert answer(lab.ra3, lab.ra3.router[v], v) == first
    assert answer(lab.rb, lab.rb.router[v], v) == first


@test(v=(4, 6))
def mapped(lab, v):
    """Addresses of the subnet that somebody has, here and elsewhere."""
    for peer in (lab.ra2, lab.rb, lab.a1, lab.b1):
        assert answer(lab.ra, peer.ip[v], v) == peer.mac


@test(v=(4, 6))
def unmapped(lab, v):
    target = "10.0.1.200" if v == 4 else "fd00:1:1::200"
    silence(lab, lab.ra, request(lab.ra, target, v), neighbour=1)


@test(v=(4, 6))
def not_on_link(lab, v):
    """Somebody has it, in another subnet: that is the router's business."""
    silence(lab, lab.ra, request(lab.ra, lab.rb3.ip[v], v), neighbour=1)


@test(v=(4, 6))
def other_vpc(lab, v):
    """An address that only another VPC has."""
    target = "10.0.1.99" if v == 4 else "fd00:1:1::99"
    lab.eni(lab.a, "other", 200, 99, 1, stack=False)
    assert answer(lab.oa, target, v)
    silence(lab, lab.ra, request(lab.ra, target, v), neighbour=1)


@test(v=(4, 6))
def own_address(lab, v):
    """A guest's search for a duplicate of its own address finds none."""
    if v == 4:
        frame = request(lab.ra, lab.ra.ip[4], 4, source="0.0.0.0")
    else:
        frame = request(lab.ra, lab.ra.ip[6], 6, source="::")
    silence(lab, lab.ra, frame, neighbour=1)


@test(v=(4, 6))
def gratuitous(lab, v):
    """Announcements are not believed, nor passed on."""
    target = lab.ra2.ip[v]
    if v == 4:
        frame = packet.eth(BROADCAST, lab.ra.mac, packet.arp(
            2, lab.ra.mac, target, target), packet.ETH_ARP)
    else:
        frame = packet.eth(packet.multicast_mac("ff02::1"), lab.ra.mac,
                           packet.advertisement(lab.ra.ip[6], target,
                                                lab.ra.mac))
    reason = "source_address" if v == 4 else "multicast"
    silence(lab, lab.ra, frame, **{reason: 1})
    assert answer(lab.rb, target, v) == lab.ra2.mac


@test(v=(4, 6))
def foreign_sender(lab, v):
    """A request in another's name, by MAC or IP address."""
    router = lab.ra.router[v]
    silence(lab, lab.ra, request(lab.ra, router, v, src_mac=lab.ra2.mac),
            source_mac=1)
    silence(lab, lab.ra, request(lab.ra, router, v, source=lab.ra2.ip[v]),
            source_address=1)
    if v == 4:
        silence(lab, lab.ra, request(lab.ra, router, v,
                                     sender_mac=lab.ra2.mac), source_mac=1)


@test(v=(4, 6))
def malformed(lab, v):
    frame = request(lab.ra, lab.ra.router[v], v)
    for size in (15, 20, 30, 41) if v == 4 else (62, 70, 77):
        silence(lab, lab.ra, frame[:size], malformed=1)
    if v == 4:
        frame = bytearray(frame)
        frame[14 + 4] = 8  # hardware address length
        silence(lab, lab.ra, bytes(frame), malformed=1)
        return
    broken = bytearray(frame)
    broken[-1] ^= 1
    silence(lab, lab.ra, bytes(broken), malformed=1)
    hop = packet.eth(packet.multicast_mac(packet.solicited_node(
        lab.ra.router[6])), lab.ra.mac, packet.solicitation(
            lab.ra.ip[6], lab.ra.router[6], lab.ra.mac, ttl=64))
    silence(lab, lab.ra, hop, malformed=1)


@test(v=(4, 6), aws="1.1 broadcast")
def broadcast_and_multicast(lab, v):
    """"We do not support broadcast in a VPC." VPC User Guide,
    subnet-sizing."""
    if v == 4:
        for dest, dst_mac in (("255.255.255.255", BROADCAST),
                              ("10.0.1.255", BROADCAST),
                              ("224.0.0.1", "01:00:5e:00:00:01"),
                              ("224.0.0.1", lab.ra.find_router())):
            silence(lab, lab.ra, lab.ra.frame(
                None, packet.udp(5353, 5353), dest=dest, dst_mac=dst_mac),
                multicast=1)
    else:
        for dest in ("ff02::1", "ff02::2", "ff05::1:3"):
            silence(lab, lab.ra, lab.ra.frame(
                None, packet.udp(5353, 5353), 6, dest=dest,
                dst_mac=packet.multicast_mac(dest)), multicast=1)


@test(v=(4, 6))
def unknown_unicast(lab, v):
    """A frame to a MAC address that is neither the router's nor the
    destination's goes nowhere."""
    silence(lab, lab.ra, lab.ra.frame(lab.ra2, packet.udp(1, 2), v,
                                      dst_mac="06:de:ad:00:00:01"), dest_mac=1)


@test
def other_ethertypes(lab):
    for kind in (0x8100, 0x88cc, 0x86de, 0x0001):
        silence(lab, lab.ra, packet.eth(lab.ra2.mac, lab.ra.mac,
                                        bytes(60), kind), ethertype=1)


@test(v=(4, 6))
def learnt_by_a_stack(lab, v):
    """A guest's own stack resolves router and neighbours."""
    for peer in (lab.a2, lab.b1, lab.b3):
        assert lab.a1.ping(peer.ip[v]), peer.name
    shown = lab.a1.ns.run("ip", "neigh", "show", "dev", "a1")
    assert lab.b1.mac in shown, shown
    assert lab.b3.mac not in shown, shown
