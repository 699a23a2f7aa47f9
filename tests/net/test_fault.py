# SPDX-License-Identifier: GPL-2.0
"""Memory that is not there: each allocation of each request fails once, and
many of the data path's."""

import contextlib
import os
import random

import packet
import rtnl
from ktap import Skip, test
from nitronet import OUT, Lab, Refused, open_rules, rule
from test_netlink import some, state

FAILSLAB = "/sys/kernel/debug/failslab"


def knob(name, value, where=FAILSLAB):
    with open(f"{where}/{name}", "w", encoding="ascii") as file:
        file.write(str(value))


def needs_injection():
    if not os.path.isdir(FAILSLAB):
        raise Skip("the kernel has no failslab")
    knob("verbose", 0)
    knob("ignore-gfp-wait", "N")


@contextlib.contextmanager
def nth(number):
    """The number-th allocation of this task fails. Tells whether it did."""
    result = []
    fd = os.open("/proc/thread-self/fail-nth", os.O_RDWR)
    try:
        os.write(fd, b"%d" % number)
        yield result
    finally:
        left = os.pread(fd, 20, 0)
        result.append(int(left.split(b"\0")[0].strip() or 0) == 0)
        with contextlib.suppress(OSError):
            os.pwrite(fd, b"0", 0)
        os.close(fd)


def each(action, state=lambda: None, undo=None, most=1500, cards=()):
    """Call action with its first allocation failing, its second... until it
    is through without. What it leaves behind is nothing, or all of it if only
    the answer could not be told; undo() then takes it back."""
    before, told = state(), []
    number = 0
    while number < most:
        # Far inside of others' functions a sample will do
        number += 1 if number < 40 else 7
        failed = None
        with nth(number) as hit:
            try:
                action()
            except (OSError, Refused, MemoryError, KeyError,
                    AttributeError) as error:
                # The last two are of YNL, when it misses an answer
                failed = error
        for card in cards:
            card.ynl.sock.close()
            card.open()
        if not hit[0]:
            assert failed is None, f"failed without a reason: {failed}"
            after = state()
            for at, seen in told:
                assert seen == after, f"allocation {at}: half done"
            return number
        if failed is not None and (now := state()) != before:
            told.append((number, now))
        if undo:
            with contextlib.suppress(OSError, Refused):
                undo()
            assert state() == before, f"allocation {number}: not undone"
    raise AssertionError("no end of allocations")


@test
def requests(lab):
    needs_injection()
    card = lab.a.card
    before = state(lab.a)

    def same():
        return state(lab.a)

    rules = [rule("ingress", "tcp", n + 1, f"10.{n}.0.0/16")
             for n in range(40)] + open_rules(OUT)
    total = 0
    for set_op, attrs, undo_op, undo in (
            ("host-set", {"id": 9, "ip4" if lab.underlay == 4 else "ip6":
                          0xc0000209 if lab.underlay == 4 else
                          packet.address("2001:db8::9")},
             "host-del", {"id": 9}),
            ("policy-set", {"id": 9, "rule": rules}, "policy-del", {"id": 9}),
            ("route-table-set", {"id": 9, "route": lab.default_routes()},
             "route-table-del", {"id": 9}),
            ("mapping-set", {"entry": some(lab, 40)},
             "mapping-del", {"vni": 500})):
        total += each(lambda: card(set_op, **attrs), same, cards=[card],
                      undo=lambda: card(undo_op, **undo))
        with contextlib.suppress(Refused):
            card(set_op, **attrs)
        each(lambda: card(undo_op, **undo), same, cards=[card],
             undo=lambda: card(set_op, **attrs))
        with contextlib.suppress(Refused):
            card(undo_op, **undo)
        assert state(lab.a) == before, set_op
    assert total > 20, "hardly any allocation failed"


@test
def staged(lab):
    needs_injection()
    card = lab.a.card
    each(lambda: card("mapping-set", vni=500, entry=some(lab, 20), stage=True),
         cards=[card])
    each(lambda: card("mapping-set", vni=500, entry=some(lab, 20, 50),
                      commit=True), cards=[card])
    card("mapping-set", vni=500, commit=True)
    lab.ra.passes(lab.rb, packet.udp(1, 2))


@test
def eni_requests(lab):
    needs_injection()
    each(lambda: lab.ra.set(**lab.ra.defaults),
         lambda: state(lab.a), cards=[lab.a.card])
    for what in ("eni-get", "flow-get", "policy-get", "mapping-get",
                 "host-get", "route-table-get"):
        each(lambda: lab.a.card.dump(what), cards=[lab.a.card])
    each(lambda: lab.a.card("trace", eni=lab.ra.id, direction=OUT,
                            protocol=17, remote_ip4=0x0a000128,
                            local_port=0, remote_port=5),
         cards=[lab.a.card])
    lab.ra.passes(lab.rb, packet.udp(1, 2))


@test
def links(lab):
    """ENIs are made and deleted with each allocation failing once."""
    needs_injection()
    with lab.a.ns:
        def make():
            rtnl.link_add("fault", "nitro", rtnl.attr(1, 7777))

        def there():
            return [e.get("id") for e in lab.a.card.dump("eni-get")]

        before = there()
        each(make, there, undo=lambda: rtnl.link_del("fault"))
        assert 7777 in there()
        rtnl.link_del("fault")
        assert there() == before


@test(v=(4, 6))
def packets(lab, v):
    """A packet whose every allocation fails once; the next one passes."""
    needs_injection()
    lab.ra.find_router()
    ports = iter(range(1000, 60000))
    for peer in (lab.ra2, lab.rb, lab.rb3):
        each(lambda: lab.ra.send(peer, packet.udp(next(ports), 2), v))
        each(lambda: lab.ra.send(peer, packet.udp(next(ports), 2), v, ttl=1))
        lab.ra.passes(peer, packet.udp(next(ports), 2), v)
    lab.rb.port.drain()


@contextlib.contextmanager
def module_starves(percent):
    """A part of all allocations made by the module fails, in any context."""
    with open("/proc/modules", encoding="ascii") as file:
        size, base = next((int(f[1]), int(f[5], 16)) for f in
                          map(str.split, file) if f[0] == "nitro_vpc")
    if not os.path.exists(f"{FAILSLAB}/require-start") or not base:
        raise Skip("failslab has no stack trace filter here")
    for name, value in (("stacktrace-depth", 32), ("require-start", hex(base)),
                        ("require-end", hex(base + size)),
                        ("task-filter", "N"), ("times", -1), ("interval", 1),
                        ("probability", percent)):
        knob(name, value)
    try:
        yield
    finally:
        knob("probability", 0)
        knob("times", 0)
        knob("require-start", 0)
        knob("require-end", "0xffffffffffffffff")


@test(own=True)
def starving():
    """A busy card of which every fifth allocation fails works again
    afterwards."""
    needs_injection()
    lab = Lab(4)
    rand = random.Random(7)
    try:
        with module_starves(20):
            for turn in range(100):
                eni, peer = rand.sample([lab.ra, lab.ra2, lab.ra3, lab.rb,
                                         lab.rb3], 2)
                for change in (
                        lambda: lab.set_policy(1, open_rules()),
                        lambda: eni.set(pps=rand.randrange(2)),
                        lambda: eni.set_mapping(tags=[rand.randrange(9)]),
                        lambda: lab.a.reset_host(lab.b),
                        lambda: eni.send(peer, packet.udp(turn, 2),
                                         rand.choice((4, 6)),
                                         ttl=rand.choice((1, 64)),
                                         dst_mac="06:4e:49:54:52:4f"),
                        lambda: peer.send(eni, packet.udp(2, turn), 4,
                                          dst_mac="06:4e:49:54:52:4f"),
                        lambda: eni.flows()):
                    with contextlib.suppress(OSError, Refused):
                        change()
        lab.set_policy(1, open_rules())
        for host in lab.hosts:
            for other in lab.hosts:
                host.reset_host(other)
        for eni in lab.enis:
            eni.dirty = eni.mapping_dirty = True
        lab.reset()
        for peer in (lab.ra2, lab.ra3, lab.rb, lab.rb3):
            for v in (4, 6):
                lab.ra.passes(peer, packet.udp(1, 2), v)
    finally:
        lab.close()
