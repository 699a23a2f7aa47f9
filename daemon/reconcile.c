// SPDX-License-Identifier: GPL-2.0
/*
 * From what the card holds to what it should hold, in the order that the
 * kernel's own references ask for: what is referred to comes first and goes
 * last. Each object is swapped whole, so every ENI has its old rules or its
 * new ones at any time.
 */

#include <stdio.h>

#include "kernel.h"
#include "nl.h"
#include "object.h"

struct run {
	struct manager *m;
	struct nl *nl;
	struct kstate *have, *want;
	bool may_fail;
	bool failed;
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

static int delete_netdev(struct run *r, const struct keni *k, struct error *e)
{
	return k->ifname ? rtnl_delete(r->nl->route, k->ifindex ? -1 : k->nsid, k->ifname, e) : 0;
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
	int ret = 0;

	if (streq(want->attached, text))
		return 0;
	if (!attach_in_place(r->m, eni, want)) {
		ret = delete_netdev(r, want, e);
		if (ret >= 0)
			ret = new_eni(r, want, e);
	}
	if (ret >= 0)
		ret = attach_apply(r->m, eni, want, e);
	if (ret >= 0)
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
	ret = ret < 0 ? ret : WALK(&r, policies, kpolicy_compare, set_policy);
	ret = ret < 0 ? ret : differ(&r, true);
	ret = ret < 0 ? ret : place_enis(&r);
	ret = ret < 0 ? ret : differ(&r, false);
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
