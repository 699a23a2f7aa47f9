// SPDX-License-Identifier: GPL-2.0
/*
 * ENIs and volumes that come to a running instance and go. Coming is a row of
 * commands to the VMM. Going takes the guest: it is asked to let the device go,
 * and what is behind the device is taken away when it has. The guest may do so
 * when nobody waits for it any more, as nitrod has been killed since or has given
 * up: then the instance still has the ENI or volume, and the device comes again.
 */

#include <fcntl.h>
#include <stdio.h>

#include "ebs.h"
#include "instances.h"
#include "kernel.h"
#include "memory.h"

#define USEC 1000000ULL
/* Linux waits five seconds for whoever has pressed the button by mistake */
#define GUEST_LETS_GO (30 * USEC)

/**
 * struct plug - a device on its way
 * @next: the next one that the guest was asked to let go, or that comes again
 * @l: the instance
 * @kind: KIND_ENI or KIND_VOLUME
 * @id: the object
 * @index: which of the instance's
 * @device: what the VMM calls it
 * @answers: commands that are not answered
 * @in: it comes
 * @undoing: what was begun is taken back
 * @problem: what went wrong first
 * @deadline: when the guest has had time enough
 * @done: told of the end
 * @data: for it
 */
struct plug {
	struct plug *next;
	struct life *l;
	enum object_kind kind;
	char *id;
	unsigned int index;
	char *device;
	unsigned int answers;
	bool in, undoing;
	char *problem;
	sd_event_source *deadline;
	plug_done_fn done;
	void *data;
};

static char *device_name(enum object_kind kind, const char *id)
{
	return kind == KIND_VOLUME ? xprintf("nvme-%s", id) : xstrdup(id);
}

static struct plug *plug_new(struct life *l, enum object_kind kind, const char *id,
			     unsigned int index, plug_done_fn done, void *data)
{
	struct plug *p = xcalloc(1, sizeof(*p));

	p->l = l;
	p->kind = kind;
	p->id = xstrdup(id);
	p->index = index;
	p->device = device_name(kind, id);
	p->done = done;
	p->data = data;
	return p;
}

static void finish(struct plug *p)
{
	if (p->done)
		p->done(p->l->m, p->problem, p->data);
	else if (p->problem)
		fprintf(stderr, "<4>nitrod: %s: %s\n", p->id, p->problem);
	sd_event_source_disable_unref(p->deadline);
	free(p->id);
	free(p->device);
	free(p->problem);
	free(p);
}

static void undo(struct life *l, struct plug *p);

static void on_answer(struct life *l, sd_json_variant *ret, const char *problem, void *data)
{
	struct plug *p = data;

	(void)ret;
	if (problem && !p->undoing && !p->problem)
		p->problem = startswith(problem, "Bus '") ?
			xstrdup("there is no place for more while the instance runs; stop it first") :
			xstrdup(problem);
	if (--p->answers)
		return;
	if (p->in && p->problem && !p->undoing)
		undo(l, p);
	if (!p->answers)
		finish(p);
}

static void command(struct life *l, struct plug *p, const char *name, sd_json_variant *arguments,
		    int fd)
{
	p->answers++;
	if (qmp_ready(l->qmp) && qmp_send(l->qmp, name, arguments, fd, on_answer, p) >= 0)
		return;
	if (!qmp_ready(l->qmp))
		sd_json_variant_unref(arguments);
	if (!p->problem)
		p->problem = xstrdup("the VMM does not answer");
	p->answers--;
}

static sd_json_variant *one(const char *key, const char *value)
{
	sd_json_variant *v = NULL;

	json_set_string(&v, key, value);
	return v;
}

static sd_json_variant *set_number(struct plug *p)
{
	sd_json_variant *v = NULL;

	json_set_uint(&v, "fdset-id", VMM_VOLUME_SET + p->index);
	return v;
}

/* What is behind a device that has gone, or could not come */
static void take_away(struct life *l, struct plug *p)
{
	_cleanup_free_ char *net = xprintf("net-%s", p->id);

	if (p->kind == KIND_ENI) {
		command(l, p, "netdev_del", one("id", net), -1);
		return;
	}
	command(l, p, "blockdev-del", one("node-name", p->id), -1);
	command(l, p, "remove-fd", set_number(p), -1);
}

static void undo(struct life *l, struct plug *p)
{
	p->undoing = true;
	take_away(l, p);
}

/* By name, or in a set, from which QEMU takes what is opened as it would open it */
static void give(struct life *l, struct plug *p, const char *path, const char *name, int flags)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC | flags);

	if (fd < 0 && !p->problem)
		p->problem = xprintf("cannot open '%s': %s", path, strerror(errno));
	if (fd < 0)
		return;
	if (name)
		command(l, p, "getfd", one("fdname", name), fd);
	else
		command(l, p, "add-fd", set_number(p), fd);
}

static void eni_in(struct life *l, struct plug *p, struct object *eni)
{
	struct keni *k = kstate_eni(&l->m->kernel->actual, eni->handle);
	_cleanup_free_ char *path = k && k->tap ? xprintf("/dev/%s", k->tap) : NULL;
	_cleanup_free_ char *net = xprintf("net-%s", eni->id);
	uint64_t queues = vmm_queues(model_by_id(&l->m->model, l->id));
	_cleanup_text_ struct text taps = {}, vhosts = {};
	sd_json_variant *v = NULL;

	if (!path) {
		p->problem = xstrdup("it has no tap device");
		return;
	}
	for (uint64_t i = 0; i < queues; i++) {
		_cleanup_free_ char *tap = xprintf("tap-%s-%u", eni->id, (unsigned int)i);
		_cleanup_free_ char *vhost = xprintf("vhost-%s-%u", eni->id, (unsigned int)i);

		give(l, p, path, tap, 0);
		give(l, p, "/dev/vhost-net", vhost, 0);
		text_add(&taps, "%s%s", i ? ":" : "", tap);
		text_add(&vhosts, "%s%s", i ? ":" : "", vhost);
	}
	json_set_string(&v, "type", "tap");
	json_set_string(&v, "id", net);
	json_set_string(&v, "fds", taps.s);
	json_set_bool(&v, "vhost", true);
	json_set_string(&v, "vhostfds", vhosts.s);
	command(l, p, "netdev_add", v, -1);
	command(l, p, "device_add", vmm_eni_device(eni, queues > 1), -1);
}

static void volume_in(struct life *l, struct plug *p, const struct object *volume)
{
	const struct kdevice *d = ebs_device(l->m, volume->id);
	_cleanup_free_ char *path = d ? xprintf("/dev/nitro_ebs%u", d->id) : NULL;
	bool direct = !memory_has(l->m, l->id);

	if (!path) {
		p->problem = xstrdup("it has no device");
		return;
	}
	give(l, p, path, NULL, direct ? O_DIRECT : 0);
	command(l, p, "blockdev-add", vmm_volume_node(volume, direct), -1);
	command(l, p, "device_add", vmm_volume_device(volume, d->serial), -1);
}

/**
 * plug_in - give a running instance an ENI or a volume
 * @l: the instance
 * @o: the object, attached to it
 * @done: told of the end; if there is a problem the instance does not have it
 * @data: for it
 *
 * Context: event loop; @done may be called before this returns.
 */
void plug_in(struct life *l, struct object *o, plug_done_fn done, void *data)
{
	struct plug *p = plug_new(l, o->kind, o->id, o->kind == KIND_ENI ?
				  ENI(o)->attachment.index : VOLUME(o)->index, done, data);

	p->in = true;
	/* held until all are sent */
	p->answers++;
	if (o->kind == KIND_ENI)
		eni_in(l, p, o);
	else
		volume_in(l, p, o);
	on_answer(l, NULL, NULL, p);
}

static struct plug **find(struct life *l, const char *device)
{
	struct plug **p = &l->plugs;

	while (*p && !streq((*p)->device, device))
		p = &(*p)->next;
	return p;
}

static struct plug *unlist(struct life *l, const char *device)
{
	struct plug **at = find(l, device), *p = *at;

	if (!p)
		return NULL;
	*at = p->next;
	p->next = NULL;
	p->deadline = sd_event_source_disable_unref(p->deadline);
	return p;
}

static void gone(struct life *l, struct plug *p)
{
	p->answers++;
	take_away(l, p);
	on_answer(l, NULL, NULL, p);
}

static void give_up(struct life *l, struct plug *p, const char *problem)
{
	(void)unlist(l, p->device);
	p->problem = xstrdup(problem);
	finish(p);
}

/* What a VMM says of one that it has yet to answer for is nothing to go by */
static void refuse(struct life *l, const char *device, const char *problem)
{
	struct plug *p = *find(l, device);

	if (p && !p->answers)
		give_up(l, p, problem);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct plug *p = userdata;

	(void)source;
	(void)usec;
	refuse(p->l, p->device, "the guest does not let it go");
	return 0;
}

/* The device may have gone before it was asked for: then nobody tells */
static void on_asked(struct life *l, sd_json_variant *ret, const char *problem, void *data)
{
	_cleanup_free_ char *device = data;
	struct plug *p;

	(void)ret;
	/* or it was asked by a nitrod that was killed since */
	if (!problem || strstr(problem, "already in the process of unplug"))
		return;
	if (!strstr(problem, "not found")) {
		refuse(l, device, problem);
		return;
	}
	p = unlist(l, device);
	if (p)
		gone(l, p);
}

static void ask_out(struct life *l, struct plug *p)
{
	char *device = xstrdup(p->device);

	if (*find(l, p->device) || !qmp_ready(l->qmp)) {
		p->problem = xstrdup(*find(l, p->device) ? "it is being detached already" :
				     "the VMM does not answer");
		finish(p);
		free(device);
		return;
	}
	p->next = l->plugs;
	l->plugs = p;
	if (sd_event_add_time_relative(l->m->event, &p->deadline, CLOCK_MONOTONIC, GUEST_LETS_GO, 0,
				       on_deadline, p) < 0)
		abort();
	if (qmp_send(l->qmp, "device_del", one("id", device), -1, on_asked, device) >= 0)
		return;
	refuse(l, device, "the VMM does not answer");
	free(device);
}

/**
 * plug_out - take an ENI or a volume from a running instance
 * @l: the instance
 * @o: the object, attached to it
 * @done: told of the end; if there is a problem the instance still has it
 * @data: for it
 *
 * Context: event loop; @done may be called before this returns.
 */
void plug_out(struct life *l, struct object *o, plug_done_fn done, void *data)
{
	ask_out(l, plug_new(l, o->kind, o->id, o->kind == KIND_ENI ?
			    ENI(o)->attachment.index : VOLUME(o)->index, done, data));
}

/* Nothing is behind it any more: if the instance has it, it comes again */
static void on_cleared(struct manager *m, const char *problem, void *data)
{
	struct plug *p = data;
	struct object *o = model_by_id(&m->model, p->id);
	struct life *l = p->l;

	/* mostly there was nothing */
	(void)problem;
	(void)unlist(l, p->device);
	if (qmp_ready(l->qmp) && o && instances_holder(m, o) == l)
		plug_in(l, o, NULL, NULL);
}

/* A device is not there, and nobody waits for that; what was behind it may be there yet */
static void clear(struct life *l, enum object_kind kind, const char *id)
{
	const struct object *o = model_by_id(&l->m->model, id);
	struct plug *p = plug_new(l, kind, id, o && o->kind == KIND_VOLUME ? VOLUME(o)->index : 0,
				  on_cleared, NULL);

	p->data = p;
	p->next = l->plugs;
	l->plugs = p;
	gone(l, p);
}

static void lost(struct life *l, enum object_kind kind, const char *id)
{
	_cleanup_free_ char *device = device_name(kind, id);
	struct plug *p = unlist(l, device);

	if (p)
		gone(l, p);
	else
		clear(l, kind, id);
}

/* Return: the ID of the ENI or volume that a device of the VMM is; NULL if it is none */
static const char *id_of(const char *device, enum object_kind *kind)
{
	if (!device)
		return NULL;
	*kind = startswith(device, "nvme-vol-") ? KIND_VOLUME : KIND_ENI;
	if (*kind == KIND_VOLUME)
		return device + strlen("nvme-");
	return startswith(device, "eni-") ? device : NULL;
}

/**
 * plug_event - the VMM tells of something
 * @l: the instance
 * @event: the name
 * @data: about what
 *
 * Context: event loop.
 */
void plug_event(struct life *l, const char *event, sd_json_variant *data)
{
	const char *device = data && sd_json_variant_is_object(data) ?
		json_string(data, "device") : NULL;
	enum object_kind kind;
	const char *id = id_of(device, &kind);

	if (!id)
		return;
	if (streq(event, "DEVICE_UNPLUG_GUEST_ERROR"))
		refuse(l, device, "the guest does not let it go");
	else if (streq(event, "DEVICE_DELETED"))
		lost(l, kind, id);
}

static bool listed(sd_json_variant *list, const char *device)
{
	for (size_t i = 0; i < sd_json_variant_elements(list); i++)
		if (streq(json_string(sd_json_variant_by_index(list, i), "name"), device))
			return true;
	return false;
}

static void bring_missing(struct life *l, const struct object *o, sd_json_variant *list)
{
	static const enum object_kind kinds[] = { KIND_ENI, KIND_VOLUME };
	struct object *other;

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		FOR_EACH_OBJECT(&l->m->model, kinds[k], other) {
			_cleanup_free_ char *device = device_name(kinds[k], other->id);
			bool held = kinds[k] == KIND_ENI ? model_eni_is_held(other, o->name) :
							   model_volume_is_held(other, o->name);

			if (held && !listed(list, device))
				lost(l, kinds[k], other->id);
		}
	}
}

static void take_strange(struct life *l, const struct object *o, sd_json_variant *list)
{
	for (size_t i = 0; i < sd_json_variant_elements(list); i++) {
		const char *device = json_string(sd_json_variant_by_index(list, i), "name");
		enum object_kind kind;
		const char *id = id_of(device, &kind);
		struct object *other = id ? model_by_id(&l->m->model, id) : NULL;
		bool held = other && (other->kind == KIND_ENI ? model_eni_is_held(other, o->name) :
				      other->kind == KIND_VOLUME &&
				      model_volume_is_held(other, o->name));

		if (!id || held)
			continue;
		ask_out(l, plug_new(l, kind, id, other && other->kind == KIND_VOLUME ?
				    VOLUME(other)->index : 0, NULL, NULL));
	}
}

static void on_devices(struct life *l, sd_json_variant *ret, const char *problem, void *data)
{
	struct object *o = model_by_id(&l->m->model, l->id);

	(void)data;
	if (problem || !o || !ret || !sd_json_variant_is_array(ret))
		return;
	bring_missing(l, o, ret);
	take_strange(l, o, ret);
}

/**
 * plug_sync - the VMM was found: has it what it should?
 * @l: the instance
 *
 * Context: event loop.
 */
void plug_sync(struct life *l)
{
	(void)qmp_send(l->qmp, "qom-list", one("path", "/machine/peripheral"), -1, on_devices, NULL);
}

/**
 * plug_free - the VMM is gone: what was going has gone
 * @l: the instance
 *
 * Context: event loop.
 */
void plug_free(struct life *l)
{
	while (l->plugs)
		give_up(l, l->plugs, "the VMM has ended");
}
