# SPDX-License-Identifier: GPL-2.0
"""The metadata service, IMDSv2, as guests see it."""

import base64
import json
import os
import signal
import socket
import subprocess
import tempfile

from ktap import test
from lab import METADATA, TOKEN, TTL, inside, packet, until

SEP = "/latest/meta-data/"


@test(v=(4, 6))
def tree(lab, v):
    """What EC2's guests find, with the values of this ENI."""
    guest = lab.red1
    top = guest.meta("", v=v).splitlines()
    for name in ("hostname", "instance-id", "local-hostname", "local-ipv4", "mac",
                 "network/", "placement/", "services/", "security-groups"):
        assert name in top, top
    assert guest.meta("instance-id", v=v) == "i-" + guest.id.split("-")[1]
    assert guest.meta("local-ipv4", v=v) == "10.0.1.10"
    assert guest.meta("ipv6", v=v) == "fd00:10:0:1::10"
    assert guest.meta("mac", v=v) == guest.mac
    assert guest.meta("local-hostname", v=v) == "ip-10-0-1-10.nitro.internal"
    assert guest.meta("placement/region", v=v) == "eu-test-1"
    assert guest.meta("placement/availability-zone", v=v) == "eu-test-1a"
    assert guest.meta("security-groups", v=v) == "open"
    macs = guest.meta("network/interfaces/macs/", v=v)
    assert macs == f"{guest.mac}/"
    found = {name: guest.meta(f"network/interfaces/macs/{macs}{name}", v=v)
             for name in guest.meta(f"network/interfaces/macs/{macs}",
                                    v=v).splitlines()}
    eni, vpc = lab.show("eni", "red-1"), lab.show("vpc", "red")
    subnet = lab.show("subnet", "red-net")
    assert found == {
        "device-number": "0", "interface-id": eni["id"],
        "ipv6s": "fd00:10:0:1::10", "local-ipv4s": "10.0.1.10",
        "local-hostname": "ip-10-0-1-10.nitro.internal", "mac": guest.mac,
        "security-group-ids": lab.show("sg", "red/open")["id"],
        "security-groups": "open", "subnet-id": subnet["id"],
        "subnet-ipv4-cidr-block": "10.0.1.0/24",
        "subnet-ipv6-cidr-blocks": "fd00:10:0:1::/64", "vpc-id": vpc["id"],
        "vpc-ipv4-cidr-block": "10.0.0.0/16",
        "vpc-ipv4-cidr-blocks": "10.0.0.0/16",
        "vpc-ipv6-cidr-blocks": "fd00:10::/56"}, found


@test
def versions(lab):
    """Every version that is listed has the tree; another one has not."""
    found = lab.red1.get("/").splitlines()
    assert "latest" in found and "2009-04-04" in found and "2021-03-23" in found
    for version in ("2009-04-04", "2021-03-23", "latest"):
        assert (lab.red1.get(f"/{version}/meta-data/mac") == lab.red1.mac)
    lab.red1.get("/2021/meta-data/mac", status=404)
    lab.red1.get("/latestmeta-data/mac", status=404)


@test
def not_found(lab):
    for path in ("meta-data/nothing", "meta-data/mac/more", "meta-dat", "user-data",
                 "meta-data/public-keys/", "meta-data/../meta-data/mac",
                 "meta-data/network/interfaces/macs/00:00:00:00:00:00/mac"):
        lab.red1.get(f"/latest/{path}", status=404)


@test(v=(4, 6))
def token_is_needed(lab, v):
    """IMDSv2: nothing without a token, or with a wrong one."""
    good = lab.red1.token(v=v)
    wrong = (good[:20] + ("B" if good[20] == "A" else "A") + good[21:], good[:-1], good + "A", "", "x" * 5000,
             lab.blue1.token(v=v), lab.red2.token(v=v))
    for path in ("/", "/latest", SEP, SEP + "mac", "/latest/user-data", "/nothing"):
        assert lab.red1.request("GET", path, v=v).status == 401, path
    for token in wrong:
        status = lab.red1.request("GET", SEP, {TOKEN: token}, v=v).status
        assert status in (401, 431), (token, status)
    assert lab.red1.request("GET", SEP, {TOKEN: good}, v=v).status == 200
    head = lab.red1.request("HEAD", SEP, {TOKEN: good}, v=v)
    assert head.status == 200 and not head.body


@test
def token_ttl(lab):
    for ttl in ("1", "21600"):
        answer = lab.red1.request("PUT", "/latest/api/token", {TTL: ttl})
        assert answer.status == 200 and answer.headers[TTL] == ttl
    for ttl in ("0", "21601", "-1", "1.5", "x", "", "99999999999999999999", "0x10"):
        answer = lab.red1.request("PUT", "/latest/api/token", {TTL: ttl})
        assert answer.status == 400, (ttl, answer.status)
    assert lab.red1.request("PUT", "/latest/api/token").status == 400
    short = lab.red1.token(1)
    until(lambda: lab.red1.request("GET", SEP, {TOKEN: short}).status == 401,
          "the token expires")


@test
def token_not_through_a_proxy(lab):
    """EC2 User Guide: a PUT with X-Forwarded-For is refused."""
    answer = lab.red1.request("PUT", "/latest/api/token",
                              {TTL: "60", "X-Forwarded-For": "192.0.2.1"})
    assert answer.status == 403


@test
def methods(lab):
    token = {TOKEN: lab.red1.token()}
    for method in ("POST", "DELETE", "OPTIONS", "PATCH", "TRACE", "PUT"):
        assert lab.red1.request(method, SEP, token).status == 405, method
    assert lab.red1.request("GET", "/latest/api/token", token).status == 405
    assert lab.red1.request("PUT", "/latest/api/other", {TTL: "60"}).status == 405
    assert lab.red1.request("PUT", "/latest/api/token", {TTL: "60"},
                            body=b"x" * 100).status == 200


@test
def v1(lab):
    """An ENI that is told to takes requests without a token, too."""
    guest = lab.red2
    assert guest.request("GET", SEP + "mac").text == guest.mac
    assert guest.request("GET", SEP + "mac", {TOKEN: "wrong"}).status == 401
    assert guest.request("GET", SEP + "mac",
                         {TOKEN: guest.token()}).text == guest.mac


@test
def off_and_on(lab):
    """nitroctl's word is taken at once."""
    guest = lab.guest("switch", "red-net", ip4="10.0.1.50", ip6="fd00:10:0:1::50")
    guest.set("--metadata", "off")
    until(lambda: guest.request("PUT", "/latest/api/token",
                                {TTL: "60"}).status == 403, "it is off")
    assert guest.request("GET", "/").status == 403
    guest.set("--metadata", "v1")
    until(lambda: guest.request("GET", "/").status == 200, "v1")
    guest.set("--metadata", "on")
    until(lambda: guest.request("GET", "/").status == 401, "v2 only")
    assert guest.meta("mac") == guest.mac


@test(v=(4, 6))
def overlapping_vpcs(lab, v):
    """The same address and port in two VPCs, at the same time, each its own."""
    connections = {}
    for guest in (lab.red1, lab.blue1):
        connection = guest.connection(v)
        with inside(guest.name):
            sock = socket.socket(socket.AF_INET if v == 4 else socket.AF_INET6,
                                 socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((guest.ip[v], 30000))  # nobody gets it by chance
        sock.settimeout(5)
        sock.connect((METADATA[v], 80))
        connection.sock = sock
        connections[guest] = connection
    for _ in range(3):
        for guest, connection in connections.items():
            connection.request("GET", SEP + "network/interfaces/macs/" + guest.mac +
                               "/interface-id", headers={TOKEN: guest.token(v=v)})
            answer = connection.getresponse()
            assert answer.status == 200
            assert answer.read().decode() == guest.id
    for guest, other in ((lab.red1, lab.blue1), (lab.blue1, lab.red1)):
        guest.get(f"{SEP}network/interfaces/macs/{other.mac}/mac", v=v, status=404)
        connections[guest].close()


@test(v=(4, 6))
def spoofed_source(lab, v):
    """A connection from another ENI's address gets no answer and is counted."""
    guest = lab.red1
    other = "10.0.1.11" if v == 4 else "fd00:10:0:1::11"
    port = guest.port()
    before = lab.show("eni", "red-1")
    router = guest.run("ip", *(["-6"] if v == 6 else []), "route", "show",
                       "default").split()[2]
    guest.run("ping", "-c1", router)
    mac = json.loads(guest.run("ip", "-j", "neigh", "show", router))[0]["lladdr"]
    port.drain()
    for _ in range(3):
        port.send(packet.eth(mac, guest.mac, packet.ip(
            other, METADATA[v], packet.tcp(40001, 80))))
    until(lambda: drops(lab, "red-1", "source_address") >=
          before.get("drops", {}).get("source_address", 0) + 3, "it is dropped")
    guest.meta("mac", v=v)
    port.nothing(lambda f: f.ip_dst == other)


def drops(lab, name, reason):
    found = json.loads(lab.nitroctl("eni", "show", name, "--drops", "--json"))
    return found["drops"].get(reason, 0)


@test(v=(4, 6))
def hop_limit(lab, v):
    """The answer with the token goes one hop, the others as usual; the ENI may
    be told otherwise."""
    guest = lab.guest("hops", "red-net", "--metadata-hop-limit", "1",
                      ip4="10.0.1.51", ip6="fd00:10:0:1::51")
    for hops in (1, 3):
        guest.set("--metadata-hop-limit", str(hops))
        until(lambda hops=hops: token_ttl_seen(guest, v) == hops, f"{hops} hops")
    token = guest.token(v=v)
    port = guest.port()
    assert guest.get(SEP, v=v, token=token)
    frame = port.get(lambda f: f.sport == 80 and b"200 OK" in f.payload)
    assert frame.ttl == 64


def token_ttl_seen(guest, v):
    port = guest.port()
    guest.token(v=v)
    return port.get(lambda f: f.sport == 80 and b"200 OK" in f.payload).ttl


@test
def identity(lab):
    """The document says who it is; signatures are of the host's certificate."""
    path = "/latest/dynamic/instance-identity/"
    assert lab.red1.get(path).splitlines() == ["document", "pkcs7", "rsa2048",
                                               "signature"]
    document = lab.red1.get(path + "document")
    said = json.loads(document)
    assert said["instanceId"] == lab.red1.meta("instance-id")
    assert said["privateIp"] == "10.0.1.10" and said["region"] == "eu-test-1"
    with tempfile.TemporaryDirectory() as folder:
        pem = f"{lab.dir}/services/identity.pem"
        put(f"{folder}/document", document.encode())
        put(f"{folder}/sig", base64.b64decode(lab.red1.get(path + "signature")))
        put(f"{folder}/key", openssl("x509", "-in", pem, "-pubkey", "-noout"))
        openssl("dgst", "-sha256", "-verify", f"{folder}/key", "-signature",
                f"{folder}/sig", f"{folder}/document")
        for name in ("pkcs7", "rsa2048"):
            put(f"{folder}/p7", b"-----BEGIN PKCS7-----\n" +
                lab.red1.get(path + name).encode() + b"\n-----END PKCS7-----\n")
            found = openssl("smime", "-verify", "-inform", "PEM", "-in",
                            f"{folder}/p7", "-certfile", pem, "-noverify")
            assert found == document.encode()
    assert os.stat(f"{lab.dir}/services/identity.key").st_mode & 0o777 == 0o600


def put(path, data):
    with open(path, "wb") as file:
        file.write(data)


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], capture_output=True, check=False)
    assert not done.returncode, done.stderr
    return done.stdout


@test
def changes_are_seen(lab):
    """A new group, a domain: no restart, no delay that anyone has to wait for."""
    guest = lab.guest("moving", "blue-net", ip4="10.0.1.52", ip6="fd00:10:0:1::52")
    lab.nitroctl("sg", "create", "late", "--vpc", "blue")
    guest.set("--sg", "late")
    token = {TOKEN: guest.token()}
    until(lambda: guest.request("GET", SEP + "security-groups",
                                token).text == "late", "the group")
    lab.nitroctl("vpc", "set", "blue", "--domain", "corp.example")
    until(lambda: guest.meta("hostname") == "ip-10-0-1-52.corp.example", "domain")
    lab.remove(guest)
    lab.nitroctl("sg", "delete", "late")


@test
def an_eni_that_is_gone_is_forgotten(lab):
    first = lab.guest("brief", "red-net", ip4="10.0.1.53", ip6="fd00:10:0:1::53")
    token = first.token()
    lab.remove(first)
    second = lab.guest("heir", "red-net", ip4="10.0.1.53", ip6="fd00:10:0:1::53")
    assert second.request("GET", SEP, {TOKEN: token}).status == 401
    assert second.meta("network/interfaces/macs/") == f"{second.mac}/"


@test
def secondary_addresses(lab):
    """Each of the ENI's addresses, and those of a delegated prefix, is it."""
    guest = lab.guest("many", "red-net", "--ip", "10.0.1.61", "--ip",
                      "10.0.1.64/28", ip4="10.0.1.60", ip6="fd00:10:0:1::60")
    guest.run("ip", "addr", "add", "10.0.1.70/24", "dev", "eth0")
    token = guest.token()
    for source in ("10.0.1.60", "10.0.1.61", "10.0.1.70"):
        answer = guest.request("GET", SEP + "mac", {TOKEN: token}, source=source)
        assert answer.text == guest.mac, source
    dir_ = f"network/interfaces/macs/{guest.mac}/"
    assert guest.meta(dir_ + "local-ipv4s") == "10.0.1.60\n10.0.1.61"
    assert guest.meta(dir_ + "ipv4-prefix") == "10.0.1.64/28"


@test
def nitrod_may_be_away(lab):
    """Killed, the services go on with what they know; back, it tells them more."""
    token = lab.red1.token()
    lab.kill(lab.nitrod)
    assert lab.red1.request("GET", SEP, {TOKEN: token}).status == 200
    lab.start_nitrod()
    guest = lab.guest("after", "red-net", ip4="10.0.1.54", ip6="fd00:10:0:1::54")
    assert guest.meta("mac") == guest.mac
    assert lab.red1.request("GET", SEP, {TOKEN: token}).status == 200


@test
def services_may_be_away(lab):
    """Killed, nobody else notices: guests talk on, nitrod works. Started again,
    they serve."""
    lab.kill(lab.services)
    lab.red1.run("ping", "-c1", "10.0.1.1")
    guest_id = lab.nitroctl("eni", "create", "meanwhile", "--subnet", "red-net")
    assert guest_id.startswith("eni-")
    lab.nitroctl("eni", "delete", "meanwhile")
    lab.start_services()
    until(lambda: lab.knows(lab.red1), "they are back", 60)
    assert lab.red1.meta("mac") == lab.red1.mac


@test
def ends_well(lab):
    assert lab.kill(lab.services, signal.SIGTERM) == 0
    lab.start_services()
    until(lambda: lab.knows(lab.red1), "they are back", 60)
