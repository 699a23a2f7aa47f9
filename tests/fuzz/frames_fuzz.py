# SPDX-License-Identifier: GPL-2.0
"""Hostile frames against the debug kernel: on the ENI, as a guest sends them, and
as Geneve from the underlay. They are good packets with bits, lengths and headers
changed, so that they get far. Passes if the kernel has nothing to say and good
packets still get through.
"""

import contextlib
import os
import random
import socket
import subprocess
import sys

for folder in ("net", "lib"):
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", folder))

import ktap
import packet
import rtnl
from nitronet import Lab, open_rules, rule

COUNT = 6000


def payload(rand, v6):
    """Something that may be behind an IP header."""
    data = rand.randbytes(rand.choice((0, 1, 7, 40, 1200)))
    sport, dport = rand.randrange(4) * 1000, rand.choice((0, 53, 80, 6081))
    kind = rand.randrange(9)
    if kind < 3:
        options = rand.choice((b"", b"\3\3\7", b"\2\4\x22\x22\1\3\3\x0e",
                               b"\3\0", b"\3\xff", rand.randbytes(8)))
        return packet.tcp(sport, dport, rand.choice(
            (packet.SYN, packet.ACK, packet.SYN | packet.ACK, packet.RST,
             packet.FIN | packet.ACK, rand.randrange(256))),
            rand.randrange(1 << 32), rand.randrange(1 << 32),
            rand.randrange(1 << 16), data, options,
            rand.choice((None, None, 0, 4, 15)))
    if kind < 5:
        return packet.udp(sport, dport, data,
                          rand.choice((None, None, 0, 7, 65535)))
    if kind == 5:
        return packet.echo(sport, 1, data, v6, rand.random() < 0.3)
    if kind == 6:
        quoted = packet.ip("fd00:1:1::30" if v6 else "10.0.1.30",
                           "fd00:1:1::40" if v6 else "10.0.1.40",
                           packet.udp(sport, dport, data))
        return packet.icmp(rand.choice((1, 2, 3, 4, 11, 12)),
                           rand.randrange(16), rand.randrange(1 << 32),
                           quoted[:rand.randrange(80)], v6)
    if kind == 7 and v6:
        return packet.icmp(rand.randrange(130, 140), 0, 0,
                           packet.address("fd00:1:1::40") + b"\1\1" +
                           rand.randbytes(rand.randrange(8)), True)
    return packet.raw(rand.choice((0, 1, 2, 43, 44, 47, 50, 51, 58, 60, 132,
                                   255)), data)


def extension(rand):
    """IPv6 extension headers, sometimes a long chain."""
    chain = b""
    for _ in range(rand.choice((0, 0, 0, 1, 2, 9))):
        kind = rand.choice((0, 43, 44, 60, 51, 17))
        chain += bytes((kind, rand.choice((0, 0, 1, 255)))) + \
            rand.randbytes(6)
    return chain


def ip(rand, source, dest):
    v6 = ":" in source
    how = {"ttl": rand.choice((0, 1, 2, 64, 255)),
           "ident": rand.randrange(8), "tos": rand.randrange(256)}
    if rand.random() < 0.2:
        how.update(more=rand.random() < 0.7,
                   offset=rand.choice((0, 8, 16, 1480, 65528)))
    if rand.random() < 0.1:
        how["length"] = rand.randrange(1 << 16)
    if v6:
        how["options"] = extension(rand)
    elif rand.random() < 0.1:
        how["options"] = rand.randbytes(rand.randrange(1, 40))
    return packet.ip(source, dest, payload(rand, v6), **how)


def damage(rand, frame):
    """Flip, cut or fill."""
    frame = bytearray(frame)
    for _ in range(rand.choice((0, 0, 0, 1, 1, 3))):
        if frame:
            frame[rand.randrange(len(frame))] ^= 1 << rand.randrange(8)
    if rand.random() < 0.1:
        del frame[rand.randrange(len(frame) + 1):]
    if rand.random() < 0.05:
        frame += rand.randbytes(rand.randrange(1, 200))
    return bytes(frame)


def egress(rand, lab, eni):
    v = rand.choice((4, 6))
    peer = rand.choice(lab.enis)
    if rand.random() < 0.1:
        frame = packet.eth("ff:ff:ff:ff:ff:ff", eni.mac, packet.arp(
            rand.randrange(4), eni.mac, eni.ip[4],
            rand.choice((eni.router[4], peer.ip[4]))), packet.ETH_ARP)
    else:
        dest = rand.choice((peer.ip[v], peer.ip[v], eni.router[v],
                            "169.254.169.254" if v == 4 else "fd00:ec2::254",
                            "224.0.0.1" if v == 4 else "ff02::1"))
        source = eni.ip[v] if rand.random() < 0.9 else peer.ip[v]
        frame = packet.eth(rand.choice((peer.mac, eni.router_mac)), eni.mac,
                           ip(rand, source, dest))
    with contextlib.suppress(OSError):
        eni.port.send(damage(rand, frame))


def ingress(rand, lab, sock):
    v = rand.choice((4, 6))
    source = rand.choice((lab.ra, lab.ra2, lab.rb))
    dest = rand.choice((lab.rb, lab.rb3, lab.b1, lab.ob))
    inner = packet.eth(dest.mac, source.mac, ip(rand, source.ip[v],
                                                dest.ip[v]))
    options = b""
    for _ in range(rand.choice((0, 0, 0, 1, 3))):
        options += packet.geneve_option(
            rand.randrange(1 << 16), rand.choice((1, 2, 0x80)),
            rand.randbytes(4 * rand.randrange(4)))
    geneve = packet.geneve(rand.choice((100, 100, 100, 200, 5)),
                           damage(rand, inner), options)
    with contextlib.suppress(OSError):
        sock.sendto(damage(rand, geneve) if rand.random() < 0.3 else geneve,
                    (lab.b.underlay, 6081))


def fuzz(underlay, count, seed):
    rand = random.Random(seed)
    log = ktap.KernelLog()
    lab = Lab(underlay)
    narrow = [rule(way, protocol, None, peer) for way in ("ingress", "egress")
              for protocol in ("tcp", "icmp", "icmpv6", 47)
              for peer in (1, 2, "10.0.0.0/16", "fd00:1::/32")]
    lab.ra.find_router()
    for eni in lab.enis:
        eni.router_mac = lab.ra.router_mac
    with lab.a.ns:
        sock = socket.socket(rtnl.family_of(lab.a.underlay),
                             socket.SOCK_DGRAM)
        sock.bind((lab.a.underlay, 50000))
    for number in range(count):
        if number % 1000 == 0:
            lab.set_policy(1, open_rules() if number % 2000 else narrow)
            for eni in (lab.ra, lab.rb):
                eni.set(flags=["no-source-dest-check"]
                        if rand.random() < 0.5 else 0)
        if rand.random() < 0.5:
            egress(rand, lab, rand.choice((lab.ra, lab.ra3, lab.rb, lab.oa)))
        else:
            ingress(rand, lab, sock)
        if number % 200 == 0:
            for eni in lab.enis:
                eni.port.drain()
    found = log.complaints()
    if not found:
        try:
            for eni in lab.enis:
                eni.dirty = True
            lab.reset()
            for v in (4, 6):
                for peer in (lab.ra2, lab.rb, lab.rb3):
                    lab.ra.passes(peer, packet.udp(1, 2), v)
            sums = lab.ra.drops()
            assert sums.get("malformed"), "nothing of it was malformed"
        except AssertionError as error:
            found = [f"good packets do not pass any more: {error}"]
    lab.close()
    return found + log.complaints()


def main():
    count = int(os.environ.get("NITRO_FUZZ_ROUNDS", COUNT))
    seed = int(os.environ.get("NITRO_FUZZ_SEED", 1))
    subprocess.run(["modprobe", "nitro_vpc"], check=True)
    print("KTAP version 1\n1..2")
    well = True
    for number, underlay in enumerate((4, 6), 1):
        found = fuzz(underlay, count, seed + underlay)
        for line in found:
            print("#", line)
        well &= not found
        print(f"{'not ok' if found else 'ok'} {number} {count} frames, "
              f"underlay IPv{underlay}, seed {seed}", flush=True)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
