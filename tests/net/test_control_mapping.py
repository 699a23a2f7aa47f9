# SPDX-License-Identifier: GPL-2.0
"""The control interface: card, hosts and mappings, and all that it refuses of them."""

import errno
import socket

from control import MAC, bench, entries, entry, refuses
from ktap import test
from nitronet import prefix_attr

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
