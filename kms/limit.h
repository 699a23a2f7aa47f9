/* SPDX-License-Identifier: GPL-2.0 */
/* How often a caller may ask, so that none keeps the others waiting. */
#ifndef _NITRO_KMS_LIMIT_H
#define _NITRO_KMS_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "callers.h"

#define PRINCIPAL_SIZE (CALLER_TEXT_MAX + 16)
/* Of a minute; what may come at once is that of two seconds */
#define LIMIT_RATE_DEFAULT 6000
#define LIMIT_RATE_MAX 60000000

struct limit;

enum limit_verdict {
	LIMIT_PASS,
	LIMIT_REFUSE,		/* for the first time since something passed */
	LIMIT_REFUSE_AGAIN,
};

int limit_new(unsigned int rate, struct limit **ret);
void limit_free(struct limit *limit);
unsigned int limit_rate(const struct limit *limit);
enum limit_verdict limit_take(struct limit *limit, const char *caller, uint64_t now);

#endif
