# SPDX-License-Identifier: GPL-2.0
"""What the tests of the control interface share: a card with one of everything,
and the check that a request is refused as a whole, with a sentence, and changes
nothing: what all dumps give is the same before and after.
"""

import contextlib
import socket

import rtnl
from nitronet import Card, Namespace, Refused, prefix_attr, route, rule

MAC = [bytes.fromhex(f"0600000000{n:02x}") for n in range(256)]
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
