/* SPDX-License-Identifier: GPL-2.0 */
/* nitro-nsm: signs the documents of the enclaves of this host. */
#ifndef _NITRO_NSM_SERVICE_H
#define _NITRO_NSM_SERVICE_H

#include <systemd/sd-event.h>
#include <systemd/sd-varlink.h>

#include "host.h"
#include "nsm.h"
#include "signer.h"

#define ENCLAVES_MAX 1024

struct enclave;

/**
 * struct service - the process
 * @event: its loop
 * @server: where nitrod enrols enclaves
 * @authority: issues certificates to enclaves
 * @debug: issues them to those in debug mode
 * @host: what registers 5 to 7 say of this host
 * @enclaves: those that are there
 * @n: how many
 */
struct service {
	sd_event *event;
	sd_varlink_server *server;
	struct authority authority, debug;
	struct host host;
	struct enclave *enclaves;
	unsigned int n;
};

int enclave_add(struct service *s, const char *module_id, const struct pcr pcrs[static PCR_BOOT_COUNT],
		bool debug, int fd, struct why *why);
int enclaves_find(struct service *s);
void enclaves_clear(struct service *s);
int enrol_start(struct service *s, const char *path);
void enrol_stop(struct service *s);

#endif
