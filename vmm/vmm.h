/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What nitrod and nitro-launch agree on. nitro-launch is the first process of an
 * instance's unit: it has one connection, on which it says which instance it is,
 * and nitrod sends the descriptors of everything the VMM may use, and then the
 * VMM's command line. Each message is a packet.
 */
#ifndef _NITRO_VMM_H
#define _NITRO_VMM_H

/* A message is of one kind, which is its first byte */
#define LAUNCH_FDS 'F'		/* descriptors, at most LAUNCH_FDS_MAX */
#define LAUNCH_VSOCK 'V'	/* the CID, as text, and descriptors of enum vsock_fd */
#define LAUNCH_ARGS 'A'		/* the command line, each part ends with a zero: the last one */
#define LAUNCH_FDS_MAX 64
#define LAUNCH_MESSAGE_MAX (64 * 1024)

/* The first descriptors are for nitro-launch itself */
enum launch_fd {
	LAUNCH_CONSOLE_LOG,	/* where the console is written to */
	LAUNCH_CONSOLE_SOCKET,	/* listens for who wants to see it */
	LAUNCH_VMM_LOG,		/* what the VMM says */
	LAUNCH_QMP_SOCKET,	/* listens for who has commands for the VMM; not with --stdio */
	LAUNCH_VSOCK_DIRECTORY = LAUNCH_QMP_SOCKET,	/* with --enclave, where it connects to */
	LAUNCH_OWN_FDS,
};

/* Where a parent that is a virtual machine and its enclaves find each other */
enum vsock_fd {
	VSOCK_DIRECTORY,	/* has a socket of each of them, named by its CID */
	VSOCK_LISTENER,		/* the parent's; not with --enclave */
	VSOCK_MEMORY,		/* the same, to be opened */
	VSOCK_FDS,
};

/* Those of the VMM: the ends that nitro-launch makes, then those that it was sent */
#define VMM_FD_SERIAL 4
#define VMM_FD_CONSOLE 5
#define VMM_FD_QMP 6
#define VMM_FD_VSOCK 7		/* to the backend of its vsock device */
#define VMM_FD_BROKER VMM_FD_CONSOLE	/* of nitro-hypervisor */
#define VMM_FD_FIRST 10
#define VMM_FDS_MAX 1024

/* The console's log is cut in half when it has so many bytes */
#define CONSOLE_LOG_MAX (1024 * 1024)

/* console.c */
int console_serve(int log, int listener, int serial, int console);

/* shutdown.c */
int shutdown_listen(void);
int shutdown_guest(void);

/* gate.c */
int gate_serve(int vmm, int listener, int shutdown);

#endif
