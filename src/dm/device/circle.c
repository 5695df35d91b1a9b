/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mapped devices that lie, through others, on themselves. Kernels load such tables; the first
 * I/O then goes round for ever, and neither device can be removed. So it is asked before.
 */
#include "dm/device/table_io.h"

#include <stdio.h>
#include <string.h>

/* Every device below one, each once. Those up to @asked have been looked into. */
struct below {
	VEC(struct bp_devno) devs;
	size_t asked;
};

static void below_done(struct below *below)
{
	vec_done(&below->devs);
}

static bool same(const struct bp_devno *a, const struct bp_devno *b)
{
	return a->major == b->major && a->minor == b->minor;
}

/* Each once: stacks are small, so a plain search does. */
static int add(struct bp_ctx *ctx, struct below *below, const struct bp_devno *dev)
{
	for (size_t i = 0; i < below->devs.count; i++)
		if (same(&below->devs.items[i], dev))
			return 0;
	return vec_add(&below->devs, dev) < 0 ? bp_fail_memory(ctx) : 0;
}

/* Add what one table of @dev uses. @ret_inactive: whether there is another table to come. */
static int add_table(struct bp_ctx *ctx, struct below *below, const struct bp_devno *dev,
		     uint32_t rq_flags, bool *ret_inactive)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request rq = { .op = OP_DEPS, .flags = rq_flags, .deadline = DEADLINE_NEVER };
	struct which which = { .major = dev->major, .minor = dev->minor };
	int r;

	snprintf(which.label, sizeof(which.label), "%u:%u", dev->major, dev->minor);
	r = dm_ask(ctx, "deps", &which, &rq, &reply);
	*ret_inactive = r == 0 && reply.state.flags & ST_INACTIVE;
	if (r == -ENXIO) /* gone by now: nothing lies below it */
		return 0;
	for (size_t i = 0; r == 0 && i < reply.deps.count; i++)
		r = add(ctx, below, &reply.deps.items[i]);
	return r;
}

/* Both tables count: the inactive one needs but a resume. */
static int add_tables(struct bp_ctx *ctx, struct below *below, const struct bp_devno *dev)
{
	bool inactive;
	int r = add_table(ctx, below, dev, 0, &inactive);

	if (r == 0 && inactive)
		r = add_table(ctx, below, dev, RQ_INACTIVE, &inactive);
	return r;
}

/* Breadth first, each device once: live and inactive tables, as a loaded one will be live. */
int bp_device_lies_on(struct bp_ctx *ctx, const struct bp_devno *dev,
		      const struct bp_devno *below, bool *ret)
{
	_cleanup_(below_done) struct below all = { 0 };
	uint32_t mapped;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	*ret = same(dev, below);
	if (r == 0 && !*ret && dm->ops->major(dm->self, &mapped) == 0)
		r = add(ctx, &all, dev);
	for (; r == 0 && !*ret && all.asked < all.devs.count; all.asked++) {
		/* By value: adding moves the list. */
		const struct bp_devno at = all.devs.items[all.asked];

		*ret = same(&at, below);
		if (!*ret && at.major == mapped)
			r = add_tables(ctx, &all, &at);
	}
	return r;
}

/* Unknown where it can't be asked: a check must not fail for that. */
enum bp_answer table_lies_on(void *user_ctx, const struct bp_bdev *bdev, const char *device)
{
	const struct bp_devno from = { .major = bdev->major, .minor = bdev->minor };
	struct error_state *saved = error_save(user_ctx);
	struct bp_devno to;
	bool lies = false;
	int r = -EINVAL;

	if (sscanf(device, "%u:%u", &to.major, &to.minor) == 2)
		r = bp_device_lies_on(user_ctx, &from, &to, &lies);
	error_restore(user_ctx, saved);
	return r < 0 ? BP_ANSWER_UNKNOWN : lies ? BP_ANSWER_YES : BP_ANSWER_NO;
}

/* --- before a load --- */

/* Does a word name a mapped device? Looked at only where it can. */
static bool is_mapped(struct bp_ctx *ctx, const char *word, uint32_t mapped,
		      struct bp_devno *ret)
{
	struct bp_bdev bdev;

	if (sscanf(word, "%u:%u", &ret->major, &ret->minor) == 2)
		return ret->major == mapped;
	if (*word != '/' || table_lookup(ctx, word, &bdev) < 0)
		return false;
	*ret = (struct bp_devno){ .major = bdev.major, .minor = bdev.minor };
	return bdev.major == mapped;
}

/* The @nth word of the segment, from 1, by its name where pre-flight has one. */
static void set_argument(struct bp_ctx *ctx, const struct bp_table *table,
			 const struct dm_state *state, int segment, unsigned nth,
			 const char *word)
{
	struct error_state *saved = error_save(ctx);
	struct bp_findings *findings = NULL;
	struct bp_table_check_opts opts = {
		.size = sizeof(opts),
		.lookup = table_lookup,
		.lies_on = table_lies_on,
		.user = ctx,
	};
	const char *name = NULL;
	char device[32];
	int r;

	snprintf(device, sizeof(device), "%u:%u", state->major, state->minor);
	opts.device = device;
	r = bp_table_check(ctx, table, &opts, &findings);
	error_restore(ctx, saved);
	for (size_t i = 0; r == 0 && !name && i < bp_findings_count(findings); i++) {
		const struct bp_finding *f = bp_findings_get(findings, i);

		if (f->segment == segment && f->argument == nth)
			name = f->argument_name;
	}
	error_set_argument(ctx, nth, name, word);
	if (r == 0)
		bp_findings_free(findings);
}

/* Kernels take a table that leads to its own device, and the first I/O never ends. */
static int refuse(struct bp_ctx *ctx, const char *verb, const struct which *which,
		  const struct bp_table *table, size_t segment, const char *word)
{
	bp_fail(ctx, -ELOOP, "%s '%s': '%s' of its table lies on '%s' itself", verb,
		which->label, word, which->label);
	error_set_code(ctx, BP_E_TABLE);
	error_set_verb(ctx, verb);
	error_set_device(ctx, which->label);
	error_set_segment(ctx, (int)segment, bp_table_get(table, segment)->target);
	error_set_hint(ctx, "kernels take such a table, but I/O to it never ends: %s",
		       "let it use a device that does not lie on this one");
	return -ELOOP;
}

/*
 * Only mapped devices can lie on one, so that a table of others costs nothing. A device that is
 * @fresh is below nobody: only the table itself can name it; where it is only planned, not even
 * that.
 */
int table_refuse_circle(struct bp_ctx *ctx, const char *verb, const struct which *which,
			const struct bp_table *table, bool fresh)
{
	struct dm_state state = { 0 };
	uint32_t mapped;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r < 0 || (fresh && planning(dm)) || dm->ops->major(dm->self, &mapped) < 0)
		return r;
	for (size_t i = 0; r == 0 && i < bp_table_count(table); i++) {
		_cleanup_(freep) char *args = NULL;
		unsigned nth = 0;
		char *rest, *word;

		r = bp_segment_format_args(ctx, bp_table_get(table, i), &args);
		for (rest = args; r == 0 && (word = strsep(&rest, " "));) {
			struct bp_devno dev, self;
			bool lies;

			nth++;
			if (!is_mapped(ctx, word, mapped, &dev))
				continue;
			if (!state.major)
				r = dm_state(ctx, verb, which, &state);
			self = (struct bp_devno){ .major = state.major, .minor = state.minor };
			lies = r == 0 && same(&dev, &self);
			if (r == 0 && !fresh)
				r = bp_device_lies_on(ctx, &dev, &self, &lies);
			if (r == 0 && lies) {
				r = refuse(ctx, verb, which, table, i, word);
				set_argument(ctx, table, &state, (int)i, nth, word);
			}
		}
	}
	return r;
}
