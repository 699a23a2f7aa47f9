// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that means harm: runs in instances of tests/instance, as root.
 *
 * usage: rogue dhcp N             N requests to the DHCP server
 *        rogue syn ADDRESS N      N first packets of connections, each another one
 *        rogue rings DEVICE N     N times garbage in the queues of a virtio device of PCI
 *        rogue registers DEVICE N N times garbage in what controls a device
 */

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 64
#define PAGE 4096UL

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* --- floods --- */

/* Send the same buffers again and again, changed by @change before each */
static void flood(int fd, struct iovec *iov, struct sockaddr_in *to, unsigned long n,
		  void (*change)(void *packet, unsigned long i))
{
	struct mmsghdr msgs[BATCH] = {};
	unsigned long sent = 0, refused = 0;

	while (sent < n) {
		unsigned int batch = n - sent < BATCH ? n - sent : BATCH;
		int r;

		for (unsigned int i = 0; i < batch; i++) {
			change(iov[i].iov_base, sent + i);
			msgs[i].msg_hdr = (struct msghdr){
				.msg_name = to, .msg_namelen = sizeof(*to),
				.msg_iov = &iov[i], .msg_iovlen = 1,
			};
		}
		r = sendmmsg(fd, msgs, batch, 0);
		if (r <= 0 && errno != ENOBUFS && errno != EAGAIN && errno != EPERM)
			die("sendmmsg");
		if (r <= 0)
			refused++;
		else
			sent += r;
	}
	printf("rogue: sent %lu, full %lu times\n", sent, refused);
}

static struct iovec *buffers(size_t size)
{
	struct iovec *iov = calloc(BATCH, sizeof(*iov));

	for (unsigned int i = 0; iov && i < BATCH; i++)
		iov[i] = (struct iovec){ .iov_base = calloc(1, size), .iov_len = size };
	if (!iov)
		die("calloc");
	return iov;
}

static void change_dhcp(void *packet, unsigned long i)
{
	static const uint8_t discover[] = { 99, 130, 83, 99, 53, 1, 1, 255 };
	uint8_t *p = packet;

	p[0] = 1;
	p[1] = 1;
	p[2] = 6;
	memcpy(p + 4, &i, 4);
	for (unsigned int k = 28; k < 34; k++)
		p[k] = random();
	memcpy(p + 236, discover, sizeof(discover));
	/* every other one makes no sense */
	if (i & 1)
		for (unsigned int k = 240; k < 300; k++)
			p[k] = random();
}

static void dhcp(unsigned long n)
{
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons(68) };
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(67),
		.sin_addr.s_addr = htonl(INADDR_BROADCAST),
	};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5) < 0 ||
	    bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0)
		die("socket");
	flood(fd, buffers(300), &to, n, change_dhcp);
}

static uint32_t sum(const void *data, size_t n)
{
	const uint16_t *p = data;
	uint32_t s = 0;

	for (; n > 1; n -= 2)
		s += *p++;
	return s;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return ~s;
}

static struct sockaddr_in own, target;

static void change_syn(void *packet, unsigned long i)
{
	struct iphdr *ip = packet;
	struct tcphdr *tcp = (void *)(ip + 1);
	uint32_t pseudo[3] = { own.sin_addr.s_addr, target.sin_addr.s_addr,
			       htonl(IPPROTO_TCP << 16 | sizeof(*tcp)) };

	*ip = (struct iphdr){
		.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP,
		.tot_len = htons(sizeof(*ip) + sizeof(*tcp)),
		.saddr = own.sin_addr.s_addr, .daddr = target.sin_addr.s_addr,
	};
	*tcp = (struct tcphdr){
		.source = htons(1024 + i % 60000), .dest = htons(80 + i / 60000),
		.seq = random(), .doff = 5, .syn = 1, .window = htons(1000),
	};
	tcp->check = fold(sum(pseudo, sizeof(pseudo)) + sum(tcp, sizeof(*tcp)));
}

static void syn(const char *address, unsigned long n)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), one = 1;
	socklen_t size = sizeof(own);

	target = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(80) };
	if (inet_pton(AF_INET, address, &target.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&target, sizeof(target)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&own, &size) < 0)
		die(address);
	close(fd);
	fd = socket(AF_INET, SOCK_RAW, IPPROTO_TCP);
	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_HDRINCL, &one, sizeof(one)) < 0)
		die("socket");
	flood(fd, buffers(sizeof(struct iphdr) + sizeof(struct tcphdr)), &target, n, change_syn);
}

/* --- devices --- */

struct device {
	char dir[64];
	uint8_t config[256];
	uint8_t *bars[6];
};

static int open_at(const struct device *d, const char *name, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", d->dir, name);
	fd = open(path, flags);
	if (fd < 0)
		die(path);
	return fd;
}

/* Its driver lets it go, and it may read and write memory */
static void device_take(struct device *d, const char *address)
{
	char path[128];
	uint16_t command;
	int fd;

	snprintf(d->dir, sizeof(d->dir), "/sys/bus/pci/devices/%.32s", address);
	snprintf(path, sizeof(path), "%s/driver/unbind", d->dir);
	fd = open(path, O_WRONLY);
	if (fd >= 0 && write(fd, address, strlen(address)) < 0)
		die("unbind");
	close(fd);
	fd = open_at(d, "config", O_RDWR);
	if (pread(fd, d->config, sizeof(d->config), 0) < 64)
		die("config");
	command = (d->config[4] | d->config[5] << 8) | 0x6;
	if (pwrite(fd, &command, 2, 4) != 2)
		die("config");
	close(fd);
}

static uint8_t *device_bar(struct device *d, unsigned int n, size_t *size)
{
	char name[16];
	off_t end;
	int fd;

	snprintf(name, sizeof(name), "resource%u", n);
	fd = open_at(d, name, O_RDWR);
	end = lseek(fd, 0, SEEK_END);
	if (end <= 0)
		end = PAGE;
	if (size)
		*size = end;
	if (!d->bars[n])
		d->bars[n] = mmap(NULL, end, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (d->bars[n] == MAP_FAILED)
		die(name);
	close(fd);
	return d->bars[n];
}

static uint64_t physical(void *page)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (fd < 0 || pread(fd, &entry, 8, (uintptr_t)page / PAGE * 8) != 8 || !(entry >> 63))
		die("pagemap");
	close(fd);
	return (entry & ((1ULL << 55) - 1)) * PAGE;
}

static uint64_t noise(void)
{
	return (uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^ random();
}

/* What a device sees is neither left out nor put together by the compiler */
static void w8(uint8_t *p, uint8_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

static void w16(void *p, uint16_t v)
{
	__atomic_store_n((uint16_t *)p, v, __ATOMIC_RELAXED);
}

static void w32(void *p, uint32_t v)
{
	__atomic_store_n((uint32_t *)p, v, __ATOMIC_RELAXED);
}

static uint16_t r16(void *p)
{
	return __atomic_load_n((uint16_t *)p, __ATOMIC_RELAXED);
}

static uint32_t r32(void *p)
{
	return __atomic_load_n((uint32_t *)p, __ATOMIC_RELAXED);
}

static void w64(uint8_t *p, uint64_t v)
{
	w32(p, v);
	w32(p + 4, v >> 32);
}

struct virtio {
	uint8_t *common, *notify;
	uint32_t multiplier;
};

static void find_virtio(struct device *d, struct virtio *v)
{
	for (uint8_t at = d->config[0x34]; at; at = d->config[at + 1]) {
		const uint8_t *c = d->config + at;
		uint32_t offset;

		memcpy(&offset, c + 8, 4);
		if (c[0] != 9)
			continue;
		if (c[3] == 1)
			v->common = device_bar(d, c[4], NULL) + offset;
		if (c[3] == 2) {
			v->notify = device_bar(d, c[4], NULL) + offset;
			memcpy(&v->multiplier, c + 16, 4);
		}
	}
	if (!v->common || !v->notify)
		die("no virtio device");
}

struct desc {
	uint64_t address;
	uint32_t length;
	uint16_t flags, next;
};

/* What is in the rings: each kind is wrong in another way */
static void fill(uint8_t *ring[3], const uint64_t at[3], unsigned int kind)
{
	struct desc *desc = (void *)ring[0];
	uint16_t *available = (void *)ring[1];

	for (unsigned int i = 0; i < PAGE / 8; i++)
		for (unsigned int k = 0; k < 3; k++)
			((uint64_t *)ring[k])[i] = kind > 6 ? noise() : 0;
	if (kind > 6)
		return;
	for (unsigned int i = 0; i < 64; i++) {
		desc[i] = (struct desc){ at[2], 64, i & 1 ? 2 : 0, 0 };
		available[2 + i] = i;
	}
	available[1] = 1;
	switch (kind) {
	case 0:	/* memory that is not there */
		desc[0] = (struct desc){ ~0ULL << 16, ~0U, 2, 0 };
		break;
	case 1:	/* a chain without end */
		desc[0].flags = 1;
		break;
	case 2:	/* more than the ring has */
		available[1] = 0xfff0;
		break;
	case 3:	/* a descriptor that is not in the table */
		available[2] = 0xffff;
		break;
	case 4:	/* a table in a table, of no length */
		desc[0] = (struct desc){ at[0], 0, 4, 0 };
		break;
	case 5:	/* a table that holds itself */
		desc[0] = (struct desc){ at[0], 1024, 5, 0 };
		break;
	case 6:	/* the device's own registers as memory */
		desc[0] = (struct desc){ 0xfee00000, 4096, 2, 0 };
		break;
	}
}

static void rings_once(struct virtio *v, uint8_t *ring[3], const uint64_t at[3],
		       unsigned int kind)
{
	unsigned int queues;

	w8(v->common + 20, 0);
	w8(v->common + 20, 1 | 2);
	for (unsigned int i = 0; i < 2; i++) {
		w32(v->common + 8, i);
		w32(v->common + 12, i ? 1 : 1U << 28);
	}
	w8(v->common + 20, 1 | 2 | 8);
	fill(ring, at, kind);
	queues = r16(v->common + 18);
	for (unsigned int q = 0; q < queues && q < 4; q++) {
		w16(v->common + 22, q);
		w16(v->common + 24, kind == 8 ? 0xfff : 64);
		w64(v->common + 32, kind == 9 ? noise() : at[0]);
		w64(v->common + 40, kind == 10 ? 1ULL << 60 : at[1]);
		w64(v->common + 48, kind == 11 ? 0 : at[2]);
		w16(v->common + 28, 1);
	}
	w8(v->common + 20, 1 | 2 | 8 | 4);
	for (unsigned int q = 0; q < queues + 2 && q < 6; q++) {
		w16(v->common + 22, q);
		w16(v->notify + r16(v->common + 30) * v->multiplier, q);
	}
}

static void rings(const char *address, unsigned long n)
{
	struct device d = {};
	struct virtio v = {};
	uint8_t *ring[3];
	uint64_t at[3];

	device_take(&d, address);
	find_virtio(&d, &v);
	for (unsigned int i = 0; i < 3; i++) {
		ring[i] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
		if (ring[i] == MAP_FAILED)
			die("mmap");
		memset(ring[i], 1, PAGE);
		at[i] = physical(ring[i]);
	}
	for (unsigned long i = 0; i < n; i++)
		rings_once(&v, ring, at, i % 13);
	/* it must not write to what is no ring any more */
	w8(v.common + 20, 0);
	printf("rogue: %lu times garbage in the queues of %s\n", n, address);
}

static void registers(const char *address, unsigned long n)
{
	uint8_t *bar;
	struct device d = {};
	size_t size;

	device_take(&d, address);
	bar = device_bar(&d, 0, &size);
	for (unsigned long i = 0; i < n; i++) {
		/* the first page has the most to choose from */
		size_t at = noise() % (i & 1 && size > 256 ? 256 : size) & ~3UL;

		if (i % 16 == 0)
			/* NVMe: on, with queues wherever they are now */
			w32(bar + 0x14, 0x460001);
		else
			w32(bar + at, i & 2 ? noise() : noise() & 0xffff);
		(void)r32(bar + (noise() % size & ~3UL));
	}
	printf("rogue: %lu times garbage in what controls %s\n", n, address);
}

int main(int argc, char *argv[])
{
	if (argc == 3 && !strcmp(argv[1], "dhcp"))
		dhcp(strtoul(argv[2], NULL, 10));
	else if (argc == 4 && !strcmp(argv[1], "syn"))
		syn(argv[2], strtoul(argv[3], NULL, 10));
	else if (argc == 4 && !strcmp(argv[1], "rings"))
		rings(argv[2], strtoul(argv[3], NULL, 10));
	else if (argc == 4 && !strcmp(argv[1], "registers"))
		registers(argv[2], strtoul(argv[3], NULL, 10));
	else
		return 2;
	return 0;
}
