// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-nsm, as Linux' driver knows it: one queue, a request in one buffer and room for
 * the response in the next. The security module itself is another process, at the end
 * of a socket. Registers and documents are there, out of reach of a guest that takes
 * over this process, and nothing here reads what a request says.
 */

#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base.h"
#include "complain.h"
#include "nsm.h"

#define ID_NITRO_SECURITY_MODULE 33
#define QUEUE 0

/* Give both buffers back, in the order in which they came */
static void finish(struct nsm_device *n, const uint8_t *response, size_t size)
{
	struct virtqueue *q = &n->device.queues[QUEUE];
	size_t left = size;

	n->waiting = false;
	for (unsigned int i = 0; i < n->response.n_in && left; i++) {
		const struct iovec *to = &n->response.iov[i];
		size_t part = left < to->iov_len ? left : to->iov_len;

		memcpy(to->iov_base, response, part);
		response += part;
		left -= part;
	}
	virtqueue_push(q, n->request.head, 0);
	virtqueue_push(q, n->response.head, size - left);
	virtio_interrupt(&n->device, QUEUE);
}

/* Return: false if the module cannot be asked */
static bool ask(struct nsm_device *n)
{
	struct nsm_request message;
	struct iovec iov = { .iov_base = &message };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t size = 0;

	message.number = htole64(++n->number);
	message.room = htole32(n->response.in < NSM_RESPONSE_MAX ? n->response.in :
								   NSM_RESPONSE_MAX);
	for (unsigned int i = 0; i < n->request.n_out; i++) {
		memcpy(message.request + size, n->request.iov[i].iov_base,
		       n->request.iov[i].iov_len);
		size += n->request.iov[i].iov_len;
	}
	iov.iov_len = offsetof(struct nsm_request, request) + size;
	return n->module >= 0 &&
	       sendmsg(n->module, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)iov.iov_len;
}

/* Return: 1 with a request and room for its response, 0 for none, -1 if they are wrong */
static int take_request(struct nsm_device *n)
{
	struct virtqueue *q = &n->device.queues[QUEUE];
	int r = virtqueue_pop(q, n->device.memory, &n->request);

	if (r <= 0)
		return r;
	if (n->request.n_in || n->request.out > NSM_REQUEST_MAX)
		return -1;
	r = virtqueue_pop(q, n->device.memory, &n->response);
	if (!r)
		virtqueue_put_back(q);		/* its second half is to come */
	return r > 0 && n->response.n_out ? -1 : r;
}

/* One request after the other: the driver waits for each, too */
static void work(struct nsm_device *n)
{
	int r;

	if (n->gone)
		n->waiting = n->gone = false;
	while (!n->waiting && virtio_running(&n->device, QUEUE)) {
		r = take_request(n);
		if (r < 0)
			virtio_break(&n->device);
		if (r <= 0)
			return;
		n->waiting = true;
		/* A response of no bytes is none: nobody has to wait for a timeout */
		if (!ask(n))
			finish(n, NULL, 0);
	}
}

/* A module that was restarted may give an answer again, and a driver that has reset the device
 * does not wait for its answer any more: what counts is the one to the last request.
 *
 * Return: false if there is no answer for now
 */
static bool hear(struct nsm_device *n)
{
	struct nsm_response message;
	struct iovec iov = { .iov_base = &message, .iov_len = sizeof(message) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	const size_t head = offsetof(struct nsm_response, response);
	ssize_t size = recvmsg(n->module, &msg, MSG_DONTWAIT);

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (size < (ssize_t)head) {
		/* It is gone, with all its registers: there will not be another one */
		close(n->module);
		n->module = -1;
		if (n->waiting)
			finish(n, NULL, 0);
	} else if (n->waiting && le64toh(message.number) == n->number) {
		finish(n, message.response, msg.msg_flags & MSG_TRUNC ? 0 : size - head);
	}
	return n->module >= 0;
}

static void answered(struct source *source, uint32_t events)
{
	struct nsm_device *n =
		CONTAINER_OF(source, struct nsm_device, answered);

	(void)events;
	pthread_mutex_lock(&n->device.lock);
	work(n);
	while (n->module >= 0 && hear(n))
		;
	work(n);
	pthread_mutex_unlock(&n->device.lock);
}

static void notified(struct source *source, uint32_t events)
{
	struct nsm_device *n =
		CONTAINER_OF(source, struct nsm_device, notified);
	uint64_t count;

	(void)events;
	if (read(n->device.notify, &count, sizeof(count)) < 0)
		return;
	pthread_mutex_lock(&n->device.lock);
	work(n);
	pthread_mutex_unlock(&n->device.lock);
}

static void reset(struct virtio_device *device)
{
	struct nsm_device *n = (struct nsm_device *)device;

	n->gone = true;
}

static const struct virtio_ops nsm_ops = {
	.id = ID_NITRO_SECURITY_MODULE, .queues = 1, .config_size = 0, .reset = reset,
};

/**
 * nsm_init - a device that no driver has seen
 * @n: to fill, zeroed
 * @setup: what it has
 *
 * Return: 0, or -1 after a complaint.
 */
int nsm_init(struct nsm_device *n, const struct nsm_setup *setup)
{
	virtio_init(&n->device, &nsm_ops, setup->memory, NULL, setup->notify, setup->irqfd);
	n->module = setup->module;
	n->notified.happened = notified;
	n->answered.happened = answered;
	if (!loop_add(setup->loop, setup->notify, EPOLLIN, &n->notified) ||
	    !loop_add(setup->loop, setup->module, EPOLLIN, &n->answered))
		return complain("nsm: cannot listen: %s", strerror(errno));
	return 0;
}
