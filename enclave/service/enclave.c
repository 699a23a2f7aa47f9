// SPDX-License-Identifier: GPL-2.0
/*
 * One enclave: the registers that were measured when it was made, its key, and a socket
 * whose other end its hypervisor has. Whoever holds that end gets documents with these
 * registers and no others, so a hypervisor that was taken over cannot pass for another image.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "service.h"

struct enclave {
	struct service *service;
	struct enclave *next;
	const struct authority *authority;
	struct leaf leaf;
	char module_id[NSM_MODULE_ID_MAX + 1];
	struct pcr pcrs[PCR_BOOT_COUNT];
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

static int sign(struct enclave *e, const void *ticket, size_t n, struct item_writer *w,
		struct why *why)
{
	struct document d = {
		.module_id = { true, (const uint8_t *)e->module_id, strlen(e->module_id) },
		.present = (1U << PCR_BOOT_COUNT) - 1,
	};
	uint8_t message[DOCUMENT_MAX];
	struct item_writer m = { .data = message, .room = sizeof(message) };
	struct timespec now;
	int err;

	clock_gettime(CLOCK_REALTIME, &now);
	d.timestamp = now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
	memcpy(d.pcrs, e->pcrs, sizeof(e->pcrs));
	err = ticket_read(ticket, n, &d, why);
	if (!err)
		err = leaf_renew(&e->leaf, e->authority, e->module_id, now.tv_sec, why);
	if (!err)
		err = leaf_sign(&e->leaf, e->authority, &d, &m, why);
	if (err)
		return err;
	put_bytes(w, message, m.n);
	return w->full ? refuse(why, "the document is too long") : 0;
}

/* One request at a time: the next one is read when this one is answered */
static int on_ticket(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct enclave *e = userdata;
	uint8_t ticket[TICKET_MAX], answer[TICKET_ANSWER_MAX];
	struct item_writer w = { .data = answer, .room = sizeof(answer) };
	struct why why;
	ssize_t n;

	(void)source;
	(void)revents;
	n = recv(fd, ticket, sizeof(ticket), MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		enclave_remove(e);
		return 0;
	}
	if (n > (ssize_t)sizeof(ticket) || sign(e, ticket, n, &w, &why)) {
		if (n > (ssize_t)sizeof(ticket))
			refuse(&why, "the request is too long");
		w = (struct item_writer){ .data = answer, .room = sizeof(answer) };
		put_text(&w, why.text);
	}
	/* Who does not read what was asked for gets no more */
	if (send(fd, answer, w.n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)w.n)
		enclave_remove(e);
	return 0;
}

/**
 * enclave_add - sign for an enclave from now on
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
	struct enclave *e;
	int r;

	if (s->n == ENCLAVES_MAX)
		return refuse(why, "there are %d enclaves already", ENCLAVES_MAX);
	e = calloc(1, sizeof(*e));
	if (!e)
		return refuse_error(why, ENOMEM, "cannot enrol '%s'", module_id);
	e->service = s;
	e->authority = debug ? &s->debug : &s->authority;
	(void)snprintf(e->module_id, sizeof(e->module_id), "%s", module_id);
	if (!debug) {
		memcpy(e->pcrs, pcrs, sizeof(e->pcrs));
		memcpy(&e->pcrs[PCR_HOST_MODULES], s->host.pcrs, sizeof(s->host.pcrs));
	}
	r = sd_event_add_io(s->event, &e->source, fd, EPOLLIN, on_ticket, e);
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
