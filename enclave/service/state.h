/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What of an enclave outlives the service: in memory that systemd holds as well, so a
 * service that was killed, whenever that was, is followed by one that knows the same.
 */
#ifndef _NITRO_NSM_STATE_H
#define _NITRO_NSM_STATE_H

#include "nsm.h"

/* Requests that change registers have short responses */
#define STATE_RESPONSE_MAX 256

/**
 * struct state - an enclave as it is kept; without padding
 * @sequence: how often it was written
 * @number: of the last request that has changed it
 * @locked: registers that can no longer be extended
 * @debug: 1 for an enclave in debug mode
 * @response_size: length of @response; 0 before anything has changed
 * @module_id: names it
 * @pcrs: the registers
 * @response: to that request, which may come again
 */
struct state {
	uint64_t sequence, number;
	uint32_t locked, debug, response_size;
	char module_id[NSM_MODULE_ID_MAX + 4];
	struct pcr pcrs[PCR_COUNT];
	uint8_t response[STATE_RESPONSE_MAX];
};

int state_new(void);
int state_write(int fd, struct state *state);
int state_read(int fd, struct state *state, struct why *why);

#endif
