# SPDX-License-Identifier: GPL-2.0
# Kernel modules are built by Kbuild, daemon and tools by their own Makefiles;
# this one only calls. Everything runs in the root that tests/vm/root makes.

CHROOT := tests/vm/chroot
DESTDIR ?=
PREFIX ?= /usr
# Suites side by side (each takes a CPU and 3 GB), and which: make check SUITES='style net'
JOBS ?= $(if $(filter 1,$(shell nproc)),1,2)
SUITES ?=

USERLAND := $(patsubst %/Makefile,%,$(wildcard daemon/Makefile services/Makefile exporter/Makefile enclave/Makefile kms/Makefile tools/Makefile vmm/Makefile harden/Makefile hypervisor/Makefile))

help:
	@echo "make all            modules for Debian 13, daemon and CLI"
	@echo "make style          checkpatch, sparse, shellcheck, codespell, generated code"
	@echo "make kunit          unit tests of the modules, in User-Mode Linux"
	@echo "make check          every test suite; SUITES='net cli' picks some, JOBS=1"
	@echo "make demo           two hosts, KVM guests, security groups: a transcript"
	@echo "make bench          every benchmark; one of them: bench-net bench-control bench-ebs bench-instance bench-memory bench-hypervisor"
	@echo "make deb            Debian packages in build/deb"
	@echo "make install        daemon and CLI on this machine (DESTDIR=, PREFIX=/usr)"
	@echo "make dkms-install   modules on this machine, through DKMS"
	@echo "make clean          what was built in the checkout"
	@echo "make distclean      and what was built for it in the cache"
	@echo
	@echo "check, kunit, style, demo, bench and deb need root (chroot, mounts)."
	@echo "One test, one kernel, a shell in a virtual machine: docs/HACKING.md"

all:
	tests/vm/build stock
	@for dir in $(USERLAND); do $(CHROOT) $(MAKE) -C $$dir all || exit; done

style:
	tests/run-suites -v style

kunit:
	tests/run-suites -v kunit

check:
	tests/run-suites -j $(JOBS) -r $(SUITES)

demo:
	tests/vm/demo

bench: bench-net bench-control bench-ebs bench-instance bench-memory bench-hypervisor

bench-net:
	tests/bench/net
	tests/bench/net --instructions

bench-control:
	tests/bench/control

bench-ebs:
	tests/bench/ebs

bench-instance:
	tests/bench/instance

bench-memory:
	tests/bench/memory
	tests/bench/memory --icount 1

bench-hypervisor:
	tests/bench/hypervisor
	tests/bench/hypervisor --icount 1 bzImage start

deb:
	tests/vm/deb

install:
	@for dir in $(USERLAND); do \
		$(MAKE) -C $$dir install DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) || exit; \
	done

dkms-install:
	tests/vm/dkms-install

clean:
	rm -rf build
	@for dir in $(USERLAND); do $(MAKE) -s -C $$dir clean || exit; done

distclean: clean
	for kernel in debug fast smp x86-debug stock backports; do \
		rm -rf "$$(tests/vm/build --print $$kernel)"; \
	done

.PHONY: help all style kunit check demo bench bench-net bench-control bench-ebs bench-instance bench-memory bench-hypervisor deb install dkms-install clean distclean
