// SPDX-License-Identifier: GPL-2.0
/* IP addresses, prefixes and MAC addresses: parse, print, compare. */

#include <arpa/inet.h>
#include <stdio.h>

#include "addr.h"

static void mask_bytes(uint8_t a[16], unsigned int len)
{
	for (unsigned int i = 0; i < 16; i++, len = len > 8 ? len - 8 : 0)
		if (len < 8)
			a[i] &= 0xff00 >> len;
}

/**
 * address_parse - read one IP address
 * @s: the text
 * @ret: the address, with the length of a host
 * @e: says what is wrong
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int address_parse(const char *s, struct prefix *ret, struct error *e)
{
	struct prefix p = {};

	if (inet_pton(AF_INET, s, p.a) == 1) {
		p.len = 32;
	} else if (inet_pton(AF_INET6, s, p.a) == 1) {
		static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

		if (!memcmp(p.a, mapped, sizeof(mapped)))
			return fail(e, ERR_INVALID,
				    "'%s' is an IPv4-mapped IPv6 address; write the IPv4 address", s);
		p.v6 = true;
		p.len = 128;
	} else {
		return fail(e, ERR_INVALID, "'%s' is not an IP address", s);
	}
	*ret = p;
	return 0;
}

/**
 * prefix_parse - read an address or a CIDR block
 * @s: the text; without a length it is one address
 * @ret: the prefix
 * @e: says what is wrong; a block with host bits names the block meant
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int prefix_parse(const char *s, struct prefix *ret, struct error *e)
{
	_cleanup_free_ char *addr = NULL;
	const char *slash = strchr(s, '/');
	struct prefix p, canonical;
	char buf[PREFIX_STRLEN];
	uint64_t len;
	int r;

	if (!slash)
		return address_parse(s, ret, e);
	addr = xstrndup(s, slash - s);
	r = address_parse(addr, &p, e);
	if (r < 0)
		return r;
	if (parse_uint(slash + 1, 0, prefix_max(&p), &len) < 0 ||
	    (slash[1] == '0' && slash[2]))
		return fail(e, ERR_INVALID, "'%s' has no prefix length from 0 to %u",
			    s, prefix_max(&p));
	canonical = p;
	canonical.len = len;
	mask_bytes(canonical.a, len);
	if (memcmp(canonical.a, p.a, sizeof(p.a)))
		return fail(e, ERR_INVALID,
			    "'%s' has bits set behind the prefix length; the block is '%s'",
			    s, prefix_format(&canonical, buf));
	*ret = canonical;
	return 0;
}

/**
 * prefix_format - print a prefix with its length
 * @p: the prefix
 * @buf: where to
 *
 * Context: any.
 * Return: @buf.
 */
const char *prefix_format(const struct prefix *p, char buf[PREFIX_STRLEN])
{
	char addr[INET6_ADDRSTRLEN];

	inet_ntop(p->v6 ? AF_INET6 : AF_INET, p->a, addr, sizeof(addr));
	snprintf(buf, PREFIX_STRLEN, "%s/%u", addr, p->len);
	return buf;
}

/**
 * prefix_format_short - print a prefix, one address without a length
 * @p: the prefix
 * @buf: where to
 *
 * Context: any.
 * Return: @buf.
 */
const char *prefix_format_short(const struct prefix *p, char buf[PREFIX_STRLEN])
{
	if (!prefix_is_host(p))
		return prefix_format(p, buf);
	inet_ntop(p->v6 ? AF_INET6 : AF_INET, p->a, buf, PREFIX_STRLEN);
	return buf;
}

/**
 * prefix_contains - does one block hold all of another?
 * @p: the outer block
 * @inner: the inner block
 *
 * Context: any.
 * Return: true if it does.
 */
bool prefix_contains(const struct prefix *p, const struct prefix *inner)
{
	unsigned int bytes = p->len / 8, bits = p->len % 8;

	if (p->v6 != inner->v6 || p->len > inner->len || memcmp(p->a, inner->a, bytes))
		return false;
	return !bits || !((p->a[bytes] ^ inner->a[bytes]) >> (8 - bits));
}

/**
 * prefix_overlap - do two blocks share an address?
 * @a: a block
 * @b: another
 *
 * Context: any.
 * Return: true if they do.
 */
bool prefix_overlap(const struct prefix *a, const struct prefix *b)
{
	return prefix_contains(a, b) || prefix_contains(b, a);
}

/**
 * prefix_equal - are two blocks the same?
 * @a: a block
 * @b: another
 *
 * Context: any.
 * Return: true if they are.
 */
bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return !prefix_compare(a, b);
}

/**
 * prefix_compare - order: family, first address, larger block first
 * @a: a block
 * @b: another
 *
 * In this order overlapping blocks stand next to each other.
 *
 * Context: any.
 * Return: below, equal to or above zero.
 */
int prefix_compare(const struct prefix *a, const struct prefix *b)
{
	int c;

	if (a->v6 != b->v6)
		return a->v6 - b->v6;
	c = memcmp(a->a, b->a, sizeof(a->a));
	return c ? c : (int)a->len - (int)b->len;
}

/**
 * prefix_first - an address counted from the start of a block
 * @p: the block
 * @offset: how many addresses to skip
 * @ret: the address
 *
 * Context: any.
 */
void prefix_first(const struct prefix *p, unsigned int offset, struct prefix *ret)
{
	unsigned int carry = offset;
	struct prefix addr = *p;

	addr.len = prefix_max(p);
	for (int i = (int)addr.len / 8 - 1; i >= 0 && carry; i--) {
		carry += addr.a[i];
		addr.a[i] = carry & 0xff;
		carry >>= 8;
	}
	*ret = addr;
}

/**
 * prefix_last - the last address of a block
 * @p: the block
 * @ret: the address
 *
 * Context: any.
 */
void prefix_last(const struct prefix *p, struct prefix *ret)
{
	unsigned int max = prefix_max(p);
	struct prefix addr = *p;

	for (unsigned int bit = p->len; bit < max; bit++)
		addr.a[bit / 8] |= 0x80 >> (bit % 8);
	addr.len = max;
	*ret = addr;
}

/**
 * address_next - step to the next address
 * @addr: the address
 *
 * Context: any.
 * Return: false if it was the last there is.
 */
bool address_next(struct prefix *addr)
{
	for (int i = (int)prefix_max(addr) / 8 - 1; i >= 0; i--)
		if (++addr->a[i])
			return true;
	return false;
}

/**
 * address_is_unicast - can a host or ENI have this address?
 * @p: the address
 *
 * Context: any.
 * Return: false for the unspecified, loopback, multicast, link-local (IPv4)
 * and reserved ranges.
 */
bool address_is_unicast(const struct prefix *p)
{
	static const uint8_t zero[16];

	if (!p->v6)
		return p->a[0] != 0 && p->a[0] != 127 && p->a[0] < 224 &&
		       !(p->a[0] == 169 && p->a[1] == 254);
	if (!memcmp(p->a, zero, 15) && p->a[15] <= 1)
		return false;
	return p->a[0] != 0xff;
}

/**
 * mac_parse - read a MAC address
 * @s: six hexadecimal bytes with colons
 * @ret: the bytes
 * @e: says what is wrong
 *
 * Context: any.
 * Return: 0 or -EINVAL, also for multicast and all-zero addresses.
 */
int mac_parse(const char *s, uint8_t ret[6], struct error *e)
{
	static const uint8_t zero[6];
	uint8_t mac[6] = {};

	if (strlen(s) != 17)
		return fail(e, ERR_INVALID, "'%s' is not a MAC address", s);
	for (int i = 0; i < 17; i++) {
		char c = s[i] | 0x20;
		int digit = c >= '0' && c <= '9' ? c - '0' :
			    c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

		if (i % 3 == 2 ? s[i] != ':' : digit < 0 || s[i] < '0')
			return fail(e, ERR_INVALID, "'%s' is not a MAC address", s);
		if (i % 3 != 2)
			mac[i / 3] = mac[i / 3] << 4 | digit;
	}
	if ((mac[0] & 1) || !memcmp(mac, zero, 6))
		return fail(e, ERR_INVALID,
			    "'%s' is not a unicast MAC address", s);
	memcpy(ret, mac, 6);
	return 0;
}

/**
 * mac_format - print a MAC address
 * @mac: the bytes
 * @buf: where to
 *
 * Context: any.
 * Return: @buf.
 */
const char *mac_format(const uint8_t mac[6], char buf[MAC_STRLEN])
{
	snprintf(buf, MAC_STRLEN, "%02x:%02x:%02x:%02x:%02x:%02x",
		 mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return buf;
}
