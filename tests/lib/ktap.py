# SPDX-License-Identifier: GPL-2.0
"""Tests are functions; this finds and runs them and prints KTAP.

    @test                  called with the lab
    @test(v=(4, 6))        once for each IP version, as f(lab, v)
    @test(each=(512, 4096))    once for each value, as f(lab, value)
    @test(underlay=(4, 6)) once in a lab of each underlay
    @test(aws="1.2 tracked")   a case of the AWS conformance list; its source
                               is in the docstring
    @test(clock=True)      needs UML's time travel, where waiting costs nothing
"""

import inspect
import os
import re
import time
import traceback

TESTS = []

COMPLAINT = re.compile(
    r"WARNING: |\bBUG: |KASAN: |UBSAN: |suspicious RCU|circular locking|"
    r"recursive locking|inconsistent lock state|bad unlock balance|"
    # what ODEBUG says when it has no memory left is no complaint
    r"sleeping function called|scheduling while atomic|ODEBUG: [a-z]|refcount_t: |"
    r"blocked for more|unregister_netdevice: waiting|list_(add|del) corruption|"
    r"general protection fault|Oops: |leaked reference")


class Skip(Exception):
    """Raised by a test that cannot run here; says why."""


def test(function=None, v=None, each=None, underlay=(4,), aws=None,
         clock=False, own=False):
    def register(function):
        module = function.__module__.removeprefix("test_")
        name = f"{module}.{function.__name__}"
        if aws:
            if not function.__doc__:
                raise TypeError(f"{name}: a conformance case names its source")
            name = f"{name} (AWS {aws})"
        TESTS.append({"name": name, "function": function, "v": v,
                      "each": each, "underlay": underlay, "clock": clock, "own": own})
        return function
    return register(function) if function else register


class KernelLog:
    """What the kernel complained about since the last look."""

    def __init__(self):
        self.log = open("/dev/kmsg", "rb", buffering=0)
        os.set_blocking(self.log.fileno(), False)
        self.complaints()

    def complaints(self):
        found = []
        while True:
            try:
                line = self.log.read(8192)
            except BrokenPipeError:
                continue
            if not line:
                return found[:60]
            text = line.decode(errors="replace").split(";", 1)[-1].strip()
            if ((found or COMPLAINT.search(text)) and "] ? " not in text):
                found.append(text)


def selected(names, clock):
    """(name, underlay, test, arguments) in the order they are to run: those
    that make a lab of their own are the last."""
    for underlay in (4, 6, None):
        for entry in TESTS:
            if underlay not in (entry["underlay"] if not entry["own"]
                                else (None,)):
                continue
            if clock is not None and entry["clock"] != clock:
                continue
            for v in entry["v"] or entry["each"] or (None,):
                name = entry["name"]
                if v is not None:
                    name += f" IPv{v}" if entry["v"] else f" {v}"
                if underlay == 6:
                    name += " over IPv6"
                if names and not any(wanted(n, name) for n in names):
                    continue
                yield name, underlay, entry, () if v is None else (v,)


def wanted(pattern, name):
    """"geneve." is a module, anything else may be anywhere in the name."""
    if pattern.endswith("."):
        return name.startswith(pattern)
    return pattern in name


def short(error):
    """The lines of a traceback that are the test's own business."""
    lines = [f"{os.path.basename(frame.filename)}:{frame.lineno} "
             f"{frame.name}: {frame.line}"
             for frame in traceback.extract_tb(error.__traceback__)[1:]]
    text = traceback.format_exception_only(error)
    return lines + "".join(text)[:4000].splitlines()


def run(names, clock, labs):
    """Run the tests whose name contains one of names (all if none), those that
    need time travel (clock), the others (False) or all (None).

    labs(underlay) gives the lab of that underlay. Returns True if all is well.
    """
    chosen = list(selected(names, clock))
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    log = KernelLog()
    print("KTAP version 1")
    print(f"1..{len(chosen)}", flush=True)
    for number, (name, underlay, entry, args) in enumerate(chosen, 1):
        start = time.clock_gettime(time.CLOCK_MONOTONIC)
        verdict, lab = "", None
        problem = []
        try:
            if entry["clock"] and not time_travel():
                raise Skip("needs UML's time travel")
            if entry["own"]:
                labs(None)
                entry["function"](*args)
            else:
                try:
                    lab = labs(underlay)
                except Exception as error:
                    print("Bail out! no lab:", *short(error), sep="\n# ")
                    return False
                entry["function"](lab, *args)
        except Skip as reason:
            verdict = f" # SKIP {reason}"
        except Exception as error:  # pylint: disable=broad-except
            problem = short(error)
        try:
            if lab:
                lab.reset()
        except Exception as error:  # pylint: disable=broad-except
            problem += short(error)
            lab.broken = True
        problem += log.complaints()
        for line in problem:
            print("#", line)
        if problem:
            counts["failed"] += 1
        else:
            counts["skipped" if verdict else "passed"] += 1
        spent = time.clock_gettime(time.CLOCK_MONOTONIC) - start
        if spent > 1 and not time_travel():
            print(f"# took {spent:.1f} s")
        print(f"{'not ok' if problem else 'ok'} {number} {name}{verdict}",
              flush=True)
    print(f"# {counts['passed']} passed, {counts['failed']} failed, "
          f"{counts['skipped']} skipped", flush=True)
    return not counts["failed"]


def time_travel():
    with open("/proc/cmdline", encoding="ascii") as file:
        return "time-travel" in file.read()


def cases():
    """The conformance cases with their sources, for the documentation."""
    for entry in TESTS:
        if "(AWS" in entry["name"]:
            yield entry["name"], inspect.getdoc(entry["function"])
