// SPDX-License-Identifier: GPL-2.0
/* Stack files, good and hostile. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../cli.h"
#include "../stack.h"
#include "fixture.h"

static void reads(const char *text, const char *stack, const char *lines)
{
	_cleanup_json_ sd_json_variant *got_stack = NULL;
	_cleanup_json_ sd_json_variant *got_lines = NULL;
	char *message = NULL;

	EXPECT(stack_read(text, strlen(text), &got_stack, &got_lines,
			  &message) == 0);
	EXPECT_TEXT(message, NULL);
	EXPECT_JSON(got_stack, stack);
	if (lines)
		EXPECT_JSON(got_lines, lines);
	free(message);
}

static void refuses_n(const char *text, size_t size, const char *wanted)
{
	_cleanup_json_ sd_json_variant *stack = NULL;
	_cleanup_json_ sd_json_variant *lines = NULL;
	char *message = NULL;

	EXPECT(stack_read(text, size, &stack, &lines, &message) < 0);
	EXPECT(!stack && !lines);
	if (!message || strncmp(message, wanted, strlen(wanted)))
		unit_fail(__FILE__, __LINE__, "said '%s', wanted '%s'",
			  message ?: "(null)", wanted);
	free(message);
}

static void refuses(const char *text, const char *wanted)
{
	refuses_n(text, strlen(text), wanted);
}

UNIT(stack_reads_yaml_with_lines)
{
	reads("version: 1\nhosts:\n  - {name: a, underlay: 192.0.2.1}\n"
	      "  - name: b\n    local: true\n",
	      "{\"version\":1,\"hosts\":[{\"name\":\"a\",\"underlay\":\"192.0.2.1\"},{\"name\":\"b\",\"local\":true}]}",
	      "{\"\":1,\"/version\":1,\"/hosts\":3,\"/hosts/1\":4,\"/hosts/1/local\":5}");
}

UNIT(stack_guesses_nothing_but_core_types)
{
	reads("a: [~, null, true, false, 7, -7, 0]\n",
	      "{\"a\":[null,null,true,false,7,-7,0]}", NULL);
	reads("a: [yes, no, on, 010, 0x10, 1.5, 1_000, 12:30:45, .inf, TRUE]\n",
	      "{\"a\":[\"yes\",\"no\",\"on\",\"010\",\"0x10\",\"1.5\",\"1_000\",\"12:30:45\",\".inf\",\"TRUE\"]}", NULL);
	reads("a: [\"80\", '7', !!str 7, 10.0.0.1, \"fd00::/64\", 80-90]\n",
	      "{\"a\":[\"80\",\"7\",\"7\",\"10.0.0.1\",\"fd00::/64\",\"80-90\"]}",
	      NULL);
	reads("a:\nb: ''\n", "{\"a\":null,\"b\":\"\"}", NULL);
}

UNIT(stack_reads_json)
{
	reads("{\n \"version\": 1,\n \"hosts\": [\n  {\"name\": \"a\"}\n ]\n}\n",
	      "{\"version\":1,\"hosts\":[{\"name\":\"a\"}]}",
	      "{\"\":1,\"/version\":2,\"/hosts\":3,\"/hosts/0\":4}");
	reads("  {version: 1, hosts: []}", "{\"version\":1,\"hosts\":[]}",
	      NULL);
	reads("{\"a\":\"\\u00fc\\/\"}", "{\"a\":\"\xc3\xbc/\"}", NULL);
}

UNIT(stack_names_the_line_of_a_mistake)
{
	refuses("version: 1\nhosts: [\n", "line 3: ");
	refuses("version: 1\nversion: 1\n",
		"line 2: the key 'version' is there twice");
	refuses("a:\n  b: 1\n  c: {d: 1,\n    d: 2}\n",
		"line 4: the key 'd' is there twice");
	refuses("{\"a\": 1,\n \"a\": 2}", "line 1: the key 'a' is there twice");
	refuses("{\n\"a\": 1,\n\"b\": ]}", "line 3: ");
	refuses("a: 1\n b: 2\n", "line 2: ");
	refuses("a: 1\n---\nb: 2\n", "line 2: a second document");
	refuses("- a\n", "line 1: a stack is a mapping");
	refuses("", "line 1: the file is empty");
	refuses("# nothing\n", "line 2: the file is empty");
	refuses("? [a]\n: b\n", "line 1: a key must be plain text");
	refuses("a: 1\nb: !!binary aGk=\n", "line 2: the tag");
	refuses("a: !!python/object:os.system {}\n", "line 1: the tag");
	refuses("a: 9223372036854775808\n", "line 1: the number");
	refuses("a: -99999999999999999999\n", "line 1: the number");
	refuses("a: \"x\\0y\"\n", "line 1: a zero byte");
	refuses("\"x\\0y\": a\n", "line 1: a zero byte");
	refuses("a: \xff\xfe\n", "line 1: ");
	refuses_n("{\"a\": 1}\0{", 10, "line 1: ");
}

UNIT(stack_follows_aliases_but_no_loops)
{
	reads("a: &x [1, 2]\nb: *x\n", "{\"a\":[1,2],\"b\":[1,2]}",
	      "{\"\":1,\"/a\":1,\"/b\":2}");
	refuses("a: &x [*x]\n", "line 1: '*x' contains itself");
	refuses("a: &x\n  b:\n    c: *x\n", "line 3: '*x' contains itself");
	refuses("a: *nobody\n", "line 1: there is no anchor '&nobody'");
	refuses("a: &x 1\nb: &x 2\n", "line 2: the anchor '&x' exists");
}

UNIT(stack_stops_a_billion_laughs)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	fprintf(f, "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
	for (int i = 1; i < 30; i++)
		fprintf(f, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i,
			i - 1, i - 1, i - 1, i - 1, i - 1);
	fclose(f);
	refuses_n(text, size, "line 9: more than 2000000 values");
	free(text);
}

UNIT(stack_stops_depth_and_width)
{
	char *text = malloc(200001);

	memset(text, '[', 200000);
	memcpy(text, "a: ", 3);
	text[200000] = '\0';
	refuses(text, "line 1: nested more than 64 deep");
	memcpy(text, "{\"a\":", 5);
	memset(text + 5, '[', 100);
	memset(text + 105, ']', 100);
	memcpy(text + 205, "}", 2);
	refuses(text, "line 1: nested more than 64 deep");
	free(text);

	text = calloc(1, 300 * 8);
	for (int i = 0; i < 300; i++)
		sprintf(text + strlen(text), "k%d: 1\n", i);
	refuses(text, "line 257: more than 256 keys");
	free(text);
}

static void comes_back(const char *json, const char *yaml)
{
	_cleanup_json_ sd_json_variant *stack = NULL;
	_cleanup_json_ sd_json_variant *again = NULL;
	_cleanup_json_ sd_json_variant *lines = NULL;
	char *text = NULL, *message = NULL;
	size_t size;
	FILE *f;

	EXPECT(sd_json_parse(json, 0, &stack, NULL, NULL) >= 0);
	f = open_memstream(&text, &size);
	EXPECT(stack_write_yaml(stack, f) == 0);
	fclose(f);
	if (yaml)
		EXPECT_TEXT(text, yaml);
	EXPECT(stack_read_yaml(text, size, &again, &lines, &message) == 0);
	EXPECT_JSON(again, json);
	free(message);
	free(text);
}

UNIT(stack_written_reads_back)
{
	comes_back("{\"version\":1,\"hosts\":[{\"name\":\"a\",\"underlay\":\"192.0.2.1\"}],\"vpcs\":[{\"name\":\"shop\",\"cidrs\":[\"10.0.0.0/16\",\"fd00:10::/56\"],\"security_groups\":[{\"name\":\"web\",\"ingress\":[{\"protocol\":\"tcp\",\"ports\":\"80\",\"peer\":\"sg:client\"}]}]}]}",
		   "version: 1\n"
		   "hosts:\n"
		   "- {name: a, underlay: 192.0.2.1}\n"
		   "vpcs:\n"
		   "- name: shop\n"
		   "  cidrs: [10.0.0.0/16, \"fd00:10::/56\"]\n"
		   "  security_groups:\n"
		   "  - name: web\n"
		   "    ingress:\n"
		   "    - {protocol: tcp, ports: \"80\", peer: \"sg:client\"}\n");
	comes_back("{\"a\":[\"yes\",\"NO\",\"null\",\"true\",\"80\",\"-\",\"\",\"010\",\"1.5\",\"::\",\"a: b\",\"# c\",\"x\\ny\",\"02:00:00:00:00:01\",\"gr\xc3\xbcn\",\" \",\"*x\",\"&x\",\"!t\",\"10.0.0.0/8\"],\"b\":true,\"c\":-7,\"d\":[],\"e\":{}}", NULL);
}

UNIT(stack_written_leaves_null_out)
{
	_cleanup_json_ sd_json_variant *stack = NULL;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	EXPECT(sd_json_parse("{\"a\":null,\"b\":1}", 0, &stack, NULL,
			     NULL) >= 0);
	EXPECT(stack_write_yaml(stack, f) == 0);
	fclose(f);
	EXPECT_TEXT(text, "b: 1\n");
	free(text);
}
