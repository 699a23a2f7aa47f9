/* SPDX-License-Identifier: GPL-2.0 */
/* Verbs that change a part of an object. */
#ifndef _NITRO_EDIT_H
#define _NITRO_EDIT_H

#include "manager.h"

int edit_route(struct manager *m, struct sd_json_variant *p, bool add, char **ret_id,
	       struct error *e);
int edit_allow(struct manager *m, sd_json_variant *p, sd_json_variant **ret_rule,
	       struct error *e);
int edit_revoke(struct manager *m, sd_json_variant *p, struct error *e);
int edit_attach(struct manager *m, sd_json_variant *p, bool attach, char **ret_id,
		struct error *e);
int edit_show_eni(struct manager *m, sd_json_variant *p, sd_json_variant **ret,
		  struct error *e);

#endif
