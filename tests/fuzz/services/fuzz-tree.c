// SPDX-License-Identifier: GPL-2.0
/* Paths and tokens of the metadata service, as guests write them. */

#include "tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct eni *make(void)
{
	static const char text[] =
		"{\"service\":5,\"id\":\"eni-5\",\"name\":\"web\",\"mac\":\"06:00:00:00:00:05\","
		"\"ips\":[\"10.0.1.10\"],\"subnet\":{\"id\":\"s\",\"cidrs\":[\"10.0.1.0/24\"]},"
		"\"vpc\":{\"id\":\"v\",\"name\":\"v\",\"cidrs\":[\"10.0.0.0/16\"]},"
		"\"metadata\":\"on\",\"instance\":{\"id\":\"i-1\",\"user_data\":\"aGk=\","
		"\"public_keys\":[{\"name\":\"k\",\"key\":\"ssh-ed25519 A\"}]}}";
	_cleanup_json_ sd_json_variant *v = NULL;

	if (sd_json_parse(text, 0, &v, NULL, NULL) < 0)
		abort();
	return eni_parse(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct services s = { .region = "r", .zone = "ra", .domain = "d" };
	_cleanup_free_ char *text = xstrndup((const char *)data, n);
	static struct eni *eni;
	struct content content;

	if (!eni) {
		_cleanup_error_ struct error e = {};
		char dir[] = "/tmp/fuzz-tree-XXXXXX";

		eni = make();
		if (!eni || tokens_init(&s.tokens) < 0 || !mkdtemp(dir) ||
		    identity_open(&s.identity, dir, &e) < 0)
			abort();
	}
	if (token_check(&s.tokens, eni->id, 0, text))
		abort();
	if (tree_lookup(&s, eni, text, &content)) {
		if (!content.data || !content.size)
			abort();
		free(content.data);
	}
	return 0;
}
