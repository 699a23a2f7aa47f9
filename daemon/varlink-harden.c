// SPDX-License-Identifier: GPL-2.0
/* io.nitro.Hardening: production mode of this host. */

#include "harden.h"
#include "varlink.h"

static const struct varlink_property check[] = {
	PROPERTY("name", STRING, 0, "Name, such as module_signatures."),
	PROPERTY("state", STRING, 0, "ok or missing."),
	PROPERTY("current", STRING, 0, "What it is."),
	PROPERTY("wanted", STRING, 0, "What it has to be."),
	PROPERTY("why", STRING, 0, "What could be done without it."),
	PROPERTY("remedy", STRING, P_NULLABLE,
		 "If it is missing and Apply is not enough: what to do."),
	{}
};

static const struct varlink_property hardening[] = {
	PROPERTY("state", STRING, 0, "hardened if nothing is missing, else weak."),
	PROPERTY_OF("checks", "Check", P_ARRAY, "What was looked at."),
	{}
};

static const struct varlink_type types[] = {
	{ "Check", "One thing that a hardened host has.", check },
	{ "Hardening", "What of production mode is there.", hardening },
	{}
};

static const struct varlink_property results[] = {
	PROPERTY_OF("hardening", "Hardening", P_RESULT, "What of production mode is there."),
	{}
};

static int run_check(struct manager *m, sd_json_variant *p, sd_json_variant **ret,
		     struct error *e)
{
	(void)m;
	(void)p;
	(void)e;
	*ret = hardening_show();
	return 0;
}

VARLINK_METHOD(hardening_check_call, run_check, "hardening")
VARLINK_FUNCTION(hardening_apply_call, serve_hardening_apply(link, p, m))

static const struct varlink_method methods[] = {
	{ .name = "Check", .parameters = results, .serve = hardening_check_call, .reads = true,
	  .text = "What of production mode is there, and what is missing." },
	{ .name = "Apply", .parameters = results, .serve = hardening_apply_call,
	  .text = "Bring production mode about, now and at every boot. Most of it cannot be taken back before the host reboots." },
	{}
};

const struct varlink_interface varlink_hardening = {
	.name = "Hardening", .kind = KIND_MAX,
	.text = "Production mode of this host: no way to guests' memory for root.",
	.types = types, .methods = methods,
};
