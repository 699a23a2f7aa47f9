// SPDX-License-Identifier: GPL-2.0
/* The verbs that every object has. */
#include <stdio.h>

#include "cli.h"
#include "client.h"

const struct cli_positional cli_name_positional[] = {
	{ "NAME", "name", &type_text },
	{}
};

static int call_method(const struct cli_call *call, sd_json_variant **ret)
{
	return client_call(call->socket, call->object->interface,
			   call->verb->method, call->properties, ret);
}

static int printed(int r)
{
	return r < 0 ? cli_failed(r, "cannot print the answer") : EXIT_OK;
}

/* The part of the reply that the command is about. */
static sd_json_variant *part(sd_json_variant *reply, const char *key)
{
	sd_json_variant *value = reply ? sd_json_variant_by_key(reply, key) :
					 NULL;

	return value ?: reply;
}

/**
 * cli_run_list() - Run "list"
 * @call: the command
 *
 * Context: Calls nitrod.
 * Return: the exit status.
 */
int cli_run_list(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *objects = NULL;
	int r;

	r = client_collect(call->socket, call->object->interface,
			   call->verb->method, call->properties, "objects",
			   &objects);
	if (r)
		return r;
	return printed(print_list(objects, call->object->fields, call->style));
}

/**
 * cli_run_show() - Run "show"
 * @call: the command
 *
 * Context: Calls nitrod.
 * Return: the exit status.
 */
int cli_run_show(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *reply = NULL;
	int r;

	r = call_method(call, &reply);
	if (r)
		return r;
	return printed(print_object(part(reply, "object"),
				    call->object->fields,
				    call->object->sections, call->style));
}

/**
 * cli_print_object() - Print what a verb has made or changed
 * @call: the command
 * @object: the object
 * @text_key: what people are told of it, NULL for nothing
 *
 * Context: Writes to stdout.
 * Return: the exit status.
 */
int cli_print_object(const struct cli_call *call, sd_json_variant *object,
		     const char *text_key)
{
	sd_json_variant *value;

	if (call->style->json)
		return printed(print_json(object, call->style));
	value = text_key ? print_lookup(object, text_key) : NULL;
	if (value && sd_json_variant_is_string(value) && !call->style->quiet)
		puts(sd_json_variant_string(value));
	return EXIT_OK;
}

/* @text_key and then @other_key: what people are told, if anything. */
static int run_and_print(const struct cli_call *call, const char *reply_key,
			 const char *text_key, const char *other_key)
{
	_cleanup_json_ sd_json_variant *reply = NULL;
	sd_json_variant *object, *value;
	int r;

	r = call_method(call, &reply);
	if (r)
		return r;
	object = part(reply, reply_key);
	value = text_key ? print_lookup(object, text_key) : NULL;
	if (other_key && (!value || sd_json_variant_is_null(value)))
		text_key = other_key;
	return cli_print_object(call, object, text_key);
}

/**
 * cli_run_create() - Run a verb that makes an object, and print its ID
 * @call: the command
 *
 * Context: Calls nitrod.
 * Return: the exit status.
 */
int cli_run_create(const struct cli_call *call)
{
	return run_and_print(call, "object", "id", NULL);
}

/**
 * cli_run_change() - Run a verb that has nothing to say to people
 * @call: the command
 *
 * Context: Calls nitrod.
 * Return: the exit status.
 */
int cli_run_change(const struct cli_call *call)
{
	return run_and_print(call, "object", NULL, NULL);
}

/**
 * cli_run_allow() - Run a verb that makes a rule, and print its ID
 * @call: the command
 *
 * Context: Calls nitrod.
 * Return: the exit status.
 */
int cli_run_allow(const struct cli_call *call)
{
	return run_and_print(call, "rule", "rule_id", NULL);
}

/**
 * cli_run_attach() - Run a verb that gives an interface, and print its name
 * @call: the command
 *
 * Context: Calls nitrod.
 * Return: the exit status.
 */
int cli_run_attach(const struct cli_call *call)
{
	return run_and_print(call, "object", "attachment.ifname", "ifname");
}

/**
 * cli_run_attach_volume() - Run a verb that gives a block device, and print it
 * @call: the command
 *
 * Context: Calls nitrod.
 * Return: the exit status.
 */
int cli_run_attach_volume(const struct cli_call *call)
{
	return run_and_print(call, "object", "device", NULL);
}
