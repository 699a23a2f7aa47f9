// SPDX-License-Identifier: GPL-2.0
/* AWS's JSON 1.1: parameters in, an answer or the name of an error out. */

#include <errno.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "context.h"
#include "limit.h"
#include "policy.h"
#include "request.h"

#define ARN_KMS "arn:aws:kms:"
#define ACCOUNT "000000000000"
#define DOCUMENT_SIZE_MAX 32768
#define OAEP "RSAES_OAEP_SHA_256"

static const struct operation {
	const char *name;
	int (*serve)(struct request *r);
} operations[] = {
	{ "Decrypt", serve_decrypt },
	{ "DescribeKey", serve_describe_key },
	{ "Encrypt", serve_encrypt },
	{ "GenerateDataKey", serve_generate_data_key },
	{ "GenerateDataKeyWithoutPlaintext", serve_generate_data_key_without_plaintext },
	{ "GenerateRandom", serve_generate_random },
	{ "ListKeyRotations", serve_list_key_rotations },
	{ "RotateKeyOnDemand", serve_rotate_key_on_demand },
};

/**
 * decline - refuse a request
 * @r: the request
 * @error: AWS's name of the error
 * @fmt: a sentence
 *
 * Context: event loop.
 * Return: -EINVAL.
 */
int decline(struct request *r, const char *error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(r->why.text, sizeof(r->why.text), fmt, args);
	va_end(args);
	r->error = error;
	return -EINVAL;
}

/* Parameters that are null are as good as absent */
static sd_json_variant *parameter(struct request *r, const char *name)
{
	sd_json_variant *v = sd_json_variant_by_key(r->body, name);

	return v && !sd_json_variant_is_null(v) ? v : NULL;
}

/**
 * request_text - a parameter that is text
 * @r: the request, which is declined if it is not
 * @name: of the parameter
 *
 * Context: event loop.
 * Return: the text, NULL if there is none.
 */
const char *request_text(struct request *r, const char *name)
{
	sd_json_variant *v = parameter(r, name);

	if (v && !sd_json_variant_is_string(v)) {
		(void)decline(r, SERIALIZATION, "%s is no text", name);
		return NULL;
	}
	return v ? sd_json_variant_string(v) : NULL;
}

static int unbase64(struct request *r, sd_json_variant *v, const char *name, size_t most,
		    void **ret, size_t *size)
{
	if (!v)
		return decline(r, VALIDATION, "%s is missing", name);
	if (!sd_json_variant_is_string(v) || sd_json_variant_unbase64(v, ret, size) < 0)
		return decline(r, SERIALIZATION, "%s is not base64", name);
	if (*size && *size <= most)
		return 0;
	free(*ret);
	*ret = NULL;
	return decline(r, VALIDATION, "%s has %zu bytes, not 1 to %zu", name, *size, most);
}

/**
 * request_bytes - a parameter of bytes, which has to be there
 * @r: the request, which is declined if it is not
 * @name: of the parameter
 * @most: how long it may be
 * @ret: receives the bytes, to be freed
 * @size: how many
 *
 * Context: event loop.
 * Return: 0 or -EINVAL.
 */
int request_bytes(struct request *r, const char *name, size_t most, void **ret, size_t *size)
{
	return unbase64(r, parameter(r, name), name, most, ret, size);
}

/**
 * request_evidence - take what the caller proves, if they do
 * @r: the request, which is declined if it proves nothing
 *
 * Context: event loop.
 * Return: 0 or -EINVAL.
 */
int request_evidence(struct request *r)
{
	sd_json_variant *recipient = parameter(r, "Recipient"), *algorithm;
	void *message;
	size_t size;

	if (!recipient)
		return 0;
	if (!sd_json_variant_is_object(recipient))
		return decline(r, SERIALIZATION, "Recipient is no object");
	algorithm = sd_json_variant_by_key(recipient, "KeyEncryptionAlgorithm");
	if (!algorithm || !sd_json_variant_is_string(algorithm) ||
	    strcmp(sd_json_variant_string(algorithm), OAEP))
		return decline(r, VALIDATION, "Recipient's KeyEncryptionAlgorithm is not " OAEP);
	if (unbase64(r, sd_json_variant_by_key(recipient, "AttestationDocument"),
		     "AttestationDocument", DOCUMENT_SIZE_MAX, &message, &size))
		return -EINVAL;
	r->attested = true;
	if (!evidence_read(message, size, r->kms->roots, time(NULL), &r->evidence, &r->why))
		return 0;
	why_prefix(&r->why, "the attestation document is not good");
	r->error = VALIDATION;
	return -EINVAL;
}

/* A UUID, a name as alias, and either as ARN */
static const char *plain_name(const char *name)
{
	if (!strncmp(name, ARN_KMS, strlen(ARN_KMS))) {
		name = strrchr(name, ':') + 1;
		if (!strncmp(name, "key/", 4))
			return name + 4;
	}
	return !strncmp(name, "alias/", 6) ? name + 6 : name;
}

/**
 * request_find_key - find the key that is asked for
 * @r: the request, which is declined if there is none
 * @name: how it is named there
 *
 * Context: event loop.
 * Return: 0 or -EINVAL.
 */
int request_find_key(struct request *r, const char *name)
{
	struct why why;
	int err = store_key_get(r->kms->store, plain_name(name), &r->key, &why);

	if (!err)
		return 0;
	return err == -ENOENT ? decline(r, NOT_FOUND, "there is no key '%.256s'", name) :
				decline(r, INTERNAL, "%s", why.text);
}

/**
 * request_key - find the key that KeyId names, which has to be there
 * @r: the request, which is declined if there is none
 *
 * Context: event loop.
 * Return: 0 or -EINVAL.
 */
int request_key(struct request *r)
{
	const char *name = request_text(r, "KeyId");

	if (r->error)
		return -EINVAL;
	return name ? request_find_key(r, name) : decline(r, VALIDATION, "KeyId is missing");
}

/* A document is good for one answer: who copies a request gets none */
static int use_evidence(struct request *r)
{
	struct why why;
	int err = store_use(r->kms->store, r->evidence.digest.value, time(NULL),
			    r->evidence.until, &why);

	if (err == -EEXIST)
		return decline(r, ACCESS_DENIED, "the attestation document was used before");
	return err ? decline(r, INTERNAL, "%s", why.text) : 0;
}

/**
 * request_authorize - ask the key's policy
 * @r: the request, which is declined if it does not allow it
 * @action: what is done, NULL if no key is used
 *
 * Context: event loop.
 * Return: 0 or -EINVAL.
 */
int request_authorize(struct request *r, const char *action)
{
	const struct question question = {
		.action = action,
		.principal = r->principal,
		.evidence = r->attested ? &r->evidence : NULL,
		.context = r->context,
	};
	sd_json_variant *dry = parameter(r, "DryRun");

	/* Whatever the policy says of zeros */
	if (r->attested && evidence_debug(&r->evidence))
		return decline(r, ACCESS_DENIED,
			       "the attestation document is of an enclave in debug mode");
	if (action && !policy_allows(r->key.policy, &question))
		return decline(r, ACCESS_DENIED, "'%s' may not %s with key '%s'%s", r->principal,
			       action, r->key.name,
			       r->attested ? " from this enclave" : " without an attestation document");
	if (dry && sd_json_variant_is_boolean(dry) && sd_json_variant_boolean(dry))
		return decline(r, DRY_RUN, "it would have been done");
	return r->attested ? use_evidence(r) : 0;
}

/**
 * request_arn - what AWS's tools call the key
 * @r: the request
 * @ret: receives it, to be freed
 *
 * Context: event loop.
 * Return: 0 or -ENOMEM.
 */
int request_arn(const struct request *r, char **ret)
{
	if (asprintf(ret, ARN_KMS "%s:" ACCOUNT ":key/%s", r->kms->region, r->key.id) >= 0)
		return 0;
	*ret = NULL;
	return -ENOMEM;
}

static int read_context(struct request *r)
{
	int err = context_read(parameter(r, "EncryptionContext"), &r->context, &r->why);

	if (err)
		r->error = err == -E2BIG ? VALIDATION : SERIALIZATION;
	return err ? -EINVAL : 0;
}

static const struct operation *find_operation(const char *target)
{
	size_t n = strlen(TARGET_PREFIX);

	if (!target || strncmp(target, TARGET_PREFIX, n))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(operations); i++)
		if (!strcmp(operations[i].name, target + n))
			return &operations[i];
	return NULL;
}

static int parse_body(struct request *r, const char *body, size_t size)
{
	_cleanup_free_ char *text = NULL;
	int err;

	if (memchr(body, '\0', size))
		return decline(r, SERIALIZATION, "the body is no text");
	text = strndup(body, size);
	if (!text)
		return decline(r, INTERNAL, "no memory");
	err = sd_json_parse(text, SD_JSON_PARSE_SENSITIVE, &r->body, NULL, NULL);
	OPENSSL_cleanse(text, size);
	if (err < 0 || !sd_json_variant_is_object(r->body))
		return decline(r, SERIALIZATION, "the body is no JSON object");
	return read_context(r);
}

static unsigned int status_of(const char *error)
{
	if (!error)
		return 200;
	if (!strcmp(error, INTERNAL))
		return 500;
	return strcmp(error, DRY_RUN) ? 400 : 412;
}

/* Both spellings are in use among AWS's clients */
static char *answer_of(struct request *r)
{
	_cleanup_json_ sd_json_variant *error = NULL;
	char *text = NULL;

	if (r->error && sd_json_buildo(&error,
			SD_JSON_BUILD_PAIR("__type", SD_JSON_BUILD_STRING(r->error)),
			SD_JSON_BUILD_PAIR("message", SD_JSON_BUILD_STRING(r->why.text)),
			SD_JSON_BUILD_PAIR("Message", SD_JSON_BUILD_STRING(r->why.text))) < 0)
		return NULL;
	return sd_json_variant_format(error ?: r->reply, 0, &text) < 0 ? NULL : text;
}

static char *finish(struct request *r, unsigned int *status)
{
	char *text;

	if (!r->unrecorded)
		audit_request(r);
	*status = status_of(r->error);
	text = answer_of(r);
	evidence_clear(&r->evidence);
	key_clear(&r->key);
	sd_json_variant_unref(r->context);
	sd_json_variant_unref(r->body);
	sd_json_variant_unref(r->reply);
	return text;
}

/**
 * request_serve - answer a request
 * @kms: the service
 * @principal: who asks
 * @target: the header X-Amz-Target, NULL for none
 * @body: the body
 * @size: its length
 * @status: receives the status
 *
 * Context: event loop; the request may be hostile.
 * Return: the answer, to be freed; NULL if there is no memory.
 */
char *request_serve(struct kms *kms, const char *principal, const char *target, const char *body,
		    size_t size, unsigned int *status)
{
	const struct operation *operation = find_operation(target);
	struct request r = { .kms = kms, .principal = principal };
	int err;

	if (!operation) {
		(void)decline(&r, UNKNOWN_OPERATION, "X-Amz-Target is none of this service");
		return finish(&r, status);
	}
	r.operation = operation->name;
	err = parse_body(&r, body, size);
	if (!err)
		err = operation->serve(&r);
	if (err && !r.error)
		(void)decline(&r, INTERNAL, "%s", strerror(EIO));
	return finish(&r, status);
}

/**
 * request_throttle - answer a request of who asks too often
 * @kms: the service
 * @principal: who asks
 * @recorded: it is the first that is refused for that, and those that follow say no more
 * @status: receives the status
 *
 * Context: event loop.
 * Return: the answer, to be freed; NULL if there is no memory.
 */
char *request_throttle(struct kms *kms, const char *principal, bool recorded,
		       unsigned int *status)
{
	struct request r = { .kms = kms, .principal = principal, .unrecorded = !recorded };

	(void)decline(&r, THROTTLING, "'%s' asks more often than %u times a minute", principal,
		      limit_rate(kms->limit));
	return finish(&r, status);
}

/**
 * request_refuse - answer a request that is not even looked at
 * @kms: the service
 * @principal: who asks, as far as it is known
 * @error: AWS's name of what is wrong
 * @why: and a sentence
 * @status: receives the status
 *
 * Context: event loop.
 * Return: the answer, to be freed; NULL if there is no memory.
 */
char *request_refuse(struct kms *kms, const char *principal, const char *error,
		     const struct why *why, unsigned int *status)
{
	struct request r = { .kms = kms, .principal = principal, .error = error, .why = *why };

	return finish(&r, status);
}
