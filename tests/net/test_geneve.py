# SPDX-License-Identifier: GPL-2.0
"""What is on the wire between the hosts, and what is taken from it."""

import socket

import packet
import rtnl
from ktap import test
from nitronet import dropped, ip_attr, nothing_dropped, open_rules


def inner(lab, v=4, payload=None, source=None, dest=None, to=None, **how):
    to = to or lab.rb
    return packet.eth(to.mac, lab.ra.mac, packet.ip(
        source or lab.ra.ip[v], dest or to.ip[v],
        payload or packet.udp(1, 2, b"crafted"), **how))


def arrives(lab, geneve, to=None, **how):
    lab.a.send_geneve(lab.b, geneve, **how)
    return (to or lab.rb).port.get(lambda f: f.payload[:7] == b"crafted")


@test(v=(4, 6), underlay=(4, 6))
def on_the_wire(lab, v):
    """RFC 8926: version 0, no options, Ethernet, VNI of the VPC, UDP 6081."""
    for sender, receiver, vni in ((lab.ra, lab.rb, 100), (lab.oa, lab.ob, 200)):
        sender.send(receiver, packet.udp(1111, 2222, b"data"), v)
        frame = lab.b.port.get(lambda f: f.vni is not None)
        assert (frame.ip_src, frame.ip_dst) == (lab.a.underlay, lab.b.underlay)
        assert frame.vni == vni and frame.version == 0 and frame.kind == 0x6558
        assert not frame.oam and not frame.critical and not frame.options
        assert frame.raw[-len(frame.inner.raw):] == frame.inner.raw
        assert frame.inner.ip_src == sender.ip[v]
        assert frame.inner.ip_dst == receiver.ip[v]
        assert frame.inner.dst == receiver.mac
        assert frame.inner.dport == 2222 and frame.inner.payload == b"data"
        assert frame.ttl >= 32
        if lab.underlay == 4:
            assert frame.df, "outer packet may be fragmented"
        receiver.port.get(lambda f: f.dport == 2222)


@test(v=(4, 6), underlay=(4, 6))
def source_port_entropy(lab, v):
    """One port for a flow, many for many; in the dynamic range."""
    def port(sport, dport=2):
        lab.ra.send(lab.rb, packet.udp(sport, dport), v)
        return lab.b.port.get(
            lambda f: f.inner and f.inner.sport == sport).sport

    assert len({port(7) for _ in range(5)}) == 1
    ports = {port(1000 + n) for n in range(64)}
    assert len(ports) > 48, ports
    assert min(ports) >= 32768, ports


@test(v=(4, 6))
def source_port_of_fragments(lab, v):
    """All fragments of a packet take the same way."""
    payload = packet.udp(1, 2, bytes(3000)).bytes(
        packet.address(lab.ra.ip[v]), packet.address(lab.rb.ip[v]))
    ports = set()
    for at in range(0, len(payload), 1000):
        lab.ra.port.send(packet.eth(lab.rb.mac, lab.ra.mac, packet.ip(
            lab.ra.ip[v], lab.rb.ip[v], (17, payload[at:at + 1000]), ident=77,
            offset=at, more=at + 1000 < len(payload))))
        ports.add(lab.b.port.get(lambda f: f.inner is not None).sport)
    assert len(ports) == 1, ports


@test(v=(4, 6), underlay=(4, 6))
def crafted(lab, v):
    """The tests' own Geneve packets are good, so that what follows is refused
    for its one wrong bit."""
    frame = arrives(lab, packet.geneve(100, inner(lab, v)))
    assert frame.ip_src == lab.ra.ip[v]
    assert frame.dst == lab.rb.mac


@test(underlay=(4, 6))
def unknown_options(lab):
    """An unknown option is skipped; if it is critical, the packet is dropped.
    RFC 8926 section 3.5."""
    harmless = packet.geneve_option(0x0102, 0x01, b"1234")
    critical = packet.geneve_option(0x0102, 0x81, b"1234")
    arrives(lab, packet.geneve(100, inner(lab), harmless))
    arrives(lab, packet.geneve(100, inner(lab), harmless * 3))
    for options in (critical, harmless + critical, critical + harmless):
        with dropped(lab.b, geneve_option=1), nothing_dropped(lab.rb):
            lab.a.send_geneve(lab.b, packet.geneve(100, inner(lab), options))
    # The bit in the header is what counts for an end point
    with dropped(lab.b, geneve_option=1):
        lab.a.send_geneve(lab.b, packet.geneve(100, inner(lab), harmless,
                                               critical=True))
    lab.rb.port.nothing()


@test(underlay=(4, 6))
def bad_headers(lab):
    good = packet.geneve(100, inner(lab))
    bad = [packet.geneve(100, inner(lab), version=1),
           packet.geneve(100, inner(lab), version=3),
           packet.geneve(100, inner(lab), oam=True),
           packet.geneve(100, inner(lab), kind=0x0800),
           packet.geneve(100, inner(lab), kind=0x86dd),
           packet.geneve(100, b"", length=63),
           packet.geneve(100, inner(lab), length=63),
           good[:4], good[:7], b"x"]
    for data in bad:
        with dropped(lab.b, geneve=1):
            lab.a.send_geneve(lab.b, data)
    lab.rb.port.nothing()


@test
def option_lengths(lab):
    """Options that run over the end of the header."""
    for option in (packet.geneve_option(1, 1, b"1234")[:4],
                   b"\0\1\1\x1f" + bytes(8), b"\0\1\1\2" + bytes(4)):
        with dropped(lab.b, geneve=1):
            lab.a.send_geneve(lab.b, packet.geneve(100, inner(lab), option))
    lab.rb.port.nothing()


@test(underlay=(4, 6))
def unknown_destination(lab):
    """Nobody here has that VNI, address or MAC."""
    for geneve in (packet.geneve(101, inner(lab)),
                   packet.geneve(0xffffff, inner(lab)),
                   packet.geneve(100, packet.eth(
                       "06:de:ad:00:00:01", lab.ra.mac, packet.ip(
                           lab.ra.ip[4], "10.0.1.99", packet.udp(1, 2))))):
        with dropped(lab.b, unknown_eni=1):
            lab.a.send_geneve(lab.b, geneve)
    with dropped(lab.b, unknown_eni=1):
        lab.a.send_geneve(lab.b, packet.geneve(100, packet.eth(
            "ff:ff:ff:ff:ff:ff", lab.ra.mac,
            packet.ip(lab.ra.ip[4], "255.255.255.255", packet.udp(1, 2)))))
    for eni in (lab.rb, lab.rb3, lab.ob):
        eni.port.nothing()


@test
def truncated_inner(lab):
    whole = inner(lab)
    for size in (0, 1, 13):
        with dropped(lab.b, malformed=1):
            lab.a.send_geneve(lab.b, packet.geneve(100, whole[:size]))
    for size in (15, 30, 40):
        with dropped(lab.rb, malformed=1):
            lab.a.send_geneve(lab.b, packet.geneve(100, whole[:size]))
    lab.rb.port.nothing()


@test
def arp_and_other_in_the_tunnel(lab):
    """ARP is never sent between hosts, so it is never taken from there."""
    for kind in (packet.ETH_ARP, 0x88cc):
        with dropped(lab.rb, ethertype=1):
            lab.a.send_geneve(lab.b, packet.geneve(100, packet.eth(
                lab.rb.mac, lab.ra.mac, packet.arp(
                    2, lab.ra.mac, lab.rb.router[4], lab.rb.ip[4]) + bytes(18),
                kind)))
    lab.rb.port.nothing()


@test(v=(4, 6), underlay=(4, 6))
def inner_source_of_another_host(lab, v):
    """A host that does not own the inner source is not believed, on the first
    packet of a flow or on a later one."""
    for source in (lab.b1.ip[v], lab.rb3.ip[v],
                   "10.0.1.200" if v == 4 else "fd00:1:1::200"):
        with dropped(lab.rb, host=1):
            lab.a.send_geneve(lab.b, packet.geneve(
                100, inner(lab, v, source=source)))
    # On an existing flow of another source: rb3 to rb, then host-a plays rb3
    lab.rb3.passes(lab.rb, packet.udp(1, 2), v)
    with dropped(lab.rb, host=1):
        lab.a.send_geneve(lab.b, packet.geneve(
            100, inner(lab, v, source=lab.rb3.ip[v])))
    lab.rb.port.nothing()
    lab.rb3.passes(lab.rb, packet.udp(1, 2), v)


@test(v=(4, 6), underlay=(4, 6))
def unknown_host(lab, v):
    """A host that nobody told us of plays one that we know of."""
    stranger = "192.0.2.66" if lab.underlay == 4 else "2001:db8::66"
    with lab.a.ns:
        rtnl.addr_add("u", stranger, 24 if lab.underlay == 4 else 64)
    real, lab.a.underlay = lab.a.underlay, stranger
    try:
        arrives_before = inner(lab, v)
        with dropped(lab.rb, host=1):
            lab.a.send_geneve(lab.b, packet.geneve(100, arrives_before))
        lab.ra.passes(lab.rb, packet.udp(1, 2), v)
        with dropped(lab.rb, host=1):
            lab.a.send_geneve(lab.b, packet.geneve(100, arrives_before))
    finally:
        lab.a.underlay = real
        with lab.a.ns:
            rtnl.addr_del("u", stranger, 24 if lab.underlay == 4 else 64)
    lab.rb.port.nothing(lambda f: f.payload[:7] == b"crafted")


@test(v=(4, 6), underlay=(4, 6))
def moved_to_another_host(lab, v):
    """An ENI that moves: flows follow, the old host is not believed."""
    lab.ra.passes(lab.rb, packet.udp(1, 2), v)
    lab.rb.passes(lab.ra, packet.udp(2, 1), v)
    for host in lab.hosts:
        host.card("mapping-set", entry=lab.ra.mappings(host=lab.b))
    lab.ra.mapping_dirty = True
    with dropped(lab.rb, host=1):
        lab.a.send_geneve(lab.b, packet.geneve(100, inner(lab, v)))
    lab.a.port.drain()
    with nothing_dropped(lab.a):
        lab.rb.send(lab.ra, packet.udp(2, 1), v)
    lab.a.port.nothing(lambda f: f.vni is not None)
    lab.ra.set_mapping()
    lab.rb.passes(lab.ra, packet.udp(2, 1), v)


@test(v=(4, 6))
def inner_mac_of_another(lab, v):
    """The destination's MAC address of one ENI, the IP address of another."""
    frame = packet.geneve(100, packet.eth(lab.rb3.mac, lab.ra.mac, packet.ip(
        lab.ra.ip[v], lab.rb.ip[v], packet.udp(1, 2, b"crafted"))))
    with dropped(lab.rb3, dest_address=1):
        lab.a.send_geneve(lab.b, frame)
    lab.rb3.port.nothing()
    lab.rb.port.nothing()


@test(underlay=(4, 6))
def other_port(lab):
    """A host may have another Geneve port."""
    for host in lab.hosts:
        for other in lab.hosts:
            host.card("host-set", id=other.id, local=other is host or None,
                      port=7777, **ip_attr(other.underlay))
    try:
        lab.ra.send(lab.rb, packet.udp(1, 2))
        frame = lab.b.port.get(lambda f: f.dport == 7777)
        assert frame.sport != 7777
        lab.rb.port.get(lambda f: f.dport == 2)
        with nothing_dropped(lab.b):
            lab.a.send_geneve(lab.b, packet.geneve(100, inner(lab)))
        arrives(lab, packet.geneve(100, inner(lab)), dport=7777)
    finally:
        for host in lab.hosts:
            for other in lab.hosts:
                host.reset_host(other)
    lab.ra.passes(lab.rb, packet.udp(1, 2))


@test(underlay=(4, 6))
def address_of_host_changes(lab):
    """host-set moves the mappings, and the flows follow."""
    other = "192.0.2.77" if lab.underlay == 4 else "2001:db8::77"
    lab.ra.passes(lab.rb, packet.udp(1, 2))
    with lab.b.ns:
        rtnl.addr_add("u", other, 24 if lab.underlay == 4 else 64)
    lab.a.card("host-set", id=lab.b.id, **ip_attr(other))
    try:
        lab.b.port.drain()
        lab.ra.send(lab.rb, packet.udp(1, 2))
        frame = lab.b.port.get(lambda f: f.vni is not None)
        assert frame.ip_dst == other
        lab.rb.port.get(lambda f: f.dport == 2)
    finally:
        lab.a.reset_host(lab.b)
        with lab.b.ns:
            rtnl.addr_del("u", other, 24 if lab.underlay == 4 else 64)
    lab.ra.passes(lab.rb, packet.udp(1, 2))


@test
def underlay_down(lab):
    """No way to the other host: dropped and counted, and it recovers."""
    lab.ra.passes(lab.rb, packet.udp(1, 2))
    with lab.a.ns:
        rtnl.link_set("u", up=False)
    with dropped(lab.ra, underlay=2):
        lab.ra.send(lab.rb, packet.udp(1, 2))
        lab.ra.send(lab.rb, packet.udp(9, 2))
    with lab.a.ns:
        rtnl.link_set("u", up=True)
        if lab.underlay == 6:
            rtnl.addr_add("u", lab.a.underlay, 64)
    lab.ra.passes(lab.rb, packet.udp(1, 2))


@test(v=(4, 6))
def ecn_and_dscp(lab, v):
    """Congestion marked in the underlay reaches the guest. RFC 6040."""
    marked = inner(lab, v, tos=2)
    with lab.a.ns:
        family = rtnl.family_of(lab.a.underlay)
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((lab.a.underlay, 50000))
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 3)
            sock.sendto(packet.geneve(100, marked), (lab.b.underlay, 6081))
    frame = lab.rb.port.get(lambda f: f.payload[:7] == b"crafted")
    assert frame.tos & 3 == 3, frame
    assert frame.checksum_ok, frame


@test(v=(4, 6))
def udp_checksum_of_underlay6(lab, v):
    """Nothing in the tunnel depends on the outer checksum being there."""
    lab.ra.send(lab.rb, packet.udp(1, 2), v)
    frame = lab.b.port.get(lambda f: f.vni is not None)
    assert frame.inner.checksum_ok


@test(v=(4, 6))
def overlapping_vpcs(lab, v):
    """Two VPCs with the same addresses never meet."""
    for port in range(10):
        lab.ra.passes(lab.rb, packet.udp(1, 2, b"one"), v)
        lab.oa.passes(lab.ob, packet.udp(1, 2, b"two"), v)
    lab.ra.port.drain()
    for eni in (lab.ra, lab.rb):
        eni.port.nothing(lambda f: f.payload[:3] == b"two")
    for eni in (lab.oa, lab.ob):
        eni.port.nothing(lambda f: f.payload[:3] == b"one")
    # What is in a mapping of one is not in the other
    with dropped(lab.oa, no_mapping=1):
        lab.oa.send(None, packet.udp(1, 2), v, dest=lab.a1.ip[v],
                    dst_mac=lab.oa.find_router())


@test(v=(4, 6))
def same_flow_in_two_vpcs(lab, v):
    """One tuple, two flows, each with its own verdict and state."""
    lab.set_policy(2, open_rules("egress"))
    lab.ob.set(policy=2)
    lab.ra.passes(lab.rb, packet.tcp(1, 80), v)
    with dropped(lab.ob, ingress_rule=1):
        lab.oa.send(lab.ob, packet.tcp(1, 80), v)
    assert len(lab.rb.flows()) == 1 and not lab.ob.flows()


@test
def two_cards_one_wire(lab):
    """A frame that is on the wire for another host's VPC is not ours."""
    stranger = lab.eni(lab.b, "vni300", 300, 40, 1, stack=False)
    with dropped(stranger, host=1):
        lab.a.send_geneve(lab.b, packet.geneve(300, inner(lab, to=stranger)))
