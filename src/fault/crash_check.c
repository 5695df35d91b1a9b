/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All points of a record, in order, several at a time, up to the first bad one: the lowest,
 * whichever is done first. So the outcome depends on the record, the commands and the seed alone.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "core/opts.h"
#include "fault/crash.h"

#define REORDERS_MOST 64 /* before each flush */

struct points {
	VEC(struct crash_point) list;
};

static int add_point(const struct bp_crash *crash, struct points *points, size_t end,
		     uint32_t reorder)
{
	const struct crash_point point = { end, reorder };

	return vec_add(&points->list, &point) < 0 ? bp_fail_memory(crash->ctx) : 0;
}

/* What can have been lost before this flush, and what came through in order before it. */
static int add_reorders(const struct bp_crash *crash, const struct bp_crash_check_opts *opts,
			struct points *points, size_t entry)
{
	int r = 0;

	for (uint32_t n = 1; r == 0 && n <= opts->reorders; n++)
		r = add_point(crash, points, entry, n);
	return r;
}

/*
 * A point behind each flush, FUA and mark, as there a program may rely on something; at
 * flushes also the states in which writes since the last one are lost or torn.
 */
static int list_points(const struct bp_crash *crash, const struct bp_crash_check_opts *opts,
		       struct points *ret)
{
	size_t first = opts->from_start ? 0 : (size_t)crash->info.first;
	size_t count = crash->log.entries.count;
	int r = add_point(crash, ret, first, 0);

	for (size_t i = first; r == 0 && i < count; i++) {
		uint64_t flags = crash->log.entries.items[i].flags;

		if ((flags & LOG_FLUSH || i + 1 == count) && crash_has_choice(crash, i))
			r = add_reorders(crash, opts, ret, i);
		if (r == 0 && (flags & (LOG_FLUSH | LOG_FUA | LOG_MARK) || i + 1 == count))
			r = add_point(crash, ret, i + 1, 0);
	}
	return r;
}

/* The first and the last are in, whatever is left out between them. */
static void thin_out(struct points *points, uint64_t most)
{
	size_t count = points->list.count;

	if (!most || count <= most)
		return;
	for (size_t i = 0; i < most; i++)
		points->list.items[i] =
			points->list
				.items[most == 1 ? count - 1 : i * (count - 1) / (most - 1)];
	points->list.count = (size_t)most;
}

/* --- trying them --- */

struct checking {
	struct crash_bench *bench;
	const struct points *points;
	size_t *running; /* by try: its point */
	size_t bad;      /* the lowest there is; count: none */
	struct bp_crash_result *result;
};

/* One state as an image, and a process that looks at it. */
static int start(struct checking *c, size_t index, unsigned slot)
{
	const struct bp_crash *crash = c->bench->crash;
	const struct crash_point *point = &c->points->list.items[index];
	struct crash_state state;
	int r = 0;

	if (point->reorder)
		r = crash_state_reorder(crash, &c->bench->opts, point->end, point->reorder,
					&state);
	else
		crash_state_in_order(crash, point->end, &state);
	if (r < 0)
		return r;
	r = crash_try_start(c->bench, &c->bench->tries[slot], &state, point->end);
	c->running[slot] = index;
	crash_state_done(&state);
	return r;
}

static const char *stage_name(enum crash_stage stage)
{
	return stage == STAGE_MOUNT ? "mount" : stage == STAGE_FSCK ? "fsck" : "verify";
}

/* The first bad one in order counts, though others may have ended before. */
static int end(struct checking *c, unsigned slot)
{
	struct bp_crash_verdict *v = &c->result->verdict;
	struct crash_try *try = &c->bench->tries[slot];
	struct crash_outcome outcome = { STAGE_GOOD, 0 };
	_cleanup_(freep) char *output = NULL;
	size_t index = c->running[slot];
	int r;

	if (!try->pid)
		return 0;
	r = crash_try_end(c->bench, try, &outcome, &output);
	if (r < 0 || outcome.stage == STAGE_GOOD || index > c->bad)
		return r;
	c->bad = index;
	v->what = stage_name(outcome.stage);
	v->status = outcome.status;
	free(c->result->output);
	c->result->output = steal(output);
	return 0;
}

/* Several at once; progress is by points that were begun. */
static int try_all(struct checking *c)
{
	const struct bp_crash_check_opts *opts = &c->bench->opts;
	size_t count = c->points->list.count;
	int r = 0;

	c->bad = count;
	for (size_t i = 0; r == 0 && i < count && c->bad == count; i++) {
		unsigned slot = (unsigned)(i % c->bench->nr_tries);

		r = end(c, slot);
		if (r == 0 && opts->progress && opts->progress(opts->user, i, count))
			r = -ECANCELED;
		if (r == 0 && c->bad == count)
			r = start(c, i, slot);
	}
	/* Earlier ones may still be under way. */
	for (unsigned i = 0; r == 0 && i < c->bench->nr_tries; i++)
		r = end(c, i);
	return r;
}

static size_t good_before(const struct points *points, size_t bad)
{
	for (size_t i = bad; i > 0; i--)
		if (!points->list.items[i - 1].reorder)
			return points->list.items[i - 1].end;
	return 0;
}

static int blame(struct checking *c)
{
	const struct crash_point *bad = &c->points->list.items[c->bad];
	struct bp_crash_verdict *v = &c->result->verdict;
	int r;

	v->bad = true;
	v->tried = c->bad + 1; /* however many others were under way */
	v->entries = bad->end;
	v->reorder = bad->reorder;
	snprintf(c->result->mark, sizeof(c->result->mark), "%s",
		 crash_mark_before(c->bench->crash, bad->end));
	v->mark = c->result->mark;
	v->output = c->result->output;
	r = crash_blame(c->bench, bad, good_before(c->points, c->bad), c->result);
	return r < 0 ? r : crash_name_files(c->bench, c->result);
}

/* All points first; then what made the first bad one so. */
static int check(struct crash_bench *bench, const struct points *points,
		 struct bp_crash_result *result)
{
	struct checking c = { .bench = bench, .points = points, .result = result };
	int r = 0;

	c.running = calloc(bench->nr_tries, sizeof(*c.running));
	if (!c.running)
		return bp_fail_memory(bench->crash->ctx);
	result->verdict.points = points->list.count;
	result->verdict.tried = points->list.count;
	r = try_all(&c);
	if (r == 0 && c.bad < points->list.count)
		r = blame(&c);
	free(c.running);
	return r;
}

/* Before images are made. */
static int check_opts(const struct bp_crash *crash, const struct bp_crash_check_opts *opts)
{
	if (!opts->fsck && !opts->verify)
		return bp_fail(crash->ctx, -EINVAL, "crash check: no command to check with");
	if (opts->reorders > REORDERS_MOST)
		return bp_fail(crash->ctx, -EINVAL, "crash check: at most %d states a flush",
			       REORDERS_MOST);
	if (opts->atomic_bytes &&
	    (opts->atomic_bytes < BP_SECTOR_BYTES || !is_power_of_two(opts->atomic_bytes)))
		return bp_fail(crash->ctx, -EINVAL,
			       "crash check: no size of a sector: %" PRIu32,
			       opts->atomic_bytes);
	return 0;
}

/*
 * A record that checks clean at every point tried is the good result; what was tried is in
 * the verdict.
 */
int bp_crash_check(const struct bp_crash *crash, const struct bp_crash_check_opts *opts,
		   struct bp_crash_result **ret)
{
	struct bp_crash_result *result = NULL;
	struct bp_crash_check_opts o;
	struct points points = { 0 };
	struct crash_bench bench;
	int r = opts_read(crash->ctx, &o, sizeof(o), opts);

	if (r == 0)
		r = check_opts(crash, &o);
	if (r == 0)
		r = list_points(crash, &o, &points);
	thin_out(&points, o.points);
	if (r == 0 && !(result = calloc(1, sizeof(*result))))
		r = bp_fail_memory(crash->ctx);
	if (r == 0)
		r = crash_bench_open(crash, &o, &bench);
	if (r == 0) {
		result->verdict.mark = result->verdict.what = result->verdict.output = "";
		r = check(&bench, &points, result);
		crash_bench_close(&bench);
	}
	vec_done(&points.list);
	if (r < 0) {
		bp_crash_result_free(result);
		return r;
	}
	*ret = result;
	return 0;
}

/* --- the result --- */

const struct bp_crash_verdict *bp_crash_result_verdict(const struct bp_crash_result *result)
{
	return &result->verdict;
}

size_t bp_crash_result_count(const struct bp_crash_result *result)
{
	return result->suspects.count;
}

const struct bp_crash_suspect *bp_crash_result_get(const struct bp_crash_result *result,
						   size_t index)
{
	return index < result->suspects.count ? &result->suspects.items[index] : NULL;
}

void bp_crash_result_free(struct bp_crash_result *result)
{
	if (!result)
		return;
	for (size_t i = 0; i < result->suspects.count; i++)
		free((void *)(uintptr_t)result->suspects.items[i].files);
	vec_done(&result->suspects);
	free(result->output);
	free(result);
}
