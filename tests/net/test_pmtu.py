# SPDX-License-Identifier: GPL-2.0
"""Packets that do not fit, and what the guest is told."""

import socket

import packet
import rtnl
from ktap import test
from nitronet import dropped, open_rules, rule, wait

OVERHEAD = {4: 20 + 8 + 8 + 14, 6: 40 + 8 + 8 + 14}


def underlay_mtu(lab, mtu):
    for host in lab.hosts:
        with host.ns:
            rtnl.link_set("u", mtu=mtu)


def data(v, size):
    """UDP whose IP packet has this size."""
    return packet.udp(1, 2, bytes(size - (28 if v == 4 else 48)))


def told(lab, eni, v, mtu, peer):
    """The guest is told the MTU by its router."""
    error = eni.port.get(lambda f: f.icmp_type is not None)
    if v == 4:
        assert (error.icmp_type, error.icmp_code) == (3, 4), error
        assert error.rest == mtu, (error.rest, mtu)
    else:
        assert (error.icmp_type, error.icmp_code) == (2, 0), error
        assert error.rest == mtu, (error.rest, mtu)
    assert error.ip_src == eni.router[v] and error.checksum_ok, error
    assert error.dst == eni.mac
    quoted = error.quoted()
    assert (quoted.ip_src, quoted.ip_dst) == (eni.ip[v], peer.ip[v])
    if v == 6:
        assert len(error.l3) <= 1280
    else:
        assert len(error.l3) <= 576


@test(v=(4, 6), underlay=(4, 6), aws="1.1 too big")
def too_big_for_underlay(lab, v):
    """What is too big and must not be fragmented is dropped with ICMP 3/4 or
    ICMPv6 packet too big. EC2 User Guide, network_mtu."""
    try:
        for mtu in (1500, 2000):
            underlay_mtu(lab, mtu)
            fits = mtu - OVERHEAD[lab.underlay]
            for peer in (lab.rb, lab.rb3):
                lab.ra.passes(peer, data(v, fits), v)
                with dropped(lab.ra, too_big=1):
                    lab.ra.send(peer, data(v, fits + 1), v)
                told(lab, lab.ra, v, fits, peer)
    finally:
        underlay_mtu(lab, 9216)
    lab.ra.passes(lab.rb, data(v, 9001), v)


@test(v=(4, 6))
def too_big_needs_no_rule(lab, v):
    """The router's own errors pass any security group."""
    lab.set_policy(2, open_rules("egress"))
    lab.ra.set(policy=2)
    try:
        underlay_mtu(lab, 1500)
        with dropped(lab.ra, too_big=1):
            lab.ra.send(lab.rb, data(v, 1500), v)
        told(lab, lab.ra, v, 1500 - OVERHEAD[4], lab.rb)
    finally:
        underlay_mtu(lab, 9216)


@test()
def what_fits_is_not_fragmented(lab):
    """DF of the outer packet, whose identification then means nothing (RFC 6864),
    whatever the inner one says; not of what the underlay has to fragment."""
    for df in (True, False):
        lab.ra.send(lab.rb, data(4, 9001), df=df, ident=9)
        outer = lab.b.port.get(lambda f: f.vni is not None)
        assert outer.df and not outer.ident, (df, outer)
        assert outer.inner.df == df, outer
    try:
        underlay_mtu(lab, 1500)
        for _ in range(2):
            lab.ra.send(lab.rb, data(4, 1500), df=False, ident=9)
            outer = lab.b.port.get(lambda f: f.vni is not None)
            assert not outer.df and outer.more and outer.ident, outer
    finally:
        underlay_mtu(lab, 9216)


@test(underlay=(4, 6))
def may_be_fragmented(lab):
    """Without DF the packet arrives whole, however it is carried."""
    try:
        underlay_mtu(lab, 1500)
        payload = packet.udp(1, 2, bytes(range(250)) * 12)
        frame = lab.ra.passes(lab.rb, payload, df=False, ident=9)
        if not frame.more:
            assert frame.payload == bytes(range(250)) * 12
    finally:
        underlay_mtu(lab, 9216)


@test(v=(4, 6))
def too_big_for_local_peer(lab, v):
    """The peer's ENI has a smaller MTU."""
    with lab.raw:
        rtnl.link_set("ra2", mtu=1400)
    try:
        lab.ra.passes(lab.ra2, data(v, 1400), v)
        with dropped(lab.ra, too_big=1):
            lab.ra.send(lab.ra2, data(v, 1401), v)
        told(lab, lab.ra, v, 1400, lab.ra2)
    finally:
        with lab.raw:
            rtnl.link_set("ra2", mtu=9001)


@test(v=(4, 6), underlay=(4, 6))
def learnt_from_the_underlay(lab, v):
    """A router of the underlay says too big: the card believes it if it
    quotes a packet of ours, and tells the guest at its next packet."""
    outer = lab.underlay
    six = outer == 6
    lab.ra.send(lab.rb, data(v, 3000), v)
    sent = lab.b.port.get(lambda f: f.vni is not None)
    mac = {}
    mac["a"], mac["b"] = sent.src, sent.dst
    quoted = sent.l3[:len(sent.l3) if not six else 1200]
    if six:
        error = packet.ip(lab.b.underlay, lab.a.underlay, packet.icmp(
            2, 0, 1700, quoted[:1000], v6=True))
    else:
        error = packet.ip(lab.b.underlay, lab.a.underlay, packet.icmp(
            3, 4, 1700, quoted[:500]))
    lab.b.port.send(packet.eth(mac["a"], mac["b"], error))
    fits = 1700 - OVERHEAD[outer]

    def learnt():
        lab.ra.send(lab.rb, packet.udp(1, 2), v)
        found = lab.a.card("host-get", id=lab.b.id)
        return found.get("pmtu") == 1700

    wait(learnt, "learning the path MTU")
    with dropped(lab.ra, too_big=1):
        lab.ra.send(lab.rb, data(v, 3000), v)
    told(lab, lab.ra, v, fits, lab.rb)
    lab.ra.passes(lab.rb, data(v, fits), v)
    forget(lab)
    lab.ra.passes(lab.rb, data(v, 3000), v)


def forget(lab):
    """Forget learnt path MTUs."""
    with lab.a.ns:
        for family in ("ipv4", "ipv6"):
            with open(f"/proc/sys/net/{family}/route/flush", "w",
                      encoding="ascii") as file:
                file.write("1")
    if lab.underlay == 6:
        with lab.a.ns:
            rtnl.addr_del("u", lab.a.underlay, 64)
            rtnl.addr_add("u", lab.a.underlay, 64)
    # A host that is set again has no cached route
    lab.a.reset_host(lab.b)


@test(v=(4, 6))
def errors_can_be_refused(lab, v):
    """With ip_no_pmtu_disc=3 the host's kernel believes no error about UDP, as
    SECURITY.md advises for an underlay that cannot keep forged ones out."""
    lab.ra.send(lab.rb, data(v, 3000), v)
    sent = lab.b.port.get(lambda f: f.vni is not None)
    other = packet.ip(lab.a.underlay, lab.b.underlay,
                      packet.udp(6081, 53, bytes(100)))
    error = packet.eth(sent.src, sent.dst, packet.ip(
        lab.b.underlay, lab.a.underlay, packet.icmp(3, 4, 600, other[:60])))
    try:
        discovery(lab, 3)
        lab.b.port.send(error)
        lab.ra.passes(lab.rb, data(v, 3000), v)
        assert lab.a.card("host-get", id=lab.b.id)["pmtu"] == 9216
    finally:
        discovery(lab, 0)
        forget(lab)


def discovery(lab, mode):
    """Which ICMP errors host a learns path MTUs from."""
    with lab.a.ns, open("/proc/sys/net/ipv4/ip_no_pmtu_disc", "w",
                        encoding="ascii") as file:
        file.write(str(mode))


@test(v=(4, 6), underlay=(4, 6))
def stack_learns(lab, v):
    """A guest's TCP and UDP get through a small underlay."""
    try:
        underlay_mtu(lab, 1400)
        server = lab.b1.listen(5001, v)
        client = lab.a1.socket(socket.SOCK_STREAM, v)
        client.connect((lab.b1.ip[v], 5001))
        conn, _ = server.accept()
        conn.settimeout(10)
        client.sendall(bytes(200000))
        got = 0
        while got < 200000:
            chunk = conn.recv(65536)
            assert chunk
            got += len(chunk)
        shown = lab.a1.ns.run("ip", "-6" if v == 6 else "-4", "route", "get",
                              lab.b1.ip[v])
        assert f"mtu {1400 - OVERHEAD[lab.underlay]}" in shown, shown
        for sock in (client, conn, server):
            sock.close()
    finally:
        underlay_mtu(lab, 9216)
        for family in ("-4", "-6"):
            lab.a1.ns.run("ip", family, "route", "flush", "cache")
            lab.b1.ns.run("ip", family, "route", "flush", "cache")


@test(v=(4, 6), aws="1.1 blocked discovery")
def discovery_between_guests(lab, v):
    """A guest's own too-big message is an ICMP error of the flow: it passes a
    tracked flow's ENI without a rule, and no other. EC2 User Guide,
    network_mtu."""
    lab.set_policy(2, [rule("egress", "udp", 2, lab.rb.ip[v])])
    lab.ra.set(policy=2)
    lab.ra.passes(lab.rb, packet.udp(1, 2), v)
    quoted = packet.ip(lab.ra.ip[v], lab.rb.ip[v], packet.udp(1, 2))
    error = (packet.icmp(3, 4, 1300, quoted) if v == 4 else
             packet.icmp(2, 0, 1300, quoted, True))
    lab.rb.passes(lab.ra, error, v)
    with dropped(lab.ra, ingress_rule=1):
        quoted = packet.ip(lab.ra.ip[v], lab.rb.ip[v], packet.udp(9, 9))
        lab.rb.send(lab.ra, packet.icmp(3 if v == 4 else 2, 4 if v == 4 else 0,
                                        1300, quoted, v == 6), v)
