// SPDX-License-Identifier: GPL-2.0
/* What the sandboxes let through: few, none of those that matter, and really so. */

#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base.h"
#include "sandbox.h"
#include "unit.h"

#define VCPU_MAX 20
#define ALL_MAX 25

static bool allows(enum sandbox sandbox, int call)
{
	const struct sandbox_rule *rules;
	size_t n = sandbox_rules(sandbox, &rules);

	for (size_t i = 0; i < n; i++)
		if (rules[i].call == call)
			return true;
	return false;
}

UNIT(few)
{
	const struct sandbox_rule *rules;
	size_t vcpu = sandbox_rules(SANDBOX_VCPU, &rules), all;

	all = sandbox_rules(SANDBOX_IO, &rules);
	for (size_t i = 0; i < vcpu; i++) {
		sandbox_rules(SANDBOX_VCPU, &rules);
		if (!allows(SANDBOX_IO, rules[i].call))
			all++;
	}
	EXPECT(vcpu <= VCPU_MAX && all <= ALL_MAX);
}

UNIT(none_that_opens)
{
	static const int never[] = {
		SYS_open, SYS_openat, SYS_openat2, SYS_creat, SYS_socket, SYS_socketpair,
		SYS_connect, SYS_bind, SYS_listen, SYS_execve, SYS_execveat, SYS_clone, SYS_clone3,
		SYS_fork, SYS_vfork, SYS_mmap, SYS_mprotect, SYS_mremap, SYS_pkey_mprotect,
		SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd,
		SYS_io_uring_setup, SYS_bpf, SYS_userfaultfd, SYS_perf_event_open, SYS_kill,
		SYS_tgkill, SYS_prctl, SYS_seccomp, SYS_memfd_create, SYS_dup, SYS_fcntl,
	};

	for (size_t i = 0; i < ARRAY_SIZE(never); i++) {
		EXPECT(!allows(SANDBOX_PARENT, never[i]) || never[i] == SYS_mmap);
		EXPECT(!allows(SANDBOX_VCPU, never[i]) && !allows(SANDBOX_IO, never[i]));
	}
}

/* Return: the signal that ended a process that did @call in a sandbox, 0 if it did not */
static int killed_by(enum sandbox sandbox, int call, long a, long b, long c)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (sandbox_enter(sandbox) < 0)
			_exit(1);
		syscall(call, a, b, c);
		syscall(SYS_exit_group, 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	if (WIFSIGNALED(status))
		return WTERMSIG(status);
	return WEXITSTATUS(status) ? -1 : 0;
}

UNIT(enforced)
{
	EXPECT(killed_by(SANDBOX_VCPU, SYS_ioctl, -1, KVM_RUN, 0) == 0);
	EXPECT(killed_by(SANDBOX_VCPU, SYS_ioctl, -1, KVM_GET_REGS, 0) == SIGSYS);
	EXPECT(killed_by(SANDBOX_VCPU, SYS_read, -1, 0, 0) == SIGSYS);
	EXPECT(killed_by(SANDBOX_IO, SYS_ioctl, -1, KVM_RUN, 0) == SIGSYS);
	EXPECT(killed_by(SANDBOX_IO, SYS_read, -1, 0, 0) == 0);
	EXPECT(killed_by(SANDBOX_IO, SYS_openat, AT_FDCWD, 0, 0) == SIGSYS);
	EXPECT(killed_by(SANDBOX_IO, SYS_madvise, 0, 0, MADV_DONTNEED) == 0);
	EXPECT(killed_by(SANDBOX_IO, SYS_madvise, 0, 0, MADV_HWPOISON) == SIGSYS);
	EXPECT(killed_by(SANDBOX_BROKER, SYS_socket, AF_UNIX, SOCK_STREAM, 0) == 0);
	EXPECT(killed_by(SANDBOX_BROKER, SYS_socket, AF_INET, SOCK_STREAM, 0) == SIGSYS);
	EXPECT(killed_by(SANDBOX_BROKER, SYS_openat, AT_FDCWD, 0, 0) == SIGSYS);
	EXPECT(killed_by(SANDBOX_PARENT, SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE) == 0);
	EXPECT(killed_by(SANDBOX_PARENT, SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC) == SIGSYS);
	EXPECT(killed_by(SANDBOX_PARENT, SYS_connect, -1, 0, 0) == SIGSYS);
	EXPECT(killed_by(SANDBOX_PARENT, SYS_openat, AT_FDCWD, 0, 0) == SIGSYS);
}
