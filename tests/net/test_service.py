# SPDX-License-Identifier: GPL-2.0
"""The service port: what ENIs send to link-local services comes out of it, with
the ENI in the source address, and answers go back the same way."""

import contextlib
import socket
import struct

import packet
import rtnl
from ktap import test
from nitronet import DEADLINE, Namespace, dropped, refused

METADATA = {4: "169.254.169.254", 6: "fd00:ec2::254"}
RESOLVER = {4: "169.254.169.253", 6: "fd00:ec2::253"}
TIME = {4: "169.254.169.123", 6: "fd00:ec2::123"}
VPC_RESOLVER = "10.0.0.2"
NONE = 63


def client4(service, prefix=0, rest=0, resolver=0):
    return socket.inet_ntoa(struct.pack(
        ">I", 0xf0000000 | service << 11 | resolver << 10 | prefix << 4 | rest))


def client6(service, prefix=1, rest=0):
    return socket.inet_ntop(socket.AF_INET6, struct.pack(
        ">IIQ", 0xfd000ec3, service << 8 | prefix, rest))


def client(v, service):
    """Of an ENI of the lab that uses its own address"""
    return client4(service) if v == 4 else client6(service)


class Services:
    """A namespace with the service port of a host's card."""

    def __init__(self, host):
        self.ns = Namespace("services")
        self.ns.quiet()
        with host.ns:
            rtnl.link_add("services", "nitro_service")
            rtnl.link_set("services", ns=self.ns.fd)
        with self.ns:
            rtnl.link_set("services", up=True)
            for address in (METADATA, RESOLVER, TIME):
                rtnl.addr_add("lo", address[4], 32)
                rtnl.addr_add("lo", address[6], 128)
            rtnl.route_add("240.0.0.0", 4, dev="services")
            rtnl.route_add("fd00:ec3::", 32, dev="services")

    def socket(self, kind, v, address, port):
        family = socket.AF_INET if v == 4 else socket.AF_INET6
        with self.ns:
            sock = socket.socket(family, kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.settimeout(DEADLINE)
        if kind == socket.SOCK_STREAM:
            sock.listen(64)
        return sock

    def close(self):
        if self.ns.fd is None:
            return
        with contextlib.suppress(OSError), self.ns:
            rtnl.link_del("services")
        self.ns.close()


@contextlib.contextmanager
def services(host):
    found = Services(host)
    try:
        yield found
    finally:
        found.close()


@test(v=(4, 6))
def tcp_both_ways(lab, v):
    """A connection from a guest to the metadata address; the service sees the
    ENI's number, the guest the service's address."""
    with services(lab.a) as port:
        lab.a1.set(service=5)
        listener = port.socket(socket.SOCK_STREAM, v, METADATA[v], 80)
        guest = lab.a1.socket(socket.SOCK_STREAM, v)
        guest.connect((METADATA[v], 80))
        accepted, peer = listener.accept()
        assert peer[0] == client(v, 5), peer
        data = bytes(range(256)) * 64
        accepted.sendall(data)
        accepted.shutdown(socket.SHUT_WR)
        found = b""
        while chunk := guest.recv(65536):
            found += chunk
        assert found == data
        guest.sendall(data)
        guest.shutdown(socket.SHUT_WR)
        accepted.settimeout(DEADLINE)
        found = b""
        while chunk := accepted.recv(65536):
            found += chunk
        assert found == data
        assert not lab.a1.flows(), "services have no flows"


@test(v=(4, 6))
def udp_both_ways(lab, v):
    with services(lab.a) as port:
        lab.a1.set(service=131070)
        sock = port.socket(socket.SOCK_DGRAM, v, TIME[v], 123)
        guest = lab.a1.socket(socket.SOCK_DGRAM, v)
        guest.sendto(b"what time", (TIME[v], 123))
        data, peer = sock.recvfrom(100)
        assert data == b"what time" and peer[0] == client(v, 131070)
        sock.sendto(b"late", peer)
        data, peer = guest.recvfrom(100)
        assert data == b"late" and peer[0] == TIME[v]


@test
def resolver_of_vpc(lab):
    """VPC+2 is another name of 169.254.169.253 and answers as itself."""
    with services(lab.a) as port:
        lab.a1.set(service=5, resolver=packet_int(VPC_RESOLVER))
        sock = port.socket(socket.SOCK_DGRAM, 4, RESOLVER[4], 53)
        for address, seen in ((VPC_RESOLVER, client4(5, resolver=1)),
                              (RESOLVER[4], client4(5))):
            guest = lab.a1.socket(socket.SOCK_DGRAM, 4)
            guest.connect((address, 53))
            guest.send(b"who")
            data, peer = sock.recvfrom(100)
            assert data == b"who" and peer[0] == seen, peer
            sock.sendto(b"me", peer)
            assert guest.recv(100) == b"me"


def packet_int(address):
    return int.from_bytes(packet.address(address), "big")


@test(v=(4, 6))
def overlapping_vpcs(lab, v):
    """The same address and port in two VPCs: two clients."""
    with services(lab.a) as port:
        lab.ra.set(service=7)
        lab.oa.set(service=8)
        sock = port.socket(socket.SOCK_DGRAM, v, METADATA[v], 80)
        for eni, service in ((lab.ra, 7), (lab.oa, 8)):
            eni.send(None, packet.udp(4000, 80, eni.name.encode()), v,
                     dest=METADATA[v])
            data, peer = sock.recvfrom(100)
            assert data == eni.name.encode()
            assert peer[:2] == (client(v, service), 4000)
            sock.sendto(b"for " + data, peer)
        for eni, other in ((lab.ra, lab.oa), (lab.oa, lab.ra)):
            frame = eni.port.get(lambda f: f.proto == 17)
            assert frame.payload.endswith(b"for " + eni.name.encode()), frame
            assert frame.checksum_ok and frame.ip_dst == eni.ip[v]
            assert frame.dst == eni.mac and frame.ip_src == METADATA[v]
            eni.port.nothing(lambda f: other.name.encode() in f.payload)


@test(v=(4, 6))
def spoofed_source_is_dropped(lab, v):
    """Neither another ENI's address nor one of the service port's."""
    with services(lab.a) as port:
        lab.ra.set(service=7)
        lab.oa.set(service=8)
        sock = port.socket(socket.SOCK_DGRAM, v, METADATA[v], 80)
        for source in (lab.a1.ip[v], client(v, 8), METADATA[v]):
            with dropped(lab.ra, source_address=1):
                lab.ra.send(None, packet.udp(4000, 80, b"spoof"), v,
                            source=source, dest=METADATA[v])
        lab.ra.send(None, packet.udp(4000, 80, b"honest"), v, dest=METADATA[v])
        assert sock.recv(100) == b"honest"


@test(v=(4, 6))
def forwarder_is_no_other(lab, v):
    """Without source/dest check an ENI still asks as itself only."""
    with services(lab.a):
        lab.ra.set(service=7, flags=1)
        with dropped(lab.ra, no_service=1):
            lab.ra.send(None, packet.udp(4000, 80), v, source=lab.a1.ip[v],
                        dest=METADATA[v])


@test(v=(4, 6))
def no_service_without_number(lab, v):
    with services(lab.a):
        with dropped(lab.ra, no_service=1):
            lab.ra.send(None, packet.udp(4000, 80), v, dest=METADATA[v])


@test(v=(4, 6))
def no_service_without_port(lab, v):
    lab.ra.set(service=7)
    with dropped(lab.ra, no_service=1):
        lab.ra.send(None, packet.udp(4000, 80), v, dest=METADATA[v])


@test
def security_groups_have_no_say(lab):
    """VPC User Guide, security-group-rules: the resolver cannot be blocked."""
    with services(lab.a) as port:
        lab.set_policy(2, [])
        lab.ra.set(service=7, policy=2)
        sock = port.socket(socket.SOCK_DGRAM, 4, METADATA[4], 80)
        lab.ra.send(None, packet.udp(4000, 80, b"x"), 4, dest=METADATA[4])
        _, peer = sock.recvfrom(100)
        sock.sendto(b"y", peer)
        assert lab.ra.port.get(lambda f: f.proto == 17).payload.endswith(b"y")


@test(v=(4, 6))
def ttl_is_the_services(lab, v):
    """The hop limit of an answer is what the service says."""
    with services(lab.a) as port:
        lab.ra.set(service=7)
        sock = port.socket(socket.SOCK_DGRAM, v, METADATA[v], 80)
        if v == 4:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 1)
        lab.ra.send(None, packet.udp(4000, 80, b"x"), v, dest=METADATA[v])
        _, peer = sock.recvfrom(100)
        sock.sendto(b"y", peer)
        assert lab.ra.port.get(lambda f: f.proto == 17).ttl == 1


@test
def dhcp(lab):
    """A client without an address is heard, and its answer is broadcast."""
    with services(lab.a) as port:
        lab.ra.set(service=7)
        sock = port.socket(socket.SOCK_DGRAM, 4, METADATA[4], 67)
        lab.ra.send(None, packet.udp(68, 67, b"discover"), 4, source="0.0.0.0",
                    dest="255.255.255.255", dst_mac="ff:ff:ff:ff:ff:ff")
        data, peer = sock.recvfrom(100)
        assert data == b"discover"
        assert peer == (client4(7, NONE), 68)
        sock.sendto(b"offer", peer)
        frame = lab.ra.port.get(lambda f: f.proto == 17)
        assert frame.payload.endswith(b"offer") and frame.checksum_ok
        assert frame.ip_dst == "255.255.255.255" and frame.dst == lab.ra.mac
        assert frame.ip_src == METADATA[4]


@test
def dhcp6(lab):
    with services(lab.a) as port:
        lab.ra.set(service=7)
        sock = port.socket(socket.SOCK_DGRAM, 6, METADATA[6], 547)
        source = "fe80::1234:5678:9abc:def0"
        lab.ra.send(None, packet.udp(546, 547, b"solicit"), 6, source=source,
                    dest="ff02::1:2", dst_mac="33:33:00:01:00:02")
        data, peer = sock.recvfrom(100)
        assert data == b"solicit"
        assert peer[:2] == (client6(7, NONE, 0x123456789abcdef0), 546), peer
        sock.sendto(b"reply", peer)
        frame = lab.ra.port.get(lambda f: f.proto == 17)
        assert frame.payload.endswith(b"reply") and frame.checksum_ok
        assert frame.ip_dst == source and frame.dst == lab.ra.mac
        assert frame.ip_src == "fe80::1"


@test
def no_other_multicast(lab):
    with services(lab.a):
        lab.ra.set(service=7)
        frames = [
            (packet.udp(68, 68), 4, "0.0.0.0", "255.255.255.255"),
            (packet.udp(68, 67), 4, "0.0.0.0", "224.0.0.1"),
            (packet.tcp(68, 67), 4, "0.0.0.0", "255.255.255.255"),
            (packet.udp(546, 547), 6, "fe80::2", "ff02::1:3"),
            (packet.udp(547, 547), 6, "fe80::2", "ff02::1:2"),
        ]
        with dropped(lab.ra, multicast=len(frames)):
            for payload, v, source, dest in frames:
                lab.ra.send(None, payload, v, source=source, dest=dest,
                            dst_mac="ff:ff:ff:ff:ff:ff")
        with dropped(lab.ra, source_address=1):
            lab.ra.send(None, packet.udp(68, 67), 4, source="10.0.1.99",
                        dest="255.255.255.255", dst_mac="ff:ff:ff:ff:ff:ff")


@test
def router_advertisement(lab):
    """Who asks hears of router, prefix, MTU and resolver; addresses come by
    DHCPv6 only."""
    lab.ra.set(service=7)
    for source in ("fe80::2", "::"):
        lab.ra.port.send(packet.eth("33:33:00:00:00:02", lab.ra.mac, packet.ip(
            source, "ff02::2", packet.icmp(133, v6=True), ttl=255)))
        frame = lab.ra.port.get(lambda f: f.icmp_type == 134)
        assert frame.checksum_ok and frame.ttl == 255
        assert frame.ip_src == "fe80::1"
        assert frame.ip_dst == ("ff02::1" if source == "::" else source)
        assert frame.rest == 64 << 24 | 0xc0 << 16 | 1800
        options = frame.payload[8:]
        seen = {}
        while options:
            seen[options[0]] = options[2:options[1] * 8]
            options = options[options[1] * 8:]
        assert packet.mac_text(seen[1]) == lab.ra.find_router()
        assert seen[3][:2] == b"\x40\x80", "64 bits, on-link, not autonomous"
        assert seen[3][-16:] == packet.address("fd00:1:1::")
        assert struct.unpack(">I", seen[5][2:])[0] == 9001
        assert seen[25][-16:] == packet.address(RESOLVER[6])


@test
def no_router_without_services(lab):
    with dropped(lab.ra, multicast=1):
        lab.ra.port.send(packet.eth("33:33:00:00:00:02", lab.ra.mac, packet.ip(
            "fe80::2", "ff02::2", packet.icmp(133, v6=True), ttl=255)))


@test
def numbers_are_unique(lab):
    lab.ra.set(service=7)
    with refused(17):
        lab.ra2.set(service=7)
    with refused():
        lab.ra2.set(service=131071)
    assert "service" not in lab.ra2.get()
    lab.ra.set(service=8)
    lab.ra2.set(service=7)
    assert lab.ra.get()["service"] == 8 and lab.ra2.get()["service"] == 7


@test
def answers_go_nowhere_else(lab):
    """What a socket behind the port sends to no client, or from no service, is
    dropped and counted by the card."""
    with services(lab.a) as port:
        lab.ra.set(service=7)
        with port.ns:
            rtnl.addr_add("lo", "192.0.2.77", 32)
        stray = port.socket(socket.SOCK_DGRAM, 4, "192.0.2.77", 80)
        sock = port.socket(socket.SOCK_DGRAM, 4, METADATA[4], 80)
        with dropped(lab.a, dest_address=3, unknown_eni=1):
            stray.sendto(b"x", (client4(7), 4000))
            sock.sendto(b"x", (client4(9), 4000))
            sock.sendto(b"x", (client4(7, 40), 4000))
            sock.sendto(b"x", (client4(7, resolver=1), 4000))
        lab.ra.port.nothing(lambda f: f.proto == 17)


@test
def the_last_port_is_used(lab):
    """A service that starts again does not wait for its old namespace."""
    with services(lab.a) as first:
        with services(lab.a) as port:
            lab.ra.set(service=7)
            sock = port.socket(socket.SOCK_DGRAM, 4, METADATA[4], 80)
            first.close()
            lab.ra.send(None, packet.udp(4000, 80, b"x"), 4, dest=METADATA[4])
            assert sock.recv(100) == b"x"


@test(clock=True)
def allowance(lab):
    """1,024 packets/s to services, DHCP among them; the rest is counted as ENA
    counts it."""
    with services(lab.a):
        lab.ra.set(service=7)
        before = lab.ra.stats()["linklocal_allowance_exceeded"]
        frame = lab.ra.frame(None, packet.udp(4000, 80), 4, dest=METADATA[4])
        for _ in range(3000):
            lab.ra.port.send(frame)
        lost = lab.ra.stats()["linklocal_allowance_exceeded"] - before
        assert 1700 < lost <= 3000 - 1024, lost
