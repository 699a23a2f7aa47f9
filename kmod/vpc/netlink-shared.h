/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_NETLINK_SHARED_H
#define _NITRO_VPC_NETLINK_SHARED_H

#include <net/genetlink.h>
#include <uapi/linux/nitro_vpc.h>

/**
 * struct nitro_vpc_netlink_shared - a kind of shared objects
 * @name: in error messages
 * @part_names: likewise, of more than one part
 * @object: NITRO_VPC_OBJECT_KIND_*
 * @get: NITRO_VPC_CMD_* of its dump
 * @id: type of the attribute with the handle
 * @part: type of the nests of the parts
 * @table: offset of its struct nitro_vpc_shared_table in the card
 * @parts_max: most parts that an object has
 * @part_size: size of the structure of a part
 * @parse: fill such a structure; it is zeroed
 * @build: make a content of such structures; returns an ERR_PTR() if it fails
 * @parts: the structures of a content
 * @put: write the nest of a part; returns -EMSGSIZE with nothing written
 */
struct nitro_vpc_netlink_shared {
	const char *name;
	const char *part_names;
	enum nitro_vpc_object_kind object;
	u8 get;
	int id;
	int part;
	size_t table;
	u32 parts_max;
	size_t part_size;
	int (*parse)(struct nlattr *nest, void *part,
		     struct netlink_ext_ack *extack);
	void *(*build)(const void *parts, u32 count,
		       struct netlink_ext_ack *extack);
	const void *(*parts)(const void *content, u32 *count);
	int (*put)(struct sk_buff *skb, const void *part);
};

int nitro_vpc_netlink_shared_set(const struct nitro_vpc_netlink_shared *kind,
				 struct genl_info *info);
int nitro_vpc_netlink_shared_del(const struct nitro_vpc_netlink_shared *kind,
				 struct genl_info *info);
int nitro_vpc_netlink_shared_dump(const struct nitro_vpc_netlink_shared *kind,
				  struct sk_buff *skb,
				  struct netlink_callback *cb);

#endif
