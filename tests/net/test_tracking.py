# SPDX-License-Identifier: GPL-2.0
"""Connection tracking as AWS describes it."""

import packet
from packet import ACK, FIN, RST, SYN
from ktap import test
from nitronet import (ALL, IN, OUT, dropped, nothing_dropped, open_rules,
                      rule, wait)

PEERS = (4, 6)


def narrow(lab, eni, v, *rules):
    """Only replies come in: nothing but these rules."""
    lab.set_policy(2, list(rules))
    eni.set(policy=2)


def handshake(client, server, v, sport=4000, dport=80, seq=1000, ack=5000):
    """Three packets; returns next sequence numbers of client and server."""
    client.passes(server, packet.tcp(sport, dport, SYN, seq), v)
    server.passes(client, packet.tcp(dport, sport, SYN | ACK, ack, seq + 1), v)
    client.passes(server, packet.tcp(sport, dport, ACK, seq + 1, ack + 1), v)
    return seq + 1, ack + 1


@test(v=PEERS, aws="1.2 stateful", underlay=(4, 6))
def replies_pass(lab, v):
    """Replies to allowed traffic pass whatever the other direction's rules
    say. EC2 User Guide, security-group-connection-tracking."""
    narrow(lab, lab.ra, v, rule(OUT, None, None, ALL[v == 6]))
    for peer in (lab.ra2, lab.rb):
        with dropped(lab.ra, ingress_rule=1):
            peer.send(lab.ra, packet.udp(7, 8), v)
        lab.ra.passes(peer, packet.udp(8, 7), v)
        peer.passes(lab.ra, packet.udp(7, 8), v)
        with dropped(lab.ra, ingress_rule=2):
            peer.send(lab.ra, packet.udp(7, 9), v)
            peer.send(lab.ra, packet.udp(6, 8), v)
    narrow(lab, lab.ra, v, rule(IN, None, None, ALL[v == 6]))
    with dropped(lab.ra, egress_rule=1):
        lab.ra.send(lab.rb, packet.udp(10, 11), v)
    lab.rb.passes(lab.ra, packet.udp(11, 10), v)
    lab.ra.passes(lab.rb, packet.udp(10, 11), v)


@test(v=PEERS)
def icmp_echo(lab, v):
    """A reply belongs to a request; another identifier does not."""
    narrow(lab, lab.ra, v, *open_rules(OUT))
    six = v == 6
    lab.ra.passes(lab.rb, packet.echo(77, 1, b"a", six), v)
    lab.rb.passes(lab.ra, packet.echo(77, 1, b"a", six, reply=True), v)
    with dropped(lab.rb, flow_state=1):
        lab.rb.send(lab.ra, packet.echo(78, 1, b"a", six, reply=True), v)
    with dropped_in(lab.ra):
        lab.rb.send(lab.ra, packet.echo(77, 1, b"a", six), v)


class dropped_in:
    """One packet is dropped on its way in, as no flow and no rule has it."""

    def __init__(self, eni, reasons=("ingress_rule", "flow_state")):
        self.eni, self.reasons = eni, reasons

    def __enter__(self):
        self.before = self.count()

    def count(self):
        drops = self.eni.drops()
        return sum(drops.get(name, 0) for name in self.reasons)

    def __exit__(self, kind, *_):
        if kind is None:
            wait(lambda: self.count() == self.before + 1, "the drop")


@test(v=PEERS)
def reply_without_request(lab, v):
    """An echo reply starts nothing, even where all is allowed."""
    with dropped_in(lab.ra, ("flow_state", "egress_rule", "ingress_rule")):
        lab.ra.send(lab.rb, packet.echo(5, 1, b"", v == 6, reply=True), v)
    lab.rb.port.nothing()


@test(v=PEERS, aws="1.2 other protocols")
def other_protocols(lab, v):
    """Tracked by address and protocol. EC2 User Guide,
    security-group-connection-tracking."""
    narrow(lab, lab.ra, v, *open_rules(OUT))
    with dropped(lab.ra, ingress_rule=1):
        lab.rb.send(lab.ra, packet.raw(47, bytes(20)), v)
    lab.ra.passes(lab.rb, packet.raw(47, bytes(20)), v)
    lab.rb.passes(lab.ra, packet.raw(47, b"other" * 10), v)
    with dropped(lab.ra, ingress_rule=2):
        lab.rb.send(lab.ra, packet.raw(50, bytes(20)), v)
        lab.rb3.send(lab.ra, packet.raw(47, bytes(20)), v)
    flow = lab.ra.flows(protocol=47)[0]
    assert "tracked" in flow["flags"], flow
    assert 590 <= flow["expires"] <= 600, flow


@test(v=PEERS, aws="1.2 tracked survives", underlay=(4, 6))
def tracked_survives_rule_removal(lab, v):
    """A tracked connection goes on when the rule that allowed it is removed.
    EC2 User Guide, security-group-connection-tracking."""
    peer = f"{lab.ra.ip[v]}"
    narrow(lab, lab.rb, v, rule(IN, "tcp", 80, peer), *open_rules(OUT))
    seq, ack = handshake(lab.ra, lab.rb, v)
    assert "tracked" in lab.rb.flows()[0]["flags"]
    lab.set_policy(2, open_rules(OUT))
    lab.ra.passes(lab.rb, packet.tcp(4000, 80, ACK, seq, ack, data=b"x"), v)
    lab.rb.passes(lab.ra, packet.tcp(80, 4000, ACK, ack, seq + 1), v)
    with dropped(lab.rb, ingress_rule=1):
        lab.ra.send(lab.rb, packet.tcp(4001, 80, SYN), v)
    # Even with no policy's rules left at all
    lab.set_policy(2, [])
    lab.ra.passes(lab.rb, packet.tcp(4000, 80, ACK, seq + 1, ack, data=b"y"), v)


@test(v=PEERS, aws="1.2 untracked cut", underlay=(4, 6))
def untracked_cut_at_once(lab, v):
    """A flow that is allowed from anywhere, with the other direction open to
    anywhere, is not tracked: removing the rule cuts it immediately. EC2 User
    Guide, security-group-connection-tracking."""
    narrow(lab, lab.rb, v, rule(IN, "tcp", 80, ALL[v == 6]), *open_rules(OUT))
    seq, ack = handshake(lab.ra, lab.rb, v)
    flow = lab.rb.flows()
    assert "tracked" not in flow[0].get("flags", ()), flow
    lab.ra.passes(lab.rb, packet.tcp(4000, 80, ACK, seq, ack, data=b"x"), v)
    lab.set_policy(2, open_rules(OUT))
    with dropped(lab.rb, ingress_rule=1):
        lab.ra.send(lab.rb, packet.tcp(4000, 80, ACK, seq + 1, ack, data=b"y"),
                    v)
    lab.rb.port.nothing(lambda f: f.payload == b"y")
    lab.set_policy(2, [rule(IN, "tcp", 80, ALL[v == 6])] + open_rules(OUT))
    lab.ra.passes(lab.rb, packet.tcp(4000, 80, ACK, seq + 1, ack, data=b"z"), v)


@test(v=PEERS, aws="1.2 untracked udp")
def untracked_udp(lab, v):
    """The same for UDP, both ways. EC2 User Guide,
    security-group-connection-tracking."""
    narrow(lab, lab.rb, v, rule(IN, "udp", 53, ALL[v == 6]), *open_rules(OUT))
    lab.ra.passes(lab.rb, packet.udp(9, 53), v)
    lab.rb.passes(lab.ra, packet.udp(53, 9), v)
    lab.set_policy(2, open_rules(OUT))
    with dropped(lab.rb, ingress_rule=1):
        lab.ra.send(lab.rb, packet.udp(9, 53), v)


@test(v=PEERS, aws="1.2 icmp always tracked")
def icmp_is_tracked(lab, v):
    """ICMP is always tracked, whatever the rules. EC2 User Guide,
    security-group-connection-tracking."""
    lab.ra.passes(lab.rb, packet.echo(5, 1, b"", v == 6), v)
    assert "tracked" in lab.ra.flows()[0]["flags"]
    assert "tracked" in lab.rb.flows()[0]["flags"]
    narrow(lab, lab.rb, v)
    lab.ra.passes(lab.rb, packet.echo(5, 2, b"", v == 6), v)
    lab.rb.passes(lab.ra, packet.echo(5, 2, b"", v == 6, reply=True), v)


@test(v=PEERS, aws="1.2 egress-all removed")
def all_tracked_without_egress_all(lab, v):
    """Remove the outbound rule to everywhere and everything is tracked. EC2
    User Guide, security-group-connection-tracking."""
    some = "10.0.0.0/16" if v == 4 else "fd00:1::/32"
    narrow(lab, lab.rb, v, rule(IN, "tcp", 80, ALL[v == 6]),
           rule(OUT, None, None, some))
    seq, ack = handshake(lab.ra, lab.rb, v)
    assert "tracked" in lab.rb.flows()[0]["flags"]
    lab.set_policy(2, [])
    lab.ra.passes(lab.rb, packet.tcp(4000, 80, ACK, seq, ack), v)


@test(v=PEERS, aws="1.2 untracked needs all ports")
def other_direction_must_have_all_ports(lab, v):
    """Not tracked only if the other direction allows all ports to everywhere.
    EC2 User Guide, security-group-connection-tracking."""
    narrow(lab, lab.rb, v, rule(IN, "tcp", 80, ALL[v == 6]),
           rule(OUT, "tcp", (1024, 65535), ALL[v == 6]))
    handshake(lab.ra, lab.rb, v)
    assert "tracked" in lab.rb.flows()[0]["flags"]


@test(v=PEERS, aws="1.2 open rule preferred")
def narrow_and_open_rule(lab, v):
    """A connection that an open rule allows too is not tracked. EC2 User
    Guide, security-group-connection-tracking."""
    narrow(lab, lab.rb, v, rule(IN, "tcp", 80, lab.ra.ip[v]),
           rule(IN, "tcp", 80, ALL[v == 6]), *open_rules(OUT))
    handshake(lab.ra, lab.rb, v)
    assert "tracked" not in lab.rb.flows()[0].get("flags", ())
    # The narrow rule still allows it when the open one goes
    lab.set_policy(2, [rule(IN, "tcp", 80, lab.ra.ip[v])] + open_rules(OUT))
    lab.ra.passes(lab.rb, packet.tcp(4000, 80, ACK, 1001, 5001), v)


@test(v=PEERS)
def untracked_egress(lab, v):
    """The same for what the guest starts."""
    narrow(lab, lab.ra, v, *open_rules())
    lab.ra.passes(lab.rb, packet.udp(1, 2), v)
    lab.rb.passes(lab.ra, packet.udp(2, 1), v)
    assert "tracked" not in lab.ra.flows()[0].get("flags", ())
    lab.set_policy(2, open_rules(IN))
    with dropped(lab.ra, egress_rule=1):
        lab.ra.send(lab.rb, packet.udp(1, 2), v)


@test(v=PEERS, aws="1.2 related errors", underlay=(4, 6))
def related_errors(lab, v):
    """ICMP errors of a tracked flow pass without a rule; others do not. EC2
    User Guide, security-group-connection-tracking and network_mtu."""
    narrow(lab, lab.ra, v, *open_rules(OUT))
    for peer in (lab.ra2, lab.rb, lab.rb3):
        lab.ra.passes(peer, packet.udp(4000, 53, b"query"), v)
        quoted = packet.ip(lab.ra.ip[v], peer.ip[v],
                           packet.udp(4000, 53, b"query"))
        kind = 3 if v == 4 else 1
        error = packet.icmp(kind, 3 if v == 4 else 4, 0, quoted, v == 6)
        peer.passes(lab.ra, error, v)
        # A quotation of what never was sent
        quoted = packet.ip(lab.ra.ip[v], peer.ip[v], packet.udp(4001, 53))
        with dropped_in(lab.ra):
            peer.send(lab.ra, packet.icmp(kind, 3, 0, quoted, v == 6), v)
        # The other direction's packet was not sent by the guest
        quoted = packet.ip(peer.ip[v], lab.ra.ip[v], packet.udp(53, 4000))
        with dropped(peer, malformed=1):
            peer.send(lab.ra, packet.icmp(kind, 3, 0, quoted, v == 6), v)


@test(v=PEERS)
def related_error_from_a_router_on_the_way(lab, v):
    """Path MTU discovery: a third party may say so, if it is in the VPC."""
    narrow(lab, lab.ra, v, *open_rules(OUT))
    lab.ra.passes(lab.rb3, packet.udp(4000, 53, b"query"), v)
    quoted = packet.ip(lab.ra.ip[v], lab.rb3.ip[v],
                       packet.udp(4000, 53, b"query"))
    error = (packet.icmp(3, 4, 1400, quoted) if v == 4 else
             packet.icmp(2, 0, 1400, quoted, True))
    frame = lab.rb.passes(lab.ra, error, v)
    assert frame.rest == 1400


@test(v=PEERS)
def related_error_truncated(lab, v):
    """Errors that quote too little belong to nothing."""
    narrow(lab, lab.ra, v, *open_rules(OUT))
    lab.ra.passes(lab.rb, packet.udp(4000, 53), v)
    quoted = packet.ip(lab.ra.ip[v], lab.rb.ip[v], packet.udp(4000, 53))
    for size in (0, 1, 19, 23 if v == 4 else 43):
        with dropped(lab.rb, malformed=1):
            lab.rb.send(lab.ra, packet.icmp(3 if v == 4 else 1, 3, 0,
                                            quoted[:size], v == 6), v)
    lab.ra.port.nothing()


@test(v=PEERS)
def tcp_picked_up_in_the_middle(lab, v):
    """What a rule allows may also be a connection that began before; nothing
    else may, and nothing that is no TCP at all."""
    narrow(lab, lab.rb, v, rule(IN, "tcp", 80, lab.ra.ip[v]), *open_rules(OUT))
    for port, flags in enumerate((ACK, RST, FIN | ACK, SYN | ACK), 4000):
        lab.ra.passes(lab.rb, packet.tcp(port, 80, flags, 1, 1), v)
        with dropped(lab.rb, ingress_rule=1):
            lab.ra.send(lab.rb, packet.tcp(port, 81, flags, 1, 1), v)
    assert len(lab.rb.flows()) == 4
    lab.rb.passes(lab.ra, packet.tcp(80, 4000, ACK, 1, 1), v)
    assert lab.rb.flows(remote_port=4000)[0]["state"] == "established"
    for flags in (0, SYN | FIN, SYN | RST, FIN | RST | ACK, FIN):
        with dropped(lab.ra, malformed=1):
            lab.ra.send(lab.rb, packet.tcp(4001, 80, flags, 1, 1), v)
    lab.rb.port.nothing()


@test(v=PEERS)
def tcp_states(lab, v):
    narrow(lab, lab.rb, v, rule(IN, "tcp", 80, lab.ra.ip[v]), *open_rules(OUT))

    def state():
        return lab.rb.flows()[0]["state"]

    def client(flags, seq, ack, data=b""):
        lab.ra.passes(lab.rb, packet.tcp(4000, 80, flags, seq, ack,
                                         data=data), v)
        return state()

    def server(flags, seq, ack, data=b""):
        lab.rb.passes(lab.ra, packet.tcp(80, 4000, flags, seq, ack,
                                         data=data), v)
        return state()

    assert client(SYN, 1000, 0) == "syn-sent"
    assert server(SYN | ACK, 5000, 1001) == "syn-recv"
    assert client(ACK, 1001, 5001) == "established"
    assert client(ACK, 1001, 5001, b"request") == "established"
    assert server(ACK, 5001, 1008, b"answer") == "established"
    assert client(FIN | ACK, 1008, 5007) == "fin-wait"
    assert server(ACK, 5007, 1009) == "close-wait"
    assert server(FIN | ACK, 5007, 1009) == "last-ack"
    assert client(ACK, 1009, 5008) == "time-wait"
    # The same ports again
    assert client(SYN, 900000, 0) == "syn-sent"


@test(v=PEERS)
def simultaneous_open(lab, v):
    narrow(lab, lab.rb, v, rule(IN, "tcp", 80, lab.ra.ip[v]), *open_rules(OUT))
    lab.ra.passes(lab.rb, packet.tcp(4000, 80, SYN, 1000), v)
    lab.rb.passes(lab.ra, packet.tcp(80, 4000, SYN, 5000), v)
    lab.ra.passes(lab.rb, packet.tcp(4000, 80, SYN | ACK, 1000, 5001), v)
    lab.rb.passes(lab.ra, packet.tcp(80, 4000, SYN | ACK, 5000, 1001), v)
    lab.ra.passes(lab.rb, packet.tcp(4000, 80, ACK, 1001, 5001), v)
    assert lab.rb.flows()[0]["state"] == "established", lab.rb.flows()


@test(v=PEERS)
def reset_has_to_be_in_the_window(lab, v):
    """A reset that nobody in the connection can have sent closes nothing."""
    narrow(lab, lab.rb, v, rule(IN, "tcp", 80, lab.ra.ip[v]), *open_rules(OUT))
    seq, ack = handshake(lab.ra, lab.rb, v)
    for wrong in (seq + 2000000, seq - 2000000):
        with dropped(lab.rb, flow_state=1):
            lab.ra.send(lab.rb, packet.tcp(4000, 80, RST, wrong), v)
        assert lab.rb.flows()[0]["state"] == "established"
    lab.ra.passes(lab.rb, packet.tcp(4000, 80, RST, seq), v)
    assert [f["state"] for f in lab.rb.flows()] in ([], ["close"])


@test(v=PEERS)
def reset_refuses_connection(lab, v):
    narrow(lab, lab.ra, v, *open_rules(OUT))
    lab.ra.passes(lab.rb, packet.tcp(4000, 81, SYN, 1000), v)
    lab.rb.passes(lab.ra, packet.tcp(81, 4000, RST | ACK, 0, 1001), v)
    lab.ra.passes(lab.rb, packet.tcp(4000, 81, SYN, 1000), v)


@test(v=PEERS)
def window_scaling(lab, v):
    """Data up to a scaled window away is in the window."""
    narrow(lab, lab.rb, v, rule(IN, "tcp", 80, lab.ra.ip[v]), *open_rules(OUT))
    scale = b"\3\3\7\1"
    lab.ra.passes(lab.rb, packet.tcp(4000, 80, SYN, 1000, options=scale), v)
    lab.rb.passes(lab.ra, packet.tcp(80, 4000, SYN | ACK, 5000, 1001,
                                     options=scale), v)
    lab.ra.passes(lab.rb, packet.tcp(4000, 80, ACK, 1001, 5001), v)
    with nothing_dropped(lab.rb):
        lab.ra.passes(lab.rb, packet.tcp(4000, 80, ACK, 1001 + 65000 * 100,
                                         5001, data=b"far"), v)


@test(v=PEERS)
def udp_becomes_a_stream(lab, v):
    narrow(lab, lab.ra, v, *open_rules(OUT))
    lab.ra.passes(lab.rb, packet.udp(1, 2), v)
    flow = lab.ra.flows()[0]
    assert flow["state"] == "single" and flow["expires"] <= 30, flow
    lab.rb.passes(lab.ra, packet.udp(2, 1), v)
    flow = lab.ra.flows()[0]
    assert flow["state"] == "stream" and 30 < flow["expires"] <= 180, flow


@test
def both_ends_keep_their_own(lab):
    """Two ENIs on one host have a flow each, with its own verdict."""
    narrow(lab, lab.ra2, 4, rule(IN, "udp", 2, lab.ra.ip[4]))
    lab.ra.passes(lab.ra2, packet.udp(1, 2))
    lab.ra2.passes(lab.ra, packet.udp(2, 1))
    assert lab.ra.flows()[0].get("flags", set()) == set()
    flags = lab.ra2.flows()[0]["flags"]
    assert flags == {"tracked", "ingress-origin"}, flags


@test
def flows_forgotten(lab):
    """flow-del forgets; the rules are asked again."""
    narrow(lab, lab.rb, 4, rule(IN, "tcp", 80, lab.ra.ip[4]), *open_rules(OUT))
    seq, ack = handshake(lab.ra, lab.rb, 4)
    lab.b.card("flow-del", eni=lab.rb.id)
    assert not lab.rb.flows()
    lab.set_policy(2, open_rules(OUT))
    with dropped(lab.rb, ingress_rule=1):
        lab.ra.send(lab.rb, packet.tcp(4000, 80, ACK, seq, ack))
