// SPDX-License-Identifier: GPL-2.0
/*
 * This host itself as an instance: bare metal in the full sense. What is attached to this
 * host is the instance's; nitrod has not started it and does not end it.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <systemd/sd-journal.h>
#include <time.h>

#include "carrier.h"
#include "kernel.h"
#include "varlink.h"

#define MIB (1ULL << 20)
#define LINES_MAX 4000

static sd_json_variant *properties_of(sd_json_variant *p)
{
	static const char *const own[] = { "metal", NULL };
	sd_json_variant *v = sd_json_variant_ref(p);
	struct timespec now;

	if (sd_json_variant_filter(&v, (char **)own) < 0)
		abort();

	clock_gettime(CLOCK_REALTIME, &now);
	json_set_string(&v, "kind", instance_kind_name(INSTANCE_HOST));
	json_set_uint(&v, "vcpus", place_host_cpus());
	json_set_uint(&v, "memory", place_host_memory() / MIB * MIB);
	json_set_string(&v, "wish", wish_name(WISH_RUNNING));
	json_set_uint(&v, "launched", now.tv_sec);
	return v;
}

static int put(struct manager *m, struct change *c, sd_json_variant *p, struct error *e)
{
	_cleanup_json_ sd_json_variant *v = properties_of(p);
	struct object *other = instances_host(&m->model), *old;
	const char *name = json_string(p, "name");

	if (!json_flag(p, "metal"))
		return fail(e, ERR_INVALID, "only bare metal can be adopted: 'metal' has to be true");
	if (other)
		return fail(e, ERR_EXISTS, "this host is instance '%s' already", other->name);
	old = model_get(&m->model, KIND_INSTANCE, NULL, name ? name : "");
	if (change_put(c, KIND_INSTANCE, v, NULL,
		       old && INSTANCE(old)->ended ? PUT_REPLACE : PUT_CREATE, NULL, e) < 0)
		return -EINVAL;
	return m->instances->problem ? fail(e, ERR_FAILED, "%s", m->instances->problem) : 0;
}

/**
 * serve_instance_adopt - Adopt of io.nitro.Instance
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 *
 * Context: method call.
 * Return: what the method returns.
 */
int serve_instance_adopt(sd_varlink *link, sd_json_variant *p, struct manager *m)
{
	_cleanup_error_ struct error e = {};
	_cleanup_free_ char *id = NULL;
	struct object *o;
	struct change c;
	int r;

	change_begin(&c, &m->model);
	r = put(m, &c, p, &e);
	if (r >= 0) {
		id = xstrdup(c.edits[0].new->id);
		r = manager_commit(m, &c, &e);
	} else {
		change_undo(&c);
	}
	change_free(&c);
	if (r < 0)
		return varlink_fail(link, &e);
	o = model_by_id(&m->model, id);
	instance_dir_remove(m, id);
	instances_remove(m, id);
	(void)instances_add(m, o, LIFE_PENDING);
	instances_wait(m, link, id, 1U << LIFE_RUNNING);
	return 1;
}

/* What the kernel has said since this host has booted, the last of it */
static int write_log(int fd)
{
	sd_id128_t boot;
	sd_journal *j;
	char match[9 + SD_ID128_STRING_MAX] = "_BOOT_ID=";
	const char *line;
	size_t n;
	int r = sd_id128_get_boot(&boot);

	if (r >= 0)
		r = sd_journal_open(&j, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
	if (r < 0)
		return r;
	(void)sd_id128_to_string(boot, match + strlen(match));
	if (sd_journal_add_match(j, match, 0) >= 0 &&
	    sd_journal_add_match(j, "_TRANSPORT=kernel", 0) >= 0 && sd_journal_seek_tail(j) >= 0)
		r = sd_journal_previous_skip(j, LINES_MAX);
	while (r > 0) {
		if (sd_journal_get_data(j, "MESSAGE", (const void **)&line, &n) >= 0)
			(void)dprintf(fd, "%.*s\n", (int)(n - strlen("MESSAGE=")),
				      line + strlen("MESSAGE="));
		r = sd_journal_next(j);
	}
	sd_journal_close(j);
	return r;
}

/**
 * adopt_console - the console of an instance that is this host
 * @e: says why it cannot be shown
 *
 * Context: method call.
 * Return: a descriptor of what the kernel has said, or a negative errno.
 */
int adopt_console(struct error *e)
{
	int fd = memfd_create("console", MFD_CLOEXEC | MFD_ALLOW_SEALING), r;

	r = fd < 0 ? -errno : write_log(fd);
	if (r >= 0)
		return lseek(fd, 0, SEEK_SET) < 0 ? -errno : fd;
	close_fd(&fd);
	return fail(e, ERR_FAILED, "the journal of this host cannot be read: %s", strerror(-r));
}

static int host_check(struct error *e)
{
	(void)e;
	return 0;
}

static bool host_ready(const struct life *l)
{
	(void)l;
	return true;
}

static void host_forget(struct life *l)
{
	(void)l;
}

static void host_stats(struct life *l, sd_varlink *link)
{
	struct stats s = { .guest = stats_cpu_time(l, "") };

	stats_answer(l, link, &s);
}

const struct carrier carrier_host = {
	.label = "this host", .check = host_check, .ready = host_ready, .forget = host_forget,
	.stats = host_stats,
};
