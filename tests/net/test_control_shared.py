# SPDX-License-Identifier: GPL-2.0
"""The control interface: route tables and policies, and all that it refuses of them."""

import errno

from control import MAC, bench, refuses
from ktap import test
from nitronet import prefix_attr, route, rule

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
