# SPDX-License-Identifier: GPL-2.0
"""Ends: of ENIs, namespaces and the module, with packets on their way."""

import contextlib
import os
import signal
import socket
import subprocess

import packet
import rtnl
from ktap import test
from nitronet import Card, Lab, Namespace, open_rules, wait


@contextlib.contextmanager
def traffic(lab, stacks=True):
    """Processes that send all the time, whatever becomes of it."""
    frames = [(eni.port.sock.dup(), [
        eni.frame(peer, packet.udp(7, 8, bytes(100)), v)
        for peer in (lab.ra2, lab.rb, lab.rb3) if peer is not eni
        for v in (4, 6)])
        for eni in (lab.ra, lab.rb, lab.ra3)]
    wire = packet.geneve(100, packet.eth(lab.rb.mac, lab.ra.mac, packet.ip(
        lab.ra.ip[4], lab.rb.ip[4], packet.udp(5, 6))))
    children = []
    pid = os.fork()
    if not pid:
        # Only what is needed: other open files would keep namespaces alive
        keep = {sock.fileno() for sock, _ in frames}
        for fd in range(3, 1024):
            if fd not in keep:
                with contextlib.suppress(OSError):
                    os.close(fd)
        count = 0
        while True:
            count += 1
            for sock, group in frames:
                for frame in group:
                    with contextlib.suppress(OSError):
                        sock.send(frame)
                fresh = bytearray(group[0])
                fresh[34:36] = (count & 0xffff).to_bytes(2, "big")
                with contextlib.suppress(OSError):
                    sock.send(bytes(fresh))
    children.append(pid)
    for sock, _ in frames:
        sock.close()
    if stacks:
        pid = os.fork()
        if not pid:
            with lab.a.ns:
                sock = socket.socket(rtnl.family_of(lab.a.underlay),
                                     socket.SOCK_DGRAM)
            there = lab.b.underlay
            for fd in range(3, 1024):
                if fd != sock.fileno():
                    with contextlib.suppress(OSError):
                        os.close(fd)
            while True:
                with contextlib.suppress(OSError):
                    sock.sendto(wire, (there, 6081))
        children.append(pid)
    try:
        yield
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def flows_seen(lab):
    wait(lambda: lab.rb.get().get("flows"), "traffic")


@test(own=True)
def enis_under_traffic():
    """ENIs are deleted and made while others send to them."""
    lab = Lab(4)
    try:
        with traffic(lab):
            flows_seen(lab)
            for turn in range(15):
                eni = lab.rb if turn % 2 else lab.ra2
                with lab.raw:
                    rtnl.link_del(eni.name)
                with eni.host.ns:
                    index = rtnl.link_add(eni.name, "nitro", address=eni.mac)
                    eni.host.card("eni-set", id=eni.id, ifindex=index,
                                  **eni.defaults)
                    rtnl.link_set(eni.name, ns=lab.raw.fd)
                with lab.raw:
                    rtnl.link_set(eni.name, up=True)
    finally:
        lab.close()


@test(own=True)
def configuration_under_traffic():
    """Everything is changed all the time while packets pass."""
    lab = Lab(6)
    try:
        with traffic(lab):
            flows_seen(lab)
            for turn in range(30):
                lab.set_policy(1, open_rules() if turn % 2 else [])
                lab.set_table(1, lab.default_routes() if turn % 3 else [])
                lab.rb.set_mapping(tags=[turn])
                lab.ra2.del_mapping()
                lab.ra2.set_mapping()
                for host in lab.hosts:
                    for other in lab.hosts:
                        host.reset_host(other)
                lab.ra.set(vni=100 if turn % 2 else 101, pps=turn * 100,
                           flow_limit=turn)
                lab.a.card("flow-del", eni=lab.ra.id)
                lab.rb.flows()
    finally:
        lab.close()


@test(own=True)
def namespace_under_traffic():
    """A host's namespace goes: its ENIs go too, wherever they are."""
    for underlay in (4, 6):
        lab = Lab(underlay)
        with traffic(lab, stacks=False):
            flows_seen(lab)
            host = lab.b
            host.port.sock.close()
            host.card.ynl.sock.close()
            host.ns.close()
            wait(lambda: not has_link(lab.raw, "rb"),
                 "the end of host-b's ENIs", 20)
            assert has_link(lab.raw, "ra")
        lab.hosts.remove(host)
        for eni in list(lab.enis):
            if eni.host is host:
                eni.port.sock.close()
                if eni.ns is not lab.raw:
                    eni.ns.close()
                lab.enis.remove(eni)
        lab.close()


def has_link(ns, name):
    with ns:
        try:
            rtnl.index_of(name)
        except OSError:
            return False
    return True


@test(own=True)
def rmmod_under_traffic():
    """The module goes while packets pass in both directions, and comes back.
    Sockets of the family may stay open."""
    for _ in range(3):
        lab = Lab(4)
        with traffic(lab):
            flows_seen(lab)
            subprocess.run(["rmmod", "nitro_vpc"], check=True)
            assert not has_link(lab.raw, "ra")
            with open("/proc/modules", encoding="ascii") as file:
                assert "nitro_vpc " not in file.read()
        subprocess.run(["modprobe", "nitro_vpc"], check=True)
        lab.close()
        Card.family = None
    lab = Lab(4)
    lab.ra.passes(lab.rb, packet.udp(1, 2))
    lab.close()


@test(own=True)
def churn():
    """Whole labs come and go."""
    for turn in range(4):
        lab = Lab(4 if turn % 2 else 6)
        lab.ra.passes(lab.rb, packet.udp(1, 2))
        lab.a1.ping(lab.b1.ip[4])
        lab.close()


@test(own=True)
def autoload():
    """`ip link add type nitro`, and asking for the family, load the module."""
    Card.family = None
    subprocess.run(["rmmod", "nitro_vpc"], check=True)
    ns = Namespace("auto")
    with ns:
        rtnl.link_add("auto", "nitro")
    ns.run("modprobe", "-n", "nitro_vpc")
    ns.close()
