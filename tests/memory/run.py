# SPDX-License-Identifier: GPL-2.0
"""Run the tests of guest memory on this host. See tests/memory/suite."""

import glob
import importlib
import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, f"{HERE}/../lib")

# pylint: disable=wrong-import-position
import ktap
import nitromem


def main():
    for path in sorted(glob.glob(f"{HERE}/test_*.py")):
        importlib.import_module(os.path.basename(path)[:-3])
    lab = nitromem.Lab()
    well = ktap.run(sys.argv[1:], None, lambda underlay: lab)
    lab.set(0)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
