// SPDX-License-Identifier: GPL-2.0
/* The mapping that a VMM has of its guest's memory, and KVM follows. It is of page
 * frames without struct pages, so there is nothing to pin: direct I/O, io_uring's
 * buffers, vmsplice() and ptrace() find that it is none of theirs. What the VMM itself
 * copies by the mapping goes.
 */

#include "map.h"

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched.h>

#include "alloc.h"
#include "guest.h"
#include "netlink.h"

static struct nitro_mem_guest *guest_of(const struct vm_fault *vmf)
{
	return vmf->vma->vm_file->private_data;
}

/* The page frame that is mapped at @addr, and in @ret_count how many follow it */
static unsigned long frame_at(const struct vm_fault *vmf, unsigned long addr,
			      u64 *ret_count)
{
	struct vm_area_struct *vma = vmf->vma;
	const unsigned int shift = NITRO_MEM_GRAIN_SHIFT - PAGE_SHIFT;
	u64 page = vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
	const struct nitro_mem_run *run;
	u64 into;

	run = nitro_mem_guest_run(guest_of(vmf), page >> shift);
	into = page - (run->offset << shift);
	*ret_count = (run->count << shift) - into;
	return (run->start << shift) + into;
}

static vm_fault_t map_fault(struct vm_fault *vmf)
{
	unsigned long pfn;
	u64 count;

	pfn = frame_at(vmf, vmf->address, &count);
	return vmf_insert_pfn(vmf->vma, vmf->address, pfn);
}

static vm_fault_t map_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	unsigned long size = PAGE_SIZE << order;
	unsigned long addr = ALIGN_DOWN(vmf->address, size);
	struct vm_area_struct *vma = vmf->vma;
	/* Dirty and young at once: nobody ever looks at that */
	bool write = vma->vm_flags & VM_WRITE;
	unsigned long pfn;
	u64 count;

	if (addr < vma->vm_start || addr + size > vma->vm_end)
		return VM_FAULT_FALLBACK;
	pfn = frame_at(vmf, addr, &count);
	if (count < 1UL << order || !IS_ALIGNED(pfn, 1UL << order))
		return VM_FAULT_FALLBACK;
	switch (order) {
	case PMD_ORDER:
		return vmf_insert_pfn_pmd(vmf, NITRO_PFN(pfn), write);
	case PUD_ORDER:
		return vmf_insert_pfn_pud(vmf, NITRO_PFN(pfn), write);
	default:
		return VM_FAULT_FALLBACK;
	}
}

/* No .access: /proc/<pid>/mem and ptrace() would read by it */
static const struct vm_operations_struct map_ops = {
	.fault = map_fault,
	.huge_fault = map_huge_fault,
};

/**
 * nitro_mem_map() - mmap() of a guest's memory
 * @file: opened, not just handed over
 * @vma: the mapping
 *
 * Context: mmap_lock is held.
 * Return: 0 or a negative errno.
 */
int nitro_mem_map(struct file *file, struct vm_area_struct *vma)
{
	struct nitro_mem_guest *guest = file->private_data;
	struct nitro_mem_guest_info info;
	unsigned long pages;
	int first;

	if (!guest)
		return -EACCES;
	pages = guest->size >> PAGE_SHIFT;
	if (!(vma->vm_flags & VM_SHARED) || vma->vm_flags & VM_EXEC)
		return -EINVAL;
	if (vma->vm_pgoff >= pages || vma_pages(vma) > pages - vma->vm_pgoff)
		return -ENXIO;
	first = nitro_mem_guest_map(guest);
	if (first < 0)
		return first;
	vm_flags_mod(vma,
		     VM_PFNMAP | VM_DONTDUMP | VM_DONTCOPY | VM_DONTEXPAND,
		     VM_MAYEXEC);
	vma->vm_ops = &map_ops;
	if (first) {
		nitro_mem_guest_get(guest->id, true, &info);
		nitro_mem_netlink_guest(NITRO_MEM_EVENT_KIND_MAP, &info);
	}
	return 0;
}

/**
 * nitro_mem_map_area() - where a mapping should be, so that it is of large pages
 * @file: the file
 * @addr: where it was asked for, or 0
 * @len: bytes
 * @pgoff: offset in pages
 * @flags: of mmap()
 *
 * Context: mmap_lock is held.
 * Return: an address or a negative errno.
 */
unsigned long nitro_mem_map_area(struct file *file, unsigned long addr,
				 unsigned long len, unsigned long pgoff,
				 unsigned long flags)
{
	unsigned long align = len >= PUD_SIZE ? PUD_SIZE : PMD_SIZE;
	unsigned long area, offset = (pgoff << PAGE_SHIFT) & (align - 1);

	if (addr || flags & MAP_FIXED || len > TASK_SIZE - align)
		return thp_get_unmapped_area(file, addr, len, pgoff, flags);
	area = thp_get_unmapped_area(file, 0, len + align, pgoff, flags);
	if (IS_ERR_VALUE(area))
		return thp_get_unmapped_area(file, 0, len, pgoff, flags);
	return ALIGN(area - offset, align) + offset;
}
