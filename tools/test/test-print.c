// SPDX-License-Identifier: GPL-2.0
/* Tables, descriptions and JSON from the same value. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../cli.h"
#include "../print.h"
#include "fixture.h"

static const struct print_field fields[] = {
	{ "Name", "name", NULL, PRINT_BOTH },
	{ "CIDRs", "cidrs", NULL, PRINT_BOTH },
	{ "VNI", "vni", NULL, PRINT_BOTH | PRINT_RIGHT },
	{ "Rate", "limits.rate", format_bit_rate, PRINT_SHOW },
	{}
};

static const struct print_field route_fields[] = {
	{ "CIDR", "cidr", NULL, PRINT_LIST },
	{ "To", "to", NULL, PRINT_LIST },
	{}
};

static const struct print_section sections[] = {
	{ "Routes", "routes", route_fields, NULL },
	{ "Drops", "drops", NULL, NULL },
	{ "Egress", "egress", route_fields, "everything" },
	{}
};

struct job {
	sd_json_variant *value;
	struct print_style style;
};

static int run_list(void *data)
{
	struct job *job = data;

	return print_list(job->value, fields, &job->style);
}

static int run_object(void *data)
{
	struct job *job = data;

	return print_object(job->value, fields, sections, &job->style);
}

static void check(int (*run)(void *data), const char *json,
		  struct print_style style, const char *wanted)
{
	struct job job = { .style = style };
	char *text;
	int r;

	EXPECT(sd_json_parse(json, 0, &job.value, NULL, NULL) >= 0);
	text = unit_capture(run, &job, STDOUT_FILENO, &r);
	EXPECT(r == 0);
	EXPECT_TEXT(text, wanted);
	free(text);
	sd_json_variant_unref(job.value);
}

#define TWO \
	"[{\"name\":\"shop\",\"cidrs\":[\"10.0.0.0/16\",\"fd00::/56\"],\"vni\":7}," \
	"{\"name\":\"gr\xc3\xbcn\",\"cidrs\":[],\"vni\":10001}]"

UNIT(print_lists_align)
{
	check(run_list, TWO, (struct print_style) {},
	      "NAME  CIDRS                     VNI\n"
	      "shop  10.0.0.0/16, fd00::/56      7\n"
	      "gr\xc3\xbcn  -                       10001\n"
	      "\n2 listed.\n");
	check(run_list, TWO, (struct print_style) { .no_legend = true },
	      "shop  10.0.0.0/16, fd00::/56      7\n"
	      "gr\xc3\xbcn  -                       10001\n");
	check(run_list, TWO, (struct print_style) { .quiet = true },
	      "shop\ngr\xc3\xbcn\n");
	check(run_list, "[]", (struct print_style) {}, "0 listed.\n");
	check(run_list, "[]", (struct print_style) { .json = true }, "[]\n");
}

UNIT(print_json_is_the_value)
{
	check(run_object, "{\"name\":\"a\",\"x\":{\"y\":[1,null,true]}}",
	      (struct print_style) { .json = true },
	      "{\"name\":\"a\",\"x\":{\"y\":[1,null,true]}}\n");
	check(run_object, "{\"name\":\"a\"}",
	      (struct print_style) { .json = true, .pretty = true },
	      "{\n\t\"name\" : \"a\"\n}\n");
}

UNIT(print_objects_describe)
{
	check(run_object,
	      "{\"name\":\"shop\",\"cidrs\":[\"10.0.0.0/16\",\"fd00::/56\"],\"limits\":{\"rate\":10000000000},\"routes\":[{\"cidr\":\"0.0.0.0/0\",\"to\":\"eni:fw\"}],\"drops\":{\"no_rule\":3},\"egress\":null}",
	      (struct print_style) {},
	      " Name: shop\n"
	      "CIDRs: 10.0.0.0/16\n"
	      "       fd00::/56\n"
	      "  VNI: -\n"
	      " Rate: 10Gbit/s\n"
	      "\nRoutes:\n"
	      "  CIDR       TO\n"
	      "  0.0.0.0/0  eni:fw\n"
	      "\nDrops:\n"
	      "  no_rule           3\n"
	      "\nEgress:\n"
	      "  everything\n");
}

UNIT(print_takes_no_orders_from_names)
{
	static const struct {
		const char *text;
		const char *wanted;
	} rows[] = {
		{ "shop", "shop" },
		{ "\033[2Jshop", "?[2Jshop" },
		{ "a\nb\tc\x7f", "a?b?c?" },
		{ "x\302\23331m", "x??31m" },
		{ "gr\xc3\xbcn", "gr\xc3\xbcn" },
		{ "\xc2", "\xc2" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *text = print_sanitized(rows[i].text);

		EXPECT_TEXT(text, rows[i].wanted);
		free(text);
	}
}

UNIT(print_survives_wrong_types)
{
	check(run_list, "[{\"name\":7},{},{\"cidrs\":\"x\",\"vni\":{}}]",
	      (struct print_style) { .no_legend = true },
	      "7     -        -\n-     -        -\n-     x       {}\n");
	check(run_object, "{\"limits\":[],\"routes\":[]}",
	      (struct print_style) {},
	      " Name: -\nCIDRs: -\n  VNI: -\n Rate: -\n"
	      "\nRoutes:\n  none\n\nEgress:\n  everything\n");
}
