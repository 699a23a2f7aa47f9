/* SPDX-License-Identifier: GPL-2.0 */
/* What many unit tests of enclave/ need. */
#ifndef _NITRO_ENCLAVE_TEST_FIXTURE_H
#define _NITRO_ENCLAVE_TEST_FIXTURE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "unit.h"
#include "why.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
