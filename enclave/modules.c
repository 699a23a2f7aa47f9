// SPDX-License-Identifier: GPL-2.0
/*
 * Modules that an enclave needs, each behind those that it needs itself. modules.dep says so:
 * "kernel/a.ko: kernel/b.ko kernel/c.ko" needs c before b before a; what is built in stands in
 * modules.builtin.
 */

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bootstrap.h"

#define LIST_MAX (16UL << 20)
#define MODULE_MAX (64UL << 20)
#define MODULES_MAX 32
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const char *const wanted[] = { "virtio_mmio", "vmw_vsock_virtio_transport", "nsm" };

struct modules {
	const char *dir;
	char *dep, *builtin;
	const char *order[MODULES_MAX];
	unsigned int n;
};

static char *read_list(const char *dir, const char *name, struct why *why)
{
	char path[PATH_MAX], *text;
	struct image file;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (image_open(path, LIST_MAX, &file, why))
		return NULL;
	text = strndup((const char *)file.data ?: "", file.size);
	image_close(&file);
	if (!text)
		(void)refuse_error(why, ENOMEM, "cannot read '%s'", path);
	return text;
}

/* "kernel/drivers/misc/nsm.ko.xz" is the module nsm */
static bool is_module(const char *path, size_t n, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = n; i; i--) {
		if (path[i - 1] == '/') {
			path += i;
			n -= i;
			break;
		}
	}
	return n >= length + 3 && !strncmp(path, name, length) && !strncmp(path + length, ".ko", 3);
}

/* Return: the line of a list that begins with a module */
static const char *find(const char *list, const char *name)
{
	for (const char *line = list; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (is_module(line, strcspn(line, ":\n"), name))
			return line;
	return NULL;
}

static int append(struct modules *m, const char *path, size_t n, struct why *why)
{
	for (unsigned int i = 0; i < m->n; i++)
		if (strlen(m->order[i]) == n && !strncmp(m->order[i], path, n))
			return 0;
	if (m->n == MODULES_MAX)
		return refuse(why, "more than %d modules are needed", MODULES_MAX);
	m->order[m->n] = strndup(path, n);
	return m->order[m->n++] ? 0 : refuse_error(why, ENOMEM, "cannot list the modules");
}

/* From the last word of the line to the first */
static int add_line(struct modules *m, const char *line, struct why *why)
{
	size_t head = strcspn(line, ":\n"), end = strcspn(line, "\n");
	int r = 0;

	while (!r && end > head + 1) {
		size_t begin = end;

		while (begin > head + 1 && line[begin - 1] != ' ')
			begin--;
		if (end > begin)
			r = append(m, line + begin, end - begin, why);
		end = begin > head + 1 ? begin - 1 : begin;
	}
	return r ?: append(m, line, head, why);
}

static int order(struct modules *m, struct why *why)
{
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		const char *line = find(m->dep, wanted[i]);
		int r;

		if (!line && find(m->builtin, wanted[i]))
			continue;
		if (!line)
			return refuse(why, "the kernel of '%s' has no module %s", m->dir, wanted[i]);
		r = add_line(m, line, why);
		if (r)
			return r;
	}
	return 0;
}

/* The name in the archive says when its turn is */
static int add(struct cpio *cpio, const struct modules *m, unsigned int i, struct why *why)
{
	char path[PATH_MAX], name[NAME_MAX + 16];
	struct image file;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", m->dir, m->order[i]);
	(void)snprintf(name, sizeof(name), "modules/%02u-%s", i, strrchr(path, '/') + 1);
	r = image_open(path, MODULE_MAX, &file, why);
	if (r)
		return r;
	r = cpio_add(cpio, name, S_IFREG | 0644, file.data, file.size, why);
	image_close(&file);
	return r;
}

/**
 * modules_add - add the modules that an enclave needs
 * @cpio: the archive
 * @dir: where the modules of its kernel are
 * @why: says why not
 *
 * Context: any.
 * Return: 0 or a negative errno.
 */
int modules_add(struct cpio *cpio, const char *dir, struct why *why)
{
	struct modules m = { .dir = dir };
	int r = -EINVAL;

	m.dep = read_list(dir, "modules.dep", why);
	if (m.dep)
		m.builtin = read_list(dir, "modules.builtin", why);
	if (m.builtin)
		r = order(&m, why);
	for (unsigned int i = 0; !r && i < m.n; i++)
		r = add(cpio, &m, i, why);
	for (unsigned int i = 0; i < m.n; i++)
		free((char *)m.order[i]);
	free(m.dep);
	free(m.builtin);
	return r;
}
