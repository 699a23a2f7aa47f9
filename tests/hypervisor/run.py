# SPDX-License-Identifier: GPL-2.0
"""Run the tests of nitro-hypervisor that need KVM. See tests/hypervisor/suite."""

import glob
import importlib
import os
import resource
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, f"{HERE}/../lib", f"{HERE}/../enclave"]

import ktap  # noqa: E402  pylint: disable=wrong-import-position
from lab import Labs  # noqa: E402  pylint: disable=wrong-import-position


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for path in sorted(glob.glob(f"{HERE}/test_*.py")):
        importlib.import_module(os.path.basename(path)[:-3])
    labs = Labs()
    good = ktap.run(sys.argv[1:], None, labs)
    labs(None)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
