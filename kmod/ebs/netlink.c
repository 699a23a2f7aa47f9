// SPDX-License-Identifier: GPL-2.0
/* The control interface. Its policies are generated from
 * docs/netlink/specs/nitro_ebs.yaml into netlink-gen.c.
 */

#include "netlink.h"

#include <linux/blkdev.h>
#include <linux/crypto.h>
#include <linux/ctype.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <net/genetlink.h>

#include "crypt.h"
#include "device.h"
#include "netlink-gen.h"
#include "stats.h"

/* The family is there: devices may still go when it is not any more */
static bool registered;

/**
 * nitro_ebs_nl_admin_pre_doit() - only for whoever administers the host
 * @ops: the operation
 * @skb: request
 * @info: of the request
 *
 * Context: any.
 * Return: 0 or -EPERM.
 */
int nitro_ebs_nl_admin_pre_doit(const struct genl_split_ops *ops,
				struct sk_buff *skb, struct genl_info *info)
{
	if (netlink_capable(skb, CAP_SYS_ADMIN))
		return 0;
	NL_SET_ERR_MSG(info->extack, "this needs CAP_SYS_ADMIN");
	return -EPERM;
}

static u64 get_u64(struct genl_info *info, int attr)
{
	return info->attrs[attr] ? nla_get_u64(info->attrs[attr]) : 0;
}

static bool get_flag(struct genl_info *info, int attr)
{
	return nla_get_flag(info->attrs[attr]);
}

static int refuse(struct genl_info *info, int attr, const char *why)
{
	NL_SET_BAD_ATTR(info->extack, info->attrs[attr]);
	NL_SET_ERR_MSG_FMT(info->extack, "%s", why);
	return -EINVAL;
}

static struct nitro_ebs_device *find(struct genl_info *info, int attr)
{
	struct nitro_ebs_device *dev;
	u32 id;

	if (GENL_REQ_ATTR_CHECK(info, attr)) {
		NL_SET_ERR_MSG(info->extack, "'id' is missing");
		return ERR_PTR(-EINVAL);
	}
	id = nla_get_u32(info->attrs[attr]);
	dev = nitro_ebs_device_get(id);
	if (!dev) {
		NL_SET_BAD_ATTR(info->extack, info->attrs[attr]);
		NL_SET_ERR_MSG_FMT(info->extack, "there is no device nitro_ebs%u",
				   id);
		return ERR_PTR(-ENODEV);
	}
	return dev;
}

/* What is absent stays as it is. Returns whether there was anything. */
static bool get_limits(struct genl_info *info, struct nitro_ebs_limits *limits)
{
	const struct {
		int attr;
		u64 *value;
	} rows[] = {
		{ NITRO_EBS_A_DEVICE_IOPS, &limits->iops },
		{ NITRO_EBS_A_DEVICE_IOPS_BURST, &limits->iops_burst },
		{ NITRO_EBS_A_DEVICE_THROUGHPUT, &limits->throughput },
		{ NITRO_EBS_A_DEVICE_THROUGHPUT_BURST, &limits->throughput_burst },
	};
	bool any = false;
	int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!info->attrs[rows[i].attr])
			continue;
		*rows[i].value = get_u64(info, rows[i].attr);
		any = true;
	}
	return any;
}

static int check_limits(struct genl_info *info)
{
	static const struct {
		int attr;
		u64 max;
		const char *why;
	} rows[] = {
		{ NITRO_EBS_A_DEVICE_IOPS, NITRO_EBS_QOS_RATE_MAX,
		  "'iops' is more than 2^40" },
		{ NITRO_EBS_A_DEVICE_IOPS_BURST, NITRO_EBS_QOS_BURST_MAX,
		  "'iops-burst' is more than 2^32" },
		{ NITRO_EBS_A_DEVICE_THROUGHPUT, NITRO_EBS_QOS_RATE_MAX,
		  "'throughput' is more than 1 TiB" },
		{ NITRO_EBS_A_DEVICE_THROUGHPUT_BURST, NITRO_EBS_QOS_BURST_MAX,
		  "'throughput-burst' is more than 4 GiB" },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (get_u64(info, rows[i].attr) > rows[i].max)
			return refuse(info, rows[i].attr, rows[i].why);
	return 0;
}

/* Names end up in sysfs, in udev rules and in paths */
static int get_name(struct genl_info *info, int attr, char *ret_name,
		    size_t size, const char *why)
{
	const char *p;

	if (!info->attrs[attr])
		return 0;
	nla_strscpy(ret_name, info->attrs[attr], size);
	for (p = ret_name; *p; p++)
		if (!isascii(*p) || !isgraph(*p) || *p == '/' || *p == '\\')
			return refuse(info, attr, why);
	return 0;
}

static int get_config(struct genl_info *info, struct nitro_ebs_config *config)
{
	u64 mask;
	int err;

	config->sector_size = 512;
	if (info->attrs[NITRO_EBS_A_DEVICE_SECTOR_SIZE])
		config->sector_size =
			nla_get_u32(info->attrs[NITRO_EBS_A_DEVICE_SECTOR_SIZE]);
	if (config->sector_size < 512 || config->sector_size > 4096 ||
	    !is_power_of_2(config->sector_size))
		return refuse(info, NITRO_EBS_A_DEVICE_SECTOR_SIZE,
			      "'sector-size' is not 512, 1024, 2048 or 4096");
	mask = config->sector_size - 1;

	config->start = get_u64(info, NITRO_EBS_A_DEVICE_START);
	if (config->start & mask)
		return refuse(info, NITRO_EBS_A_DEVICE_START,
			      "'start' is no multiple of the sector size");
	config->size = get_u64(info, NITRO_EBS_A_DEVICE_SIZE);
	if (info->attrs[NITRO_EBS_A_DEVICE_SIZE] &&
	    (!config->size || (config->size & mask)))
		return refuse(info, NITRO_EBS_A_DEVICE_SIZE,
			      "'size' is no multiple of the sector size, or 0");
	config->iv_offset = get_u64(info, NITRO_EBS_A_DEVICE_IV_OFFSET);
	if (config->iv_offset & (mask >> SECTOR_SHIFT))
		return refuse(info, NITRO_EBS_A_DEVICE_IV_OFFSET,
			      "'iv-offset' is no multiple of the sector size");

	config->iv_large_sectors =
		get_flag(info, NITRO_EBS_A_DEVICE_IV_LARGE_SECTORS);
	config->read_only = get_flag(info, NITRO_EBS_A_DEVICE_READ_ONLY);
	config->instance_store =
		get_flag(info, NITRO_EBS_A_DEVICE_INSTANCE_STORE);
	config->discard = config->instance_store ||
			  get_flag(info, NITRO_EBS_A_DEVICE_DISCARD);
	if (config->instance_store && config->read_only)
		return refuse(info, NITRO_EBS_A_DEVICE_READ_ONLY,
			      "an instance store that is read-only has nothing to read");

	get_limits(info, &config->limits);
	err = check_limits(info);
	if (err)
		return err;
	err = get_name(info, NITRO_EBS_A_DEVICE_SERIAL, config->serial,
		       sizeof(config->serial),
		       "'serial' is not printable ASCII without spaces and slashes");
	if (err)
		return err;
	return get_name(info, NITRO_EBS_A_DEVICE_VOLUME, config->volume,
			sizeof(config->volume),
			"'volume' is not printable ASCII without spaces and slashes");
}

static int get_backing(struct genl_info *info, dev_t *ret_number)
{
	struct inode *inode;
	struct file *file;

	if (GENL_REQ_ATTR_CHECK(info, NITRO_EBS_A_DEVICE_BACKING_FD)) {
		NL_SET_ERR_MSG(info->extack, "'backing-fd' is missing");
		return -EINVAL;
	}
	file = fget(nla_get_u32(info->attrs[NITRO_EBS_A_DEVICE_BACKING_FD]));
	if (!file) {
		refuse(info, NITRO_EBS_A_DEVICE_BACKING_FD,
		       "'backing-fd' is no open file");
		return -EBADF;
	}
	inode = file_inode(file);
	*ret_number = inode->i_rdev;
	if (!S_ISBLK(inode->i_mode)) {
		fput(file);
		refuse(info, NITRO_EBS_A_DEVICE_BACKING_FD,
		       "'backing-fd' is no block device");
		return -ENOTBLK;
	}
	fput(file);
	return 0;
}

static int get_attach(struct genl_info *info, struct nitro_ebs_attach *attach)
{
	int err;

	err = get_config(info, &attach->config);
	if (err)
		return err;
	attach->any_id = !info->attrs[NITRO_EBS_A_DEVICE_ID];
	if (!attach->any_id)
		attach->id = nla_get_u32(info->attrs[NITRO_EBS_A_DEVICE_ID]);
	if (info->attrs[NITRO_EBS_A_DEVICE_KEY]) {
		if (attach->config.instance_store)
			return refuse(info, NITRO_EBS_A_DEVICE_KEY,
				      "'key' and 'instance-store' exclude each other");
		attach->key = nla_get_u32(info->attrs[NITRO_EBS_A_DEVICE_KEY]);
	} else if (!attach->config.instance_store) {
		NL_SET_ERR_MSG(info->extack,
			       "'key' or 'instance-store' is missing");
		return -EINVAL;
	}
	return get_backing(info, &attach->backing);
}

static int put_config(struct sk_buff *skb, struct nitro_ebs_config *config)
{
	const struct nitro_ebs_limits *limits = &config->limits;

	if (nla_put_u32(skb, NITRO_EBS_A_DEVICE_SECTOR_SIZE,
			config->sector_size) ||
	    nla_put(skb, NITRO_EBS_A_DEVICE_START, sizeof(u64),
		    &config->start) ||
	    nla_put(skb, NITRO_EBS_A_DEVICE_SIZE, sizeof(u64), &config->size) ||
	    nla_put(skb, NITRO_EBS_A_DEVICE_IV_OFFSET, sizeof(u64),
		    &config->iv_offset) ||
	    nla_put(skb, NITRO_EBS_A_DEVICE_IOPS, sizeof(u64), &limits->iops) ||
	    nla_put(skb, NITRO_EBS_A_DEVICE_IOPS_BURST, sizeof(u64),
		    &limits->iops_burst) ||
	    nla_put(skb, NITRO_EBS_A_DEVICE_THROUGHPUT, sizeof(u64),
		    &limits->throughput) ||
	    nla_put(skb, NITRO_EBS_A_DEVICE_THROUGHPUT_BURST, sizeof(u64),
		    &limits->throughput_burst) ||
	    nla_put_string(skb, NITRO_EBS_A_DEVICE_SERIAL, config->serial) ||
	    nla_put_string(skb, NITRO_EBS_A_DEVICE_VOLUME, config->volume))
		return -EMSGSIZE;
	if ((config->instance_store &&
	     nla_put_flag(skb, NITRO_EBS_A_DEVICE_INSTANCE_STORE)) ||
	    (config->iv_large_sectors &&
	     nla_put_flag(skb, NITRO_EBS_A_DEVICE_IV_LARGE_SECTORS)) ||
	    (config->read_only &&
	     nla_put_flag(skb, NITRO_EBS_A_DEVICE_READ_ONLY)) ||
	    (config->discard && nla_put_flag(skb, NITRO_EBS_A_DEVICE_DISCARD)))
		return -EMSGSIZE;
	return 0;
}

static int put_cipher(struct sk_buff *skb, struct nitro_ebs_device *dev)
{
	const struct nitro_ebs_crypt *crypt;
	char name[CRYPTO_MAX_ALG_NAME + 32] = "";

	rcu_read_lock();
	crypt = rcu_dereference(dev->crypt);
	if (crypt)
		snprintf(name, sizeof(name), "aes-xts-plain64 %s",
			 nitro_ebs_crypt_name(crypt));
	rcu_read_unlock();
	return nla_put_string(skb, NITRO_EBS_A_DEVICE_CIPHER, name);
}

static int put_one(struct sk_buff *skb, struct nitro_ebs_device *dev)
{
	struct nitro_ebs_config *config;
	int err;

	config = kmalloc(sizeof(*config), GFP_KERNEL);
	if (!config)
		return -ENOMEM;
	spin_lock_irq(&dev->queue_lock);
	*config = dev->config;
	spin_unlock_irq(&dev->queue_lock);
	err = put_config(skb, config);
	kfree(config);
	if (err)
		return err;

	if (nla_put_u32(skb, NITRO_EBS_A_DEVICE_ID, dev->id) ||
	    nla_put_u32(skb, NITRO_EBS_A_DEVICE_BACKING_MAJOR,
			MAJOR(dev->bdev->bd_dev)) ||
	    nla_put_u32(skb, NITRO_EBS_A_DEVICE_BACKING_MINOR,
			MINOR(dev->bdev->bd_dev)) ||
	    nla_put_u32(skb, NITRO_EBS_A_DEVICE_STATE, READ_ONCE(dev->state)) ||
	    (READ_ONCE(dev->stalled) &&
	     nla_put_flag(skb, NITRO_EBS_A_DEVICE_STALLED)) ||
	    nla_put_u32(skb, NITRO_EBS_A_DEVICE_OPENS,
			disk_openers(dev->disk)) ||
	    nla_put_u32(skb, NITRO_EBS_A_DEVICE_MAJOR,
			MAJOR(disk_devt(dev->disk))) ||
	    nla_put_u32(skb, NITRO_EBS_A_DEVICE_MINOR,
			MINOR(disk_devt(dev->disk))))
		return -EMSGSIZE;
	return put_cipher(skb, dev);
}

static int put_latency(struct sk_buff *skb, int attr, const u64 *bins)
{
	unsigned int i;

	for (i = 0; i < NITRO_EBS_LATENCY_BINS; i++) {
		u64 from = nitro_ebs_stats_bin_from(i);
		u64 to = nitro_ebs_stats_bin_from(i + 1);
		struct nlattr *nest;

		if (!bins[i])
			continue;
		nest = nla_nest_start(skb, attr);
		if (!nest ||
		    nla_put(skb, NITRO_EBS_A_LATENCY_FROM, sizeof(u64), &from) ||
		    nla_put(skb, NITRO_EBS_A_LATENCY_TO, sizeof(u64), &to) ||
		    nla_put(skb, NITRO_EBS_A_LATENCY_COUNT, sizeof(u64),
			    &bins[i]))
			return -EMSGSIZE;
		nla_nest_end(skb, nest);
	}
	return 0;
}

/* Time in which I/O waits for a limit just now counts */
static void get_exceeded(struct nitro_ebs_device *dev, u64 *ret_iops,
			 u64 *ret_throughput)
{
	struct nitro_ebs_qos *qos = &dev->qos;

	spin_lock_irq(&dev->queue_lock);
	if (qos->waiting)
		nitro_ebs_qos_settle(qos, qos->waiting, ktime_get_ns());
	*ret_iops = div_u64(qos->exceeded[NITRO_EBS_QOS_IOPS], NSEC_PER_USEC);
	*ret_throughput = div_u64(qos->exceeded[NITRO_EBS_QOS_THROUGHPUT],
				  NSEC_PER_USEC);
	spin_unlock_irq(&dev->queue_lock);
}

static int put_counters(struct sk_buff *skb, const struct nitro_ebs_stats *sum,
			u64 iops, u64 throughput)
{
	const u64 *ops = sum->ops, *bytes = sum->bytes;
	const struct {
		int attr;
		u64 value;
	} rows[] = {
		{ NITRO_EBS_A_STATS_READ_OPS, ops[NITRO_EBS_STATS_READ] },
		{ NITRO_EBS_A_STATS_WRITE_OPS, ops[NITRO_EBS_STATS_WRITE] },
		{ NITRO_EBS_A_STATS_DISCARD_OPS, ops[NITRO_EBS_STATS_DISCARD] },
		{ NITRO_EBS_A_STATS_FLUSH_OPS, ops[NITRO_EBS_STATS_FLUSH] },
		{ NITRO_EBS_A_STATS_READ_BYTES, bytes[NITRO_EBS_STATS_READ] },
		{ NITRO_EBS_A_STATS_WRITE_BYTES, bytes[NITRO_EBS_STATS_WRITE] },
		{ NITRO_EBS_A_STATS_DISCARD_BYTES,
		  bytes[NITRO_EBS_STATS_DISCARD] },
		{ NITRO_EBS_A_STATS_READ_TIME,
		  div_u64(sum->time[NITRO_EBS_STATS_READ], NSEC_PER_USEC) },
		{ NITRO_EBS_A_STATS_WRITE_TIME,
		  div_u64(sum->time[NITRO_EBS_STATS_WRITE], NSEC_PER_USEC) },
		{ NITRO_EBS_A_STATS_IOPS_EXCEEDED, iops },
		{ NITRO_EBS_A_STATS_THROUGHPUT_EXCEEDED, throughput },
		{ NITRO_EBS_A_STATS_QUEUE_LENGTH, sum->begun - sum->ended },
		{ NITRO_EBS_A_STATS_ERRORS, sum->errors },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (nla_put(skb, rows[i].attr, sizeof(u64), &rows[i].value))
			return -EMSGSIZE;
	return 0;
}

static int put_stats(struct sk_buff *skb, struct nitro_ebs_device *dev)
{
	struct nitro_ebs_stats *sum;
	u64 iops, throughput;
	int err;

	sum = kmalloc(sizeof(*sum), GFP_KERNEL);
	if (!sum)
		return -ENOMEM;
	nitro_ebs_stats_sum(dev->stats, sum);
	get_exceeded(dev, &iops, &throughput);
	err = nla_put_u32(skb, NITRO_EBS_A_STATS_ID, dev->id) ?:
	      put_counters(skb, sum, iops, throughput) ?:
	      put_latency(skb, NITRO_EBS_A_STATS_READ_LATENCY,
			  sum->latency[NITRO_EBS_STATS_READ]) ?:
	      put_latency(skb, NITRO_EBS_A_STATS_WRITE_LATENCY,
			  sum->latency[NITRO_EBS_STATS_WRITE]);
	kfree(sum);
	return err;
}

/* Room for what put_stats() writes at most */
#define REPLY_SIZE	8192

static int reply(struct genl_info *info, struct nitro_ebs_device *dev,
		 int (*put)(struct sk_buff *skb, struct nitro_ebs_device *dev))
{
	struct sk_buff *skb;
	void *header;
	int err;

	skb = genlmsg_new(REPLY_SIZE, GFP_KERNEL);
	if (!skb)
		return -ENOMEM;
	header = genlmsg_iput(skb, info);
	err = header ? put(skb, dev) : -EMSGSIZE;
	if (err) {
		nlmsg_free(skb);
		return err;
	}
	genlmsg_end(skb, header);
	return genlmsg_reply(skb, info);
}

/* Devices that are about to come or to go are not shown */
static int dump(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
		int (*put)(struct sk_buff *skb, struct nitro_ebs_device *dev))
{
	unsigned long *next = (unsigned long *)cb->ctx;
	struct nitro_ebs_device *dev;

	while ((dev = nitro_ebs_device_next(next))) {
		void *header;
		int err = 0;

		if (READ_ONCE(dev->live)) {
			header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
					     cb->nlh->nlmsg_seq,
					     &nitro_ebs_nl_family, NLM_F_MULTI,
					     cmd);
			err = header ? put(skb, dev) : -EMSGSIZE;
			if (!err)
				genlmsg_end(skb, header);
			else if (header)
				genlmsg_cancel(skb, header);
		}
		nitro_ebs_device_put(dev);
		if (err)
			return skb->len ? skb->len : err;
		++*next;
	}
	return skb->len;
}

/**
 * nitro_ebs_nl_attach_doit() - attach
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_ebs_nl_attach_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nitro_ebs_attach *attach;
	struct nitro_ebs_device *dev;
	int err;

	attach = kzalloc(sizeof(*attach), GFP_KERNEL);
	if (!attach)
		return -ENOMEM;
	err = get_attach(info, attach);
	if (!err) {
		dev = nitro_ebs_device_attach(attach, info->extack);
		err = PTR_ERR_OR_ZERO(dev);
	}
	kfree(attach);
	if (err)
		return err;
	err = reply(info, dev, put_one);
	nitro_ebs_device_put(dev);
	return err;
}

/**
 * nitro_ebs_nl_detach_doit() - detach
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_ebs_nl_detach_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nitro_ebs_device *dev = find(info, NITRO_EBS_A_DEVICE_ID);

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	return nitro_ebs_device_detach(dev, get_flag(info,
						     NITRO_EBS_A_DEVICE_FORCE),
				       info->extack);
}

/**
 * nitro_ebs_nl_set_doit() - set
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_ebs_nl_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nitro_ebs_device *dev;
	struct nitro_ebs_limits limits;
	bool limit;
	u64 size;
	int err;

	err = check_limits(info);
	if (err)
		return err;
	dev = find(info, NITRO_EBS_A_DEVICE_ID);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	spin_lock_irq(&dev->queue_lock);
	limits = dev->config.limits;
	spin_unlock_irq(&dev->queue_lock);
	limit = get_limits(info, &limits);
	size = get_u64(info, NITRO_EBS_A_DEVICE_SIZE);
	err = nitro_ebs_device_set(dev, info->attrs[NITRO_EBS_A_DEVICE_SIZE] ?
				   &size : NULL, limit ? &limits : NULL,
				   info->extack);
	nitro_ebs_device_put(dev);
	return err;
}

/**
 * nitro_ebs_nl_erase_doit() - erase
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_ebs_nl_erase_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nitro_ebs_device *dev = find(info, NITRO_EBS_A_DEVICE_ID);
	int err;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	err = nitro_ebs_device_erase(dev, info->extack);
	nitro_ebs_device_put(dev);
	return err;
}

static int get_one(struct genl_info *info, int attr,
		   int (*put)(struct sk_buff *skb,
			      struct nitro_ebs_device *dev))
{
	struct nitro_ebs_device *dev = find(info, attr);
	int err;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	if (READ_ONCE(dev->live)) {
		err = reply(info, dev, put);
	} else {
		NL_SET_ERR_MSG_FMT(info->extack,
				   "nitro_ebs%u is being attached or detached",
				   dev->id);
		err = -ENODEV;
	}
	nitro_ebs_device_put(dev);
	return err;
}

/**
 * nitro_ebs_nl_get_doit() - get
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_ebs_nl_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	return get_one(info, NITRO_EBS_A_DEVICE_ID, put_one);
}

/**
 * nitro_ebs_nl_get_dumpit() - get, of all devices
 * @skb: message
 * @cb: state of the dump
 *
 * Context: may sleep.
 * Return: length of the message, or a negative errno.
 */
int nitro_ebs_nl_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dump(skb, cb, NITRO_EBS_CMD_GET, put_one);
}

/**
 * nitro_ebs_nl_stats_get_doit() - stats-get
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_ebs_nl_stats_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	return get_one(info, NITRO_EBS_A_STATS_ID, put_stats);
}

/**
 * nitro_ebs_nl_stats_get_dumpit() - stats-get, of all devices
 * @skb: message
 * @cb: state of the dump
 *
 * Context: may sleep.
 * Return: length of the message, or a negative errno.
 */
int nitro_ebs_nl_stats_get_dumpit(struct sk_buff *skb,
				  struct netlink_callback *cb)
{
	cb->min_dump_alloc = max_t(u32, cb->min_dump_alloc, REPLY_SIZE);
	return dump(skb, cb, NITRO_EBS_CMD_STATS_GET, put_stats);
}

static int put_event(struct sk_buff *skb, const struct nitro_ebs_device *dev,
		     const struct nitro_ebs_netlink_event *event)
{
	const struct nitro_ebs_config *config = &dev->config;
	u64 size = READ_ONCE(config->size), sector = event->sector;

	if (nla_put_u32(skb, NITRO_EBS_A_EVENT_KIND, event->kind) ||
	    nla_put_u32(skb, NITRO_EBS_A_EVENT_ID, dev->id) ||
	    nla_put_string(skb, NITRO_EBS_A_EVENT_SERIAL, config->serial) ||
	    nla_put_string(skb, NITRO_EBS_A_EVENT_VOLUME, config->volume) ||
	    nla_put_u32(skb, NITRO_EBS_A_EVENT_STATE, READ_ONCE(dev->state)))
		return -EMSGSIZE;

	switch (event->kind) {
	case NITRO_EBS_EVENT_KIND_ATTACH:
	case NITRO_EBS_EVENT_KIND_RESIZE:
		return nla_put(skb, NITRO_EBS_A_EVENT_SIZE, sizeof(u64), &size);
	case NITRO_EBS_EVENT_KIND_STALL:
		return nla_put(skb, NITRO_EBS_A_EVENT_WAITED, sizeof(u64),
			       &event->waited);
	case NITRO_EBS_EVENT_KIND_ERROR:
		return nla_put(skb, NITRO_EBS_A_EVENT_ERRORS, sizeof(u64),
			       &event->errors) ?:
		       nla_put_u32(skb, NITRO_EBS_A_EVENT_DIRECTION,
				   event->write ? NITRO_EBS_IO_DIRECTION_WRITE :
						  NITRO_EBS_IO_DIRECTION_READ) ?:
		       nla_put(skb, NITRO_EBS_A_EVENT_SECTOR, sizeof(u64),
			       &sector) ?:
		       nla_put_u32(skb, NITRO_EBS_A_EVENT_ERROR, event->error);
	default:
		return 0;
	}
}

/**
 * nitro_ebs_netlink_event() - tell whoever listens what happened
 * @dev: to which device
 * @event: what
 *
 * Context: may sleep.
 */
void nitro_ebs_netlink_event(const struct nitro_ebs_device *dev,
			     const struct nitro_ebs_netlink_event *event)
{
	struct genl_info info;
	struct sk_buff *skb;
	void *header;

	if (!READ_ONCE(registered) ||
	    !genl_has_listeners(&nitro_ebs_nl_family, &init_net,
				NITRO_EBS_NLGRP_EVENTS))
		return;
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!skb)
		goto err_lost;
	genl_info_init_ntf(&info, &nitro_ebs_nl_family, NITRO_EBS_CMD_EVENT);
	header = genlmsg_iput(skb, &info);
	if (!header || put_event(skb, dev, event)) {
		nlmsg_free(skb);
		goto err_lost;
	}
	genlmsg_end(skb, header);
	genlmsg_multicast(&nitro_ebs_nl_family, skb, 0, NITRO_EBS_NLGRP_EVENTS,
			  GFP_KERNEL);
	return;

err_lost:
	/* The listeners' next read says ENOBUFS, as for any lost message */
	genl_set_err(&nitro_ebs_nl_family, &init_net, 0, NITRO_EBS_NLGRP_EVENTS,
		     -ENOBUFS);
}

/**
 * nitro_ebs_netlink_init() - open the control interface
 *
 * Context: module load; may sleep.
 * Return: 0 or a negative errno.
 */
int __init nitro_ebs_netlink_init(void)
{
	int err;

	err = genl_register_family(&nitro_ebs_nl_family);
	WRITE_ONCE(registered, !err);
	return err;
}

/**
 * nitro_ebs_netlink_exit() - close the control interface
 *
 * Context: module unload; may sleep.
 */
void nitro_ebs_netlink_exit(void)
{
	WRITE_ONCE(registered, false);
	genl_unregister_family(&nitro_ebs_nl_family);
}
