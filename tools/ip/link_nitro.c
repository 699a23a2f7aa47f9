// SPDX-License-Identifier: GPL-2.0
/* A link kind for ip(8), which looks for link_KIND.so when it meets one that
 * it does not know: `ip -d link show type nitro` tells id, VPC and addresses.
 *
 * iproute2 has no header for this; what follows is the interface of its
 * ip/ip_common.h and include/json_print.h, unchanged for years. Optional: ip
 * works without it and prints the rest.
 */

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <linux/nitro_vpc.h>

struct link_util {
	struct link_util *next;
	const char *id;
	int maxattr;
	int (*parse_opt)(struct link_util *lu, int argc, char **argv,
			 struct nlmsghdr *n);
	void (*print_opt)(struct link_util *lu, FILE *f, struct rtattr *tb[]);
	void (*print_xstats)(struct link_util *lu, FILE *f, struct rtattr *stats);
	void (*print_help)(struct link_util *lu, int argc, char **argv, FILE *f);
	int (*parse_ifla_xstats)(struct link_util *lu, int argc, char **argv);
	int (*print_ifla_xstats)(struct nlmsghdr *n, void *arg);
};

#define PRINT_FP	1
#define PRINT_JSON	2
#define PRINT_ANY	4
#define COLOR_NONE	6

int print_color_uint(int type, int color, const char *key, const char *format,
		     unsigned int value);
int print_color_string(int type, int color, const char *key,
		       const char *format, const char *value);
void open_json_array(int type, const char *key);
void close_json_array(int type, const char *delimiter);

static uint32_t get_u32(const struct rtattr *attr)
{
	uint32_t value;

	if (RTA_PAYLOAD(attr) < sizeof(value))
		return 0;
	memcpy(&value, RTA_DATA(attr), sizeof(value));
	return value;
}

static void print_u32(struct rtattr *attr, const char *key, const char *format)
{
	if (attr)
		print_color_uint(PRINT_ANY, COLOR_NONE, key, format,
				 get_u32(attr));
}

static void print_prefix(const struct rtattr *nest)
{
	const struct rtattr *attr = RTA_DATA(nest);
	int left = RTA_PAYLOAD(nest);
	char text[INET6_ADDRSTRLEN] = "";
	char out[INET6_ADDRSTRLEN + 8];
	unsigned int len = 0;

	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
		switch (attr->rta_type & NLA_TYPE_MASK) {
		case NITRO_VPC_A_PREFIX_IP4:
			if (RTA_PAYLOAD(attr) == 4)
				inet_ntop(AF_INET, RTA_DATA(attr), text,
					  sizeof(text));
			break;
		case NITRO_VPC_A_PREFIX_IP6:
			if (RTA_PAYLOAD(attr) == 16)
				inet_ntop(AF_INET6, RTA_DATA(attr), text,
					  sizeof(text));
			break;
		case NITRO_VPC_A_PREFIX_PREFIX_LEN:
			len = get_u32(attr);
			break;
		}
	}
	snprintf(out, sizeof(out), "%s/%u", text, len);
	print_color_string(PRINT_ANY, COLOR_NONE, NULL, "%s ", out);
}

/* ip gives the first attribute of each type. Those that come several times are
 * walked from there to the last attribute of all, the flags (see
 * nitro_vpc_eni_config_fill() in the module).
 */
static void print_list(const struct rtattr *first, const struct rtattr *last,
		       int type, const char *key, const char *text)
{
	const struct rtattr *attr = first;

	if (!first || !last || last < first)
		return;
	open_json_array(PRINT_JSON, key);
	print_color_string(PRINT_FP, COLOR_NONE, NULL, "%s ", text);
	while (attr < last) {
		if ((attr->rta_type & NLA_TYPE_MASK) == type)
			print_prefix(attr);
		attr = (const void *)((const char *)attr +
				      RTA_ALIGN(attr->rta_len));
	}
	close_json_array(PRINT_JSON, NULL);
}

static void print_opt(struct link_util *lu, FILE *f, struct rtattr *tb[])
{
	(void)lu;
	(void)f;
	if (!tb)
		return;
	print_u32(tb[NITRO_VPC_A_ENI_ID], "id", "id %u ");
	print_u32(tb[NITRO_VPC_A_ENI_VNI], "vni", "vni %u ");
	print_list(tb[NITRO_VPC_A_ENI_ADDRESS], tb[NITRO_VPC_A_ENI_FLAGS],
		   NITRO_VPC_A_ENI_ADDRESS, "addresses", "address");
	print_list(tb[NITRO_VPC_A_ENI_SUBNET], tb[NITRO_VPC_A_ENI_FLAGS],
		   NITRO_VPC_A_ENI_SUBNET, "subnets", "subnet");
	print_u32(tb[NITRO_VPC_A_ENI_POLICY], "policy", "policy %u ");
	print_u32(tb[NITRO_VPC_A_ENI_ROUTE_TABLE], "route_table",
		  "route-table %u ");
	if (tb[NITRO_VPC_A_ENI_FLAGS] && get_u32(tb[NITRO_VPC_A_ENI_FLAGS]) &
	    NITRO_VPC_ENI_FLAGS_NO_SOURCE_DEST_CHECK)
		print_color_string(PRINT_ANY, COLOR_NONE, "source_dest_check",
				   "no-source-dest-check ", "off");
}

/* nitrod configures ENIs; there is nothing to say to ip link add. */
static int parse_opt(struct link_util *lu, int argc, char **argv,
		     struct nlmsghdr *n)
{
	(void)lu;
	(void)n;
	if (argc > 0)
		fprintf(stderr, "nitro: \"%s\": an ENI takes no options here, see nitroctl-eni(8)\n",
			*argv);
	return argc > 0 ? -1 : 0;
}

extern struct link_util nitro_link_util;

struct link_util nitro_link_util = {
	.id = "nitro",
	.maxattr = NITRO_VPC_A_ENI_MAX,
	.parse_opt = parse_opt,
	.print_opt = print_opt,
};
