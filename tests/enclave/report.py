# SPDX-License-Identifier: GPL-2.0
"""KTAP of tests that are functions: each test_* of a module, in its order."""

import sys
import traceback


def run(module, names):
    tests = [(name[5:], function) for name, function in vars(module).items()
             if name.startswith("test_") and (not names or name[5:] in names)]
    print(f"KTAP version 1\n1..{len(tests)}", flush=True)
    failed = 0
    for number, (name, function) in enumerate(tests, 1):
        verdict = "ok"
        try:
            function()
        except Exception:  # pylint: disable=broad-except
            for line in traceback.format_exc().splitlines():
                print(f"# {line}")
            verdict, failed = "not ok", failed + 1
        print(f"{verdict} {number} {name.replace('_', ' ')}", flush=True)
    sys.exit(1 if failed or not tests else 0)
