/* SPDX-License-Identifier: GPL-2.0 */
/* The little words that every file uses. */
#ifndef _NITRO_MACROS_H
#define _NITRO_MACROS_H

#include <stdlib.h>
#include <systemd/sd-json.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _cleanup_(f) __attribute__((cleanup(f)))

static inline void free_ptr(void *p)
{
	free(*(void **)p);
}

#define _cleanup_free_ _cleanup_(free_ptr)
#define _cleanup_json_ _cleanup_(sd_json_variant_unrefp)

#endif
