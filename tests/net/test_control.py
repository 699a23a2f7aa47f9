# SPDX-License-Identifier: GPL-2.0
"""The control interface: traces, who may use it, notifications, consistent dumps."""

import errno
import os
import select
import socket
import struct

import nitronet
import rtnl
from control import bench, entry, refuses
from ktap import test
from nitronet import Refused, prefix_attr, route, rule

NETLINK_GENERIC = 16

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
