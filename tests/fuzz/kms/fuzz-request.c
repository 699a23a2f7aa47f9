// SPDX-License-Identifier: GPL-2.0
/*
 * A request: the first byte says which operation, the rest is its body. Whatever it is, the
 * answer is JSON. Then the same as a policy, and as an Authorization header.
 */

#include <stdlib.h>
#include <string.h>

#include "policy.h"
#include "request.h"
#include "signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nothing goes to the journal */
int __wrap_sd_journal_send(const char *format, ...);
int __wrap_sd_journal_send(const char *format, ...)
{
	(void)format;
	return 0;
}

static struct kms kms = { .region = "r" };
static struct key key = { .name = "open" };

static void setup(void)
{
	struct why why;

	key.policy = strdup("{\"Version\": \"2012-10-17\", \"Statement\": {\"Effect\": \"Allow\", "
			    "\"Principal\": \"*\", \"Action\": \"*\", \"Resource\": \"*\"}}");
	kms.roots = sk_X509_new_null();
	if (store_open(":memory:", &kms.store, &why) || key_make(&kms, &key, &why) ||
	    store_key_add(kms.store, &key, &why))
		abort();
}

static void check_request(const char *operation, const uint8_t *data, size_t size)
{
	_cleanup_json_ sd_json_variant *reply = NULL;
	char target[64], *text;
	unsigned int status;

	(void)snprintf(target, sizeof(target), TARGET_PREFIX "%s", operation);
	text = request_serve(&kms, "uid/1", target, (const char *)data, size, &status);
	if (!text || sd_json_parse(text, 0, &reply, NULL, NULL) < 0 ||
	    (status == 200) == !!sd_json_variant_by_key(reply, "__type"))
		abort();
	free(text);
}

static void check_policy(const char *text)
{
	const struct question question = { .action = "kms:Decrypt", .principal = "uid/1" };
	struct why why;

	/* What is refused allows nothing */
	if (policy_check(text, &why) && policy_allows(text, &question))
		abort();
}

static const char *header(void *userdata, const char *name)
{
	return strcmp(name, "authorization") ? "20261128T180000Z" : userdata;
}

static void check_signature(char *text, const uint8_t *data, size_t size)
{
	struct caller_secret caller = { "alice", "A", "secret" };
	struct callers callers = { &caller, 1 };
	const struct signed_request request = {
		.header = header, .userdata = text, .body = data, .size = size,
	};
	const char *error;
	struct why why;

	if (signature_check(&request, &callers, 1796061600, &error, &why))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const operations[] = {
		"Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "GenerateRandom",
		"ListKeyRotations", "RotateKeyOnDemand",
	};
	char *text;

	if (!kms.store)
		setup();
	if (!size)
		return 0;
	check_request(operations[data[0] % ARRAY_SIZE(operations)], data + 1, size - 1);
	text = strndup((const char *)data + 1, size - 1);
	check_policy(text);
	check_signature(text, data, size);
	free(text);
	return 0;
}
