/* SPDX-License-Identifier: GPL-2.0 */
/* What many unit tests of nitrod need. */
#ifndef _NITROD_TEST_FIXTURE_H
#define _NITROD_TEST_FIXTURE_H

#include "kernel.h"
#include "manager.h"
#include "object.h"
#include "unit.h"

/* A manager with a store of its own and no kernel */
struct fixture {
	struct manager m;
	char dir[32];
};

void fixture_open(struct fixture *f);
void fixture_reopen(struct fixture *f);
void fixture_close(struct fixture *f);
int fixture_load_notes(struct fixture *f);

#define _cleanup_fixture_ _cleanup_(fixture_close)

sd_json_variant *json_read(const char *text);
int fixture_apply_stack(struct fixture *f, sd_json_variant *stack, sd_json_variant *lines,
			bool prune, sd_json_variant **ret, struct error *e);
int fixture_apply(struct fixture *f, const char *stack, struct error *e);
char *fixture_export(struct fixture *f);
int fixture_put(struct fixture *f, enum object_kind kind, const char *props, enum put_mode mode,
		struct error *e);

/* A stack in JSON with single quotes, which stand for double ones */
#define SHOP_BEGIN \
	"{'version':1,'hosts':[{'name':'a','underlay':'198.18.0.1','local':true}," \
	"{'name':'b','underlay':'198.18.0.2'}],'vpcs':[{'name':'shop'," \
	"'cidrs':['10.0.0.0/16','fd00:10::/56'],'subnets':[{'name':'front'," \
	"'cidrs':['10.0.1.0/24','fd00:10:0:1::/64']}]"

#endif
