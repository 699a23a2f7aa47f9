# SPDX-License-Identifier: GPL-2.0
"""Who holds an ENI: an enslaved veth or tap, or a VMM with the tap device."""

import contextlib
import fcntl
import os
import select
import socket
import struct

import packet
import rtnl
from ktap import Skip, test
from nitronet import Namespace, Port, dropped, wait
from test_stream import exchange

TUNSETIFF, TUNGETFEATURES = 0x400454ca, 0x800454cf
TUNSETOFFLOAD, TUNSETVNETHDRSZ = 0x400454d0, 0x400454d8
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR, IFF_MULTI_QUEUE = 2, 0x1000, 0x4000, 0x100


class Slave:
    """An ENI of host-a with a veth as its port; the other end is a guest."""

    def __init__(self, lab, number=90):
        self.lab = lab
        self.eni = lab.eni(lab.a, f"p{number}", 100, number, 1, stack=False)
        with lab.raw:
            rtnl.link_set(self.eni.name, ns=lab.a.ns.fd)
        self.eni.ns = lab.a.ns
        self.guest = Namespace("guest")
        self.guest.quiet()
        with lab.a.ns:
            rtnl.link_set(self.eni.name, up=True)
            rtnl.veth_add(f"v{number}", "eth0", self.guest.fd)
            rtnl.link_set(f"v{number}", up=True)
            rtnl.link_set(f"v{number}",
                          master=rtnl.index_of(self.eni.name))
        self.veth = f"v{number}"
        with self.guest:
            rtnl.link_set("eth0", address=self.eni.mac)
            rtnl.link_set("eth0", up=True, mtu=9001)
            rtnl.addr_add("eth0", self.eni.ip[4], 24)
            rtnl.addr_add("eth0", self.eni.ip[6], 64)
            rtnl.route_add(None, 0, self.eni.router[4], "eth0")
            rtnl.route_add(None, 0, self.eni.router[6], "eth0")
        with lab.a.ns:
            rtnl.link_set(self.veth, mtu=9001)

    def close(self):
        with contextlib.suppress(OSError), self.lab.a.ns:
            rtnl.link_del(self.veth)
        self.guest.close()


@test(v=(4, 6))
def veth_as_port(lab, v):
    port = Slave(lab)
    try:
        for peer in (lab.a1, lab.a3, lab.b1, lab.b3):
            assert port.guest.run("ping", "-n", "-c1", "-W3", peer.ip[v])
        assert lab.b1.ping(port.eni.ip[v])
        with port.guest:
            client = socket.socket(socket.AF_INET6 if v == 6
                                   else socket.AF_INET, socket.SOCK_STREAM)
        client.settimeout(10)
        server = lab.b1.listen(5100, v)
        client.connect((lab.b1.ip[v], 5100))
        conn, _ = server.accept()
        exchange(client, conn, 1 << 20)
        for sock in (client, conn, server):
            sock.close()
        assert port.eni.get()["port-ifindex"]
    finally:
        port.close()


@test
def port_spoofs(lab):
    """What comes from a port is checked as from any holder."""
    port = Slave(lab)
    try:
        out = Port(port.guest, "eth0")
        with dropped(port.eni, source_address=1):
            out.send(port.eni.frame(lab.rb, packet.udp(1, 2),
                                    source=lab.ra.ip[4]))
        with dropped(port.eni, source_mac=1):
            out.send(port.eni.frame(lab.rb, packet.udp(1, 2),
                                    src_mac=lab.ra.mac))
        out.send(port.eni.frame(lab.rb, packet.udp(1, 2)))
        lab.rb.port.get(lambda f: f.dport == 2)
    finally:
        port.close()


@test
def port_rules(lab):
    """One port; no ENI as a port; not what is somebody's already."""
    port = Slave(lab)
    try:
        with lab.a.ns:
            rtnl.link_add("dummy0", "dummy")
            rtnl.link_add("br0", "bridge")
            index = rtnl.index_of(port.eni.name)
            rtnl.link_add("other", "nitro")
            for name, master in (("dummy0", index), ("other", index),
                                 ("lo", rtnl.index_of("other")),
                                 (port.veth, rtnl.index_of("other"))):
                try:
                    rtnl.link_set(name, master=master)
                except rtnl.RtnlError as error:
                    assert name == port.veth or error.sentence, name
                else:
                    # iproute2 moves a slave from master to master
                    assert name == port.veth, f"{name} became a port"
            for name in ("dummy0", "br0", "other"):
                rtnl.link_del(name)
    finally:
        port.close()


@test
def port_leaves(lab):
    """Released, or deleted: the netdev holds the ENI again."""
    port = Slave(lab)
    with lab.a.ns:
        rtnl.link_set(port.veth, master=0)
    assert "port-ifindex" not in port.eni.get()
    netdev = Port(lab.a.ns, port.eni.name)
    lab.ra.send(port.eni, packet.udp(1, 2))
    netdev.get(lambda f: f.dport == 2)
    with lab.a.ns:
        rtnl.link_set(port.veth, master=rtnl.index_of(port.eni.name))
        rtnl.link_del(port.veth)
    assert "port-ifindex" not in port.eni.get()
    lab.ra.send(port.eni, packet.udp(1, 3))
    netdev.get(lambda f: f.dport == 3)
    port.guest.close()
    netdev.sock.close()


@test
def eni_leaves_its_port(lab):
    port = Slave(lab)
    with lab.a.ns:
        rtnl.link_del(port.eni.name)
        assert rtnl.IFLA_MASTER not in rtnl.link_get(port.veth)
    port.close()


@contextlib.contextmanager
def tap_device(eni, queues=1, vnet=True):
    """The ENI's character device, opened as a VMM does it."""
    name = eni.get().get("tap")
    assert name, "the ENI tells no tap device"
    path = f"/dev/{name}"
    if not os.path.exists(path):
        raise Skip(f"no {path}, as there is no devtmpfs here")
    fds = []
    for _ in range(queues):
        fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        flags = IFF_TAP | IFF_NO_PI | (IFF_VNET_HDR if vnet else 0)
        if queues > 1:
            flags |= IFF_MULTI_QUEUE
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"", flags))
        if vnet:
            fcntl.ioctl(fd, TUNSETVNETHDRSZ, struct.pack("i", 12))
        fds.append(fd)
    try:
        yield fds if queues > 1 else fds[0]
    finally:
        for fd in fds:
            os.close(fd)


def tap_read(fds, match, deadline=5):
    while True:
        ready, _, _ = select.select(fds, [], [], deadline)
        assert ready, "nothing to read from the tap device"
        for fd in ready:
            data = os.read(fd, 70000)
            frame = packet.Frame(data[12:])
            frame.vnet = data[:12]
            if match(frame):
                return frame


@test(v=(4, 6))
def tap(lab, v):
    """A VMM's end: frames with a virtio-net header."""
    eni = lab.eni(lab.a, "tap0", 100, 91, 1, stack=False)
    features = 0
    with tap_device(eni) as fd:
        features = struct.unpack("I", fcntl.ioctl(fd, TUNGETFEATURES,
                                                  bytes(4)))[0]
        os.write(fd, bytes(12) + packet.eth(
            "ff:ff:ff:ff:ff:ff", eni.mac, packet.arp(
                1, eni.mac, eni.ip[4], eni.router[4]), packet.ETH_ARP))
        reply = tap_read([fd], lambda f: f.op == 2)
        eni.router_mac = reply.sender_mac
        for peer in (lab.ra, lab.rb, lab.rb3):
            os.write(fd, bytes(12) + eni.frame(peer, packet.udp(1, 2), v))
            frame = peer.port.get(lambda f: f.dport == 2)
            assert frame.ip_src == eni.ip[v]
            peer.send(eni, packet.udp(2, 1), v)
            frame = tap_read([fd], lambda f: f.dport == 1)
            assert frame.ip_src == peer.ip[v] and frame.dst == eni.mac
        with dropped(eni, source_address=1):
            os.write(fd, bytes(12) + eni.frame(
                lab.rb, packet.udp(1, 2), v, source=lab.ra.ip[v]))
        eni.port.nothing(lambda f: f.dport == 1)
    assert features & IFF_VNET_HDR
    # Closed: the netdev holds the ENI again
    lab.ra.send(eni, packet.udp(5, 6), v)
    eni.port.get(lambda f: f.dport == 6)


@test(v=(4, 6))
def tap_offloads(lab, v):
    """TSO and unfinished checksums both ways, as a virtio-net driver has
    them."""
    eni = lab.eni(lab.a, "tap1", 100, 92, 1, stack=False)
    with tap_device(eni) as fd:
        fcntl.ioctl(fd, TUNSETOFFLOAD, 1 | 2 | 4)  # CSUM, TSO4, TSO6
        head = 14 + (20 if v == 4 else 40)
        # One large segment out, MSS 1000: arrives as its pieces or whole
        data = bytes(n % 251 for n in range(5000))
        eni.router_mac = lab.ra.find_router()
        syn = eni.frame(lab.rb, packet.tcp(1, 80, packet.SYN, 99), v)
        os.write(fd, bytes(12) + syn)
        lab.rb.port.get(lambda f: f.flags == packet.SYN)
        frame = bytearray(eni.frame(lab.rb, packet.tcp(
            1, 80, packet.ACK, 100, 1, data=data), v))
        pseudo = packet.pseudo(packet.address(eni.ip[v]),
                               packet.address(lab.rb.ip[v]), 6, 5020)
        partial = ~packet.checksum(pseudo) & 0xffff
        frame[head + 16:head + 18] = struct.pack(">H", partial)
        vnet = struct.pack("<BBHHHHH", 1, 1 if v == 4 else 4, head + 20, 1000,
                           head, 16, 0)
        os.write(fd, vnet + bytes(frame))
        got = b""
        while len(got) < len(data):
            got += lab.rb.port.get(lambda f: f.proto == 6).payload
        assert got == data


@test(v=(4, 6))
def tap_receives_large(lab, v):
    """Bulk TCP of a stack to a guest behind the tap device comes in packets
    larger than the MTU, with a header that says so."""
    eni = lab.eni(lab.a, "tap2", 100, 93, 1, stack=False)
    with tap_device(eni) as fd:
        fcntl.ioctl(fd, TUNSETOFFLOAD, 1 | 2 | 4)
        client = lab.a1.socket(socket.SOCK_STREAM, v)
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            client.connect((eni.ip[v], 80))
        syn = tap_read([fd], lambda f: f.proto == 6)
        os.write(fd, bytes(12) + eni.frame(lab.a1, packet.tcp(
            80, syn.sport, packet.SYN | packet.ACK, 7000, syn.seq + 1,
            options=b"\2\4" + struct.pack(">H", 8900) + b"\3\3\7\1"), v))
        tap_read([fd], lambda f: f.flags == packet.ACK)
        # Open the window
        os.write(fd, bytes(12) + eni.frame(lab.a1, packet.tcp(
            80, syn.sport, packet.ACK, 7001, syn.seq + 1), v))
        data = bytes(60000)
        sent = client.send(data)
        got, largest, gso = 0, 0, 0
        while got < min(sent, 40000):
            frame = tap_read([fd], lambda f: f.payload)
            got += len(frame.payload)
            largest = max(largest, len(frame.payload))
            gso |= frame.vnet[1]
        assert largest > 9001 and gso in (1, 4), (largest, gso)
        client.close()


@test
def tap_queues(lab):
    """Several queues: one flow stays on one of them."""
    eni = lab.eni(lab.a, "tap3", 100, 94, 1, stack=False)
    with tap_device(eni, queues=4) as fds:
        for sport in range(40):
            for _ in range(3):
                lab.ra.send(eni, packet.udp(1000 + sport, 2))
        where = {}
        for fd in fds:
            while True:
                try:
                    frame = packet.Frame(os.read(fd, 70000)[12:])
                except BlockingIOError:
                    break
                where.setdefault(frame.sport, []).append(fd)
        assert len(where) == 40 and all(len(v) == 3 for v in where.values())
        assert all(len(set(v)) == 1 for v in where.values())
        assert len({v[0] for v in where.values()}) > 1


@test
def tap_outlives_the_eni(lab):
    """What is written to the file of a deleted ENI goes nowhere, as with any
    tap."""
    eni = lab.eni(lab.a, "tap4", 100, 95, 1, stack=False)
    with tap_device(eni) as fd:
        with lab.raw:
            rtnl.link_del("tap4")
        for _ in range(10):
            with contextlib.suppress(OSError):
                os.write(fd, bytes(12) + bytes(60))
        with contextlib.suppress(OSError):
            os.read(fd, 100)


@test
def tap_node_goes(lab):
    """/dev/nitro-eniN comes with the ENI and goes with it."""
    eni = lab.eni(lab.a, "tap5", 100, 96, 1, stack=False)
    path = f"/dev/{eni.get()['tap']}"
    if not os.path.exists(path):
        raise Skip("no devtmpfs here")
    with lab.raw:
        rtnl.link_del("tap5")
    wait(lambda: not os.path.exists(path), "the node's end")


@test
def tap_bad_frames(lab):
    """Short frames and lying headers."""
    eni = lab.eni(lab.a, "tap6", 100, 97, 1, stack=False)
    with tap_device(eni) as fd:
        good = eni.frame(lab.rb, packet.udp(1, 2))
        for data in (b"", b"x", bytes(12), bytes(12) + good[:10],
                     bytes(12) + good[:14], bytes(12) + good[:30],
                     struct.pack("<BBHHHHH", 1, 0, 0, 0, 60000, 60000, 0) +
                     good,
                     struct.pack("<BBHHHHH", 0, 1, 60000, 1, 0, 0, 0) + good,
                     struct.pack("<BBHHHHH", 0, 1, 54, 0, 0, 0, 0) + good,
                     struct.pack("<BBHHHHH", 1, 0x80, 1, 1, 1, 1, 1) + good):
            with contextlib.suppress(OSError):
                os.write(fd, data)
        os.write(fd, bytes(12) + good)
        lab.rb.port.get(lambda f: f.ip_src == eni.ip[4])


@test
def port_and_tap(lab):
    """A port is refused while a VMM has the tap device."""
    eni = lab.eni(lab.a, "tap7", 100, 98, 1, stack=False)
    with lab.raw:
        rtnl.link_add("dummy1", "dummy")
    try:
        with tap_device(eni), lab.raw:
            try:
                rtnl.link_set("dummy1", master=rtnl.index_of("tap7"))
            except rtnl.RtnlError as error:
                assert error.sentence
            else:
                raise AssertionError("a port beside the tap device")
    finally:
        with lab.raw:
            rtnl.link_del("dummy1")
