# SPDX-License-Identifier: GPL-2.0
"""The control interface: ENIs, and all that it refuses of them."""

import errno

import rtnl
from control import bench, entry, refuses
from ktap import test
from nitronet import prefix_attr


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
