# SPDX-License-Identifier: GPL-2.0
"""The control interface in a network that is in use. What it refuses is in
test_control."""

import copy
import os
import socket
import time

import packet
from ktap import test
from nitronet import (IN, OUT, Card, dropped, ip_attr, open_rules, refused,
                      route, rule)

EPERM = 1


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


@test
def permission(lab):
    """Writing needs CAP_NET_ADMIN, reading does not."""
    before = state(lab.a)
    try:
        lab.a.ns.__enter__()
        os.seteuid(65534)
        card = Card.__new__(Card)
        card.ynl = copy.copy(Card.family)
        card.ynl.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
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
        lab.a.ns.__exit__()
    assert state(lab.a) == before


@test
def versions(lab):
    card = lab.a.card("card-get")
    assert card["version"].count(".") == 2, card
    assert card["hosts"] == 2 and card["enis"] == 7, card
    assert card["policies"] == 1 and card["route-tables"] == 1, card
    assert card["mappings"] == 2 * len(lab.enis), card


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
    lab.ra2.passes(lab.rb, packet.udp(1, 2))
    hosts = lab.a.card.dump("host-get")
    assert {h["id"] for h in hosts} == {1, 2}
    other = lab.a.card("host-get", id=2)
    assert other[f"ip{lab.underlay}"] == lab.b.underlay
    assert other["port"] == 6081 and "local" not in other
    assert other["pmtu"] == 9216
    assert lab.a.card("host-get", id=1)["local"]


def some(lab, count, first=0, vni=500):
    return [dict(ip4=0x0a400000 + first + n, vni=vni, host=lab.b.id,
                 mac=b"\6\0\0" + (first + n).to_bytes(3, "big"), tag=[n % 7 + 1])
            for n in range(count)]


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
    with refused():
        lab.b.card("eni-get", id=lab.ra.id)
    with refused():
        lab.b.card("eni-set", id=lab.ra.id, vni=1)
    with refused():
        lab.b.card("flow-del", eni=lab.ra.id)
    assert lab.ra.id not in {e.get("id") for e in lab.b.card.dump("eni-get")}
