// SPDX-License-Identifier: GPL-2.0
/* Both sides of the socket between a hypervisor and the signing service. */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "ticket.h"

/* Linux gives up a request after 120 s */
#define TIMEOUT_MS 60000

static void put_optional(struct item_writer *w, const struct blob *blob)
{
	if (blob->present)
		put_bytes(w, blob->data, blob->size);
	else
		put_null(w);
}

/**
 * ticket_write - write what a document is asked for with
 * @nsm: the module whose registers go into it
 * @what: what else does
 * @w: receives it
 *
 * Context: any.
 */
void ticket_write(const struct nsm *nsm, const struct attestation *what, struct item_writer *w)
{
	uint32_t present = nsm->locked & ~((1U << PCR_BOOT_COUNT) - 1);

	put_array(w, 4);
	put_map(w, __builtin_popcount(present));
	for (unsigned int i = PCR_BOOT_COUNT; i < PCR_COUNT; i++) {
		if (!(present & 1U << i))
			continue;
		put_uint(w, i);
		put_bytes(w, nsm->pcrs[i].value, PCR_SIZE);
	}
	put_optional(w, &what->user_data);
	put_optional(w, &what->nonce);
	put_optional(w, &what->public_key);
}

static int read_pcrs(struct item_reader *r, struct document *d)
{
	struct item_walk walk;
	struct item key, value;

	if (item_open(r, ITEM_MAP, &walk))
		return -EBADMSG;
	while (item_more(r, &walk)) {
		if (item_expect(r, ITEM_UINT, &key) || key.value < PCR_BOOT_COUNT ||
		    key.value >= PCR_COUNT || d->present & 1U << key.value ||
		    item_expect(r, ITEM_BYTES, &value) || value.size != PCR_SIZE)
			return -EBADMSG;
		d->present |= 1U << key.value;
		memcpy(d->pcrs[key.value].value, value.data, PCR_SIZE);
	}
	return 0;
}

static int read_optional(struct item_reader *r, size_t most, struct blob *blob)
{
	struct item item;

	if (item_next(r, &item) || item.indefinite)
		return -EBADMSG;
	if (item.type == ITEM_NULL)
		return 0;
	if (item.type != ITEM_BYTES || item.size > most)
		return -EBADMSG;
	*blob = (struct blob){ true, item.data, item.size };
	return 0;
}

/**
 * ticket_read - read what a document is asked for with
 * @data: what came; it has to stay as long as @document
 * @size: its length
 * @document: has the registers below 16, and receives the rest
 * @why: says why it is none
 *
 * Context: any; a hypervisor that an enclave has taken over may have sent it.
 * Return: 0 or -EINVAL.
 */
int ticket_read(const void *data, size_t size, struct document *document, struct why *why)
{
	struct item_reader r = { .p = data, .n = size };
	struct item array;

	if (item_expect(&r, ITEM_ARRAY, &array) || array.value != 4 || read_pcrs(&r, document) ||
	    read_optional(&r, USER_DATA_MAX, &document->what.user_data) ||
	    read_optional(&r, NONCE_MAX, &document->what.nonce) ||
	    read_optional(&r, PUBLIC_KEY_MAX, &document->what.public_key) || r.n)
		return refuse(why, "that is not what a document is asked for with");
	if (document->what.public_key.present && !document->what.public_key.size)
		return refuse(why, "the public key is empty");
	return 0;
}

/* Return: the length of the answer, or a negative errno */
static ssize_t ask(int fd, const uint8_t *ticket, size_t n, uint8_t *answer, size_t room)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t got;
	int r;

	if (send(fd, ticket, n, MSG_NOSIGNAL) != (ssize_t)n)
		return -errno;
	do {
		r = poll(&p, 1, TIMEOUT_MS);
	} while (r < 0 && errno == EINTR);
	if (r <= 0)
		return r ? -errno : -ETIMEDOUT;
	got = recv(fd, answer, room, MSG_TRUNC);
	if (got < 0)
		return -errno;
	return got > (ssize_t)room ? -EMSGSIZE : got;
}

/**
 * ticket_attest - get a document from the signing service
 * @nsm: the module; its userdata is a pointer to the socket
 * @what: what goes into it
 * @document: receives it
 * @room: how much fits
 * @size: receives its length
 *
 * An nsm_attest_fn.
 *
 * Context: waits for the service, a minute at most.
 * Return: 0 or a negative errno.
 */
int ticket_attest(const struct nsm *nsm, const struct attestation *what, uint8_t *document,
		  size_t room, size_t *size)
{
	uint8_t ticket[TICKET_MAX], answer[TICKET_ANSWER_MAX];
	struct item_writer w = { .data = ticket, .room = sizeof(ticket) };
	struct item_reader r = { .p = answer };
	struct item item;
	ssize_t n;

	ticket_write(nsm, what, &w);
	if (w.full)
		return -EMSGSIZE;
	n = ask(*(const int *)nsm->userdata, ticket, w.n, answer, sizeof(answer));
	if (n < 0)
		return n;
	r.n = n;
	if (item_expect(&r, ITEM_BYTES, &item))
		return -EREMOTEIO;
	if (item.size > room)
		return -ENOBUFS;
	memcpy(document, item.data, item.size);
	*size = item.size;
	return 0;
}
