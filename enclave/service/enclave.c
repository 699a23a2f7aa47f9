// SPDX-License-Identifier: GPL-2.0
/*
 * One enclave: its security module, its key, and a socket whose other end its hypervisor
 * has. What comes is how much room the enclave has for a response (32 bits, little-endian)
 * and a request; what goes is the response. A hypervisor that was taken over can ask what
 * the enclave may ask, and cannot pass for another image.
 */

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "service.h"

struct message {
	uint32_t room;
	uint8_t request[NSM_REQUEST_MAX];
};

struct enclave {
	struct service *service;
	struct enclave *next;
	const struct authority *authority;
	struct leaf leaf;
	struct nsm nsm;
	uint64_t last;	/* timestamp of its last document */
	sd_event_source *source;
	int fd;
};

static void enclave_free(struct enclave *e)
{
	sd_event_source_unref(e->source);
	leaf_clear(&e->leaf);
	close(e->fd);
	free(e);
}

static void enclave_remove(struct enclave *e)
{
	struct enclave **p = &e->service->enclaves;

	while (*p != e)
		p = &(*p)->next;
	*p = e->next;
	e->service->n--;
	enclave_free(e);
}

/* All registers that are locked are in a document */
static int attest(const struct nsm *nsm, const struct attestation *what, uint8_t *document,
		  size_t room, size_t *size)
{
	struct enclave *e = nsm->userdata;
	struct document d = {
		.module_id = { true, (const uint8_t *)nsm->module_id, strlen(nsm->module_id) },
		.present = nsm->locked,
		.what = *what,
	};
	struct item_writer w = { .data = document, .room = room };
	struct timespec now;
	struct why why;
	int err;

	clock_gettime(CLOCK_REALTIME, &now);
	d.timestamp = document_time(now.tv_sec * 1000ULL + now.tv_nsec / 1000000, e->last);
	e->last = d.timestamp;
	memcpy(d.pcrs, nsm->pcrs, sizeof(d.pcrs));
	err = leaf_renew(&e->leaf, e->authority, nsm->module_id, now.tv_sec, &why);
	if (!err)
		err = leaf_sign(&e->leaf, e->authority, &d, &w, &why);
	if (err) {
		fprintf(stderr, "enclave '%s': %s\n", nsm->module_id, why.text);
		return w.full ? -ENOBUFS : err;
	}
	*size = w.n;
	return 0;
}

/* Return: the length of the response, 0 for a message that is none */
static size_t answer(struct enclave *e, const struct message *message, size_t n,
		     uint8_t response[static NSM_RESPONSE_MAX])
{
	size_t room, size;

	if (n < sizeof(message->room))
		return 0;
	room = le32toh(message->room);
	if (room > NSM_RESPONSE_MAX)
		room = NSM_RESPONSE_MAX;
	n -= sizeof(message->room);
	size = nsm_answer(&e->nsm, message->request, n, response, room);
	/* No room even for an error: the device gives the enclave as much of it as fits */
	return size ?: nsm_answer(&e->nsm, NULL, 0, response, NSM_RESPONSE_MAX);
}

/* One request at a time: the next one is read when this one is answered */
static int on_request(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct enclave *e = userdata;
	uint8_t response[NSM_RESPONSE_MAX];
	struct message message;
	ssize_t n;
	size_t size;

	(void)source;
	(void)revents;
	/* The real length: what is longer than a request may be is not read, but answered */
	n = recv(fd, &message, sizeof(message), MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	size = n > 0 ? answer(e, &message, n, response) : 0;
	/* Who does not read what was asked for gets no more */
	if (!size || send(fd, response, size, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)size)
		enclave_remove(e);
	return 0;
}

/**
 * enclave_add - be the security module of an enclave from now on
 * @s: the service
 * @module_id: names it
 * @pcrs: registers 0 to 15; 5 to 7 are the service's own to fill
 * @debug: it can be looked into: all are zero, and another authority vouches for it
 * @fd: the socket, which is taken if 0 is returned
 * @why: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int enclave_add(struct service *s, const char *module_id, const struct pcr pcrs[static PCR_BOOT_COUNT],
		bool debug, int fd, struct why *why)
{
	struct pcr boot[PCR_BOOT_COUNT];
	struct enclave *e;
	int r;

	if (s->n == ENCLAVES_MAX)
		return refuse(why, "there are %d enclaves already", ENCLAVES_MAX);
	e = calloc(1, sizeof(*e));
	if (!e)
		return refuse_error(why, ENOMEM, "cannot enrol '%s'", module_id);
	e->service = s;
	e->authority = debug ? &s->debug : &s->authority;
	memcpy(boot, pcrs, sizeof(boot));
	memcpy(&boot[PCR_HOST_MODULES], s->host.pcrs, sizeof(s->host.pcrs));
	nsm_start(&e->nsm, module_id, boot, debug);
	e->nsm.attest = attest;
	e->nsm.userdata = e;
	r = sd_event_add_io(s->event, &e->source, fd, EPOLLIN, on_request, e);
	if (r < 0) {
		free(e);
		return refuse_error(why, -r, "cannot enrol '%s'", module_id);
	}
	e->fd = fd;
	e->next = s->enclaves;
	s->enclaves = e;
	s->n++;
	return 0;
}

/**
 * enclaves_clear - forget all enclaves
 * @s: the service
 *
 * Context: when it ends.
 */
void enclaves_clear(struct service *s)
{
	while (s->enclaves)
		enclave_remove(s->enclaves);
}
