// SPDX-License-Identifier: GPL-2.0
/*
 * One enclave: its security module, its key, and a socket whose other end its hypervisor
 * has. What comes is a number of the request (64 bits), how much room the enclave has for a
 * response (32 bits, little-endian) and a request; what goes is the number and the response.
 * A hypervisor that was taken over can ask what the enclave may ask, and cannot pass for
 * another image.
 *
 * The service can be killed at any time, and the one that follows goes on. A request stays
 * in the socket until its response is sent; what it changes is kept before that, with the
 * response. So one that was answered already, as its number says, is answered the same and
 * changes nothing again; the hypervisor passes over a response that it has had.
 */

#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "service.h"
#include "state.h"
#include "store.h"

struct message {
	uint64_t number;
	uint32_t room;
	uint8_t request[NSM_REQUEST_MAX];
};

struct answer {
	uint64_t number;
	uint8_t response[NSM_RESPONSE_MAX];
};

/**
 * struct enclave - one that is enrolled
 * @service: the process
 * @next: another one
 * @authority: who vouches for it
 * @leaf: its key, made when it is needed
 * @nsm: its module
 * @last: timestamp of its last document
 * @source: watches @fd
 * @fd: its socket
 * @state: what is kept of it
 * @memory: where
 * @name: what systemd calls it
 */
struct enclave {
	struct service *service;
	struct enclave *next;
	const struct authority *authority;
	struct leaf leaf;
	struct nsm nsm;
	uint64_t last;
	sd_event_source *source;
	int fd;
	struct state state;
	int memory;
	char name[STORE_NAME_SIZE];
};

static void enclave_free(struct enclave *e)
{
	sd_event_source_unref(e->source);
	leaf_clear(&e->leaf);
	if (e->fd >= 0)
		close(e->fd);
	if (e->memory >= 0)
		close(e->memory);
	free(e);
}

/* It is gone, or what it says is no message */
static void enclave_remove(struct enclave *e)
{
	struct enclave **p = &e->service->enclaves;

	store_remove(e->name);
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

/* Return: 0, or a negative errno and nothing may be answered */
static int keep(struct enclave *e, uint64_t number, const uint8_t *response, size_t size)
{
	struct state *s = &e->state;

	if (size > sizeof(s->response))
		return -ENOBUFS;
	s->number = number;
	s->locked = e->nsm.locked;
	memcpy(s->pcrs, e->nsm.pcrs, sizeof(s->pcrs));
	memcpy(s->response, response, size);
	s->response_size = size;
	return state_write(e->memory, s);
}

/* Return: the length of the response, 0 if there can be none */
static size_t respond(struct enclave *e, const struct message *message, size_t n,
		      uint8_t response[static NSM_RESPONSE_MAX])
{
	const struct state *s = &e->state;
	size_t room = le32toh(message->room), size;

	/* It has changed something, and that was before the service was restarted */
	if (s->response_size && s->number == message->number) {
		memcpy(response, s->response, s->response_size);
		return s->response_size;
	}
	if (room > NSM_RESPONSE_MAX)
		room = NSM_RESPONSE_MAX;
	size = nsm_answer(&e->nsm, message->request, n, response, room);
	/* No room even for an error: the device gives the enclave as much of it as fits */
	if (!size)
		size = nsm_answer(&e->nsm, NULL, 0, response, NSM_RESPONSE_MAX);
	if (e->nsm.locked == s->locked && !memcmp(e->nsm.pcrs, s->pcrs, sizeof(s->pcrs)))
		return size;
	if (keep(e, message->number, response, size) < 0) {
		fprintf(stderr, "enclave '%s': its registers cannot be kept\n", s->module_id);
		return 0;
	}
	return size;
}

/* Return: false for the end of the enclave */
static bool answer(struct enclave *e, const struct message *message, ssize_t n)
{
	const ssize_t head = offsetof(struct message, request);
	struct answer answer = { .number = message->number };
	size_t size;

	if (n < head)
		return false;
	size = respond(e, message, n - head, answer.response);
	if (!size)
		return false;
	size += offsetof(struct answer, response);
	/* Who does not read what was asked for gets no more */
	return send(e->fd, &answer, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size;
}

/* One request at a time: the next one is read when this one is answered */
static int on_request(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct enclave *e = userdata;
	struct message message;
	ssize_t n;

	(void)source;
	(void)revents;
	/* The real length: what is longer than a request may be is not read, but answered */
	n = recv(fd, &message, sizeof(message), MSG_DONTWAIT | MSG_TRUNC | MSG_PEEK);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0 || !answer(e, &message, n) || recv(fd, NULL, 0, MSG_DONTWAIT) < 0)
		enclave_remove(e);
	return 0;
}

static struct enclave *enclave_new(struct service *s, bool debug)
{
	struct enclave *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->service = s;
	e->authority = debug ? &s->debug : &s->authority;
	e->fd = e->memory = -1;
	e->nsm.attest = attest;
	e->nsm.userdata = e;
	return e;
}

/* From now on it is answered, and its descriptors are its own */
static int enclave_listen(struct enclave *e, int fd, int memory)
{
	struct service *s = e->service;
	int r = sd_event_add_io(s->event, &e->source, fd, EPOLLIN, on_request, e);

	if (r < 0)
		return r;
	e->fd = fd;
	e->memory = memory;
	e->next = s->enclaves;
	s->enclaves = e;
	s->n++;
	return 0;
}

/* Return: 0 or a negative errno */
static int enclave_begin(struct enclave *e, int fd)
{
	int memory, r;

	(void)snprintf(e->state.module_id, sizeof(e->state.module_id), "%s", e->nsm.module_id);
	e->state.debug = e->authority == &e->service->debug;
	e->state.locked = e->nsm.locked;
	memcpy(e->state.pcrs, e->nsm.pcrs, sizeof(e->state.pcrs));
	memory = state_new();
	if (memory < 0)
		return memory;
	r = state_write(memory, &e->state);
	if (!r)
		r = store_add(e->name, fd, memory);
	if (!r) {
		r = enclave_listen(e, fd, memory);
		if (r < 0)
			store_remove(e->name);
	}
	if (r < 0)
		close(memory);
	return r;
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
	e = enclave_new(s, debug);
	if (!e)
		return refuse_error(why, ENOMEM, "cannot enrol '%s'", module_id);
	memcpy(boot, pcrs, sizeof(boot));
	memcpy(&boot[PCR_HOST_MODULES], s->host.pcrs, sizeof(s->host.pcrs));
	nsm_start(&e->nsm, module_id, boot, debug);
	e->nsm.attest = attest;
	e->nsm.userdata = e;
	r = enclave_begin(e, fd);
	if (r < 0) {
		enclave_free(e);
		return refuse_error(why, -r, "cannot enrol '%s'", module_id);
	}
	return 0;
}

static int on_found(const char *name, int fd, int memory, void *userdata)
{
	struct service *s = userdata;
	struct state state;
	struct enclave *e;
	struct why why;
	int r;

	r = state_read(memory, &state, &why);
	if (r < 0) {
		fprintf(stderr, "'%s' has to be started again: %s\n", name, why.text);
		return r;
	}
	e = s->n < ENCLAVES_MAX ? enclave_new(s, state.debug) : NULL;
	if (!e)
		return -ENOMEM;
	e->state = state;
	(void)snprintf(e->name, sizeof(e->name), "%s", name);
	memcpy(e->nsm.module_id, state.module_id, sizeof(e->nsm.module_id));
	memcpy(e->nsm.pcrs, state.pcrs, sizeof(state.pcrs));
	e->nsm.locked = state.locked;
	r = enclave_listen(e, fd, memory);
	if (r < 0)
		enclave_free(e);
	return r;
}

/**
 * enclaves_find - go on with the enclaves of the service before this one
 * @s: the service
 *
 * Context: at start.
 * Return: how many, or a negative errno.
 */
int enclaves_find(struct service *s)
{
	return store_find(on_found, s);
}

/**
 * enclaves_clear - let go of all enclaves
 * @s: the service
 *
 * systemd still holds them, for the next one.
 *
 * Context: when it ends.
 */
void enclaves_clear(struct service *s)
{
	struct enclave *e;

	while ((e = s->enclaves)) {
		s->enclaves = e->next;
		enclave_free(e);
	}
	s->n = 0;
}
