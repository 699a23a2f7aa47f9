# SPDX-License-Identifier: GPL-2.0
"""File systems on a volume, and their own checkers afterwards."""

import contextlib
import os
import shutil

import fsx
from ktap import Skip, test
from storage import run

MKFS = {
    "ext4": ("mkfs.ext4", "-q", "-F"),
    "xfs": ("mkfs.xfs", "-q", "-f"),
    "btrfs": ("mkfs.btrfs", "-q", "-f"),
}
CHECK = {
    "ext4": ("e2fsck", "-f", "-n"),
    "xfs": ("xfs_repair", "-n"),
    "btrfs": ("btrfs", "check", "--readonly"),
}
MIB_NEEDED = {"ext4": 48, "xfs": 320, "btrfs": 160}


def make(kind, path, *options):
    if not shutil.which(MKFS[kind][0]):
        raise Skip(f"no {MKFS[kind][0]}")
    run(*MKFS[kind], *options, path)


@contextlib.contextmanager
def mounted(kind, path, folder="/tmp/mnt", options="defaults"):
    os.makedirs(folder, exist_ok=True)
    run("mount", "-t", kind, "-o", options, path, folder)
    try:
        yield folder
    finally:
        run("umount", folder)


def same(files):
    for path, wanted in files.items():
        with open(path, "rb") as file:
            assert file.read() == wanted, f"{path} differs"


@test(each=MKFS)
def exercised(lab, kind):
    volume = lab.volume(lab.null(MIB_NEEDED[kind], discard=1), discard=True)
    make(kind, volume.path)
    with mounted(kind, volume.path) as folder:
        files = fsx.exercise(folder, 5, 400)
    run(*CHECK[kind], volume.path)
    with mounted(kind, volume.path) as folder:
        same(files)
        run("fstrim", folder)
        same(files)


@test(each=("ext4", "xfs"))
def elsewhere(lab, kind):
    """A file system made on a volume is there with dm-crypt."""
    backing = lab.null(MIB_NEEDED[kind])
    volume = lab.volume(backing, sector_size=4096)
    make(kind, volume.path)
    with mounted(kind, volume.path) as folder:
        files = fsx.exercise(folder, 6, 60)
    lab.close(volume)
    other = lab.reference(backing, sector_size=4096)
    run(*CHECK[kind], other.path)
    with mounted(kind, other.path) as folder:
        same(files)
