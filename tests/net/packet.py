# SPDX-License-Identifier: GPL-2.0
"""Frames: made with wrong bytes wherever a test wants them, and taken apart."""

import contextlib
import ipaddress
import socket
import struct

ETH_IP, ETH_ARP, ETH_IPV6 = 0x0800, 0x0806, 0x86dd
ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def mac(value):
    """MAC address as bytes."""
    if isinstance(value, bytes):
        return value
    return bytes.fromhex(value.replace(":", ""))


def mac_text(value):
    return ":".join(f"{b:02x}" for b in value)


def address(value):
    """IP address as bytes."""
    if isinstance(value, bytes):
        return value
    return ipaddress.ip_address(value).packed


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def pseudo(source, dest, protocol, length):
    if len(source) == 16:
        return source + dest + struct.pack(">II", length, protocol)
    return source + dest + struct.pack(">HH", protocol, length)


class Payload:
    """What an IP packet carries: protocol, bytes, where its checksum is."""

    def __init__(self, protocol, data, checksum_at=None):
        self.protocol = protocol
        self.data = data
        self.checksum_at = checksum_at

    def bytes(self, source, dest):
        at = self.checksum_at
        if at is None:
            return self.data
        head = b""
        if self.protocol != ICMP:
            head = pseudo(source, dest, self.protocol, len(self.data))
        value = checksum(head + self.data)
        if self.protocol == UDP and not value:
            value = 0xffff
        return (self.data[:at] + struct.pack(">H", value) +
                self.data[at + 2:])


def raw(protocol, data=b""):
    return Payload(protocol, data)


def udp(sport, dport, data=b"", length=None):
    length = 8 + len(data) if length is None else length
    return Payload(UDP, struct.pack(">HHHH", sport, dport, length, 0) + data,
                   6)


def tcp(sport, dport, flags=SYN, seq=1000, ack=0, window=65000, data=b"",
        options=b"", offset=None):
    options += bytes(-len(options) % 4)
    offset = 5 + len(options) // 4 if offset is None else offset
    head = struct.pack(">HHIIBBHHH", sport, dport, seq & 0xffffffff,
                       ack & 0xffffffff, offset << 4, flags, window, 0, 0)
    return Payload(TCP, head + options + data, 16)


def icmp(kind, code=0, rest=0, data=b"", v6=False):
    return Payload(ICMP6 if v6 else ICMP,
                   struct.pack(">BBHI", kind, code, 0, rest) + data, 2)


def echo(ident, seq=1, data=b"", v6=False, reply=False):
    kind = (129 if reply else 128) if v6 else (0 if reply else 8)
    return icmp(kind, 0, ident << 16 | seq, data, v6)


def ip(source, dest, payload, ttl=64, ident=0, df=True, more=False, offset=0,
       version=None, ihl=5, length=None, options=b"", tos=0):
    """An IP packet. A fragment if more or offset (in bytes) is given; then
    payload may be plain bytes with the protocol: (protocol, bytes)."""
    source, dest = address(source), address(dest)
    if isinstance(payload, tuple):
        protocol, data = payload
    else:
        protocol, data = payload.protocol, payload.bytes(source, dest)
    if len(source) == 16:
        if more or offset:
            data = struct.pack(">BBHI", protocol, 0, offset | more, ident) + data
            protocol = 44
        if options:
            data, protocol = options + data, options_protocol(options)
        length = len(data) if length is None else length
        return struct.pack(">IHBB", (version or 6) << 28 | tos << 20, length,
                           protocol, ttl) + source + dest + data
    if options:
        options += bytes(-len(options) % 4)
        ihl = 5 + len(options) // 4
    length = 20 + len(options) + len(data) if length is None else length
    head = struct.pack(">BBHHHBBH", (version or 4) << 4 | ihl, tos, length,
                       ident, (df and not more and not offset) << 14 |
                       more << 13 | offset >> 3, ttl, protocol, 0)
    head += source + dest + options
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + data


def options_protocol(_options):
    """IPv6 extension headers given as bytes start with a hop-by-hop one."""
    return 0


def eth(dest, source, payload, kind=None):
    if kind is None:
        kind = ETH_IPV6 if payload[0] >> 4 == 6 else ETH_IP
    return mac(dest) + mac(source) + struct.pack(">H", kind) + payload


def arp(op, sender_mac, sender, target, target_mac=bytes(6)):
    return (struct.pack(">HHBBH", 1, ETH_IP, 6, 4, op) + mac(sender_mac) +
            address(sender) + mac(target_mac) + address(target))


def solicitation(source, target, source_mac, dest=None, ttl=255):
    """ICMPv6 neighbour solicitation, as an IPv6 packet."""
    if dest is None:
        dest = solicited_node(target)
    data = address(target) + b"\1\1" + mac(source_mac)
    return ip(source, dest, icmp(135, 0, 0, data, v6=True), ttl=ttl)


def advertisement(source, target, source_mac, dest="ff02::1"):
    data = address(target) + b"\2\1" + mac(source_mac)
    return ip(source, dest, icmp(136, 0, 0x20000000, data, v6=True), ttl=255)


def solicited_node(target):
    return bytes.fromhex("ff0200000000000000000001ff") + address(target)[13:]


def multicast_mac(dest):
    return b"\x33\x33" + address(dest)[12:]


def geneve_option(klass, kind, data=b""):
    """kind with the top bit set is a critical option."""
    return struct.pack(">HBB", klass, kind, len(data) // 4) + data


def geneve(vni, inner, options=b"", version=0, oam=False, critical=None,
           kind=0x6558, length=None, reserved=0):
    if critical is None:
        critical = any_critical(options)
    length = len(options) // 4 if length is None else length
    return struct.pack(">BBHI", version << 6 | length,
                       oam << 7 | critical << 6, kind,
                       vni << 8 | reserved) + options + inner


def any_critical(options):
    while len(options) >= 4:
        if options[2] & 0x80:
            return True
        options = options[4 + (options[3] & 31) * 4:]
    return False


class Frame:
    """A frame taken apart. Fields that it has not are None."""

    fields = ("dst src type proto ttl ident df more offset tos length "
              "sport dport flags seq ack window icmp_type icmp_code rest "
              "vni oam critical version options kind inner target op "
              "sender_mac sender").split()

    def __init__(self, data, l3=False):
        for field in self.fields:
            setattr(self, field, None)
        self.raw = data
        self.payload = b""
        self.ip_src = self.ip_dst = None
        self.checksum_ok = True
        if l3:
            self.type = ETH_IPV6 if data[0] >> 4 == 6 else ETH_IP
        else:
            self.dst, self.src = mac_text(data[:6]), mac_text(data[6:12])
            self.type = struct.unpack(">H", data[12:14])[0]
            data = data[14:]
        self.l3 = data
        # A fuzzer's frames may end anywhere
        with contextlib.suppress(struct.error, IndexError, OSError,
                                 ValueError):
            self._l3(data)

    def _l3(self, data):
        if self.type == ETH_IP:
            self._ip4(data)
        elif self.type == ETH_IPV6:
            self._ip6(data)
        elif self.type == ETH_ARP:
            self.op = struct.unpack(">H", data[6:8])[0]
            self.sender_mac = mac_text(data[8:14])
            self.sender = socket.inet_ntoa(data[14:18])
            self.target = socket.inet_ntoa(data[24:28])

    def _ip4(self, data):
        (first, self.tos, self.length, self.ident, frag, self.ttl,
         self.proto) = struct.unpack(">BBHHHBB", data[:10])
        self.ip_src = socket.inet_ntoa(data[12:16])
        self.ip_dst = socket.inet_ntoa(data[16:20])
        self.df = bool(frag & 0x4000)
        self.more = bool(frag & 0x2000)
        self.offset = (frag & 0x1fff) << 3
        size = (first & 15) * 4
        self.checksum_ok = checksum(data[:size]) == 0
        self._l4(data[size:self.length], data[12:16], data[16:20])

    def _ip6(self, data):
        word, self.length, self.proto, self.ttl = struct.unpack(
            ">IHBB", data[:8])
        self.tos = word >> 20 & 255
        self.ip_src = socket.inet_ntop(socket.AF_INET6, data[8:24])
        self.ip_dst = socket.inet_ntop(socket.AF_INET6, data[24:40])
        body = data[40:40 + self.length]
        self.more, self.offset = False, 0
        if self.proto == 44:
            self.proto, _, frag, self.ident = struct.unpack(">BBHI", body[:8])
            self.more, self.offset = bool(frag & 1), frag & 0xfff8
            body = body[8:]
        self._l4(body, data[8:24], data[24:40])

    def _l4(self, data, source, dest):
        self.payload = data
        if self.offset:
            return
        head = b"" if self.proto == ICMP else pseudo(source, dest, self.proto,
                                                     len(data))
        if (self.proto in (ICMP, TCP, UDP, ICMP6) and not self.more and
                not (self.proto == UDP and data[6:8] == b"\0\0")):
            self.checksum_ok &= checksum(head + data) == 0
        if self.proto == UDP and len(data) >= 8:
            self.sport, self.dport = struct.unpack(">HH", data[:4])
            self.payload = data[8:]
            if self.dport == 6081 and len(self.payload) >= 8:
                self._geneve(self.payload)
        elif self.proto == TCP and len(data) >= 20:
            (self.sport, self.dport, self.seq, self.ack, offset, self.flags,
             self.window) = struct.unpack(">HHIIBBH", data[:16])
            self.options = data[20:(offset >> 4) * 4]
            self.payload = data[(offset >> 4) * 4:]
        elif self.proto in (ICMP, ICMP6) and len(data) >= 8:
            self.icmp_type, self.icmp_code, _, self.rest = struct.unpack(
                ">BBHI", data[:8])
            self.payload = data[8:]
            if self.proto == ICMP6 and self.icmp_type in (135, 136):
                self.target = socket.inet_ntop(socket.AF_INET6, data[8:24])
                if len(data) >= 32:
                    self.sender_mac = mac_text(data[26:32])

    def _geneve(self, data):
        first, second, self.kind, last = struct.unpack(">BBHI", data[:8])
        self.version, self.vni = first >> 6, last >> 8
        self.oam, self.critical = bool(second & 0x80), bool(second & 0x40)
        size = (first & 63) * 4
        self.options = data[8:8 + size]
        if self.kind == 0x6558 and len(data) >= 22 + size:
            self.inner = Frame(data[8 + size:])

    def quoted(self):
        """The packet that an ICMP error quotes."""
        return Frame(self.payload, l3=True)

    def __repr__(self):
        shown = []
        for field in self.fields:
            value = getattr(self, field)
            if value is not None and field != "inner":
                shown.append(f"{field}={value}")
        text = f"{self.ip_src}>{self.ip_dst} " + " ".join(shown)
        return f"<{text} inner={self.inner}>" if self.inner else f"<{text}>"
