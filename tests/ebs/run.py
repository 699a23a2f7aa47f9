# SPDX-License-Identifier: GPL-2.0
"""Run the tests of volumes in this kernel. See tests/ebs/suite."""

import glob
import importlib
import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, f"{HERE}/../lib")

# pylint: disable=wrong-import-position
import ktap
import volume


def main():
    names = sys.argv[1:]
    clock = None
    if names and names[0] in ("--clock", "--without-clock"):
        clock = names.pop(0) == "--clock"
    for path in sorted(glob.glob(f"{HERE}/test_*.py")):
        importlib.import_module(os.path.basename(path)[:-3])
    if names == ["--list"]:
        for name, _, _, _ in ktap.selected([], None):
            print(name)
        return 0
    lab = volume.Lab()
    well = ktap.run(names, clock, lambda underlay: lab)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
