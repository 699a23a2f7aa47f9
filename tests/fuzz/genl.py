# SPDX-License-Identifier: GPL-2.0
"""Random messages for a family of generic netlink.

Messages are made from the specification: most of their attributes are right, so
that they get far; some are of the wrong length or value, missing, twice, unknown,
in the wrong order, or cut off; and some messages are damaged as bytes.

What has to hold: a request that is refused changes nothing and says why. What the
kernel itself complains about, the caller of this sees.
"""

import errno
import os
import socket
import struct
import sys

import yaml

HERE = os.path.dirname(os.path.realpath(__file__))
SRC = os.path.realpath(f"{HERE}/../..")
sys.path.insert(0, f"{SRC}/tests/net")

import rtnl  # pylint: disable=wrong-import-position

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
    """A specification, with the numbers that the generator gives."""

    def __init__(self, name):
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        with open(f"{SRC}/docs/netlink/specs/{name}.yaml", encoding="utf-8") as file:
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
        self.sock.settimeout(60)
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
    """Sends messages and looks at what they have done. Of each family: name, and
    what is likely in its attributes."""

    name = None

    def __init__(self, rnd):
        self.rnd = rnd
        self.family = Family(self.name)
        self.sock = Socket()
        self.number = self.family_number()
        self.done = self.refused = self.checked = 0
        self.good = {}
        self.taken = set()

    def family_number(self):
        message = self.message(16, 3, rtnl.attr(2, self.name), NLM_F_ACK)
        self.sock.send(message)
        _, _, replies = self.sock.answers()
        return struct.unpack_from("H", rtnl.attrs(replies[0][4:])[1])[0]

    @staticmethod
    def message(family, command, body, flags):
        return struct.pack("IHHIIBBH", 20 + len(body), family,
                           NLM_F_REQUEST | flags, 0, 0, command, 1, 0) + body

    # --- what is likely

    def likely(self, name):
        """A number that the attribute might well have."""
        raise NotImplementedError

    def odd(self, name):
        """A number that it had better not have."""
        del name
        return self.rnd.choice(ODD_NUMBERS)

    def text(self, name):
        del name
        return b"nitro"

    def binary(self, name):
        raise NotImplementedError

    def nest(self, name, inner, depth):
        """The contents of nested attributes."""
        del name
        return self.attributes(inner, list(self.family.sets[inner]), depth + 1)

    def skip(self, name, depth, names):
        """Is an attribute left out?"""
        del name, names
        return self.chance(6 if depth else 12)

    def only(self, op, attrs):
        """Which attributes an operation is to have."""
        del op
        return attrs

    def before(self, op):
        """Done before a request is sent."""

    def after(self, op, message):
        """Done after one that was taken."""

    def state(self):
        """What is configured, to be compared."""
        raise NotImplementedError

    def beside(self, count):
        """Done beside the messages."""

    # --- attributes

    def chance(self, percent):
        return self.rnd.random() * 100 < percent

    def value(self, name, attr):
        if self.chance(4):
            return self.odd(name)
        if "enum" in attr:
            return self.rnd.randrange(len(self.family.enums[attr["enum"]]["entries"]))
        return self.likely(name)

    def payload(self, name, attr):
        kind = attr["type"]
        if kind == "flag":
            return b""
        if kind == "string":
            return self.text(name) + b"\0"
        if kind == "binary":
            return self.binary(name)
        width = WIDTH[kind]
        order = "big" if attr.get("byte-order") == "big-endian" else "little"
        return (self.value(name, attr) & ((1 << 8 * width) - 1)).to_bytes(width, order)

    def damage(self, data):
        """Another length, or other bytes."""
        action = self.rnd.randrange(3)
        if action == 0 and data:
            return data[:self.rnd.randrange(len(data))]
        if action == 1:
            return data + self.rnd.randbytes(self.rnd.choice((1, 3, 4, 300)))
        return self.rnd.randbytes(len(data))

    def attribute(self, set_name, name, depth):
        number, attr = self.family.sets[set_name][name]
        if attr["type"] == "nest":
            data = self.nest(name, attr["nested-attributes"], depth)
            if not self.chance(2):
                number |= NESTED
        else:
            data = self.payload(name, attr)
        if self.chance(1):
            data = self.damage(data)
        if self.chance(0.5):
            number = self.rnd.choice((0, number + 1, 99, 0x3fff))
        return rtnl.attr(number, data)

    def attributes(self, set_name, names, depth=0):
        out = []
        for name in names:
            if self.skip(name, depth, names):
                continue
            times = 1
            if self.family.sets[set_name][name][1].get("multi-attr"):
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
        body = self.attributes(set_name, self.only(name, attrs))
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

    def step(self):
        name, message = self.request()
        self.before(name)
        watched = self.chance(4)
        before = self.state() if watched else None
        self.sock.send(message)
        code, extack, _ = self.sock.answers()
        if not code:
            self.done += 1
            self.taken.add(name)
            self.good[name] = message
            self.after(name, message)
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

    def run(self):
        for count in range(ROUNDS):
            self.step()
            self.beside(count)
            if count % 2000 == 1999:
                print(f"{count + 1} messages, {self.done} taken, "
                      f"{self.refused} refused, {self.checked} of them "
                      "compared", flush=True)
        missing = set(self.family.ops) - self.taken
        assert ROUNDS < 5000 or not missing, f"never taken: {missing}"

    def must(self, op, body):
        self.sock.send(self.message(self.number, self.family.ops[op][0], body,
                                    NLM_F_ACK))
        code, extack, _ = self.sock.answers()
        assert not code, f"{op}: {os.strerror(code)} {extack}"
