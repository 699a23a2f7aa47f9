# SPDX-License-Identifier: GPL-2.0
"""The control interface: what is refused, that refusals change nothing, and
that what was set is what is told."""

import os
import time

import packet
from ktap import test
from nitronet import (IN, OUT, Card, dropped, ip_attr, open_rules, prefix_attr,
                      refused, route, rule)

EPERM, ENOENT, EBUSY, EINVAL = 1, 2, 16, 22


def state(host):
    """All that a card tells, counters and generation apart."""
    card = host.card
    enis = card.dump("eni-get")
    for eni in enis:
        for name in ("stat", "drop", "flows"):
            eni.pop(name, None)
    mappings = [str(sorted(entry.items())) for part in card.dump("mapping-get")
                for entry in part.get("entry", [])]
    return [sorted(map(str, card.dump(f"{what}-get"))) for what in
            ("host", "policy", "route-table")] + [str(enis), sorted(mappings)]


def refuse(lab, op, number=None, **attrs):
    """Refused, with a sentence, and nothing has changed."""
    before = state(lab.a)
    generation = lab.a.card("card-get")["generation"]
    with refused(number):
        lab.a.card(op, **attrs)
    assert state(lab.a) == before, f"{op} {attrs} changed something"
    assert lab.a.card("card-get")["generation"] == generation


@test
def permission(lab):
    """Writing needs CAP_NET_ADMIN, reading does not."""
    before = state(lab.a)
    os.seteuid(65534)
    try:
        card = Card(lab.a.ns)
        card("card-get")
        card.dump("eni-get")
        for op, attrs in (("host-set", {"id": 9, "ip4": 1}),
                          ("host-del", {"id": 2}),
                          ("mapping-set", {"entry": lab.ra.mappings()}),
                          ("mapping-del", {"vni": 100}),
                          ("policy-set", {"id": 9}), ("policy-del", {"id": 1}),
                          ("route-table-set", {"id": 9}),
                          ("route-table-del", {"id": 1}),
                          ("eni-set", {"id": lab.ra.id, "vni": 5}),
                          ("flow-del", {"eni": lab.ra.id})):
            with refused(EPERM, sentence=False):
                card(op, **attrs)
        with refused(EPERM, sentence=False):
            card.dump("flow-get")
    finally:
        os.seteuid(0)
    assert state(lab.a) == before


@test
def versions(lab):
    card = lab.a.card("card-get")
    assert card["version"].count(".") == 2, card
    assert card["hosts"] == 2 and card["enis"] >= 8, card
    assert card["policies"] == 1 and card["route-tables"] == 1, card
    assert card["mappings"] == 2 * len(lab.enis), card


@test
def bad_hosts(lab):
    four, six = {"ip4": 0xc0000209}, {"ip6": packet.address("2001:db8::9")}
    refuse(lab, "host-set", ip4=1)
    refuse(lab, "host-set", id=9)
    refuse(lab, "host-set", id=0, **four)
    refuse(lab, "host-set", id=9, **four, **six)
    refuse(lab, "host-set", id=9, ip4=0)
    refuse(lab, "host-set", id=9, ip4=0xe0000001)
    refuse(lab, "host-set", id=9, ip4=0xffffffff)
    refuse(lab, "host-set", id=9, ip6=bytes(16))
    refuse(lab, "host-set", id=9, ip6=packet.address("ff02::1"))
    refuse(lab, "host-set", id=9, ip6=bytes(15))
    refuse(lab, "host-set", id=9, port=0, **four)
    refuse(lab, "host-set", id=9, local=True, **four)
    refuse(lab, "host-set", id=9, **ip_attr(lab.b.underlay))
    refuse(lab, "host-del", ENOENT, id=9)
    refuse(lab, "host-del")
    refuse(lab, "host-del", EBUSY, id=lab.b.id)
    refuse(lab, "host-get", ENOENT, id=9)


@test
def bad_mappings(lab):
    good = lab.ra.mappings(ips=["10.0.1.201"])[0]

    def bad(**change):
        entry = {name: value for name, value in dict(good, **change).items()
                 if value is not None}
        refuse(lab, "mapping-set", entry=[good, entry])

    bad(host=77)
    bad(host=None)
    bad(vni=None)
    bad(vni=1 << 24)
    bad(mac=None)
    bad(mac=bytes(6))
    bad(mac=b"\1\0\0\0\0\1")
    bad(ip4=None)
    bad(ip6=packet.address("fd00::1"))
    bad(ip4=0xe0000001)
    bad(**{"prefix-len": 33})
    bad(tag=list(range(1, 18)))
    bad(flags=2)
    bad(mac=b"12345")
    refuse(lab, "mapping-set", entry=[])
    refuse(lab, "mapping-del", ENOENT, entry=[{"vni": 100, "ip4": 1}])
    refuse(lab, "mapping-del", entry=[{"vni": 100}])
    refuse(lab, "mapping-del")


@test
def bad_routes(lab):
    def bad(**entry):
        refuse(lab, "route-table-set", id=5,
               route=[route("10.0.0.0/8"), entry])

    net = prefix_attr("192.0.2.0/24")
    bad(type="local")
    bad(**net)
    bad(**net, type=17)
    bad(**dict(net, **{"prefix-len": 33}), type="local")
    bad(**net, type="eni")
    bad(**net, type="eni", mac=bytes(6))
    bad(**net, ip6=bytes(16), type="local")
    bad(**prefix_attr("10.0.0.0/8"), type="blackhole")  # twice
    refuse(lab, "route-table-set", route=[])
    refuse(lab, "route-table-set", id=0)
    refuse(lab, "route-table-set", id=5, route=[
        route(f"10.{n >> 8}.{n & 255}.0/24") for n in range(4097)])
    refuse(lab, "route-table-del", ENOENT, id=5)
    refuse(lab, "route-table-del", EBUSY, id=1)


@test
def bad_policies(lab):
    def bad(**entry):
        refuse(lab, "policy-set", id=5, rule=[rule(IN), entry])

    net = prefix_attr("192.0.2.0/24")
    bad(**net)
    bad(direction=2, **net)
    bad(direction="ingress")
    bad(direction="ingress", tag=1, **net)
    bad(direction="ingress", ip6=bytes(16), **net)
    bad(direction="ingress", protocol=256, **net)
    bad(direction="ingress", protocol=6, **{"port-min": 5, "port-max": 4}, **net)
    bad(direction="ingress", protocol=6, **{"port-min": 5}, **net)
    bad(direction="ingress", **{"port-min": 5, "port-max": 6}, **net)
    bad(direction="ingress", protocol=47, **{"port-min": 5, "port-max": 6},
        **net)
    bad(direction="ingress", **dict(net, **{"prefix-len": 33}))
    bad(direction="ingress", ip6=bytes(16), **{"prefix-len": 129})
    refuse(lab, "policy-set", rule=[])
    refuse(lab, "policy-set", id=0)
    refuse(lab, "policy-set", id=5, rule=[rule(IN, "tcp", n + 1)
                                          for n in range(4097)])
    refuse(lab, "policy-del", ENOENT, id=5)
    refuse(lab, "policy-del", EBUSY, id=1)


@test
def bad_enis(lab):
    def bad(**change):
        refuse(lab, "eni-set", id=lab.ra.id, **change)

    bad(vni=1 << 24)
    bad(policy=77)
    bad(route_table=77)
    bad(flags=2)
    bad(address=[prefix_attr("10.0.1.0/24")])  # the primary is an address
    bad(address=[prefix_attr("224.0.0.1")])
    bad(address=[prefix_attr("0.0.0.0")])
    bad(address=[prefix_attr("::")])
    bad(address=[prefix_attr("ff02::1")])
    bad(address=[{}])
    bad(address=[prefix_attr("10.0.1.5/33")])
    bad(address=[prefix_attr(f"10.0.1.{n}") for n in range(1, 66)])
    bad(subnet=[{}])
    bad(subnet=[prefix_attr("10.0.1.0/33")])
    bad(tcp_established_timeout=59)
    bad(tcp_established_timeout=432001)
    bad(udp_timeout=29)
    bad(udp_timeout=61)
    bad(udp_stream_timeout=59)
    bad(udp_stream_timeout=181)
    refuse(lab, "eni-set", vni=1)
    refuse(lab, "eni-set", id=9999, vni=1)
    refuse(lab, "eni-set", id=0, vni=1)
    refuse(lab, "eni-set", ifindex=999999, vni=1)
    refuse(lab, "eni-set", id=77, ifindex=1, vni=1)
    refuse(lab, "eni-get", ENOENT, id=9999)
    refuse(lab, "eni-get", ifindex=1)
    refuse(lab, "eni-get")
    refuse(lab, "flow-del", ENOENT, eni=9999)
    refuse(lab, "flow-del")
    refuse(lab, "trace", eni=9999, direction=OUT, protocol=17, remote_ip4=1)
    refuse(lab, "trace", eni=lab.ra.id, direction=OUT, protocol=17)
    refuse(lab, "trace", eni=lab.ra.id, protocol=17, remote_ip4=1)


@test
def told_as_set(lab):
    rules = [rule(IN, "tcp", (n + 1, n + 9), f"10.{n % 200}.0.0/16", rid=n + 1)
             for n in range(1200)]
    rules += [rule(OUT, 47, None, "fd00::/16", rid=7000),
              rule(OUT, None, None, 99, rid=7001),
              rule(IN, "icmp", (8, 0), "0.0.0.0/0", rid=7002)]
    lab.set_policy(3, rules)
    got = [r for part in lab.a.card.dump("policy-get") if part["id"] == 3
           for r in part["rule"]]
    assert [r["id"] for r in got] == [r["id"] for r in rules]
    for want, have in zip(rules, got):
        for name, value in want.items():
            if name in ("ip4", "ip6"):
                assert packet.address(have[name]) == packet.address(
                    value.to_bytes(4, "big") if name == "ip4" else value)
            elif not (name == "prefix-len" and value == 0):
                assert have[name] == value, (want, have)
    routes = [route(f"10.{n >> 8}.{n & 255}.0/24") for n in range(1500)]
    routes.append(route("fd00::/16", "eni", "06:00:00:00:00:05"))
    lab.set_table(3, routes)
    got = [r for part in lab.a.card.dump("route-table-get") if part["id"] == 3
           for r in part["route"]]
    assert len(got) == 1501
    assert {r.get("ip4") for r in got} == {
        None, *(f"10.{n >> 8}.{n & 255}.0" for n in range(1500))}
    last, = [r for r in got if "ip6" in r]
    assert last["mac"] == "06:00:00:00:00:05" and last["type"] == "eni"
    shown = lab.ra.get()
    assert shown["vni"] == 100 and shown["policy"] == 1
    assert shown["mac"] == lab.ra.mac and shown["ifname"] == "ra"
    assert [a.get("ip4") or a.get("ip6") for a in shown["address"]] == lab.ra.ips
    assert len(shown["subnet"]) == 2
    assert shown["tcp-established-timeout"] == 350
    lab.ra.set(bandwidth_in=1 << 40, bandwidth_out=5, pps=7,
               connection_rate=8, flow_limit=9, udp_timeout=31,
               tcp_established_timeout=432000,
               flags=["no-source-dest-check"])
    shown = lab.ra.get()
    assert shown["bandwidth-in"] == 1 << 40 and shown["bandwidth-out"] == 5
    assert shown["pps"] == 7 and shown["connection-rate"] == 8
    assert shown["flow-limit"] == 9 and shown["udp-timeout"] == 31
    assert shown["tcp-established-timeout"] == 432000
    assert shown["flags"] == {"no-source-dest-check"}
    assert shown["policy"] == 1, "what is absent stays as it is"
    hosts = lab.a.card.dump("host-get")
    assert {h["id"] for h in hosts} == {1, 2}
    other = lab.a.card("host-get", id=2)
    assert other[f"ip{lab.underlay}"] == lab.b.underlay
    assert other["port"] == 6081 and "local" not in other
    assert other["pmtu"] == 9216
    assert lab.a.card("host-get", id=1)["local"]


def mappings_of(card, vni):
    return {(entry.get("ip4") or entry.get("ip6"), entry["prefix-len"])
            for part in card.dump("mapping-get", vni=vni)
            for entry in part.get("entry", [])}


def some(lab, count, first=0, vni=500):
    return [dict(ip4=0x0a400000 + first + n, vni=vni, host=lab.b.id,
                 mac=b"\6\0\0" + (first + n).to_bytes(3, "big"), tag=[n % 7 + 1])
            for n in range(count)]


def batches(entries, size=500):
    return [entries[at:at + size] for at in range(0, len(entries), size)]


@test
def many_mappings(lab):
    """20,000 addresses in one VPC; each told once; deleted at once."""
    for batch in batches(some(lab, 20000)):
        lab.a.card("mapping-set", entry=batch)
    assert len(mappings_of(lab.a.card, 500)) == 20000
    assert len(mappings_of(lab.a.card, 100)) == 20
    lab.a.card("mapping-del", vni=500)
    assert not mappings_of(lab.a.card, 500)


@test
def staged_replacement(lab):
    """Stage, stage, commit: the VPC's mappings are replaced at once."""
    card = lab.a.card
    card("mapping-set", entry=some(lab, 100))
    for batch in batches(some(lab, 2000, first=50)):
        card("mapping-set", vni=500, entry=batch, stage=True)
    assert len(mappings_of(card, 500)) == 100, "staged entries are in force"
    card("mapping-set", vni=500, entry=some(lab, 10, first=5000), commit=True)
    got = mappings_of(card, 500)
    assert len(got) == 2010 and ("10.64.0.0", 32) not in got
    # Nothing is left over
    card("mapping-set", vni=500, entry=some(lab, 3), commit=True)
    assert len(mappings_of(card, 500)) == 3
    card("mapping-set", vni=500, commit=True)
    assert not mappings_of(card, 500)


@test
def staged_by_others(lab):
    """Staged entries belong to a socket, and go with it."""
    card = lab.a.card
    other = Card(lab.a.ns)
    other("mapping-set", vni=500, entry=some(lab, 50), stage=True)
    card("mapping-set", vni=500, entry=some(lab, 7, first=100), commit=True)
    assert len(mappings_of(card, 500)) == 7
    other("mapping-set", vni=500, commit=True)
    assert len(mappings_of(card, 500)) == 50
    other("mapping-set", vni=500, entry=some(lab, 50), stage=True)
    other.ynl.sock.close()
    card("mapping-set", vni=500, commit=True)
    assert not mappings_of(card, 500)


@test
def staged_with_an_error(lab):
    """A commit that is refused leaves what is in force."""
    card = Card(lab.a.ns)
    card("mapping-set", entry=some(lab, 5))
    card("mapping-set", vni=500, entry=some(lab, 50, first=10), stage=True)
    with refused():
        card("mapping-set", vni=500, commit=True,
             entry=[dict(some(lab, 1)[0], host=77)])
    assert len(mappings_of(card, 500)) == 5
    card.ynl.sock.close()
    lab.a.card("mapping-del", vni=500)


@test
def replacement_keeps_traffic(lab):
    """Replacing all mappings of a VPC by the same loses no packet."""
    everything = [entry for eni in lab.enis if eni.vni == 100
                  for entry in eni.mappings()]
    for turn in range(50):
        for host in lab.hosts:
            host.card("mapping-set", vni=100, entry=everything, commit=True)
        lab.ra.passes(lab.rb, packet.udp(1, 2))
        lab.rb3.passes(lab.ra, packet.udp(turn + 5, 2), 6)
    gone = [e for e in everything if e["eni"] != lab.rb.id]
    lab.a.card("mapping-set", vni=100, entry=gone, commit=True)
    with dropped(lab.ra, no_mapping=1):
        lab.ra.send(lab.rb, packet.udp(1, 2))
    lab.a.card("mapping-set", vni=100, entry=everything, commit=True)


@test
def notifications(lab):
    """Every change is told to who listens, and none that was refused."""
    card = Card(lab.a.ns)
    with lab.a.ns:
        card.ynl.ntf_subscribe("events")
    lab.set_policy(4, open_rules(), [lab.a])
    lab.a.card("policy-del", id=4)
    lab.policies_dirty.discard(4)
    lab.a.card("route-table-set", id=4)
    lab.a.card("route-table-del", id=4)
    lab.a.card("mapping-set", entry=some(lab, 1))
    lab.a.card("mapping-del", vni=500)
    lab.a.card("host-set", id=9, **ip_attr(
        "192.0.2.9" if lab.underlay == 4 else "2001:db8::9"))
    lab.a.card("host-del", id=9)
    lab.ra.set(pps=5)
    with refused():
        lab.a.card("policy-del", id=1)
    end = time.monotonic() + 5
    events = []
    while len(events) < 9 and time.monotonic() < end:
        card.ynl.check_ntf()
        events += [(n["msg"]["kind"], n["msg"]["id"],
                    n["msg"].get("deleted", False))
                   for n in card.ynl.async_msg_queue]
        card.ynl.async_msg_queue.clear()
        time.sleep(0.005)
    assert events == [
        ("policy", 4, False), ("policy", 4, True),
        ("route-table", 4, False), ("route-table", 4, True),
        ("mapping", 500, False), ("mapping", 500, True),
        ("host", 9, False), ("host", 9, True),
        ("eni", lab.ra.id, False)], events
    card.ynl.sock.close()


@test
def other_namespace(lab):
    """A card knows nothing of another's ENIs."""
    with refused(ENOENT):
        lab.b.card("eni-get", id=lab.ra.id)
    with refused():
        lab.b.card("eni-set", id=lab.ra.id, vni=1)
    with refused():
        lab.b.card("flow-del", eni=lab.ra.id)
    assert lab.ra.id not in {e.get("id") for e in lab.b.card.dump("eni-get")}
