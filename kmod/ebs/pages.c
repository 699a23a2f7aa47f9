// SPDX-License-Identifier: GPL-2.0
/* The pages that the backing device reads and writes. */

#include "pages.h"

#include <linux/bio.h>
#include <linux/gfp.h>
#include <linux/mempool.h>
#include <linux/mm.h>

#include "device.h"

/* No sleeping, no warning, no digging into the reserves of others: someone
 * who has to free memory may be waiting for this I/O.
 */
#define GFP_TRY		(__GFP_NOWARN | __GFP_NOMEMALLOC)

/* 64 KiB: few segments, and rarely refused */
#define ORDER_MAX	4U

static struct page *take_page(struct nitro_ebs_device *dev, unsigned int len,
			      bool reserve, unsigned int *ret_size)
{
	unsigned int order = min_t(unsigned int, ORDER_MAX,
				   ilog2(DIV_ROUND_UP(len, PAGE_SIZE)));
	struct page *page;

	for (; order; order--) {
		page = alloc_pages(GFP_TRY | __GFP_NORETRY | __GFP_COMP, order);
		if (page) {
			*ret_size = PAGE_SIZE << order;
			return page;
		}
	}
	*ret_size = PAGE_SIZE;
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
 * Return: true; or false, and then nothing was allocated.
 */
bool nitro_ebs_pages_add(struct nitro_ebs_device *dev, struct bio *bio,
			 unsigned int len, bool reserve)
{
	while (len) {
		unsigned int size;
		struct page *page = take_page(dev, len, reserve, &size);

		if (!page) {
			nitro_ebs_pages_free(dev, bio);
			bio->bi_vcnt = 0;
			bio->bi_iter.bi_size = 0;
			return false;
		}
		size = min(size, len);
		__bio_add_page(bio, page, size, 0);
		len -= size;
	}
	return true;
}

/**
 * nitro_ebs_pages_free() - take a bio's pages back
 * @dev: the device
 * @bio: a bio that had them of nitro_ebs_pages_add(), as long as it was then
 *
 * Context: any; does not sleep.
 */
void nitro_ebs_pages_free(struct nitro_ebs_device *dev, struct bio *bio)
{
	unsigned int i;

	for (i = 0; i < bio->bi_vcnt; i++) {
		struct page *page = bio->bi_io_vec[i].bv_page;

		if (PageHead(page))
			__free_pages(page, compound_order(page));
		else
			mempool_free(page, &dev->pages);
	}
}
