# SPDX-License-Identifier: GPL-2.0
"""DHCP, DHCPv6 and router advertisements as a guest's client sees them."""

import socket
import struct

import packet
from ktap import test
from lab import METADATA, inside, until

ANY = "ff:ff:ff:ff:ff:ff"
DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
SOLICIT, ADVERTISE, REQUEST6, CONFIRM, RENEW, REBIND, REPLY = range(1, 8)
RELEASE6, DECLINE6, _, INFORMATION = range(8, 12)
DUID = bytes.fromhex("00030001") + bytes(6)


def message4(mac, kind, ciaddr="0.0.0.0", options=()):
    """options: (code, value)..."""
    found = struct.pack(">BBBBIHH", 1, 1, 6, 0, 0x12345678, 0, 0)
    found += socket.inet_aton(ciaddr) + bytes(12) + packet.mac(mac) + bytes(202)
    found += bytes.fromhex("63825363") + bytes((53, 1, kind))
    for code, value in options:
        found += bytes((code, len(value))) + value
    return found + b"\xff"


class Answer4:
    def __init__(self, frame):
        data = frame.payload
        assert data[0] == 2 and data[4:8] == bytes.fromhex("12345678")
        assert data[236:240] == bytes.fromhex("63825363")
        self.ciaddr, self.yiaddr = (socket.inet_ntoa(data[i:i + 4])
                                    for i in (12, 16))
        self.frame, self.options = frame, {}
        rest = data[240:]
        while rest and rest[0] != 255:
            if rest[0]:
                self.options[rest[0]] = rest[2:2 + rest[1]]
                rest = rest[2 + rest[1]:]
            else:
                rest = rest[1:]
        self.kind = self.options[53][0]

    def ip(self, code):
        return [socket.inet_ntoa(self.options[code][i:i + 4])
                for i in range(0, len(self.options[code]), 4)]


def send4(port, guest, data, source="0.0.0.0"):
    port.send(packet.eth(ANY, guest.mac, packet.ip(
        source, "255.255.255.255", packet.udp(68, 67, data))))


def ask4(guest, kind, source="0.0.0.0", **how):
    port = guest.port()
    send4(port, guest, message4(guest.mac, kind, **how), source)
    return Answer4(port.get(lambda f: f.proto == 17 and f.dport == 68))


def silent4(lab, guest, data):
    """Nothing is answered to it, as the answer to what follows shows."""
    port = guest.port()
    send4(port, guest, data)
    send4(port, guest, message4(guest.mac, DISCOVER))
    assert Answer4(port.get(lambda f: f.proto == 17)).kind == OFFER
    port.nothing(lambda f: f.proto == 17)
    assert lab


@test
def discover_and_request(lab):
    guest = lab.red1
    wanted = (55, bytes((1, 3, 6, 12, 15, 26, 42, 121)))
    offer = ask4(guest, DISCOVER, options=[wanted])
    assert offer.kind == OFFER and offer.yiaddr == "10.0.1.10"
    assert offer.frame.ip_src == METADATA[4] and offer.frame.checksum_ok
    assert offer.frame.dst == guest.mac
    assert offer.ip(54) == ["169.254.169.254"]
    ack = ask4(guest, REQUEST, options=[
        (50, socket.inet_aton("10.0.1.10")), (54, offer.options[54]), wanted])
    assert ack.kind == ACK and ack.yiaddr == "10.0.1.10"
    assert ack.ip(1) == ["255.255.255.0"] and ack.ip(3) == ["10.0.1.1"]
    assert ack.ip(6) == ["10.0.0.2"] and ack.ip(42) == ["169.254.169.123"]
    assert ack.options[12] == b"ip-10-0-1-10"
    assert ack.options[15] == b"nitro.internal"
    assert struct.unpack(">H", ack.options[26]) == (9001,)
    assert [struct.unpack(">I", ack.options[code])[0] for code in (51, 58, 59)] == [
        3600, 1800, 3150]
    router, service = socket.inet_aton("10.0.1.1"), socket.inet_aton(METADATA[4])
    assert ack.options[121] == b"\0" + router + b"\x20" + service + router


@test
def renew_and_rebind(lab):
    """With an address: by unicast as any packet to the server, or by broadcast."""
    guest = lab.red1
    data = message4(guest.mac, REQUEST, "10.0.1.10")
    with inside(guest.name):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("10.0.1.10", 68))
    sock.settimeout(5)
    sock.sendto(data, (METADATA[4], 67))
    answer, peer = sock.recvfrom(2000)
    assert peer == (METADATA[4], 67) and answer[242] == ACK
    sock.close()
    ack = ask4(guest, REQUEST, ciaddr="10.0.1.10", source="10.0.1.10")
    assert ack.kind == ACK and ack.ciaddr == ack.yiaddr == "10.0.1.10"
    assert ack.frame.ip_dst == "10.0.1.10"


@test
def inform(lab):
    ack = ask4(lab.red1, INFORM, ciaddr="10.0.1.10", source="10.0.1.10")
    assert ack.kind == ACK and ack.yiaddr == "0.0.0.0" and 51 not in ack.options
    assert ack.ip(6) == ["10.0.0.2"]


@test
def another_address_is_refused(lab):
    for how in ({"options": [(50, socket.inet_aton("10.0.1.11"))]},
                {"ciaddr": "10.0.1.11"}):
        nak = ask4(lab.red1, REQUEST, **how)
        assert nak.kind == NAK and nak.yiaddr == "0.0.0.0" and 1 not in nak.options


@test
def client_id_comes_back(lab):
    """RFC 6842"""
    offer = ask4(lab.red1, DISCOVER, options=[(61, b"\xff\0\1\2\3\4")])
    assert offer.options[61] == b"\xff\0\1\2\3\4"


@test
def not_for_us(lab):
    """Another server is chosen, another MAC asks, nothing to say: silence."""
    guest = lab.red1
    other = "06:00:00:00:00:99"
    for data in (
            message4(guest.mac, REQUEST, options=[
                (50, socket.inet_aton("10.0.1.10")), (54, b"\1\2\3\4")]),
            message4(other, DISCOVER), message4(guest.mac, RELEASE),
            message4(guest.mac, DECLINE), message4(guest.mac, OFFER),
            message4(guest.mac, 0), message4(guest.mac, 200), b"", b"\1",
            message4(guest.mac, DISCOVER)[:-5], bytes(300),
            message4(guest.mac, DISCOVER)[:240] + b"\x35",
            message4(guest.mac, DISCOVER)[:240] + b"\x35\xff\1"):
        silent4(lab, guest, data)


@test
def each_vpc_its_own(lab):
    """The same address in two VPCs: names and servers are the VPC's."""
    lab.nitroctl("vpc", "set", "blue", "--domain", "blue.example", "--dns-server",
                 "10.0.9.9", "--dns-server", "10.0.9.10", "--ntp-server",
                 "10.0.9.11")
    until(lambda: ask4(lab.blue1, DISCOVER).options[15] == b"blue.example", "it")
    red, blue = (ask4(guest, DISCOVER, options=[(55, bytes((42,)))])
                 for guest in (lab.red1, lab.blue1))
    assert blue.yiaddr == red.yiaddr == "10.0.1.10"
    assert blue.ip(6) == ["10.0.9.9", "10.0.9.10"] and blue.ip(42) == ["10.0.9.11"]
    assert red.ip(6) == ["10.0.0.2"] and red.options[15] == b"nitro.internal"


@test
def busybox(lab):
    """A client that is not ours configures an interface."""
    guest = lab.guest("plain", "red-net", ip4="10.0.1.55", ip6="fd00:10:0:1::55")
    guest.run("ip", "addr", "flush", "dev", "eth0")
    script = f"{lab.dir}/udhcpc"
    with open(script, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\n[ \"$1\" = bound ] || exit 0\n"
                   "ip addr add $ip/$mask dev $interface\n"
                   "ip link set $interface mtu $mtu\n"
                   "ip route add default via $router\n"
                   f"echo $dns $domain $hostname > {lab.dir}/said\n")
    lab.sh("chmod", "+x", script)
    guest.run("busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-O", "mtu", "-s",
              script)
    with open(f"{lab.dir}/said", encoding="ascii") as file:
        assert file.read().split() == ["10.0.0.2", "nitro.internal", "ip-10-0-1-55"]
    assert "10.0.1.55/24" in guest.run("ip", "addr", "show", "dev", "eth0")
    assert guest.request("GET", "/").status == 401


def option6(code, value=b""):
    return struct.pack(">HH", code, len(value)) + value


def options6(data):
    found = []
    while data:
        code, size = struct.unpack(">HH", data[:4])
        found.append((code, data[4:4 + size]))
        data = data[4 + size:]
    return found


def link_local(mac):
    raw = packet.mac(mac)
    return socket.inet_ntop(socket.AF_INET6, bytes.fromhex("fe80000000000000") +
                            bytes((raw[0] ^ 2,)) + raw[1:3] + b"\xff\xfe" + raw[3:])


class Answer6:
    def __init__(self, frame):
        assert frame.checksum_ok and frame.ip_src == "fe80::1"
        self.kind, self.xid = frame.payload[0], frame.payload[1:4]
        self.list = options6(frame.payload[4:])
        self.options = dict(self.list)

    def addresses(self):
        """{address: (preferred, valid)} of the first IA_NA"""
        return {socket.inet_ntop(socket.AF_INET6, value[:16]):
                struct.unpack(">II", value[16:24])
                for code, value in options6(self.options[3][12:]) if code == 5}


def send6(port, guest, kind, options):
    port.send(packet.eth("33:33:00:01:00:02", guest.mac, packet.ip(
        link_local(guest.mac), "ff02::1:2", packet.udp(
            546, 547, bytes((kind, 1, 2, 3)) + options))))


def ask6(guest, kind, options):
    port = guest.port()
    send6(port, guest, kind, options)
    answer = Answer6(port.get(lambda f: f.proto == 17 and f.dport == 546))
    assert answer.xid == b"\1\2\3"
    return answer


def ia_na(*addresses, iaid=b"\0\0\0\7"):
    return option6(3, iaid + bytes(8) + b"".join(
        option6(5, packet.address(a) + bytes(8)) for a in addresses))


CLIENT = option6(1, DUID)
OURS = "fd00:10:0:1::10"


@test
def solicit_and_request(lab):
    guest = lab.red1
    advertise = ask6(guest, SOLICIT, CLIENT + ia_na())
    assert advertise.kind == ADVERTISE and advertise.options[1] == DUID
    server = option6(2, advertise.options[2])
    assert advertise.addresses() == {OURS: (3600, 7200)}
    reply = ask6(guest, REQUEST6, CLIENT + server + ia_na(OURS))
    assert reply.kind == REPLY and reply.options[3][:4] == b"\0\0\0\7"
    assert struct.unpack(">II", reply.options[3][4:12]) == (1800, 2880)
    assert reply.addresses() == {OURS: (3600, 7200)}
    assert reply.options[23] == packet.address("fd00:ec2::253")
    assert reply.options[24] == b"\5nitro\x08internal\0"
    assert options6(reply.options[56]) == [(1, packet.address("fd00:ec2::123"))]


@test
def rapid_commit(lab):
    reply = ask6(lab.red1, SOLICIT, CLIENT + ia_na() + option6(14))
    assert reply.kind == REPLY and 14 in reply.options
    assert OURS in reply.addresses()


@test
def renew_rebind_release(lab):
    """What the ENI has not is taken back; nothing has to be released."""
    server = option6(2, ask6(lab.red1, SOLICIT, CLIENT + ia_na()).options[2])
    for kind, who in ((RENEW, CLIENT + server), (REBIND, CLIENT)):
        reply = ask6(lab.red1, kind, who + ia_na(OURS, "fd00:10:0:1::99"))
        assert reply.kind == REPLY
        assert reply.addresses() == {OURS: (3600, 7200), "fd00:10:0:1::99": (0, 0)}
    for kind in (RELEASE6, DECLINE6):
        reply = ask6(lab.red1, kind, CLIENT + server + ia_na(OURS))
        assert reply.kind == REPLY and reply.options[13] == b"\0\0"


@test
def confirm(lab):
    for address, status in ((OURS, 0), ("fd00:10:0:1::99", 4)):
        reply = ask6(lab.red1, CONFIRM, CLIENT + ia_na(address))
        assert reply.kind == REPLY and reply.options[13] == bytes((0, status))


@test
def information(lab):
    reply = ask6(lab.red1, INFORMATION, b"")
    assert reply.kind == REPLY and 23 in reply.options and 32 in reply.options


@test
def no_prefix_and_no_temporary(lab):
    reply = ask6(lab.red1, SOLICIT, CLIENT + option6(25, bytes(12)) +
                 option6(4, bytes(4)))
    assert options6(reply.options[25][12:]) == [(13, b"\0\6")]
    assert options6(reply.options[4][4:]) == [(13, b"\0\2")]


@test
def not_for_us_6(lab):
    guest = lab.red1
    foreign = option6(2, b"\0\3\0\1abcdef")
    for kind, options in (
            (SOLICIT, b""), (SOLICIT, CLIENT + foreign), (REQUEST6, CLIENT),
            (REQUEST6, CLIENT + foreign), (CONFIRM, CLIENT), (ADVERTISE, CLIENT),
            (REPLY, CLIENT), (0, CLIENT), (255, CLIENT), (SOLICIT, b"\0\1\xff\xff"),
            (SOLICIT, CLIENT + b"\0"), (SOLICIT, CLIENT + option6(3, bytes(11))),
            (SOLICIT, option6(1, bytes(131))), (SOLICIT, option6(1, b""))):
        port = guest.port()
        send6(port, guest, kind, options)
        send6(port, guest, INFORMATION, CLIENT)
        frame = port.get(lambda f: f.proto == 17)
        assert Answer6(frame).options.get(32), (kind, options)
        port.nothing(lambda f: f.proto == 17)
