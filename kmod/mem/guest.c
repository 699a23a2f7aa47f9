// SPDX-License-Identifier: GPL-2.0
/* Guests' memory is files, in a file system that is mounted nowhere. A file lives as
 * long as a descriptor or the mapping; then its memory is erased and back in the pool,
 * whatever became of the process.
 */

#include "guest.h"

#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/math.h>
#include <linux/mount.h>
#include <linux/netlink.h>
#include <linux/pseudo_fs.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "alloc.h"
#include "map.h"
#include "netlink.h"
#include "pool.h"
#include "state.h"

#define MAGIC	0x6e6d656d	/* nmem */

/* By number, from their creation until their memory is erased. Protected by
 * guests_lock, which is taken before that of a guest and that of the pool.
 */
static DEFINE_XARRAY_ALLOC1(guests);
static DEFINE_MUTEX(guests_lock);
static u32 guests_count;
static struct vfsmount *mount;

/* --- a guest --- */

static int make_runs(struct nitro_mem_guest *guest)
{
	struct nitro_mem_extent *e;
	u64 offset = 0;
	u32 n = 0;

	list_for_each_entry(e, &guest->extents, list)
		guest->n++;
	guest->runs = kvmalloc_array(guest->n, sizeof(*guest->runs), GFP_KERNEL);
	if (!guest->runs)
		return -ENOMEM;
	list_for_each_entry(e, &guest->extents, list) {
		guest->runs[n++] = (struct nitro_mem_run) {
			.offset = offset,
			.start = e->start,
			.count = e->count,
		};
		offset += e->count;
	}
	return 0;
}

/* Bytes that can be mapped by huge pages, if the VMM's address allows */
static u64 huge_bytes(const struct nitro_mem_guest *guest)
{
	u64 huge = 0;
	u32 i;

	for (i = 0; i < guest->n; i++) {
		const struct nitro_mem_run *run = &guest->runs[i];
		u64 skip = round_up(run->start, NITRO_MEM_HUGE) - run->start;

		if ((run->offset + skip) % NITRO_MEM_HUGE || skip > run->count)
			continue;
		huge += round_down(run->count - skip, NITRO_MEM_HUGE);
	}
	return huge << NITRO_MEM_GRAIN_SHIFT;
}

static void describe(struct nitro_mem_guest *guest,
		     struct nitro_mem_guest_info *ret)
{
	*ret = (struct nitro_mem_guest_info) {
		.id = guest->id,
		.size = guest->size,
		.ranges = guest->n,
		.huge = huge_bytes(guest),
		.openers = guest->openers.max,
	};
	strscpy(ret->name, guest->name);
	mutex_lock(&guest->lock);
	ret->state = guest->state;
	mutex_unlock(&guest->lock);
}

static void release(struct nitro_mem_guest *guest)
{
	enum nitro_mem_guest_state was = guest->state;
	struct nitro_mem_guest_info info;
	u32 i;

	mutex_lock(&guest->lock);
	guest->state = NITRO_MEM_GUEST_STATE_RELEASED;
	mutex_unlock(&guest->lock);
	/* In dumps until it is done: what is not free is always somebody's */
	nitro_mem_pool_give(&guest->extents,
			    was == NITRO_MEM_GUEST_STATE_MAPPED);
	describe(guest, &info);
	mutex_lock(&guests_lock);
	xa_erase(&guests, guest->id);
	guests_count--;
	mutex_unlock(&guests_lock);
	nitro_mem_netlink_guest(NITRO_MEM_EVENT_KIND_RELEASE, &info);
	for (i = 0; i < guest->openers.n; i++)
		mmdrop(guest->openers.mms[i]);
	kvfree(guest->runs);
	kfree(guest);
}

/* The calling process is one of its openers, if there may be one more. Return: 0 or
 * -EBUSY.
 */
static int take_opener(struct nitro_mem_guest *guest)
{
	int err;

	mutex_lock(&guest->lock);
	err = nitro_mem_opener_add(&guest->openers, current->mm);
	if (!err) {
		/* The structure stays, so that no other process ever has the same */
		mmgrab(current->mm);
		if (nitro_mem_opener_all(&guest->openers))
			guest->state = NITRO_MEM_GUEST_STATE_OPENED;
	}
	mutex_unlock(&guest->lock);
	return err;
}

/**
 * nitro_mem_guest_map() - it is being mapped by the calling process
 * @guest: the guest
 *
 * Context: process; may sleep; mmap_lock may be held.
 * Return: 1 for the first time, 0 later, -EPERM for a process that has not opened it,
 * -EAGAIN if not all have, or -EBUSY if its only opener had mapped it before.
 */
int nitro_mem_guest_map(struct nitro_mem_guest *guest)
{
	bool first;
	int err;

	mutex_lock(&guest->lock);
	first = nitro_mem_state_may_follow(guest->state,
					   NITRO_MEM_GUEST_STATE_MAPPED);
	err = nitro_mem_opener_may_map(&guest->openers, current->mm, !first);
	if (!err && first)
		guest->state = NITRO_MEM_GUEST_STATE_MAPPED;
	mutex_unlock(&guest->lock);
	return err ?: first;
}

/**
 * nitro_mem_guest_run() - which memory is there?
 * @guest: the guest
 * @grain: offset, less than its size
 *
 * Context: any.
 * Return: the run that has it.
 */
const struct nitro_mem_run *
nitro_mem_guest_run(const struct nitro_mem_guest *guest, u64 grain)
{
	u32 low = 0, high = guest->n;

	/* The last run that begins at or before it */
	while (high - low > 1) {
		u32 middle = low + (high - low) / 2;

		if (guest->runs[middle].offset <= grain)
			low = middle;
		else
			high = middle;
	}
	return &guest->runs[low];
}

/* --- its file --- */

/* What a create gives is only a handle: private_data is empty. Here its inode is opened
 * anew, by /proc/<pid>/fd/<fd>; each of its openers does that once.
 */
static int guest_open(struct inode *inode, struct file *file)
{
	struct nitro_mem_guest *guest = inode->i_private;
	int err;

	if (!(file->f_mode & FMODE_READ) || !(file->f_mode & FMODE_WRITE))
		return -EACCES;
	/* A kernel thread, io_uring's for one, is nobody */
	if (!current->mm || current->flags & PF_KTHREAD)
		return -EPERM;
	err = take_opener(guest);
	if (err)
		return err;
	file->private_data = guest;
	return 0;
}

static loff_t guest_llseek(struct file *file, loff_t offset, int whence)
{
	return fixed_size_llseek(file, offset, whence,
				 i_size_read(file_inode(file)));
}

static const struct file_operations file_ops = {
	.owner = THIS_MODULE,
	.open = guest_open,
	.llseek = guest_llseek,
	.mmap = nitro_mem_map,
	.get_unmapped_area = nitro_mem_map_area,
};

/* Neither its size nor its owner change */
static int guest_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
			 struct iattr *attr)
{
	return -EPERM;
}

static const struct inode_operations inode_ops = {
	.setattr = guest_setattr,
};

static void guest_evict(struct inode *inode)
{
	clear_inode(inode);
	if (inode->i_private)
		release(inode->i_private);
}

static const struct super_operations super_ops = {
	.statfs = simple_statfs,
	.evict_inode = guest_evict,
};

static int init_fs(struct fs_context *fc)
{
	struct pseudo_fs_context *ctx = init_pseudo(fc, MAGIC);

	if (!ctx)
		return -ENOMEM;
	ctx->ops = &super_ops;
	return 0;
}

/* No owner: it is mounted as long as the module is there, and must not hold it */
static struct file_system_type fs_type = {
	.name = "nitro_mem",
	.init_fs_context = init_fs,
	.kill_sb = kill_anon_super,
};

/* Owns the guest when it succeeds */
static struct file *make_file(struct nitro_mem_guest *guest)
{
	char name[sizeof("nitro_mem:") + NITRO_MEM_NAME_MAX];
	struct inode *inode;
	struct file *file;

	inode = new_inode(mount->mnt_sb);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode->i_ino = guest->id + 1;
	/* Who has a descriptor, or may look into the process that has, may open it */
	inode->i_mode = S_IFREG | 0666;
	inode->i_uid = current_fsuid();
	inode->i_gid = current_fsgid();
	inode->i_op = &inode_ops;
	inode->i_fop = &file_ops;
	simple_inode_init_ts(inode);
	i_size_write(inode, guest->size);
	snprintf(name, sizeof(name), "nitro_mem:%s", guest->name);
	__module_get(THIS_MODULE);
	file = alloc_file_pseudo(inode, mount, name, O_RDWR, &file_ops);
	if (IS_ERR(file)) {
		module_put(THIS_MODULE);
		iput(inode);
		return file;
	}
	inode->i_private = guest;
	return file;
}

static int enlist(struct nitro_mem_guest *guest)
{
	int err;

	mutex_lock(&guests_lock);
	err = xa_alloc(&guests, &guest->id, guest, xa_limit_31b, GFP_KERNEL);
	if (!err)
		guests_count++;
	mutex_unlock(&guests_lock);
	return err;
}

/**
 * nitro_mem_guest_create() - take memory for a guest
 * @name: what it is called
 * @size: bytes, a multiple of a grain
 * @node: of this NUMA node only, or NUMA_NO_NODE
 * @openers: how many processes open it, at most NITRO_MEM_OPENERS_MAX
 * @ret: gets what it is
 * @extack: says why not
 *
 * Context: may sleep.
 * Return: a file without a descriptor, or an error.
 */
struct file *nitro_mem_guest_create(const char *name, u64 size, int node,
				    u32 openers,
				    struct nitro_mem_guest_info *ret,
				    struct netlink_ext_ack *extack)
{
	struct nitro_mem_guest *guest;
	struct file *file;
	int err;

	guest = kzalloc(sizeof(*guest), GFP_KERNEL);
	if (!guest)
		return ERR_PTR(-ENOMEM);
	strscpy(guest->name, name);
	guest->size = size;
	guest->openers.max = openers;
	guest->state = NITRO_MEM_GUEST_STATE_CREATED;
	mutex_init(&guest->lock);
	INIT_LIST_HEAD(&guest->extents);
	err = nitro_mem_pool_take(size, node, &guest->extents, extack);
	if (err)
		goto err_free;
	err = make_runs(guest);
	if (err)
		goto err_give;
	err = enlist(guest);
	if (err)
		goto err_give;
	file = make_file(guest);
	if (!IS_ERR(file)) {
		describe(guest, ret);
		nitro_mem_netlink_guest(NITRO_MEM_EVENT_KIND_CREATE, ret);
		return file;
	}
	err = PTR_ERR(file);
	mutex_lock(&guests_lock);
	xa_erase(&guests, guest->id);
	guests_count--;
	mutex_unlock(&guests_lock);
err_give:
	nitro_mem_pool_give(&guest->extents, false);
	kvfree(guest->runs);
err_free:
	kfree(guest);
	return ERR_PTR(err);
}

/**
 * nitro_mem_guest_get() - what of a guest?
 * @from: its number
 * @exact: that one; else that or the next one
 * @ret: gets it
 *
 * Context: may sleep.
 * Return: whether there is one.
 */
bool nitro_mem_guest_get(unsigned long from, bool exact,
			 struct nitro_mem_guest_info *ret)
{
	struct nitro_mem_guest *guest;

	mutex_lock(&guests_lock);
	guest = exact ? xa_load(&guests, from) :
			xa_find(&guests, &from, ULONG_MAX, XA_PRESENT);
	if (guest)
		describe(guest, ret);
	mutex_unlock(&guests_lock);
	return guest;
}

/**
 * nitro_mem_guest_count() - how many guests are there?
 *
 * Context: any.
 * Return: the number.
 */
u32 nitro_mem_guest_count(void)
{
	return READ_ONCE(guests_count);
}

/**
 * nitro_mem_guest_init() - mount the file system
 *
 * Context: module load; may sleep.
 * Return: 0 or a negative errno.
 */
int __init nitro_mem_guest_init(void)
{
	mount = kern_mount(&fs_type);
	return PTR_ERR_OR_ZERO(mount);
}

/**
 * nitro_mem_guest_exit() - unmount it; there are no files, as they hold the module
 *
 * Context: module unload; may sleep.
 */
void nitro_mem_guest_exit(void)
{
	kern_unmount(mount);
}
