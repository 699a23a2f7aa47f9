// SPDX-License-Identifier: GPL-2.0
/*
 * From what the card holds to what it should hold, in the order that the
 * kernel's own references ask for: what is referred to comes first and goes
 * last. Within that, at no time may anything pass that neither the old state nor
 * the new one allows: who is where and in which groups shrinks to what both have
 * in common, then every ENI goes from its old rules to its new ones by one
 * pointer, then addresses and groups get what is new.
 */

#include <stdio.h>
#include <time.h>

#include "kernel.h"
#include "nl.h"
#include "object.h"

struct run {
	struct manager *m;
	struct nl *nl;
	struct kstate *have, *want;
	bool may_fail;
	bool failed;
	uint32_t *bridges;	/* temporary policies, see bridge() */
	size_t n_bridges, cap_bridges;
	struct error *e;
};

/* One walk over two sorted arrays: have and want are NULL where one lacks it */
typedef int (*pair_fn)(struct run *r, void *have, void *want);

static int walk(struct run *r, void *have, size_t n_have, void *want, size_t n_want,
		size_t size, int (*compare)(const void *, const void *), pair_fn fn)
{
	char *h = have, *w = want;
	char *h_end = h ? h + n_have * size : NULL, *w_end = w ? w + n_want * size : NULL;
	int c, ret = 0;

	while (ret >= 0 && (h != h_end || w != w_end)) {
		c = h == h_end ? 1 : w == w_end ? -1 : compare(h, w);
		ret = fn(r, c <= 0 ? h : NULL, c >= 0 ? w : NULL);
		h += c <= 0 ? size : 0;
		w += c >= 0 ? size : 0;
	}
	return ret;
}

#define WALK(r, field, compare, fn) \
	walk(r, (r)->have->field, (r)->have->n_##field, (r)->want->field, \
	     (r)->want->n_##field, sizeof(*(r)->want->field), compare, fn)

static int set_host(struct run *r, void *have, void *want)
{
	return want && (!have || !khost_equal(have, want)) ? card_host_set(r->nl, want, r->e) : 0;
}

static int del_host(struct run *r, void *have, void *want)
{
	return want ? 0 : card_host_del(r->nl, ((struct khost *)have)->id, r->e);
}

static int set_table(struct run *r, void *have, void *want)
{
	return want && (!have || !ktable_equal(have, want)) ? card_table_set(r->nl, want, r->e) : 0;
}

static int del_table(struct run *r, void *have, void *want)
{
	return want ? 0 : card_table_del(r->nl, ((struct kroute_table *)have)->id, r->e);
}

static int set_policy(struct run *r, void *have, void *want)
{
	return want && (!have || !kpolicy_equal(have, want)) ?
		card_policy_set(r->nl, want, r->e) : 0;
}

static int del_policy(struct run *r, void *have, void *want)
{
	return want ? 0 : card_policy_del(r->nl, ((struct kpolicy *)have)->id, r->e);
}

/* The mappings that differ, gathered for messages of many */
static int differ(struct run *r, bool set)
{
	_cleanup_free_ const struct kmapping **v = NULL;
	const struct kstate *have = r->have, *want = r->want;
	size_t n = 0, cap = 0, i = 0, j = 0;

	while (i < have->n_mappings || j < want->n_mappings) {
		const struct kmapping *h = i < have->n_mappings ? &have->mappings[i] : NULL;
		const struct kmapping *w = j < want->n_mappings ? &want->mappings[j] : NULL;
		int c = !h ? 1 : !w ? -1 : kmapping_compare(h, w);

		GROW(v, n, cap);
		if (set && c >= 0 && (c > 0 || !kmapping_equal(h, w)))
			v[n++] = w;
		if (!set && c < 0)
			v[n++] = h;
		i += c <= 0;
		j += c >= 0;
	}
	return set ? card_mappings_set(r->nl, v, n, r->e) : card_mappings_del(r->nl, v, n, r->e);
}

/* The groups that an address is in before and after the change */
static bool common_tags(const struct kmapping *have, const struct kmapping *want,
			struct kmapping *ret)
{
	*ret = *have;
	ret->n_tags = 0;
	for (size_t i = 0; i < have->n_tags; i++)
		for (size_t j = 0; j < want->n_tags; j++)
			if (have->tags[i] == want->tags[j])
				ret->tags[ret->n_tags++] = have->tags[i];
	return ret->n_tags < have->n_tags;
}

/* Addresses leave the groups that they will not be in */
static int leave_groups(struct run *r)
{
	_cleanup_free_ const struct kmapping **v = NULL;
	_cleanup_free_ struct kmapping *less = NULL;
	const struct kstate *have = r->have, *want = r->want;
	size_t n = 0, i = 0, j = 0;

	less = xcalloc(have->n_mappings, sizeof(*less));
	v = xcalloc(have->n_mappings, sizeof(*v));
	while (i < have->n_mappings && j < want->n_mappings) {
		int c = kmapping_compare(&have->mappings[i], &want->mappings[j]);

		if (!c && common_tags(&have->mappings[i], &want->mappings[j], &less[n])) {
			v[n] = &less[n];
			n++;
		}
		i += c <= 0;
		j += c >= 0;
	}
	return n ? card_mappings_set(r->nl, v, n, r->e) : 0;
}

static struct kpolicy *find_policy(const struct kstate *k, uint32_t id)
{
	struct kpolicy key = { .id = id };

	if (!k->n_policies)
		return NULL;
	return bsearch(&key, k->policies, k->n_policies, sizeof(key), kpolicy_compare);
}

/* Handles are given from below. One that an earlier run left is in @have. */
static uint32_t unused_policy(struct run *r)
{
	uint32_t id = r->n_bridges ? r->bridges[r->n_bridges - 1] - 1 : UINT32_MAX;

	while (find_policy(r->have, id))
		id--;
	return id;
}

/* An ENI that goes to another policy while its old one changes has to see neither
 * the change of the old one nor what the other one was: it waits on a copy of what
 * the other one will be.
 */
static int bridge(struct run *r)
{
	int ret = 0;

	for (size_t i = 0; ret >= 0 && i < r->have->n_enis; i++) {
		struct keni *have = &r->have->enis[i];
		struct keni *want = kstate_eni(r->want, have->id), moved = *have;
		struct kpolicy *old, *new, *to, copy;

		if (!want || !have->ifname || want->policy == have->policy)
			continue;
		old = find_policy(r->have, have->policy);
		new = find_policy(r->want, have->policy);
		to = find_policy(r->want, want->policy);
		if (!old || !new || !to || kpolicy_equal(old, new))
			continue;
		copy = *to;
		copy.id = unused_policy(r);
		ret = card_policy_set(r->nl, &copy, r->e);
		if (ret < 0)
			break;
		GROW(r->bridges, r->n_bridges, r->cap_bridges);
		r->bridges[r->n_bridges++] = copy.id;
		moved.policy = copy.id;
		ret = card_eni_set(r->nl, &moved, r->e);
		have->policy = copy.id;
	}
	return ret;
}

/* One that is still used, as its ENI failed, is found and deleted at the next look */
static void delete_bridges(struct run *r)
{
	for (size_t i = 0; i < r->n_bridges; i++) {
		_cleanup_error_ struct error ignored = {};

		if (card_policy_del(r->nl, r->bridges[i], &ignored) < 0)
			r->failed = true;
	}
}

/*
 * Where an ENI's netdev is was true when it was told: its holder may have moved or
 * renamed it since, and a network namespace that goes loses its ID first and its
 * netdevs, in the background, some time later. A name alone, or an old ID, could be
 * somebody else's, so the card is asked anew, and waited for.
 */
static int delete_netdev(struct run *r, const struct keni *k, struct error *e)
{
	const struct timespec pause = { .tv_nsec = 5000000 };

	for (int tries = 0; tries < 500; tries++) {
		_cleanup_error_ struct error mine = {};
		struct keni seen;
		int ret = card_eni_get(r->nl, k->id, &seen, &mine);

		if (ret == -ENODEV)
			return 0;
		if (ret >= 0 && (seen.ifindex || seen.nsid >= 0))
			ret = rtnl_delete(r->nl->route, seen.ifindex ? -1 : seen.nsid, seen.ifname,
					  &mine);
		keni_release(&seen);
		if (ret < 0) {
			fail(e, ERR_FAILED, "%s", mine.message);
			return ret;
		}
		if (tries)
			(void)nanosleep(&pause, NULL);
	}
	return fail(e, ERR_FAILED, "the network namespace that it is in does not end; try again");
}

static int del_eni(struct run *r, void *have, void *want)
{
	return want ? 0 : delete_netdev(r, have, r->e);
}

static int make_netdev(struct run *r, const struct keni *want, struct error *e)
{
	char name[16];

	eni_default_name(want->id, name);
	return rtnl_new_eni(r->nl->route, name, want->mac, want->id, e);
}

/* Keep what a dump has told of the netdev */
static void adopt(struct keni *want, struct keni *seen)
{
	want->ifindex = seen->ifindex;
	want->nsid = seen->nsid;
	want->port = seen->port;
	free(want->ifname);
	want->ifname = seen->ifname;
	seen->ifname = NULL;
	free(want->tap);
	want->tap = seen->tap;
	seen->tap = NULL;
}

static int look(struct run *r, struct keni *want, struct error *e)
{
	struct keni seen;
	int ret = card_eni_get(r->nl, want->id, &seen, e);

	if (ret >= 0)
		adopt(want, &seen);
	keni_release(&seen);
	return ret;
}

/* All or nothing: a netdev that cannot be configured does not stay */
static int new_eni(struct run *r, struct keni *want, struct error *e)
{
	_cleanup_error_ struct error ignored = {};
	int ret = make_netdev(r, want, e);
	char name[16];

	if (ret < 0)
		return ret;
	ret = card_eni_set(r->nl, want, e);
	if (ret >= 0)
		ret = look(r, want, e);
	if (ret >= 0)
		return 0;
	eni_default_name(want->id, name);
	(void)rtnl_delete(r->nl->route, -1, name, &ignored);
	return ret;
}

static int change_eni(struct run *r, struct keni *have, struct keni *want, struct error *e)
{
	int ret = 0;

	if (memcmp(have->mac, want->mac, sizeof(want->mac))) {
		/* with its holder it has another MAC address, so all begins anew */
		ret = delete_netdev(r, have, e);
		return ret < 0 ? ret : new_eni(r, want, e);
	}
	if (!keni_equal(have, want))
		ret = card_eni_set(r->nl, want, e);
	if (ret >= 0) {
		want->attached = xstrdup(have->attached);
		want->ifindex = have->ifindex;
		want->nsid = have->nsid;
		want->port = have->port;
		want->ifname = xstrdup(have->ifname);
		want->tap = xstrdup(have->tap);
	}
	return ret;
}

static int attach(struct run *r, const struct eni *eni, struct keni *want, struct error *e)
{
	_cleanup_free_ char *text = attach_text(r->m, eni);
	bool moves;
	int ret = 0;

	if (streq(want->attached, text))
		return 0;
	if (!attach_in_place(r->m, eni, want)) {
		ret = delete_netdev(r, want, e);
		if (ret >= 0)
			ret = new_eni(r, want, e);
	}
	moves = attach_moves(r->m, eni, want);
	if (ret >= 0)
		ret = attach_apply(r->m, eni, want, e);
	if (ret >= 0 && moves)
		ret = look(r, want, e);
	free(want->attached);
	want->attached = ret < 0 ? NULL : text;
	text = ret < 0 ? text : NULL;
	return ret;
}

static int place_eni(struct run *r, const struct eni *eni, struct keni *want, struct error *e)
{
	struct keni *have = kstate_eni(r->have, want->id);
	int ret = have && have->ifname ? change_eni(r, have, want, e) : new_eni(r, want, e);

	return ret < 0 ? ret : attach(r, eni, want, e);
}

/* An ENI that fails is noted and does not stop the others. It fails a change
 * only if the change is what made it fail.
 */
static int place_enis(struct run *r)
{
	struct object *o;
	int ret = 0;

	/* an address that moves from one ENI to another is free in the second round */
	for (int round = 0; round < 2; round++) {
		FOR_EACH_OBJECT(&r->m->model, KIND_ENI, o) {
			_cleanup_error_ struct error e = {};
			struct keni *want = kstate_eni(r->want, o->handle);
			bool failed = kernel_failure(r->m, o->id);

			if (!want || (round && want->ifname && want->attached))
				continue;
			ret = place_eni(r, ENI(o), want, &e);
			if (ret >= 0) {
				kernel_set_failure(r->m, o, NULL);
			} else if (round) {
				if (!failed && !r->may_fail)
					return fail(r->e, e.code, "ENI '%s': %s", o->name,
						    e.message);
				kernel_set_failure(r->m, o, e.message);
				r->failed = true;
			}
		}
	}
	return 0;
}

/**
 * reconcile - bring the card to what is desired
 * @m: the manager; the card is there and its state is known
 * @desired: the state; what the card holds afterwards is left in m->kernel
 * @may_fail: ENIs may fail, as at start; else a new failure ends the run
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0, or a negative errno after which the card's state is not known.
 */
int reconcile(struct manager *m, struct kstate *desired, bool may_fail, struct error *e)
{
	struct kernel *k = m->kernel;
	struct run r = {
		.m = m, .nl = k->nl, .have = &k->actual, .want = desired,
		.may_fail = may_fail, .e = e,
	};
	struct kstate old;
	int ret;

	ret = WALK(&r, enis, keni_compare, del_eni);
	ret = ret < 0 ? ret : WALK(&r, hosts, khost_compare, set_host);
	ret = ret < 0 ? ret : WALK(&r, tables, ktable_compare, set_table);
	ret = ret < 0 ? ret : differ(&r, false);
	ret = ret < 0 ? ret : leave_groups(&r);
	ret = ret < 0 ? ret : bridge(&r);
	ret = ret < 0 ? ret : WALK(&r, policies, kpolicy_compare, set_policy);
	ret = ret < 0 ? ret : place_enis(&r);
	ret = ret < 0 ? ret : differ(&r, true);
	if (ret >= 0)
		delete_bridges(&r);
	free(r.bridges);
	ret = ret < 0 ? ret : WALK(&r, policies, kpolicy_compare, del_policy);
	ret = ret < 0 ? ret : WALK(&r, tables, ktable_compare, del_table);
	ret = ret < 0 ? ret : WALK(&r, hosts, khost_compare, del_host);
	if (ret < 0) {
		k->known = false;
		return ret;
	}
	old = k->actual;
	k->actual = *desired;
	*desired = old;
	/* what a failure has left behind is looked up before the next try */
	k->known = !r.failed;
	return 0;
}
