/* SPDX-License-Identifier: GPL-2.0 */
/* What nitro-services is told: the ENIs of this host, and the service port. */
#ifndef _NITRO_SERVICES_H
#define _NITRO_SERVICES_H

#include <systemd/sd-varlink.h>

#include "manager.h"

/* services-view.c */
sd_json_variant *services_view(struct manager *m, const struct eni *eni);
sd_json_variant *services_neighbour(struct manager *m, const struct eni *eni);

/* services-port.c */
int services_open(struct manager *m, int netns_fd, bool *ret_created, struct error *e);

/* services-watch.c */
int services_watch(struct manager *m, sd_varlink *link, struct error *e);
void services_unwatch(struct manager *m, const sd_varlink *link);
void services_changed(struct manager *m);

/* varlink-services.c */
int services_start(struct manager *m);

#endif
