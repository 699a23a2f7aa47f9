/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_MEM_MAP_H
#define _NITRO_MEM_MAP_H

struct file;
struct vm_area_struct;

int nitro_mem_map(struct file *file, struct vm_area_struct *vma);
unsigned long nitro_mem_map_area(struct file *file, unsigned long addr,
				 unsigned long len, unsigned long pgoff,
				 unsigned long flags);

#endif
