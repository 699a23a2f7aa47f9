/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The desired state in memory: immutable, reference-counted objects in tables,
 * and the change that turns one valid state into another or leaves it alone.
 */
#ifndef _NITRO_MODEL_H
#define _NITRO_MODEL_H

#include "addr.h"
#include "base.h"

/* In the order in which objects can be made; deletion goes backwards. */
enum object_kind {
	KIND_HOST,
	KIND_VPC,
	KIND_ROUTE_TABLE,
	KIND_SUBNET,
	KIND_PREFIX_LIST,
	KIND_SECURITY_GROUP,
	KIND_ENI,
	KIND_KEY,
	KIND_POOL,
	KIND_VOLUME,
	KIND_INSTANCE,
	KIND_ENCLAVE,
	KIND_MAX,
};

/* What is changed by operations, see storage.h */
static inline bool kind_is_storage(enum object_kind kind)
{
	return kind == KIND_KEY || kind == KIND_POOL || kind == KIND_VOLUME;
}

#define RULES_MAX 1000		/* per ENI, direction and family (EC2 quota) */
#define GROUPS_MAX 16		/* security groups of an ENI (EC2 quota) */
#define ENTRIES_MAX 1000	/* of a prefix list (EC2 quota) */
#define ROUTES_MAX 1000		/* of a route table (EC2 quota) */
#define ADDRESSES_MAX 64	/* addresses and prefixes of an ENI */
#define CIDRS_MAX 16		/* of a VPC or subnet */
#define VNI_MAX 0xfffffe
#define SERVERS_MAX 4		/* of a VPC's DHCP options (EC2 quota) */
#define HOP_LIMIT_MAX 64	/* of metadata tokens (EC2 API) */

/**
 * struct object - what every object has
 * @refs: references held
 * @kind: which of the structures below it is
 * @id: such as "vpc-0123456789abcdef0"; derived from kind, scope and name,
 *	so that every host that applies a stack gives the same ID
 * @name: unique within @vpc, or within the network when @vpc is NULL
 * @vpc: name of the VPC the name is scoped to, or NULL
 * @version: counts the changes of this object in the store
 * @handle: the integer that the kernel knows it by, 0 before it is stored
 * @index: its place in the table of its kind
 * @origin: JSON pointer into the stack being applied, or NULL
 * @body: the configuration as JSON text, as it is stored
 */
struct object {
	unsigned int refs;
	enum object_kind kind;
	char *id;
	char *name;
	char *vpc;
	uint64_t version;
	uint32_t handle;
	size_t index;
	char *origin;
	char *body;
};

struct prefixes {
	struct prefix *v;
	size_t n, cap;
};

struct host {
	struct object o;
	struct prefix underlay;
	uint16_t port;
	bool local;
	bool local_given;
};

struct vpc {
	struct object o;
	struct prefixes cidrs;
	uint32_t vni;		/* 0: to be assigned */
	char *domain;		/* NULL: none, as the two below */
	struct prefixes dns_servers;
	struct prefixes ntp_servers;
};

enum route_kind { ROUTE_LOCAL, ROUTE_BLACKHOLE, ROUTE_ENI };

struct route {
	struct prefix cidr;
	enum route_kind kind;
	char *eni;		/* ROUTE_ENI */
};

struct route_table {
	struct object o;
	struct route *routes;
	size_t n_routes, cap;
};

struct subnet {
	struct object o;
	struct prefixes cidrs;
	char *route_table;	/* NULL: only the VPC's own CIDRs are reached */
};

struct prefix_list {
	struct object o;
	struct prefixes entries;
};

enum peer_kind { PEER_CIDR, PEER_GROUP, PEER_PREFIX_LIST };

#define PROTO_ALL 256

/**
 * struct rule - one allow rule of a security group
 * @id: "sgr-…", derived from the group and the rule
 * @protocol: IP protocol number or PROTO_ALL
 * @port_lo: first port, TCP and UDP only
 * @port_hi: last port
 * @icmp_type: -1 for any
 * @icmp_code: -1 for any
 * @peer: what the other side must be
 * @cidr: PEER_CIDR
 * @peer_name: PEER_GROUP, PEER_PREFIX_LIST
 */
struct rule {
	char *id;
	unsigned int protocol;
	uint16_t port_lo, port_hi;
	int icmp_type, icmp_code;
	enum peer_kind peer;
	struct prefix cidr;
	char *peer_name;
};

struct rules {
	struct rule *v;
	size_t n, cap;
};

enum direction { INGRESS, EGRESS };

struct security_group {
	struct object o;
	struct rules rules[2];
	bool egress_default;	/* no egress rules given: all is allowed */
};

enum attach_kind { ATTACH_NONE, ATTACH_NETNS, ATTACH_PORT, ATTACH_LOCAL, ATTACH_INSTANCE };

struct attachment {
	enum attach_kind kind;
	char *netns;
	char *ifname;
	char *port;
	char *instance;
	uint32_t index;		/* of the ENIs of an instance, from 0 */
};

enum eni_limit {
	LIMIT_BANDWIDTH,	/* bit/s */
	LIMIT_PPS,
	LIMIT_FLOWS,
	LIMIT_TCP_ESTABLISHED,	/* seconds, as the two below */
	LIMIT_UDP,
	LIMIT_UDP_STREAM,
	LIMIT_MAX,
};

enum metadata { METADATA_ON, METADATA_V1, METADATA_OFF, METADATA_MAX };

struct eni {
	struct object o;	/* o.vpc is NULL: ENI names are the network's */
	char *vpc;		/* of the subnet */
	char *subnet;
	char *host;		/* NULL: this host */
	struct prefixes ips;
	struct strings groups;
	uint8_t mac[6];
	bool has_mac;
	bool source_dest_check;
	uint64_t limit[LIMIT_MAX];	/* 0: the kernel's default */
	enum metadata metadata;	/* on: with a token; v1: without one, too */
	uint8_t hop_limit;	/* of the answer with a token */
	struct attachment attachment;	/* local ENIs only */
};

/* A master key; the key itself lies sealed in a file of its own, see seal.h */
struct key {
	struct object o;
	uint64_t generation;	/* counts rotations, and names the file */
	bool given;		/* the file is there: the generation was given */
};

enum pool_kind { POOL_DIR, POOL_VG, POOL_DEVICE, POOL_KIND_MAX };

/**
 * struct pool - where volumes get their space
 * @o: the object
 * @kind: files, thin logical volumes, or extents of a device
 * @path: POOL_DIR: the directory; POOL_DEVICE: the device
 * @vg: POOL_VG: the volume group
 * @thin: POOL_VG: the thin pool in it
 * @size: POOL_DIR: most bytes of all volumes together
 * @sparse: space is taken when it is written to, not when it is promised
 * @uuid: what the pool's own label says, so that another disk or directory in
 *	the same place is not taken for it; NULL before the label is written
 */
struct pool {
	struct object o;
	enum pool_kind kind;
	char *path;
	char *vg, *thin;
	uint64_t size;
	bool sparse;
	char *uuid;
};

enum holder_kind { HOLDER_NONE, HOLDER_LOCAL, HOLDER_INSTANCE };

#define OFFSET_NONE UINT64_MAX

/**
 * struct volume - an encrypted block device
 * @o: the object
 * @pool: where its bytes lie
 * @size: in bytes
 * @sector_size: unit of encryption
 * @iops: limit, 0 for none
 * @throughput: limit in MiB/s, 0 for none
 * @instance_store: the kernel makes its key at each attach and forgets it
 * @key: the master key that wraps its data key; NULL of an instance store
 * @generation: of that master key
 * @data_key: the wrapped data key in base64
 * @offset: POOL_DEVICE: where its extent begins, OFFSET_NONE elsewhere
 * @holder: who has the device
 * @instance: HOLDER_INSTANCE
 * @index: of the volumes of an instance, from 0
 */
struct volume {
	struct object o;
	char *pool;
	uint64_t size;
	uint32_t sector_size;
	uint64_t iops, throughput;
	bool instance_store;
	char *key;
	uint64_t generation;
	char *data_key;
	uint64_t offset;
	enum holder_kind holder;
	char *instance;
	uint32_t index;
};

/* What the user wants of an instance */
enum wish { WISH_RUNNING, WISH_STOPPED, WISH_TERMINATED, WISH_MAX };

enum restart { RESTART_ON_FAILURE, RESTART_NO, RESTART_MAX };

/* What an instance is: a virtual machine, an operating system that runs on this host's
 * CPUs, or the one that is this host's own. Enclaves are objects of a kind of their own.
 */
enum instance_kind {
	INSTANCE_VM, INSTANCE_METAL, INSTANCE_HOST, INSTANCE_ENCLAVE, INSTANCE_KINDS
};

#define VCPUS_MAX 255
#define CPUS_MAX 1024		/* of bare metal: what the host has */
#define INSTANCE_ENIS_MAX 15		/* EC2's largest instances */
#define INSTANCE_VOLUMES_MAX 27
#define USER_DATA_MAX 16384
#define CMDLINE_MAX_SIZE 2000
#define PUBLIC_KEYS_MAX 16

/**
 * struct instance - a virtual machine of this host, or an operating system on it
 * @o: the object
 * @kind: which of them
 * @vcpus: how many CPUs it has
 * @memory: bytes
 * @kernel: where its kernel came from; nitrod keeps a copy. NULL if it boots a volume, or
 *	has booted already
 * @initrd: where its initial ramdisk came from, or NULL
 * @cmdline: the kernel's command line
 * @boot: the volume that it boots, or NULL
 * @user_data: for its metadata, in base64, or NULL
 * @public_keys: for its metadata, as OpenSSH writes them
 * @enclaves: it has a vsock device, on which it and its enclaves find each other
 * @restart: what to do when the VMM fails
 * @wish: what the user wants of it
 * @launched: when it was asked to run, in seconds since 1970
 * @ended: when it was terminated and had let go of everything, 0 before
 * @ending: of an enclave: why, if it was not told to; or NULL
 *
 * Which ENIs and volumes it has is what they say: see attachment and volume.
 */
struct instance {
	struct object o;
	enum instance_kind kind;
	uint64_t vcpus, memory;
	char *kernel, *initrd, *cmdline, *boot;
	char *user_data;
	struct strings public_keys;
	bool enclaves;
	enum restart restart;
	enum wish wish;
	uint64_t launched, ended;
	char *ending;
};

#define ENCLAVE_CPUS_MAX 64		/* of nitro-hypervisor */
#define ENCLAVE_GRAIN (2ULL << 20)
#define ENCLAVE_CID_MIN 4		/* those below have a meaning */
#define ENCLAVE_CID_FIRST 16		/* as AWS assigns them */

/**
 * struct enclave - an isolated machine with signed measurements; it lives as an instance
 * @i: what all that live have; its kernel is in the image
 * @image: where the image came from
 * @image_name: what the image calls itself, or NULL
 * @image_version: its version, or NULL
 * @cid: its vsock address
 * @parent: the instance that it is counted against, or NULL
 * @debug: its console can be seen, and its documents say so
 * @pool: its memory is of the pool
 * @measurements: registers of its image, as nitro-cli has them, as JSON text
 */
struct enclave {
	struct instance i;
	char *image, *image_name, *image_version, *parent, *measurements;
	uint32_t cid;
	bool debug, pool;
};

/* One table per kind, in the order of creation. A removed object leaves a NULL,
 * so that undoing the removal puts it back in its place; see model_compact().
 */
struct table {
	struct object **v;
	size_t n, cap;
	size_t live;
};

struct model {
	struct table tables[KIND_MAX];
	struct map by_id;	/* id -> object */
	struct map by_name;	/* kind/vpc/name -> object */
	struct map by_bare;	/* kind/name -> how many (as a pointer) */
};

struct object *object_ref(struct object *o);
struct object *object_unref(struct object *o);

#define HOST(obj) ((struct host *)(obj))
#define VPC(obj) ((struct vpc *)(obj))
#define ROUTE_TABLE(obj) ((struct route_table *)(obj))
#define SUBNET(obj) ((struct subnet *)(obj))
#define PREFIX_LIST(obj) ((struct prefix_list *)(obj))
#define SECURITY_GROUP(obj) ((struct security_group *)(obj))
#define ENI(obj) ((struct eni *)(obj))
#define KEY(obj) ((struct key *)(obj))
#define POOL(obj) ((struct pool *)(obj))
#define VOLUME(obj) ((struct volume *)(obj))
#define INSTANCE(obj) ((struct instance *)(obj))
#define ENCLAVE(obj) ((struct enclave *)(obj))

void model_free(struct model *m);
void model_put(struct model *m, struct object *o);
void model_remove(struct model *m, struct object *o);
void model_restore(struct model *m, struct object *o);
void model_compact(struct model *m);
struct object *model_get(const struct model *m, enum object_kind kind, const char *vpc,
			 const char *name);
struct object *model_by_id(const struct model *m, const char *id);
struct object *model_lookup(const struct model *m, enum object_kind kind, const char *scope,
			    const char *name, struct error *e);
struct host *model_local_host(const struct model *m);
bool model_eni_is_held(const struct object *eni, const char *instance);
bool model_volume_is_held(const struct object *volume, const char *instance);
bool model_eni_is_local(const struct model *m, const struct eni *eni);
struct prefix_list *model_prefix_list(const struct model *m, const char *vpc,
				      const char *name);

/* The object at or behind a place of a table; steps behind it */
static inline struct object *table_next(const struct table *t, size_t *i)
{
	while (*i < t->n)
		if (t->v[(*i)++])
			return t->v[*i - 1];
	return NULL;
}

/* Objects may be removed on the way */
#define FOR_EACH_OBJECT(m, k, obj) \
	for (size_t _i = 0; ((obj) = table_next(&(m)->tables[k], &_i));)

#endif
