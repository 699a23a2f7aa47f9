/* SPDX-License-Identifier: GPL-2.0 */
/* Unit tests of nitro-services: cases register themselves, unit.c prints KTAP. */
#ifndef _NITRO_SERVICES_TEST_UNIT_H
#define _NITRO_SERVICES_TEST_UNIT_H

#include "services.h"

struct unit_case {
	const char *name;
	void (*run)(void);
	struct unit_case *next;
};

void unit_register(struct unit_case *test);
void unit_fail(const char *file, int line, const char *what);

#define UNIT(id) \
	static void id(void); \
	static struct unit_case case_##id = { .name = #id, .run = id }; \
	__attribute__((constructor)) static void register_##id(void) \
	{ \
		unit_register(&case_##id); \
	} \
	static void id(void)

#define EXPECT(condition) \
	do { \
		if (!(condition)) \
			unit_fail(__FILE__, __LINE__, #condition); \
	} while (0)

#define EXPECT_TEXT(got, wanted) EXPECT(streq(got, wanted))

sd_json_variant *json_read(const char *text);

/* JSON of an ENI with single quotes; more of it may come before the last brace */
#define ENI_JSON \
	"{'service':5,'id':'eni-0123456789abcdef0','name':'web','mac':'06:00:00:00:00:05'," \
	"'ips':['10.0.1.10','fd00:10:0:1::10','10.0.1.64/28']," \
	"'subnet':{'id':'subnet-1','name':'front','cidrs':['10.0.1.0/24','fd00:10:0:1::/64']}," \
	"'vpc':{'id':'vpc-1','name':'shop','cidrs':['fd00:10::/56','10.0.0.0/16']}," \
	"'security_groups':[{'id':'sg-1','name':'a'},{'id':'sg-2','name':'b'}]," \
	"'metadata':'on','hop_limit':2,'mtu':9001,'domain':null,'dns_servers':[],'ntp_servers':[]"

struct eni *eni_read(const char *more);

#endif
