/* SPDX-License-Identifier: GPL-2.0 */
/* nitro-kms: keys that are used for who proves what they are. */
#ifndef _NITRO_KMS_H
#define _NITRO_KMS_H

#include <openssl/x509.h>
#include <systemd/sd-event.h>
#include <systemd/sd-json.h>
#include <systemd/sd-varlink.h>

#include "callers.h"
#include "cipher.h"
#include "store.h"
#include "tls.h"
#include "why.h"

#define PLAINTEXT_MAX 4096
/* Format, key, its version, and what cipher_seal() adds */
#define CIPHERTEXT_MAX (1 + 16 + 4 + CIPHER_OVERHEAD + PLAINTEXT_MAX)

struct http;
struct limit;

/**
 * struct kms - the process
 * @event: its loop
 * @server: where nitroctl manages keys
 * @http: where keys are used
 * @store: the keys, wrapped
 * @callers: who may come over TCP
 * @limit: how often each may ask
 * @tls: who it is over TCP, if that is secret on its way
 * @plain: it need not be
 * @roots: whose attestation documents are believed
 * @master: wraps the keys
 * @region: part of the keys' names
 */
struct kms {
	sd_event *event;
	sd_varlink_server *server;
	struct http *http;
	struct store *store;
	struct callers callers;
	struct limit *limit;
	struct tls tls;
	bool plain;
	STACK_OF(X509) *roots;
	uint8_t master[CIPHER_KEY_SIZE];
	const char *region;
};

static inline void free_ptr(void *p)
{
	free(*(void **)p);
}

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _cleanup_free_ _cleanup_(free_ptr)
#define _cleanup_json_ _cleanup_(sd_json_variant_unrefp)

/* Each member of a JSON object */
#define OBJECT_FOREACH(key, v, object) \
	for (size_t member_ = 0; \
	     member_ + 1 < sd_json_variant_elements(object) && \
		((key) = sd_json_variant_string(sd_json_variant_by_index(object, member_)), \
		 (v) = sd_json_variant_by_index(object, member_ + 1), (key)); \
	     member_ += 2)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
