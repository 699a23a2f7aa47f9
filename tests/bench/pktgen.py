# SPDX-License-Identifier: GPL-2.0
"""The kernel's packet generator, one device at a time.

Every function works in the network namespace that the caller is in.
"""

import re

BASE = "/proc/thread-self/net/pktgen"


def _write(name, line):
    with open(f"{BASE}/{name}", "w", encoding="ascii") as file:
        file.write(line + "\n")


class Stream:
    """What to send on a device: UDP, 64 bytes on the wire over IPv4. Over IPv6 it
    takes 20 more, whatever the size says."""

    sent = 0  # of all streams

    def __init__(self, ns, dev, dst_mac, source, dest, sport=(9000, 9000),
                 dport=(9000, 9000), random=False, size=60):
        self.ns, self.dev = ns, dev
        self.lines = [f"pkt_size {size}", "delay 0", "flag !SHARED",
                      "flag NO_TIMESTAMP",
                      f"dst_mac {dst_mac}",
                      f"udp_src_min {sport[0]}", f"udp_src_max {sport[1]}",
                      f"udp_dst_min {dport[0]}", f"udp_dst_max {dport[1]}"]
        if ":" in source:
            self.lines += [f"src6 {source}", f"dst6 {dest}"]
        else:
            self.lines += [f"src_min {source}", f"src_max {source}",
                           f"dst_min {dest}", f"dst_max {dest}"]
        if random:
            self.lines += ["flag UDPSRC_RND", "flag UDPDST_RND"]

    def run(self, count):
        """Send that many; the nanoseconds that one of them took."""
        with self.ns:
            _write("kpktgend_0", "rem_device_all")
            _write("kpktgend_0", f"add_device {self.dev}")
            for line in self.lines + [f"count {count}"]:
                _write(self.dev, line)
            _write("pgctrl", "start")
            with open(f"{BASE}/{self.dev}", encoding="ascii") as file:
                text = file.read()
        found = re.search(r"Result: OK: (\d+)\(c(\d+).*?\) usec, (\d+)", text)
        if not found or int(found[3]) != count:
            raise RuntimeError(f"pktgen on {self.dev}: {text[-300:]}")
        Stream.sent += count
        return int(found[1]) * 1000 / count
