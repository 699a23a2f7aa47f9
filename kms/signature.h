/* SPDX-License-Identifier: GPL-2.0 */
/* Signatures of requests that come over TCP: AWS's version 4. */
#ifndef _NITRO_KMS_SIGNATURE_H
#define _NITRO_KMS_SIGNATURE_H

#include <time.h>

#include "callers.h"

/* How far clocks may be apart */
#define SIGNATURE_SECONDS 300

/**
 * struct signed_request - a request as its sender signed it
 * @header: gives the value of a header, NULL if it is not there or not there once
 * @userdata: for it
 * @body: the body
 * @size: its length
 */
struct signed_request {
	const char *(*header)(void *userdata, const char *name);
	void *userdata;
	const void *body;
	size_t size;
};

const struct caller_secret *signature_check(const struct signed_request *request,
					    const struct callers *callers, time_t now,
					    const char **ret_error, struct why *why);

#endif
