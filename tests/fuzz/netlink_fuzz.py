# SPDX-License-Identifier: GPL-2.0
"""Random messages for the control interface.

Messages are made from docs/netlink/specs/nitro_vpc.yaml: most of their
attributes are right, so that they get far; some are of the wrong length or
value, missing, twice, unknown, in the wrong order, or cut off; and some
messages are damaged as bytes. Meanwhile ENIs come and go, sockets with staged
mappings close, and dumps stop in the middle.

What has to hold: a request that is refused changes nothing and says why; and
what is left in the end can be deleted, to the last object. What the kernel
itself complains about, the caller of this sees.
"""

import errno
import os
import random
import socket
import struct
import subprocess
import sys

import yaml

HERE = os.path.dirname(os.path.realpath(__file__))
SRC = os.path.realpath(f"{HERE}/../..")
sys.path.insert(0, f"{SRC}/tests/net")

import rtnl  # pylint: disable=wrong-import-position

SPEC = f"{SRC}/docs/netlink/specs/nitro_vpc.yaml"
ROUNDS = int(os.environ.get("NITRO_FUZZ_ROUNDS", "6000"))
SEED = int(os.environ.get("NITRO_FUZZ_SEED", "1"))
NETLINK_GENERIC = 16
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 1, 4, 0x300
NESTED = 0x8000
WIDTH = {"u16": 2, "u32": 4, "s32": 4, "u64": 8}

# Few values, so that objects meet
IDS = (1, 2, 3, 4)
ODD_NUMBERS = (0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0xffffff,
               0x1000000, 0x7fffffff, 0x80000000, 0xffffffff)


class Family:
    """The specification, with the numbers that the generator gives."""

    def __init__(self):
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        with open(SPEC, encoding="utf-8") as file:
            spec = yaml.load(file, loader)
        self.sets = {}
        for entry in spec["attribute-sets"]:
            self.sets[entry["name"]] = {
                attr["name"]: (number, attr) for number, attr in
                enumerate(entry["attributes"], 1)}
        self.enums = {entry["name"]: entry for entry in spec["definitions"]}
        self.ops = {}
        for number, op in enumerate(spec["operations"]["list"], 1):
            requests = []
            for kind in ("do", "dump"):
                if kind in op:
                    request = op[kind].get("request", {})
                    requests.append((kind, request.get("attributes", [])))
            if requests:
                self.ops[op["name"]] = (number, op["attribute-set"], requests)


class Socket:
    """A generic netlink socket."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                  NETLINK_GENERIC)
        self.sock.bind((0, 0))
        self.sock.setsockopt(270, 11, 1)  # NETLINK_EXT_ACK
        self.sock.settimeout(20)
        self.seq = 0

    def send(self, message):
        self.seq += 1
        message = bytearray(message)
        if len(message) >= 16:
            struct.pack_into("I", message, 8, self.seq)
        self.sock.send(message)

    def answers(self):
        """(errno, extack) of the request that was sent, and all replies."""
        replies = []
        while True:
            data = self.sock.recv(1 << 17)
            while len(data) >= 16:
                size, kind, flags, seq = struct.unpack_from("IHHI", data)
                body, data = data[16:size], data[(size + 3) & ~3:]
                if seq != self.seq:
                    continue
                if kind == rtnl.NLMSG_DONE:
                    code = struct.unpack_from("i", body)[0]
                    return -code, rtnl.attrs(body[4:]), replies
                if kind != rtnl.NLMSG_ERROR:
                    replies.append(body)
                    continue
                code = struct.unpack_from("i", body)[0]
                quoted = 16
                if code and not flags & 0x100:  # NLM_F_CAPPED
                    quoted = struct.unpack_from("I", body, 4)[0]
                tlvs = rtnl.attrs(body[4 + ((quoted + 3) & ~3):]
                                  ) if flags & 0x200 else {}
                return -code, tlvs, replies

    def close(self):
        self.sock.close()


class Fuzzer:
    """Sends messages and looks at what they have done."""

    def __init__(self, rnd):
        self.rnd = rnd
        self.family = Family()
        self.sock = Socket()
        self.others = []
        self.number = self.family_number()
        self.links = 0
        self.done = self.refused = self.checked = 0
        self.good = {}
        self.taken = set()

    def family_number(self):
        message = self.message(16, 3, rtnl.attr(2, "nitro_vpc"), NLM_F_ACK)
        self.sock.send(message)
        _, _, replies = self.sock.answers()
        return struct.unpack_from("H", rtnl.attrs(replies[0][4:])[1])[0]

    @staticmethod
    def message(family, command, body, flags):
        return struct.pack("IHHIIBBH", 20 + len(body), family,
                           NLM_F_REQUEST | flags, 0, 0, command, 1, 0) + body

    # --- attributes

    def chance(self, percent):
        return self.rnd.random() * 100 < percent

    def number_for(self, name, attr):
        """A value that the attribute might well have."""
        if "enum" in attr:
            enum = self.family.enums[attr["enum"]]
            return self.rnd.randrange(len(enum["entries"]))
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

    def payload(self, name, attr):
        kind = attr["type"]
        if kind == "flag":
            return b""
        if kind == "string":
            return b"nitro\0"
        if kind == "binary":
            if name == "mac":
                return bytes((6, 0, 0, 0, 0, self.rnd.choice(IDS)))
            return bytes.fromhex("fd000001" + "00" * 11) + bytes(
                (self.rnd.choice((0, 0, 10, 11)),))
        width = WIDTH[kind]
        if self.chance(4):
            value = self.rnd.choice(ODD_NUMBERS)
        else:
            value = self.number_for(name, attr)
        order = "big" if attr.get("byte-order") == "big-endian" else "little"
        return (value & ((1 << 8 * width) - 1)).to_bytes(width, order)

    def damage(self, data):
        """Another length, or other bytes."""
        action = self.rnd.randrange(3)
        if action == 0 and data:
            return data[:self.rnd.randrange(len(data))]
        if action == 1:
            return data + self.rnd.randbytes(self.rnd.choice((1, 3, 4, 300)))
        return self.rnd.randbytes(len(data))

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

    def attribute(self, set_name, name, depth):
        number, attr = self.family.sets[set_name][name]
        if name in ("address", "subnet") and self.chance(90):
            data = self.prefix(name)
            number |= NESTED
        elif attr["type"] == "nest":
            inner = attr["nested-attributes"]
            data = self.attributes(inner, list(self.family.sets[inner]),
                                   depth + 1)
            if not self.chance(2):
                number |= NESTED
        else:
            data = self.payload(name, attr)
        if self.chance(1):
            data = self.damage(data)
        if self.chance(0.5):
            number = self.rnd.choice((0, number + 1, 99, 0x3fff))
        return rtnl.attr(number, data)

    def skip(self, name, depth, names):
        """Attributes that are mostly not wanted together."""
        if name == "ip6":
            return self.chance(97) if "ip4" in names else False
        if name == "ip4":
            return self.chance(25)
        if name in ("tag", "stage", "commit"):
            return self.chance(80)
        if len(names) > 12:
            return self.chance(65)
        return self.chance(6 if depth else 12)

    def attributes(self, set_name, names, depth=0):
        out = []
        # One of the families
        six = self.chance(25)
        for name in names:
            if name == "ip4" and six or name == "ip6" and not six:
                if not self.chance(2):
                    continue
            elif name not in ("ip4", "ip6") and self.skip(name, depth, names):
                continue
            attr = self.family.sets[set_name][name][1]
            times = 1
            if attr.get("multi-attr"):
                times = self.rnd.choice((0, 1, 1, 2, 3, 20) if depth or
                                        len(names) < 12 else (0, 1, 1, 2))
            for _ in range(times):
                out.append(self.attribute(set_name, name, depth))
        if self.chance(5):
            self.rnd.shuffle(out)
        return b"".join(out)

    # --- messages

    def request(self):
        name = self.rnd.choice(list(self.family.ops))
        command, set_name, requests = self.family.ops[name]
        kind, attrs = self.rnd.choice(requests)
        if name == "mapping-del" and self.chance(30):
            attrs = ["vni"]  # all of a VPC: one mapping's key is seldom guessed
        body = self.attributes(set_name, attrs)
        flags = NLM_F_ACK if kind == "do" else NLM_F_DUMP
        if self.chance(1):
            flags ^= NLM_F_DUMP
        if self.chance(0.5):
            command = self.rnd.randrange(256)
        message = self.message(self.number, command, body, flags)
        if name in self.good and self.chance(20):
            # What was taken before, again or with a few bytes changed
            message = bytearray(self.good[name])
            for _ in range(self.rnd.choice((0, 0, 1, 2, 8))):
                at = self.rnd.randrange(20, len(message) + 1)
                if at < len(message):
                    message[at] = self.rnd.randrange(256)
        if self.chance(1) and len(message) > 21:
            message = message[:self.rnd.randrange(20, len(message))]
            message = struct.pack("I", len(message)) + message[4:]
        return name, bytes(message)

    def dump(self, command):
        self.sock.send(self.message(self.number, command, b"", NLM_F_DUMP))
        code, _, replies = self.sock.answers()
        assert not code, f"dump of {command}: {os.strerror(code)}"
        return [reply[4:] for reply in replies]

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

    def step(self):
        name, message = self.request()
        if name == "mapping-del" and "mapping-set" in self.good:
            # Else there would seldom be something to delete
            self.sock.send(self.good["mapping-set"])
            self.sock.answers()
        watched = self.chance(4)
        before = self.state() if watched else None
        self.sock.send(message)
        code, extack, _ = self.sock.answers()
        if not code:
            self.done += 1
            self.taken.add(name)
            self.good[name] = message
            return
        self.refused += 1
        # These two are the core's, before anything is looked at
        assert extack or code in (errno.EOPNOTSUPP, errno.EPROTONOSUPPORT,
                                  errno.ENOENT), \
            f"{name}: {os.strerror(code)} without extack: {message.hex()}"
        if watched:
            self.checked += 1
            after = self.state()
            assert before == after, \
                f"{name}: refused, but changed something: {message.hex()}"

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

    def run(self):
        for count in range(ROUNDS):
            self.step()
            if count % 40 == 0:
                self.link()
            if count % 60 == 0:
                self.other_socket()
            if count % 2000 == 1999:
                print(f"{count + 1} messages, {self.done} taken, "
                      f"{self.refused} refused, {self.checked} of them "
                      "compared", flush=True)

    # --- the end

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

    def must(self, op, body):
        self.sock.send(self.message(self.number, self.family.ops[op][0], body,
                                    NLM_F_ACK))
        code, extack, _ = self.sock.answers()
        assert not code, f"{op}: {os.strerror(code)} {extack}"


def main():
    subprocess.run(["modprobe", "nitro_vpc"], check=True)
    print(f"seed {SEED}, {ROUNDS} rounds", flush=True)
    fuzzer = Fuzzer(random.Random(SEED))
    fuzzer.run()
    fuzzer.clear()
    fuzzer.sock.close()
    missing = set(fuzzer.family.ops) - fuzzer.taken
    assert ROUNDS < 5000 or not missing, f"never taken: {missing}"
    subprocess.run(["modprobe", "-r", "nitro_vpc"], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
