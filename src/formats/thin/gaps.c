/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "formats/thin/gaps.h"
#include "core/strbuf.h"
#include "formats/thin/check.h"
#include "formats/thin/meta.h"

#include <inttypes.h>

struct finder {
	struct thin_gaps *gaps;
	uint64_t device;
};

static int on_lost(void *user, const struct walk_lost *lost)
{
	struct finder *finder = user;
	struct thin_gap_found gap = {
		.device = finder->device,
		.nr_devices = 1,
		.begin = lost->begin,
		.end = lost->end,
		.block = lost->block,
		.error = lost->error,
	};

	return vec_add(&finder->gaps->list, &gap);
}

/* The same loss of several devices comes together. */
static int compare(const void *a, const void *b)
{
	const struct thin_gap_found *x = a, *y = b;

	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return x->device < y->device ? -1 : x->device > y->device;
}

/* Gaps of many devices for one reason become one. */
static void join(struct thin_gaps *gaps)
{
	size_t to = 0;

	for (size_t i = 0; i < gaps->list.count; i++) {
		const struct thin_gap_found *gap = &gaps->list.items[i];
		struct thin_gap_found *last = to ? &gaps->list.items[to - 1] : NULL;

		if (last && last->block == gap->block && last->begin == gap->begin &&
		    last->error == gap->error)
			last->nr_devices++;
		else
			gaps->list.items[to++] = *gap;
	}
	gaps->list.count = to;
}

/* Only along what is broken. */
int thin_gaps_find(const struct forest *f, const struct thin_device *devices, size_t nr,
		   struct thin_gaps *ret)
{
	struct finder finder = { .gaps = ret };
	const struct forest_visitor visitor = {
		.lost = on_lost,
		.user = &finder,
		.broken_only = true,
	};

	for (size_t i = 0; i < nr; i++) {
		int r;

		finder.device = devices[i].id;
		r = forest_visit(f, devices[i].root, &visitor);
		if (r < 0)
			return r;
	}
	if (ret->list.count > 0)
		qsort(ret->list.items, ret->list.count, sizeof(ret->list.items[0]), compare);
	join(ret);
	return 0;
}

void thin_gaps_done(struct thin_gaps *gaps)
{
	vec_done(&gaps->list);
}

/* Inclusive, as people count. */
static void describe(struct strbuf *s, const struct thin_gap_found *gap)
{
	strbuf_addf(s, "device %" PRIu64 ": virtual blocks %" PRIu64, gap->device, gap->begin);
	if (gap->end == UINT64_MAX)
		strbuf_add(s, " and higher");
	else if (gap->end != gap->begin)
		strbuf_addf(s, " to %" PRIu64, gap->end);
	strbuf_addf(s, " are missing: block %" PRIu64 ": %s", gap->block,
		    node_error_name(gap->error));
	if (gap->nr_devices > 1)
		strbuf_addf(s, " (the same for %" PRIu64 " more devices)", gap->nr_devices - 1);
}

/* One finding a gap, however many devices share it. */
int thin_gaps_report(struct bp_ctx *ctx, const struct thin_gaps *gaps,
		     void (*damage)(void *user, const struct bp_damage *damage), void *user)
{
	_cleanup_(strbuf_done) struct strbuf s = { 0 };

	for (size_t i = 0; damage && i < gaps->list.count; i++) {
		const struct thin_gap_found *gap = &gaps->list.items[i];
		struct bp_damage d = {
			.kind = check_kind_of(gap->error),
			.harm = BP_HARM_FATAL,
			.place = BP_PLACE_MAPPINGS,
			.block = gap->block,
			.parent = BP_NONE,
			.device = gap->device,
			.nr_devices = gap->nr_devices,
			.begin = gap->begin,
			.end = gap->end == UINT64_MAX ? BP_NONE : gap->end + 1,
			.expected = BP_NONE,
			.actual = BP_NONE,
		};

		strbuf_clear(&s);
		describe(&s, gap);
		if (s.error)
			return bp_fail_memory(ctx);
		d.what = strbuf_text(&s);
		damage(user, &d);
	}
	return 0;
}

/* The first one says why, the rest is a number. */
int thin_gaps_fail(struct bp_ctx *ctx, const struct thin_gaps *gaps)
{
	_cleanup_(strbuf_done) struct strbuf s = { 0 };
	size_t nr = gaps->list.count;

	if (nr > 0)
		describe(&s, &gaps->list.items[0]);
	if (nr > 1)
		strbuf_addf(&s, "; and %zu more", nr - 1);
	if (s.error)
		return bp_fail_memory(ctx);
	return bp_fail(ctx, -EUCLEAN, "metadata contains errors: %s", strbuf_text(&s));
}
