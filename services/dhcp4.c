// SPDX-License-Identifier: GPL-2.0
/*
 * DHCP (RFC 2131, 2132): a message and what is answered to it. There is one
 * client and one address on the link of an ENI, so there is no state.
 */

#include "lease.h"
#include "writer.h"

#define HEADER 236
#define COOKIE 0x63825363U
#define BOOTREQUEST 1
#define BOOTREPLY 2
#define MESSAGE_MIN 300	/* RFC 951; some relays and clients insist */
#define MESSAGE_ROOM 548	/* what every client takes (RFC 2131 section 2) */

enum {
	DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM,
};

enum {
	OPT_PAD = 0, OPT_MASK = 1, OPT_ROUTER = 3, OPT_DNS = 6, OPT_HOSTNAME = 12,
	OPT_DOMAIN = 15, OPT_MTU = 26, OPT_BROADCAST = 28, OPT_NTP = 42, OPT_REQUESTED = 50,
	OPT_LEASE = 51, OPT_TYPE = 53, OPT_SERVER = 54, OPT_PARAMETERS = 55, OPT_T1 = 58,
	OPT_T2 = 59, OPT_CLIENT_ID = 61, OPT_ROUTES = 121, OPT_END = 255,
};

/* The server is at the metadata address: every guest reaches it */
static const uint8_t server[4] = { 169, 254, 169, 254 };

/* What of a request the answer depends on */
struct request {
	uint8_t type;
	const uint8_t *requested;
	const uint8_t *server;
	const uint8_t *client_id;
	uint8_t client_id_len;
	const uint8_t *parameters;
	uint8_t n_parameters;
};

static void note(struct request *r, uint8_t code, const uint8_t *value, uint8_t len)
{
	switch (code) {
	case OPT_TYPE:
		if (len == 1)
			r->type = value[0];
		break;
	case OPT_REQUESTED:
		if (len == 4)
			r->requested = value;
		break;
	case OPT_SERVER:
		if (len == 4)
			r->server = value;
		break;
	case OPT_CLIENT_ID:
		r->client_id = value;
		r->client_id_len = len;
		break;
	case OPT_PARAMETERS:
		r->parameters = value;
		r->n_parameters = len;
		break;
	}
}

/* Options in the file and sname fields (overload) are for what does not fit, which
 * no request has; they are not looked at.
 */
static bool parse(const uint8_t *p, size_t n, struct request *r)
{
	*r = (struct request){};
	while (n) {
		uint8_t code = *p++, len;

		n--;
		if (code == OPT_END)
			break;
		if (code == OPT_PAD)
			continue;
		if (!n || n - 1 < p[0])
			return false;
		len = *p++;
		note(r, code, p, len);
		p += len;
		n -= 1 + len;
	}
	return r->type;
}

static void option(struct writer *w, uint8_t code, const void *value, uint8_t len)
{
	put8(w, code);
	put8(w, len);
	put(w, value, len);
}

static void option32(struct writer *w, uint8_t code, uint32_t v)
{
	put8(w, code);
	put8(w, 4);
	put32(w, v);
}

static void addresses(struct writer *w, uint8_t code, const struct prefix *v, size_t n)
{
	if (!n)
		return;
	put8(w, code);
	put8(w, n * 4);
	for (size_t i = 0; i < n; i++)
		put(w, v[i].a, 4);
}

static bool wanted(const struct request *r, uint8_t code)
{
	return r->n_parameters && memchr(r->parameters, code, r->n_parameters);
}

/* RFC 3442: a client that takes these ignores the router option. The services are
 * behind the router even if another interface has the default route.
 */
static void routes(struct writer *w, const struct lease *lease)
{
	put8(w, OPT_ROUTES);
	put8(w, 5 + 9);
	put8(w, 0);
	put(w, lease->router.a, 4);
	put8(w, 32);
	put(w, server, 4);
	put(w, lease->router.a, 4);
}

static void configuration(struct writer *w, const struct lease *lease, const struct request *r)
{
	uint32_t mask = lease->len ? ~0U << (32 - lease->len) : 0;

	option32(w, OPT_MASK, mask);
	addresses(w, OPT_ROUTER, &lease->router, 1);
	addresses(w, OPT_DNS, lease->dns, lease->n_dns);
	if (*lease->hostname)
		option(w, OPT_HOSTNAME, lease->hostname, strlen(lease->hostname));
	if (*lease->domain)
		option(w, OPT_DOMAIN, lease->domain, strlen(lease->domain));
	if (lease->mtu) {
		put8(w, OPT_MTU);
		put8(w, 2);
		put16(w, lease->mtu);
	}
	if (wanted(r, OPT_ROUTES))
		routes(w, lease);
	if (wanted(r, OPT_NTP))
		addresses(w, OPT_NTP, lease->ntp, lease->n_ntp);
}

static void header(struct writer *w, const uint8_t *request, const struct lease *lease,
		   uint8_t type)
{
	static const uint8_t zeros[192];

	put8(w, BOOTREPLY);
	put(w, request + 1, 2);			/* htype, hlen */
	put8(w, 0);				/* hops */
	put(w, request + 4, 4);			/* xid */
	put16(w, 0);				/* secs */
	put(w, request + 10, 2);		/* flags */
	put(w, type == NAK ? zeros : request + 12, 4);	/* ciaddr */
	put(w, type == OFFER || type == ACK ? lease->address.a : zeros, 4);
	put(w, zeros, 4);			/* siaddr */
	put(w, request + 24, 20);		/* giaddr, chaddr */
	put(w, zeros, 192);			/* sname, file */
	put32(w, COOKIE);
	option(w, OPT_TYPE, &type, 1);
	option(w, OPT_SERVER, server, 4);
}

/* What a message is answered with, 0 for nothing */
static uint8_t answer_type(const struct request *r, const uint8_t *ciaddr,
			   const struct lease *lease)
{
	static const uint8_t zeros[4];
	const uint8_t *address;

	switch (r->type) {
	case DISCOVER:
		return OFFER;
	case INFORM:
		return ACK;
	case REQUEST:
		if (r->server && memcmp(r->server, server, 4))
			return 0;
		address = memcmp(ciaddr, zeros, 4) ? ciaddr : r->requested;
		if (!address)
			return 0;
		return memcmp(address, lease->address.a, 4) ? NAK : ACK;
	default:
		return 0;
	}
}

/**
 * dhcp4_answer - answer a message of DHCP
 * @lease: what the client is told
 * @request: the message, as a guest wrote it
 * @n: its length
 * @answer: set to the answer
 *
 * Context: any.
 * Return: length of the answer, 0 if there is none.
 */
size_t dhcp4_answer(const struct lease *lease, const uint8_t *request, size_t n,
		    uint8_t answer[DHCP_MESSAGE_MAX])
{
	struct writer w = { .p = answer, .size = MESSAGE_ROOM };
	struct request r;
	uint8_t type;

	if (!lease->address.len || n < HEADER + 4 || request[0] != BOOTREQUEST ||
	    request[1] != 1 || request[2] != 6 || memcmp(request + 28, lease->mac, 6) ||
	    memcmp(request + HEADER, (uint8_t[]){ 0x63, 0x82, 0x53, 0x63 }, 4) ||
	    !parse(request + HEADER + 4, n - HEADER - 4, &r))
		return 0;
	type = answer_type(&r, request + 12, lease);
	if (!type)
		return 0;
	header(&w, request, lease, type);
	if (r.type == INFORM)
		memset(answer + 16, 0, 4);	/* yiaddr: it has an address */
	if (type != NAK && r.type != INFORM) {
		option32(&w, OPT_LEASE, LEASE_SECONDS);
		option32(&w, OPT_T1, LEASE_SECONDS / 2);
		option32(&w, OPT_T2, LEASE_SECONDS / 8 * 7);
	}
	if (type != NAK)
		configuration(&w, lease, &r);
	if (r.client_id)			/* RFC 6842 */
		option(&w, OPT_CLIENT_ID, r.client_id, r.client_id_len);
	put8(&w, OPT_END);
	if (w.full)
		return 0;
	while (w.n < MESSAGE_MIN)
		put8(&w, OPT_PAD);
	return w.n;
}
