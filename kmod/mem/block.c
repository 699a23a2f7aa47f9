// SPDX-License-Identifier: GPL-2.0
/* Blocks of memory on their way out of the host's kernel and back.
 *
 * A block that was taken is in no zone and has no struct page and no direct map. It is
 * claimed as exclusive System RAM, so that /dev/mem refuses it whatever "iomem=" says;
 * but not as busy, so that it is in no vmcore and in no kernel that kexec loads.
 *
 * It goes back by add_memory(), as the plain "System RAM" that it was before: that name
 * is the kernel's own. One of ours would have to outlive the module.
 */

#include "block.h"

#include <linux/io.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>

#include <asm/pgtable.h>
#include <asm/set_memory.h>

#include "alloc.h"
#include "zero.h"

struct search {
	struct nitro_mem_candidate *candidates;
	size_t n;
	size_t room;
	int node;
};

static int add_candidate(struct search *search, phys_addr_t start)
{
	u64 size = memory_block_size_bytes();
	struct nitro_mem_candidate *new;
	struct page *first, *last;

	first = pfn_to_online_page(PHYS_PFN(start));
	last = pfn_to_online_page(PHYS_PFN(start + size - 1));
	/* A block that lies in several zones cannot be taken */
	if (!first || !last || page_zone(first) != page_zone(last))
		return 0;
	if (search->node != NUMA_NO_NODE && page_to_nid(first) != search->node)
		return 0;
	if (search->n == search->room) {
		search->room = search->room ? search->room * 2 : 64;
		new = kvmalloc_array(search->room, sizeof(*new), GFP_KERNEL);
		if (!new)
			return -ENOMEM;
		if (search->n)
			memcpy(new, search->candidates,
			       search->n * sizeof(*new));
		kvfree(search->candidates);
		search->candidates = new;
	}
	search->candidates[search->n++] = (struct nitro_mem_candidate) {
		.start = start,
		.node = page_to_nid(first),
		.movable = page_zonenum(first) == ZONE_MOVABLE,
	};
	return 0;
}

static int note_end(struct resource *res, void *data)
{
	*(phys_addr_t *)data = res->end;
	return 0;
}

/* The resource of a range of RAM is cut in two when a block of it goes, which fails if
 * something that the kernel has put into it would be in the second part: the kernel warns,
 * and has the block for RAM from then on that has no struct pages. Such things are the kernel
 * itself, wherever it was put at boot, and what is reserved for kdump's. Return: where the
 * last of them ends
 */
static phys_addr_t end_of_fixtures(const struct resource *ram)
{
	phys_addr_t kernel = __pa_symbol(&iomem_resource), end = 0;

	walk_iomem_res_desc(IORES_DESC_CRASH_KERNEL,
			    IORESOURCE_MEM | IORESOURCE_BUSY, ram->start,
			    ram->end, &end, note_end);
	if (kernel >= ram->start && kernel <= ram->end)
		end = max(end, kernel);
	return end;
}

static int look_at_ram(struct resource *ram, void *data)
{
	u64 size = memory_block_size_bytes();
	phys_addr_t fixtures = end_of_fixtures(ram);
	struct search *search = data;
	phys_addr_t start;
	int err;

	/* Another driver's, which has plans of its own for it */
	if (ram->flags & IORESOURCE_SYSRAM_DRIVER_MANAGED)
		return 0;
	for (start = round_up(ram->start, size); start + size - 1 <= ram->end;
	     start += size) {
		if (start <= fixtures)
			continue;
		err = add_candidate(search, start);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

/* Movable ones first; from the top, where the kernel itself has least */
static int by_kind(const void *a, const void *b)
{
	const struct nitro_mem_candidate *x = a, *y = b;

	if (x->movable != y->movable)
		return x->movable ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->start > y->start ? -1 : 1;
}

/* The nodes' turns: the first of each, the second of each... */
static int give_ranks(struct search *search)
{
	unsigned int *n;
	size_t i;

	n = kcalloc(nr_node_ids, 2 * sizeof(*n), GFP_KERNEL);
	if (!n)
		return -ENOMEM;
	for (i = search->n; i--; ) {
		struct nitro_mem_candidate *c = &search->candidates[i];

		c->rank = n[2 * c->node + c->movable]++;
	}
	kfree(n);
	return 0;
}

/**
 * nitro_mem_block_candidates() - which blocks might be taken?
 * @node: of this NUMA node, or NUMA_NO_NODE
 * @ret: they, in the order in which they should be tried; to be freed by kvfree()
 * @ret_n: how many
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_mem_block_candidates(int node, struct nitro_mem_candidate **ret,
			       size_t *ret_n)
{
	struct search search = { .node = node };
	int err;

	err = walk_iomem_res_desc(IORES_DESC_NONE,
				  IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY, 0,
				  U64_MAX, &search, look_at_ram);
	/* -EINVAL: there is none at all */
	if (!err || err == -EINVAL)
		err = give_ranks(&search);
	if (err) {
		kvfree(search.candidates);
		return err;
	}
	if (search.n)
		sort(search.candidates, search.n, sizeof(*search.candidates),
		     by_kind, NULL);
	*ret = search.candidates;
	*ret_n = search.n;
	return 0;
}

static void erase_mapped(void *p, size_t size)
{
	size_t n;

	for (; size; p += n, size -= n) {
		n = min_t(size_t, size, NITRO_MEM_GRAIN_SIZE);
		nitro_mem_zero(p, n);
		cond_resched();
	}
	nitro_mem_zero_end();
}

/**
 * nitro_mem_block_erase() - zero memory of the pool
 * @start: physical address
 * @size: bytes
 *
 * There is no direct map to do it through, and no struct page to make a temporary one
 * of. A mapping as if of a device's memory, but cached, needs neither; it is of large
 * pages, is not in /proc/kcore, and is gone when this returns.
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int nitro_mem_block_erase(phys_addr_t start, u64 size)
{
	u64 block = memory_block_size_bytes(), n;

	for (; size; start += n, size -= n) {
		void __iomem *p;

		/* A mapping of several resources would be taken for a mistake */
		n = min(size, round_down(start, block) + block - start);
		p = ioremap_cache(start, n);
		if (!p)
			return -ENOMEM;
		erase_mapped((__force void *)p, n);
		iounmap(p);
	}
	return 0;
}

/* Memory that is not the kernel's is mapped uncached, except where somebody says that
 * it should not be; and only ioremap() can say so to a module's benefit. vunmap() is
 * iounmap() but for taking that back: the mapping goes, the word stays.
 */
static int hold_type(struct nitro_mem_block *block, bool erase)
{
	void __iomem *p = ioremap_cache(block->start, block->size);

	if (!p)
		return -ENOMEM;
	if (erase)
		erase_mapped((__force void *)p, block->size);
	vunmap((__force void *)p);
	return 0;
}

static void drop_type(struct nitro_mem_block *block)
{
	/* Frees the word on that range, whatever it says */
	arch_io_free_memtype_wc(block->start, block->size);
}

static int claim(struct nitro_mem_block *block)
{
	block->resource = (struct resource) {
		.name = "nitro_mem",
		.start = block->start,
		.end = block->start + block->size - 1,
		.flags = IORESOURCE_SYSTEM_RAM | IORESOURCE_EXCLUSIVE,
	};
	return insert_resource(&iomem_resource, &block->resource);
}

static bool is_mapped_by_pud(phys_addr_t start)
{
	unsigned int level;

	return lookup_address((unsigned long)__va(start), &level) &&
	       level == PG_LEVEL_1G;
}

/* The direct map of what the host was started with is of pages of 1 GiB. To remove a part
 * of one, the kernel would take what is in that memory for a table of smaller pages
 * (remove_pud_table()): the map would stay, or all of the page be gone. Nothing that
 * modules may call parts a page, but for what makes memory uncached: it has to part it, and
 * does not put it together again. That memory has to be ours meanwhile.
 */
static int part_direct_map(const struct nitro_mem_block *block)
{
	const unsigned long n = PFN_DOWN(PMD_SIZE);
	unsigned long pfn = PHYS_PFN(block->start), addr;
	unsigned long end = pfn + PFN_DOWN(block->size);
	int err = -EBUSY;

	if (IS_ALIGNED(block->start | block->size, PUD_SIZE) ||
	    !is_mapped_by_pud(block->start))
		return 0;
	for (; pfn < end; pfn += n) {
		err = alloc_contig_range(pfn, pfn + n, NITRO_CONTIG_MOVABLE,
					 GFP_KERNEL);
		if (!err || err == -EINTR)
			break;
	}
	if (err)
		return err;
	addr = (unsigned long)__va(PFN_PHYS(pfn));
	err = set_memory_uc(addr, n);
	if (!err)
		err = set_memory_wb(addr, n);
	free_contig_range(pfn, n);
	if (!err && is_mapped_by_pud(block->start))
		err = -EBUSY;
	return err;
}

static int add_back(struct nitro_mem_block *block)
{
	return add_memory(block->node, block->start, block->size, MHP_NONE);
}

/**
 * nitro_mem_block_take() - take a block out of the host's kernel
 * @block: says which
 *
 * It is erased.
 *
 * Context: may sleep; long. A signal ends it.
 * Return: 0, or a negative errno; then the kernel still has the block.
 */
int nitro_mem_block_take(struct nitro_mem_block *block)
{
	int err;

	err = part_direct_map(block);
	if (err)
		return err;
	err = offline_and_remove_memory(block->start, block->size);
	if (err)
		return err;
	/* If the kernel has it for RAM nevertheless, it would look for struct pages */
	if (region_intersects(block->start, block->size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT) {
		err = -EBUSY;
		goto err_lost;
	}
	err = claim(block);
	if (err)
		goto err_add;
	err = hold_type(block, true);
	if (err)
		goto err_release;
	return 0;

err_release:
	remove_resource(&block->resource);
err_add:
	if (!add_back(block))
		return err;
err_lost:
	pr_err("nitro_mem: the host has lost the memory at %pa\n", &block->start);
	return err;
}

/**
 * nitro_mem_block_reserve() - have memory that the kernel was told at boot not to use
 * @block: says which
 *
 * It is erased.
 *
 * Context: may sleep; long.
 * Return: 0, -EINVAL if the kernel does use it or was not told, or a negative errno.
 */
int nitro_mem_block_reserve(struct nitro_mem_block *block)
{
	int err;

	if (region_intersects(block->start, block->size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT ||
	    region_intersects(block->start, block->size, IORESOURCE_MEM,
			      IORES_DESC_RESERVED) != REGION_INTERSECTS)
		return -EINVAL;
	err = claim(block);
	if (err)
		return err;
	err = hold_type(block, true);
	if (err)
		remove_resource(&block->resource);
	return err;
}

/**
 * nitro_mem_block_give() - give a block back to the host's kernel
 * @block: which; no guest has any of it, and it is erased
 *
 * Context: may sleep; long.
 * Return: 0, or a negative errno; then it is as it was.
 */
int nitro_mem_block_give(struct nitro_mem_block *block)
{
	int err;

	drop_type(block);
	/* Its resource gets between the root and ours, so nothing is ever unclaimed */
	err = add_back(block);
	if (!err) {
		remove_resource(&block->resource);
		return 0;
	}
	if (hold_type(block, false))
		pr_err("nitro_mem: the memory at %pa will be uncached\n",
		       &block->start);
	return err;
}

/**
 * nitro_mem_block_abandon() - leave memory that was reserved at boot
 * @block: which; no guest has any of it, and it is erased
 *
 * Context: may sleep.
 */
void nitro_mem_block_abandon(struct nitro_mem_block *block)
{
	drop_type(block);
	remove_resource(&block->resource);
}
