# SPDX-License-Identifier: GPL-2.0
"""The measures of guests of tests/bench/instance, see there.

The clock counts instructions, of the one CPU that the guest, QEMU and the host's kernel
share: what took a time is what all of them together have executed.
"""

import argparse
import glob
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [f"{HERE}/../lib", f"{HERE}/../ebs"]

# pylint: disable=wrong-import-position
import storage
import volumes

BUILD = "/src/build/bench"
FILES = "/run/bench"
CMDLINE = ("console=hvc0 quiet mitigations=off cryptomgr.notests "
           "random.trust_cpu=1 reboot=t panic=-1")
PATIENCE = 1500
TICK = 10**9 // os.sysconf("SC_CLK_TCK")


def wait_for(what, probe):
    """The clock runs slower than the machine's: patience is counted in looks."""
    deadline = time.monotonic() + PATIENCE
    while not probe():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not in time")
        time.sleep(0.01)


def cli(*words):
    done = subprocess.run(["nitroctl", *words], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise RuntimeError(f"{words}: {done.stderr}")
    return done.stdout.strip()


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Bench:
    def __init__(self, args):
        self.args = args
        self.goals = []

    def wanted(self, name):
        return not self.args.measure or any(part in name for part in self.args.measure)

    def compare(self, name, contestants, measure):
        """measure(contestant) gives figures by their name; of each the medians."""
        found = {who: {} for who in contestants}
        for _ in range(self.args.rounds):
            for who, thing in contestants.items():
                for key, value in measure(thing).items():
                    found[who].setdefault(key, []).append(value)
        medians = {}
        for key in dict.fromkeys(key for keys in found.values() for key in keys):
            print(f"\n{name}: {key} (median of {self.args.rounds}; least to most)")
            for who, keys in found.items():
                values = keys.get(key)
                if not values:
                    continue
                medians[who, key] = statistics.median(values)
                print(f"  {who:14} {medians[who, key]:14,.0f}   {min(values):,.0f} to "
                      f"{max(values):,.0f}", flush=True)
        return medians

    def goal(self, name, ratio, goal, least):
        verdict = "met" if (ratio <= goal if least else ratio >= goal) else "MISSED"
        line = f"{name}: {ratio:.2f}, goal {'<=' if least else '>='} {goal:.2f}: {verdict}"
        self.goals.append(line)
        print(f"  {line}", flush=True)


# --- from 'instance run' to the first instruction in user space ---

def bare_line(pid, disk):
    """The command line of an instance's QEMU for whoever opens everything itself."""
    words = read(f"/proc/{pid}/cmdline").decode().split("\0")[:-1]
    line, i = [], 0
    while i < len(words):
        word = words[i]
        value = words[i + 1] if i + 1 < len(words) else ""
        if word in ("-add-fd", "-sandbox", "-mon", "-fw_cfg") or value.startswith("socket,id=qmp"):
            i += 2
            continue
        word = re.sub(r"^kvm,device=.*", "kvm", word)
        word = re.sub(r"^socket,id=(serial|console),fd=\d+", r"file,id=\1,path=/run/bare.\1",
                      word)
        word = re.sub(r"^tap,id=([^,]*),fds=.*", r"tap,id=\1,ifname=bare0,script=no,"
                      "downscript=no,vhost=on", word)
        word = word.replace('"/dev/fdset/10000"', f'"{disk}"')
        if words[i - 1] in ("-kernel", "-initrd"):
            word = f"{FILES}/{words[i - 1][1:]}"
        line.append(word)
        i += 1
    return line


def idle():
    """What the host had nothing to do for: the clock goes on to the next timer."""
    return int(float(read("/proc/uptime").split()[1]) * 1e9)


def used():
    """What each unit of the host has executed since it is up."""
    found = {}
    for path in glob.glob("/sys/fs/cgroup/init.scope/cpu.stat") + \
            glob.glob("/sys/fs/cgroup/*.slice/**/*.service/cpu.stat", recursive=True):
        found[os.path.basename(os.path.dirname(path))] = int(read(path).split()[1]) * 1000
    return found


def executed(pid):
    """What the threads of a process have executed, and their guest, in ticks."""
    total = guest = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        total += int(read(f"/proc/{pid}/task/{thread}/schedstat").split()[0])
        line = read(f"/proc/{pid}/task/{thread}/stat").decode()
        guest += int(line.rpartition(")")[2].split()[40])
    return total, guest * TICK


class Ours:
    """An instance, made and started by nitrod."""

    def __init__(self):
        self.log = None
        self.before = {}

    def ready(self):
        self.before = used()

    def start(self):
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(
            ["nitroctl", "instance", "run", "first", "--memory", "160M", "--kernel",
             f"{FILES}/kernel", "--initrd", f"{FILES}/initrd", "--cmdline", CMDLINE,
             "--eni", "e1", "--volume", "v1", "--no-wait"], stdout=subprocess.DEVNULL)

    def said(self):
        if not self.log:
            # the ID is that of the name
            found = [name for name in os.listdir("/var/lib/nitro/instances")
                     if name.startswith("i-")] if \
                os.path.isdir("/var/lib/nitro/instances") else []
            self.log = f"/var/lib/nitro/instances/{found[0]}/console.log" if found else None
        return self.log and os.path.exists(self.log) and b"guest: first" in read(self.log)

    def steps(self, start):
        """When systemd began with the unit, and when nitro-launch had become QEMU."""
        after = used()
        unit = json.loads(cli("--json", "instance", "show", "first"))["unit"]
        found = storage.run("systemctl", "show", "-P", "InactiveExitTimestampMonotonic", "-P",
                            "ActiveEnterTimestampMonotonic", unit).split()
        pid = storage.run("systemctl", "show", "-P", "MainPID", unit).strip()
        return {"until systemd begins with the unit": int(found[0]) * 1000 - start,
                "until the unit is active": int(found[1]) * 1000 - start,
                "QEMU": executed(pid)[0], "guest": executed(pid)[1],
                **{name: value - self.before.get(name, 0) for name, value in after.items()
                   if value - self.before.get(name, 0) > 1000000}}

    def end(self):
        self.process.wait()
        cli("instance", "terminate", "first", "--force")
        cli("instance", "delete", "first")
        self.log = None


class Bare:
    """The same QEMU with the same devices, started by hand."""

    def __init__(self, line):
        self.line = line

    def ready(self):
        """Before each start."""

    def start(self):
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(self.line, stdin=subprocess.DEVNULL)

    @staticmethod
    def said():
        return os.path.exists("/run/bare.console") and \
            b"guest: first" in read("/run/bare.console")

    def steps(self, _):
        total, guest = executed(self.process.pid)
        return {"QEMU": total, "guest": guest}

    def end(self):
        self.process.kill()
        self.process.wait()
        os.unlink("/run/bare.console")


BOOT = "instructions to the first one in user space"


def boot(bench):
    """From 'instance run' to the guest's first instruction in user space. What nitrod
    writes is in memory: while all wait for a disk, a clock of instructions jumps."""
    # Prometheus is there for other tests, and does something now and then
    storage.run("systemctl", "stop", "nitrod.service", "prometheus.service")
    storage.run("mount", "-t", "tmpfs", "-o", "mode=700", "none", "/var/lib/nitro")
    storage.run("systemctl", "start", "nitrod.service")
    for line in ("host set host-a --underlay 192.0.2.1 --local",
                 "vpc create v --cidr 10.0.0.0/16", "subnet create s --vpc v --cidr 10.0.1.0/24",
                 "sg create g --vpc v", "eni create e1 --subnet s --sg g"):
        cli(*line.split())
    storage.run("mkfs.ext4", "-q", bench.disks[0].path)
    os.makedirs("/srv/bench", exist_ok=True)
    storage.run("mount", bench.disks[0].path, "/srv/bench")
    os.chmod("/srv/bench", 0o700)
    cli("pool", "create", "main", "--dir", "/srv/bench", "--size", "24M")
    cli("volume", "create", "v1", "--size", "16M")
    for line in ("ip tuntap add bare0 mode tap vnet_hdr", "ip link set bare0 up"):
        storage.run(*line.split())
    ours = Ours()
    ours.start()
    wait_for("the first instance", ours.said)
    unit = json.loads(cli("--json", "instance", "show", "first"))["unit"]
    pid = storage.run("systemctl", "show", "-P", "MainPID", unit).strip()
    bare = Bare(bare_line(pid, bench.disks[1].path))
    ours.end()

    def once(who):
        who.ready()
        still, start = idle(), time.monotonic_ns()
        who.start()
        wait_for("the guest", who.said)
        took = {BOOT: time.monotonic_ns() - start, "idle": idle() - still,
                **who.steps(start)}
        who.end()
        time.sleep(5)  # until all is idle; that passes at once
        return took

    found = bench.compare("boot", {"instance run": ours, "qemu": bare}, once)
    bench.goal("instance run / qemu", found["instance run", BOOT] / found["qemu", BOOT], 1.15,
               True)


MEASURES = [boot]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("measure", nargs="*")
    args = parser.parse_args()
    bench = Bench(args)
    volumes.Brd.load(2, 32)
    bench.disks = [volumes.brd(), volumes.brd()]
    os.makedirs(FILES, exist_ok=True)
    for name in ("kernel", "initrd"):
        shutil.copy(f"{BUILD}/{name}", FILES)
    print(f"Linux {os.uname().release}, {os.cpu_count()} CPU, instructions", flush=True)
    for measure in MEASURES:
        if bench.wanted(measure.__name__):
            measure(bench)


main()
