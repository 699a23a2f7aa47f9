# SPDX-License-Identifier: GPL-2.0
"""Run the network tests in this kernel. See tests/net/suite.

--list prints their names, --cases the AWS conformance cases with their sources.
"""

import glob
import importlib
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "../lib"))

import ktap  # pylint: disable=wrong-import-position


def main():
    here = os.path.dirname(os.path.realpath(__file__))
    names = sys.argv[1:]
    clock = None
    if names and names[0] in ("--clock", "--without-clock"):
        clock = names.pop(0) == "--clock"
    for path in sorted(glob.glob(f"{here}/test_*.py")):
        importlib.import_module(os.path.basename(path)[:-3])
    if names == ["--list"]:
        for name, _, _, _ in ktap.selected([], None):
            print(name)
        return 0
    if names == ["--cases"]:
        for name, source in ktap.cases():
            print(f"{name}: {' '.join(source.split())}")
        return 0
    subprocess.run(["modprobe", "nitro_vpc"], check=True)
    import nitronet  # pylint: disable=import-outside-toplevel
    made = {}

    def labs(underlay):
        if underlay not in made or made[underlay].broken:
            for old in made.values():
                old.close()
            made.clear()
            if underlay:
                made[underlay] = nitronet.Lab(underlay)
        return made.get(underlay)

    well = ktap.run(names, clock, labs)
    for lab in made.values():
        lab.close()
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
