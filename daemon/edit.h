/* SPDX-License-Identifier: GPL-2.0 */
/* Verbs that change a part of an object. */
#ifndef _NITRO_EDIT_H
#define _NITRO_EDIT_H

#include "manager.h"

/* What the methods that have these names in an interface do, see varlink_run() */
int edit_add_route(struct manager *m, sd_json_variant *p, sd_json_variant **ret,
		   struct error *e);
int edit_delete_route(struct manager *m, sd_json_variant *p, sd_json_variant **ret,
		      struct error *e);
int edit_allow(struct manager *m, sd_json_variant *p, sd_json_variant **ret_rule,
	       struct error *e);
int edit_revoke(struct manager *m, sd_json_variant *p, sd_json_variant **ret,
		struct error *e);
int edit_attach(struct manager *m, sd_json_variant *p, sd_json_variant **ret, struct error *e);
int edit_detach(struct manager *m, sd_json_variant *p, sd_json_variant **ret, struct error *e);
int edit_show_eni(struct manager *m, sd_json_variant *p, sd_json_variant **ret,
		  struct error *e);

#endif
