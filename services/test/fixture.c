// SPDX-License-Identifier: GPL-2.0
/* What many unit tests of nitro-services need. */

#include "fixture.h"

sd_json_variant *json_read(const char *text)
{
	_cleanup_free_ char *copy = xstrdup(text);
	sd_json_variant *v = NULL;

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	if (sd_json_parse(copy, 0, &v, NULL, NULL) < 0)
		abort();
	return v;
}

struct eni *eni_read(const char *more)
{
	_cleanup_free_ char *text = xprintf("%s%s}", ENI_JSON, more);
	_cleanup_json_ sd_json_variant *v = json_read(text);

	return eni_parse(v);
}
