// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest gives to its nsm device, while its module answers, or does not. The input
 * is a sequence of steps: a byte that says what happens, and what that needs.
 */

#include <endian.h>
#include <linux/virtio_mmio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base.h"
#include "driver.h"
#include "nsm.h"

#define STEP 7

enum step { ASK, RAW, ANSWER, RESET, DIE, STEPS };

static struct {
	struct nsm_device nsm;
	struct loop loop;
	struct driver driver;
	int module;
	uint64_t number;
} lab;

static void settle(void)
{
	for (int i = 0; i < 64 && loop_turn(&lab.loop, 0) > 0; i++)
		;
}

static void open_lab(void)
{
	struct driver driver = lab.driver;
	struct nsm_setup s;
	int pair[2];

	memset(&lab, 0, sizeof(lab));
	lab.driver = driver;
	if (!lab.driver.memory.base)
		driver_ram(&lab.driver);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0 || loop_init(&lab.loop) < 0)
		abort();
	lab.module = pair[0];
	s = (struct nsm_setup){
		.module = pair[1], .notify = eventfd(0, EFD_NONBLOCK),
		.irqfd = eventfd(0, EFD_NONBLOCK), .memory = &lab.driver.memory, .loop = &lab.loop,
	};
	if (nsm_init(&lab.nsm, &s) < 0)
		abort();
	driver_start(&lab.driver, &lab.nsm.device);
}

static void close_lab(void)
{
	if (lab.module >= 0)
		close(lab.module);
	if (lab.nsm.module >= 0)
		close(lab.nsm.module);
	close(lab.nsm.device.notify);
	close(lab.nsm.device.irqfd);
	close(lab.loop.fd);
}

/* Half a request at a time, of any length, in either direction */
static void ask(const uint8_t *p)
{
	driver_give(&lab.driver, 0, lab.driver.given[0] % DRIVER_QUEUE_SIZE,
		    (p[0] | p[1] << 8) % DRIVER_BUFFER_SIZE, p[2] & 1);
}

/* The module gets what fits, and answers as much as may be, or more; to what it got last, or
 * to something else
 */
static void answer(const uint8_t *p)
{
	static uint8_t response[sizeof(struct nsm_response) + 1];
	struct nsm_request q;
	uint64_t number;
	ssize_t n;

	if (lab.module < 0)
		return;
	n = recv(lab.module, &q, sizeof(q), MSG_DONTWAIT | MSG_TRUNC);
	if (n > 0 && ((size_t)n > sizeof(q) || (size_t)n < offsetof(struct nsm_request, request) ||
		      le32toh(q.room) > NSM_RESPONSE_MAX))
		abort();
	if (n > 0)
		lab.number = q.number;
	number = lab.number ^ (p[2] & 1);
	memcpy(response, &number, sizeof(number));
	(void)send(lab.module, response, (p[0] | p[1] << 8) % (sizeof(response) + 1),
		   MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void reset(void)
{
	driver_write(&lab.driver, VIRTIO_MMIO_STATUS, 0);
	driver_start(&lab.driver, &lab.nsm.device);
}

static void die(void)
{
	if (lab.module >= 0)
		lab.module = close(lab.module) - 1;
}

/* Nothing is longer than what there was room for */
static void check(void)
{
	uint32_t len;

	while (driver_take(&lab.driver, 0, &len) >= 0)
		if (len > NSM_RESPONSE_MAX)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	open_lab();
	for (; n >= STEP; data += STEP, n -= STEP) {
		const uint8_t *p = data + 1;

		switch ((enum step)(data[0] % STEPS)) {
		case ASK:
			ask(p);
			break;
		case RAW:
			driver_desc(&lab.driver, 0, p[0] % DRIVER_QUEUE_SIZE,
				    (uint64_t)p[1] << 16 | p[2], p[3] << 4, p[4] & 7, p[5]);
			driver_offer(&lab.driver, 0, p[0] % DRIVER_QUEUE_SIZE);
			break;
		case ANSWER:
			answer(p);
			break;
		case RESET:
			reset();
			break;
		default:
			die();
		}
		driver_write(&lab.driver, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		settle();
		check();
	}
	close_lab();
	return 0;
}
