# SPDX-License-Identifier: GPL-2.0
"""The process of a guest, from outside."""

import ctypes
import errno
import fcntl
import os

from ktap import test
from vmm import private_kib


@test
def no_nested_guests(lab):
    """Nor anything else that shows the processor's virtualization."""
    flags = lab.guest.run("grep -m 1 ^flags /proc/cpuinfo").split()
    assert b"hypervisor" in flags
    assert not {b"svm", b"vmx"} & set(flags)


@test
def two_devices(lab):
    names = lab.guest.run("for device in /sys/bus/virtio/devices/*; do "
                          "basename $(readlink $device/driver); done")
    assert sorted(names.split()) == [b"nsm", b"vmw_vsock_virtio_transport"], names


@test
def sandboxed(lab):
    guest = lab.guest
    # Newer kernels show one of their own, which never leaves the kernel
    threads = [thread for thread in guest.threads()
               if not guest.status("Name", thread).startswith("kvm-nx")]
    assert len(threads) == 2, threads
    for thread in threads:
        assert guest.status("Seccomp", thread) == "2"
        assert guest.status("NoNewPrivs", thread) == "1"
    with open(f"/proc/{guest.process.pid}/maps", encoding="utf-8") as file:
        for line in file:
            assert "wx" not in line.split()[1], line


KVM_CREATE_VM, KVM_CREATE_VCPU = 0xae01, 0xae41
PIDFD_GETFD = 438
# What they are called, of whom, and how much they read or write
LOOKS = {
    "KVM_GET_REGS": ("vcpu", 0x8090ae81, 144), "KVM_GET_SREGS": ("vcpu", 0x8138ae83, 312),
    "KVM_TRANSLATE": ("vcpu", 0xc018ae85, 24),
    "KVM_SET_GUEST_DEBUG": ("vcpu", 0x4048ae9b, 72), "KVM_GET_DIRTY_LOG": ("vm", 0x4010ae42, 16),
}


def own_vm():
    """Descriptors of a VM and a processor of this process's."""
    with open("/dev/kvm", "rb") as kvm:
        vm = fcntl.ioctl(kvm, KVM_CREATE_VM, 0)
    return {"vm": vm, "vcpu": fcntl.ioctl(vm, KVM_CREATE_VCPU, 0)}


def stolen_vm(pid):
    """The same of another process's, as root may have them."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd, found = os.pidfd_open(pid), {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        for name in ("vm", "vcpu"):
            if os.readlink(f"/proc/{pid}/fd/{fd}").startswith(f"anon_inode:kvm-{name}"):
                found[name] = libc.syscall(PIDFD_GETFD, pidfd, int(fd), 0)
    os.close(pidfd)
    assert set(found) == {"vm", "vcpu"} and min(found.values()) >= 0, found
    return found


@test
def kvm_tells_nobody_else(lab):
    """Whoever has the descriptors of another process's VM learns nothing by them."""
    own, stolen = own_vm(), stolen_vm(lab.guest.process.pid)
    try:
        for name, (whose, number, size) in LOOKS.items():
            try:
                fcntl.ioctl(stolen[whose], number, bytes(size))
            except OSError as error:
                assert error.errno == errno.EIO, (name, error)
            else:
                raise AssertionError(f"{name} works")
            if name.startswith("KVM_GET") and whose == "vcpu":
                assert len(fcntl.ioctl(own[whose], number, bytes(size))) == size, "the control"
    finally:
        for fd in (*own.values(), *stolen.values()):
            os.close(fd)


@test
def overhead(lab):
    """Memory beyond the guest's: 2 MiB."""
    pid = lab.guest.process.pid
    kib = private_kib(pid)
    fds = len(os.listdir(f"/proc/{pid}/fd"))
    print(f"# {kib} KiB beyond the guest's, {fds} descriptors, "
          f"{lab.guest.told.decode().splitlines()[0]}")
    assert kib <= 2048, kib
    assert fds <= 16, fds
