// SPDX-License-Identifier: GPL-2.0
/* What root can do who may load a module: all of physical memory as a file, whatever the
 * kernel has it for. Of the tests of guest memory, and signed by nobody.
 */

#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

static struct dentry *file;

static ssize_t peek_read(struct file *opened, char __user *to, size_t n, loff_t *at)
{
	unsigned long left;
	void *p;

	n = min_t(size_t, n, SZ_2M - (*at & (SZ_2M - 1)));
	p = memremap(*at, n, MEMREMAP_WB);
	if (!p)
		return -EIO;
	left = copy_to_user(to, p, n);
	memunmap(p);
	if (left == n)
		return -EFAULT;
	*at += n - left;
	return n - left;
}

static const struct file_operations peek_ops = {
	.owner = THIS_MODULE,
	.read = peek_read,
	.llseek = default_llseek,
};

static int __init peek_init(void)
{
	file = debugfs_create_file("nitro_peek", 0400, NULL, NULL, &peek_ops);
	return PTR_ERR_OR_ZERO(file);
}

static void __exit peek_exit(void)
{
	debugfs_remove(file);
}

module_init(peek_init);
module_exit(peek_exit);

MODULE_DESCRIPTION("Reads physical memory, for tests");
MODULE_LICENSE("GPL");
