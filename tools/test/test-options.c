// SPDX-License-Identifier: GPL-2.0
/* Command lines and what becomes of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../cli.h"
#include "fixture.h"

#define WORDS_MAX 24

struct line {
	char *argv[WORDS_MAX + 1];
	int argc;
	struct cli_globals globals;
	struct cli_call call;
};

static int parse(void *data)
{
	struct line *line = data;

	return cli_parse(line->argc, line->argv, &line->globals, &line->call);
}

/* Splits at spaces; the tests need no quoting. */
static int parse_line(struct line *line, const char *text, char **ret_error)
{
	static char words[1024];
	char *next;
	int r;

	*line = (struct line) { .argv = { (char *)"nitroctl" }, .argc = 1 };
	(void)snprintf(words, sizeof(words), "%s", text);
	for (next = strtok(words, " "); next; next = strtok(NULL, " "))
		line->argv[line->argc++] = next;
	*ret_error = unit_capture(parse, line, STDERR_FILENO, &r);
	return r;
}

UNIT(options_become_properties)
{
	static const struct {
		const char *line;
		const char *wanted;
	} rows[] = {
		{ "vpc create shop --cidr 10.0.0.0/16 --cidr=fd00:10::/56",
		  "{\"cidrs\":[\"10.0.0.0/16\",\"fd00:10::/56\"],\"name\":\"shop\"}" },
		{ "host set a --underlay 192.0.2.1 --local --port 6081",
		  "{\"underlay\":\"192.0.2.1\",\"local\":true,\"port\":6081,\"name\":\"a\"}" },
		{ "sg allow web --ingress --protocol tcp --port 80-90 --peer sg:client",
		  "{\"direction\":\"ingress\",\"protocol\":\"tcp\",\"ports\":\"80-90\",\"peer\":\"sg:client\",\"name\":\"web\"}" },
		{ "--json eni attach web-1 --netns blue --ifname eth0",
		  "{\"kind\":\"netns\",\"netns\":\"blue\",\"ifname\":\"eth0\",\"name\":\"web-1\"}" },
		{ "eni attach web-1 --local", "{\"kind\":\"local\",\"name\":\"web-1\"}" },
		{ "eni create web-1 --subnet front --ip 10.0.1.10 --ip 10.0.1.16/28 --no-source-dest-check --bandwidth 10G --udp-timeout 30",
		  "{\"subnet\":\"front\",\"ips\":[\"10.0.1.10\",\"10.0.1.16/28\"],\"source_dest_check\":false,\"bandwidth\":10000000000,\"udp_timeout\":30,\"name\":\"web-1\"}" },
		{ "route-table add-route main 10.99.0.0/16 --to eni:fw",
		  "{\"to\":\"eni:fw\",\"name\":\"main\",\"cidr\":\"10.99.0.0/16\"}" },
		{ "apply -f- --dry-run", "{\"file\":\"-\",\"dry_run\":true}" },
		{ "vpc show -- -odd", "{\"name\":\"-odd\"}" },
		{ "vpc show help", "{\"name\":\"help\"}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct line line;
		char *error;

		EXPECT(parse_line(&line, rows[i].line, &error) == 0);
		EXPECT_TEXT(error, "");
		EXPECT_JSON(line.call.properties, rows[i].wanted);
		sd_json_variant_unref(line.call.properties);
		free(error);
	}
}

UNIT(options_refuse_with_one_sentence)
{
	static const char *const rows[] = {
		"nonsense", "vpc nonsense", "vpc create", "vpc create shop",
		"vpc create shop --cidr", "vpc create shop --cidr banana",
		"vpc create a b --cidr 10.0.0.0/8", "vpc list extra",
		"vpc list --cidr 10.0.0.0/8", "vpc create --frobnicate",
		"vpc -x", "-x", "--frobnicate", "status --json=yes",
		"sg allow web --ingress --egress --protocol tcp --peer 0.0.0.0/0",
		"sg allow web --protocol tcp --peer 0.0.0.0/0",
		"sg allow web --ingress --protocol tcp",
		"sg allow web --ingress --protocol tcp --peer nobody",
		"sg revoke web", "eni set web-1", "eni attach web-1",
		"eni attach web-1 --local --netns blue",
		"eni attach web-1 --netns blue --netns red",
		"eni create web-1 --subnet a --subnet b", "apply",
		"apply -f", "apply extra -f x", "host set a --port 65536",
		"eni create e --subnet s --source-dest-check --no-source-dest-check",
		"trace --eni web-1 --egress --protocol tcp --peer 10.0.0.0/8",
		"bucket list", "instance fly", "enclave fly", "attest list",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct line line;
		char *error;

		if (parse_line(&line, rows[i], &error) != EXIT_USAGE)
			unit_fail(__FILE__, __LINE__, "accepted: %s", rows[i]);
		if (strncmp(error, "nitroctl: ", 10) ||
		    strchr(error, '\n') != error + strlen(error) - 1)
			unit_fail(__FILE__, __LINE__, "%s: said '%s'", rows[i],
				  error);
		sd_json_variant_unref(line.call.properties);
		free(error);
	}
}

UNIT(options_common_ones_go_anywhere)
{
	static const char *const rows[] = {
		"-jq vpc list --no-legend", "vpc -q list -j --no-legend",
		"vpc list --json --quiet --no-legend", "--no-legend -q -j vpc",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct line line;
		char *error;

		EXPECT(parse_line(&line, rows[i], &error) == 0);
		EXPECT(line.globals.style.json && line.globals.style.quiet);
		EXPECT(line.globals.style.no_legend);
		EXPECT(line.call.verb);
		if (line.call.verb)
			EXPECT_TEXT(line.call.verb->name, "list");
		free(error);
	}
}

UNIT(options_find_help_at_every_level)
{
	static const struct {
		const char *line;
		const char *object;
		const char *verb;
	} rows[] = {
		{ "help", NULL, NULL },
		{ "-h", NULL, NULL },
		{ "help vpc", "vpc", NULL },
		{ "vpc help", "vpc", NULL },
		{ "vpc --help", "vpc", NULL },
		{ "help vpc create", "vpc", "create" },
		{ "vpc help create", "vpc", "create" },
		{ "vpc create --help", "vpc", "create" },
		{ "vpc create -h shop", "vpc", "create" },
		{ "apply --help", "apply", NULL },
		{ "trace help", "trace", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct line line;
		char *error;

		EXPECT(parse_line(&line, rows[i].line, &error) == 0);
		EXPECT(line.globals.help);
		EXPECT_TEXT(line.call.object ? line.call.object->name : NULL,
			    rows[i].object);
		EXPECT_TEXT(line.call.verb ? line.call.verb->name : NULL,
			    rows[i].verb);
		free(error);
	}
}

/* What help says can be typed: every option leads somewhere. */
UNIT(options_tables_are_sound)
{
	for (int i = 0; cli_objects[i]; i++) {
		const struct cli_verb *verb = cli_objects[i]->verbs;

		for (; verb->run; verb++) {
			const struct cli_option *option = verb->options;

			/* Some ask nobody; who asks has an interface to ask */
			EXPECT(verb->help &&
			       (!verb->method || cli_objects[i]->interface));
			for (; option && option->name; option++) {
				EXPECT(option->property || option->kind);
				EXPECT(!option->type == !option->metavar);
				EXPECT(option->help);
				EXPECT(!option->list || option->type);
			}
		}
	}
}
