# SPDX-License-Identifier: GPL-2.0
"""The time server, as guests see it."""

import contextlib
import socket
import struct
import time

from ktap import test
from lab import DEADLINE, TIME, inside, until

SINCE_1900 = 2208988800
COOKIE = bytes(range(8))


def ask(guest, v):
    """What it answers to a client of NTP version 4: 48 bytes"""
    with inside(guest.name):
        sock = socket.socket(socket.AF_INET6 if v == 6 else socket.AF_INET,
                             socket.SOCK_DGRAM)
    with sock:
        sock.settimeout(DEADLINE)
        sock.connect((TIME[v], 123))
        sock.send(bytes([0x23]) + bytes(39) + COOKIE)
        return sock.recv(1024)


def asked(guest, v):
    found = []

    def answered():
        with contextlib.suppress(OSError):
            found.append(ask(guest, v))
        return found
    until(answered, "an answer")
    return found[0]


@test(v=(4, 6))
def host_time(lab, v):
    """The host's time, to ENIs of overlapping VPCs"""
    for guest in (lab.red1, lab.blue1):
        before = time.time()
        data = asked(guest, v)
        now = time.time()
        assert len(data) == 48
        leap, version, mode = data[0] >> 6, data[0] >> 3 & 7, data[0] & 7
        assert (leap, version, mode) == (0, 4, 4), data[0]
        assert data[1] == 4, f"stratum {data[1]}"
        assert data[24:32] == COOKIE, "an answer to something else"
        sent = struct.unpack(">II", data[40:48])[0] - SINCE_1900
        assert before - 1 <= sent <= now, (before, sent, now)


@test(v=(4, 6))
def a_client_of_its_own(lab, v):
    """chronyd finds the server and synchronizes with it."""
    asked(lab.red1, v)
    said = lab.red1.run("chronyd", "-Q", "-t", "60",
                        f"server {TIME[v]} iburst maxsamples 1", "cmdport 0",
                        "bindcmdaddress /", "pidfile /", "driftfile /dev/null",
                        stderr=True)
    assert "System clock wrong by" in said, said


@test
def nothing_but_time(lab):
    """It has no port for commands."""
    asked(lab.red1, 4)
    found = lab.sh("ip", "netns", "exec", "services", "ss", "-Hlun", "sport", "=", "123",
                   "or", "sport", "=", "323")
    assert sorted(line.split()[3] for line in found.splitlines()) == [
        "169.254.169.123:123", "[fd00:ec2::123]:123"], found
