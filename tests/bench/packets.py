# SPDX-License-Identifier: GPL-2.0
"""TCP between guests over vhost-net: of tests/bench/instance, see there. Guests a and a2 are on one
host, b is on another, and each has a port of each kind of network, of which one is up."""

import fcntl
import os
import struct

from guests import Bench, Guest, without_services

# pylint: disable=wrong-import-order
import rigs
import rtnl
from rigs import A, A2, B

MTU = 9001
TUNSETIFF = 0x400454ca
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x2, 0x1000, 0x4000


class NitroTap(rigs.Nitro):
    """Ours; QEMU has the ENI's own device."""

    name = "nitro"

    def tap(self, guest):
        found = [eni for eni in self.card.dump("eni-get") if eni["id"] == guest.number]
        with self.ns:
            return os.open(f"/dev/{found[0]['tap']}", os.O_RDWR)


class OvsTap(rigs.Openvswitch):
    """Open vSwitch and Geneve; QEMU has a tap that is a port of it."""

    name = "ovs"

    def tap(self, guest):
        dev = guest.dev
        self.vsctl("del-port", "br0", dev)
        with self.ns:
            fd = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", dev.encode(),
                                                   IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
            rtnl.link_set(dev, up=True, mtu=MTU)
        self.vsctl("add-port", "br0", dev, "--", "set", "interface", dev,
                   f"ofport_request={guest.number}")
        return fd


KINDS = (NitroTap, OvsTap)
# To whom, and how many round trips and MiB: guests have been seen to stand still after some
# hundreds, between two hosts sooner
WAYS = (("one host", A2, 100, 4), ("two hosts", B, 40, 2))


def nic(guest, number, tap):
    """What QEMU is told of a port, and what it is given."""
    fds = (tap, os.open("/dev/vhost-net", os.O_RDWR))
    return ["-netdev", f"tap,id=n{number},fd={fds[0]},vhost=on,vhostfd={fds[1]}", "-device",
            f"virtio-net-pci,netdev=n{number},mac={guest.mac},host_mtu={MTU},romfile="], fds


def begin(guest, hosts):
    ports = [nic(guest, number, pair[guest.host - 1].tap(guest))
             for number, pair in enumerate(hosts)]
    fds = sum((fds for _, fds in ports), ())
    machine = Guest(sum((words for words, _ in ports), []), fds)
    for fd in fds:
        os.close(fd)
    return machine


def use(machines, number):
    """The network of a kind, and no other."""
    dev, other = f"eth{number}", f"eth{1 - number}"
    for guest, machine in machines.items():
        machine.tell(f"ip link set {other} down && ip addr flush dev {other} && "
                     f"ip addr add {guest.ip}/24 dev {dev} && ip link set {dev} up" +
                     "".join(f" && arp -s {peer.ip} {peer.mac} -i {dev}"
                             for peer in machines if peer is not guest))


def main():
    bench = Bench()
    without_services()
    hosts = [kind.pair(mtu=MTU) for kind in KINDS]
    machines = {guest: begin(guest, hosts) for guest in (A, A2, B)}
    for guest in (A2, B):
        machines[guest].tell("{ worker serve & }")
    for where, peer, trips, mib in WAYS:
        for _ in range(bench.args.rounds):
            for number, kind in enumerate(KINDS):
                use(machines, number)
                bench.work(f"round trip, {where}", kind.name, machines[A],
                           f"rr {peer.ip} {trips}", trips)
                bench.work(f"MiB, {where}", kind.name, machines[A], f"bulk {peer.ip} {mib}", mib)
                for machine in machines.values():
                    machine.tell(f"ip addr flush dev eth{number}")
    for machine in machines.values():
        machine.end()


if __name__ == "__main__":
    main()
