/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One fault: what is wanted, checked and made definite, so that the table that comes of it depends on
 * nothing else. Asks no kernel; what only a kernel can refuse is left to it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "fault/scenario.h"

#define ALL          (BP_FAULT_READS | BP_FAULT_WRITES | BP_FAULT_FLUSHES)
#define SLOW_MS      100
#define BAD_BYTES    4096u
#define MS_A_SECOND  1000
#define NS_A_MS      1000000
#define FOR_MAX_MS   (INT64_C(365) * 24 * 3600 * MS_A_SECOND)
#define GOLDEN_GAMMA UINT64_C(0x9e3779b97f4a7c15)

static const char *const names[] = {
	[BP_FAULT_SLOW] = "slow",       [BP_FAULT_STALL] = "stall",
	[BP_FAULT_ERROR] = "error",     [BP_FAULT_DROP] = "drop",
	[BP_FAULT_CORRUPT] = "corrupt", [BP_FAULT_BAD_SECTORS] = "bad-sectors",
	[BP_FAULT_FULL] = "full",       [BP_FAULT_POWER_CUT] = "power-cut",
};

const char *bp_fault_kind_name(enum bp_fault_kind kind)
{
	return (unsigned)kind < ARRAY_SIZE(names) ? names[kind] : NULL;
}

/* "reads,writes": @buf has room for all three. */
const char *fault_io_text(uint32_t io, char *buf)
{
	*buf = '\0';
	if (io & BP_FAULT_READS)
		strcat(buf, ",reads");
	if (io & BP_FAULT_WRITES)
		strcat(buf, ",writes");
	if (io & BP_FAULT_FLUSHES)
		strcat(buf, ",flushes");
	return *buf ? buf + 1 : buf;
}

static int64_t clock_of(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * MS_A_SECOND + t.tv_nsec / NS_A_MS;
}

int64_t fault_clock_ms(void)
{
	return clock_of(CLOCK_BOOTTIME);
}

int64_t fault_unix_ms(void)
{
	return clock_of(CLOCK_REALTIME);
}

void fault_record_done(struct fault_record *record)
{
	vec_done(&record->ranges);
	free(record->file);
}

/* --- which I/O --- */

/*
 * A flush is for a device as a whole: it goes to each segment. So a fault on a part of it must let
 * flushes pass, or all of the device has it.
 */
static int io_of_error(struct bp_ctx *ctx, uint32_t io, bool part, uint32_t *ret)
{
	if (!(io & (BP_FAULT_READS | BP_FAULT_WRITES)) ||
	    (io & (BP_FAULT_READS | BP_FAULT_FLUSHES | BP_FAULT_WRITES)) ==
		    (BP_FAULT_READS | BP_FAULT_FLUSHES))
		return bp_fail(ctx, -EINVAL,
			       "error: no target fails flushes without writes: have both");
	if (part && io == BP_FAULT_WRITES) {
		bp_fail(ctx, -EINVAL, "error: writes of a range alone can't fail");
		error_set_hint(
			ctx, "the kernel's flakey would fail every flush of the device too; "
			     "without --writes reads and writes there fail, and flushes work");
		return -EINVAL;
	}
	if (part && io & BP_FAULT_FLUSHES)
		return bp_fail(ctx, -EINVAL, "error: flushes are not of a range");
	*ret = io == BP_FAULT_READS || part ? io : io | BP_FAULT_FLUSHES;
	return 0;
}

/* What each kind can do, and what it does when nothing is said. */
int fault_io_of(struct bp_ctx *ctx, enum bp_fault_kind kind, uint32_t io, bool part,
		uint32_t *ret)
{
	uint32_t most = part ? BP_FAULT_READS | BP_FAULT_WRITES : ALL;

	if (io & ~(uint32_t)ALL)
		return bp_fail(ctx, -EINVAL, "fault: a kind of I/O that is not known");
	switch (kind) {
	case BP_FAULT_SLOW:
	case BP_FAULT_STALL:
		*ret = io ? io : most;
		return 0;
	case BP_FAULT_ERROR:
		return io_of_error(ctx, io ? io : most, part, ret);
	case BP_FAULT_DROP:
		if (io && (io & BP_FAULT_READS || !(io & BP_FAULT_WRITES)))
			return bp_fail(ctx, -EINVAL, "drop: only writes can be lost");
		*ret = BP_FAULT_WRITES | (part ? 0 : BP_FAULT_FLUSHES);
		return 0;
	case BP_FAULT_CORRUPT:
		if (io && io != BP_FAULT_READS && io != BP_FAULT_WRITES)
			return bp_fail(ctx, -EINVAL, "corrupt: reads or writes, one of both");
		*ret = io ? io : BP_FAULT_READS;
		return 0;
	case BP_FAULT_BAD_SECTORS:
		if (io)
			return bp_fail(ctx, -EINVAL,
				       "bad-sectors: such blocks neither read nor write");
		*ret = BP_FAULT_READS | BP_FAULT_WRITES;
		return 0;
	case BP_FAULT_FULL:
		if (io & ~(uint32_t)BP_FAULT_WRITES)
			return bp_fail(ctx, -EINVAL, "full: only writes need space");
		*ret = BP_FAULT_WRITES;
		return 0;
	case BP_FAULT_POWER_CUT:
		if (part || (io && io != ALL))
			return bp_fail(ctx, -EINVAL,
				       "power-cut: it is of all I/O of a whole device");
		*ret = ALL;
		return 0;
	}
	return bp_fail(ctx, -EINVAL, "fault: no kind that is known");
}

/* --- where --- */

static int by_start(const void *a, const void *b)
{
	const struct bp_fault_range *x = a, *y = b;

	return x->start_sectors < y->start_sectors ? -1 : x->start_sectors > y->start_sectors;
}

/* Sorted and without overlap: every later step relies on it. */
void fault_ranges_unite(struct fault_ranges *ranges)
{
	size_t n = 0;

	if (!ranges->count)
		return;
	qsort(ranges->items, ranges->count, sizeof(*ranges->items), by_start);
	for (size_t i = 1; i < ranges->count; i++) {
		struct bp_fault_range *last = &ranges->items[n];
		const struct bp_fault_range *next = &ranges->items[i];
		bp_sector end = last->start_sectors + last->length_sectors;

		if (next->start_sectors > end)
			ranges->items[++n] = *next;
		else if (next->start_sectors + next->length_sectors > end)
			last->length_sectors = next->start_sectors + next->length_sectors -
					       last->start_sectors;
	}
	ranges->count = n + 1;
}

/* None given is the whole device. */
static int add_ranges(struct bp_ctx *ctx, const struct bp_fault *fault, bp_sector length,
		      struct fault_ranges *ret)
{
	const struct bp_fault_range whole = { .length_sectors = length };
	const struct bp_fault_range *from = fault->nr_ranges ? fault->ranges : &whole;
	size_t count = fault->nr_ranges ? fault->nr_ranges : 1;

	for (size_t i = 0; i < count; i++) {
		if (!from[i].length_sectors)
			return bp_fail(ctx, -EINVAL, "range: it is empty");
		if (from[i].start_sectors >= length ||
		    from[i].length_sectors > length - from[i].start_sectors)
			return bp_fail(ctx, -ERANGE,
				       "range: %" PRIu64 "+%" PRIu64
				       " sectors reach beyond the device, which has %" PRIu64,
				       from[i].start_sectors, from[i].length_sectors, length);
		if (vec_add(ret, &from[i]) < 0)
			return bp_fail_memory(ctx);
	}
	fault_ranges_unite(ret);
	return 0;
}

/* --- bad sectors --- */

/* Steele, Lea and Flood: Fast splittable pseudorandom number generators, 2014. */
uint64_t fault_random(uint64_t *state)
{
	uint64_t z = *state += GOLDEN_GAMMA;

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static bp_sector blocks_in(const struct fault_ranges *ranges, bp_sector block)
{
	bp_sector blocks = 0;

	for (size_t i = 0; i < ranges->count; i++)
		blocks += ranges->items[i].length_sectors / block;
	return blocks;
}

static struct bp_fault_range block_of(const struct fault_ranges *ranges, bp_sector block,
				      bp_sector n)
{
	size_t i = 0;

	for (; n >= ranges->items[i].length_sectors / block; i++)
		n -= ranges->items[i].length_sectors / block;
	return (struct bp_fault_range){ ranges->items[i].start_sectors + n * block, block };
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/*
 * @count different numbers below @blocks, ascending: Floyd's way, of which each step draws one. What
 * was drawn is kept sorted, so this is quadratic in @count, which is bounded.
 */
static void choose(uint64_t seed, bp_sector blocks, size_t count, uint64_t *chosen)
{
	for (size_t n = 0; n < count; n++) {
		uint64_t limit = blocks - count + n, pick = fault_random(&seed) % (limit + 1);

		if (bsearch(&pick, chosen, n, sizeof(*chosen), by_number))
			pick = limit;
		size_t at = n;

		for (; at > 0 && chosen[at - 1] > pick; at--)
			chosen[at] = chosen[at - 1];
		chosen[at] = pick;
	}
}

/* By seed: the same seed gives the same bad blocks. */
static int choose_bad(struct bp_ctx *ctx, const struct bp_fault *fault,
		      struct fault_ranges *ranges)
{
	uint32_t bytes = fault->bad_block_bytes ? fault->bad_block_bytes : BAD_BYTES;
	size_t count = fault->bad_count ? fault->bad_count : 1;
	bp_sector block = bp_bytes_to_sector(bytes), blocks;
	_cleanup_(freep) uint64_t *chosen = NULL;
	struct fault_ranges bad = { 0 };

	if (bytes < BP_SECTOR_BYTES || !is_power_of_two(bytes))
		return bp_fail(ctx, -EINVAL,
			       "bad-sectors: blocks of %" PRIu32
			       " bytes: it has to be a power of two of 512 or more",
			       bytes);
	blocks = blocks_in(ranges, block);
	if (count > FAULT_BAD_MAX || count > blocks)
		return bp_fail(ctx, -ERANGE,
			       "bad-sectors: %zu blocks: at most %" PRIu64 " there", count,
			       MIN(blocks, FAULT_BAD_MAX));
	chosen = calloc(count, sizeof(*chosen));
	if (!chosen || vec_reserve(&bad, count) < 0)
		return bp_fail_memory(ctx);
	choose(fault->seed, blocks, count, chosen);
	for (size_t i = 0; i < count; i++)
		bad.items[bad.count++] = block_of(ranges, block, chosen[i]);
	fault_ranges_unite(&bad);
	vec_done(ranges);
	*ranges = bad;
	return 0;
}

/* --- all of it --- */

static int check_numbers(struct bp_ctx *ctx, const struct bp_fault *fault)
{
	if (fault->corrupt_value > UINT8_MAX)
		return bp_fail(ctx, -EINVAL, "corrupt: value %" PRIu32 " is no byte",
			       fault->corrupt_value);
	if (fault->for_ms < 0 || fault->for_ms > FOR_MAX_MS)
		return bp_fail(ctx, -EINVAL, "fault: for at most a year");
	return 0;
}

/* From the root on: who heals stands elsewhere. A name that is no line is not kept. */
static int keep_file(struct bp_ctx *ctx, const struct bp_fault *fault,
		     struct fault_record *record)
{
	_cleanup_(freep) char *here = *fault->file == '/' ? strdup("") : getcwd(NULL, 0);

	if (strchr(fault->file, '\n') || (here && strchr(here, '\n')))
		return 0;
	if (!here ||
	    asprintf(&record->file, "%s%s%s", here, *here ? "/" : "", fault->file) < 0) {
		record->file = NULL;
		return bp_fail_memory(ctx);
	}
	record->whole_file = fault->whole_file && fault->kind != BP_FAULT_BAD_SECTORS;
	return 0;
}

/*
 * Two clocks: since is the wall's, for people; until is the machine's own, which nobody
 * sets back.
 */
int fault_record_init(struct bp_ctx *ctx, const struct bp_fault *fault, bp_sector length,
		      struct fault_record *ret)
{
	struct fault_record record = {
		.kind = fault->kind,
		.delay_ms = fault->delay_ms ? fault->delay_ms : SLOW_MS,
		.corrupt_byte = fault->corrupt_byte ? fault->corrupt_byte : 1,
		.corrupt_value = fault->corrupt_value,
		.since_ms = fault_unix_ms(),
		.until_ms = fault->for_ms ? fault_clock_ms() + fault->for_ms : 0,
	};
	bool part = false;
	int r = check_numbers(ctx, fault);

	if (r == 0)
		r = add_ranges(ctx, fault, length, &record.ranges);
	if (r == 0)
		part = record.ranges.count != 1 ||
		       record.ranges.items[0].length_sectors != length;
	if (r == 0)
		r = fault_io_of(ctx, fault->kind, fault->io, part, &record.io);
	if (r == 0 && fault->file)
		r = keep_file(ctx, fault, &record);
	if (r == 0 && fault->kind == BP_FAULT_BAD_SECTORS)
		r = choose_bad(ctx, fault, &record.ranges);
	if (r < 0) {
		fault_record_done(&record);
		return r;
	}
	*ret = record;
	return 0;
}
