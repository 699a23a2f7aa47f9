# SPDX-License-Identifier: GPL-2.0
"""Random messages for the control interface of nitro_vpc; see genl.py.

Meanwhile ENIs come and go, sockets with staged mappings close, and dumps stop in
the middle. What is left in the end can be deleted, to the last object.
"""

import random
import socket
import struct
import subprocess
import sys

import genl
import rtnl
from genl import IDS, NLM_F_ACK, NLM_F_DUMP, SEED, Socket


class Vpc(genl.Fuzzer):
    name = "nitro_vpc"

    def __init__(self, rnd):
        super().__init__(rnd)
        self.others = []
        self.links = 0
        self.six = False
        self.mapped = None  # a message that makes mappings

    def likely(self, name):
        if name == "vni":
            return self.rnd.choice((7,) * 10 + (8, 9))
        if name == "prefix-len":
            return self.rnd.choice((0, 8, 16, 24, 32, 32, 32, 64, 128, 128))
        if name in ("ip4", "local-ip4", "remote-ip4"):
            return self.rnd.choice((0x0a00000a, 0x0a00000b, 0x0a000000,
                                    0xc0000201, 0xc0000202, 0))
        if name == "ifindex":
            return self.rnd.choice(list(self.indices()) or [1])
        if name.endswith("timeout"):
            return self.rnd.choice((30, 60, 180, 350))
        if name == "protocol":
            return self.rnd.choice((1, 6, 17, 58, 47))
        if "port" in name:
            return self.rnd.choice((22, 80, 80, 443, 0x800))
        return self.rnd.choice(IDS)

    @staticmethod
    def indices():
        return (index for index, name in socket.if_nameindex()
                if name.startswith("f"))

    def binary(self, name):
        if name == "mac":
            return bytes((6, 0, 0, 0, 0, self.rnd.choice(IDS)))
        return bytes.fromhex("fd000001" + "00" * 11) + bytes(
            (self.rnd.choice((0, 0, 10, 11)),))

    def prefix(self, name):
        """An ENI's addresses and subnets that fit each other."""
        if name == "subnet":
            ip4, ip6, lengths = 0x0a000000, 0, (24, 64)
        else:
            ip4 = 0x0a00000a + self.rnd.randrange(4)
            ip6, lengths = ip4 & 0xff, (32, 128)
        if self.chance(70):
            return (rtnl.attr(1, struct.pack(">I", ip4)) +
                    rtnl.attr(3, lengths[0]))
        return (rtnl.attr(2, bytes.fromhex("fd000001" + "00" * 11) +
                          bytes((ip6,))) + rtnl.attr(3, lengths[1]))

    def mapping(self):
        """One that is right, if its host is there."""
        numbers = self.family.sets["mapping"]
        return b"".join(rtnl.attr(numbers[name][0], value) for name, value in (
            ("vni", 7), ("ip4", struct.pack(">I", 0x0a00000a + self.rnd.randrange(4))),
            ("prefix-len", 32), ("host", self.rnd.choice(IDS))))

    def nest(self, name, inner, depth):
        if name in ("address", "subnet") and self.chance(90):
            return self.prefix(name)
        if name == "entry" and self.chance(50):
            return self.mapping()
        return super().nest(name, inner, depth)

    def skip(self, name, depth, names):
        """One of the IP versions; some that are mostly not wanted together."""
        if name in ("ip4", "ip6"):
            return (name == "ip6") != self.six and not self.chance(2)
        if name in ("tag", "stage", "commit"):
            return self.chance(80)
        if len(names) > 12:
            return self.chance(65)
        return super().skip(name, depth, names)

    def attributes(self, set_name, names, depth=0):
        outer, self.six = self.six, self.chance(25)
        try:
            return super().attributes(set_name, names, depth)
        finally:
            self.six = outer

    def only(self, op, attrs):
        # All of a VPC: one mapping's key is seldom guessed
        return ["vni"] if op == "mapping-del" and self.chance(30) else attrs

    def before(self, op):
        if op == "mapping-del" and self.mapped:
            # Else there would seldom be something to delete
            self.sock.send(self.mapped)
            self.sock.answers()

    def after(self, op, message):
        if op != "mapping-set":
            return
        numbers = self.family.sets["mapping-list"]
        found = rtnl.attrs(message[20:])
        if numbers["entry"][0] in (kind & 0x3fff for kind in found) and \
                numbers["stage"][0] not in found:
            self.mapped = message

    def state(self):
        """What is configured; an ENI without what counts."""
        found = []
        for name in ("host-get", "mapping-get", "route-table-get",
                     "policy-get"):
            found.append(self.dump(self.family.ops[name][0]))
        counts = [self.family.sets["eni"][name][0]
                  for name in ("stat", "drop", "flows")]
        for eni in self.dump(self.family.ops["eni-get"][0]):
            kept = b""
            while eni:
                size, kind = struct.unpack_from("HH", eni)
                if kind & 0x3fff not in counts:
                    kept += eni[:size]
                eni = eni[(size + 3) & ~3:]
            found.append(kept)
        return found

    def beside(self, count):
        if count % 40 == 0:
            self.link()
        if count % 60 == 0:
            self.other_socket()

    def link(self):
        """Make or delete an ENI, with a handle or without."""
        indices = list(self.indices())
        try:
            if len(indices) < 4:
                self.links += 1
                data = b"" if self.chance(30) else \
                    rtnl.attr(1, self.rnd.choice(IDS))
                rtnl.link_add(f"f{self.links}", "nitro", data)
            else:
                rtnl.link_del(socket.if_indextoname(self.rnd.choice(indices)))
        except OSError:
            pass  # That handle is taken

    def other_socket(self):
        """A socket that stages mappings and closes, or leaves a dump."""
        if self.others and self.chance(50):
            self.others.pop(self.rnd.randrange(len(self.others))).close()
            return
        other = Socket()
        self.others.append(other)
        command, set_name, _ = self.family.ops["mapping-set"]
        names = ["entry", "vni", "stage"]
        body = b"".join(self.attribute(set_name, name, 0) for name in names)
        other.send(self.message(self.number, command, body, NLM_F_ACK))
        other.answers()
        if self.chance(50):
            dump = self.rnd.choice(("mapping-get", "policy-get", "eni-get",
                                    "flow-get", "host-get"))
            other.send(self.message(self.number, self.family.ops[dump][0], b"",
                                    NLM_F_DUMP))

    def clear(self):
        for other in self.others:
            other.close()
        for index in list(self.indices()):
            rtnl.link_del(socket.if_indextoname(index))
        ids = self.family.sets
        vnis = set()
        for message in self.dump(self.family.ops["mapping-get"][0]):
            while message:
                size = struct.unpack_from("H", message)[0]
                vnis.add(rtnl.attrs(message[4:size])[1])
                message = message[(size + 3) & ~3:]
        for vni in vnis:
            self.must("mapping-del", rtnl.attr(ids["mapping-list"]["vni"][0],
                                               vni))
        for name in ("policy", "route-table", "host"):
            found = {rtnl.attrs(message)[1] for message in
                     self.dump(self.family.ops[f"{name}-get"][0])}
            for number in found:
                self.must(f"{name}-del", rtnl.attr(1, number))
        self.sock.send(self.message(self.number, 1, b"", NLM_F_ACK))
        _, _, replies = self.sock.answers()
        counts = rtnl.attrs(replies[0][4:])
        for name in ("enis", "hosts", "policies", "route-tables", "mappings",
                     "flows"):
            left = struct.unpack("I", counts[ids["card"][name][0]])[0]
            assert not left, f"{left} {name} left"


def main():
    subprocess.run(["modprobe", "nitro_vpc"], check=True)
    print(f"seed {SEED}, {genl.ROUNDS} rounds", flush=True)
    fuzzer = Vpc(random.Random(SEED))
    fuzzer.run()
    fuzzer.clear()
    fuzzer.sock.close()
    subprocess.run(["modprobe", "-r", "nitro_vpc"], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
