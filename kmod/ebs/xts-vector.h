/* SPDX-License-Identifier: GPL-2.0 */
/* Vector registers in C, for the engines of AES-XTS: xts-aesni.c and xts-vaes.c. */
#ifndef _NITRO_EBS_XTS_VECTOR_H
#define _NITRO_EBS_XTS_VECTOR_H

#include <linux/types.h>

typedef s64 block __attribute__((vector_size(16)));
/* Two blocks, or two tweaks */
typedef s64 pair __attribute__((vector_size(32)));
typedef s32 pair_dwords __attribute__((vector_size(32)));

/* In memory, at any address */
typedef s64 block_mem __attribute__((vector_size(16), aligned(1), may_alias));
typedef s64 pair_mem __attribute__((vector_size(32), aligned(1), may_alias));
typedef s32 pair_dwords_mem __attribute__((vector_size(32), aligned(1), may_alias));

#define BLOCK	16U

/* A round of AES, of one block or, by the same mnemonic, of two */
#define AES(insn, data, key) \
	asm(insn " %2, %1, %0" : "=x" (data) : "x" (data), "xm" (key))

/* The same with a key that had better not take a register */
#define AES_MEMORY(insn, data, key) \
	asm(insn " %2, %1, %0" : "=x" (data) : "x" (data), "m" (key))

#endif
