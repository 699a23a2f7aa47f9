/* SPDX-License-Identifier: GPL-2.0 */
/* IP addresses, prefixes and MAC addresses. */
#ifndef _NITRO_ADDR_H
#define _NITRO_ADDR_H

#include "base.h"

/* "ffff:…:255.255.255.255/128" and the zero */
#define PREFIX_STRLEN 50
#define MAC_STRLEN 18

/**
 * struct prefix - an address or a block of addresses
 * @v6: IPv6, else IPv4
 * @len: prefix length in bits; 32 or 128 for one address
 * @a: network byte order; IPv4 uses the first four bytes
 */
struct prefix {
	bool v6;
	uint8_t len;
	uint8_t a[16];
};

static inline unsigned int prefix_max(const struct prefix *p)
{
	return p->v6 ? 128 : 32;
}

static inline bool prefix_is_host(const struct prefix *p)
{
	return p->len == prefix_max(p);
}

int prefix_parse(const char *s, struct prefix *ret, struct error *e);
int address_parse(const char *s, struct prefix *ret, struct error *e);
const char *prefix_format(const struct prefix *p, char buf[PREFIX_STRLEN]);
const char *prefix_format_short(const struct prefix *p, char buf[PREFIX_STRLEN]);
bool prefix_contains(const struct prefix *p, const struct prefix *inner);
bool prefix_overlap(const struct prefix *a, const struct prefix *b);
bool prefix_equal(const struct prefix *a, const struct prefix *b);
int prefix_compare(const struct prefix *a, const struct prefix *b);
void prefix_first(const struct prefix *p, unsigned int offset, struct prefix *ret);
void prefix_last(const struct prefix *p, struct prefix *ret);
bool address_next(struct prefix *addr);
bool address_is_unicast(const struct prefix *p);

int mac_parse(const char *s, uint8_t ret[6], struct error *e);
const char *mac_format(const uint8_t mac[6], char buf[MAC_STRLEN]);

#endif
