# SPDX-License-Identifier: GPL-2.0
"""A generic netlink family of ours, spoken by the kernel's own YNL."""

import contextlib
import copy
import errno
import glob
import os
import socket
import sys
import time

import yaml

SRC = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
DEADLINE = 5.0


def ynl_library():
    """YNL, from the kernel source in the cache."""
    cache = os.environ.get("NITRO_CACHE", "/var/cache/nitro")
    found = glob.glob(f"{cache}/linux-*/tools/net/ynl")
    if not found:
        raise RuntimeError(f"no kernel source with tools/net/ynl in {cache}")
    sys.path.insert(0, found[0])
    from lib import ynl  # pylint: disable=import-outside-toplevel
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    ynl.nlspec_load = yaml.safe_load
    yaml.safe_load = lambda stream: yaml.load(stream, loader)
    return ynl


YNL = ynl_library()


def spec_path(family):
    return os.path.join(SRC, f"docs/netlink/specs/{family}.yaml")


def wait(condition, what="it", deadline=DEADLINE):
    """Poll until condition() gives something true, and return that."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen")
        time.sleep(0.005)


def dashed(attrs):
    return {name.replace("_", "-"): value for name, value in attrs.items()
            if value is not None}


class Refused(Exception):
    """A netlink request that the kernel refused."""

    def __init__(self, error):
        self.errno = error.error
        extack = error.nl_msg.extack or {}
        self.sentence = extack.get("msg", "")
        self.extack = extack
        super().__init__(f"{errno.errorcode[self.errno]}: {extack}")


class Family:
    """A socket of the family that a subclass names, opened in the network
    namespace of the caller."""

    name = None
    family = None  # YNL's, without a socket

    def __init__(self):
        cls = type(self)
        if cls.family is None:
            # Reading the specification takes long, so do it once; the
            # number of the family changes when the module is loaded.
            YNL.genl_family_name_to_id = None
            cls.family = YNL.YnlFamily(spec_path(cls.name), schema=False)
            cls.family.sock.close()
        self.ynl = copy.copy(cls.family)
        self.ynl.async_msg_queue = []
        self.open()

    def open(self):
        """A new socket; what was on its way to an old one is gone."""
        self.ynl.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                      YNL.Netlink.NETLINK_GENERIC)
        for option in (10, 11, 12):
            self.ynl.sock.setsockopt(270, option, 1)
        # SO_SNDBUFFORCE, for requests of thousands of rules
        self.ynl.sock.setsockopt(socket.SOL_SOCKET, 32, 4 << 20)

    def close(self):
        self.ynl.sock.close()

    def __call__(self, op, **attrs):
        """One request; underscores for dashes: card("eni-set", id=1)."""
        try:
            return self.ynl.do(op, dashed(attrs))
        except YNL.NlError as error:
            raise Refused(error) from None

    def dump(self, op, **attrs):
        try:
            return self.ynl.dump(op, dashed(attrs))
        except YNL.NlError as error:
            raise Refused(error) from None


@contextlib.contextmanager
def refused(number=None, sentence=True):
    """The request inside is refused, with this errno and an explanation."""
    try:
        yield
    except Refused as error:
        if number is not None:
            assert error.errno == number, f"refused otherwise: {error}"
        assert not sentence or error.sentence or error.extack, \
            f"no extack: {error}"
    else:
        raise AssertionError("was not refused")
