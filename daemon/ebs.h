/* SPDX-License-Identifier: GPL-2.0 */
/* The card for EBS: what nitro_ebs holds, and how it is brought to what it should. */
#ifndef _NITRO_EBS_H
#define _NITRO_EBS_H

#include "manager.h"

struct nl_sock;

/**
 * struct kdevice - a device of nitro_ebs
 * @id: the N of /dev/nitro_ebs<N>
 * @serial: the volume's ID without its dash
 * @backing_major: of the backing device
 * @backing_minor: of the backing device
 * @size: bytes
 * @iops: limit, 0 for none
 * @throughput: limit in bytes a second, 0 for none
 * @state: enum nitro_ebs_device_state
 * @stalled: its oldest I/O waits for too long
 * @opens: how many times it is open
 * @cipher: and its implementation
 */
struct kdevice {
	uint32_t id;
	char serial[24];
	uint32_t backing_major, backing_minor;
	uint64_t size, iops, throughput;
	uint32_t state;
	bool stalled;
	uint32_t opens;
	char cipher[64];
};

#define LATENCY_BINS 64

/* Counters of a device, as of a moment */
struct ksample {
	uint64_t time;		/* CLOCK_MONOTONIC, microseconds */
	uint64_t ops[2], bytes[2], time_us[2];
	uint64_t discard_ops, flush_ops, discard_bytes;
	uint64_t iops_exceeded, throughput_exceeded, queue_length, errors;
	struct kbin {
		uint64_t from, to, count;
	} latency[2][LATENCY_BINS];
	size_t n_latency[2];
};

/* The last two looks at a device's counters, at least SAMPLE_EVERY apart */
struct samples {
	struct ksample v[2];
	int n;
};

/**
 * struct ebs - what is known of nitro_ebs
 * @genl: requests; NULL while the module is absent
 * @events: multicast
 * @family: number of the family
 * @source: watches @events
 * @timer: looks after the devices
 * @devices: what the kernel holds
 * @n: how many
 * @cap: room for
 * @problem: why there is no card, or NULL
 * @failures: volume's ID -> why it does not work
 * @samples: volume's ID -> its counters
 * @delay: to the next look, in microseconds
 * @told: when the monitors were last told of counters
 */
struct ebs {
	struct nl_sock *genl, *events;
	int family;
	sd_event_source *source, *timer;
	struct kdevice *devices;
	size_t n, cap;
	char *problem;
	struct map failures;
	struct map samples;
	uint64_t delay, told;
};

/* What a helper needs to detach a device */
struct ebs_detach {
	uint32_t id;
	bool force;
	const char *name;
};

/* ebs.c */
int ebs_start(struct manager *m);
void ebs_stop(struct manager *m);
int ebs_apply(struct manager *m, const struct change *c, struct error *e);
int ebs_restore(struct manager *m, struct object *volume, struct error *e);
const struct kdevice *ebs_device(struct manager *m, const char *volume_id);
void ebs_forget(struct manager *m, const char *volume_id);
const char *ebs_failure(struct manager *m, const char *volume_id);
void ebs_set_failure(struct manager *m, const struct object *volume, const char *text);

/* nl-ebs.c */
struct kattach {
	int fd;
	uint32_t key;		/* serial number, 0: instance store */
	uint32_t sector_size;
	uint64_t start, size, iops, throughput;
	char serial[24];
	const char *name;
};

struct kevent {
	uint32_t kind, id, state, direction, error;
	char serial[24];
	uint64_t size, waited, errors, sector;
};

typedef void (*ebs_event_fn)(const struct kevent *ev, void *userdata);

int ebs_open(struct ebs *k, struct error *e);
void ebs_close(struct ebs *k);
int ebs_dump(struct ebs *k, struct error *e);
int ebs_attach(struct ebs *k, const struct kattach *a, struct kdevice *ret, struct error *e);
int ebs_set(struct ebs *k, uint32_t id, uint64_t size, uint64_t iops, uint64_t throughput,
	    struct error *e);
int ebs_stats(struct ebs *k, uint32_t id, struct ksample *ret, struct error *e);
int ebs_events_fd(struct ebs *k);
int ebs_events_read(struct ebs *k, ebs_event_fn fn, void *userdata);
int ebs_detach(void *data, struct error *e);

/* volume-stats.c */
void stats_sample(struct manager *m);
int stats_build(struct manager *m, struct object *volume, sd_json_variant **ret, struct error *e);

#endif
