/* SPDX-License-Identifier: GPL-2.0 */
/* A request in AWS's JSON, and what comes of it. */
#ifndef _NITRO_KMS_REQUEST_H
#define _NITRO_KMS_REQUEST_H

#include "evidence.h"
#include "kms.h"

#define TARGET_PREFIX "TrentService."
#define BODY_MAX 65536

#define ACCESS_DENIED "AccessDeniedException"
#define DRY_RUN "DryRunOperationException"
#define INCORRECT_KEY "IncorrectKeyException"
#define INTERNAL "KMSInternalException"
#define INVALID_CIPHERTEXT "InvalidCiphertextException"
#define INVALID_MARKER "InvalidMarkerException"
#define LIMIT_EXCEEDED "LimitExceededException"
#define NOT_FOUND "NotFoundException"
#define SERIALIZATION "SerializationException"
#define THROTTLING "ThrottlingException"
#define UNKNOWN_OPERATION "UnknownOperationException"
#define VALIDATION "ValidationException"

/**
 * struct request - one request
 * @kms: the service
 * @principal: who asks
 * @operation: what for, without the prefix
 * @body: the parameters
 * @context: the encryption context among them, sorted, NULL for none
 * @evidence: what the caller proves
 * @attested: there is evidence, and the answer is for it alone
 * @key: the key that is asked for
 * @error: AWS's name of what is wrong, NULL for nothing
 * @why: and a sentence
 * @unrecorded: it is not in the journal
 * @reply: the answer
 */
struct request {
	struct kms *kms;
	const char *principal;
	const char *operation;
	sd_json_variant *body;
	sd_json_variant *context;
	struct evidence evidence;
	bool attested;
	struct key key;
	const char *error;
	struct why why;
	bool unrecorded;
	sd_json_variant *reply;
};

char *request_serve(struct kms *kms, const char *principal, const char *target, const char *body,
		    size_t size, unsigned int *status);
char *request_throttle(struct kms *kms, const char *principal, bool recorded,
		       unsigned int *status);
char *request_refuse(struct kms *kms, const char *principal, const char *error,
		     const struct why *why, unsigned int *status);

int decline(struct request *r, const char *error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
const char *request_text(struct request *r, const char *name);
int request_bytes(struct request *r, const char *name, size_t most, void **ret, size_t *size);
int request_evidence(struct request *r);
int request_find_key(struct request *r, const char *name);
int request_key(struct request *r);
int request_authorize(struct request *r, const char *action);
int request_arn(const struct request *r, char **ret);

int serve_decrypt(struct request *r);
int serve_describe_key(struct request *r);
int serve_encrypt(struct request *r);
int serve_generate_data_key(struct request *r);
int serve_generate_data_key_without_plaintext(struct request *r);
int serve_generate_random(struct request *r);
int serve_list_key_rotations(struct request *r);
int serve_rotate_key_on_demand(struct request *r);

/* Use of a key, whoever asks */
int key_make(struct kms *kms, struct key *key, struct why *why);
int key_rotate(struct kms *kms, struct key *key, struct why *why);
int key_encrypt(struct kms *kms, const struct key *key, const char *context, const void *plain,
		size_t size, uint8_t sealed[static CIPHERTEXT_MAX], size_t *ret_size);
int key_decrypt(struct kms *kms, const struct key *key, const char *context,
		const uint8_t *sealed, size_t size, uint8_t *plain, size_t *ret_size);
int key_of(const uint8_t *sealed, size_t size, char id[static KEY_ID_SIZE]);

void audit_request(const struct request *r);
void audit_managed(const char *what, const struct key *key, uid_t uid);

#endif
