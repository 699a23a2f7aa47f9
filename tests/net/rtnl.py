# SPDX-License-Identifier: GPL-2.0
"""The few rtnetlink requests that the tests need, without starting ip(8).

Every function works in the network namespace that the caller is in.
"""

import errno
import os
import socket
import struct
import time

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_DELADDR = 20, 21
RTM_NEWROUTE, RTM_DELROUTE = 24, 25
RTM_GETNEIGH = 30

NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 1, 4, 0x300
NLM_F_EXCL, NLM_F_CREATE, NLM_F_REPLACE = 0x200, 0x400, 0x100

IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_MASTER = 1, 3, 4, 10
IFLA_LINKINFO, IFLA_NET_NS_FD = 18, 28
IFLA_INFO_KIND, IFLA_INFO_DATA = 1, 2
IFLA_INET6_ADDR_GEN_MODE = 8
VETH_INFO_PEER = 1

IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS = 1, 2, 8
IFA_F_NODAD = 2

RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_METRICS = 1, 4, 5, 8

NLMSG_ERROR, NLMSG_DONE = 2, 3
IFF_UP = 1


class RtnlError(OSError):
    """A refused request: errno and the kernel's sentence."""

    def __init__(self, errno, sentence):
        super().__init__(errno, os.strerror(errno))
        self.sentence = sentence

    def __str__(self):
        return f"{self.strerror}: {self.sentence}"


def attr(kind, value):
    """One netlink attribute; value: bytes, str or int (u32)."""
    if isinstance(value, int):
        value = struct.pack("I", value)
    elif isinstance(value, str):
        value = value.encode() + b"\0"
    size = 4 + len(value)
    return struct.pack("HH", size, kind) + value + bytes(-size % 4)


def attrs(data):
    """Attributes of a message as {type: last payload}."""
    found = {}
    while len(data) >= 4:
        size, kind = struct.unpack_from("HH", data)
        if size < 4:
            break
        found[kind & 0x3fff] = data[4:size]
        data = data[(size + 3) & ~3:]
    return found


def request(kind, body, flags=0):
    """Send one request, wait for the acknowledgement, return the replies."""
    replies = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                       socket.NETLINK_ROUTE) as sock:
        sock.setsockopt(270, 10, 1)  # NETLINK_CAP_ACK
        sock.setsockopt(270, 11, 1)  # NETLINK_EXT_ACK
        sock.send(struct.pack("IHHII", 16 + len(body), kind,
                              NLM_F_REQUEST | NLM_F_ACK | flags, 1, 0) + body)
        while True:
            data = sock.recv(1 << 17)
            while data:
                size, what, mflags = struct.unpack_from("IHH", data)
                message, data = data[16:size], data[(size + 3) & ~3:]
                if what == NLMSG_DONE:
                    return replies
                if what != NLMSG_ERROR:
                    replies.append(message)
                    continue
                error = -struct.unpack_from("i", message)[0]
                if error:
                    tlvs = attrs(message[20:]) if mflags & 0x200 else {}
                    text = tlvs.get(1, b"\0")[:-1].decode()
                    raise RtnlError(error, text)
                return replies


def ifinfo(index=0, flags=0, change=0):
    return struct.pack("BxHiII", 0, 0, index, flags, change)


def index_of(name):
    return socket.if_nametoindex(name)


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def link_add(name, kind, data=b"", address=None):
    info = attr(IFLA_INFO_KIND, kind)
    if data:
        info += attr(IFLA_INFO_DATA, data)
    body = ifinfo() + attr(IFLA_IFNAME, name) + attr(IFLA_LINKINFO, info)
    if address:
        body += attr(IFLA_ADDRESS, mac(address))
    request(RTM_NEWLINK, body, NLM_F_CREATE | NLM_F_EXCL)
    return index_of(name)


def veth_add(name, peer, peer_ns):
    """A veth whose other end is in the namespace with the fd peer_ns."""
    other = (ifinfo() + attr(IFLA_IFNAME, peer) +
             attr(IFLA_NET_NS_FD, peer_ns))
    return link_add(name, "veth", attr(VETH_INFO_PEER, other))


def link_del(name):
    request(RTM_DELLINK, ifinfo(index_of(name)))


def link_set(name, up=None, mtu=None, address=None, ns=None, master=None,
             rename=None):
    flags = IFF_UP if up else 0
    body = ifinfo(index_of(name), flags, 0 if up is None else IFF_UP)
    if mtu is not None:
        body += attr(IFLA_MTU, mtu)
    if address:
        body += attr(IFLA_ADDRESS, mac(address))
    if ns is not None:
        body += attr(IFLA_NET_NS_FD, ns)
    if master is not None:
        body += attr(IFLA_MASTER, master)
    if rename:
        body += attr(IFLA_IFNAME, rename)
    request(RTM_NEWLINK, body)


def link_get(name):
    """The link's attributes and flags."""
    body = request(RTM_GETLINK, ifinfo() + attr(IFLA_IFNAME, name))[0]
    found = attrs(body[16:])
    found["flags"] = struct.unpack_from("I", body, 8)[0]
    return found


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def packed(address):
    return socket.inet_pton(family_of(address), address)


def wait_for_route(address):
    """The kernel makes the route of a new IPv6 address later, in a work item."""
    end = time.monotonic() + 30
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        while True:
            try:
                return probe.connect((address, 9))
            except OSError as error:
                if error.errno != errno.ENETUNREACH or time.monotonic() > end:
                    raise
            time.sleep(0.001)


def addr_add(name, address, prefix_len, kind=RTM_NEWADDR):
    """An address, and on a link that is up its route."""
    family = family_of(address)
    raw = packed(address)
    body = struct.pack("BBBBI", family, prefix_len, 0, 0, index_of(name))
    body += attr(IFA_LOCAL, raw) + attr(IFA_ADDRESS, raw)
    body += attr(IFA_FLAGS, IFA_F_NODAD)
    request(kind, body, NLM_F_CREATE | NLM_F_REPLACE
            if kind == RTM_NEWADDR else 0)
    if (kind == RTM_NEWADDR and family == socket.AF_INET6 and
            link_get(name)["flags"] & IFF_UP):
        wait_for_route(address)


def addr_del(name, address, prefix_len):
    addr_add(name, address, prefix_len, RTM_DELADDR)


def route_add(dest, prefix_len, via=None, dev=None, kind=RTM_NEWROUTE, mtu=0):
    """A route; dest None is the default route of via's family."""
    family = family_of(dest or via)
    body = struct.pack("BBBBBBBBI", family, prefix_len, 0, 0, 254, 3,
                       0 if via else 253, 1, 0)
    if dest:
        body += attr(RTA_DST, packed(dest))
    if via:
        body += attr(RTA_GATEWAY, packed(via))
    if dev:
        body += attr(RTA_OIF, index_of(dev))
    if mtu:
        body += attr(RTA_METRICS, attr(2, mtu))
    request(kind, body, NLM_F_CREATE | NLM_F_REPLACE
            if kind == RTM_NEWROUTE else 0)


def route_del(dest, prefix_len, via=None, dev=None):
    route_add(dest, prefix_len, via, dev, RTM_DELROUTE)
