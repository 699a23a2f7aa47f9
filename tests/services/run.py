# SPDX-License-Identifier: GPL-2.0
"""Run the tests of nitro-services in this kernel. See tests/services/suite."""

import glob
import importlib
import os
import subprocess
import sys

import lab as services_lab
import ktap


def main():
    here = os.path.dirname(os.path.realpath(__file__))
    for path in sorted(glob.glob(f"{here}/test_*.py")):
        importlib.import_module(os.path.basename(path)[:-3])
    subprocess.run(["modprobe", "nitro_vpc"], check=True)
    made = []

    def labs(underlay):
        if made and (made[0].broken or not underlay):
            made.pop().close()
        if not made and underlay:
            made.append(services_lab.Lab())
        return made[0] if made else None

    well = ktap.run(sys.argv[1:], None, labs)
    for found in made:
        if not well:
            with open(f"{found.dir}/log", encoding="utf-8") as file:
                sys.stdout.writelines(f"# {line}" for line in file)
        found.close()
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
