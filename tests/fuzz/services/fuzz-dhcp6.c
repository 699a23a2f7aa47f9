// SPDX-License-Identifier: GPL-2.0
/* DHCPv6 as guests write it, and what is always true of the answer. */

#include "lease.h"
#include "writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct lease lease = {
		.addresses = { { .v6 = true, .len = 128, .a = { 0xfd, [15] = 10 } },
			       { .v6 = true, .len = 128, .a = { 0xfd, [15] = 11 } } },
		.n_addresses = 2,
		.dns = { { .v6 = true, .len = 128, .a = { 0xfd, [15] = 2 } } }, .n_dns = 1,
		.ntp = { { .v6 = true, .len = 128, .a = { 0xfd, [15] = 3 } } }, .n_ntp = 1,
		.hostname = "web", .domain = "nitro.internal.",
	};
	uint8_t answer[DHCP_MESSAGE_MAX];
	size_t size = dhcp6_answer(&lease, data, n, answer), at;

	if (!size)
		return 0;
	if (size > sizeof(answer) || memcmp(answer + 1, data + 1, 3) ||
	    (answer[0] != 2 && answer[0] != 7))
		abort();
	/* it is a list of options to its end */
	for (at = 4; at < size; at += 4 + get16(answer + at + 2))
		if (size - at < 4)
			abort();
	if (at != size)
		abort();
	return 0;
}
