/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which writes are to blame for a bad point, found by trying, one after the other: what was lost,
 * or torn, is kept again where that changes nothing; what came late is left out where it is not
 * needed. What stays of either is told. Found is one such set of writes, not the smallest there is.
 * Where more than MOST are in question, they are told untried.
 */
#include "fault/crash.h"

#define MOST 64 /* tries of one kind */
#define NEAR 3  /* entries told on each side of the point */

/* Each entry once, in its first role. */
static int add(const struct bp_crash *crash, struct bp_crash_result *result, size_t entry,
	       enum bp_crash_role role, uint64_t kept)
{
	const struct bp_crash_suspect suspect = {
		.index = entry,
		.role = role,
		.kept_sectors = kept * (crash->log.sector_bytes / BP_SECTOR_BYTES),
	};

	for (size_t i = 0; i < result->suspects.count; i++)
		if (result->suspects.items[i].index == entry)
			return 0;
	return vec_add(&result->suspects, &suspect) < 0 ? bp_fail_memory(crash->ctx) : 0;
}

/* No writes exchanged: the log as it was, cut at @end. */
static int try_in_order(struct crash_bench *bench, size_t end, size_t told, bool *ret_good)
{
	struct crash_state state;

	crash_state_in_order(bench->crash, end, &state);
	return crash_try(bench, &state, told, ret_good);
}

/* --- what was lost --- */

/* Not torn. */
static bool is_whole(const struct bp_crash *crash, const struct crash_state *state, size_t in)
{
	return state->sectors.items[in] ==
	       crash->log.entries.items[state->safe + in].nr_sectors;
}

/* Keep what was lost again, but for what has to be lost for it to be bad. */
static int keep_again(struct crash_bench *bench, struct crash_state *state, size_t told)
{
	unsigned tries = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < state->sectors.count && tries < MOST; i++) {
		uint64_t before = state->sectors.items[i];
		bool good = false;

		if (is_whole(bench->crash, state, i))
			continue;
		state->sectors.items[i] =
			bench->crash->log.entries.items[state->safe + i].nr_sectors;
		r = crash_try(bench, state, told, &good);
		tries++;
		if (good)
			state->sectors.items[i] = before;
	}
	return r;
}

/* The writes that the bad state lacks, whole or in part. */
static int blame_lost(struct crash_bench *bench, const struct crash_point *bad,
		      struct bp_crash_result *result)
{
	struct crash_state state;
	int r = crash_state_reorder(bench->crash, &bench->opts, bad->end, bad->reorder, &state);

	if (r < 0)
		return r;
	r = keep_again(bench, &state, bad->end);
	for (size_t i = 0; r == 0 && i < state.sectors.count; i++)
		if (!is_whole(bench->crash, &state, i))
			r = add(bench->crash, result, state.safe + i,
				state.sectors.items[i] ? BP_CRASH_TORN : BP_CRASH_LOST,
				state.sectors.items[i]);
	crash_state_done(&state);
	return r;
}

/* --- what came late --- */

/* The least number of entries in (@low, @high] that is good, or bad; that of @high is. */
static int boundary(struct crash_bench *bench, size_t low, size_t high, size_t told,
		    bool wanted, size_t *ret)
{
	int r = 0;

	while (r == 0 && high - low > 1) {
		size_t middle = low + (high - low) / 2;
		bool good;

		r = try_in_order(bench, middle, told ? told : middle, &good);
		if (good == wanted)
			high = middle;
		else
			low = middle;
	}
	*ret = high;
	return r;
}

/* Of what came behind the point, leave out what is not needed. */
static int leave_out(struct crash_bench *bench, size_t told, struct crash_state *state)
{
	unsigned tries = 0;
	int r = 0;

	for (size_t i = told - state->safe; r == 0 && i < state->sectors.count && tries < MOST;
	     i++) {
		uint64_t before = state->sectors.items[i];
		bool good = false;

		if (!before)
			continue;
		state->sectors.items[i] = 0;
		r = crash_try(bench, state, told, &good);
		tries++;
		if (!good)
			state->sectors.items[i] = before;
	}
	return r;
}

/* Writes behind the last flush that the good state lacks: with them it would be good. */
static int blame_late(struct crash_bench *bench, size_t told, size_t end,
		      struct bp_crash_result *result)
{
	struct crash_state state = { .safe = crash_safe(bench->crash, told) };
	int r = boundary(bench, told, end, told, true, &end);

	state.end = end;
	if (r == 0)
		r = crash_state_spell(bench->crash, &state);
	if (r == 0)
		r = leave_out(bench, told, &state);
	for (size_t i = told - state.safe; r == 0 && i < state.sectors.count; i++)
		if (state.sectors.items[i] &&
		    !(bench->crash->log.entries.items[state.safe + i].flags & LOG_MARK))
			r = add(bench->crash, result, state.safe + i, BP_CRASH_LATE, 0);
	crash_state_done(&state);
	return r;
}

/* --- all --- */

/* Was it good before with all that is promised now? Then nothing is missing: a write has broken it. */
static int blame_broken(struct crash_bench *bench, const struct crash_point *bad,
			size_t good_before, struct bp_crash_result *result)
{
	size_t first = bad->end;
	bool good = false;
	int r = good_before < bad->end ? try_in_order(bench, good_before, bad->end, &good) : 0;

	if (r < 0 || !good)
		return r;
	r = boundary(bench, good_before, bad->end, bad->end, false, &first);
	return r < 0 ? r : add(bench->crash, result, first - 1, BP_CRASH_BROKE, 0);
}

static int blame_in_order(struct crash_bench *bench, const struct crash_point *bad,
			  size_t good_before, struct bp_crash_result *result)
{
	size_t count = bench->crash->log.entries.count, first = bad->end;
	bool good = false;
	int r = blame_broken(bench, bad, good_before, result);

	if (r < 0 || result->suspects.count)
		return r;
	if (bad->end < count)
		r = try_in_order(bench, count, bad->end, &good);
	if (r < 0 || good)
		return r < 0 ? r : blame_late(bench, bad->end, count, result);
	if (good_before >= bad->end)
		return 0;
	/* Told as much as is there, since what is promised may be what makes it bad. */
	r = boundary(bench, good_before, bad->end, 0, false, &first);
	return r < 0 || !first ? r : add(bench->crash, result, first - 1, BP_CRASH_BROKE, 0);
}

static int by_entry(const void *a, const void *b)
{
	const struct bp_crash_suspect *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

int crash_blame(struct crash_bench *bench, const struct crash_point *bad, size_t good_before,
		struct bp_crash_result *result)
{
	const struct bp_crash *crash = bench->crash;
	int r = bad->reorder ? blame_lost(bench, bad, result) : 0;

	/* With all kept that was lost it may be bad as well. */
	if (r == 0 && !result->suspects.count)
		r = blame_in_order(bench, bad, good_before, result);

	for (size_t i = bad->end > NEAR ? bad->end - NEAR : 0;
	     r == 0 && i < bad->end + NEAR && i < crash->log.entries.count; i++)
		r = add(crash, result, i, BP_CRASH_NEAR, 0);
	if (r == 0 && result->suspects.count)
		qsort(result->suspects.items, result->suspects.count,
		      sizeof(*result->suspects.items), by_entry);
	return r;
}
