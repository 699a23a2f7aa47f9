// SPDX-License-Identifier: GPL-2.0
/* A plugin of QEMU's emulation (TCG): how often the guest ran each of its blocks
 * of code between two marks. A mark is an instruction that does nothing and is
 * found nowhere else, see Profile in tests/bench/marks.py.
 *
 * usage: -plugin profile.so,out=FILE
 *
 * For each mark a line "mark NUMBER", followed by "ADDRESS INSTRUCTIONS COUNT" of
 * every block that ran since the mark before, and by "inside INSTRUCTIONS" if the guest
 * has a guest of its own (AMD-V): what that has executed. What ran since a mark with
 * number 0 is left out. QEMU has no header for plugins in Debian; this is what is used of
 * it.
 */

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT	__attribute__((visibility("default")))
#define BUCKETS	(1 << 20)
#define RETURNS	8

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info_t;

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*fn)(uint64_t id,
						      struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
					  void (*fn)(unsigned int cpu, void *ctx),
					  int flags, void *ctx);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*fn)(unsigned int cpu,
						       void *ctx),
					    int flags, void *ctx);
void qemu_plugin_reset(uint64_t id, void (*fn)(uint64_t id));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb,
						 size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *data,
			     size_t size);

EXPORT int qemu_plugin_version = 4;
EXPORT int qemu_plugin_install(uint64_t id, const struct qemu_info_t *info,
			       int argc, char **argv);

struct block {
	struct block *next;
	uint64_t addr;
	size_t insns;
	uint64_t count;
};

static struct block *table[BUCKETS];
static FILE *out;
static unsigned int current;
static uint64_t plugin;

/* Where the guest goes on when its guest leaves, while that runs; and what it has executed */
static uint64_t back, inside;
/* All places where it goes on so */
static uint64_t returns[RETURNS];

static struct block *block_of(uint64_t addr, size_t insns)
{
	uint64_t hash = (addr + insns) * 0x9e3779b97f4a7c15;
	struct block **head = &table[hash >> 44], *block;

	for (block = *head; block; block = block->next)
		if (block->addr == addr && block->insns == insns)
			return block;
	block = calloc(1, sizeof(*block));
	if (!block)
		abort();
	block->addr = addr;
	block->insns = insns;
	block->next = *head;
	*head = block;
	return block;
}

static void run(unsigned int cpu, void *ctx)
{
	struct block *block = ctx;

	(void)cpu;
	if (back)
		inside += block->insns;
	else
		block->count++;
}

static void at_return(unsigned int cpu, void *ctx)
{
	(void)cpu;
	if (back == (uintptr_t)ctx)
		back = 0;
}

static void at_vmrun(unsigned int cpu, void *ctx)
{
	(void)cpu;
	back = (uintptr_t)ctx;
}

static void translate(uint64_t id, struct qemu_plugin_tb *tb);

/* With other callbacks */
static void translate_anew(uint64_t id)
{
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
}

static void at_mark(unsigned int cpu, void *ctx)
{
	struct block *block;
	size_t i;

	(void)cpu;
	for (i = 0; i < BUCKETS; i++) {
		for (block = table[i]; block; block = block->next) {
			if (current && block->count)
				fprintf(out, "%" PRIx64 " %zu %" PRIu64 "\n",
					block->addr, block->insns, block->count);
			block->count = 0;
		}
	}
	if (current && inside)
		fprintf(out, "inside %" PRIu64 "\n", inside);
	inside = 0;
	current = (uintptr_t)ctx;
	fprintf(out, "mark %u\n", current);
	fflush(out);
	qemu_plugin_reset(plugin, translate_anew);
}

/* nopl 0x4e4954NN(%rax) */
static bool is_mark(const struct qemu_plugin_insn *insn, unsigned int *number)
{
	unsigned char data[7];

	if (qemu_plugin_insn_data(insn, data, sizeof(data)) != sizeof(data) ||
	    memcmp(data, "\x0f\x1f\x80", 3) || memcmp(data + 4, "TIN", 3))
		return false;
	*number = data[3];
	return true;
}

/* Its block ends with it */
static bool is_vmrun(const struct qemu_plugin_insn *insn)
{
	unsigned char data[3];

	return qemu_plugin_insn_data(insn, data, sizeof(data)) == sizeof(data) &&
	       !memcmp(data, "\x0f\x01\xd8", sizeof(data));
}

static bool is_return(uint64_t addr)
{
	size_t i;

	for (i = 0; i < RETURNS && returns[i]; i++)
		if (returns[i] == addr)
			return true;
	return false;
}

static void add_return(uint64_t addr)
{
	size_t i = 0;

	if (is_return(addr))
		return;
	while (i < RETURNS && returns[i])
		i++;
	if (i == RETURNS)
		abort();
	returns[i] = addr;
}

static void translate(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t insns = qemu_plugin_tb_n_insns(tb), i;
	uint64_t addr = qemu_plugin_tb_vaddr(tb);
	struct qemu_plugin_insn *insn;
	unsigned int number;

	(void)id;
	/* It is translated after the VMRUN that leads to it */
	if (is_return(addr))
		qemu_plugin_register_vcpu_tb_exec_cb(tb, at_return, 0, (void *)(uintptr_t)addr);
	if (current)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, run, 0, block_of(addr, insns));
	for (i = 0; i < insns; i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		if (is_mark(insn, &number))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_mark, 0,
							       (void *)(uintptr_t)number);
		if (is_vmrun(insn)) {
			addr = qemu_plugin_insn_vaddr(insn) + 3;
			add_return(addr);
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_vmrun, 0,
							       (void *)(uintptr_t)addr);
		}
	}
}

int qemu_plugin_install(uint64_t id, const struct qemu_info_t *info, int argc,
			char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "profile: needs out=FILE\n");
		return -1;
	}
	out = fopen(argv[0] + 4, "we");
	if (!out) {
		perror(argv[0] + 4);
		return -1;
	}
	plugin = id;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}
