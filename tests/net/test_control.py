# SPDX-License-Identifier: GPL-2.0
"""The control interface: every operation, and everything that it refuses.

A request is refused as a whole, with a sentence, and changes nothing: what all
dumps give is the same before and after.
"""

import contextlib
import errno
import os
import select
import socket
import struct

import nitronet
import rtnl
from ktap import test
from nitronet import Card, Namespace, Refused, prefix_attr, route, rule

MAC = [bytes.fromhex(f"0600000000{n:02x}") for n in range(256)]
NETLINK_GENERIC = 16
DUMPS = ("host-get", "mapping-get", "route-table-get", "policy-get", "eni-get")


class Bench:
    """A card with one of everything, in a namespace of its own."""

    def __init__(self):
        self.ns = Namespace("netlink")
        # The family of nitronet.Card is parsed once; this namespace may be
        # the first.
        self.card = Card(self.ns)
        # SO_SNDBUFFORCE: the largest policy takes one message of 230 KB
        self.card.ynl.sock.setsockopt(socket.SOL_SOCKET, 32, 1 << 20)
        self.cards = [self.card]
        with self.ns:
            self.index = rtnl.link_add("e0", "nitro", address="06:00:00:00:00:01")
        card = self.card
        card("host-set", id=1, local=True, **prefix_attr("192.0.2.1"))
        card("host-set", id=2, **prefix_attr("192.0.2.2"))
        card("policy-set", id=1, rule=[rule("ingress", "tcp", 22, rid=7),
                                       rule("egress", peer="::/0", rid=8),
                                       rule("ingress", peer=5, rid=9)])
        card("route-table-set", id=1,
             route=[route("10.0.0.0/16"), route("fd00::/16", "blackhole"),
                    route("10.9.0.0/16", "eni", "06:00:00:00:00:09")])
        card("eni-set", id=1, ifindex=self.index, vni=100, policy=1,
             route_table=1,
             address=[prefix_attr("10.0.1.10"), prefix_attr("fd00:1::10"),
                      prefix_attr("10.0.1.32/28")],
             subnet=[prefix_attr("10.0.1.0/24"), prefix_attr("fd00:1::/64")])
        card("mapping-set", entry=[entry("10.0.1.10", host=1, eni=1),
                                   entry("10.0.1.11"), entry("10.0.2.0/24"),
                                   entry("fd00:1::11", flags={"forward"})])

    def state(self):
        """Everything that is configured, and nothing that counts."""
        found = {}
        for op in DUMPS:
            found[op] = self.card.dump(op)
        for eni in found["eni-get"]:
            for name in ("stat", "drop", "flows"):
                eni.pop(name, None)
        counts = self.card("card-get")
        found["card"] = {name: counts[name] for name in counts
                         if name not in ("generation", "drop", "flows")}
        return found

    def other_socket(self):
        self.cards.append(Card(self.ns))
        return self.cards[-1]

    def close(self):
        for card in self.cards:
            if card.ynl is not Card.family:
                card.ynl.sock.close()
        with contextlib.suppress(OSError), self.ns:
            rtnl.link_del("e0")
        if self.card.ynl is Card.family:
            # Its socket would keep the namespace
            Card.family.sock.close()
            Card.family = None
        self.ns.close()


def entry(prefix, host=2, eni=0, mac=MAC[2], vni=100, tag=(), flags=None):
    found = dict(prefix_attr(prefix), host=host, mac=mac, tag=list(tag))
    if vni is not None:
        found["vni"] = vni
    if eni:
        found["eni"] = eni
    if flags:
        found["flags"] = flags
    return found


@contextlib.contextmanager
def bench():
    made = Bench()
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def refuses(made, number=None, word="", attr=""):
    """Refused, with a sentence that has the word, and nothing changed."""
    before = made.state()
    try:
        yield
    except Refused as error:
        text = str(error)
        assert error.extack, f"no extack: {text}"
        if number is not None:
            assert error.errno == number, text
        assert word in error.sentence, f"no '{word}' in {text}"
        if attr.startswith("."):
            at = str(error.extack.get("bad-attr"))
            assert attr in at, f"does not point at {attr}: {text}"
        elif attr:
            assert "miss-type" in error.extack, f"{attr} not missed: {text}"
    else:
        raise AssertionError("was not refused")
    after = made.state()
    assert before == after, f"changed: {before} {after}"


def entries(card, **how):
    """All mappings, in the order of the dump."""
    return [mapping for message in card.dump("mapping-get", **how)
            for mapping in message.get("entry", [])]


# --- card and hosts

@test(own=True)
def card_counts():
    with bench() as made:
        found = made.card("card-get")
        assert found["version"], "no version"
        for name, number in (("enis", 1), ("hosts", 2), ("policies", 1),
                             ("route-tables", 1), ("mappings", 4),
                             ("flows", 0)):
            assert found[name] == number, (name, found)
        before = found["generation"]
        made.card("host-set", id=3, **prefix_attr("192.0.2.3"))
        assert made.card("card-get")["generation"] != before


@test(own=True)
def namespaces_do_not_see_each_other():
    with bench() as made, bench() as other:
        other.card("host-set", id=9, **prefix_attr("192.0.2.9"))
        with refuses(made, errno.ENOENT, "no host 9"):
            made.card("host-get", id=9)
        assert other.card("host-get", id=9)["id"] == 9


@test(own=True)
def hosts():
    with bench() as made:
        card = made.card
        card("host-set", id=3, port=7000, **prefix_attr("2001:db8::3"))
        found = {h["id"]: h for h in card.dump("host-get")}
        assert sorted(found) == [1, 2, 3]
        assert found[1].get("local") and not found[2].get("local")
        assert found[1]["port"] == 6081 and found[3]["port"] == 7000
        assert "ip4" in found[2] and "ip6" in found[3]
        one = card("host-get", id=3)
        assert one["port"] == 7000
        card("host-del", id=3)
        assert len(card.dump("host-get")) == 2


@test(own=True)
def hosts_refused():
    with bench() as made:
        card = made.card
        ip = prefix_attr("192.0.2.7")
        with refuses(made, errno.EINVAL, "'id' is missing"):
            card("host-set", **ip)
        with refuses(made, errno.ERANGE):
            card("host-set", id=0, **ip)
        with refuses(made, errno.EINVAL, "'ip4' or 'ip6' is missing"):
            card("host-set", id=7)
        with refuses(made, errno.EINVAL, "exclude each other", ".ip6"):
            card("host-set", id=7, **ip, **prefix_attr("2001:db8::7"))
        with refuses(made, errno.EINVAL, "IPv4-mapped", ".ip6"):
            card("host-set", id=7, **prefix_attr("::ffff:192.0.2.7"))
        for bad in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255",
                    "::", "::1", "ff02::1"):
            with refuses(made, errno.EINVAL, "not the address of a host",
                         ".ip"):
                card("host-set", id=7, **prefix_attr(bad))
        with refuses(made, errno.ERANGE, "", ".port"):
            card("host-set", id=7, port=0, **ip)
        with refuses(made, errno.EEXIST, "host 1 is the local one", ".local"):
            card("host-set", id=7, local=True, **ip)
        with refuses(made, errno.EBUSY, "3 mappings lead to host 2", ".id"):
            card("host-del", id=2)
        with refuses(made, errno.ENOENT, "no host 77", ".id"):
            card("host-del", id=77)
        for op in ("host-del", "host-get"):
            with refuses(made, errno.EINVAL, "'id' is missing"):
                card(op)


@test(own=True)
def host_change_keeps_mappings():
    """A host that moves takes its mappings along."""
    with bench() as made:
        before = entries(made.card)
        made.card("host-set", id=2, **prefix_attr("192.0.2.22"))
        assert entries(made.card) == before
        with refuses(made, errno.EBUSY, "3 mappings"):
            made.card("host-del", id=2)
        made.card("mapping-del", vni=100)
        made.card("host-del", id=2)


@test(own=True)
def local_host_moves():
    """The local host may change its address, stop to be local, and go."""
    with bench() as made:
        card = made.card
        card("host-set", id=1, local=True, **prefix_attr("2001:db8::1"))
        assert "ip6" in card("host-get", id=1)
        card("host-set", id=1, local=True, port=7777, **prefix_attr("192.0.2.1"))
        card("host-set", id=1, **prefix_attr("192.0.2.1"))
        assert "local" not in card("host-get", id=1)
        card("host-set", id=2, local=True, **prefix_attr("192.0.2.2"))
        card("mapping-del", vni=100)
        card("host-del", id=2)
        card("host-set", id=1, local=True, **prefix_attr("192.0.2.1"))


@test(own=True)
def geneve_port_taken():
    """The local host is refused if its port cannot be opened."""
    with bench() as made:
        made.card("mapping-del", vni=100)
        made.card("host-del", id=1)
        with made.ns, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("0.0.0.0", 6081))
            with refuses(made, errno.EADDRINUSE):
                made.card("host-set", id=1, local=True,
                          **prefix_attr("192.0.2.1"))
        made.card("host-set", id=1, local=True, **prefix_attr("192.0.2.1"))


# --- mappings

@test(own=True)
def mappings():
    with bench() as made:
        card = made.card
        card("mapping-set", entry=[entry("10.0.1.11", host=1, eni=5, mac=MAC[7],
                                         tag=[9, 3, 700000], flags={"forward"}),
                                   entry("0.0.0.0/0", vni=7),
                                   entry("::/0", vni=0xffffff)])
        found = entries(card, vni=100)
        assert len(found) == 4
        one = [m for m in found if m.get("ip4") == "10.0.1.11"][0]
        assert one["host"] == 1 and one["eni"] == 5, one
        assert one["mac"] == MAC[7].hex(":"), one
        assert one["tag"] == [3, 9, 700000], one
        assert one["flags"] == {"forward"}, one
        assert len(entries(card)) == 6
        assert entries(card, vni=7)[0]["prefix-len"] == 0
        card("mapping-del", entry=[entry("10.0.1.11"), entry("::/0",
                                                            vni=0xffffff)])
        assert len(entries(card)) == 4
        card("mapping-del", vni=100)
        assert [m["vni"] for m in entries(card)] == [7]
        assert card("card-get")["mappings"] == 1


@test(own=True)
def mapping_vni_of_the_message():
    with bench() as made:
        made.card("mapping-set", vni=300, entry=[entry("10.0.0.1", vni=None),
                                                 entry("10.0.0.2", vni=300)])
        assert len(entries(made.card, vni=300)) == 2
        with refuses(made, errno.EINVAL, "another VPC", ".vni"):
            made.card("mapping-set", vni=300, entry=[entry("10.0.0.3")])


@test(own=True)
def mappings_refused():
    """One bad entry behind good ones refuses them all."""
    with bench() as made:
        card = made.card
        good = [entry("10.0.5.1"), entry("10.0.1.11", mac=MAC[99])]

        def bad(number, word, attr, **change):
            last = entry("10.0.5.2")
            for name, value in change.items():
                name = name.replace("_", "-")
                if value is None:
                    last.pop(name)
                else:
                    last[name] = value
            with refuses(made, number, word, attr):
                card("mapping-set", entry=good + [last])

        bad(errno.EINVAL, "'vni' is missing", "vni", vni=None)
        bad(errno.ERANGE, "", ".vni", vni=1 << 24)
        bad(errno.EINVAL, "'ip4' or 'ip6' is missing", "ip4", ip4=None)
        bad(errno.EINVAL, "exclude each other", ".ip6", ip6=bytes(16))
        bad(errno.EINVAL, "longer than the address", ".prefix-len",
            prefix_len=33)
        bad(errno.ERANGE, "", ".prefix-len", prefix_len=129)
        bad(errno.EINVAL, "bits set behind", ".ip4", prefix_len=24)
        bad(errno.EINVAL, "'host' is missing", "host", host=None)
        bad(errno.ENOENT, "no host 77", ".host", host=77)
        bad(errno.EINVAL, "'mac' is missing", "mac", mac=None)
        bad(errno.EINVAL, "not the MAC address", ".mac", mac=bytes(6))
        bad(errno.EINVAL, "not the MAC address", ".mac", mac=b"\x01" + bytes(5))
        bad(errno.E2BIG, "16 tags at most", ".tag", tag=list(range(17)))
        bad(errno.EINVAL, "'tag' 4 is there twice", "", tag=[4, 3, 4])
        bad(errno.EINVAL, "", ".flags", flags=2)
        with refuses(made, errno.EINVAL, "'entry' is missing"):
            card("mapping-set")
        with refuses(made, errno.EINVAL, "'entry' is missing"):
            card("mapping-set", vni=100)


@test(own=True)
def mapping_deletes_refused():
    with bench() as made:
        card = made.card
        there = entry("10.0.1.11")
        with refuses(made, errno.ENOENT, "no such mapping", ".entry"):
            card("mapping-del", entry=[there, entry("10.0.1.12")])
        with refuses(made, errno.ENOENT, "no such mapping", ".entry"):
            card("mapping-del", entry=[entry("10.0.1.0/24")])
        with refuses(made, errno.EINVAL, "there twice", ".entry"):
            card("mapping-del", entry=[there, there])
        with refuses(made, errno.ENOENT, "no mappings of VNI 5", ".vni"):
            card("mapping-del", vni=5)
        with refuses(made, errno.EINVAL, "'vni' is missing"):
            card("mapping-del")
        # It can still be deleted
        card("mapping-del", entry=[there])


@test(own=True)
def mappings_replaced_in_steps():
    """Staged mappings are not seen before the commit, which replaces all."""
    with bench() as made:
        card = made.card
        before = entries(card)
        card("mapping-set", vni=100, stage=True,
             entry=[entry("10.7.0.1"), entry("10.7.0.2")])
        card("mapping-set", vni=100, stage=True, entry=[entry("10.7.0.3")])
        assert entries(card) == before
        card("mapping-set", vni=100, commit=True, entry=[entry("10.7.0.4")])
        assert len(entries(card)) == 4
        assert all("ip4" in m for m in entries(card))
        # The stage is used up; a commit without anything empties the VPC
        card("mapping-set", vni=100, commit=True)
        assert not entries(card)
        card("host-del", id=2)


@test(own=True)
def stages_belong_to_sockets():
    with bench() as made:
        card, other = made.card, made.other_socket()
        other("mapping-set", vni=100, stage=True, entry=[entry("10.7.0.1")])
        card("mapping-set", vni=100, commit=True, entry=[entry("10.7.0.9")])
        assert len(entries(card)) == 1
        other("mapping-set", vni=100, commit=True)
        assert len(entries(card)) == 1
        other("mapping-set", vni=100, stage=True, entry=[entry("10.7.0.1")])
        other.ynl.sock.close()
        made.cards.remove(other)
        # What the closed socket had staged is gone, and does not hold a host
        third = made.other_socket()
        third("mapping-set", vni=100, commit=True)
        assert not entries(card)
        card("host-del", id=2)


@test(own=True)
def stages_refused():
    with bench() as made:
        card = made.card
        with refuses(made, errno.EINVAL, "exclude each other", ".commit"):
            card("mapping-set", vni=100, stage=True, commit=True)
        for what in ("stage", "commit"):
            with refuses(made, errno.EINVAL, "'vni' is missing"):
                card("mapping-set", entry=[entry("10.7.0.1")], **{what: True})
        card("mapping-set", vni=100, stage=True, entry=[entry("10.7.0.1")])
        with refuses(made, errno.ENOENT, "no host 77", ".host"):
            card("mapping-set", vni=100, commit=True,
                 entry=[entry("10.7.0.2", host=77)])
        # The stage has not suffered
        card("mapping-set", vni=100, commit=True)
        assert len(entries(card)) == 1


@test(own=True)
def staged_host_goes():
    """A commit finds that a host is gone, or has become another."""
    with bench() as made:
        card = made.card
        card("host-set", id=3, **prefix_attr("192.0.2.3"))
        card("mapping-set", vni=100, stage=True,
             entry=[entry("10.7.0.1", host=3)])
        card("host-del", id=3)
        with refuses(made, errno.ENOENT, "host 3"):
            card("mapping-set", vni=100, commit=True)
        card("host-set", id=3, **prefix_attr("192.0.2.33"))
        card("mapping-set", vni=100, commit=True)
        with refuses(made, errno.EBUSY, "1 mappings lead to host 3"):
            card("host-del", id=3)


@test(own=True)
def many_mappings_dump():
    """A dump of many messages has each mapping once, in order."""
    with bench() as made:
        card = made.card
        for high in range(8):
            card("mapping-set", vni=5, entry=[
                entry(f"10.{high}.{low >> 6}.{low & 63}", vni=None,
                      tag=range(1, 9)) for low in range(500)])
        found = [m["ip4"] for m in entries(card, vni=5)]
        assert len(found) == 4000 and len(set(found)) == 4000
        assert card("card-get")["mappings"] == 4004


# --- route tables

@test(own=True)
def route_tables():
    with bench() as made:
        card = made.card
        card("route-table-set", id=2)
        found = {t["id"]: t.get("route", []) for t in
                 card.dump("route-table-get")}
        assert len(found[1]) == 3 and not found[2]
        kinds = sorted(r["type"] for r in found[1])
        assert kinds == ["blackhole", "eni", "local"], found
        card("route-table-set", id=1, route=[route("::/0")])
        found = {t["id"]: t.get("route", []) for t in
                 card.dump("route-table-get")}
        assert len(found[1]) == 1
        card("route-table-del", id=2)
        assert card("card-get")["route-tables"] == 1


@test(own=True)
def route_tables_refused():
    with bench() as made:
        card = made.card
        good = route("10.0.0.0/8")

        def bad(number, word, attr, last):
            with refuses(made, number, word, attr):
                card("route-table-set", id=1, route=[good, last])

        bad(errno.EINVAL, "'ip4' or 'ip6' is missing", "ip4",
            {"type": "local"})
        bad(errno.EINVAL, "'type' is missing", "type",
            prefix_attr("10.1.0.0/16"))
        bad(errno.ERANGE, "", ".type", dict(prefix_attr("10.1.0.0/16"),
                                            type=3))
        bad(errno.EINVAL, "bits set behind", ".ip4", route("10.1.0.0/8"))
        bad(errno.EINVAL, "bits set behind", ".ip6", route("fd00::1/64"))
        bad(errno.EINVAL, "needs its 'mac'", "mac", route("10.1.0.0/16", "eni"))
        bad(errno.EINVAL, "not the MAC", ".mac",
            route("10.1.0.0/16", "eni", "01:00:00:00:00:01"))
        bad(errno.EINVAL, "only a route to an ENI", ".mac",
            route("10.1.0.0/16", "local", "06:00:00:00:00:01"))
        bad(None, "same prefix", "", good)
        with refuses(made, errno.EINVAL, "'id' is missing"):
            card("route-table-set", route=[good])
        with refuses(made, errno.ERANGE, "", ".id"):
            card("route-table-set", id=0, route=[good])
        with refuses(made, errno.E2BIG, "4096 routes at most", ".route"):
            card("route-table-set", id=1, route=[
                route(f"10.{n >> 8}.{n & 255}.0/24") for n in range(4097)])
        with refuses(made, errno.EBUSY, "1 ENIs use route table 1", ".id"):
            card("route-table-del", id=1)
        with refuses(made, errno.ENOENT, "no route table 9", ".id"):
            card("route-table-del", id=9)
        with refuses(made, errno.EINVAL, "'id' is missing"):
            card("route-table-del")


# --- policies

@test(own=True)
def policies():
    with bench() as made:
        card = made.card
        rules = [rule("ingress", "tcp", (80, 90), "10.0.0.0/8", rid=1),
                 rule("egress", "icmp", (8, 0), "fd00::/8", rid=2),
                 rule("ingress", 47, None, 77, rid=3),
                 rule("egress", None, None, "0.0.0.0/0", rid=0xffffffff)]
        card("policy-set", id=2, rule=rules)
        found = {p["id"]: p.get("rule", []) for p in card.dump("policy-get")}
        got = found[2]
        assert [r["id"] for r in got] == [1, 2, 3, 0xffffffff], got
        assert got[0]["port-min"] == 80 and got[0]["port-max"] == 90
        assert got[0]["prefix-len"] == 8 and got[0]["protocol"] == 6
        assert got[1]["port-min"] == 0x800 and got[1]["direction"] == "egress"
        assert got[2]["tag"] == 77 and "ip4" not in got[2]
        assert "protocol" not in got[3] and "port-min" not in got[3]
        card("policy-set", id=2)
        found = {p["id"]: p.get("rule", []) for p in card.dump("policy-get")}
        assert not found[2]
        card("policy-del", id=2)
        assert card("card-get")["policies"] == 1


@test(own=True)
def large_policy_and_table():
    """4096 rules, and as many routes, come back from dumps complete."""
    with bench() as made:
        card = made.card
        card("policy-set", id=2, rule=[
            rule(("ingress", "egress")[n & 1], "tcp", n + 1,
                 f"10.{n >> 8}.{n & 255}.0/24", rid=n) for n in range(4096)])
        card("route-table-set", id=2, route=[
            route(f"10.{n >> 8}.{n & 255}.0/24") for n in range(4096)])
        got = [r for p in card.dump("policy-get") if p["id"] == 2
               for r in p["rule"]]
        assert [r["id"] for r in got] == list(range(4096))
        got = [r["ip4"] for t in card.dump("route-table-get") if t["id"] == 2
               for r in t["route"]]
        assert len(set(got)) == 4096
        with refuses(made, errno.E2BIG, "4096 rules at most", ".rule"):
            card("policy-set", id=2, rule=[rule("ingress")] * 4097)


@test(own=True)
def policies_refused():
    with bench() as made:
        card = made.card
        good = rule("ingress", "tcp", 80)

        def bad(number, word, attr, **change):
            last = rule("ingress", "tcp", 443)
            for name, value in change.items():
                name = name.replace("_", "-")
                if value is None:
                    last.pop(name)
                else:
                    last[name] = value
            with refuses(made, number, word, attr):
                card("policy-set", id=1, rule=[good, last])

        bad(errno.EINVAL, "'direction' is missing", "direction",
            direction=None)
        bad(errno.ERANGE, "", ".direction", direction=2)
        bad(errno.ERANGE, "", ".protocol", protocol=256)
        bad(errno.EINVAL, "need each other", "port-max", port_max=None)
        bad(errno.EINVAL, "need each other", "port-min", port_min=None)
        bad(errno.EINVAL, "below 'port-min'", ".port-max", port_max=1)
        bad(errno.EINVAL, "have ports", ".port-min", protocol=47)
        bad(errno.EINVAL, "'ip4', 'ip6' or 'tag'", "ip4", ip4=None)
        bad(errno.EINVAL, "excludes an address", ".tag", tag=5)
        bad(errno.EINVAL, "exclude each other", ".ip6", ip6=bytes(16))
        bad(errno.EINVAL, "longer than", ".prefix-len", prefix_len=40)
        bad(errno.EINVAL, "bits set behind", ".ip4", ip4=0x0a000001,
            prefix_len=8)
        with refuses(made, errno.EINVAL, "'id' is missing"):
            card("policy-set", rule=[good])
        with refuses(made, errno.EBUSY, "1 ENIs use policy 1", ".id"):
            card("policy-del", id=1)
        with refuses(made, errno.ENOENT, "no policy 9", ".id"):
            card("policy-del", id=9)
        with refuses(made, errno.EINVAL, "'id' is missing"):
            card("policy-del")


# --- ENIs

@test(own=True)
def enis():
    with bench() as made:
        card = made.card
        card("eni-set", id=1, flags={"no-source-dest-check"},
             bandwidth_in=10 ** 10, bandwidth_out=5 * 10 ** 9, pps=1000,
             connection_rate=50, flow_limit=70, tcp_established_timeout=432000,
             udp_timeout=60, udp_stream_timeout=60)
        found = card("eni-get", id=1)
        assert found == {**found, "vni": 100, "policy": 1, "route-table": 1,
                         "flags": {"no-source-dest-check"},
                         "bandwidth-in": 10 ** 10,
                         "bandwidth-out": 5 * 10 ** 9, "pps": 1000,
                         "connection-rate": 50, "flow-limit": 70,
                         "tcp-established-timeout": 432000, "udp-timeout": 60,
                         "udp-stream-timeout": 60, "ifname": "e0",
                         "ifindex": made.index, "flows": 0}, found
        assert len(found["address"]) == 3 and len(found["subnet"]) == 2
        assert found["tap"].startswith("nitro-eni"), found
        names = [entry["name"] for entry in found["stat"]]
        assert names[:6] == ["bw_in_allowance_exceeded",
                             "bw_out_allowance_exceeded",
                             "pps_allowance_exceeded",
                             "conntrack_allowance_exceeded",
                             "linklocal_allowance_exceeded",
                             "conntrack_allowance_available"], names
        # Absent attributes leave everything else
        card("eni-set", ifindex=made.index, pps=7)
        assert card("eni-get", ifindex=made.index) == dict(found, pps=7)
        # 0 is the default, or none
        card("eni-set", id=1, flow_limit=0, policy=0, route_table=0)
        found = card("eni-get", id=1)
        assert found["flow-limit"] == 262144
        assert "policy" not in found and "route-table" not in found
        card("policy-del", id=1)
        card("route-table-del", id=1)


@test(own=True)
def eni_users():
    """An ENI holds its policy and table until it lets go or is deleted."""
    with bench() as made:
        card = made.card
        card("policy-set", id=2)
        card("route-table-set", id=2)
        card("eni-set", id=1, policy=2, route_table=2)
        card("policy-del", id=1)
        card("route-table-del", id=1)
        card("eni-set", id=1, policy=2)
        with refuses(made, errno.EBUSY, "1 ENIs use policy 2"):
            card("policy-del", id=2)
        with made.ns:
            rtnl.link_del("e0")
        card("policy-del", id=2)
        card("route-table-del", id=2)
        with refuses(made, errno.ENODEV, "no ENI 1"):
            card("eni-get", id=1)


@test(own=True)
def eni_without_id():
    """An ENI has no handle until it is given one; it is in dumps all the
    same."""
    with bench() as made:
        card = made.card
        with made.ns:
            index = rtnl.link_add("e1", "nitro")
        found = card.dump("eni-get")
        assert [e.get("id") for e in found] == [1, None], found
        assert found[1]["ifindex"] == index and "vni" not in found[1]
        with refuses(made, errno.EEXIST, "another ENI has this id"):
            card("eni-set", ifindex=index, id=1)
        card("eni-set", ifindex=index, id=5)
        assert card("eni-get", id=5)["ifindex"] == index
        with refuses(made, errno.EBUSY, "cannot be changed"):
            card("eni-set", ifindex=index, id=6)
        with made.ns:
            rtnl.link_del("e1")


@test(own=True)
def eni_in_another_namespace():
    """A moved ENI is still its card's, and of no other."""
    with bench() as made, bench() as other:
        with made.ns:
            index = rtnl.link_add("e1", "nitro")
            made.card("eni-set", ifindex=index, id=5)
            rtnl.link_set("e1", ns=other.ns.fd)
        found = made.card("eni-get", id=5)
        assert "ifindex" not in found and "netns-id" in found
        assert found["ifname"] == "e1"
        assert len(other.card.dump("eni-get")) == 1
        with other.ns:
            index = rtnl.index_of("e1")
        with refuses(other, errno.ENODEV, "no ENI with ifindex", ".ifindex"):
            other.card("eni-get", ifindex=index)
        with refuses(other, errno.ENODEV, "no ENI with ifindex", ".ifindex"):
            other.card("eni-set", ifindex=index, pps=1)
        with other.ns:
            rtnl.link_del("e1")


def eni_bad(made, number, word, attr, **attrs):
    with refuses(made, number, word, attr):
        made.card("eni-set", id=1, pps=999, **attrs)


@test(own=True)
def eni_addresses_refused():
    with bench() as made:
        subnets = [prefix_attr("10.0.1.0/24"), prefix_attr("fd00:1::/64")]

        def bad(word, *addresses):
            eni_bad(made, errno.EINVAL, word, ".address",
                    address=[prefix_attr(a) for a in addresses],
                    subnet=subnets)

        bad("in none of the ENI's subnets", "10.0.1.10", "10.0.2.10")
        bad("in none of the ENI's subnets", "10.0.1.10", "fd00:2::1")
        bad("in none of the ENI's subnets", "10.0.1.10", "10.0.0.0/28")
        bad("is the virtual router's", "10.0.1.1")
        bad("is the virtual router's", "fd00:1::1")
        bad("is the virtual router's", "10.0.1.10", "10.0.1.0/29")
        bad("is the subnet's own", "10.0.1.0")
        bad("broadcast", "10.0.1.255")
        bad("primary one, not a prefix", "10.0.1.16/28")
        bad("primary one, not a prefix", "10.0.1.10", "fd00:1::10:0/112")
        bad("the addresses overlap", "10.0.1.10", "10.0.1.10")
        bad("the addresses overlap", "10.0.1.20", "10.0.1.16/28")
        for wrong in ("0.0.0.0", "127.0.0.1", "224.0.0.5", "ff02::1"):
            bad("not an address that an ENI can have", wrong)
        bad("bits set behind", "10.0.1.10", "10.0.1.17/28")
        bad("longer than the address", "10.0.1.10", "10.0.1.17/33")
        many = [f"10.0.1.{n}" for n in range(2, 67)]
        eni_bad(made, errno.E2BIG, "64 of them at most", ".address",
                address=[prefix_attr(a) for a in many])
        # New subnets may not leave the addresses that are there outside
        eni_bad(made, errno.EINVAL, "in none of the ENI's subnets", ".subnet",
                subnet=[prefix_attr("10.0.1.0/24")])


@test(own=True)
def eni_subnets_refused():
    with bench() as made:
        def bad(word, *subnets):
            eni_bad(made, errno.EINVAL, word, ".subnet",
                    subnet=[prefix_attr(s) for s in subnets])

        bad("larger than any VPC", "10.0.1.0/24", "0.0.0.0/0")
        bad("larger than any VPC", "10.0.1.0/24", "::/0")
        bad("no room for the router", "10.0.1.10/31")
        bad("no room for the router", "10.0.1.10")
        bad("not the prefix of a subnet", "224.0.0.0/24")
        bad("the subnets overlap", "10.0.1.0/24", "10.0.0.0/16")
        bad("bits set behind", "10.0.1.1/24")


@test(own=True)
def eni_numbers_refused():
    with bench() as made:
        eni_bad(made, errno.ENOENT, "no policy 9", ".policy", policy=9)
        eni_bad(made, errno.ENOENT, "no route table 9", ".route-table",
                route_table=9)
        eni_bad(made, errno.ERANGE, "", ".vni", vni=1 << 24)
        eni_bad(made, errno.EINVAL, "", ".flags", flags=4)
        for name, values in (("tcp_established_timeout", (0, 59, 432001)),
                             ("udp_timeout", (0, 29, 61)),
                             ("udp_stream_timeout", (0, 59, 181))):
            for value in values:
                eni_bad(made, errno.ERANGE, "", "." + name.replace("_", "-"),
                        **{name: value})
        card = made.card
        with refuses(made, errno.EINVAL, "'id' or 'ifindex' is missing"):
            card("eni-set", pps=1)
        with refuses(made, errno.EINVAL, "'id' or 'ifindex' is missing"):
            card("eni-get")
        with refuses(made, errno.ENODEV, "no ENI 9", ".id"):
            card("eni-set", id=9, pps=1)
        with refuses(made, errno.ENODEV, "no ENI with ifindex 1", ".ifindex"):
            card("eni-set", ifindex=1, pps=1)
        with refuses(made, errno.ENODEV, "no ENI with ifindex 999999"):
            card("eni-get", ifindex=999999)


@test(own=True)
def largest_eni():
    """64 addresses and 64 subnets fit a dump of a socket that has not read
    anything yet."""
    with bench() as made:
        made.card("eni-set", id=1,
                  address=[prefix_attr(f"fd00:{n:x}::10") for n in range(64)],
                  subnet=[prefix_attr(f"fd00:{n:x}::/64") for n in range(64)])
        fresh = made.other_socket()
        found = fresh.dump("eni-get")[0]
        assert len(found["address"]) == 64 and len(found["subnet"]) == 64
        assert fresh("eni-get", id=1)["address"] == found["address"]


@test(own=True)
def link_has_the_id():
    """`ip link add … type nitro id N` makes an ENI that has its handle."""
    with bench() as made:
        with made.ns:
            rtnl.link_add("e1", "nitro", rtnl.attr(1, 44))
        assert made.card("eni-get", id=44)["ifname"] == "e1"
        with made.ns:
            rtnl.link_del("e1")


# --- flows and traces

@test(own=True)
def flows_refused():
    with bench() as made:
        card = made.card
        assert card.dump("flow-get") == []
        assert card.dump("flow-get", eni=1) == []
        card("flow-del", eni=1)
        with refuses(made, errno.EINVAL, "'eni' is missing"):
            card("flow-del")
        with refuses(made, errno.ENODEV, "no ENI 9", ".eni"):
            card("flow-del", eni=9)
        for eni in (0, 9):
            with refuses(made, errno.ENODEV, "no such ENI"):
                card.dump("flow-get", eni=eni)


def trace(card, direction="ingress", protocol=6, remote="10.0.1.11", **how):
    raw = nitronet.ip_attr(remote, "remote_")
    raw = {name.replace("-", "_"): value for name, value in raw.items()}
    return card("trace", eni=1, direction=direction, protocol=protocol, **raw,
                **how)


@test(own=True)
def traces():
    with bench() as made:
        card = made.card
        found = trace(card, local_port=22, remote_port=5000)
        assert found["allowed"] and found["rule"] == 7, found
        assert found["mapping"]["host"] == 2 and "route" not in found
        found = trace(card, local_port=23)
        assert "allowed" not in found and found["reason"] == "ingress_rule"
        assert "rule" not in found and found["mapping"]["host"] == 2, found
        found = trace(card, "egress", remote="10.0.2.5", remote_port=1)
        assert found["reason"] == "egress_rule", found
        assert found["route"]["prefix-len"] == 16, found
        found = trace(card, "egress", remote="fd00:1::11", remote_port=1)
        assert found["reason"] == "blackhole", found
        assert found["route"]["type"] == "blackhole"
        card("route-table-set", id=1, route=[route("fd00::/16")])
        found = trace(card, "egress", remote="fd00:1::11", remote_port=1)
        assert found["allowed"] and found["rule"] == 8, found
        found = trace(card, "egress", remote="10.0.9.9", remote_port=1)
        assert found["reason"] == "no_route", found
        card("route-table-set", id=1, route=[route("10.0.0.0/8")])
        found = trace(card, "egress", remote="10.0.9.9", remote_port=1)
        assert found["reason"] == "no_mapping" and "mapping" not in found
        # ICMP echo: type * 256 + code
        card("policy-set", id=1, rule=[rule("ingress", "icmp", (8, 0), rid=3)])
        assert trace(card, protocol=1, local_port=0x800)["rule"] == 3
        assert "allowed" not in trace(card, protocol=1, local_port=0x900)
        # By the tag of the peer
        card("policy-set", id=1, rule=[rule("ingress", None, None, 5, rid=4)])
        assert "allowed" not in trace(card, local_port=22)
        card("mapping-set", entry=[entry("10.0.1.11", tag=[5])])
        assert trace(card, local_port=22)["rule"] == 4
        # Source/dest check
        found = trace(card, local_ip4=0x0a000209)
        assert found["reason"] == "dest_address", found


@test(own=True)
def traces_refused():
    with bench() as made:
        card = made.card
        full = {"eni": 1, "direction": "ingress", "protocol": 6,
                "remote_ip4": 0x0a00010b}

        def bad(number, word, attr, **change):
            with refuses(made, number, word, attr):
                card("trace", **dict(full, **change))

        bad(errno.EINVAL, "'eni' is missing", "eni", eni=None)
        bad(errno.ENODEV, "no ENI 9", ".eni", eni=9)
        bad(errno.EINVAL, "'direction' is missing", "direction",
            direction=None)
        bad(errno.ERANGE, "", ".direction", direction=2)
        bad(errno.EINVAL, "'protocol' is missing", "protocol", protocol=None)
        bad(errno.ERANGE, "", ".protocol", protocol=256)
        bad(errno.EINVAL, "'remote-ip4' is missing", "remote-ip4",
            remote_ip4=None)
        bad(errno.EINVAL, "exclude", ".remote-ip6", remote_ip6=bytes(16))
        bad(errno.EINVAL, "two families", ".local-ip6",
            local_ip6=bytes.fromhex("fd000001" + "0" * 22 + "10"))
        card("eni-set", id=1, address=[prefix_attr("10.0.1.10")])
        with refuses(made, errno.EADDRNOTAVAIL, "no address of that family"):
            card("trace", eni=1, direction="egress", protocol=6,
                 remote_ip6=bytes.fromhex("fd000001" + "0" * 22 + "11"))


# --- who may

@test(own=True)
def unprivileged():
    """Without CAP_NET_ADMIN nothing can be changed."""
    with bench() as made:
        card = made.card
        before = made.state()
        os.seteuid(65534)
        try:
            for op, attrs in (("host-set", {"id": 5}), ("host-del", {"id": 1}),
                              ("mapping-set", {"vni": 1}),
                              ("mapping-del", {"vni": 100}),
                              ("policy-set", {"id": 1}),
                              ("policy-del", {"id": 1}),
                              ("route-table-set", {"id": 1}),
                              ("route-table-del", {"id": 1}),
                              ("eni-set", {"id": 1}), ("flow-del", {"eni": 1}),
                              ("trace", {"eni": 1})):
                try:
                    card(op, **attrs)
                except Refused as error:
                    assert error.errno == errno.EPERM, f"{op}: {error}"
                else:
                    raise AssertionError(f"{op} was allowed")
            assert card("card-get")["hosts"] == 2
        finally:
            os.seteuid(0)
        assert made.state() == before


# --- notifications

def changes(listener):
    """The change-ntf messages that have come, as (kind, id, deleted)."""
    found = []
    poll = select.poll()
    poll.register(listener.ynl.sock, select.POLLIN)
    while poll.poll(100):
        listener.ynl.check_ntf()
        for message in listener.ynl.async_msg_queue:
            body = message["msg"]
            found.append((body["kind"], body["id"], bool(body.get("deleted"))))
        listener.ynl.async_msg_queue.clear()
    return found


@test(own=True)
def notifications():
    with bench() as made, bench() as other:
        listener = made.other_socket()
        listener.ynl.ntf_subscribe("events")
        card = made.card
        card("host-set", id=3, **prefix_attr("192.0.2.3"))
        card("host-del", id=3)
        card("policy-set", id=2)
        card("policy-del", id=2)
        card("route-table-set", id=2)
        card("route-table-del", id=2)
        card("mapping-set", entry=[entry("10.0.7.1"), entry("10.0.7.2"),
                                   entry("10.0.7.3", vni=200)])
        card("mapping-set", vni=200, stage=True, entry=[])
        card("mapping-del", vni=200)
        card("eni-set", id=1, pps=5)
        other.card("host-set", id=9, **prefix_attr("192.0.2.9"))
        with refuses(made):
            card("host-set", id=3)
        got = changes(listener)
        assert got == [("host", 3, False), ("host", 3, True),
                       ("policy", 2, False), ("policy", 2, True),
                       ("route-table", 2, False), ("route-table", 2, True),
                       ("mapping", 100, False), ("mapping", 200, False),
                       ("mapping", 200, True), ("eni", 1, False)], got


@test(own=True)
def eni_notifications():
    """An ENI that is made or deleted by rtnetlink is told of too."""
    with bench() as made:
        listener = made.other_socket()
        listener.ynl.ntf_subscribe("events")
        with made.ns:
            rtnl.link_add("e1", "nitro", rtnl.attr(1, 44))
            rtnl.link_del("e1")
        assert changes(listener) == [("eni", 44, False), ("eni", 44, True)]


# --- dumps while something changes

@test(own=True)
def dump_while_changing():
    """A dump that spans a change says so, and has all that stayed."""
    with bench() as made:
        card = made.card
        for high in range(4):
            card("mapping-set", vni=5, entry=[
                entry(f"10.{high}.{low >> 6}.{low & 63}", vni=None,
                      tag=range(1, 9)) for low in range(500)])
        with made.ns:
            sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                 NETLINK_GENERIC)
        family = card.ynl.nlproto.get_family_id("nitro_vpc") if hasattr(
            card.ynl.nlproto, "get_family_id") else card.ynl.nlproto.family_id
        message = struct.pack("BBH", 7, 1, 0) + rtnl.attr(2, 5)
        sock.send(struct.pack("IHHII", 16 + len(message), family,
                              1 | 0x300, 1, 0) + message)
        interrupted, count = False, 0
        first = True
        while True:
            data = sock.recv(1 << 17)
            if first:
                # Already dumped, not yet dumped, and of another VPC
                card("mapping-del", vni=5, entry=[entry("10.0.0.0", vni=None),
                                                  entry("10.3.7.0", vni=None)])
                card("mapping-set", entry=[entry("10.0.0.0", vni=4)])
                first = False
            done = False
            while data:
                size, kind, flags = struct.unpack_from("IHH", data)
                interrupted |= bool(flags & 0x10)
                body, data = data[20:size], data[(size + 3) & ~3:]
                if kind == rtnl.NLMSG_DONE:
                    done = True
                    break
                while body:
                    length = struct.unpack_from("H", body)[0]
                    count += 1
                    body = body[(length + 3) & ~3:]
            if done:
                break
        sock.close()
        assert interrupted, "NLM_F_DUMP_INTR is missing"
        assert 1998 <= count <= 1999, count
