/* SPDX-License-Identifier: GPL-2.0 */
/* What many unit tests of nitro-services need. */
#ifndef _NITRO_SERVICES_TEST_FIXTURE_H
#define _NITRO_SERVICES_TEST_FIXTURE_H

#include "services.h"
#include "unit.h"

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
