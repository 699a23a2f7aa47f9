// SPDX-License-Identifier: GPL-2.0
/* DHCP and DHCPv6: what is in tests/services/test_dhcp.py is not repeated here. */

#include "fixture.h"
#include "lease.h"

static void add_option(uint8_t *m, size_t *n, uint8_t code, const void *value, uint8_t len)
{
	m[(*n)++] = code;
	m[(*n)++] = len;
	memcpy(m + *n, value, len);
	*n += len;
}

static size_t discover(uint8_t m[600])
{
	size_t n = 240;

	memset(m, 0, 600);
	m[0] = m[1] = 1;
	m[2] = 6;
	m[33] = 5;
	m[28] = 6;
	memcpy(m + 236, "\x63\x82\x53\x63", 4);
	add_option(m, &n, 53, "\1", 1);
	return n;
}

static struct lease lease4(void)
{
	return (struct lease){
		.mac = { 6, 0, 0, 0, 0, 5 }, .address = { .len = 32, .a = { 10, 0, 1, 10 } },
		.len = 24, .router = { .len = 32, .a = { 10, 0, 1, 1 } },
	};
}

UNIT(as_short_as_bootp_wants_and_as_long_as_all_take)
{
	struct lease lease = lease4();
	uint8_t m[600], answer[DHCP_MESSAGE_MAX];
	size_t n = discover(m), size;

	size = dhcp4_answer(&lease, m, n, answer);
	EXPECT(size == 300 && answer[0] == 2 && answer[16] == 10);
	memset(lease.hostname, 'h', sizeof(lease.hostname) - 1);
	memset(lease.domain, 'd', sizeof(lease.domain) - 1);
	size = dhcp4_answer(&lease, m, n, answer);
	EXPECT(size > 300 && size <= 548);
	/* with a client identifier there is no more room: nothing rather than half */
	memset(m + n, 'x', 255);
	m[n] = 61;
	m[n + 1] = 253;
	EXPECT(!dhcp4_answer(&lease, m, n + 255, answer));
}

UNIT(no_address_no_answer)
{
	uint8_t m[600], answer[DHCP_MESSAGE_MAX];
	struct lease lease = lease4();
	size_t n = discover(m);

	lease.address = (struct prefix){};
	EXPECT(!dhcp4_answer(&lease, m, n, answer));
	lease = lease4();
	for (size_t i = 0; i < 240; i++)
		EXPECT(!dhcp4_answer(&lease, m, i, answer));
}

UNIT(every_option_may_be_cut)
{
	struct lease lease = lease4();
	uint8_t m[600], answer[DHCP_MESSAGE_MAX];
	size_t n = discover(m);

	add_option(m, &n, 55, "\1\3\6\14\17\32\52\171", 8);
	add_option(m, &n, 61, "\1abcdef", 7);
	for (size_t i = 243; i <= n; i++) {
		_cleanup_free_ uint8_t *exact = xcalloc(1, i);

		memcpy(exact, m, i);
		(void)dhcp4_answer(&lease, exact, i, answer);
	}
	EXPECT(dhcp4_answer(&lease, m, n, answer));
}

UNIT(no_address_of_ipv6)
{
	static const uint8_t solicit[] = {
		1, 1, 2, 3, 0, 1, 0, 4, 0, 3, 0, 1, 0, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
	};
	struct lease lease = {};
	uint8_t answer[DHCP_MESSAGE_MAX];
	size_t n = dhcp6_answer(&lease, solicit, sizeof(solicit), answer);

	EXPECT(n > 40 && answer[0] == 2);
	/* the association holds a status: no addresses */
	EXPECT(!memcmp(answer + n - 6, "\0\15\0\2\0\2", 6));
}

UNIT(as_many_addresses_as_there_can_be)
{
	uint8_t solicit[8 + 4 * 16 + 4] = { 1, 1, 2, 3, 0, 1, 0, 4, 0, 3, 0, 1 };
	struct lease lease = { .n_addresses = LEASE_ADDRESSES };
	uint8_t answer[DHCP_MESSAGE_MAX];

	for (int i = 0; i < 4; i++) {
		solicit[12 + i * 16 + 1] = 3;
		solicit[12 + i * 16 + 3] = 12;
	}
	/* four associations of 64 addresses are too many for a message: none then */
	EXPECT(!dhcp6_answer(&lease, solicit, sizeof(solicit), answer));
	lease.n_addresses = 10;
	EXPECT(dhcp6_answer(&lease, solicit, sizeof(solicit), answer) > 1000);
}
