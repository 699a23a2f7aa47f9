// SPDX-License-Identifier: GPL-2.0
/* Help, from the same tables that parse the command line. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static void heading(const struct print_style *style, const char *text)
{
	printf("\n%s%s:%s\n", print_bold(style), text, print_normal(style));
}

static void print_entry(const char *entry, const char *help)
{
	static const int column = 32;
	int n = (int)strlen(entry);

	if (n > column - 4)
		printf("  %s\n%*s%s\n", entry, column, "", help);
	else
		printf("  %-*s%s\n", column - 2, entry, help);
}

static void print_options(const struct cli_option *option)
{
	char entry[96];

	for (; option && option->name; option++) {
		char letter[5] = "    ";

		if (!option->help)
			continue;
		if (option->letter)
			(void)snprintf(letter, sizeof(letter), "-%c, ",
				       option->letter);
		(void)snprintf(entry, sizeof(entry), "%s--%s%s%s", letter,
			       option->name, option->type ? " " : "",
			       option->type ? option->metavar : "");
		print_entry(entry, option->help);
	}
}

static void print_globals(const struct print_style *style)
{
	heading(style, "Common options");
	print_options(cli_global_options);
}

static void verb_line(char *line, size_t size, const struct cli_verb *verb)
{
	const struct cli_positional *positional = verb->positionals;
	int n = snprintf(line, size, "%s", verb->name ?: "");

	for (; positional && positional->metavar; positional++)
		n += snprintf(line + n, size - n, "%s%s", n ? " " : "",
			      positional->metavar);
	if (verb->options)
		(void)snprintf(line + n, size - n, "%s[OPTIONS]",
			       n ? " " : "");
}

/**
 * help_print_all() - Help on the whole tool
 * @style: how to print
 *
 * Context: Writes to stdout.
 * Return: the exit status.
 */
int help_print_all(const struct print_style *style)
{
	printf("nitroctl OBJECT VERB [NAME] [OPTIONS]\n"
	       "nitroctl COMMAND [OPTIONS]\n\n"
	       "Control the Nitro System of this host through nitrod.\n");
	heading(style, "Objects");
	for (int i = 0; cli_objects[i]; i++)
		if (cli_objects[i]->verbs->name)
			print_entry(cli_objects[i]->name, cli_objects[i]->help);
	heading(style, "Commands");
	for (int i = 0; cli_objects[i]; i++)
		if (!cli_objects[i]->verbs->name)
			print_entry(cli_objects[i]->name, cli_objects[i]->help);
	print_entry("help [OBJECT [VERB]]", "explain an object or a verb");
	print_globals(style);
	printf("\nSee nitroctl(8), and nitro(5) for the stack file.\n");
	return EXIT_OK;
}

/**
 * help_print_object() - Help on the verbs of an object
 * @object: the object
 * @style: how to print
 *
 * Context: Writes to stdout.
 * Return: the exit status.
 */
int help_print_object(const struct cli_object *object,
		      const struct print_style *style)
{
	char line[96];

	printf("nitroctl %s VERB [NAME] [OPTIONS]\n\n%s\n", object->name,
	       object->help);
	heading(style, "Verbs");
	for (const struct cli_verb *verb = object->verbs; verb->run; verb++) {
		verb_line(line, sizeof(line), verb);
		print_entry(line, verb->help);
	}
	print_globals(style);
	printf("\nSee nitroctl-%s(8).\n", object->name);
	return EXIT_OK;
}

/**
 * help_print_verb() - Help on one verb or command
 * @object: the object or command
 * @verb: its verb
 * @style: how to print
 *
 * Context: Writes to stdout.
 * Return: the exit status.
 */
int help_print_verb(const struct cli_object *object,
		    const struct cli_verb *verb,
		    const struct print_style *style)
{
	char line[96];

	verb_line(line, sizeof(line), verb);
	printf("nitroctl %s%s%s\n\n%s\n", object->name, *line ? " " : "",
	       line, verb->help);
	if (verb->options) {
		heading(style, "Options");
		print_options(verb->options);
	}
	print_globals(style);
	printf("\nSee nitroctl%s%s(8).\n", verb->name ? "-" : "",
	       verb->name ? object->name : "");
	return EXIT_OK;
}
