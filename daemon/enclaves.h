/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Enclaves: what they have beyond what instances have. Their life is that of an instance
 * (life.c) whose carrier is nitro-hypervisor; it is lived once.
 */
#ifndef _NITRO_ENCLAVES_H
#define _NITRO_ENCLAVES_H

#include "../enclave/eif.h"
#include "instances.h"

#define NSM_SOCKET "/run/nitro-nsm/nsm.sock"

/* Where a part of an image lies in its file */
struct extent {
	uint64_t offset, size;
};

/**
 * struct measured - an image that was found good, and what nitrod has to know of it
 * @fd: a sealed copy
 * @kernel: its kernel
 * @ramdisks: its RAM disks
 * @n: how many
 * @cmdline: its command line
 */
struct measured {
	int fd;
	struct extent kernel, ramdisks[EIF_RAMDISKS_MAX];
	size_t n;
	char *cmdline;
};

/**
 * struct cell - what only the life of an enclave has
 * @image: what it is started from; NULL once that was handed over
 * @events: watches what its hypervisor tells
 * @enrolment: the call that enrols it at nitro-nsm, while that is not answered
 * @patience: when it is given up if there was no heartbeat, CLOCK_MONOTONIC; 0: not yet
 *	known
 */
struct cell {
	struct measured *image;
	sd_event_source *events;
	sd_varlink *enrolment;
	uint64_t patience;
};

/* enclave-image.c */
uint64_t enclave_memory_min(uint64_t image_size);
int enclave_image_check(int fd, const char *path, uint64_t *ret_size, struct error *e);
int enclave_image_new(struct error *e);
int enclave_image_measure(int from, int to, struct error *e);
struct measured *enclave_image_take(int fd, sd_json_variant *v, struct error *e);
struct measured *enclave_image_free(struct measured *image);

/* enclave-check.c */
uint32_t enclave_free_cid(const struct model *model);
int enclave_check_size(const struct object *o, uint64_t least, struct error *e);
int enclave_check_start(struct manager *m, const struct model *model, const struct object *o,
			bool soon, struct error *e);
char *enclave_missing(struct manager *m, const struct object *o);

/* enclave-vmm.c */
struct cell *enclave_cell(struct life *l);
char *enclave_vsock(const struct manager *m, const char *id, const char *file);

/* enclave-nsm.c */
int enclave_nsm_check(struct error *e);
int enclave_enrol(struct life *l, const struct object *o, int fd, struct error *e);

/* enclave-show.c */
void enclaves_show(struct manager *m, struct object *o, sd_json_variant **v);

/* enclave-run.c, enclave-verbs.c: Varlink methods */
int serve_enclave_run(sd_varlink *link, sd_json_variant *p, struct manager *m);
int serve_enclave_terminate(sd_varlink *link, sd_json_variant *p, struct manager *m);
int serve_enclave_delete(sd_varlink *link, sd_json_variant *p, struct manager *m);
int serve_enclave_console(sd_varlink *link, sd_json_variant *p, struct manager *m);
void enclaves_parent_changed(struct manager *m, const struct object *parent);

#endif
