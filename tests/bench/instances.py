# SPDX-License-Identifier: GPL-2.0
"""nitrod with a hundred instances, of tests/bench/instance, see there.

The instances are stopped: what their QEMUs would do is not part of it. Their ENIs and
volumes are all there, in the card and as devices. Start is from exec to READY=1, when
nitrod has loaded its state, has read what the kernel has and has made that the same.
"""

import json
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

INSTANCES, EACH = 100, 10  # ENIs and volumes each
ROUNDS = 5
PAGE = os.sysconf("SC_PAGE_SIZE")
GOAL_MIB, GOAL_SECONDS = 32, 2


def stack(pool, kernel):
    names = [f"{n}-{i}" for n in range(INSTANCES) for i in range(EACH)]
    return {
        "version": 1,
        "hosts": [{"name": "us", "underlay": "192.0.2.1", "local": True}],
        "vpcs": [{"name": "v", "cidrs": ["10.0.0.0/8"],
                  "subnets": [{"name": "s", "cidrs": ["10.0.0.0/16"]}],
                  "security_groups": [{"name": "g", "ingress": [
                      {"protocol": "tcp", "ports": "22", "peer": "sg:g"}]}]}],
        "enis": [{"name": f"e{name}", "subnet": "s", "security_groups": ["g"]}
                 for name in names],
        "pools": [{"name": "p", "dir": pool, "size": "2G", "sparse": True}],
        "volumes": [{"name": f"v{name}", "size": "1M"} for name in names],
        "instances": [{
            "name": f"i{n}", "kernel": kernel, "state": "stopped", "memory": "1G",
            "enis": [f"e{n}-{i}" for i in range(EACH)],
            "volumes": [f"v{n}-{i}" for i in range(EACH)],
            "user_data": "#!/bin/sh\necho up\n"} for n in range(INSTANCES)],
    }


class Daemon:
    def __init__(self, where):
        self.where, self.process = where, None
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(f"{where}/notify")
        os.environ["NITRO_SOCKET"] = f"{where}/nitro.sock"

    def start(self):
        """Seconds until it is ready."""
        begin = time.monotonic()
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(
            ["build/daemon/nitrod", "--state", f"{self.where}/state"],
            env=dict(os.environ, NOTIFY_SOCKET=f"{self.where}/notify"))
        self.notify.settimeout(600)
        while b"READY=1" not in self.notify.recv(4096):
            pass
        return time.monotonic() - begin

    def stop(self):
        self.process.kill()
        self.process.wait()

    def resident(self):
        """MiB: all, and without what the libraries' files are."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            found = dict(line.split(":", 1) for line in file)
        return tuple(int(found[key].split()[0]) / 1024 for key in ("VmRSS", "RssAnon"))

    @staticmethod
    def cli(*words):
        return subprocess.run(["build/tools/nitroctl", *words], check=True, text=True,
                              stdout=subprocess.PIPE).stdout


def verdict(value, goal):
    return "met" if value <= goal else "MISSED"


def main():
    subprocess.run("mount -t tmpfs -o size=75% none /tmp && modprobe nitro_vpc && modprobe nitro_ebs && "
                   "ip link set lo up && ip addr add 192.0.2.1 dev lo", shell=True, check=True)
    if not os.path.exists("/etc/machine-id") or not os.path.getsize("/etc/machine-id"):
        subprocess.run("systemd-id128 new >/etc/machine-id", shell=True, check=True)
    where = tempfile.mkdtemp()
    daemon = Daemon(where)
    daemon.start()
    empty = daemon.resident()
    os.mkdir(f"{where}/pool", 0o700)
    with open(f"{where}/kernel", "wb") as file:
        file.write(b"kernel")
    with open(f"{where}/stack.json", "w", encoding="ascii") as file:
        json.dump(stack(f"{where}/pool", f"{where}/kernel"), file)
    begin = time.monotonic()
    daemon.cli("apply", "-q", "-f", f"{where}/stack.json")
    print(f"made: {INSTANCES} instances, {INSTANCES * EACH} ENIs, {INSTANCES * EACH} volumes "
          f"in {time.monotonic() - begin:.1f} s")
    after = daemon.resident()
    status = json.loads(daemon.cli("--json", "status"))
    counts, problems = status["counts"], status["problems"]
    print(f"counts: {counts}")
    for problem in problems[:3]:
        print(f"problem: {problem}")
    starts, sizes = [], []
    for _ in range(ROUNDS):
        daemon.stop()
        starts.append(daemon.start())
        daemon.cli("status")
        sizes.append(daemon.resident())
    began = statistics.median(starts)
    size, own = (statistics.median(values) for values in zip(*sizes))
    print(f"empty: {empty[0]:.1f} MiB resident, {empty[1]:.1f} of them its own")
    print(f"after making them: {after[0]:.1f} MiB resident, {after[1]:.1f} of them its own")
    print(f"started with them: {size:.1f} MiB resident, {own:.1f} of them its own; goal "
          f"{GOAL_MIB} MiB: {verdict(max(size, after[0]), GOAL_MIB)}")
    print(f"start and reconcile: {began:.2f} s ({min(starts):.2f} to {max(starts):.2f}); goal "
          f"{GOAL_SECONDS} s: {verdict(began, GOAL_SECONDS)}")
    daemon.stop()
    shutil.rmtree(where, ignore_errors=True)


main()
