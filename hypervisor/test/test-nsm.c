// SPDX-License-Identifier: GPL-2.0
/* The way to the security module: requests and responses, in pairs of buffers. */

#include <endian.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base.h"
#include "driver.h"
#include "nsm.h"
#include "unit.h"

struct lab {
	struct nsm_device n;
	struct loop loop;
	struct driver driver;
	int module;
	uint64_t number;
};

static void settle(struct lab *l)
{
	while (loop_turn(&l->loop, 0) > 0)
		;
}

static void open_lab(struct lab *l)
{
	struct nsm_setup setup;
	int pair[2];

	memset(l, 0, sizeof(*l));
	driver_ram(&l->driver);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0 || loop_init(&l->loop) < 0)
		abort();
	setup = (struct nsm_setup){
		.module = pair[1], .notify = eventfd(0, EFD_NONBLOCK),
		.irqfd = eventfd(0, EFD_NONBLOCK), .memory = &l->driver.memory, .loop = &l->loop,
	};
	if (nsm_init(&l->n, &setup) < 0)
		abort();
	l->module = pair[0];
	driver_start(&l->driver, &l->n.device);
	settle(l);
}

static void close_lab(struct lab *l)
{
	if (l->module >= 0)
		close(l->module);
	if (l->n.module >= 0)
		close(l->n.module);
	close(l->n.device.notify);
	close(l->n.device.irqfd);
	close(l->loop.fd);
	driver_free(&l->driver);
}

static void notify(struct lab *l)
{
	driver_write(&l->driver, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	settle(l);
}

/* Buffers @i and @i + 1 */
static void ask(struct lab *l, unsigned int i, const char *text)
{
	memcpy(driver_buffer(&l->driver, 0, i), text, strlen(text));
	driver_give(&l->driver, 0, i, strlen(text), false);
	driver_give(&l->driver, 0, i + 1, 256, true);
	notify(l);
}

static bool module_hears(struct lab *l, const char *text, uint32_t room)
{
	struct nsm_request message;
	ssize_t n = recv(l->module, &message, sizeof(message), MSG_DONTWAIT);

	if (n >= (ssize_t)sizeof(message.number))
		l->number = le64toh(message.number);
	return n == (ssize_t)(offsetof(struct nsm_request, request) + strlen(text)) &&
	       le32toh(message.room) == room && !memcmp(message.request, text, strlen(text));
}

static void module_answers(struct lab *l, uint64_t number, const void *data, size_t size)
{
	struct iovec iov[] = {
		{ &(uint64_t){ htole64(number) }, sizeof(number) }, { (void *)data, size },
	};

	EXPECT(writev(l->module, iov, 2) == (ssize_t)(sizeof(number) + size));
	settle(l);
}

/* To what it has heard last */
static void module_says(struct lab *l, const void *data, size_t size)
{
	module_answers(l, l->number, data, size);
}

static bool guest_hears(struct lab *l, unsigned int i, const char *text)
{
	uint32_t len;

	if (driver_take(&l->driver, 0, &len) != (int)i || len)
		return false;
	return driver_take(&l->driver, 0, &len) == (int)i + 1 && len == strlen(text) &&
	       !memcmp(driver_buffer(&l->driver, 0, i + 1), text, len);
}

UNIT(request_and_response)
{
	struct lab l;

	open_lab(&l);
	ask(&l, 0, "one");
	ask(&l, 2, "two");
	EXPECT(module_hears(&l, "one", 256) && !module_hears(&l, "two", 256));
	module_says(&l, "answer", 6);
	EXPECT(guest_hears(&l, 0, "answer"));
	EXPECT(module_hears(&l, "two", 256));
	module_says(&l, "another", 7);
	EXPECT(guest_hears(&l, 2, "another"));
	/* nobody has asked */
	module_says(&l, "!", 1);
	ask(&l, 4, "three");
	EXPECT(module_hears(&l, "three", 256));
	module_says(&l, "3", 1);
	EXPECT(guest_hears(&l, 4, "3"));
	close_lab(&l);
}

UNIT(halves)
{
	uint32_t len;
	struct lab l;

	open_lab(&l);
	memcpy(driver_buffer(&l.driver, 0, 0), "half", 4);
	driver_give(&l.driver, 0, 0, 4, false);
	notify(&l);
	EXPECT(!module_hears(&l, "half", 100) && driver_take(&l.driver, 0, &len) < 0);
	driver_give(&l.driver, 0, 1, 100, true);
	notify(&l);
	EXPECT(module_hears(&l, "half", 100));
	module_says(&l, "whole", 5);
	EXPECT(guest_hears(&l, 0, "whole"));
	close_lab(&l);
}

/* Nothing is written beyond the room, whatever the module says */
UNIT(long_response)
{
	static uint8_t data[NSM_RESPONSE_MAX + 1];
	struct lab l;
	uint32_t len;

	open_lab(&l);
	memset(data, 'x', sizeof(data));
	ask(&l, 0, "a");
	EXPECT(module_hears(&l, "a", 256));
	module_says(&l, data, 1000);
	EXPECT(driver_take(&l.driver, 0, &len) == 0);
	EXPECT(driver_take(&l.driver, 0, &len) == 1 && len == 256);
	EXPECT(!((uint8_t *)driver_buffer(&l.driver, 0, 1))[256]);
	ask(&l, 2, "b");
	EXPECT(module_hears(&l, "b", 256));
	module_says(&l, data, sizeof(data));
	EXPECT(guest_hears(&l, 2, ""));
	close_lab(&l);
}

/* One that was restarted may not know that it has answered */
UNIT(answer_twice)
{
	struct lab l;
	uint32_t len;

	open_lab(&l);
	ask(&l, 0, "one");
	EXPECT(module_hears(&l, "one", 256));
	module_says(&l, "1", 1);
	EXPECT(guest_hears(&l, 0, "1"));
	ask(&l, 2, "two");
	module_says(&l, "1", 1);
	EXPECT(driver_take(&l.driver, 0, &len) < 0);
	EXPECT(module_hears(&l, "two", 256));
	module_says(&l, "2", 1);
	EXPECT(guest_hears(&l, 2, "2"));
	close_lab(&l);
}

/* What has not even a number is no answer, and from no module */
UNIT(no_answer)
{
	struct lab l;

	open_lab(&l);
	ask(&l, 0, "one");
	EXPECT(send(l.module, "1234567", 7, 0) == 7);
	settle(&l);
	EXPECT(guest_hears(&l, 0, "") && l.n.module < 0);
	close_lab(&l);
}

UNIT(module_is_gone)
{
	struct lab l;

	open_lab(&l);
	ask(&l, 0, "busy");
	close(l.module);
	l.module = -1;
	settle(&l);
	EXPECT(guest_hears(&l, 0, ""));
	ask(&l, 2, "anybody?");
	EXPECT(guest_hears(&l, 2, ""));
	close_lab(&l);
}

UNIT(reset_forgets)
{
	struct lab l;
	uint32_t len;

	open_lab(&l);
	ask(&l, 0, "old");
	driver_start(&l.driver, &l.n.device);
	settle(&l);
	ask(&l, 0, "new");
	EXPECT(module_hears(&l, "old", 256));
	module_says(&l, "old answer", 10);
	EXPECT(driver_take(&l.driver, 0, &len) < 0);
	EXPECT(module_hears(&l, "new", 256));
	module_says(&l, "new answer", 10);
	EXPECT(guest_hears(&l, 0, "new answer"));
	close_lab(&l);
}

static const struct {
	const char *desc;
	uint32_t first, second;
	bool first_in, second_in;
} broken[] = {
	{ "a request longer than any", NSM_REQUEST_MAX + 1, 256, false, true },
	{ "two requests", 16, 16, false, false },
	{ "a response first", 256, 16, true, false },
};

UNIT(broken_pairs)
{
	struct nsm_request message;
	struct lab l;

	open_lab(&l);
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		driver_start(&l.driver, &l.n.device);
		settle(&l);
		driver_give(&l.driver, 0, 0, broken[i].first, broken[i].first_in);
		driver_give(&l.driver, 0, 1, broken[i].second, broken[i].second_in);
		notify(&l);
		if (!(driver_read(&l.driver, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET) ||
		    recv(l.module, &message, sizeof(message), MSG_DONTWAIT) >= 0)
			unit_fail(__FILE__, __LINE__, "%s", broken[i].desc);
	}
	close_lab(&l);
}
