# SPDX-License-Identifier: GPL-2.0
"""The memory of a guest: one opens and maps it, or two do, and it ends as zeros."""

import errno
import mmap
import os
import re
import signal
import subprocess

from ktap import test
from nitromem import GRAIN, MIB, fails, meminfo, refused
from netlink import wait


def fork(function, *args):
    """A child that ends well if this is true."""
    pid = os.fork()
    if not pid:
        try:
            os._exit(not function(*args))
        finally:
            os._exit(2)
    return pid


@test
def is_opened_and_mapped_once(lab):
    lab.ready(256 * MIB)
    guest = lab.create(4 * GRAIN)
    path = f"/proc/self/fd/{guest['fd']}"
    assert guest["state"] == "created" and guest["ranges"] == 1, guest
    with fails(errno.EACCES):
        mmap.mmap(guest["fd"], guest["size"])
    with fails(errno.EACCES):
        os.open(path, os.O_RDONLY)
    fd = os.open(path, os.O_RDWR)
    lab.fds.append(fd)
    assert lab.card("get", id=guest["id"])["state"] == "opened"
    with fails(errno.EBUSY):
        os.open(path, os.O_RDWR)
    with fails(errno.EBUSY):
        os.open(f"/proc/self/fd/{fd}", os.O_RDWR)
    assert os.lseek(fd, 0, os.SEEK_END) == os.fstat(fd).st_size == guest["size"]
    for call in (lambda: os.pread(fd, 16, 0), lambda: os.pwrite(fd, b"x", 0)):
        with fails(errno.EINVAL):
            call()
    for call in (lambda: os.ftruncate(fd, GRAIN), lambda: os.fchmod(fd, 0o600)):
        with fails(errno.EPERM):
            call()
    with fails(errno.EINVAL):
        mmap.mmap(fd, guest["size"], mmap.MAP_PRIVATE)
    # Newer kernels' own answer is the first
    with fails(errno.EPERM, errno.EINVAL):
        mmap.mmap(fd, guest["size"], mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_EXEC)
    # Nor does a child get it
    child = os.fork()
    if not child:
        try:
            mmap.mmap(fd, guest["size"])
        except PermissionError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0, "a child has mapped it"
    area = mmap.mmap(fd, guest["size"])
    assert lab.card("get", id=guest["id"])["state"] == "mapped"
    with fails(errno.EBUSY):
        mmap.mmap(fd, guest["size"])
    area[0:4] = b"mine"
    child = os.fork()
    if not child:
        print(area[0:4])  # nothing is there any more
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == 11, "a child has the mapping"
    area.close()
    # And it is not there for another time
    with fails(errno.EBUSY):
        mmap.mmap(fd, guest["size"])


@test
def is_shared_by_two(lab):
    """Nobody maps it before both are there, and nobody comes then."""
    lab.ready(256 * MIB)
    for openers in (0, 3):
        with refused(errno.ERANGE):
            lab.create(GRAIN, openers=openers)
    assert lab.create(GRAIN)["openers"] == 1
    guest = lab.create(4 * GRAIN, openers=2)
    assert lab.card("get", id=guest["id"])["openers"] == guest["openers"] == 2, guest
    path = f"/proc/self/fd/{guest['fd']}"
    fd = os.open(path, os.O_RDWR)
    lab.fds.append(fd)
    assert lab.card("get", id=guest["id"])["state"] == "created"
    with fails(errno.EAGAIN):
        mmap.mmap(fd, guest["size"])
    with fails(errno.EBUSY):
        os.open(path, os.O_RDWR)

    def second(ready, go):
        own = os.open(path, os.O_RDWR)
        area = mmap.mmap(fd, guest["size"])  # as it comes from a VMM
        area[0:4] = b"ours"
        os.write(ready, b"x")
        os.read(go, 1)
        again = mmap.mmap(own, GRAIN, offset=GRAIN)
        return area[4:8] == again[0:4] == b"both"

    ready, go = os.pipe(), os.pipe()
    pid = fork(second, ready[1], go[0])
    assert os.read(ready[0], 1) == b"x"
    assert lab.card("get", id=guest["id"])["state"] == "mapped"
    with fails(errno.EBUSY):
        os.open(path, os.O_RDWR)

    def third():
        with fails(errno.EBUSY):
            os.open(path, os.O_RDWR)
        with fails(errno.EPERM):
            mmap.mmap(fd, guest["size"])
        return True

    assert os.waitpid(fork(third), 0)[1] == 0, "a third one gets in"
    area = mmap.mmap(fd, guest["size"])
    assert area[0:4] == b"ours"
    area[4:8] = area[GRAIN:GRAIN + 4] = b"both"
    os.write(go[1], b"x")
    assert os.waitpid(pid, 0)[1] == 0, "they do not see the same"
    # Who comes after one has gone is a third one
    assert os.waitpid(fork(third), 0)[1] == 0, "one gets in for it"
    area.close()
    for end in ready + go:
        os.close(end)


@test
def ends_when_both_have_ended(lab):
    """Each is killed while the other one lives, which keeps all; a first one that is killed
    before the second one comes is still one of the two."""
    pool, size = lab.ready(256 * MIB), 16 * GRAIN
    for last in (0, 1):
        guest = lab.create(size, openers=2)
        path = f"/proc/self/fd/{guest['fd']}"
        vmms = [lab.hold(path, size, guest["fd"], shared=True) for _ in range(2)]
        lab.drop(guest)
        for vmm in vmms:
            vmm.map()
            assert vmm("dirty") == "0"
        vmms[0]("fill", 165)
        vmms[1 - last].kill()
        assert lab.card("get", id=guest["id"])["state"] == "mapped"
        assert lab.pool()["free"] == pool["size"] - size
        assert vmms[last]("dirty") == str(size), "it was erased under the other one"
        vmms[last].kill()
        lab.all_free()
    guest = lab.create(size, openers=2)
    path = f"/proc/self/fd/{guest['fd']}"
    lab.hold(path, size, guest["fd"], shared=True).kill()
    vmm = lab.hold(path, size, guest["fd"], shared=True)
    vmm.map()
    assert vmm("dirty") == "0"
    with fails(errno.EBUSY):
        os.open(path, os.O_RDWR)
    lab.drop(guest)
    vmm.kill()
    lab.all_free()


def contender(guest, go, out):
    """One of those who want to be of the two, and says how it went."""
    mark = guest["name"].encode()
    said = b"m"
    os.read(go, 1)
    try:
        fd = os.open(f"/proc/self/fd/{guest['fd']}", os.O_RDWR)
        area = mmap.mmap(fd, guest["size"])
        if area[:len(mark)] not in (bytes(len(mark)), mark):
            said = b"d"
        area[:len(mark)] = mark
    except OSError as error:
        said = {errno.EBUSY: b"b", errno.EAGAIN: b"a"}.get(error.errno, b"?")
    os.write(out, said)
    signal.pause()


@test
def two_of_three_get_it(lab):
    """However they meet, and whenever they are killed: two have it, at most one of them
    too early to map it, and no page is lost."""
    pool = lab.ready(256 * MIB)
    for n in range(30):
        guest = lab.create(GRAIN * (1 + n % 16), f"shared-{n:03}", openers=2)
        go, out = os.pipe(), os.pipe()
        pids = [fork(contender, guest, go[0], out[1]) for _ in range(3)]
        lab.drop(guest)
        os.write(go[1], b"xxx")
        said = b""
        while n % 2 and len(said) < 3:
            said += os.read(out[0], 3)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL, "it was killed"
        for end in go + out:
            os.close(end)
        assert not said or bytes(sorted(said)) in (b"abm", b"bmm"), f"{n}: {said}"
    assert lab.all_free()["size"] == pool["size"]
    _, holder = lab.guest(16 * GRAIN)
    assert holder("dirty") == "0"


@test
def is_mapped_by_large_pages(lab):
    lab.ready(256 * MIB)
    _, holder = lab.guest(256 * MIB)
    status = f"/proc/{holder.pid}/status"
    before = meminfo("VmPTE", status)
    holder("fill", 1)
    # 512 KiB if it were of 4 KiB pages
    assert meminfo("VmPTE", status) - before <= 65536, "page tables"
    assert holder.address % GRAIN == 0, hex(holder.address)


@test
def begins_and_ends_as_zeros(lab):
    lab.set(0)
    pool = lab.set(256 * MIB)
    guest, holder = lab.guest(pool["size"])
    # What the host had there does not reach a guest
    assert holder("dirty") == "0"
    holder("fill", 165)
    assert holder("dirty") == str(pool["size"])
    assert lab.pool()["free"] == 0
    holder.kill()
    lab.all_free()
    assert not lab.card.dump("get"), guest
    _, holder = lab.guest(pool["size"])
    assert holder("dirty") == "0"


def victim(guest, depth, out):
    """A VMM that is to be killed: when it has opened it, mapped it, written to it, or
    meanwhile."""
    fd = os.open(f"/proc/self/fd/{guest['fd']}", os.O_RDWR)
    if depth > 1:
        area = mmap.mmap(fd, guest["size"])
        for at in range(0, len(area), GRAIN):
            if area[at:at + 4096].count(0) != 4096:
                os.write(out, b"d")
    if depth == 3:
        os.write(out, b"x")
    if depth > 2:
        for at in range(0, len(area), 4096):
            area[at:at + 64] = b"\xa5" * 64
    os.write(out, b"x")
    signal.pause()


@test
def no_page_is_lost(lab):
    """Guests come, some are never opened, some are killed at once, some while they
    write. What they leave is zeros."""
    pool = lab.ready(256 * MIB)
    for n in range(1000):
        guest = lab.create(GRAIN * (1 + n * 7 % 16), f"guest-{n}")
        if n % 5:
            ready, out = os.pipe()
            child = os.fork()
            if not child:
                try:
                    victim(guest, n % 5, out)
                finally:
                    os._exit(1)
            os.close(out)
            lab.drop(guest)
            said = os.read(ready, 1)
            os.kill(child, signal.SIGKILL)
            assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL, "it was killed"
            os.close(ready)
            assert said == b"x", f"{n}: {said}: it was given what another had"
        else:
            lab.drop(guest)
    assert lab.all_free()["size"] == pool["size"]
    guest, holder = lab.guest(pool["size"])
    assert holder("dirty") == "0", guest


@test
def a_virtual_machine_boots_from_it(lab):
    """QEMU maps it, KVM follows, and /proc/PID/mem of QEMU has nothing of it."""
    lab.ready(512 * MIB)
    guest = lab.create(256 * MIB, "i-0123456789abcdef0")
    console = "/tmp/console"
    with open(console, "wb"):
        pass
    vmm = subprocess.Popen(
        ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
         "-accel", "kvm", "-cpu", "host", "-m", "size=256M",
         "-M", "microvm,acpi=on,pcie=on,rtc=on,usb=off,graphics=off,memory-backend=ram",
         "-object", f"memory-backend-file,id=ram,size=256M,align=2M,share=on,prealloc=off,"
                    f"mem-path=/proc/self/fd/{guest['fd']}",
         "-kernel", "build/instance/kernel", "-initrd", "build/instance/initrd",
         "-append", "console=hvc0 quiet mitigations=off cryptomgr.notests "
                    "random.trust_cpu=1 reboot=t panic=-1 pcie_ports=native",
         "-chardev", f"file,id=console,path={console}",
         "-device", "virtio-serial-pci,id=ports,max_ports=1",
         "-device", "virtconsole,chardev=console,nr=0"],
        pass_fds=[guest["fd"]], stdin=subprocess.DEVNULL)
    try:
        def up():
            with open(console, "rb") as file:
                text = file.read()
            assert vmm.poll() is None, "QEMU has ended"
            return b"guest: up" in text
        wait(up, "the guest comes up", 300.0)
        assert lab.card("get", id=guest["id"])["state"] == "mapped"
        with fails(errno.EBUSY):
            os.open(f"/proc/{vmm.pid}/fd/{guest['fd']}", os.O_RDWR)
        with open(f"/proc/{vmm.pid}/maps", encoding="ascii") as file:
            start, end = (int(x, 16) for x in
                          re.search(r"^([0-9a-f]+)-([0-9a-f]+) .*nitro_mem:i-", file.read(),
                                    re.M).groups())
        assert end - start == 256 * MIB, f"{start:x}-{end:x}"
        with open(f"/proc/{vmm.pid}/mem", "rb", 0) as memory:
            for at in range(start, end, 16 * MIB):
                memory.seek(at)
                with fails(errno.EIO):
                    memory.read(4096)
    finally:
        vmm.kill()
        vmm.wait()
    lab.drop(guest)
    lab.all_free()


@test
def tells_what_happens(lab):
    lab.ready(256 * MIB)
    listener = type(lab.card)()
    listener.ynl.ntf_subscribe("events")
    guest, holder = lab.guest(GRAIN, "told")
    holder.kill()
    lab.card("pool-set", target=256 * MIB)
    seen = []

    def told():
        listener.ynl.check_ntf()
        queue = listener.ynl.async_msg_queue
        while queue if isinstance(queue, list) else not queue.empty():
            message = (queue.pop(0) if isinstance(queue, list) else queue.get())["msg"]
            seen.append((message["kind"], message.get("id"), message.get("name")))
        return ("settled", None, None) in seen
    wait(told, "an event")
    mine = [kind for kind, number, _ in seen if number == guest["id"]]
    assert mine == ["create", "map", "release"], seen
    assert all(name == "told" for _, number, name in seen if number == guest["id"]), seen
    listener.close()
