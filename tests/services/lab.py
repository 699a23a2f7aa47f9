# SPDX-License-Identifier: GPL-2.0
"""A host with nitrod, nitro-services and guests, in one kernel.

    host: nitrod ---- services: nitro-services
     |  VPC red 10.0.0.0/16, fd00:10::/56      VPC blue, the same addresses
     |  red-1 .1.10   red-2 .1.11 (v1)         blue-1 .1.10
    each in a namespace of its own, which nitrod has configured

The daemons are the ones that users run, asked by nitroctl; so are unbound, with
another one for the names of the world, and chronyd.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SRC = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path[:0] = [os.path.join(SRC, "tests", name) for name in ("net", "lib")]

import packet  # pylint: disable=wrong-import-position
from nitronet import DEADLINE, Port, wait  # pylint: disable=wrong-import-position

METADATA = {4: "169.254.169.254", 6: "fd00:ec2::254"}
RESOLVER = {4: "169.254.169.253", 6: "fd00:ec2::253"}
TIME = {4: "169.254.169.123", 6: "fd00:ec2::123"}
WORLD = "127.0.0.2"
TTL = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "X-aws-ec2-metadata-token"
START = 60.0
# What is the address of "."? Flags RD, one question
QUESTION = bytes.fromhex("0001 0100 0001 0000 0000 0000 00 0001 0001")


class Refused(Exception):
    """A nitroctl that failed, and what it said."""


@contextlib.contextmanager
def inside(name):
    """In the network namespace of that name"""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{name}", os.O_RDONLY)
    os.setns(there, os.CLONE_NEWNET)
    os.close(there)
    try:
        yield
    finally:
        os.setns(home, os.CLONE_NEWNET)
        os.close(home)


class Connection(http.client.HTTPConnection):
    """HTTP to the metadata service from inside a namespace."""

    def __init__(self, netns, v, source=None):
        super().__init__(METADATA[v], 80, timeout=DEADLINE)
        self.netns, self.v, self.source = netns, v, source

    def connect(self):
        with inside(self.netns):
            self.sock = socket.socket(
                socket.AF_INET6 if self.v == 6 else socket.AF_INET,
                socket.SOCK_STREAM)
        self.sock.settimeout(DEADLINE)
        if self.source:
            self.sock.bind((self.source, 0))
        self.sock.connect((METADATA[self.v], 80))


class Answer:
    """What the metadata service said."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()
        self.text = self.body.decode(errors="replace")


class Guest:
    """A namespace with an ENI, called alike."""

    def __init__(self, lab, name, subnet, *options, ip4, ip6):
        self.lab, self.name = lab, name
        self.ip = {4: ip4, 6: ip6}
        lab.sh("ip", "netns", "add", name)
        lab.sh("ip", "-n", name, "link", "set", "lo", "up")
        self.id = lab.nitroctl("eni", "create", name, "--subnet", subnet, "--ip",
                               ip4, "--ip", ip6, *options).strip()
        lab.nitroctl("eni", "attach", name, "--netns", name, "--ifname", "eth0")
        self.mac = lab.show("eni", name)["mac"]
        self.kept = None

    def set(self, *options):
        self.lab.nitroctl("eni", "set", self.name, *options)

    def run(self, *command, **how):
        return self.lab.sh("ip", "netns", "exec", self.name, *command, **how)

    def port(self):
        """The netdev as frames"""
        class Here:  # what Port asks of a namespace
            __enter__ = staticmethod(lambda: None)
            __exit__ = staticmethod(lambda *_: None)
        with inside(self.name):
            return Port(Here(), "eth0")

    def connection(self, v=4, source=None):
        return Connection(self.name, v, source)

    def request(self, method, path, headers=None, v=4, source=None, body=None):
        connection = self.connection(v, source)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def token(self, seconds=21600, v=4):
        answer = self.request("PUT", "/latest/api/token", {TTL: str(seconds)}, v)
        assert answer.status == 200, answer.status
        return answer.text

    def get(self, path, v=4, status=200, token=None):
        """What is at a path, as text, with a token"""
        self.kept = token or self.kept or self.token()
        answer = self.request("GET", path, {TOKEN: self.kept}, v)
        if answer.status == 401 and not token:
            self.kept = self.token()  # of a service that has started again
            answer = self.request("GET", path, {TOKEN: self.kept}, v)
        assert answer.status == status, (path, answer.status, answer.text)
        return answer.text

    def meta(self, path, **how):
        return self.get(f"/latest/meta-data/{path}", **how)

    def stats(self):
        return self.lab.show("eni", self.name)["stats"]


class Lab:
    """See the head of this file."""

    services_binary = f"{SRC}/build/services/nitro-services"

    def __init__(self):
        self.broken = False
        self.dir = tempfile.mkdtemp()
        self.log = open(f"{self.dir}/log", "ab")
        self.socket = f"{self.dir}/n.sock"
        self.extra = []
        os.makedirs("/run/netns", exist_ok=True)
        for name in ("host", "services"):
            self.sh("ip", "netns", "add", name)
            self.sh("ip", "-n", name, "link", "set", "lo", "up")
        self.sh("ip", "-n", "host", "addr", "add", "192.0.2.1/32", "dev", "lo")
        self.nitrod = self.services = self.resolver = self.world = self.time = None
        self.start_nitrod()
        self.nitroctl("host", "set", "host", "--underlay", "192.0.2.1", "--local")
        for vpc in ("red", "blue"):
            self.nitroctl("vpc", "create", vpc, "--cidr", "10.0.0.0/16", "--cidr",
                          "fd00:10::/56")
            self.nitroctl("subnet", "create", f"{vpc}-net", "--vpc", vpc, "--cidr",
                          "10.0.1.0/24", "--cidr", "fd00:10:0:1::/64")
            self.nitroctl("sg", "create", "open", "--vpc", vpc)
        self.start_services()
        self.start_world()
        self.start_resolver()
        self.start_time()
        self.red1 = Guest(self, "red-1", "red-net", "--sg", "open",
                          ip4="10.0.1.10", ip6="fd00:10:0:1::10")
        self.red2 = Guest(self, "red-2", "red-net", "--metadata", "v1",
                          ip4="10.0.1.11", ip6="fd00:10:0:1::11")
        self.blue1 = Guest(self, "blue-1", "blue-net", ip4="10.0.1.10",
                           ip6="fd00:10:0:1::10")
        self.guests = [self.red1, self.red2, self.blue1]
        for guest in self.guests:
            wait(lambda guest=guest: self.knows(guest), f"{guest.name} is known",
                 START)
        wait(self.resolves, "both resolvers have started", START)

    def resolves(self):
        """Starting is a good deal of work, which no test should share a CPU with"""
        with contextlib.suppress(OSError), inside("services"), \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(DEADLINE)
            sock.connect((WORLD, 53))
            sock.send(QUESTION)
            return sock.recv(512) and os.path.exists(f"{self.dir}/resolver/control")
        return False

    @staticmethod
    def knows(guest):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return guest.request("GET", "/").status in (200, 401, 403)
        return False

    @staticmethod
    def sh(*command, check=True, stderr=False):
        done = subprocess.run(command, capture_output=True, text=True,
                              check=False)
        if check and done.returncode:
            raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout + (done.stderr if stderr else "")

    def start(self, netns, *command):
        return subprocess.Popen(["ip", "netns", "exec", netns, *command],
                                stdout=self.log, stderr=self.log)

    def start_nitrod(self):
        self.nitrod = self.start("host", f"{SRC}/build/daemon/nitrod", "--state",
                                 f"{self.dir}/state", "--socket", self.socket)
        wait(self.answers, "nitrod answers", START)

    def answers(self):
        with contextlib.suppress(Refused):
            return self.nitroctl("status")
        return None

    def start_services(self, socket_path=None):
        os.makedirs(f"{self.dir}/services", exist_ok=True)
        self.services = self.start(
            "services", self.services_binary, "--state", f"{self.dir}/services",
            "--socket", socket_path or f"{self.dir}/n-services.sock", "--region", "eu-test-1",
            "--runtime", f"{self.dir}/services",
            "--resolver", f"{self.dir}/resolver/control", "--dns", WORLD)

    def configured(self, name):
        """A configuration file of ours, with the directories of this lab"""
        with open(f"{SRC}/services/{name}.conf", encoding="utf-8") as file:
            text = file.read()
        os.makedirs(f"{self.dir}/{name}", 0o750, exist_ok=True)
        text = text.replace(f"/run/nitro-{name}", f"{self.dir}/{name}")
        path = f"{self.dir}/{name}.conf"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("/run/nitro-services", f"{self.dir}/services"))
        return path

    def start_resolver(self):
        with open("/proc/sys/net/core/rmem_default", "w", encoding="ascii") as file:
            file.write(str(8 << 20))  # as nitro-resolver.socket has it
        self.resolver = self.start("services", "unbound", "-d", "-p", "-c",
                                   self.configured("resolver"))

    def start_time(self):
        self.time = self.start("services", "chronyd", "-d", "-x", "-U", "-f",
                               self.configured("time"))

    def start_world(self):
        """The resolver of the host, for names that are no VPC's"""
        path = f"{self.dir}/world.conf"
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"""
server:
    interface: {WORLD}
    do-daemonize: no
    username: ""
    chroot: ""
    pidfile: ""
    use-syslog: no
    local-zone: "." static
    local-data: "www.example.org. A 198.51.100.80"
    local-data: "www.corp.example. A 198.51.100.81"
""")
        self.world = self.start("services", "unbound", "-d", "-p", "-c", path)

    @staticmethod
    def kill(process, number=signal.SIGKILL):
        process.send_signal(number)
        return process.wait(30)

    def nitroctl(self, *arguments):
        done = subprocess.run(
            [f"{SRC}/build/tools/nitroctl", *arguments], capture_output=True,
            text=True, check=False, env=os.environ | {"NITRO_SOCKET": self.socket})
        if done.returncode:
            raise Refused(done.stderr.strip())
        return done.stdout

    def show(self, kind, name):
        return json.loads(self.nitroctl(kind, "show", name, "--json"))

    def guest(self, *args, **how):
        """A guest for one test only"""
        guest = Guest(self, *args, **how)
        self.extra.append(guest)
        wait(lambda: self.knows(guest), f"{guest.name} is known", START)
        return guest

    def remove(self, guest):
        self.nitroctl("eni", "detach", guest.name)
        self.nitroctl("eni", "delete", guest.name)
        self.sh("ip", "netns", "del", guest.name)
        if guest in self.extra:
            self.extra.remove(guest)

    def reset(self):
        for guest in list(self.extra):
            self.remove(guest)

    def memory(self):
        """Resident memory of nitro-services in KiB"""
        with open(f"/proc/{self.services.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0

    def close(self):
        for process in (self.time, self.resolver, self.world, self.services, self.nitrod):
            if process and process.poll() is None:
                self.kill(process, signal.SIGTERM)
        for name in ["host", "services"] + [g.name for g in self.guests]:
            self.sh("ip", "netns", "del", name, check=False)
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def until(condition, what, deadline=30.0):
    return wait(condition, what, deadline)


def now():
    return time.monotonic()


__all__ = ["DEADLINE", "Lab", "SRC", "METADATA", "RESOLVER", "Refused", "TOKEN", "TTL",
           "TIME", "inside", "now", "packet", "until"]
