/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_KMS_HTTP_H
#define _NITRO_KMS_HTTP_H

#include "kms.h"

int http_listen(struct kms *kms, int fd, struct why *why);
void http_stop(struct kms *kms);

#endif
