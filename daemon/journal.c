// SPDX-License-Identifier: GPL-2.0
/*
 * The audit trail: one journal record for each change, with an ID that stays
 * the same for ever (nitrod.catalog explains each) and NITRO_* fields.
 */

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <syslog.h>
#include <systemd/sd-journal.h>

#include "manager.h"
#include "object.h"

#define ID_CREATED	"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a01"
#define ID_CHANGED	"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a02"
#define ID_DELETED	"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a03"
#define ID_ENI_FAILED	"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a04"
#define ID_ENI_WORKS	"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a05"
#define ID_CARD_ABSENT	"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a06"
#define ID_CARD_PRESENT	"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a07"
#define ID_VOLUME_ATTACHED	"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a10"
#define ID_VOLUME_DETACHED	"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a11"
#define ID_VOLUME_ERASED	"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a12"
#define ID_VOLUME_FAILED	"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a13"
#define ID_VOLUME_WORKS		"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a14"
#define ID_VOLUME_STALLED	"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a15"
#define ID_VOLUME_RESUMED	"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a16"
#define ID_VOLUME_IO_ERROR	"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a17"
#define ID_VOLUME_DEAD		"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a18"
#define ID_INSTANCE	"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a30"
#define ID_INSTANCE_FAILED	"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a31"
#define ID_ENCLAVE	"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a32"
#define ID_ENCLAVE_FAILED	"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a33"
#define ID_KEY_CREATED		"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a20"
#define ID_KEY_ROTATED		"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a21"
#define ID_KEY_ERASED		"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a22"
#define ID_HARDENED		"6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a40"

/* A wrapped key is no secret, and no business of those who read journals; user data
 * may well have secrets
 */
static char *loggable_body(const struct object *o)
{
	static const char *const hidden[] = { "\"data_key\":\"", "\"user_data\":\"" };
	char *body = xstrdup(o->body);

	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
		char *at = strstr(body, hidden[i]), *end;

		if (!at)
			continue;
		at += strlen(hidden[i]);
		end = strchr(at, '"');
		memmove(at, end, strlen(end) + 1);
	}
	return body;
}

/* Keys and who has volumes are what audits ask for: records of their own */
static void journal_storage(const struct edit *edit)
{
	const struct object *o = edit->new ? edit->new : edit->old;
	bool was = edit->old && o->kind == KIND_VOLUME && VOLUME(edit->old)->holder;
	bool is = edit->new && o->kind == KIND_VOLUME && VOLUME(edit->new)->holder;

	if (o->kind == KIND_KEY && (!edit->old || !edit->new ||
				    KEY(edit->new)->generation != KEY(edit->old)->generation))
		journal_key(o, !edit->old ? "created" : edit->new ? "rotated" : "erased");
	if (o->kind != KIND_VOLUME)
		return;
	if (was != is)
		journal_volume(o, is ? "attached" : "detached", NULL);
	/* with its wrapped key, or with the kernel's own one, all data are gone */
	if (!edit->new || (was && !is && VOLUME(o)->instance_store))
		journal_volume(o, "erased", NULL);
}

/**
 * journal_change - record that an object was created, changed or deleted
 * @edit: what happened
 *
 * Context: event loop, after the change is carried through.
 */
void journal_change(const struct edit *edit)
{
	const struct object *o = edit->new ? edit->new : edit->old;
	const char *id = !edit->old ? ID_CREATED : edit->new ? ID_CHANGED : ID_DELETED;
	const char *verb = !edit->old ? "created" : edit->new ? "changed" : "deleted";
	const char *vpc = o->kind == KIND_ENI ? ENI(o)->vpc : o->vpc;
	_cleanup_free_ char *body = edit->new ? loggable_body(o) : xstrdup("");

	(void)sd_journal_send("MESSAGE_ID=%s", id, "PRIORITY=%i", LOG_NOTICE,
			      "MESSAGE=%s '%s' was %s", kind_ops[o->kind]->label, o->name, verb,
			      "NITRO_KIND=%s", kind_ops[o->kind]->name,
			      "NITRO_ID=%s", o->id, "NITRO_NAME=%s", o->name,
			      "NITRO_VPC=%s", vpc ? vpc : "",
			      "NITRO_BODY=%s", body, NULL);
	journal_storage(edit);
}

/**
 * journal_problem - record that an ENI fails, or works again
 * @eni_id: its ID
 * @eni: its name
 * @text: why it fails, NULL if it works
 *
 * Context: event loop.
 */
void journal_problem(const char *eni_id, const char *eni, const char *text)
{
	if (text)
		(void)sd_journal_send("MESSAGE_ID=" ID_ENI_FAILED, "PRIORITY=%i", LOG_WARNING,
				      "MESSAGE=ENI '%s' does not work: %s", eni, text,
				      "NITRO_KIND=eni", "NITRO_ID=%s", eni_id,
				      "NITRO_NAME=%s", eni, "NITRO_REASON=%s", text, NULL);
	else
		(void)sd_journal_send("MESSAGE_ID=" ID_ENI_WORKS, "PRIORITY=%i", LOG_NOTICE,
				      "MESSAGE=ENI '%s' works", eni, "NITRO_KIND=eni",
				      "NITRO_ID=%s", eni_id, "NITRO_NAME=%s", eni, NULL);
}

/**
 * journal_card - record that the card holds the desired state, or not
 * @present: it does
 * @text: why it does not
 *
 * Context: event loop.
 */
void journal_card(bool present, const char *text)
{
	if (present)
		(void)sd_journal_send("MESSAGE_ID=" ID_CARD_PRESENT, "PRIORITY=%i", LOG_NOTICE,
				      "MESSAGE=The card holds the desired state", NULL);
	else
		(void)sd_journal_send("MESSAGE_ID=" ID_CARD_ABSENT, "PRIORITY=%i", LOG_WARNING,
				      "MESSAGE=The card does not hold the desired state: %s",
				      text, "NITRO_REASON=%s", text, NULL);
}

/**
 * journal_volume - record what has happened to a volume
 * @volume: the volume
 * @what: such as "attached"
 * @text: more about it, or NULL
 *
 * Context: event loop.
 */
void journal_volume(const struct object *volume, const char *what, const char *text)
{
	static const struct {
		const char *what, *id;
		int priority;
		const char *sentence;
	} records[] = {
		{ "attached", ID_VOLUME_ATTACHED, LOG_NOTICE, "was attached" },
		{ "detached", ID_VOLUME_DETACHED, LOG_NOTICE, "was detached" },
		{ "erased", ID_VOLUME_ERASED, LOG_NOTICE, "was erased: its key is gone" },
		{ "failed", ID_VOLUME_FAILED, LOG_WARNING, "does not work" },
		{ "recovered", ID_VOLUME_WORKS, LOG_NOTICE, "works" },
		{ "stalled", ID_VOLUME_STALLED, LOG_WARNING, "does not get on" },
		{ "resumed", ID_VOLUME_RESUMED, LOG_NOTICE, "gets on again" },
		{ "io-error", ID_VOLUME_IO_ERROR, LOG_ERR, "has I/O errors" },
		{ "dead", ID_VOLUME_DEAD, LOG_ERR, "has lost its backing device" },
	};
	const char *instance = VOLUME(volume)->instance;

	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		if (strcmp(records[i].what, what))
			continue;
		(void)sd_journal_send("MESSAGE_ID=%s", records[i].id,
				      "PRIORITY=%i", records[i].priority,
				      "MESSAGE=volume '%s' %s%s%s", volume->name,
				      records[i].sentence, text ? ": " : "", text ? text : "",
				      "NITRO_KIND=volume", "NITRO_ID=%s", volume->id,
				      "NITRO_NAME=%s", volume->name, "NITRO_VOLUME=%s", volume->name,
				      "NITRO_INSTANCE=%s", instance ? instance : "",
				      "NITRO_REASON=%s", text ? text : "", NULL);
	}
}

/**
 * journal_instance - record that an instance or enclave is in another state
 * @instance: which
 * @what: the state
 * @text: why, or NULL
 *
 * Context: event loop.
 */
void journal_instance(const struct object *instance, const char *what, const char *text)
{
	bool enclave = instance->kind == KIND_ENCLAVE, failed = streq(what, "failed");
	const char *id = enclave ? (failed ? ID_ENCLAVE_FAILED : ID_ENCLAVE) :
				   (failed ? ID_INSTANCE_FAILED : ID_INSTANCE);

	(void)sd_journal_send("MESSAGE_ID=%s", id,
			      "PRIORITY=%i", failed ? LOG_WARNING : LOG_NOTICE,
			      "MESSAGE=%s '%s' %s %s%s%s", kind_ops[instance->kind]->label,
			      instance->name,
			      failed ? "has" : "is", what, text ? ": " : "", text ? text : "",
			      "NITRO_KIND=%s", kind_ops[instance->kind]->name,
			      "NITRO_ID=%s", instance->id,
			      "NITRO_NAME=%s", instance->name,
			      enclave ? "NITRO_ENCLAVE=%s" : "NITRO_INSTANCE=%s",
			      instance->name,
			      "NITRO_STATE=%s", what, "NITRO_REASON=%s", text ? text : "", NULL);
}

/**
 * journal_key - record what has happened to a master key
 * @key: the key
 * @what: "created", "rotated" or "erased"
 *
 * Context: event loop.
 */
void journal_key(const struct object *key, const char *what)
{
	const char *id = streq(what, "created") ? ID_KEY_CREATED :
			 streq(what, "rotated") ? ID_KEY_ROTATED : ID_KEY_ERASED;

	(void)sd_journal_send("MESSAGE_ID=%s", id, "PRIORITY=%i", LOG_NOTICE,
			      "MESSAGE=key '%s' was %s, generation %llu", key->name, what,
			      (unsigned long long)KEY(key)->generation, "NITRO_KIND=key",
			      "NITRO_ID=%s", key->id, "NITRO_NAME=%s", key->name,
			      "NITRO_GENERATION=%llu",
			      (unsigned long long)KEY(key)->generation, NULL);
}

/**
 * journal_hardened - record that production mode was brought about
 *
 * What of it is there is for the record of the unit that did it.
 *
 * Context: event loop.
 */
void journal_hardened(void)
{
	(void)sd_journal_send("MESSAGE_ID=" ID_HARDENED, "PRIORITY=%i", LOG_NOTICE,
			      "MESSAGE=production mode was applied to this host", NULL);
}
