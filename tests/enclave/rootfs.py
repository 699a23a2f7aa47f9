#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Images from a directory, read by cpio and by a reader of the tests' own.

usage: rootfs.py [TEST...]
"""

import glob
import os
import pathlib
import re
import socket
import stat
import subprocess
import sys
import tempfile

import eif
import report

NITROCTL = os.environ.get("NITROCTL", "build/tools/check/nitroctl")
INIT = "build/enclave/enclave-init"
FOLDER = pathlib.Path(tempfile.mkdtemp())
KERNEL = glob.glob("/boot/vmlinuz-*-cloud-*")[0]
RELEASE = KERNEL.removeprefix("/boot/vmlinuz-")
MODULES = f"/usr/lib/modules/{RELEASE}"


def nitroctl(*args):
    return subprocess.run([NITROCTL, "enclave", "build", *map(str, args)], capture_output=True,
                          text=True, check=False)


def refused(sentence, *args, status=1):
    done = nitroctl("-o", FOLDER / "none.eif", *args)
    assert done.returncode == status and not done.stdout, done
    assert done.stderr == f"nitroctl: {sentence}\n", done.stderr
    assert not list(FOLDER.glob("none.eif*"))


def tree(name, program="init"):
    root = FOLDER / name
    root.mkdir()
    (root / program).write_text("#!/bin/sh\n")
    (root / program).chmod(0o755)
    return root


def sections(path):
    """Kind and contents, in their order."""
    data = path.read_bytes()
    header = eif.HEADER.unpack_from(data)
    found = []
    for offset in header[7:7 + header[6]]:
        kind, _, size = eif.SECTION.unpack_from(data, offset)
        start = offset + eif.SECTION.size
        found.append((kind, data[start:start + size]))
    return found


def ramdisks(path):
    return [data for kind, data in sections(path) if kind == eif.RAMDISK]


def entries(archive):
    """What an archive says of its files: name -> (mode, uid, gid, links, mtime, inode, data)."""
    found, at = {}, 0
    while True:
        assert archive[at:at + 6] == b"070701", archive[at:at + 6]
        fields = [int(archive[at + 6 + 8 * n:at + 14 + 8 * n], 16) for n in range(13)]
        inode, mode, uid, gid, links, mtime, size = fields[:7]
        name = archive[at + 110:at + 110 + fields[11] - 1].decode()
        at = -(-(at + 110 + fields[11]) // 4) * 4
        if name == "TRAILER!!!":
            assert at == len(archive)
            return found
        device = os.makedev(fields[9], fields[10])
        found.setdefault(name, []).append((mode, uid, gid, links, mtime, inode, device,
                                           archive[at:at + size]))
        at = -(-(at + size) // 4) * 4


def build(root, *args):
    output = FOLDER / f"{root.name}.eif"
    done = nitroctl("-o", output, "--rootfs", root, "--init", INIT, *args)
    assert done.returncode == 0 and not done.stderr, done
    return output


def test_parts_of_an_image():
    output = build(tree("parts"))
    kinds = [kind for kind, _ in sections(output)]
    assert kinds == [eif.KERNEL, eif.CMDLINE, eif.METADATA, eif.RAMDISK, eif.RAMDISK], kinds
    found = dict(sections(output))
    # The kernel for virtual machines, of those in /boot
    assert found[eif.KERNEL] == pathlib.Path(KERNEL).read_bytes()
    assert b"panic=-1" in found[eif.CMDLINE] and b"reboot=k" in found[eif.CMDLINE]
    first, second = map(entries, ramdisks(output))
    assert first["init"][0][-1] == pathlib.Path(INIT).read_bytes()
    assert first["init"][0][0] == stat.S_IFREG | 0o755
    assert second["rootfs/init"][0][-1] == b"#!/bin/sh\n" and "command" not in second


def test_modules_come_in_their_order():
    first = entries(ramdisks(build(tree("modules")))[0])
    names = sorted(name for name in first if re.match(r"modules/\d", name))
    shown = []
    for wanted in ("virtio_mmio", "vmw_vsock_virtio_transport", "nsm"):
        text = subprocess.run(["modprobe", "-S", RELEASE, "--show-depends", wanted], check=True,
                              capture_output=True, text=True).stdout
        shown += [line.split()[1] for line in text.splitlines() if line.startswith("insmod")]
    wanted = list(dict.fromkeys(os.path.realpath(path) for path in shown))
    assert len(wanted) >= 5, wanted
    # Those of each are before it; which come first among equals does not count
    assert sorted(name.split("-", 1)[1] for name in names) == sorted(map(os.path.basename, wanted))
    place = {name.split("-", 1)[1]: n for n, name in enumerate(names)}
    for module in wanted:
        text = subprocess.run(["modinfo", "-F", "depends", module], check=True,
                              capture_output=True, text=True).stdout
        for needed in filter(None, text.strip().split(",")):
            path = [other for other in place if other.startswith(f"{needed}.ko")]
            assert not path or place[path[0]] < place[os.path.basename(module)], (module, needed)
    for name, module in zip(names, names):
        path = [path for path in wanted if os.path.basename(path) == module.split("-", 1)[1]][0]
        assert first[name][0][-1] == pathlib.Path(path).read_bytes()


def test_all_kinds_of_files():
    root = tree("kinds")
    (root / "etc").mkdir(mode=0o700)
    (root / "etc" / "a b\n\"ü").write_bytes(bytes(range(256)) * 300)
    (root / "etc" / "empty").touch(mode=0o4711)
    (root / "etc" / "empty").chmod(0o4711)
    os.link(root / "etc" / "empty", root / "etc" / "second")
    (root / "link").symlink_to("/etc/empty")
    os.mkfifo(root / "fifo", 0o600)
    os.mknod(root / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.chown(root / "etc" / "empty", 1000, 1000)
    archive = ramdisks(build(root))[1]
    found = entries(archive)
    names = [name for name in found if name.startswith("rootfs/etc")]
    assert names == sorted(names, key=os.fsencode)
    for same in found.values():
        for _, uid, gid, links, mtime, _, _, _ in same:
            assert (uid, gid, links, mtime) == (0, 0, 1, 0)
    inodes = [entry[5] for same in found.values() for entry in same]
    assert len(set(inodes)) == len(inodes)
    assert found["rootfs/null"][0][6] == os.makedev(1, 3)
    assert found["rootfs/link"][0][-1] == b"/etc/empty"
    # cpio makes the same of it
    target = FOLDER / "unpacked"
    target.mkdir()
    subprocess.run(["cpio", "-idm", "--quiet", "--no-absolute-filenames"], input=archive, check=True,
                   cwd=target)
    for path in root.rglob("*"):
        other = target / "rootfs" / path.relative_to(root)
        assert path.lstat().st_mode == other.lstat().st_mode or path.is_symlink(), path
        if path.is_file() and not path.is_symlink():
            assert path.read_bytes() == other.read_bytes()


def test_command():
    root = tree("command", "app")
    output = build(root, "--command", "/app --one  two")
    assert entries(ramdisks(output)[1])["command"][0][-1] == b"/app\n--one\n\ntwo"
    # It is the application's measurement, not the bootstrap's
    again = FOLDER / "again.eif"
    output.rename(again)
    other = build(root, "--command", "/app")
    assert ramdisks(other)[0] == ramdisks(again)[0] and ramdisks(other)[1] != ramdisks(again)[1]


def test_what_is_refused():
    good = tree("good")
    ours = ("--rootfs", good, "--init", INIT)
    refused(f"cannot open '{FOLDER}/x': No such file or directory", "--rootfs", FOLDER / "x",
            "--init", INIT)
    refused("cannot open '/nowhere': No such file or directory", "--rootfs", good, "--init",
            "/nowhere")
    refused("--rootfs and --ramdisk exclude each other; see 'nitroctl enclave build --help'", *ours,
            "--ramdisk", INIT, status=2)
    for option in ("command", "modules", "init"):
        refused(f"--{option} belongs to --rootfs; see 'nitroctl enclave build --help'",
                f"--{option}", "x", "--kernel", KERNEL, "--cmdline", "x", "--ramdisk", INIT, status=2)
    refused(f"there is no '/app' in '{good}'", *ours, "--command", "/app x")
    refused("the command 'app' does not begin with '/'", *ours, "--command", "app")
    empty = FOLDER / "empty"
    empty.mkdir()
    refused(f"there is no '/init' in '{empty}'", "--rootfs", empty, "--init", INIT)
    refused(f"cannot open '{empty}/modules.dep': No such file or directory", *ours, "--modules",
            empty)
    (empty / "modules.dep").write_text("kernel/a.ko: kernel/b.ko\n")
    (empty / "modules.builtin").touch()
    refused(f"the kernel of '{empty}' has no module virtio_mmio", *ours, "--modules", empty)
    (empty / "modules.dep").write_text("kernel/virtio_mmio.ko: kernel/b.ko\n")
    (empty / "modules.builtin").write_text("kernel/nsm.ko\nkernel/vmw_vsock_virtio_transport.ko\n")
    refused(f"cannot open '{empty}/kernel/b.ko': No such file or directory", *ours, "--modules",
            empty)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(good / "socket"))
    refused("'rootfs/socket' is a socket, which no archive can have", *ours)


def test_modules_that_are_built_in():
    folder = FOLDER / "builtin"
    folder.mkdir()
    (folder / "modules.dep").write_text("kernel/nsm.ko:\n")
    (folder / "modules.builtin").write_text(
        "kernel/virtio_mmio.ko\nkernel/x/vmw_vsock_virtio_transport.ko\n")
    (folder / "kernel").mkdir()
    (folder / "kernel" / "nsm.ko").write_bytes(b"module")
    first = entries(ramdisks(build(tree("own"), "--modules", folder))[0])
    assert [name for name in first if "-" in name] == ["modules/00-nsm.ko"]


report.run(sys.modules[__name__], sys.argv[1:])
