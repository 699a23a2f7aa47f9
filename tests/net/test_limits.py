# SPDX-License-Identifier: GPL-2.0
"""Allowances of an ENI, and that they are only its own."""

import time

import packet
from ktap import test
from nitronet import dropped, open_rules, rule, wait


def change(eni, action):
    before = eni.drops()
    action()
    after = eni.drops()
    return {n: after[n] - before.get(n, 0) for n in after
            if after[n] != before.get(n, 0)}


def narrow(lab, eni):
    """Rules that are tracked, so that flows need room."""
    lab.set_policy(2, [rule(d, None, None, net)
                       for d in ("ingress", "egress")
                       for net in ("10.0.0.0/16", "fd00:1::/32")])
    eni.set(policy=2)


@test(v=(4, 6), aws="1.2 table limit")
def flow_limit(lab, v):
    """When the table is full, what would create a connection is dropped, and
    connections that are there go on. EC2 User Guide,
    security-group-connection-tracking."""
    narrow(lab, lab.ra)
    lab.ra.set(flow_limit=10)
    for port in range(10):
        lab.ra.passes(lab.rb, packet.udp(1000 + port, 2), v)
    assert lab.ra.stats()["conntrack_allowance_available"] == 0
    with dropped(lab.ra, flow_limit=3):
        for port in range(3):
            lab.ra.send(lab.rb, packet.udp(2000 + port, 2), v)
    assert lab.ra.stats()["conntrack_allowance_exceeded"] >= 3
    for port in range(10):
        lab.ra.passes(lab.rb, packet.udp(1000 + port, 2), v)
        lab.rb.passes(lab.ra, packet.udp(2, 1000 + port), v)
    # Others have room
    lab.ra2.passes(lab.rb, packet.udp(1, 2), v)
    lab.ra.set(flow_limit=20)
    lab.ra.passes(lab.rb, packet.udp(3000, 2), v)
    assert lab.ra.get()["flows"] == 11


@test
def flow_limit_of_receiver(lab):
    narrow(lab, lab.rb)
    lab.rb.set(flow_limit=5)
    for port in range(5):
        lab.ra.passes(lab.rb, packet.udp(1000 + port, 2))
    with dropped(lab.rb, flow_limit=1):
        lab.ra.send(lab.rb, packet.udp(1999, 2))


@test
def full_table_makes_room_for_untracked(lab):
    """Flows of open rules need no tracking, so they pass a full table."""
    lab.ra.set(flow_limit=5)
    for port in range(20):
        lab.ra.passes(lab.rb, packet.udp(1000 + port, 2))
    assert lab.ra.get()["flows"] <= 5


@test(clock=True)
def connection_rate(lab):
    """In time-travel mode no time passes while the test runs, so the bucket
    gives exactly its burst; then exactly its rate."""
    lab.ra.set(connection_rate=1000)
    time.sleep(1)

    def burst():
        for port in range(100):
            lab.ra.send(lab.rb, packet.udp(burst.port + port, 2))
        burst.port += 100

    burst.port = 1000
    first = change(lab.ra, burst)
    assert first == {"connection_rate": 100 - 16}, first
    time.sleep(0.010)
    second = change(lab.ra, burst)
    passed = 100 - second["connection_rate"]
    assert 10 <= passed <= 12, second
    # What is there goes on
    lab.ra.passes(lab.rb, packet.udp(1000, 2))


@test(clock=True)
def packets_per_second(lab):
    lab.ra.set(pps=10000)
    time.sleep(1)
    flow = lab.ra.frame(lab.rb, packet.udp(1, 2))

    def burst():
        for _ in range(500):
            lab.ra.port.send(flow)

    first = change(lab.ra, burst)
    assert first == {"pps": 500 - 100}, first
    assert lab.ra.stats()["pps_allowance_exceeded"] >= 400
    time.sleep(0.005)
    second = change(lab.ra, burst)
    assert 500 - 54 <= second["pps"] <= 500 - 49, second
    # Both directions together
    time.sleep(1)
    change(lab.ra, burst)
    with dropped(lab.ra, pps=1):
        lab.rb.send(lab.ra, packet.udp(2, 1))


@test(clock=True)
def bandwidth(lab):
    for direction, sender in (("out", lab.ra), ("in", lab.rb)):
        receiver = lab.rb if sender is lab.ra else lab.ra
        lab.ra.set(**{f"bandwidth_{direction}": 80_000_000})  # 10 MB/s
        time.sleep(1)
        frame = sender.frame(receiver, packet.udp(1, 2, bytes(972)))

        def burst():
            for _ in range(300):
                sender.port.send(frame)

        first = change(lab.ra, burst)
        # 10 ms, 100,000 bytes
        assert first == {f"bandwidth_{direction}": 200}, first
        assert lab.ra.stats()[f"bw_{direction}_allowance_exceeded"] >= 200
        time.sleep(0.005)
        second = change(lab.ra, burst)
        passed = 300 - second[f"bandwidth_{direction}"]
        assert 49 <= passed <= 53, second
        lab.ra.set(bandwidth_in=0, bandwidth_out=0)


@test(clock=True)
def no_limit_no_drop(lab):
    frame = lab.ra.frame(lab.rb, packet.udp(1, 2, bytes(8000)))

    def burst():
        for _ in range(2000):
            lab.ra.port.send(frame)

    assert change(lab.ra, burst) == {}


@test(v=(4, 6), clock=True, aws="1.3 link-local allowance")
def linklocal(lab, v):
    """1024 packets/s to link-local services, which cannot be raised. VPC User
    Guide, amazon-vpc-limits."""
    time.sleep(2)
    service = "169.254.169.253" if v == 4 else "fd00:ec2::253"
    frame = lab.ra.frame(None, packet.udp(1, 53), v, dest=service)

    def burst():
        for _ in range(1500):
            lab.ra.port.send(frame)

    found = change(lab.ra, burst)
    assert found == {"no_service": 1024, "linklocal": 1500 - 1024}, found
    assert lab.ra.stats()["linklocal_allowance_exceeded"] >= 1500 - 1024
    # Others have their own
    with dropped(lab.ra2, no_service=1):
        lab.ra2.send(None, packet.udp(1, 53), v, dest=service)


@test
def neighbour_at_its_limit(lab):
    """An ENI that floods new connections takes nothing from another."""
    narrow(lab, lab.ra)
    lab.ra.set(flow_limit=100)
    for port in range(2000):
        lab.ra.send(lab.rb, packet.tcp(1024 + port, 80))
        if port % 100 == 0:
            lab.ra2.passes(lab.rb, packet.udp(port + 1, 2))
    assert lab.ra.get()["flows"] == 100


@test(clock=True)
def idle_timeouts(lab):
    """Flows are forgotten after their state's time, and no sooner."""
    lab.set_policy(2, open_rules("egress"))
    lab.ra.set(policy=2)

    def alive(seconds):
        lab.ra.reset()
        lab.ra.set(policy=2, udp_timeout=40, udp_stream_timeout=60,
                   tcp_established_timeout=60)

    alive(0)
    lab.ra.passes(lab.rb, packet.udp(1, 2))
    time.sleep(38)
    lab.rb.passes(lab.ra, packet.udp(2, 1))
    # Now it is a stream
    time.sleep(58)
    lab.rb.passes(lab.ra, packet.udp(2, 1))
    time.sleep(63)
    with dropped(lab.ra, ingress_rule=1):
        lab.rb.send(lab.ra, packet.udp(2, 1))
    alive(0)
    lab.ra.passes(lab.rb, packet.udp(1, 2))
    time.sleep(43)
    with dropped(lab.ra, ingress_rule=1):
        lab.rb.send(lab.ra, packet.udp(2, 1))
    # ... and garbage is collected without anybody looking
    lab.ra.passes(lab.rb, packet.udp(1, 2))
    assert lab.ra.get()["flows"] == 1
    time.sleep(120)
    wait(lambda: lab.ra.get().get("flows", 0) == 0, "collection")


@test(clock=True, aws="1.2 established timeout")
def tcp_timeouts(lab):
    """TCP established: 60..432000 s, 350 s by default (Nitro v6). EC2 API,
    ConnectionTrackingConfiguration."""
    from test_tracking import handshake
    lab.set_policy(2, open_rules("egress"))
    lab.ra.set(policy=2, tcp_established_timeout=432000)
    handshake(lab.ra, lab.rb, 4)
    assert 431990 <= lab.ra.flows()[0]["expires"] <= 432000
    for seconds in (60, 350):
        lab.ra.reset()
        lab.ra.set(policy=2, tcp_established_timeout=seconds)
        handshake(lab.ra, lab.rb, 4)
        time.sleep(seconds - 4)
        lab.rb.passes(lab.ra, packet.tcp(80, 4000, packet.ACK, 5001, 1001))
        time.sleep(seconds + 10)
        with dropped(lab.ra, ingress_rule=1):
            lab.rb.send(lab.ra, packet.tcp(80, 4000, packet.ACK, 5001, 1001))


@test(clock=True, aws="1.2 600 s")
def other_protocols_600(lab):
    """Other protocols are tracked for 600 s. EC2 User Guide,
    security-group-connection-tracking."""
    lab.set_policy(2, open_rules("egress"))
    lab.ra.set(policy=2)
    lab.ra.passes(lab.rb, packet.raw(47, bytes(20)))
    time.sleep(595)
    lab.rb.passes(lab.ra, packet.raw(47, bytes(20)))
    time.sleep(606)
    with dropped(lab.ra, ingress_rule=1):
        lab.rb.send(lab.ra, packet.raw(47, bytes(20)))


@test(clock=True)
def half_open_does_not_last(lab):
    """A SYN flood's entries go long before established ones."""
    lab.set_policy(2, open_rules("egress"))
    lab.ra.set(policy=2)
    for port in range(50):
        lab.ra.send(lab.rb, packet.tcp(1000 + port, 80))
    assert lab.ra.get()["flows"] == 50
    time.sleep(240)
    wait(lambda: lab.ra.get().get("flows", 0) == 0, "collection")


@test(v=(4, 6), clock=True)
def fragments_are_forgotten(lab, v):
    from test_fragment import pieces
    frames = pieces(lab.ra, lab.rb, v)
    lab.ra.port.send(frames[0])
    time.sleep(120)
    with dropped(lab.ra, fragment=1):
        lab.ra.port.send(frames[1])
