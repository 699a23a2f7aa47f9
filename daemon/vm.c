// SPDX-License-Identifier: GPL-2.0
/* The carrier of virtual machines: QEMU (vmm.c), told by QMP (qmp.c, plug.c). */

#include <signal.h>

#include "carrier.h"

#define MIB (1ULL << 20)
/* How often a VMM that is not there yet is looked for */
#define LOOK_EVERY 250000

/* The VMM's own memory */
#define VMM_MEMORY (192 * MIB)
/* What the backend of its vsock device keeps for enclaves that do not read */
#define VSOCK_MEMORY (80 * MIB)

static uint64_t vm_memory(const struct instance *i)
{
	return i->memory + i->memory / 64 + VMM_MEMORY + (i->enclaves ? VSOCK_MEMORY : 0);
}

static bool vm_has_eni(const struct keni *k)
{
	return k->tap;
}

static void vm_find(struct life *l)
{
	if (!l->qmp && qmp_open(l) < 0)
		life_later(l, LOOK_EVERY);
}

static bool vm_ready(const struct life *l)
{
	return qmp_ready(l->qmp);
}

static void vm_power_off(struct life *l)
{
	(void)qmp_send(l->qmp, "system_powerdown", NULL, -1, NULL, NULL);
}

static void vm_end(struct life *l)
{
	unit_kill(l, SIGTERM, true);
}

static void vm_forget(struct life *l)
{
	l->qmp = qmp_close(l->qmp);
	plug_free(l);
}

const struct carrier carrier_vm = {
	.unit = "nitro-instance", .label = "the VMM", .pool = true,
	.memory = vm_memory, .check = vmm_check, .has_eni = vm_has_eni,
	.describe = vmm_describe, .find = vm_find, .ready = vm_ready, .sync = plug_sync,
	.power_off = vm_power_off, .end = vm_end, .forget = vm_forget,
	.clear = parent_clear, .plug_in = plug_in, .plug_out = plug_out, .stats = vm_stats,
};
