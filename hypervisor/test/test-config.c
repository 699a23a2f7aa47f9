// SPDX-License-Identifier: GPL-2.0
/* The command line: what it takes and what it refuses. */

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"
#include "unit.h"

#define ARGS_MAX 32

/* As if @line had been typed, without quotes */
static int parse(struct config *c, const char *line)
{
	static char copy[512];
	char name[] = "nitro-hypervisor";
	char *argv[ARGS_MAX] = { name };
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	optind = 0;
	return config_parse(c, argc, argv);
}

UNIT(good)
{
	int fd = memfd_create("file", 0);
	char line[256];
	struct config c;

	EXPECT(ftruncate(fd, 100) == 0);
	snprintf(line, sizeof(line), "--kvm 0 --memory=1 --kernel %d --cpus 64 --cid 4", fd);
	EXPECT(!parse(&c, line));
	EXPECT(c.kvm == 0 && c.memory == 1 && c.cpus == 64 && c.cid == 4 && c.acpi);
	EXPECT(c.kernel.fd == fd && !c.kernel.offset && c.kernel.size == 100);
	EXPECT(c.serial == -1 && c.nsm == -1 && c.vsock == -1 && c.broker == -1);
	snprintf(line, sizeof(line), "--kvm 0 --memory 1 --kernel %d,10,90 --initrd %d,0,3 "
		 "--initrd %d,3,0 --no-acpi --cmdline x --nsm 2", fd, fd, fd);
	EXPECT(!parse(&c, line));
	EXPECT(c.kernel.offset == 10 && c.kernel.size == 90 && c.n_initrd == 2 && !c.acpi);
	EXPECT(c.initrd[1].offset == 3 && !c.initrd[1].size && !strcmp(c.cmdline, "x"));
	close(fd);
}

static const char *const wrong[] = {
	"", "--kernel %d", "--kvm 0 --memory 1", "--kvm 0 --memory 1 --kernel 0",
	"--kvm 0 --memory 1 --kernel 7777", "--kvm -1 --memory 1 --kernel %d",
	"--kvm 0x0 --memory 1 --kernel %d", "--kvm 7777 --memory 1 --kernel %d",
	"--kvm 0 --memory 1 --kernel %d,1,100", "--kvm 0 --memory 1 --kernel %d,101,0",
	"--kvm 0 --memory 1 --kernel %d,18446744073709551615,1",
	"--kvm 0 --memory 1 --kernel %d,1", "--kvm 0 --memory 1 --kernel %d,1,2,3",
	"--kvm 0 --memory 1 --kernel %d,", "--kvm 0 --memory 1 --kernel x",
	"--kvm 0 --memory 1 --kernel %d --cpus 0", "--kvm 0 --memory 1 --kernel %d --cpus 65",
	"--kvm 0 --memory 1 --kernel %d --cid 3", "--kvm 0 --memory 1 --kernel %d --cid 4294967295",
	"--kvm 0 --memory 1 --kernel %d --vsock 1", "--kvm 0 --memory 1 --kernel %d --broker 1",
	"--kvm 0 --memory 1 --kernel %d more", "--kvm 0 --memory 1 --kernel %d --what",
	"--kvm 0 --memory 1 --kernel %d --cpus",
};

UNIT(refused)
{
	int fd = memfd_create("file", 0);
	char line[256];
	struct config c;

	EXPECT(ftruncate(fd, 100) == 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		snprintf(line, sizeof(line), wrong[i], fd);
		if (!parse(&c, line))
			unit_fail(__FILE__, __LINE__, "%s", wrong[i]);
	}
	close(fd);
}
