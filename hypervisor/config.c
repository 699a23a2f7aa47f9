// SPDX-License-Identifier: GPL-2.0
/* The command line: everything that can be opened comes as a number of a descriptor. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>

#include "complain.h"
#include "config.h"
#include "layout.h"
#include "vsock.h"

enum option_name {
	KVM = 1, MEMORY, KERNEL, INITRD, CMDLINE, CPUS, CID, VSOCK, RELAY, BROKER, NSM, SERIAL,
	EVENTS, NO_ACPI
};

static const struct option options[] = {
	{ "kvm", required_argument, NULL, KVM },
	{ "memory", required_argument, NULL, MEMORY },
	{ "kernel", required_argument, NULL, KERNEL },
	{ "initrd", required_argument, NULL, INITRD },
	{ "cmdline", required_argument, NULL, CMDLINE },
	{ "cpus", required_argument, NULL, CPUS },
	{ "cid", required_argument, NULL, CID },
	{ "vsock", required_argument, NULL, VSOCK },
	{ "relay", required_argument, NULL, RELAY },
	{ "broker", required_argument, NULL, BROKER },
	{ "nsm", required_argument, NULL, NSM },
	{ "serial", required_argument, NULL, SERIAL },
	{ "events", required_argument, NULL, EVENTS },
	{ "no-acpi", no_argument, NULL, NO_ACPI },
	{}
};

static int parse_number(const char *name, const char *text, unsigned long min, unsigned long max,
			unsigned long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || errno || *end || *ret < min || *ret > max)
		return complain("--%s: '%s' is not a number from %lu to %lu", name, text, min, max);
	return 0;
}

static int parse_fd(const char *name, const char *text, int *ret)
{
	unsigned long fd;

	if (parse_number(name, text, 0, INT32_MAX, &fd) < 0)
		return -1;
	if (fcntl(fd, F_GETFD) < 0)
		return complain("--%s: descriptor %lu is not open", name, fd);
	*ret = fd;
	return 0;
}

static int parse_option(struct config *c, enum option_name option, const char *name)
{
	unsigned long n;

	switch (option) {
	case KVM:
		return parse_fd(name, optarg, &c->kvm);
	case MEMORY:
		return parse_fd(name, optarg, &c->memory);
	case VSOCK:
		return parse_fd(name, optarg, &c->vsock);
	case RELAY:
		return parse_fd(name, optarg, &c->relay);
	case BROKER:
		return parse_fd(name, optarg, &c->broker);
	case NSM:
		return parse_fd(name, optarg, &c->nsm);
	case SERIAL:
		return parse_fd(name, optarg, &c->serial);
	case EVENTS:
		return parse_fd(name, optarg, &c->events);
	case KERNEL:
		return image_parse(&c->kernel, optarg);
	case INITRD:
		if (c->n_initrd == INITRDS_MAX)
			return complain("--initrd: there are more than %d", INITRDS_MAX);
		return image_parse(&c->initrd[c->n_initrd++], optarg);
	case CMDLINE:
		c->cmdline = optarg;
		return 0;
	case CPUS:
		if (parse_number(name, optarg, 1, CPUS_MAX, &n) < 0)
			return -1;
		c->cpus = n;
		return 0;
	case CID:
		if (parse_number(name, optarg, VSOCK_CID_MIN, UINT32_MAX - 1, &n) < 0)
			return -1;
		c->cid = n;
		return 0;
	case NO_ACPI:
		c->acpi = false;
		return 0;
	}
	return -1;
}

/**
 * config_parse - read the command line
 * @ret: what it says
 * @argc: as of main()
 * @argv: as of main()
 *
 * Return: 0, or -1 after a complaint.
 */
int config_parse(struct config *ret, int argc, char *argv[])
{
	int option, i;

	*ret = (struct config){
		.kvm = -1, .memory = -1, .serial = -1, .events = -1, .vsock = -1, .relay = -1,
		.broker = -1, .nsm = -1, .kernel.fd = -1,
		.cmdline = "", .cpus = 1, .acpi = true,
	};
	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, &i)) != -1) {
		if (option == '?' || option == ':')
			return complain("'%s' is no option, or lacks its value", argv[optind - 1]);
		if (parse_option(ret, option, options[i].name) < 0)
			return -1;
	}
	if (optind < argc)
		return complain("'%s' is no option", argv[optind]);
	if (ret->kvm < 0 || ret->memory < 0 || ret->kernel.fd < 0)
		return complain("--kvm, --memory and --kernel are needed");
	if (!ret->cid && (ret->vsock >= 0 || ret->relay >= 0 || ret->broker >= 0))
		return complain("--vsock, --relay and --broker need --cid");
	return 0;
}
