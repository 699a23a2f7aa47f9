# SPDX-License-Identifier: GPL-2.0
"""The resolver: names of a VPC as its guests see them."""

import contextlib
import os
import socket

from ktap import test
from lab import DEADLINE, RESOLVER, inside, until
from scapy.layers.dns import DNS, DNSQR

PLUS_TWO = "10.0.0.2"
UDP_SEGMENT = 103  # linux/udp.h
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
DOMAIN = "nitro.internal"
REVERSE6 = "0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.0.0.0.0.1.0.0.0.0.d.f.ip6.arpa"
SERVERS = (PLUS_TWO, RESOLVER[4], RESOLVER[6])


def query(name, kind="A"):
    return DNS(id=0x4e49, rd=1, qd=DNSQR(qname=name, qtype=kind))


def read(data):
    reply = DNS(data)
    assert reply.id == 0x4e49 and reply.qr, reply.summary()
    found = {answer.rdata.decode() if isinstance(answer.rdata, bytes) else answer.rdata
             for answer in reply.an or []}
    return reply.rcode, found


def connect(guest, server, kind):
    with inside(guest.name):
        sock = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, kind)
    sock.settimeout(DEADLINE)
    sock.connect((server, 53))
    return sock


def ask(guest, name, kind="A", server=PLUS_TWO):
    """The code and what was found, as a set"""
    with connect(guest, server, socket.SOCK_DGRAM) as sock:
        sock.send(bytes(query(name, kind)))
        return read(sock.recv(4096))


def ask_stream(guest, name, server=PLUS_TWO):
    with connect(guest, server, socket.SOCK_STREAM) as sock:
        data = bytes(query(name))
        sock.sendall(len(data).to_bytes(2, "big") + data)
        reply = sock.makefile("rb")
        return read(reply.read(int.from_bytes(reply.read(2), "big")))


def answers(guest, found, *question):
    """Sooner or later, as the resolver is told after nitrod has answered"""
    def right():
        with contextlib.suppress(OSError):
            return ask(guest, *question) == found
        return False
    until(right, f"{question} is {found} for {guest.name}")


def full(lab, guest):
    """Its name, in the domain that its VPC has by now"""
    vpc = lab.show("vpc", guest.name.split("-")[0])
    return f"{guest.name}.{vpc.get('domain') or DOMAIN}"


def known(lab):
    for guest in lab.guests:
        answers(guest, (NOERROR, {guest.ip[4]}), full(lab, guest))


def expect_names(guest, server):
    for name, kind, found in (
            (f"red-1.{DOMAIN}", "A", "10.0.1.10"),
            (f"RED-1.{DOMAIN}.", "A", "10.0.1.10"),
            (f"red-1.{DOMAIN}", "AAAA", "fd00:10:0:1::10"),
            (f"ip-10-0-1-10.{DOMAIN}", "A", "10.0.1.10"),
            (f"red-2.{DOMAIN}", "A", "10.0.1.11"),
            ("10.1.0.10.in-addr.arpa", "PTR", f"ip-10-0-1-10.{DOMAIN}."),
            (REVERSE6, "PTR", f"red-1.{DOMAIN}.")):
        assert ask(guest, name, kind, server) == (NOERROR, {found}), (name, kind)
    assert ask(guest, f"ip-10-0-1-10.{DOMAIN}", "AAAA", server) == (NOERROR, set())
    for name in (f"nobody.{DOMAIN}", "99.1.0.10.in-addr.arpa"):
        assert ask(guest, name, server=server) == (NXDOMAIN, set()), name


@test
def names(lab):
    """An ENI has its name and one for each address, there and back."""
    known(lab)
    for server in SERVERS:
        expect_names(lab.red2, server)


@test
def each_vpc_its_own(lab):
    """Two VPCs with the same addresses have nothing of each other."""
    known(lab)
    red, blue = lab.red1, lab.blue1
    for guest in (red, blue):
        assert ask(guest, REVERSE6, "PTR") == (NOERROR, {full(lab, guest) + "."})
    assert ask(red, full(lab, blue)) == (NXDOMAIN, set())
    for name in ("red-1", "red-2", "ip-10-0-1-11"):
        name = full(lab, blue).replace("blue-1", name)
        assert ask(blue, name) == (NXDOMAIN, set()), name
    assert ask(blue, "11.1.0.10.in-addr.arpa", "PTR") == (NXDOMAIN, set())
    assert ask(red, "11.1.0.10.in-addr.arpa", "PTR")[1] == {f"ip-10-0-1-11.{DOMAIN}."}


@test
def stream(lab):
    """Over TCP"""
    known(lab)
    for server in SERVERS:
        found = ask_stream(lab.red1, f"red-2.{DOMAIN}", server)
        assert found == (NOERROR, {"10.0.1.11"}), found
        assert ask_stream(lab.blue1, f"red-2.{DOMAIN}", server) == (NXDOMAIN, set())


@test
def names_of_the_world(lab):
    """What is no name of a VPC is asked of the host's resolver."""
    answers(lab.red1, (NOERROR, {"198.51.100.80"}), "www.example.org")
    assert ask(lab.blue1, "nothing.example.org") == (NXDOMAIN, set())


@test
def a_client_of_its_own(lab):
    """glibc's, with what DHCP has told it"""
    known(lab)
    path = f"/etc/netns/{lab.red1.name}"
    os.makedirs(path)
    with open(f"{path}/resolv.conf", "w", encoding="ascii") as file:
        file.write(f"nameserver {PLUS_TWO}\nsearch {DOMAIN}\n")
    assert "10.0.1.11" in lab.red1.run("getent", "ahostsv4", "red-2")
    assert f"ip-10-0-1-11.{DOMAIN}" in lab.red1.run("getent", "hosts", "10.0.1.11")
    assert not lab.red1.run("getent", "hosts", "blue-1", check=False)


@test
def a_domain_of_its_own(lab):
    """The names are in the domain that DHCP and metadata tell of; others may have
    names there, too."""
    lab.nitroctl("vpc", "create", "corp", "--cidr", "10.0.0.0/16", "--cidr",
                 "fd00:10::/56", "--domain", "corp.example")
    lab.nitroctl("subnet", "create", "corp-net", "--vpc", "corp", "--cidr", "10.0.1.0/24",
                 "--cidr", "fd00:10:0:1::/64")
    guest = lab.guest("corp-1", "corp-net", ip4="10.0.1.10", ip6="fd00:10:0:1::10")
    name = "ip-10-0-1-10.corp.example"
    answers(guest, (NOERROR, {"10.0.1.10"}), name)
    assert guest.meta("local-hostname") == name
    assert ask(guest, "corp-1.corp.example") == (NOERROR, {"10.0.1.10"})
    assert ask(guest, "10.1.0.10.in-addr.arpa", "PTR") == (NOERROR, {name + "."})
    assert ask(guest, "www.corp.example") == (NOERROR, {"198.51.100.81"})
    assert ask(guest, f"corp-1.{DOMAIN}") == (NXDOMAIN, set())
    assert ask(lab.red1, name) == (NXDOMAIN, set())
    lab.nitroctl("vpc", "set", "corp", "--domain", "eu.corp.example")
    answers(guest, (NOERROR, {"10.0.1.10"}), "ip-10-0-1-10.eu.corp.example")
    assert ask(guest, name) == (NXDOMAIN, set())
    lab.remove(guest)
    lab.nitroctl("subnet", "delete", "corp-net")
    lab.nitroctl("vpc", "delete", "corp")


@test
def changes_are_seen(lab):
    """ENIs of this host and of others come, change and go."""
    known(lab)
    lab.nitroctl("host", "set", "other", "--underlay", "192.0.2.2")
    lab.nitroctl("eni", "create", "far", "--subnet", "red-net", "--host", "other",
                 "--ip", "10.0.1.77", "--ip", "fd00:10:0:1::77")
    far = f"far.{DOMAIN}"
    answers(lab.red1, (NOERROR, {"10.0.1.77"}), far)
    assert ask(lab.red1, far, "AAAA") == (NOERROR, {"fd00:10:0:1::77"})
    assert ask(lab.red1, f"ip-10-0-1-77.{DOMAIN}") == (NOERROR, {"10.0.1.77"})
    assert ask(lab.blue1, far) == (NXDOMAIN, set())
    lab.nitroctl("eni", "set", "far", "--ip", "10.0.1.78")
    answers(lab.red1, (NOERROR, {"10.0.1.78"}), far)
    lab.nitroctl("eni", "delete", "far")
    answers(lab.red1, (NXDOMAIN, set()), far)
    lab.nitroctl("host", "delete", "other")
    guest = lab.guest("red-3", "red-net", ip4="10.0.1.13", ip6="fd00:10:0:1::13")
    answers(guest, (NOERROR, {"10.0.1.10"}), f"red-1.{DOMAIN}")
    answers(lab.red1, (NOERROR, {"10.0.1.13"}), f"red-3.{DOMAIN}")
    lab.remove(guest)
    answers(lab.red1, (NXDOMAIN, set()), f"red-3.{DOMAIN}")


@test
def all_may_be_away(lab):
    """The resolver answers without nitro-services and nitrod, and has all names when
    it starts anew; whoever comes back does not make it forget."""
    known(lab)
    lab.kill(lab.services)
    lab.kill(lab.nitrod)
    assert ask(lab.red1, f"red-2.{DOMAIN}") == (NOERROR, {"10.0.1.11"})
    lab.kill(lab.resolver)
    lab.start_resolver()
    answers(lab.red1, (NOERROR, {"10.0.1.11"}), f"red-2.{DOMAIN}")
    lab.start_nitrod()
    lab.start_services()
    until(lambda: lab.knows(lab.red1), "nitro-services is back")
    known(lab)


@test(v=(4, 6))
def flood(lab, v):
    """1,024 packets a second of an ENI; meanwhile others are answered, and then it is,
    too."""
    known(lab)
    other = (NOERROR, {lab.blue1.ip[4]}), full(lab, lab.blue1)
    before = lab.red1.stats()["linklocal_allowance_exceeded"]
    questions = [bytes(query(f"x{number}.example.org")) for number in range(1000, 4000)]
    # The kernel cuts them apart, so that a second is enough for them on any machine
    many = [b"".join(questions[n:n + 50]) for n in range(0, len(questions), 50)]
    with connect(lab.red1, RESOLVER[v], socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, len(questions[0]))

        def limited():
            for segments in many:
                with contextlib.suppress(OSError):  # a full buffer
                    sock.send(segments)
            answers(lab.blue1, *other, "A", RESOLVER[v])
            return lab.red1.stats()["linklocal_allowance_exceeded"] > before
        until(limited, "the allowance is exceeded")
    answers(lab.red1, (NOERROR, {"10.0.1.11"}), f"red-2.{DOMAIN}")


@test
def garbage(lab):
    """What is no question hurts nobody."""
    known(lab)
    good = bytes(query(f"red-1.{DOMAIN}"))
    with connect(lab.red1, RESOLVER[4], socket.SOCK_DGRAM) as sock:
        for cut in range(len(good)):
            sock.send(good[:cut])
            sock.send(good[:cut] + b"\xff" * (len(good) - cut))
    assert ask(lab.red1, f"red-2.{DOMAIN}") == (NOERROR, {"10.0.1.11"})
    assert lab.resolver.poll() is None
