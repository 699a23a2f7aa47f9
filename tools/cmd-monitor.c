// SPDX-License-Identifier: GPL-2.0
/* nitroctl monitor: changes and events as they happen, one line each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "client.h"

static bool is_headline(const char *key)
{
	static const char *const keys[] = {
		"time", "event", "kind", "name", "id",
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(key, keys[i]))
			return true;
	return false;
}

static void print_word(sd_json_variant *value, const char *before)
{
	char *text;

	if (!value || sd_json_variant_is_null(value))
		return;
	text = print_text(value);
	if (text)
		printf("%s%s", before, text);
	free(text);
}

static void print_line(sd_json_variant *event)
{
	size_t n = sd_json_variant_elements(event);

	print_word(sd_json_variant_by_key(event, "time"), "");
	print_word(sd_json_variant_by_key(event, "event"), " ");
	print_word(sd_json_variant_by_key(event, "kind"), " ");
	print_word(sd_json_variant_by_key(event, "name"), " ");
	print_word(sd_json_variant_by_key(event, "id"), " ");
	for (size_t i = 0; i + 1 < n; i += 2) {
		sd_json_variant *key = sd_json_variant_by_index(event, i);
		char before[64];

		if (is_headline(sd_json_variant_string(key)))
			continue;
		(void)snprintf(before, sizeof(before), " %s=",
			       sd_json_variant_string(key));
		print_word(sd_json_variant_by_index(event, i + 1), before);
	}
	putchar('\n');
}

static int print_event(sd_json_variant *reply, void *data)
{
	const struct cli_call *call = data;
	sd_json_variant *event = print_lookup(reply, "event");
	struct print_style style = { .json = true };

	/* "event" is also the name of a key inside. */
	if (!event || !sd_json_variant_is_object(event))
		event = reply;
	if (call->style->json)
		(void)print_json(event, &style);
	else
		print_line(event);
	if (fflush(stdout))
		return cli_error(EXIT_FAILED, "cannot write the output");
	return EXIT_OK;
}

static int run_monitor(const struct cli_call *call)
{
	return client_stream(call->socket, "io.nitro.Network.Monitor",
			     print_event, (void *)call);
}

static const struct cli_verb monitor_verb[] = {
	{ .help = "print changes and events as they happen, one line each",
	  .method = "Monitor", .run = run_monitor },
	{}
};

const struct cli_object command_monitor = {
	.name = "monitor",
	.help = "print changes and events as they happen",
	.interface = "io.nitro.Network",
	.verbs = monitor_verb,
};
