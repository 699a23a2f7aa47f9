# SPDX-License-Identifier: GPL-2.0
"""The contestants: the same VPC on four systems.

    guests  a .10 and a2 .11 on host 1, b .20 on host 2; 10.0.1.0/24, VNI 100
    hosts   network namespaces; 192.0.2.1 and .2 on the device u: one end of a
            veth with the other host, or a dummy that swallows everything

A host's guest() is the device that the guest holds, whatever is the cheapest
that the system offers: the ENI, Open vSwitch's internal port, the veth of a
bridge.
"""

import os
import socket
import subprocess
import time

import nitronet
import packet
import rtnl

VNI = 100
SUBNET = "10.0.1.0/24"
SUBNET6 = "2001:db8:1::/64"
PORTS = 64  # of one rule
NEEDED = {"dummy": 1, "veth": 2}


class Guest:
    def __init__(self, name, host, number):
        self.name, self.host, self.number = name, host, number
        self.ip = f"10.0.1.{number}"
        self.ip6 = f"2001:db8:1::{number:x}"
        self.mac = f"06:00:00:00:00:{number:02x}"

    @property
    def dev(self):
        return f"g-{self.name}"


GUESTS = [Guest("a", 1, 10), Guest("a2", 1, 11), Guest("b", 2, 20)]
A, A2, B = GUESTS


def ranges(rules):
    """Destination ports that each rule allows, 0 to 63999 in all; and the
    iperf3 of the bulk measure."""
    step = PORTS * 1000 // rules
    return [(i * step, i * step + step - 1) for i in range(rules)]


def ip(ns, *lines):
    with ns:
        done = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines),
                              capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip: {done.stderr}")


class Host:
    """A host without a system: underlay only."""

    name = "?"

    def __init__(self, number, peer=None, rules=1, mtu=1500, inner=4,
                 underlay=4):
        self.number, self.rules, self.mtu = number, rules, mtu
        self.inner, self.outer = inner, underlay
        self.subnet = SUBNET if inner == 4 else SUBNET6
        self.tag = f"{type(self).__name__}-{number}-{id(self)}"
        self.ns = nitronet.Namespace(self.tag)
        self.ns.quiet()
        self.ns.sysctl("ipv6/conf/all/disable_ipv6", 1)
        self.ns.sysctl("ipv6/conf/default/disable_ipv6", 1)
        prefix = "192.0.2." if underlay == 4 else "2001:db8::"
        self.address, self.other = f"{prefix}{number}", f"{prefix}{3 - number}"
        self.peer = peer
        with self.ns:
            if peer is False:
                rtnl.link_add("u", "dummy")
                self.underlay()
            elif peer:
                rtnl.veth_add("u", "u", peer.ns.fd)
                self.underlay()
        if peer:
            with peer.ns:
                peer.underlay()
            peer.start()
        if peer is not None:
            self.start()

    def underlay(self):
        if self.outer == 6:
            for dev in ("u", "lo"):
                self.ns.sysctl(f"ipv6/conf/{dev}/disable_ipv6", 0)
        ip(self.ns, f"link set u address 02:00:00:00:00:0{self.number}"
                    " mtu 9216 up",
           f"addr add {self.address}/24 dev u" if self.outer == 4 else
           f"addr add {self.address}/64 dev u nodad",
           f"neigh replace {self.other} lladdr 02:00:00:00:00:0"
           f"{3 - self.number} dev u nud permanent")

    @classmethod
    def pair(cls, **how):
        """Two hosts joined by a veth."""
        second = cls(2, None, **how)
        return cls(1, second, **how), second

    @classmethod
    def alone(cls, **how):
        """Host 1 with an underlay that swallows everything."""
        return cls(1, False, **how)

    def guests(self):
        return [guest for guest in GUESTS if guest.host == self.number]

    def start(self):
        raise NotImplementedError

    def inside(self, guest):
        """A guest's address."""
        return guest.ip if self.inner == 4 else guest.ip6

    def guest(self, guest):
        """(namespace, device) of a guest."""
        return self.ns, guest.dev

    def sink(self, guest):
        """Drop what the guest gets as early as can be; still counted."""
        ns, dev = self.guest(guest)
        for line in (["qdisc", "add", "dev", dev, "clsact"],
                     ["filter", "add", "dev", dev, "ingress", "matchall",
                      "action", "drop"]):
            ns.run("tc", *line)

    def received(self, guest):
        ns, dev = self.guest(guest)
        with ns, open("/proc/thread-self/net/dev", encoding="ascii") as file:
            for line in file:
                name, _, rest = line.partition(":")
                if name.strip() == dev:
                    return int(rest.split()[1])
        raise RuntimeError(f"no device {dev}")

    def underlay_sent(self):
        with self.ns, open("/proc/thread-self/net/dev",
                           encoding="ascii") as file:
            for line in file:
                name, _, rest = line.partition(":")
                if name.strip() == "u":
                    return int(rest.split()[9])
        return 0

    def send(self, source, dest, sport=9000, dport=9000):
        """One packet of a guest of this host."""
        ns, dev = self.guest(source)
        frame = packet.eth(dest.mac, source.mac, packet.ip(
            self.inside(source), self.inside(dest),
            packet.udp(sport, dport, bytes(18))))
        with ns, socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
            sock.bind((dev, 0))
            sock.send(frame)

    def receive(self, source, dest, sport=9000, dport=9000):
        """One packet from a guest of the other host, which need not exist."""
        inner = packet.eth(dest.mac, source.mac, packet.ip(
            self.inside(source), self.inside(dest),
            packet.udp(sport, dport, bytes(18))))
        outer = packet.ip(self.other, self.address, packet.udp(
            50000, self.port(), packet.geneve(VNI, inner)))
        family = socket.AF_INET if self.outer == 4 else socket.AF_INET6
        with self.ns, socket.socket(family, socket.SOCK_RAW,
                                    socket.IPPROTO_RAW) as sock:
            sock.sendto(outer, (self.address, 0))

    @staticmethod
    def port():
        return 6081

    def establish(self, source, dest, peer=None):
        """A flow seen in both directions."""
        for _ in range(3):
            self.send(source, dest)
            time.sleep(0.1)
            if peer:
                peer.send(dest, source)
            elif dest.host == self.number:
                self.send(dest, source)
            else:
                self.receive(dest, source)
            time.sleep(0.1)


class Nitro(Host):
    """Ours: two policies, tracked flows."""

    name = "nitro"
    flow_limit = 2000000

    def start(self):
        self.card = nitronet.Card(self.ns)
        for number in (1, 2):
            self.card("host-set", id=number, local=number == self.number or
                      None, **nitronet.ip_attr(
                          self.address if number == self.number else
                          self.other))
        self.card("route-table-set", id=1,
                  route=[nitronet.route(self.subnet)])
        self.set_rules(self.rules)
        self.card("mapping-set", entry=[
            dict(nitronet.prefix_attr(self.inside(guest)), vni=VNI, host=guest.host,
                 eni=guest.number, mac=packet.mac(guest.mac), tag=[1])
            for guest in GUESTS])
        for guest in self.guests():
            with self.ns:
                index = rtnl.link_add(guest.dev, "nitro", address=guest.mac)
                self.card("eni-set", id=guest.number, ifindex=index, vni=VNI,
                          policy=1, route_table=1,
                          address=[nitronet.prefix_attr(self.inside(guest))],
                          subnet=[nitronet.prefix_attr(self.subnet)],
                          flow_limit=self.flow_limit)
                rtnl.link_set(guest.dev, up=True, mtu=self.mtu)

    def set_rules(self, rules):
        both = [nitronet.rule(direction, "udp", ports, self.subnet)
                for direction in (nitronet.IN, nitronet.OUT)
                for ports in ranges(rules)]
        both += [nitronet.rule(direction, "tcp", None, self.subnet)
                 for direction in (nitronet.IN, nitronet.OUT)]
        self.card("policy-set", id=1, rule=both)

    def flush(self):
        for guest in self.guests():
            self.card("flow-del", eni=guest.number)


class NitroPort(Nitro):
    """Ours with a veth enslaved to the ENI: what a bridge gets."""

    name = "nitro-veth"

    def start(self):
        super().start()
        for guest in self.guests():
            ip(self.ns, f"link add v-{guest.name} address {guest.mac} type veth"
                        f" peer name p-{guest.name}",
               f"link set p-{guest.name} master {guest.dev} up",
               f"link set v-{guest.name} up")

    def guest(self, guest):
        return self.ns, f"v-{guest.name}"


class Geneve(Host):
    """C: a Geneve device, no policy, no switch."""

    name = "geneve"

    def start(self):
        guest = self.guests()[0]
        ip(self.ns, f"link add {guest.dev} address {guest.mac} type geneve id "
                    f"{VNI} remote {self.other} dstport 6081",
           f"link set {guest.dev} mtu {self.mtu} up")


class Openvswitch(Host):
    """A: Open vSwitch's kernel datapath, and logical switch pipelines as OVN
    writes them: a conntrack zone for each port, rules of the sender in the
    first pipeline and on its host, of the receiver in the second and on its.
    """

    name = "ovs"
    count = 0

    def zone(self, guest):
        return guest.number

    def start(self):
        Openvswitch.count += 1
        self.dir = f"/run/ovs{Openvswitch.count}"
        os.mkdir(self.dir)
        self.env = dict(os.environ, OVS_RUNDIR=self.dir, OVS_LOGDIR=self.dir,
                        OVS_DBDIR=self.dir)
        self.tool("ovsdb-tool", "create", f"{self.dir}/conf.db",
                  "/usr/share/openvswitch/vswitch.ovsschema")
        self.tool("ovsdb-server", f"{self.dir}/conf.db",
                  f"--remote=punix:{self.dir}/db.sock",
                  f"--pidfile={self.dir}/ovsdb-server.pid", "--detach",
                  "--no-chdir", f"--log-file={self.dir}/db.log",
                  "-vconsole:off")
        self.vsctl("--no-wait", "init")
        self.tool("ovs-vswitchd", f"unix:{self.dir}/db.sock",
                  f"--pidfile={self.dir}/ovs-vswitchd.pid", "--detach",
                  "--no-chdir", f"--log-file={self.dir}/vswitchd.log",
                  "-vconsole:off")
        line = ["add-br", "br0", "--", "set", "bridge", "br0", "fail_mode=secure",
                "--", "add-port", "br0", "tun", "--", "set", "interface", "tun",
                "type=geneve", "options:remote_ip=flow", "options:key=flow",
                "ofport_request=1"]
        for guest in self.guests():
            line += ["--", "add-port", "br0", guest.dev, "--", "set",
                     "interface", guest.dev, "type=internal",
                     f'mac="{guest.mac}"', f"mtu_request={self.mtu}",
                     f"ofport_request={guest.number}"]
        self.vsctl(*line)
        ip(self.ns, *(f"link set {guest.dev} up" for guest in self.guests()))
        self.set_rules(self.rules)

    def tool(self, *command):
        with self.ns:
            done = subprocess.run(command, env=self.env, capture_output=True,
                                  text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stderr}")
        return done.stdout

    def vsctl(self, *line):
        return self.tool("ovs-vsctl", f"--db=unix:{self.dir}/db.sock", *line)

    def set_rules(self, rules):
        """Also forgets all that was there before."""
        l3, src, dst = ("ip", "nw_src", "nw_dst") if self.inner == 4 else \
            ("ipv6", "ipv6_src", "ipv6_dst")
        udp, tcp = ("udp", "tcp") if self.inner == 4 else ("udp6", "tcp6")
        flows = []
        add = flows.append
        # Physical to logical
        add(f"table=0,priority=100,in_port=1,tun_id={VNI},"
            "actions=load:1->OXM_OF_METADATA[],resubmit(,24)")
        for guest in self.guests():
            add(f"table=0,priority=100,in_port={guest.number},actions="
                "load:1->OXM_OF_METADATA[],"
                f"load:{self.zone(guest)}->NXM_NX_REG13[],"
                f"load:{guest.number}->NXM_NX_REG14[],resubmit(,8)")
            # Port security, then the sender's conntrack zone
            add(f"table=8,priority=90,{l3},reg14={guest.number},metadata=1,"
                f"dl_src={guest.mac},{src}={self.inside(guest)},"
                "actions=resubmit(,9)")
            add(f"table=8,priority=90,arp,reg14={guest.number},metadata=1,"
                f"dl_src={guest.mac},actions=resubmit(,24)")
        for table, after in ((9, 24), (40, 64)):
            zone = "NXM_NX_REG13[0..15]"
            add(f"table={table},priority=100,{l3},metadata=1,actions="
                f"ct(table={table + 1},zone={zone})")
            add(f"table={table},priority=90,arp,metadata=1,actions="
                f"resubmit(,{after})")
            allow = f"ct(commit,zone={zone}),resubmit(,{after})"
            add(f"table={table + 1},priority=65532,ct_state=+inv+trk,"
                "actions=drop")
            add(f"table={table + 1},priority=65532,"
                "ct_state=-new+est-rel-inv+trk,metadata=1,"
                f"actions=resubmit(,{after})")
            for low, high in ranges(rules):
                for match in masks(low, high):
                    add(f"table={table + 1},priority=2000,ct_state=+new-est+trk,"
                        f"{udp},metadata=1,{src}={self.subnet},"
                        f"{dst}={self.subnet}{match},actions={allow}")
            add(f"table={table + 1},priority=2000,ct_state=+new-est+trk,{tcp},"
                f"metadata=1,{src}={self.subnet},{dst}={self.subnet},"
                f"actions={allow}")
        # Where the destination is
        for guest in GUESTS:
            if guest.host == self.number:
                add(f"table=24,priority=50,metadata=1,dl_dst={guest.mac},"
                    f"actions=load:{guest.number}->NXM_NX_REG15[],"
                    f"load:{self.zone(guest)}->NXM_NX_REG13[],resubmit(,40)")
                add(f"table=64,reg15={guest.number},actions="
                    f"output:{guest.number}")
            else:
                add(f"table=24,priority=50,metadata=1,dl_dst={guest.mac},"
                    f"actions=load:{VNI}->NXM_NX_TUN_ID[],"
                    f"set_field:{self.other}->tun_"
                    f"{'' if self.outer == 4 else 'ipv6_'}dst,output:1")
        path = f"{self.dir}/flows"
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join(flows) + "\n")
        self.tool("ovs-ofctl", "-OOpenFlow13", "replace-flows", "br0", path)


class Openvswitch2(Openvswitch):
    """A, with the rules of both ends on this host."""

    name = "ovs-2zones"

    def set_rules(self, rules):
        super().set_rules(rules)
        flows = []
        zone = "NXM_NX_REG13[0..15]"
        for guest in GUESTS:
            if guest.host == self.number:
                continue
            flows.append(f"table=24,priority=60,metadata=1,dl_dst={guest.mac},"
                         f"actions=load:{guest.number}->NXM_NX_REG15[],"
                         f"load:{guest.number}->NXM_NX_REG13[],resubmit(,40)")
            flows.append(f"table=64,reg15={guest.number},"
                         f"actions=load:{VNI}->NXM_NX_TUN_ID[],"
                         f"load:0x{packet.address(self.other).hex()}->"
                         "NXM_NX_TUN_IPV4_DST[],output:1")
            # Its replies come to the first zone of what they answer
            flows.append(f"table=24,priority=70,reg14=0,ip,metadata=1,"
                         f"nw_src={guest.ip},actions="
                         f"load:{guest.number}->NXM_NX_REG13[],resubmit(,26)")
        flows.append(f"table=26,ip,metadata=1,actions=ct(table=27,zone={zone})")
        for guest in self.guests():
            flows.append(f"table=27,metadata=1,dl_dst={guest.mac},actions="
                         f"load:{guest.number}->NXM_NX_REG15[],"
                         f"load:{self.zone(guest)}->NXM_NX_REG13[],"
                         "resubmit(,40)")
        for flow in flows:
            self.tool("ovs-ofctl", "-OOpenFlow13", "add-flow", "br0", flow)


def masks(low, high):
    """Matches of a port range, as OpenFlow knows no ranges."""
    while low <= high:
        size = low & -low or 1 << 16
        while size > high - low + 1:
            size >>= 1
        yield f",tp_dst=0x{low:x}/0x{0xffff & ~(size - 1):x}"
        low += size


class Bridge(Host):
    """B: bridge, Geneve device, nftables with conntrack; rules in a set."""

    name = "bridge"
    sets = True

    def start(self):
        lines = ["link add name br0 type bridge", "link set br0 up",
                 f"link add gnv type geneve id {VNI} remote {self.other} "
                 "dstport 6081",
                 "link set gnv mtu 9100 master br0 up"]
        for guest in self.guests():
            lines += [f"link add {guest.dev} address {guest.mac} type veth peer"
                      f" name p-{guest.name}",
                      f"link set p-{guest.name} mtu {self.mtu} master br0 up",
                      f"link set {guest.dev} mtu {self.mtu} up"]
        ip(self.ns, *lines)
        fdb = [f"fdb replace {guest.mac} dev "
               f"{'p-' + guest.name if guest.host == self.number else 'gnv'} "
               "master static" for guest in GUESTS]
        with self.ns:
            subprocess.run(["bridge", "-batch", "-"], input="\n".join(fdb),
                           text=True, check=True)
        self.set_rules(self.rules)

    def set_rules(self, rules):
        spans = ranges(rules)
        l3, kind = ("ip", "ipv4_addr") if self.inner == 4 else \
            ("ip6", "ipv6_addr")
        text = "table bridge f\ndelete table bridge f\ntable bridge f {\n"
        if self.sets and rules > 1:
            text += (f"set ok {{ type {kind} . inet_service; flags interval; "
                     "elements = { " + ", ".join(
                         f"{self.subnet} . {low}-{high}"
                         for low, high in spans) + " } }\n")
        for name, addr in (("from", "daddr"), ("to", "saddr")):
            text += f"chain {name} {{\n"
            if self.sets and rules > 1:
                text += f"{l3} {addr} . udp dport @ok accept\n"
            else:
                for low, high in spans:
                    text += (f"{l3} {addr} {self.subnet} udp dport "
                             f"{low}-{high} accept\n")
            text += (f"{l3} {addr} {self.subnet} meta l4proto tcp accept\n"
                     "drop\n}\n")
        text += ("chain forward { type filter hook forward priority 0; "
                 "policy drop;\nct state established,related accept\n"
                 "ct state invalid drop\n")
        for guest in self.guests():
            text += f'iifname "p-{guest.name}" jump from\n'
            text += f'oifname "p-{guest.name}" jump to\n'
        # The first chain ends with its verdict, so both ends of one host are
        # not asked: cheaper than it should be.
        text += "}\n}\n"
        with self.ns:
            done = subprocess.run(["nft", "-f", "-"], input=text, text=True,
                                  capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"nft: {done.stderr[:500]}")


class BridgeLinear(Bridge):
    """B': the same with a rule after the other."""

    name = "bridge-linear"
    sets = False


class Floor(Host):
    """What pktgen and a device that swallows cost."""

    name = "floor"

    def start(self):
        ip(self.ns, f"link add {A.dev} address {A.mac} type dummy",
           f"link set {A.dev} up")
