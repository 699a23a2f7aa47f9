# SPDX-License-Identifier: GPL-2.0
"""Real sockets through real stacks: every byte arrives, offloads and all."""

import hashlib
import random
import select
import socket

import rtnl
from ktap import test
from nitronet import IN, OUT, nothing_dropped, open_rules, rule

BULK = 4 << 20


def connected(client, server, v, port):
    listener = server.listen(port, v)
    one = client.socket(socket.SOCK_STREAM, v)
    one.connect((server.ip[v], port))
    other, _ = listener.accept()
    listener.close()
    return one, other


def exchange(one, other, size=BULK):
    """Both send a lot at the same time; both get what the other sent."""
    data = random.Random(size).randbytes(size)
    left = {one: memoryview(data), other: memoryview(data)}
    sums = {one: hashlib.sha256(), other: hashlib.sha256()}
    got = {one: 0, other: 0}
    for sock in (one, other):
        sock.setblocking(False)
    while min(got.values()) < size:
        readable, writable, _ = select.select(
            [s for s in got if got[s] < size],
            [s for s in left if left[s]], [], 20)
        assert readable or writable, f"stuck at {list(got.values())}"
        for sock in writable:
            left[sock] = left[sock][sock.send(left[sock][:1 << 18]):]
        for sock in readable:
            chunk = sock.recv(1 << 18)
            assert chunk, "closed early"
            sums[sock].update(chunk)
            got[sock] += len(chunk)
    want = hashlib.sha256(data).digest()
    for sock in sums:
        assert sums[sock].digest() == want, "bytes changed on the way"


@test(v=(4, 6), underlay=(4, 6))
def bulk(lab, v):
    for server in (lab.a2, lab.b1, lab.b3):
        with nothing_dropped(lab.a1), nothing_dropped(server):
            one, other = connected(lab.a1, server, v, 5001)
            exchange(one, other)
            one.close()
            other.close()


@test(v=(4, 6))
def bulk_keeps_big_packets(lab, v):
    """Segmentation is left to the last: few packets cross the ENI."""
    for server in (lab.a2, lab.b1):
        lab.a1.host.card("flow-del", eni=lab.a1.id)
        one, other = connected(lab.a1, server, v, 5002)
        exchange(one, other)
        flow = [f for f in lab.a1.flows(protocol=6)
                if f["remote-port"] == 5002]
        assert len(flow) == 1, flow
        size = flow[0]["bytes-out"] / flow[0]["packets-out"]
        assert size > 9001, f"packets of {size} bytes on average"
        one.close()
        other.close()


@test(v=(4, 6))
def offloads_off(lab, v):
    """The same without any offload, on one side and on both."""
    for eni in (lab.a1, lab.b1):
        eni.ns.run("ethtool", "-K", eni.name, "tso", "off", "gso", "off",
                   "tx", "off", "sg", "off", "gro", "off")
        try:
            one, other = connected(lab.a1, lab.b1, v, 5003)
            exchange(one, other, 1 << 20)
            one.close()
            other.close()
        finally:
            eni.ns.run("ethtool", "-K", eni.name, "tx", "on", "sg", "on",
                       "tso", "on", "gso", "on", "gro", "on")


@test(v=(4, 6))
def underlay_offloads_off(lab, v):
    """Checksums and segments made before the underlay's device."""
    for host in lab.hosts:
        host.ns.run("ethtool", "-K", "u", "tx", "off", "tso", "off", "gso",
                    "off", "gro", "off")
    try:
        one, other = connected(lab.a1, lab.b1, v, 5004)
        exchange(one, other, 1 << 20)
        one.close()
        other.close()
    finally:
        for host in lab.hosts:
            host.ns.run("ethtool", "-K", "u", "tx", "on", "tso", "on", "gso",
                        "on", "gro", "on")


@test(v=(4, 6))
def small_guest_mtu(lab, v):
    for eni in (lab.a1, lab.b1):
        with eni.ns:
            rtnl.link_set(eni.name, mtu=1500)
    try:
        one, other = connected(lab.a1, lab.b1, v, 5005)
        exchange(one, other, 1 << 20)
        one.close()
        other.close()
    finally:
        for eni in (lab.a1, lab.b1):
            with eni.ns:
                rtnl.link_set(eni.name, mtu=9001)


@test(v=(4, 6), underlay=(4, 6))
def tracked_connection_through_changes(lab, v):
    """A connection of a group goes on, byte for byte, while its rules, routes
    and mappings change under it."""
    lab.set_policy(2, [rule(IN, "tcp", 5006, 1)] + open_rules(OUT))
    lab.b1.set(policy=2)
    one, other = connected(lab.a1, lab.b1, v, 5006)
    exchange(one, other, 1 << 18)
    for turn in range(20):
        lab.set_policy(2, open_rules(OUT) if turn % 2 else [])
        lab.a1.set_mapping(tags=[turn])
        lab.set_table(1, lab.default_routes())
        with nothing_dropped(lab.b1), nothing_dropped(lab.a1):
            exchange(one, other, 1 << 16)
    one.close()
    other.close()


@test(v=(4, 6))
def refused_connection(lab, v):
    """A closed port answers at once; a forbidden one does not."""
    sock = lab.a1.socket(socket.SOCK_STREAM, v)
    try:
        sock.connect((lab.b1.ip[v], 9))
    except ConnectionRefusedError:
        pass
    else:
        raise AssertionError("connected to a closed port")
    sock.close()
    lab.set_policy(2, open_rules(OUT))
    lab.b1.set(policy=2)
    before = lab.b1.drops().get("ingress_rule", 0)
    sock = lab.a1.socket(socket.SOCK_STREAM, v, timeout=0.3)
    try:
        sock.connect((lab.b1.ip[v], 9))
    except TimeoutError:
        pass
    else:
        raise AssertionError("connected to a forbidden port")
    sock.close()
    assert lab.b1.drops()["ingress_rule"] > before


@test(v=(4, 6))
def many_connections(lab, v):
    """Short connections, ports used again."""
    listener = lab.b1.listen(5007, v)
    for number in range(200):
        one = lab.a1.socket(socket.SOCK_STREAM, v)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                       b"\1\0\0\0\0\0\0\0" if number % 2 else bytes(8))
        one.bind((lab.a1.ip[v], 20000 + number % 20))
        one.connect((lab.b1.ip[v], 5007))
        other, _ = listener.accept()
        one.sendall(b"ping")
        assert other.recv(10) == b"ping"
        # The server's side waits, so that the port can be used again
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                         b"\1\0\0\0\0\0\0\0")
        if number % 2:
            one.close()
            other.close()
        else:
            other.close()
            one.close()
    listener.close()


@test(v=(4, 6), underlay=(4, 6))
def udp_both_ways(lab, v):
    server = lab.b3.socket(socket.SOCK_DGRAM, v, 6000)
    client = lab.a1.socket(socket.SOCK_DGRAM, v, 6001)
    for number in range(200):
        message = b"%d" % number * 50
        client.sendto(message, (lab.b3.ip[v], 6000))
        got, peer = server.recvfrom(2000)
        assert got == message and peer[:2] == (lab.a1.ip[v], 6001)
        server.sendto(got[::-1], peer)
        assert client.recv(2000) == message[::-1]
    server.close()
    client.close()


@test(v=(4, 6))
def udp_gso(lab, v):
    """UDP_SEGMENT: one send, many datagrams."""
    server = lab.b1.socket(socket.SOCK_DGRAM, v, 6002)
    client = lab.a1.socket(socket.SOCK_DGRAM, v)
    client.setsockopt(17, 103, 1000)
    data = random.Random(1).randbytes(20000)
    client.sendto(data, (lab.b1.ip[v], 6002))
    assert b"".join(server.recv(2000) for _ in range(20)) == data
    server.close()
    client.close()


@test(v=(4, 6), underlay=(4, 6))
def pings(lab, v):
    for one in (lab.a1, lab.b3):
        for other in (lab.a2, lab.a3, lab.b1):
            assert one.ping(other.ip[v], "-s", "1000"), (one.name, other.name)
    # IPv4's largest without DF, in fragments
    assert lab.a1.ping(lab.b1.ip[v], "-s", "20000")


@test(v=(4, 6))
def several_sizes(lab, v):
    """Every size around the borders of headers and MTUs."""
    server = lab.b1.socket(socket.SOCK_DGRAM, v, 6003)
    client = lab.a1.socket(socket.SOCK_DGRAM, v)
    head = 28 if v == 4 else 48
    for size in [0, 1, 2, 17, 18, 19, 1471, 1472, 1473, 4095, 4096,
                 9000 - head, 9001 - head, 9002 - head, 20000]:
        data = bytes(n & 255 for n in range(size))
        client.sendto(data, (lab.b1.ip[v], 6003))
        assert server.recv(30000) == data, size
    server.close()
    client.close()
