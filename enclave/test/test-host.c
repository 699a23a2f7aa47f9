// SPDX-License-Identifier: GPL-2.0
/* What is said of a host, from a sysfs and a proc of the test's own. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fixture.h"
#include "host.h"

static char top[32];

static void put(const char *path, const void *data, size_t size)
{
	char full[512];
	FILE *file;

	(void)snprintf(full, sizeof(full), "%s/%s", top, path);
	for (char *slash = full + strlen(top) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		(void)mkdir(full, 0700);
	}
	file = fopen(full, "w");
	if (!file || fwrite(data, 1, size, file) != size || fclose(file))
		abort();
}

static void put_text(const char *path, const char *text)
{
	put(path, text, strlen(text));
}

/* An ELF note of a build ID */
#define NOTE(id) "\4\0\0\0\3\0\0\0\3\0\0\0GNU\0" id
#define BUILD_ID "/notes/.note.gnu.build-id"
#define WEAKNESS "sys/devices/system/cpu/vulnerabilities/"

UNIT(the_host_in_lines)
{
	char sys[64], proc[64], command[128];
	struct pcr wanted = {}, hash;
	struct host host;
	struct why why;

	(void)snprintf(top, sizeof(top), "/tmp/nitro-host.XXXXXX");
	if (!mkdtemp(top))
		abort();
	(void)snprintf(sys, sizeof(sys), "%s/sys", top);
	(void)snprintf(proc, sizeof(proc), "%s/proc", top);
	EXPECT(host_measure(sys, proc, &host, &why));
	EXPECT_TEXT(why.text, "cannot measure the host: No such file or directory");

	put_text("proc/sys/kernel/osrelease", "6.12.1-test\n");
	put_text("proc/sys/kernel/version", "#1 SMP\n");
	EXPECT(!host_measure(sys, proc, &host, &why));
	EXPECT_TEXT(host.modules, "");
	EXPECT_TEXT(host.kernel, "release 6.12.1-test\nversion #1 SMP\nlockdown none\n");
	EXPECT_TEXT(host.cpu, "");
	host_clear(&host);

	put("sys/module/nitro_vpc" BUILD_ID, NOTE("\xab\xcd\x01"), 19);
	/* A length that lies, and no note at all */
	put("sys/module/kvm" BUILD_ID, "\4\0\0\0\x40\0\0\0\3\0\0\0GNU\0", 16);
	put("sys/module/nitro_ebs" BUILD_ID, "", 0);
	put_text("sys/module/foreign/notes", "");
	put_text("sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	put_text(WEAKNESS "meltdown", "Not affected\n");
	put_text(WEAKNESS "l1tf", "Vulnerable\nl2tf: Not affected\n");
	EXPECT(!host_measure(sys, proc, &host, &why));
	EXPECT_TEXT(host.modules, "kvm unknown\nnitro_ebs unknown\nnitro_vpc abcd01\n");
	EXPECT_TEXT(host.kernel, "release 6.12.1-test\nversion #1 SMP\nlockdown integrity\n");
	/* Nothing can look like a line of its own */
	EXPECT_TEXT(host.cpu, "l1tf: Vulnerable l2tf: Not affected\nmeltdown: Not affected\n");
	EXPECT(!sha384(&(struct piece){ host.cpu, strlen(host.cpu) }, 1, &hash));
	EXPECT(!pcr_extend(&wanted, hash.value, PCR_SIZE));
	EXPECT(!memcmp(&host.pcrs[2], &wanted, sizeof(wanted)));
	host_clear(&host);

	put_text("sys/kernel/security/lockdown", "none integrity [confidentiality]\n");
	EXPECT(!host_measure(sys, proc, &host, &why));
	EXPECT(host.kernel && strstr(host.kernel, "lockdown confidentiality\n"));
	host_clear(&host);
	(void)snprintf(command, sizeof(command), "rm -rf %s", top);
	EXPECT(!system(command));
}
