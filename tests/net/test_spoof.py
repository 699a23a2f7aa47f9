# SPDX-License-Identifier: GPL-2.0
"""Nobody sends in another's name."""

import packet
from ktap import test
from nitronet import dropped, prefix_attr


@test(v=(4, 6), aws="1.1 source check")
def source_address(lab, v):
    """The ENI has to be source or destination of each packet. EC2 User
    Guide, using-eni."""
    lab.ra.passes(lab.rb, packet.udp(1, 2), v)
    for source in (lab.ra2.ip[v], lab.rb.ip[v], lab.ra.router[v],
                   "198.51.100.1" if v == 4 else "2001:db8:77::1",
                   "0.0.0.0" if v == 4 else "::",
                   "127.0.0.1" if v == 4 else "::1"):
        with dropped(lab.ra, source_address=1):
            lab.ra.send(lab.rb, packet.udp(1, 2), v, source=source)
    lab.rb.port.nothing(lambda f: f.ip_src != lab.ra.ip[v])


@test(v=(4, 6))
def source_mac(lab, v):
    for src_mac in (lab.ra2.mac, lab.ra.find_router(), "00:00:00:00:00:00",
                    "ff:ff:ff:ff:ff:ff"):
        with dropped(lab.ra, source_mac=1):
            lab.ra.send(lab.rb, packet.udp(1, 2), v, src_mac=src_mac)
    lab.rb.port.nothing()


@test(v=(4, 6))
def link_local_source(lab, v):
    """Nobody was given a link-local address."""
    source = "169.254.1.1" if v == 4 else "fe80::400:ff:fe00:641e"
    with dropped(lab.ra, source_address=1):
        lab.ra.send(lab.rb, packet.udp(1, 2), v, source=source)


@test(v=(4, 6), aws="1.1 dest check")
def dest_address(lab, v):
    """A packet that comes in for another's address, by a mapping that lies.
    EC2 User Guide, using-eni."""
    other = "10.0.1.222" if v == 4 else "fd00:1:1::222"
    for host in lab.hosts:
        host.card("mapping-set", entry=lab.rb.mappings(ips=[other]))
    with dropped(lab.rb, dest_address=1):
        lab.ra.send(lab.rb, packet.udp(1, 2), v, dest=other)
    lab.rb.set(flags=["no-source-dest-check"])
    lab.ra.send(lab.rb, packet.udp(1, 2), v, dest=other)
    assert lab.rb.port.get(lambda f: f.dport == 2).ip_dst == other
    for host in lab.hosts:
        host.card("mapping-del", entry=[dict(prefix_attr(other), vni=100)])


@test(v=(4, 6), aws="1.1 secondary addresses")
def several_addresses(lab, v):
    """N secondary private addresses on one ENI. EC2 User Guide, using-eni."""
    more = [f"10.0.1.{n}" for n in range(100, 110)]
    more += [f"fd00:1:1::{n}" for n in range(100, 110)]
    lab.ra.set(address=[prefix_attr(ip) for ip in lab.ra.ips + more])
    lab.ra.set_mapping(ips=lab.ra.ips + more)
    for ip in more[:10] if v == 4 else more[10:]:
        frame = lab.ra.passes(lab.rb, packet.udp(1, 2), v, source=ip)
        assert frame.ip_src == ip
        lab.rb.send(lab.ra, packet.udp(2, 1), v, dest=ip)
        lab.ra.port.get(lambda f, ip=ip: f.ip_dst == ip)
    lab.ra.reset()
    with dropped(lab.ra, source_address=1):
        lab.ra.send(lab.rb, packet.udp(1, 2), v, source=more[0 if v == 4 else 10])
    for host in lab.hosts:
        host.card("mapping-del", entry=[dict(prefix_attr(ip), vni=100)
                                        for ip in more])


@test(v=(4, 6), aws="1.1 prefix delegation")
def delegated_prefix(lab, v):
    """/28 (IPv4) or /80 (IPv6) prefixes on an ENI. EC2 User Guide,
    ec2-prefix-eni."""
    prefixes = ["10.0.1.112/28", "fd00:1:1:0:cafe::/80"]
    lab.ra.set(address=[prefix_attr(ip) for ip in lab.ra.ips + prefixes])
    lab.ra.set_mapping(ips=lab.ra.ips + prefixes)
    inside = (["10.0.1.112", "10.0.1.127"] if v == 4 else
              ["fd00:1:1:0:cafe::", "fd00:1:1:0:cafe:ffff:ffff:ffff"])
    outside = (["10.0.1.111", "10.0.1.128"] if v == 4 else
               ["fd00:1:1:0:cafd:ffff:ffff:ffff", "fd00:1:1:0:caff::"])
    for ip in inside:
        lab.ra.passes(lab.rb, packet.udp(1, 2), v, source=ip)
        lab.rb.send(lab.ra, packet.udp(2, 1), v, dest=ip)
        lab.ra.port.get(lambda f, ip=ip: f.ip_dst == ip)
    for ip in outside:
        with dropped(lab.ra, source_address=1):
            lab.ra.send(lab.rb, packet.udp(1, 2), v, source=ip)
        with dropped(lab.rb, no_mapping=1):
            lab.rb.send(lab.ra, packet.udp(2, 1), v, dest=ip)
    for host in lab.hosts:
        host.card("mapping-del", entry=[dict(prefix_attr(ip), vni=100)
                                        for ip in prefixes])


@test(v=(4, 6))
def more_specific_mapping(lab, v):
    """One address out of a delegated prefix may belong to somebody else."""
    prefix, one = (("10.0.1.112/28", "10.0.1.115") if v == 4 else
                   ("fd00:1:1:0:cafe::/80", "fd00:1:1:0:cafe::5"))
    lab.rb.set(address=[prefix_attr(ip) for ip in lab.rb.ips + [prefix]])
    lab.ra2.set(address=[prefix_attr(ip) for ip in lab.ra2.ips + [one]])
    for host in lab.hosts:
        host.card("mapping-set", entry=lab.rb.mappings(ips=[prefix]) +
                  lab.ra2.mappings(ips=[one]))
    lab.ra.send(lab.ra2, packet.udp(1, 2), v, dest=one)
    lab.ra2.port.get(lambda f: f.ip_dst == one)
    for host in lab.hosts:
        host.card("mapping-del", entry=[dict(prefix_attr(one), vni=100)])
    lab.ra.send(lab.rb, packet.udp(1, 2), v, dest=one)
    lab.rb.port.get(lambda f: f.ip_dst == one)
    for host in lab.hosts:
        host.card("mapping-del", entry=[dict(prefix_attr(prefix), vni=100)])


@test(v=(4, 6))
def malformed_packets(lab, v):
    """Wrong headers are dropped and counted, first packet or not."""
    good = packet.ip(lab.ra.ip[v], lab.rb.ip[v], packet.udp(1, 2, b"12345678"))
    wrong = []
    if v == 4:
        for change in ({0: 0x44}, {0: 0x55}, {0: 0x4f}, {2: 0xff}, {2: 0, 3: 19}):
            data = bytearray(good)
            for at, byte in change.items():
                data[at] = byte
            wrong.append(bytes(data))
    else:
        for change in ({0: 0x50}, {4: 0xff}):
            data = bytearray(good)
            for at, byte in change.items():
                data[at] = byte
            wrong.append(bytes(data))
    for size in (1, 8, 19 if v == 4 else 39, 27 if v == 4 else 47):
        wrong.append(good[:size])
    for _ in range(2):
        for data in wrong:
            with dropped(lab.ra, malformed=1):
                lab.ra.port.send(packet.eth(
                    lab.rb.mac, lab.ra.mac, data,
                    packet.ETH_IP if v == 4 else packet.ETH_IPV6))
        lab.ra.passes(lab.rb, packet.udp(1, 2), v)
    short = packet.ip(lab.ra.ip[v], lab.rb.ip[v], packet.raw(6, bytes(19)))
    with dropped(lab.ra, malformed=1):
        lab.ra.port.send(packet.eth(lab.rb.mac, lab.ra.mac, short))
