// SPDX-License-Identifier: GPL-2.0
/* Who has used which key, or was refused: a journal record for each request. */

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <syslog.h>
#include <systemd/sd-journal.h>

#include "request.h"

#define ID_USED "6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a60"
#define ID_REFUSED "6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a61"
#define ID_MANAGED "6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a62"

/* What a document said is only worth something if it was true */
static void describe(const struct request *r, char module_id[static MODULE_ID_MAX + 1],
		     char pcr0[static PCR_HEX_SIZE])
{
	const struct document *d = &r->evidence.document;

	*module_id = *pcr0 = '\0';
	if (!r->evidence.key)
		return;
	(void)snprintf(module_id, MODULE_ID_MAX + 1, "%.*s", (int)d->module_id.size,
		       (const char *)d->module_id.data);
	pcr_hex(&d->pcrs[PCR_IMAGE], pcr0);
}

/**
 * audit_request - record what came of a request
 * @r: the request
 *
 * Context: event loop, before the answer is sent.
 */
void audit_request(const struct request *r)
{
	char module_id[MODULE_ID_MAX + 1], pcr0[PCR_HEX_SIZE];
	const char *operation = r->operation ?: "?";

	describe(r, module_id, pcr0);
	if (r->error)
		(void)sd_journal_send("MESSAGE_ID=" ID_REFUSED, "PRIORITY=%i", LOG_WARNING,
				      "MESSAGE=%s by '%s' is refused: %s: %s", operation,
				      r->principal, r->error, r->why.text,
				      "NITRO_KMS_OPERATION=%s", operation,
				      "NITRO_KMS_PRINCIPAL=%s", r->principal,
				      "NITRO_KMS_KEY=%s", r->key.id,
				      "NITRO_KMS_ERROR=%s", r->error,
				      "NITRO_REASON=%s", r->why.text,
				      "NITRO_MODULE_ID=%s", module_id,
				      "NITRO_PCR0=%s", pcr0, NULL);
	else
		(void)sd_journal_send("MESSAGE_ID=" ID_USED, "PRIORITY=%i", LOG_INFO,
				      "MESSAGE=%s by '%s'%s%s%s%s", operation, r->principal,
				      *r->key.name ? " with key " : "", r->key.name,
				      *module_id ? " for enclave " : "", module_id,
				      "NITRO_KMS_OPERATION=%s", operation,
				      "NITRO_KMS_PRINCIPAL=%s", r->principal,
				      "NITRO_KMS_KEY=%s", r->key.id,
				      "NITRO_MODULE_ID=%s", module_id,
				      "NITRO_PCR0=%s", pcr0, NULL);
}

/**
 * audit_managed - record that a key was made, used by the operator or deleted
 * @what: the method
 * @key: the key
 * @uid: who
 *
 * Context: event loop.
 */
void audit_managed(const char *what, const struct key *key, uid_t uid)
{
	(void)sd_journal_send("MESSAGE_ID=" ID_MANAGED, "PRIORITY=%i", LOG_INFO,
			      "MESSAGE=user %u: %s of key '%s'", uid, what, key->name,
			      "NITRO_KMS_OPERATION=%s", what,
			      "NITRO_KMS_KEY=%s", key->id,
			      "NITRO_NAME=%s", key->name,
			      "NITRO_CALLER_UID=%u", uid, NULL);
}
