// SPDX-License-Identifier: GPL-2.0
/* DHCP as guests write it, and what is always true of the answer. */

#include "lease.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct lease lease = {
		.mac = { 6, 0, 0, 0, 0, 5 }, .address = { .len = 32, .a = { 10, 0, 1, 10 } },
		.len = 24, .router = { .len = 32, .a = { 10, 0, 1, 1 } },
		.dns = { { .len = 32, .a = { 10, 0, 0, 2 } } }, .n_dns = 1,
		.ntp = { { .len = 32, .a = { 169, 254, 169, 123 } } }, .n_ntp = 1,
		.hostname = "ip-10-0-1-10", .domain = "nitro.internal", .mtu = 9001,
	};
	uint8_t answer[DHCP_MESSAGE_MAX];
	size_t size = dhcp4_answer(&lease, data, n, answer);

	if (!size)
		return 0;
	/* never to another client, never another address, never longer than they take */
	if (size < 300 || size > 548 || answer[0] != 2 || memcmp(answer + 4, data + 4, 4) ||
	    memcmp(answer + 28, lease.mac, 6) ||
	    (answer[16] && memcmp(answer + 16, lease.address.a, 4)))
		abort();
	return 0;
}
