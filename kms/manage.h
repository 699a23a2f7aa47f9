/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_KMS_MANAGE_H
#define _NITRO_KMS_MANAGE_H

#include "kms.h"

int manage_start(struct kms *kms);
void manage_stop(struct kms *kms);

#endif
