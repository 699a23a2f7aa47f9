// SPDX-License-Identifier: GPL-2.0
/*
 * DHCPv6 (RFC 8415): a message and what is answered to it. The addresses are
 * the ENI's, whatever identity association asks, so there is no state.
 */

#include "lease.h"
#include "writer.h"

enum {
	SOLICIT = 1, ADVERTISE, REQUEST, CONFIRM, RENEW, REBIND, REPLY, RELEASE, DECLINE,
	RECONFIGURE, INFORMATION_REQUEST,
};

enum {
	OPT_CLIENT_ID = 1, OPT_SERVER_ID = 2, OPT_IA_NA = 3, OPT_IA_TA = 4, OPT_IA_ADDR = 5,
	OPT_STATUS = 13, OPT_RAPID_COMMIT = 14, OPT_DNS = 23, OPT_DOMAINS = 24, OPT_IA_PD = 25,
	OPT_REFRESH = 32, OPT_NTP = 56,
};

enum {
	STATUS_SUCCESS, STATUS_UNSPEC, STATUS_NO_ADDRS, STATUS_NO_BINDING, STATUS_NOT_ON_LINK,
	STATUS_USE_MULTICAST, STATUS_NO_PREFIX,
};

#define HEADER 4
#define CLIENT_ID_MAX 130
#define ASSOCIATIONS_MAX 4
#define NTP_SUBOPTION_SERVER 1
#define VALID (LEASE_SECONDS * 2)

/* DUID-LL of the virtual router */
static const uint8_t server_id[] = { 0, 3, 0, 1, 0x06, 'N', 'I', 'T', 'R', 'O' };

struct association {
	uint16_t kind;
	const uint8_t *iaid;
	const uint8_t *options;
	size_t n_options;
};

/* What of a request the answer depends on */
struct request {
	const uint8_t *client_id;
	size_t client_id_len;
	const uint8_t *server_id;
	size_t server_id_len;
	bool rapid_commit;
	struct association ia[ASSOCIATIONS_MAX];
	size_t n_ia;
};

static bool note(struct request *r, uint16_t code, const uint8_t *value, size_t len)
{
	size_t fixed;

	switch (code) {
	case OPT_CLIENT_ID:
		r->client_id = value;
		r->client_id_len = len;
		return len >= 3 && len <= CLIENT_ID_MAX;
	case OPT_SERVER_ID:
		r->server_id = value;
		r->server_id_len = len;
		return true;
	case OPT_RAPID_COMMIT:
		r->rapid_commit = true;
		return !len;
	case OPT_IA_NA:
	case OPT_IA_TA:
	case OPT_IA_PD:
		fixed = code == OPT_IA_TA ? 4 : 12;
		if (len < fixed)
			return false;
		if (r->n_ia < ASSOCIATIONS_MAX)
			r->ia[r->n_ia++] = (struct association){
				.kind = code, .iaid = value, .options = value + fixed,
				.n_options = len - fixed,
			};
	}
	return true;
}

static bool parse(const uint8_t *p, size_t n, struct request *r)
{
	*r = (struct request){};
	while (n) {
		uint16_t code, len;

		if (n < 4)
			return false;
		code = get16(p);
		len = get16(p + 2);
		p += 4;
		n -= 4;
		if (n < len || !note(r, code, p, len))
			return false;
		p += len;
		n -= len;
	}
	return true;
}

static size_t begin(struct writer *w, uint16_t code)
{
	put16(w, code);
	put16(w, 0);
	return w->n;
}

static void end(struct writer *w, size_t at)
{
	if (w->full)
		return;
	w->p[at - 2] = (w->n - at) >> 8;
	w->p[at - 1] = w->n - at;
}

static void option(struct writer *w, uint16_t code, const void *value, uint16_t len)
{
	put16(w, code);
	put16(w, len);
	put(w, value, len);
}

static void status(struct writer *w, uint16_t code)
{
	put16(w, OPT_STATUS);
	put16(w, 2);
	put16(w, code);
}

static bool has_address(const struct lease *lease, const uint8_t *address)
{
	for (size_t i = 0; i < lease->n_addresses; i++)
		if (!memcmp(lease->addresses[i].a, address, 16))
			return true;
	return false;
}

static void put_address(struct writer *w, const uint8_t *address, uint32_t preferred,
			uint32_t valid)
{
	put16(w, OPT_IA_ADDR);
	put16(w, 24);
	put(w, address, 16);
	put32(w, preferred);
	put32(w, valid);
}

/* Calls back for each address that the client has in an association */
static void each_address(const struct association *ia,
			 void (*fn)(const uint8_t *address, void *userdata), void *userdata)
{
	const uint8_t *p = ia->options;
	size_t n = ia->n_options;

	while (n >= 4) {
		uint16_t code = get16(p), len = get16(p + 2);

		if (n - 4 < len)
			return;
		if (code == OPT_IA_ADDR && len >= 24)
			fn(p + 4, userdata);
		p += 4 + len;
		n -= 4 + len;
	}
}

struct check {
	const struct lease *lease;
	struct writer *w;
	bool any;
	bool foreign;
};

/* An address that is not the ENI's (any more) gets lifetimes of zero */
static void end_foreign(const uint8_t *address, void *userdata)
{
	struct check *c = userdata;

	c->any = true;
	if (has_address(c->lease, address))
		return;
	c->foreign = true;
	if (c->w)
		put_address(c->w, address, 0, 0);
}

static void association(struct writer *w, const struct association *ia,
			const struct lease *lease, uint8_t type)
{
	bool renewing = type == RENEW || type == REBIND;
	struct check check = { .lease = lease, .w = w };
	size_t at = begin(w, ia->kind);

	put(w, ia->iaid, 4);
	if (ia->kind != OPT_IA_TA) {
		bool none = ia->kind == OPT_IA_PD || !lease->n_addresses;

		put32(w, none ? 0 : LEASE_SECONDS / 2);
		put32(w, none ? 0 : LEASE_SECONDS / 5 * 4);
	}
	if (ia->kind == OPT_IA_PD) {
		status(w, STATUS_NO_PREFIX);
	} else if (ia->kind == OPT_IA_TA || !lease->n_addresses) {
		status(w, STATUS_NO_ADDRS);
	} else {
		for (size_t i = 0; i < lease->n_addresses; i++)
			put_address(w, lease->addresses[i].a, LEASE_SECONDS, VALID);
		if (renewing || type == REQUEST)
			each_address(ia, end_foreign, &check);
	}
	end(w, at);
}

static void put_domain(struct writer *w, const char *domain)
{
	size_t at = begin(w, OPT_DOMAINS);

	while (*domain) {
		size_t len = strcspn(domain, ".");

		if (len && len < 64) {
			put8(w, len);
			put(w, domain, len);
		}
		domain += len + (domain[len] == '.');
	}
	put8(w, 0);
	end(w, at);
}

static void configuration(struct writer *w, const struct lease *lease)
{
	size_t at;

	if (lease->n_dns) {
		at = begin(w, OPT_DNS);
		for (size_t i = 0; i < lease->n_dns; i++)
			put(w, lease->dns[i].a, 16);
		end(w, at);
	}
	if (*lease->domain)
		put_domain(w, lease->domain);
	for (size_t i = 0; i < lease->n_ntp; i++) {
		at = begin(w, OPT_NTP);
		option(w, NTP_SUBOPTION_SERVER, lease->ntp[i].a, 16);
		end(w, at);
	}
}

/* Is every address that the client has on this link (RFC 8415 section 18.3.3)? */
static bool confirmed(const struct request *r, const struct lease *lease, bool *ret_any)
{
	struct check check = { .lease = lease };

	for (size_t i = 0; i < r->n_ia; i++)
		each_address(&r->ia[i], end_foreign, &check);
	*ret_any = check.any;
	return !check.foreign;
}

/* RFC 8415 section 16: which messages have to name the server, and which must not */
static bool addressed(uint8_t type, const struct request *r)
{
	bool ours = r->server_id && r->server_id_len == sizeof(server_id) &&
		    !memcmp(r->server_id, server_id, sizeof(server_id));

	switch (type) {
	case SOLICIT:
	case CONFIRM:
	case REBIND:
		return r->client_id && !r->server_id;
	case REQUEST:
	case RENEW:
	case RELEASE:
	case DECLINE:
		return r->client_id && ours;
	case INFORMATION_REQUEST:
		return !r->n_ia && (!r->server_id || ours);
	default:
		return false;
	}
}

static void body(struct writer *w, const struct request *r, const struct lease *lease,
		 uint8_t type)
{
	switch (type) {
	case RELEASE:
	case DECLINE:
		status(w, STATUS_SUCCESS);
		return;
	case CONFIRM:
		return;
	case INFORMATION_REQUEST:
		put16(w, OPT_REFRESH);
		put16(w, 4);
		put32(w, LEASE_SECONDS);
		break;
	default:
		for (size_t i = 0; i < r->n_ia; i++)
			association(w, &r->ia[i], lease, type);
	}
	configuration(w, lease);
}

/**
 * dhcp6_answer - answer a message of DHCPv6
 * @lease: what the client is told
 * @request: the message, as a guest wrote it
 * @n: its length
 * @answer: set to the answer
 *
 * Context: any.
 * Return: length of the answer, 0 if there is none.
 */
size_t dhcp6_answer(const struct lease *lease, const uint8_t *request, size_t n,
		    uint8_t answer[DHCP_MESSAGE_MAX])
{
	struct writer w = { .p = answer, .size = DHCP_MESSAGE_MAX };
	bool on_link = true, any = true;
	struct request r;
	uint8_t type;

	if (n < HEADER || !parse(request + HEADER, n - HEADER, &r))
		return 0;
	type = request[0];
	if (!addressed(type, &r))
		return 0;
	if (type == CONFIRM) {
		on_link = confirmed(&r, lease, &any);
		if (!any)
			return 0;
	}
	put8(&w, type == SOLICIT && !r.rapid_commit ? ADVERTISE : REPLY);
	put(&w, request + 1, 3);
	if (r.client_id)
		option(&w, OPT_CLIENT_ID, r.client_id, r.client_id_len);
	option(&w, OPT_SERVER_ID, server_id, sizeof(server_id));
	if (type == SOLICIT && r.rapid_commit)
		option(&w, OPT_RAPID_COMMIT, NULL, 0);
	if (type == CONFIRM)
		status(&w, on_link ? STATUS_SUCCESS : STATUS_NOT_ON_LINK);
	body(&w, &r, lease, type);
	return w.full ? 0 : w.n;
}
