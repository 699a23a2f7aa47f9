# SPDX-License-Identifier: GPL-2.0
"""Run the tests of volumes in this kernel. See tests/ebs/suite."""

import glob
import importlib
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(1, os.path.join(HERE, "../net"))

import ktap  # noqa: E402 pylint: disable=wrong-import-position


class Lab:
    """What every test is given: the card, and things to be closed after it."""

    broken = False

    def __init__(self):
        import nitroebs  # pylint: disable=import-outside-toplevel
        self.card = nitroebs.Card()
        self.things = []

    def own(self, thing):
        self.things.append(thing)
        return thing

    def reset(self):
        self.card.close()
        things, self.things = self.things, []
        for thing in reversed(things):
            thing.close()

    def close(self):
        self.card.ynl.sock.close()


def main():
    names = sys.argv[1:]
    for path in sorted(glob.glob(f"{HERE}/test_*.py")):
        importlib.import_module(os.path.basename(path)[:-3])
    if names == ["--list"]:
        for name, _, _, _ in ktap.selected([], None):
            print(name)
        return 0
    subprocess.run(["modprobe", "nitro_ebs", "fault_injection=1"], check=True)
    labs = []

    def lab(wanted):
        if labs and (labs[0].broken or wanted is None):
            labs.pop().close()
        if wanted and not labs:
            labs.append(Lab())
        return labs[0] if labs else None

    well = ktap.run(names, None, lab)
    lab(None)
    subprocess.run(["modprobe", "-r", "nitro_ebs"], check=True)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
