# SPDX-License-Identifier: GPL-2.0
"""Debian's cloud-init, as it is in the package, configures a guest from what the
services tell: ds-identify and all four stages, in a root directory of its own on an
ENI. Only version 2 of the metadata is there."""

import array
import base64
import contextlib
import json
import os
import socket
import subprocess
import threading

from ktap import test
from lab import SRC, until

KEY = ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFwTqHRZdzq1SbHMvWvPEvfMHlJmP0P0Hfh6ZxUZ9iXk "
       "somebody@example")
SCRIPT = b"#!/bin/sh\necho \"$(hostname) $(id -u)\" >>/var/tmp/ran\n"
WANTED = ("etc/hostname", "etc/netplan/50-cloud-init.yaml", "home/debian/.ssh/authorized_keys",
          "var/tmp/ran", "var/lib/cloud/data/result.json", "run/cloud-init/cloud.cfg",
          "run/cloud-init/instance-data.json", "var/log/cloud-init.log")
# What firmware would say on EC2, and nitro's own instances do, is not to be had
# without firmware; cloud-init takes the hypervisor's word, too
UUID = "ec2e1916-9099-7caf-fd21-012345abcdef"
BOOT = """
mount --make-rprivate /
mount -t tmpfs tmpfs "$OUT"
mkdir "$OUT/upper" "$OUT/work" "$OUT/root" "$OUT/sys"
mount -t overlay -o "lowerdir=$ROOT,upperdir=$OUT/upper,workdir=$OUT/work" overlay "$OUT/root"
cd "$OUT/root"
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mount -t sysfs sysfs "$OUT/sys"
mount -t tmpfs tmpfs sys
mkdir -p sys/hypervisor
echo "$UUID" >sys/hypervisor/uuid
for dir in "$OUT"/sys/*; do
	mkdir -p "sys/${dir##*/}"
	[ "${dir##*/}" = hypervisor ] || mount --bind "$dir" "sys/${dir##*/}"
done
hostname before
for step in /usr/lib/cloud-init/ds-identify "cloud-init init --local" "cloud-init init" \\
	    "cloud-init modules --mode=config" "cloud-init modules --mode=final"; do
	# a stage that ends with 2 has warned, as it does where there is no systemd
	chroot . $step >&2 || [ $? = 2 ] || { echo "'$step' failed" >&2; break; }
done
hostname >etc/hostname.now
tar -cf - --ignore-failed-read etc/hostname.now $WANTED
"""


class Between(threading.Thread):
    """Between nitro-services and nitrod: adds to an ENI's instance what it was
    started with, its keys and user data."""

    def __init__(self, lab, instances):
        super().__init__(daemon=True)
        self.above, self.instances = f"{lab.dir}/n-services.sock", instances
        self.path = f"{lab.dir}/between.sock"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        self.server.listen()

    def run(self):
        while True:
            try:
                link, _ = self.server.accept()
            except OSError:
                return
            above = socket.socket(socket.AF_UNIX)
            above.connect(self.above)
            for serve in (self.up, self.down):
                threading.Thread(target=serve, args=(link, above), daemon=True).start()

    @staticmethod
    def up(link, above):
        while True:
            data, fds, _, _ = socket.recv_fds(link, 4096, 4)
            if not data:
                above.shutdown(socket.SHUT_WR)
                return
            socket.send_fds(above, [data], array.array("i", fds))
            for fd in fds:
                os.close(fd)

    def down(self, link, above):
        data = b""
        with contextlib.suppress(OSError):
            while chunk := above.recv(65536):
                *replies, data = (data + chunk).split(b"\0")
                for reply in replies:
                    link.sendall(self.changed(json.loads(reply)) + b"\0")
        link.close()

    def changed(self, reply):
        for eni in reply.get("parameters", {}).get("enis", []):
            if eni["instance"] and eni["name"] in self.instances:
                eni["instance"] |= self.instances[eni["name"]]
        return json.dumps(reply).encode()


@contextlib.contextmanager
def instances(lab, found):
    between = Between(lab, found)
    between.start()
    lab.kill(lab.services)
    lab.start_services(between.path)
    try:
        yield
    finally:
        lab.kill(lab.services)
        between.server.close()
        lab.start_services()
        until(lambda: lab.knows(lab.red1), "they serve again")


def boot(lab, guest):
    """Name of a file -> what is in it, after the first boot"""
    out = f"{lab.dir}/{guest.name}"
    os.makedirs(out, exist_ok=True)
    root = subprocess.run([f"{SRC}/tests/vm/cloud", "--print"], check=True, text=True,
                          capture_output=True).stdout.strip()
    done = subprocess.run(
        ["ip", "netns", "exec", guest.name, "unshare", "--mount", "--uts", "--pid",
         "--fork", "--kill-child", "sh", "-euc", BOOT],
        env=os.environ | {"OUT": out, "ROOT": root, "UUID": UUID,
                          "WANTED": " ".join(WANTED)},
        stdout=subprocess.PIPE, stderr=lab.log, check=False)
    with open(f"{out}.tar", "wb") as file:
        file.write(done.stdout)
    found = {}
    for name in (*WANTED, "etc/hostname.now"):
        found[name] = subprocess.run(["tar", "-xOf", f"{out}.tar", name], text=True, check=False,
                                     capture_output=True).stdout.strip()
    lab.log.write(found["var/log/cloud-init.log"].encode())
    return found


@test
def first_boot(lab):
    """Host name, key, script and network are those of the instance."""
    guest = lab.guest("red-8", "red-net", ip4="10.0.1.18", ip6="fd00:10:0:1::18")
    with instances(lab, {guest.name: {
            "user_data": base64.b64encode(SCRIPT).decode(),
            "public_keys": [{"name": "somebody@example", "key": KEY}]}}):
        until(lambda: lab.knows(guest), "metadata is served")
        found = boot(lab, guest)
    name = "ip-10-0-1-18"
    assert "Ec2" in found["run/cloud-init/cloud.cfg"], found["run/cloud-init/cloud.cfg"]
    result = json.loads(found["var/lib/cloud/data/result.json"])["v1"]
    assert result["datasource"].startswith("DataSourceEc2Local"), result
    assert not result["errors"], result
    assert found["etc/hostname"] == found["etc/hostname.now"] == name, found["etc/hostname"]
    assert KEY in found["home/debian/.ssh/authorized_keys"]
    assert found["var/tmp/ran"] == f"{name} 0", found["var/tmp/ran"]
    assert guest.mac in found["etc/netplan/50-cloud-init.yaml"]
    data = json.loads(found["run/cloud-init/instance-data.json"])["v1"]
    assert data["instance_id"] == "i-" + guest.id.split("-")[1], data["instance_id"]
    assert data["platform"] == "ec2" and data["region"] == "eu-test-1", data
    lab.remove(guest)
