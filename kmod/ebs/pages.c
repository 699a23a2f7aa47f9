// SPDX-License-Identifier: GPL-2.0
/* The pages that the backing device reads and writes.
 *
 * Each CPU keeps some of those that were given back for its next I/O: the kernel
 * would zero them each time (init_on_alloc), which takes about as long as to
 * encrypt them. They hold ciphertext and nothing else.
 */

#include "pages.h"

#include <linux/bio.h>
#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/shrinker.h>

#include "device.h"

/* No sleeping, no warning, no digging into the reserves of others: someone
 * who has to free memory may be waiting for this I/O.
 */
#define GFP_TRY		(__GFP_NOWARN | __GFP_NOMEMALLOC)

/* What there is besides single pages: 64 KiB, so that large I/O has few segments */
#define LARGE_ORDER	4U
#define LARGE_SIZE	((unsigned int)PAGE_SIZE << LARGE_ORDER)

/* A CPU keeps a MiB of each */
#define SINGLES_MAX	256U
#define LARGES_MAX	16U

/**
 * struct store - pages that a CPU keeps
 * @lock: protects the others; innermost, interrupts off. Others than the CPU
 *	itself take it rarely: the shrinker, a task that has just been moved.
 * @singles: how many single pages there are
 * @larges: how many large ones
 * @single: those, the last one on top
 * @large: likewise
 */
struct store {
	spinlock_t lock;
	unsigned int singles;
	unsigned int larges;
	struct page *single[SINGLES_MAX];
	struct page *large[LARGES_MAX];
};

static struct store __percpu *stores;
static struct shrinker *shrinker;

/* Give a bio what the store has, and return how many bytes it still lacks. */
static unsigned int add_stored(struct bio *bio, unsigned int len)
{
	struct store *store = raw_cpu_ptr(stores);
	unsigned long flags;
	unsigned int size;

	spin_lock_irqsave(&store->lock, flags);
	for (; len >= LARGE_SIZE && store->larges; len -= LARGE_SIZE)
		__bio_add_page(bio, store->large[--store->larges], LARGE_SIZE,
			       0);
	/* Singles are no substitute for large ones: there would be too many */
	if (len < LARGE_SIZE) {
		for (; len && store->singles; len -= size) {
			size = min_t(unsigned int, len, PAGE_SIZE);
			__bio_add_page(bio, store->single[--store->singles],
				       size, 0);
		}
	}
	spin_unlock_irqrestore(&store->lock, flags);
	return len;
}

static struct page *new_page(struct nitro_ebs_device *dev, unsigned int len,
			     bool reserve, unsigned int *ret_size)
{
	struct page *page;

	if (len >= LARGE_SIZE) {
		page = alloc_pages(GFP_TRY | __GFP_NORETRY | __GFP_COMP,
				   LARGE_ORDER);
		if (page) {
			*ret_size = LARGE_SIZE;
			return page;
		}
	}
	*ret_size = min_t(unsigned int, len, PAGE_SIZE);
	if (reserve)
		return mempool_alloc(&dev->pages, GFP_TRY | __GFP_KSWAPD_RECLAIM);
	return alloc_page(GFP_TRY | __GFP_KSWAPD_RECLAIM);
}

/**
 * nitro_ebs_pages_add() - give a bio pages
 * @dev: the device
 * @bio: a bio with room for a page for each page in @len
 * @len: bytes, %NITRO_EBS_IO_MAX at most
 * @reserve: take from the reserve if there is no other. One caller at a time
 *	may: so the reserve, which is enough for any bio, gets full again when
 *	the I/O that has it ends, and that caller gets all it needs.
 *
 * Context: any; does not sleep.
 * Return: true; or false, and then the bio has none.
 */
bool nitro_ebs_pages_add(struct nitro_ebs_device *dev, struct bio *bio,
			 unsigned int len, bool reserve)
{
	len = add_stored(bio, len);
	while (unlikely(len)) {
		unsigned int size;
		struct page *page = new_page(dev, len, reserve, &size);

		if (!page) {
			nitro_ebs_pages_free(dev, bio);
			bio->bi_vcnt = 0;
			bio->bi_iter.bi_size = 0;
			return false;
		}
		__bio_add_page(bio, page, size, 0);
		len -= size;
	}
	return true;
}

/* Caller holds the store's lock. Returns false if the page is not for the store. */
static bool store_page(struct nitro_ebs_device *dev, struct store *store,
		       struct page *page)
{
	if (PageHead(page)) {
		if (store->larges == LARGES_MAX)
			return false;
		store->large[store->larges++] = page;
		return true;
	}
	/* As in mempool_free(): the page may be what the reserve lacks */
	smp_rmb();
	if (store->singles == SINGLES_MAX || !mempool_is_saturated(&dev->pages))
		return false;
	store->single[store->singles++] = page;
	return true;
}

/**
 * nitro_ebs_pages_free() - take a bio's pages back
 * @dev: the device
 * @bio: a bio that had them of nitro_ebs_pages_add()
 *
 * Context: any; does not sleep.
 */
void nitro_ebs_pages_free(struct nitro_ebs_device *dev, struct bio *bio)
{
	struct store *store = raw_cpu_ptr(stores);
	unsigned long flags;
	unsigned int i, n = 0;

	spin_lock_irqsave(&store->lock, flags);
	for (i = 0; i < bio->bi_vcnt; i++) {
		struct page *page = bio->bi_io_vec[i].bv_page;

		if (unlikely(!store_page(dev, store, page)))
			bio->bi_io_vec[n++].bv_page = page;
	}
	spin_unlock_irqrestore(&store->lock, flags);

	for (i = 0; i < n; i++) {
		struct page *page = bio->bi_io_vec[i].bv_page;

		if (PageHead(page))
			__free_pages(page, LARGE_ORDER);
		else
			mempool_free(page, &dev->pages);
	}
}

static unsigned long count_stored(struct shrinker *unused,
				  struct shrink_control *control)
{
	unsigned long count = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		const struct store *store = per_cpu_ptr(stores, cpu);

		count += READ_ONCE(store->singles) +
			 ((unsigned long)READ_ONCE(store->larges) << LARGE_ORDER);
	}
	return count ?: SHRINK_EMPTY;
}

/* A page of any size from a store, or NULL */
static struct page *take_stored(struct store *store)
{
	struct page *page = NULL;

	spin_lock_irq(&store->lock);
	if (store->larges)
		page = store->large[--store->larges];
	else if (store->singles)
		page = store->single[--store->singles];
	spin_unlock_irq(&store->lock);
	return page;
}

static unsigned long free_stored(struct shrinker *unused,
				 struct shrink_control *control)
{
	unsigned long freed = 0;
	struct page *page;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		struct store *store = per_cpu_ptr(stores, cpu);

		while (freed < control->nr_to_scan &&
		       (page = take_stored(store))) {
			unsigned int order = compound_order(page);

			__free_pages(page, order);
			freed += 1UL << order;
		}
	}
	return freed ?: SHRINK_STOP;
}

/**
 * nitro_ebs_pages_init() - set up the stores
 *
 * Context: module load; may sleep.
 * Return: 0 or -ENOMEM.
 */
int __init nitro_ebs_pages_init(void)
{
	unsigned int cpu;

	stores = alloc_percpu(struct store);
	if (!stores)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		spin_lock_init(&per_cpu_ptr(stores, cpu)->lock);
	shrinker = shrinker_alloc(0, "nitro_ebs");
	if (!shrinker) {
		free_percpu(stores);
		return -ENOMEM;
	}
	shrinker->count_objects = count_stored;
	shrinker->scan_objects = free_stored;
	shrinker_register(shrinker);
	return 0;
}

/**
 * nitro_ebs_pages_exit() - free what the stores have
 *
 * Context: module unload, after the last device; may sleep.
 */
void nitro_ebs_pages_exit(void)
{
	struct page *page;
	unsigned int cpu;

	shrinker_free(shrinker);
	for_each_possible_cpu(cpu)
		while ((page = take_stored(per_cpu_ptr(stores, cpu))))
			__free_pages(page, compound_order(page));
	free_percpu(stores);
}
