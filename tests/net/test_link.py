# SPDX-License-Identifier: GPL-2.0
"""The ENI as a netdev."""

import json
import struct

import packet
import rtnl
from ktap import test
from nitronet import Namespace, Port, dropped, refused, wait

ENA_COUNTERS = ("bw_in_allowance_exceeded", "bw_out_allowance_exceeded",
                "pps_allowance_exceeded", "conntrack_allowance_exceeded",
                "linklocal_allowance_exceeded", "conntrack_allowance_available")


@test
def kind(lab):
    shown = json.loads(lab.a1.ns.run("ip", "-j", "-d", "link", "show", "a1"))[0]
    assert shown["linkinfo"]["info_kind"] == "nitro", shown
    assert shown["address"] == lab.a1.mac
    assert "BROADCAST" in shown["flags"], shown["flags"]


@test(aws="1.1 mtu")
def mtu(lab):
    """MTU 9001 inside a VPC. EC2 User Guide, network_mtu."""
    with lab.a1.ns:
        link = rtnl.link_get("a1")
    assert struct.unpack("I", link[rtnl.IFLA_MTU])[0] == 9001


@test(aws="1.3 counters")
def ethtool_counters(lab):
    """The six allowance counters with ENA's names. ena_ethtool.c 114-135."""
    text = lab.ra.host.lab.raw.run("ethtool", "-S", "ra")
    shown = dict(line.strip().split(": ") for line in text.splitlines()[1:])
    for name in ENA_COUNTERS:
        assert name in shown, f"{name} is not in {sorted(shown)}"
    assert list(shown)[:6] == list(ENA_COUNTERS), "ENA's are not the first"
    assert int(shown["conntrack_allowance_available"]) > 0
    before = lab.ra.stats()
    assert set(before) <= set(shown), set(before) - set(shown)
    frame = bytearray(lab.ra.frame(lab.rb, packet.udp(1, 2)))
    frame[6:12] = packet.mac("06:ff:ff:ff:ff:ff")
    with dropped(lab.ra, source_mac=1):
        lab.ra.port.send(bytes(frame))
    text = lab.raw.run("ethtool", "-S", "ra")
    after = dict(line.strip().split(": ") for line in text.splitlines()[1:])
    changed = {n for n in after if after[n] != shown[n]}
    assert changed == {"drop_source_mac"}, changed


@test
def offloads(lab):
    text = lab.a1.ns.run("ethtool", "-k", "a1")
    shown = dict(line.strip().split(": ", 1) for line in text.splitlines()[1:])
    for name in ("tx-checksumming", "rx-checksumming", "scatter-gather",
                 "tcp-segmentation-offload", "tx-tcp-segmentation",
                 "tx-tcp6-segmentation", "generic-segmentation-offload",
                 "generic-receive-offload"):
        assert shown[name].startswith("on"), f"{name}: {shown[name]}"


@test
def netdev_counters(lab):
    def counters():
        text = lab.raw.run("ip", "-j", "-s", "link", "show", "ra")
        return json.loads(text)[0]["stats64"]

    lab.ra.find_router()
    before = counters()
    lab.ra.passes(lab.rb, packet.udp(1, 2, b"x" * 100))
    lab.rb.passes(lab.ra, packet.udp(2, 1, b"y" * 50))
    after = counters()
    for way, size in (("tx", 28 + 100), ("rx", 28 + 50)):
        assert after[way]["packets"] - before[way]["packets"] == 1
        assert after[way]["bytes"] - before[way]["bytes"] == size


@test
def unconfigured(lab):
    """An ENI that was only made lets nothing through."""
    with lab.a.ns:
        index = rtnl.link_add("bare", "nitro")
        rtnl.link_set("bare", up=True)
        shown = lab.a.card("eni-get", ifindex=index)
        port = Port(lab.a.ns, "bare")
        mac = shown["mac"]
        for v in (4, 6):
            port.send(packet.eth(lab.rb.mac, mac, packet.ip(
                lab.ra.ip[v], lab.rb.ip[v], packet.udp(1, 2))))
        port.send(packet.eth("ff:ff:ff:ff:ff:ff", mac, packet.arp(
            1, mac, "10.0.1.30", "10.0.1.1"), packet.ETH_ARP))
        wait(lambda: sum(entry["value"] for entry in lab.a.card(
            "eni-get", ifindex=index).get("drop", [])) >= 3, "the drops")
        port.nothing()
        lab.b.port.nothing(lambda f: f.vni is not None)
        port.sock.close()
        rtnl.link_del("bare")


@test
def no_policy(lab):
    """Without a policy nothing passes, in either direction."""
    eni = lab.eni(lab.a, "bare", 100, 77, 1, policy=None, stack=False)
    with dropped(eni, egress_rule=1):
        eni.send(lab.rb, packet.udp(1, 2))
    with dropped(eni, ingress_rule=1):
        lab.ra.send(eni, packet.udp(1, 2))
    eni.port.nothing()


@test
def no_route_table(lab):
    """Without a route table only the subnets are reached."""
    eni = lab.eni(lab.a, "bare", 100, 78, 1, table=None, stack=False)
    eni.passes(lab.rb, packet.udp(1, 2))
    with dropped(eni, no_route=1):
        eni.send(lab.rb3, packet.udp(1, 2))


@test
def same_id_twice(lab):
    with lab.a.ns:
        index = rtnl.link_add("twice", "nitro")
        with refused():
            lab.a.card("eni-set", id=lab.a1.id, ifindex=index, vni=1)
        rtnl.link_del("twice")


@test
def id_by_link(lab):
    """The id may come with the link itself, and cannot change."""
    with lab.a.ns:
        index = rtnl.link_add("born", "nitro", rtnl.attr(1, 4711))
        assert lab.a.card("eni-get", id=4711)["ifindex"] == index
        with refused():
            lab.a.card("eni-set", id=4712, ifindex=index)
        try:
            rtnl.link_add("born2", "nitro", rtnl.attr(1, 4711))
        except rtnl.RtnlError as error:
            assert error.sentence, "no extack"
        else:
            raise AssertionError("a second ENI with the same id")
        rtnl.link_del("born")
        with refused():
            lab.a.card("eni-get", id=4711)


@test
def many(lab):
    """ENIs come and go; counts are right."""
    before = lab.a.card("card-get").get("enis", 0)
    with lab.a.ns:
        for number in range(50):
            rtnl.link_add(f"m{number}", "nitro", rtnl.attr(1, 5000 + number))
    assert lab.a.card("card-get")["enis"] == before + 50
    ids = {eni.get("id") for eni in lab.a.card.dump("eni-get")}
    assert set(range(5000, 5050)) <= ids
    with lab.a.ns:
        for number in range(50):
            rtnl.link_del(f"m{number}")
    assert lab.a.card("card-get").get("enis", 0) == before


@test
def moved_and_renamed(lab):
    """The card keeps its ENI wherever the netdev goes."""
    eni = lab.eni(lab.a, "wander", 100, 79, 1, stack=False)
    shown = eni.get()
    assert shown["ifname"] == "wander", shown
    assert "netns-id" in shown, shown
    other = Namespace("other")
    with lab.raw:
        rtnl.link_set("wander", up=False)
        rtnl.link_set("wander", rename="wandered")
        rtnl.link_set("wandered", ns=other.fd)
    with other:
        rtnl.link_set("wandered", up=True)
    assert eni.get()["ifname"] == "wandered"
    eni.port.sock.close()
    eni.ns, eni.name, eni.port = other, "wandered", Port(other, "wandered")
    eni.passes(lab.rb, packet.udp(1, 2))
    lab.rb.passes(eni, packet.udp(2, 1))


@test
def down(lab):
    """An ENI that is down receives nothing; it is counted."""
    eni = lab.eni(lab.a, "lazy", 100, 80, 1, stack=False)
    with lab.raw:
        rtnl.link_set("lazy", up=False)
    with dropped(eni, holder=1):
        lab.ra.send(eni, packet.udp(1, 2))
    with lab.raw:
        rtnl.link_set("lazy", up=True)
    lab.ra.passes(eni, packet.udp(1, 2))


@test
def mac_change(lab):
    """A new MAC address of the netdev is what the card then checks."""
    eni = lab.eni(lab.a, "mac", 100, 81, 1, stack=False)
    with lab.raw:
        rtnl.link_set("mac", up=False)
        rtnl.link_set("mac", address="06:00:00:00:99:99")
        rtnl.link_set("mac", up=True)
    assert eni.get()["mac"] == "06:00:00:00:99:99"
    with dropped(eni, source_mac=1):
        eni.send(lab.rb, packet.udp(1, 2))
    eni.mac = "06:00:00:00:99:99"
    eni.set_mapping()
    eni.passes(lab.rb, packet.udp(1, 2))
    lab.rb.passes(eni, packet.udp(2, 1),
                  match=lambda f: f.dport == 1 and f.dst == eni.mac)


@test
def deleted_with_flows(lab):
    """Deleting an ENI takes its flows along."""
    eni = lab.eni(lab.a, "gone", 100, 82, 1, stack=False)
    lab.set_policy(9, [])
    for port in range(100):
        eni.send(lab.rb, packet.udp(1000 + port, 2))
    assert len(eni.flows()) == 100
    before = lab.a.card("card-get")["flows"]
    eni.close()
    wait(lambda: lab.a.card("card-get").get("flows", 0) <= before - 100,
         "forgetting the flows")
    with refused():
        lab.a.card("eni-get", id=eni.id)
