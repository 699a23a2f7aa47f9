// SPDX-License-Identifier: GPL-2.0
/* The tree of metadata and its tokens. */

#include "fixture.h"
#include "tree.h"

static struct services s = { .region = "r", .zone = "ra", .domain = "d" };

static char *look(struct eni *eni, const char *path)
{
	struct content content;

	return tree_lookup(&s, eni, path, &content) ? content.data : NULL;
}

#define EXPECT_AT(eni, path, wanted) \
	do { \
		_cleanup_free_ char *_found = look(eni, path); \
		EXPECT_TEXT(_found, wanted); \
	} while (0)

UNIT(paths)
{
	struct eni *eni = eni_read(",'instance':{'id':'i-1','user_data':'aGk=',"
		"'public_keys':[{'name':'a','key':'ssh-ed25519 A'},{'name':'b','key':'ssh-rsa B'}]}");

	EXPECT_AT(eni, "/latest", "dynamic/\nmeta-data/\nuser-data");
	EXPECT_AT(eni, "/latest/", "dynamic/\nmeta-data/\nuser-data");
	EXPECT_AT(eni, "//latest//user-data", "hi");
	EXPECT_AT(eni, "/2009-04-04/meta-data/mac", "06:00:00:00:00:05");
	EXPECT_AT(eni, "/latest/meta-data/public-keys/", "0=a\n1=b");
	EXPECT_AT(eni, "/latest/meta-data/public-keys", "0=a\n1=b");
	EXPECT_AT(eni, "/latest/meta-data/public-keys/1", "openssh-key");
	EXPECT_AT(eni, "/latest/meta-data/public-keys/1/openssh-key", "ssh-rsa B");
	EXPECT_AT(eni, "/latest/meta-data/placement", "availability-zone\nregion");
	EXPECT_AT(eni, "/latest/meta-data/network/interfaces/macs/06:00:00:00:00:05/ipv4-prefix",
		  "10.0.1.64/28");
	EXPECT_AT(eni, "/latest/meta-data/network/interfaces/macs/06:00:00:00:00:05/security-groups",
		  "a\nb");
	EXPECT_AT(eni, "/latest/meta-data/public-keys/2/openssh-key", NULL);
	EXPECT_AT(eni, "/latest/meta-data/ma", NULL);
	EXPECT_AT(eni, "/latest/meta-data/mac/x", NULL);
	EXPECT_AT(eni, "/last", NULL);
	eni_free(eni);
}

UNIT(without_an_instance)
{
	struct eni *eni = eni_read("");

	EXPECT_AT(eni, "/latest", "meta-data/");
	EXPECT_AT(eni, "/latest/user-data", NULL);
	EXPECT_AT(eni, "/latest/meta-data/instance-id", NULL);
	EXPECT_AT(eni, "/latest/dynamic/instance-identity/document", NULL);
	eni_free(eni);
}

UNIT(two_enis_of_an_instance)
{
	struct eni *eni = eni_read(",'instance':{'id':'i-1'}");
	struct eni *other = eni_read(",'instance':{'id':'i-1'}");

	other->service = 6;
	free(other->mac_text);
	other->mac_text = xstrdup("06:00:00:00:00:06");
	enis_put(&s.enis, eni);
	enis_put(&s.enis, other);
	EXPECT_AT(eni, "/latest/meta-data/network/interfaces/macs/",
		  "06:00:00:00:00:05/\n06:00:00:00:00:06/");
	EXPECT_AT(other, "/latest/meta-data/network/interfaces/macs/",
		  "06:00:00:00:00:06/\n06:00:00:00:00:05/");
	enis_free(&s.enis);
}

UNIT(tokens)
{
	struct tokens t, u;
	char token[TOKEN_STRLEN], same[TOKEN_STRLEN];

	EXPECT(!tokens_init(&t) && !tokens_init(&u));
	EXPECT(!token_make(&t, "eni-1", 1000, token));
	EXPECT(strlen(token) == TOKEN_STRLEN - 1);
	EXPECT(token_check(&t, "eni-1", 999, token));
	EXPECT(!token_check(&t, "eni-1", 1000, token));
	EXPECT(!token_check(&t, "eni-2", 999, token));
	EXPECT(!token_check(&u, "eni-1", 999, token));
	for (size_t i = 0; i < TOKEN_STRLEN - 1; i++) {
		memcpy(same, token, sizeof(same));
		same[i] = same[i] == 'A' ? 'B' : 'A';
		EXPECT(!token_check(&t, "eni-1", 999, same));
		same[i] = '\xff';
		EXPECT(!token_check(&t, "eni-1", 999, same));
	}
	EXPECT(!token_check(&t, "eni-1", 999, ""));
}
