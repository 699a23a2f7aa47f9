// SPDX-License-Identifier: GPL-2.0
/*
 * Enrolling an enclave at nitro-nsm, which is its security module from then on: nitrod
 * says what was measured, and hands over one end of a socket, whose other end is the
 * hypervisor's. Nothing here waits.
 */

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <systemd/sd-varlink.h>

#include "enclaves.h"
#include "object.h"

/**
 * enclave_nsm_check - is there somebody who signs documents?
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int enclave_nsm_check(struct error *e)
{
	struct stat st;

	if (stat(NSM_SOCKET, &st) >= 0 && S_ISSOCK(st.st_mode))
		return 0;
	return fail(e, ERR_FAILED,
		    "nitro-nsm, which vouches for enclaves, is not there; 'nitroctl attest init' makes its keys, 'systemctl start nitro-nsm.socket' starts it");
}

/* Registers as the image and the parent fill them; nitro-nsm knows the host's */
static int fill(const struct object *o, const struct object *parent,
		struct pcr pcrs[static PCR_BOOT_COUNT])
{
	_cleanup_json_ sd_json_variant *v = NULL;
	size_t n;

	memset(pcrs, 0, PCR_BOOT_COUNT * sizeof(*pcrs));
	if (!ENCLAVE(o)->measurements ||
	    sd_json_parse(ENCLAVE(o)->measurements, 0, &v, NULL, NULL) < 0)
		return -EINVAL;
	for (unsigned int i = 0; i < PCR_BOOT_COUNT; i++) {
		char key[16];
		const char *hex;

		(void)snprintf(key, sizeof(key), "PCR%u", i);
		hex = json_string(v, key);
		if (hex && (hex_read(hex, pcrs[i].value, PCR_SIZE, &n) < 0 || n != PCR_SIZE))
			return -EINVAL;
	}
	/* an instance has no role here, so PCR3 is as on one without */
	return parent ? pcr_extend(&pcrs[PCR_PARENT_ID], parent->id, strlen(parent->id)) : 0;
}

static sd_json_variant *request(const struct object *o, const struct pcr *pcrs)
{
	struct json_list list = {};
	sd_json_variant *v = NULL;

	for (unsigned int i = 0; i < PCR_BOOT_COUNT; i++) {
		char hex[PCR_HEX_SIZE];

		pcr_hex(&pcrs[i], hex);
		json_list_add_string(&list, hex);
	}
	json_set_string(&v, "module_id", o->id);
	json_set(&v, "pcrs", json_list_take(&list));
	json_set_bool(&v, "debug", ENCLAVE(o)->debug);
	return v;
}

/* An enclave that nobody vouches for is none */
static int on_enrolled(sd_varlink *link, sd_json_variant *reply, const char *error_id,
		       sd_varlink_reply_flags_t flags, void *userdata)
{
	struct life *l = userdata;
	const char *message = error_id ? json_string(reply, "message") : NULL;

	(void)flags;
	if (error_id && !l->problem) {
		l->problem = xprintf("nitro-nsm does not enrol it: %s",
				     message ? message : error_id);
		unit_kill(l, SIGKILL, true);
	}
	l->cell->enrolment = NULL;
	sd_varlink_close_unref(link);
	return 0;
}

static int call(struct life *l, sd_json_variant *v, int fd)
{
	sd_varlink *link = NULL;
	int r = sd_varlink_connect_address(&link, NSM_SOCKET);

	if (r >= 0)
		r = sd_varlink_set_allow_fd_passing_output(link, true);
	if (r >= 0)
		r = sd_varlink_push_dup_fd(link, fd);
	if (r >= 0) {
		(void)sd_varlink_set_userdata(link, l);
		r = sd_varlink_bind_reply(link, on_enrolled);
	}
	if (r >= 0)
		r = sd_varlink_attach_event(link, l->m->event, 0);
	if (r >= 0)
		r = sd_varlink_invoke(link, "io.nitro.Nsm.Enrol", v);
	if (r < 0) {
		sd_varlink_close_unref(link);
		return r;
	}
	l->cell->enrolment = link;
	return 0;
}

/**
 * enclave_enrol - have an enclave enrolled
 * @l: the enclave, which is about to start
 * @o: its object
 * @fd: nitro-nsm's end of a socket; it is copied
 * @e: says why nitro-nsm cannot be asked
 *
 * If nitro-nsm refuses, the enclave is ended.
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int enclave_enrol(struct life *l, const struct object *o, int fd, struct error *e)
{
	const char *name = ENCLAVE(o)->parent;
	struct object *parent = name ? instances_find(&l->m->model, name) : NULL;
	_cleanup_json_ sd_json_variant *v = NULL;
	struct pcr pcrs[PCR_BOOT_COUNT];
	int r;

	if (fill(o, parent, pcrs) < 0)
		return fail(e, ERR_FAILED, "the image was not measured");
	v = request(o, pcrs);
	r = call(l, v, fd);
	return r < 0 ? fail(e, ERR_FAILED, "cannot reach nitro-nsm: %s", strerror(-r)) : 0;
}
