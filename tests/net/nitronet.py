# SPDX-License-Identifier: GPL-2.0
"""Two hosts and their guests in one kernel.

                 VPC 100: 10.0.0.0/16, fd00:1::/32
    subnet 1: 10.0.1.0/24, fd00:1:1::/64   subnet 2: 10.0.2.0/24, fd00:1:2::/64

     host-a (192.0.2.1 or 2001:db8::1)       host-b (192.0.2.2, 2001:db8::2)
    +---------------------------------+     +--------------------------------+
    | a1 .1.10  a2 .1.11  a3 .2.10    |     | b1 .1.20  b3 .2.20             |
    | ra .1.30  ra2 .1.31 ra3 .2.30   |     | rb .1.40  rb3 .2.40            |
    | oa .1.30 (VPC 200)              |     | ob .1.40 (VPC 200)             |
    +---------------------- u --------+     +------ u -----------------------+
                            +--------- veth --------+

A host is a network namespace, as the card is per namespace. a1, a2, a3, b1, b3
are each in a namespace with addresses and routes: a guest with an IP stack. ra...
ob are in one namespace that has no addresses: what goes in and out of them is
only what a test makes and reads. Addresses end alike in both families.
"""

import contextlib
import errno
import os
import select
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "../lib"))

# pylint: disable=wrong-import-position,unused-import
import packet
import rtnl
from netlink import DEADLINE, Family, Refused, refused, wait

IN, OUT = "ingress", "egress"
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58}
ALL = ("0.0.0.0/0", "::/0")


class Namespace:
    """A network namespace. `with ns:` enters it."""

    def __init__(self, name):
        self.name = name
        self.outer = []
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        os.unshare(os.CLONE_NEWNET)
        self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        rtnl.link_set("lo", up=True)
        os.setns(home, os.CLONE_NEWNET)
        os.close(home)

    def __enter__(self):
        self.outer.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY))
        os.setns(self.fd, os.CLONE_NEWNET)
        return self

    def __exit__(self, *_):
        home = self.outer.pop()
        os.setns(home, os.CLONE_NEWNET)
        os.close(home)

    def sysctl(self, name, value):
        with self, open(f"/proc/sys/net/{name}", "w", encoding="ascii") as file:
            file.write(str(value))

    def quiet(self):
        """An IPv6 stack that says nothing of its own accord."""
        for scope in ("all", "default"):
            for name, value in (("accept_ra", 0), ("accept_dad", 0),
                                ("router_solicitations", 0),
                                ("autoconf", 0)):
                self.sysctl(f"ipv6/conf/{scope}/{name}", value)

    def run(self, *command, check=True):
        """Output of a command that runs inside."""
        with self:
            done = subprocess.run(command, capture_output=True, text=True,
                                  check=False)
        if check and done.returncode:
            raise AssertionError(f"{command} failed: {done.stderr}")
        return done.stdout

    def close(self):
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None


class Card(Family):
    """The generic netlink family of a namespace's card."""

    name = "nitro_vpc"

    def __init__(self, ns):
        self.ns = ns
        with ns:
            super().__init__()

    def open(self):
        with self.ns:
            super().open()

    def drops(self):
        found = self("card-get").get("drop", [])
        return {entry["name"]: entry["value"] for entry in found}


def ip_attr(address, prefix=""):
    raw = packet.address(address)
    if len(raw) == 4:
        return {f"{prefix}ip4": int.from_bytes(raw, "big")}
    return {f"{prefix}ip6": raw}


def prefix_attr(text):
    address, _, length = text.partition("/")
    found = ip_attr(address)
    if length:
        found["prefix-len"] = int(length)
    return found


def rule(direction, protocol=None, ports=None, peer="0.0.0.0/0", rid=None):
    """One allow rule. ports: N, (low, high); of ICMP: (type, code or None).
    peer: a CIDR or a tag (int)."""
    found = {"direction": direction}
    if rid is not None:
        found["id"] = rid
    if protocol is not None:
        found["protocol"] = PROTOCOLS.get(protocol, protocol)
    if ports is not None:
        if protocol in ("icmp", "icmpv6"):
            kind, code = ports
            low = kind * 256 + (code or 0)
            high = low if code is not None else low + 255
        else:
            low, high = (ports, ports) if isinstance(ports, int) else ports
        found["port-min"], found["port-max"] = low, high
    if isinstance(peer, int):
        found["tag"] = peer
    else:
        found.update(prefix_attr(peer))
    return found


def open_rules(*directions):
    return [rule(direction, peer=peer)
            for direction in directions or (IN, OUT) for peer in ALL]


def route(prefix, kind="local", mac=None):
    found = prefix_attr(prefix)
    found["type"] = kind
    if mac:
        found["mac"] = packet.mac(mac)
    return found


class Port:
    """Raw frames of a netdev: what it receives, and a way to send on it."""

    def __init__(self, ns, dev):
        with ns:
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                      socket.htons(3))
            self.sock.setsockopt(263, 23, 1)  # PACKET_IGNORE_OUTGOING
            self.sock.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
            self.sock.bind((dev, 3))
        self.sock.setblocking(False)
        self.poll = select.poll()
        self.poll.register(self.sock, select.POLLIN)
        self.drain()

    def send(self, frame):
        try:
            self.sock.send(frame)
        except OSError as error:
            # Told once of what was before
            if error.errno != errno.ENETDOWN:
                raise
            self.sock.send(frame)

    def drain(self):
        """All frames that came so far."""
        frames = []
        while True:
            try:
                frames.append(packet.Frame(self.sock.recv(70000)))
            except BlockingIOError:
                return frames
            except OSError as error:
                if error.errno != errno.ENETDOWN:
                    raise

    def get(self, match=lambda frame: True, deadline=DEADLINE):
        """The next frame that match accepts; others before it are lost."""
        end = time.monotonic() + deadline
        seen = []
        while True:
            try:
                frame = packet.Frame(self.sock.recv(70000))
            except BlockingIOError:
                left = end - time.monotonic()
                if left <= 0 or not self.poll.poll(left * 1000):
                    raise AssertionError(f"no frame, only {seen}") from None
                continue
            except OSError as error:
                if error.errno != errno.ENETDOWN:
                    raise
                continue
            if match(frame):
                return frame
            seen.append(frame)

    def nothing(self, match=lambda frame: True):
        """Nothing came that match accepts. The caller knows by a counter, or
        by a later frame, that it is not still on its way."""
        found = [frame for frame in self.drain() if match(frame)]
        assert not found, f"unexpected {found}"


class Host:
    """A host: namespace, card and its end of the underlay."""

    def __init__(self, lab, name, number):
        self.lab, self.name, self.id = lab, name, number
        self.ns = Namespace(name)
        self.ns.quiet()
        self.card = Card(self.ns)
        self.underlay = (f"192.0.2.{number}" if lab.underlay == 4
                         else f"2001:db8::{number}")
        self.port = None

    def up(self):
        with self.ns:
            rtnl.link_set("u", up=True, mtu=9216)
            rtnl.addr_add("u", self.underlay, 24 if self.lab.underlay == 4
                          else 64)
        self.port = Port(self.ns, "u")

    def drops(self):
        return self.card.drops()

    def reset_host(self, other):
        """Set a host as it was: a new one, without cached routes."""
        self.card("host-set", id=other.id, local=other is self or None,
                  **ip_attr(other.underlay))

    def send_geneve(self, to, geneve, sport=50000, dport=6081):
        """Put a Geneve packet on the wire as if from this host's address."""
        with self.ns:
            family = rtnl.family_of(self.underlay)
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.bind((self.underlay, sport))
                sock.sendto(geneve, (to.underlay, dport))


class Eni:
    """An ENI, its configuration as it was made, and its mapping."""

    next_id = 10

    def __init__(self, host, name, vni, number, subnet, tags=(), stack=True,
                 ips=None, policy=1, table=1):
        Eni.next_id += 1
        self.host, self.lab, self.name = host, host.lab, name
        self.id, self.vni, self.subnet = Eni.next_id, vni, subnet
        self.tags = list(tags)
        self.mac = f"06:00:00:00:{vni & 255:02x}:{number:02x}"
        if subnet == 2:
            self.mac = f"06:00:00:02:{vni & 255:02x}:{number:02x}"
        self.ip = {4: f"10.0.{subnet}.{number}", 6: f"fd00:1:{subnet}::{number}"}
        self.router = {4: f"10.0.{subnet}.1", 6: f"fd00:1:{subnet}::1"}
        self.ips = ips or [self.ip[4], self.ip[6]]
        self.defaults = {
            "vni": vni, "policy": policy, "route_table": table, "flags": 0,
            "address": [prefix_attr(ip) for ip in self.ips],
            "subnet": [prefix_attr(f"10.0.{subnet}.0/24"),
                       prefix_attr(f"fd00:1:{subnet}::/64")],
            "bandwidth_in": 0, "bandwidth_out": 0, "pps": 0,
            "connection_rate": 0, "flow_limit": 0,
            "tcp_established_timeout": 350, "udp_timeout": 30,
            "udp_stream_timeout": 180, "service": 0, "resolver": 0,
        }
        self.dirty = self.mapping_dirty = False
        self.router_mac = None
        with host.ns:
            index = rtnl.link_add(name, "nitro", address=self.mac)
            host.card("eni-set", id=self.id, ifindex=index, **self.defaults)
            self.guest = Namespace(name) if stack else None
            self.ns = self.guest or host.lab.raw
            rtnl.link_set(name, ns=self.ns.fd)
        if stack:
            self.ns.quiet()
        with self.ns:
            rtnl.link_set(name, up=True)
            if stack:
                rtnl.addr_add(name, self.ip[4], 24)
                rtnl.addr_add(name, self.ip[6], 64)
                rtnl.route_add(None, 0, self.router[4], name)
                rtnl.route_add(None, 0, self.router[6], name)
        self.port = Port(self.ns, name)
        self.set_mapping()
        self.mapping_dirty = False

    # --- configuration

    def set(self, **attrs):
        """Change the ENI's configuration until the end of the test."""
        self.dirty = True
        self.host.card("eni-set", id=self.id, **attrs)

    def get(self):
        return self.host.card("eni-get", id=self.id)

    def mappings(self, host=None, tags=None, flags=0, ips=None):
        return [dict(prefix_attr(ip), vni=self.vni, host=(host or self.host).id,
                     eni=self.id, mac=packet.mac(self.mac), flags=flags,
                     tag=self.tags if tags is None else list(tags))
                for ip in ips or self.ips]

    def set_mapping(self, **how):
        """Tell all hosts where the ENI is, what its groups are..."""
        self.mapping_dirty = True
        entries = self.mappings(**how)
        for host in self.lab.hosts:
            host.card("mapping-set", entry=entries)

    def del_mapping(self):
        self.mapping_dirty = True
        for host in self.lab.hosts:
            host.card("mapping-del", entry=[
                dict(prefix_attr(ip), vni=self.vni) for ip in self.ips])

    def reset(self):
        if self.dirty:
            self.host.card("eni-set", id=self.id, **self.defaults)
        if self.mapping_dirty:
            self.set_mapping()
        self.dirty = self.mapping_dirty = False
        self.host.card("flow-del", eni=self.id)
        self.port.drain()

    # --- state

    def drops(self):
        return {entry["name"]: entry["value"]
                for entry in self.get().get("drop", [])}

    def stats(self):
        return {entry["name"]: entry["value"]
                for entry in self.get().get("stat", [])}

    def flows(self, **match):
        found = self.host.card.dump("flow-get", eni=self.id)
        return [flow for flow in found
                if all(flow.get(key.replace("_", "-")) == value
                       for key, value in match.items())]

    # --- packets made by the test

    def find_router(self):
        """MAC address of the virtual router, asked for by ARP."""
        if not self.router_mac:
            self.port.send(packet.eth("ff:ff:ff:ff:ff:ff", self.mac, packet.arp(
                1, self.mac, self.ip[4], self.router[4]), packet.ETH_ARP))
            self.router_mac = self.port.get(
                lambda f: f.op == 2 and f.sender == self.router[4]).sender_mac
        return self.router_mac

    def next_hop(self, peer):
        if isinstance(peer, Eni) and peer.subnet == self.subnet:
            return peer.mac
        return self.find_router()

    def frame(self, peer, payload, v=4, source=None, dest=None, dst_mac=None,
              src_mac=None, **how):
        """An Ethernet frame of this ENI to peer (an ENI, or None)."""
        return packet.eth(dst_mac or self.next_hop(peer), src_mac or self.mac,
                          packet.ip(source or self.ip[v], dest or peer.ip[v],
                                    payload, **how))

    def send(self, peer, payload, v=4, **how):
        self.port.send(self.frame(peer, payload, v, **how))

    def passes(self, peer, payload, v=4, match=None, **how):
        """Send a packet, and take it out at peer."""
        self.send(peer, payload, v, **how)
        source = how.get("source") or self.ip[v]
        return peer.port.get(
            match or (lambda f: f.ip_src == source and
                      f.proto == payload.protocol))

    # --- sockets of a guest with a stack

    def socket(self, kind, v=4, bind=None, timeout=DEADLINE):
        """A socket in the guest; kind: SOCK_STREAM..., bind: port."""
        with self.ns:
            sock = socket.socket(socket.AF_INET6 if v == 6 else socket.AF_INET,
                                 kind)
        sock.settimeout(timeout)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if bind is not None:
            sock.bind((self.ip[v], bind))
        return sock

    def listen(self, port, v=4):
        sock = self.socket(socket.SOCK_STREAM, v, port)
        sock.listen(64)
        return sock

    def ping(self, address, *options):
        """True if the address answers one ping."""
        with self.ns:
            done = subprocess.run(
                ["ping", "-n", "-c1", "-W3", *options, address],
                capture_output=True, text=True, check=False)
        return done.returncode == 0

    def close(self):
        self.port.sock.close()
        with contextlib.suppress(OSError), self.ns:
            rtnl.link_del(self.name)
        if self.guest:
            self.guest.close()


class Lab:
    """The topology that all tests share, see the head of this file."""

    def __init__(self, underlay):
        self.underlay = underlay
        self.raw = Namespace("raw")
        for scope in ("all", "default"):
            self.raw.sysctl(f"ipv6/conf/{scope}/disable_ipv6", 1)
        self.extra = []
        self.broken = False  # a reset failed
        self.policies_dirty, self.tables_dirty = set(), set()
        self.a, self.b = Host(self, "host-a", 1), Host(self, "host-b", 2)
        self.hosts = [self.a, self.b]
        with self.a.ns:
            rtnl.veth_add("u", "u", self.b.ns.fd)
        for host in self.hosts:
            host.up()
        for host in self.hosts:
            for other in self.hosts:
                host.reset_host(other)
        self.set_policy(1, open_rules())
        self.set_table(1, self.default_routes())
        self.policies_dirty, self.tables_dirty = set(), set()
        self.a1 = Eni(self.a, "a1", 100, 10, 1, tags=[1])
        self.a2 = Eni(self.a, "a2", 100, 11, 1, tags=[2])
        self.a3 = Eni(self.a, "a3", 100, 10, 2, tags=[3])
        self.b1 = Eni(self.b, "b1", 100, 20, 1, tags=[2])
        self.b3 = Eni(self.b, "b3", 100, 20, 2, tags=[3])
        self.ra = Eni(self.a, "ra", 100, 30, 1, tags=[1], stack=False)
        self.ra2 = Eni(self.a, "ra2", 100, 31, 1, tags=[2], stack=False)
        self.ra3 = Eni(self.a, "ra3", 100, 30, 2, tags=[3], stack=False)
        self.rb = Eni(self.b, "rb", 100, 40, 1, tags=[2], stack=False)
        self.rb3 = Eni(self.b, "rb3", 100, 40, 2, tags=[3], stack=False)
        self.oa = Eni(self.a, "oa", 200, 30, 1, stack=False)
        self.ob = Eni(self.b, "ob", 200, 40, 1, stack=False)
        self.enis = [self.a1, self.a2, self.a3, self.b1, self.b3, self.ra,
                     self.ra2, self.ra3, self.rb, self.rb3, self.oa, self.ob]
        for eni in self.enis:
            eni.port.drain()

    @staticmethod
    def default_routes():
        return [route("10.0.0.0/16"), route("fd00:1::/32")]

    def set_policy(self, number, rules, hosts=None):
        self.policies_dirty.add(number)
        for host in hosts or self.hosts:
            host.card("policy-set", id=number, rule=rules)

    def set_table(self, number, routes, hosts=None):
        self.tables_dirty.add(number)
        for host in hosts or self.hosts:
            host.card("route-table-set", id=number, route=routes)

    def eni(self, *args, **how):
        """An ENI for one test only."""
        eni = Eni(*args, **how)
        self.extra.append(eni)
        return eni

    def reset(self):
        """Undo what a test changed, and forget all flows."""
        for eni in self.extra:
            eni.close()
            eni.del_mapping()
        self.extra = []
        if 1 in self.policies_dirty:
            self.set_policy(1, open_rules())
        if 1 in self.tables_dirty:
            self.set_table(1, self.default_routes())
        for eni in self.enis:
            eni.reset()
        for host in self.hosts:
            host.port.drain()
            for number in self.policies_dirty - {1}:
                host.card("policy-del", id=number)
            for number in self.tables_dirty - {1}:
                host.card("route-table-del", id=number)
        self.policies_dirty, self.tables_dirty = set(), set()

    def close(self):
        for eni in self.extra + self.enis:
            eni.close()
        for host in self.hosts:
            host.port.sock.close()
            host.card.ynl.sock.close()
            host.ns.close()
        self.raw.close()


@contextlib.contextmanager
def dropped(where, **reasons):
    """Exactly these drops are counted (by an ENI or a card) meanwhile.

    Multicast that a guest's stack sends of its own accord is not looked at,
    unless it is among the reasons.
    """
    before = where.drops()
    yield

    def difference():
        after = where.drops()
        found = {name: after[name] - before.get(name, 0) for name in after
                 if after[name] != before.get(name, 0)}
        if "multicast" not in reasons:
            found.pop("multicast", None)
        return found

    end = time.monotonic() + DEADLINE
    while (found := difference()) != reasons:
        if (time.monotonic() > end or set(found) - set(reasons) or
                any(found[name] > reasons[name] for name in found)):
            raise AssertionError(f"dropped {found}, not {reasons}")
        time.sleep(0.005)


def nothing_dropped(where):
    return dropped(where)
