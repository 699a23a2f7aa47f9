# SPDX-License-Identifier: GPL-2.0
"""What is told of flows, and what a trace answers."""

import packet
from ktap import test
from nitronet import (IN, OUT, dropped, ip_attr, nothing_dropped, open_rules,
                      prefix_attr, route, rule)


@test(v=(4, 6))
def dump(lab, v):
    lab.ra.passes(lab.rb, packet.udp(1111, 53, b"x" * 10), v)
    lab.ra.passes(lab.rb, packet.udp(1111, 53, b"x" * 20), v)
    lab.rb.passes(lab.ra, packet.udp(53, 1111, b"x" * 100), v)
    head = 28 if v == 4 else 48
    flow, = lab.ra.flows()
    assert flow["eni"] == lab.ra.id and flow["protocol"] == 17
    assert flow[f"local-ip{v}"] == lab.ra.ip[v], flow
    assert flow[f"remote-ip{v}"] == lab.rb.ip[v], flow
    assert (flow["local-port"], flow["remote-port"]) == (1111, 53)
    assert flow["packets-out"] == 2 and flow["packets-in"] == 1, flow
    assert flow["bytes-out"] == 2 * head + 30, flow
    assert flow["bytes-in"] == head + 100, flow
    assert flow["state"] == "stream" and 0 < flow["expires"] <= 180
    assert "ingress-origin" not in flow.get("flags", ())
    other, = lab.rb.flows()
    assert other[f"local-ip{v}"] == lab.rb.ip[v]
    assert (other["local-port"], other["remote-port"]) == (53, 1111)
    assert other["packets-in"] == 2 and other["packets-out"] == 1
    assert "ingress-origin" in other["flags"]


@test(v=(4, 6))
def dump_of_icmp(lab, v):
    lab.ra.passes(lab.rb, packet.echo(4242, 1, b"", v == 6), v)
    flow, = lab.ra.flows()
    assert flow["protocol"] == (1 if v == 4 else 58)
    assert flow["local-port"] == 4242, flow


@test
def dump_of_many(lab):
    """More flows than one message or one moment holds; each once."""
    for port in range(3000):
        lab.ra.send(lab.rb, packet.udp(10000 + port, 53))
    ports = [flow["local-port"] for flow in lab.ra.flows()]
    assert sorted(ports) == list(range(10000, 13000)), len(ports)
    assert lab.ra.get()["flows"] == 3000
    everything = lab.a.card.dump("flow-get")
    assert len([f for f in everything if f["eni"] == lab.ra.id]) == 3000
    lab.a.card("flow-del", eni=lab.ra.id)
    assert not lab.ra.flows() and lab.ra.get().get("flows", 0) == 0


def trace(eni, direction, protocol, v, remote, port=0, local_port=0, **how):
    return eni.host.card(
        "trace", eni=eni.id, direction=direction, protocol=protocol,
        local_port=local_port, remote_port=port,
        **{k.replace("-", "_"): val for k, val in
           ip_attr(remote, "remote-").items()}, **how)


@test(v=(4, 6))
def trace_allowed(lab, v):
    lab.set_policy(2, [rule(IN, "tcp", 80, lab.ra.ip[v], rid=501),
                       rule(OUT, "udp", (53, 60), 2, rid=502),
                       rule(OUT, "tcp", 443, "0.0.0.0/0", rid=503),
                       rule(OUT, "tcp", 443, "::/0", rid=504)])
    lab.ra.set(policy=2)
    lab.rb.set(policy=2)
    before = [len(eni.flows()) for eni in lab.enis]
    found = trace(lab.ra, OUT, 17, v, lab.rb.ip[v], 55)
    assert found["allowed"] and found["rule"] == 502, found
    assert found["mapping"]["host"] == lab.b.id, found
    assert found["mapping"]["mac"] == lab.rb.mac, found
    assert found["mapping"]["tag"] == [2], found
    found = trace(lab.ra, OUT, 6, v, lab.rb3.ip[v], 443)
    assert found["allowed"] and found["rule"] == (503 if v == 4 else 504), found
    assert found["route"]["type"] == "local", found
    found = trace(lab.rb, IN, 6, v, lab.ra.ip[v], 999, local_port=80)
    assert found["allowed"] and found["rule"] == 501, found
    assert [len(eni.flows()) for eni in lab.enis] == before, "it made a flow"


@test(v=(4, 6))
def trace_refused(lab, v):
    """The reason is the one that a packet would be counted under."""
    lab.set_policy(2, [rule(IN, "tcp", 80, lab.ra.ip[v], rid=501)])
    lab.set_table(2, [route("10.0.2.0/24", "blackhole"),
                      route("fd00:1:2::/64", "blackhole")])
    lab.ra.set(policy=2, route_table=2)
    nobody = "10.0.1.200" if v == 4 else "fd00:1:1::200"
    outside = "198.51.100.1" if v == 4 else "2001:db8:77::1"
    for eni, direction, remote, reason in (
            (lab.ra, OUT, lab.rb.ip[v], "egress_rule"),
            (lab.ra, IN, lab.rb.ip[v], "ingress_rule"),
            (lab.ra, OUT, lab.rb3.ip[v], "blackhole"),
            (lab.ra, OUT, outside, "no_route"),
            (lab.ra2, OUT, nobody, "no_mapping")):
        found = trace(eni, direction, 17, v, remote, 5)
        assert not found.get("allowed") and found["reason"] == reason, found
        if direction == OUT:
            with dropped(eni, **{reason: 1}):
                eni.send(None, packet.udp(0, 5), v, dest=remote,
                         dst_mac=eni.find_router())
    found = trace(lab.ra2, OUT, 17, v, lab.rb.ip[v], 5,
                  **{k.replace("-", "_"): val for k, val in
                     ip_attr(lab.a1.ip[v], "local-").items()})
    assert found["reason"] == "source_address", found


@test(v=(4, 6))
def trace_finds_the_flow(lab, v):
    lab.set_policy(2, [rule(OUT, "udp", 53, lab.rb.ip[v], rid=7)])
    lab.ra.set(policy=2)
    lab.ra.passes(lab.rb, packet.udp(1111, 53), v)
    found = trace(lab.ra, IN, 17, v, lab.rb.ip[v], 53, local_port=1111)
    assert found["allowed"] and found["tracked"], found
    assert found["flow-state"] == "single", found
    lab.set_policy(2, [])
    found = trace(lab.ra, OUT, 17, v, lab.rb.ip[v], 53, local_port=1111)
    assert found["allowed"] and found["flow-state"], found
    found = trace(lab.ra, OUT, 17, v, lab.rb.ip[v], 53, local_port=1112)
    assert found["reason"] == "egress_rule", found


@test(v=(4, 6))
def trace_icmp(lab, v):
    name, number, kind = (("icmp", 1, 8) if v == 4 else ("icmpv6", 58, 128))
    lab.set_policy(2, [rule(OUT, name, (kind, None),
                            "0.0.0.0/0" if v == 4 else "::/0", rid=9)])
    lab.ra.set(policy=2)
    found = trace(lab.ra, OUT, number, v, lab.rb.ip[v],
                  local_port=kind * 256)
    assert found.get("allowed") and found["rule"] == 9, found


@test(v=(4, 6))
def generation(lab, v):
    """Every change moves the generation, and flows look again."""
    numbers = [lab.a.card("card-get")["generation"]]

    def moved():
        numbers.append(lab.a.card("card-get")["generation"])
        assert numbers[-1] != numbers[-2]

    lab.ra.passes(lab.rb, packet.udp(1, 2), v)
    lab.set_policy(2, open_rules())
    moved()
    lab.set_table(2, lab.default_routes())
    moved()
    lab.ra.set(policy=2)
    moved()
    lab.ra2.set_mapping(tags=[5])
    moved()
    lab.a.reset_host(lab.b)
    moved()
    with nothing_dropped(lab.ra):
        lab.ra.passes(lab.rb, packet.udp(1, 2), v)
    for host in lab.hosts:
        host.card("mapping-del",
                  entry=[dict(prefix_attr(lab.rb.ip[v]), vni=100)])
    lab.rb.mapping_dirty = True
    moved()
    with dropped(lab.ra, no_mapping=1):
        lab.ra.send(lab.rb, packet.udp(1, 2), v)
    lab.rb.set_mapping()
    lab.ra.passes(lab.rb, packet.udp(1, 2), v)


@test
def replace_loses_nothing(lab):
    """A policy that is replaced again and again under traffic, old and new
    both allowing it: no packet lost, new flows too. And what neither allows
    never passes."""
    sets = [[rule(IN, "udp", (1000, 2000), net) for net in
             ("10.0.0.0/8", f"10.0.1.{30 + n}/32")] + open_rules(OUT)
            for n in range(2)]
    lab.set_policy(2, sets[0])
    lab.rb.set(policy=2)
    sent = 0
    for turn in range(300):
        lab.b.card("policy-set", id=2, rule=sets[turn % 2])
        lab.ra.send(lab.rb, packet.udp(1, 1000))
        lab.ra.send(lab.rb, packet.udp(2 + turn, 2000))
        lab.ra.send(lab.rb, packet.udp(2 + turn, 2001))
        sent += 2
    frames = [lab.rb.port.get() for _ in range(sent)]
    assert {f.dport for f in frames} == {1000, 2000}
    lab.rb.port.nothing()
