# SPDX-License-Identifier: GPL-2.0
"""The virtual router: ping, TTL, routes."""

import packet
from ktap import test
from nitronet import (IN, OUT, dropped, nothing_dropped, open_rules, refused,
                      route, rule)


@test(v=(4, 6))
def ping(lab, v):
    for eni in (lab.a1, lab.a3, lab.b1):
        assert eni.ping(eni.router[v])
        assert eni.ping(eni.router[v], "-s", "8000")


@test(v=(4, 6), aws="1.2 router address")
def ping_needs_no_rule(lab, v):
    """Security groups do not block the VPC router. VPC User Guide,
    security-group-rules (reference 1.2)."""
    lab.set_policy(2, [])
    lab.ra.set(policy=2)
    lab.ra.send(None, packet.echo(7, 1, b"data", v == 6), v,
                dest=lab.ra.router[v])
    reply = lab.ra.port.get(lambda f: f.icmp_type == (0 if v == 4 else 129))
    assert reply.checksum_ok and reply.payload == b"data"
    assert reply.rest == 7 << 16 | 1
    assert reply.ip_src == lab.ra.router[v] and reply.dst == lab.ra.mac


@test(v=(4, 6))
def ping_with_wrong_checksum(lab, v):
    frame = bytearray(lab.ra.frame(None, packet.echo(7, 1, b"data", v == 6), v,
                                   dest=lab.ra.router[v]))
    frame[-1] ^= 1
    with dropped(lab.ra, malformed=1):
        lab.ra.port.send(bytes(frame))
    lab.ra.port.nothing()


@test(v=(4, 6))
def other_services_of_router(lab, v):
    """The router has no ports."""
    with dropped(lab.ra, no_route=2):
        lab.ra.send(None, packet.udp(1, 53), v, dest=lab.ra.router[v])
        lab.ra.send(None, packet.tcp(1, 80), v, dest=lab.ra.router[v])
    lab.ra.port.nothing()


@test(v=(4, 6), underlay=(4, 6))
def ttl_between_subnets(lab, v):
    """The router takes one from the TTL, once, wherever the peer is."""
    for peer in (lab.ra3, lab.rb3):
        for _ in range(2):  # first packet and later ones
            frame = lab.ra.passes(peer, packet.udp(1, 2), v, ttl=17)
            assert frame.ttl == 16, frame
            assert frame.checksum_ok, frame
            assert frame.dst == peer.mac


@test(v=(4, 6), underlay=(4, 6))
def ttl_within_subnet(lab, v):
    for peer in (lab.ra2, lab.rb):
        for ttl in (17, 1):
            frame = lab.ra.passes(peer, packet.udp(1, 2), v, ttl=ttl)
            assert frame.ttl == ttl, frame
            assert frame.dst == peer.mac and frame.src == lab.ra.mac


@test(v=(4, 6))
def source_mac_of_routed(lab, v):
    """Routed packets come from the router's MAC address."""
    router = lab.ra.find_router()
    for peer in (lab.ra3, lab.rb3):
        assert lab.ra.passes(peer, packet.udp(1, 2), v).src == router


@test(v=(4, 6))
def ttl_exceeded(lab, v):
    for ttl in (0, 1):
        for peer in (lab.ra3, lab.rb3):
            with dropped(lab.ra, ttl=1):
                lab.ra.send(peer, packet.udp(33434, 33435, b"probe"), v,
                            ttl=ttl)
            error = lab.ra.port.get(lambda f: f.icmp_type is not None)
            assert error.icmp_type == (11 if v == 4 else 3), error
            assert error.icmp_code == 0 and error.checksum_ok
            assert error.ip_src == lab.ra.router[v], error
            quoted = error.quoted()
            assert (quoted.ip_src, quoted.ip_dst) == (lab.ra.ip[v], peer.ip[v])
            assert quoted.dport == 33435
            peer.port.nothing()


@test(v=(4, 6))
def ttl_exceeded_is_not_answered_with_itself(lab, v):
    """No error about an error, nor about later fragments."""
    kind = 3 if v == 4 else 1
    quoted = packet.ip(lab.rb3.ip[v], lab.ra.ip[v], packet.udp(5, 6))
    with dropped(lab.ra, ttl=1):
        lab.rb3.passes(lab.ra, packet.udp(5, 6), v)
        lab.ra.send(lab.rb3, packet.icmp(kind, 1, 0, quoted, v == 6), v, ttl=1)
    lab.ra.port.nothing(lambda f: f.icmp_type is not None)


@test
def traceroute(lab):
    """A UDP probe sees the router, then the guest."""
    lab.a1.ping(lab.b3.ip[4])
    lab.ra.send(lab.b3, packet.udp(40000, 33434), ttl=1)
    hop = lab.ra.port.get(lambda f: f.icmp_type == 11)
    assert hop.ip_src == lab.ra.router[4]
    lab.ra.send(lab.b3, packet.udp(40000, 33435), ttl=2)
    end = lab.ra.port.get(lambda f: f.icmp_type == 3)
    assert end.ip_src == lab.b3.ip[4] and end.icmp_code == 3


@test(v=(4, 6), aws="1.1 longest prefix")
def longest_prefix(lab, v):
    """The most specific route decides. VPC User Guide, VPC_Route_Tables."""
    bits = 32 if v == 4 else 128
    lab.set_table(2, [
        route("10.0.0.0/16", "blackhole"), route("10.0.2.0/24"),
        route("10.0.2.20/32", "blackhole"), route("0.0.0.0/0", "blackhole"),
        route("fd00:1::/32", "blackhole"), route("fd00:1:2::/64"),
        route("fd00:1:2::20/128", "blackhole"), route("::/0", "blackhole")])
    lab.ra.set(route_table=2)
    lab.ra.passes(lab.rb3, packet.udp(1, 2), v)
    with dropped(lab.ra, blackhole=1):
        lab.ra.send(lab.b3, packet.udp(1, 2), v)
    with dropped(lab.ra, blackhole=1):
        lab.ra.send(lab.b3, packet.udp(1, 2), v,
                    dest="192.0.2.77" if v == 4 else "2001:db8:9::1")
    lab.set_table(2, [route(f"{lab.rb3.ip[v]}/{bits}")])
    lab.ra.passes(lab.rb3, packet.udp(1, 2), v)
    with dropped(lab.ra, no_route=1):
        lab.ra.send(lab.ra3, packet.udp(1, 2), v)


@test(v=(4, 6))
def route_change_moves_flows(lab, v):
    """A flow that exists follows the routes as they are now."""
    lab.set_table(2, lab.default_routes())
    lab.ra.set(route_table=2)
    lab.ra.passes(lab.rb3, packet.udp(1, 2), v)
    lab.set_table(2, [route("10.0.0.0/16", "blackhole"),
                      route("fd00:1::/32", "blackhole")])
    with dropped(lab.ra, blackhole=1):
        lab.ra.send(lab.rb3, packet.udp(1, 2), v)
    lab.set_table(2, lab.default_routes())
    lab.ra.passes(lab.rb3, packet.udp(1, 2), v)


@test(v=(4, 6))
def no_route_and_no_mapping(lab, v):
    outside = "198.51.100.1" if v == 4 else "2001:db8:77::1"
    nobody = "10.0.2.200" if v == 4 else "fd00:1:2::200"
    with dropped(lab.ra, no_route=1):
        lab.ra.send(None, packet.udp(1, 2), v, dest=outside)
    with dropped(lab.ra, no_mapping=1):
        lab.ra.send(None, packet.udp(1, 2), v, dest=nobody)


@test(v=(4, 6), aws="1.1 middlebox", underlay=(4, 6))
def middlebox(lab, v):
    """A route to an ENI whose source/dest check is off; there and back
    through it, here and on another host. EC2 User Guide, using-eni."""
    for client, box, server in ((lab.ra, lab.ra2, lab.rb3),
                                (lab.ra, lab.rb, lab.ra3),
                                (lab.rb3, lab.ra2, lab.ra)):
        box.set(flags=["no-source-dest-check"])
        box.set_mapping(flags=["forward"])
        lab.set_table(2, [route("0.0.0.0/0", "eni", box.mac),
                          route("::/0", "eni", box.mac)])
        outside = "198.51.100.1" if v == 4 else "2001:db8:77::1"
        client.set(route_table=2)
        client.send(None, packet.udp(5, 6), v, dest=outside, ttl=9)
        frame = box.port.get(lambda f: f.dport == 6)
        assert (frame.ip_src, frame.ip_dst) == (client.ip[v], outside)
        assert frame.dst == box.mac and frame.ttl == 8, frame
        # The middlebox answers in the name of the outside
        box.send(client, packet.udp(6, 5), v, source=outside)
        frame = client.port.get(lambda f: f.dport == 5)
        assert frame.ip_src == outside, frame
        # It may also forward what others sent, to somebody in the VPC
        box.send(server, packet.udp(7, 8), v, source=outside)
        frame = server.port.get(lambda f: f.dport == 8)
        assert frame.ip_src == outside
        client.reset()
        box.reset()


@test(v=(4, 6))
def middlebox_in_front_of_a_neighbour(lab, v):
    """A more specific route than the subnet's own leads through it."""
    lab.ra2.set(flags=["no-source-dest-check"])
    lab.ra2.set_mapping(flags=["forward"])
    lab.set_table(2, lab.default_routes() + [
        route("10.0.2.0/24", "eni", lab.ra2.mac),
        route("fd00:1:2::/64", "eni", lab.ra2.mac)])
    lab.ra.set(route_table=2)
    lab.ra.send(lab.rb3, packet.udp(5, 6), v)
    frame = lab.ra2.port.get(lambda f: f.dport == 6)
    assert frame.ip_dst == lab.rb3.ip[v]
    lab.ra2.send(lab.rb3, packet.udp(5, 6), v, source=lab.ra.ip[v])
    frame = lab.rb3.port.get(lambda f: f.dport == 6)
    assert frame.ip_src == lab.ra.ip[v]


@test(v=(4, 6))
def route_to_eni_with_check_on(lab, v):
    """The target has to have its source/dest check off."""
    lab.set_table(2, [route("0.0.0.0/0", "eni", lab.ra2.mac),
                      route("::/0", "eni", lab.ra2.mac)])
    lab.ra.set(route_table=2)
    outside = "198.51.100.1" if v == 4 else "2001:db8:77::1"
    with dropped(lab.ra, blackhole=1):
        lab.ra.send(None, packet.udp(5, 6), v, dest=outside)
    lab.ra2.port.nothing()


@test(v=(4, 6), aws="1.2 group through middlebox")
def tag_does_not_match_through_middlebox(lab, v):
    """A group reference does not match what comes through a middlebox from
    an address that no member has. VPC User Guide, security-group-rules."""
    outside = "198.51.100.1" if v == 4 else "2001:db8:77::1"
    lab.ra2.set(flags=["no-source-dest-check"])
    lab.ra2.set_mapping(flags=["forward"])
    lab.set_policy(2, [rule(IN, peer=2)] + open_rules(OUT))
    lab.rb.set(policy=2)
    lab.ra2.passes(lab.rb, packet.udp(1, 2), v)
    with dropped(lab.rb, ingress_rule=1):
        lab.ra2.send(lab.rb, packet.udp(1, 2), v, source=outside)


@test
def table_in_use(lab):
    lab.set_table(2, lab.default_routes())
    lab.ra.set(route_table=2)
    with refused(16):
        lab.a.card("route-table-del", id=2)
    lab.ra.reset()
    with nothing_dropped(lab.ra):
        lab.ra.passes(lab.rb3, packet.udp(1, 2))
