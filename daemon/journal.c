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

	(void)sd_journal_send("MESSAGE_ID=%s", id, "PRIORITY=%i", LOG_NOTICE,
			      "MESSAGE=%s '%s' was %s", kind_ops[o->kind]->label, o->name, verb,
			      "NITRO_KIND=%s", kind_ops[o->kind]->name,
			      "NITRO_ID=%s", o->id, "NITRO_NAME=%s", o->name,
			      "NITRO_VPC=%s", vpc ? vpc : "",
			      "NITRO_BODY=%s", edit->new ? o->body : "", NULL);
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
