// SPDX-License-Identifier: GPL-2.0
/* Who has asked for what: a journal record for each call that may change something. */

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <stdio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#include "varlink.h"

#define ID_CALLED "6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a50"

/* libsystemd does not tell a method its name, so it is found by its function */
static struct audited {
	sd_varlink_method_t serve;
	const char *name;
} *table;
static size_t n_table, cap_table;

/**
 * audit_add - calls of a method are to be recorded
 * @serve: the function that serves it
 * @name: its full name, such as "io.nitro.Volume.Delete"; is kept
 *
 * Context: at start.
 */
void audit_add(sd_varlink_method_t serve, const char *name)
{
	GROW(table, n_table, cap_table);
	table[n_table++] = (struct audited){ serve, name };
}

/**
 * audit_call - record that a method is called
 * @link: who calls
 * @p: the parameters; of them only the object's name is recorded
 * @serve: the function that serves it
 *
 * What comes of the call is in other records, if anything does.
 *
 * Context: at the start of a method call.
 */
void audit_call(sd_varlink *link, sd_json_variant *p, sd_varlink_method_t serve)
{
	const char *name = json_string(p, "name");
	uid_t uid = (uid_t)-1;
	pid_t pid = 0;

	for (size_t i = 0; i < n_table; i++) {
		if (table[i].serve != serve)
			continue;
		(void)sd_varlink_get_peer_uid(link, &uid);
		(void)sd_varlink_get_peer_pid(link, &pid);
		(void)sd_journal_send("MESSAGE_ID=" ID_CALLED, "PRIORITY=%i", LOG_INFO,
				      "MESSAGE=user %u calls %s%s%s", uid, table[i].name,
				      name ? " of " : "", name ? name : "",
				      "NITRO_METHOD=%s", table[i].name,
				      "NITRO_NAME=%s", name ? name : "",
				      "NITRO_CALLER_UID=%u", uid,
				      "NITRO_CALLER_PID=%i", (int)pid, NULL);
		return;
	}
}
