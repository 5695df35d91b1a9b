/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* unstriped #STRIPES CHUNK STRIPE DEV OFFSET. Source: Linux, drivers/md/dm-unstripe.c. */
#include "core/context.h"
#include "targets/grammar/rule.h"

#include <inttypes.h>
#include <stdio.h>

static const struct arg args[] = {
	ARG_NUMBER(struct bp_unstriped, nr_stripes, 1, UINT32_MAX, "how many stripes there are",
		   .flags = ARG_PLUS),
	ARG_NUMBER(struct bp_unstriped, chunk_sectors, 1, UINT32_MAX,
		   "what lies together in one stripe", .flags = ARG_PLUS),
	ARG_NUMBER(struct bp_unstriped, stripe, 0, UINT32_MAX, "which of the stripes, from 0",
		   .flags = ARG_PLUS),
	ARG_DEV(struct bp_unstriped, dev, "the striped device"),
	ARG_NUMBER(struct bp_unstriped, offset_sectors, 0, UINT64_MAX, "where in it to begin"),
	ARG_END,
};

/* The kernel lets a stripe pass that is one too large, and any if there is but one. */
static void check_stripe(struct check *c, const struct bp_unstriped *un)
{
	char right[32];

	if (un->stripe < un->nr_stripes || un->nr_stripes == 0)
		return;
	snprintf(right, sizeof(right), "0 to %" PRIu32, un->nr_stripes - 1);
	if (un->stripe > un->nr_stripes && un->nr_stripes > 1)
		check_refuse(c, "stripe", right, "there is no such stripe");
	else
		check_found(c, BP_SEVERITY_WARNING, "stripe", right,
			    "there is no such stripe, but the kernel does not mind");
}

/* The stripe's share of the device must have the segment; the kernel only looks at the whole.
 */
static void check_share(struct check *c, const struct bp_unstriped *un)
{
	struct bp_bdev bdev;
	bp_sector size, used;

	if (!check_bdev(c, un->dev, &bdev))
		return;
	size = bp_bytes_to_sector(bdev.size_bytes);
	if (mul_overflow(c->length_sectors, un->nr_stripes, &used) ||
	    add_overflow(used, un->offset_sectors, &used) || used > size)
		check_found(c, BP_SEVERITY_WARNING, "dev", NULL,
			    "the device, %" PRIu64 " sectors, is too small for %" PRIu32
			    " stripes of this length: reads and writes at the end will fail",
			    size, un->nr_stripes);
}

/* Source: Linux, drivers/md/dm-unstripe.c. */
static void check(struct check *c, const void *params)
{
	const struct bp_unstriped *un = params;

	check_stripe(c, un);
	if (un->chunk_sectors && c->length_sectors % un->chunk_sectors)
		check_refuse(c, "length", NULL, "must be a multiple of chunk_sectors, %" PRIu64,
			     un->chunk_sectors);
	check_range(c, "dev", un->dev, un->offset_sectors, c->length_sectors);
	if (un->stripe < un->nr_stripes)
		check_share(c, un);
}

/* Whole rows of chunks: what is left behind the last is in no stripe. */
static int length(const struct length_query *query, const void *params, bp_sector *ret)
{
	const struct bp_unstriped *un = params;
	bp_sector whole, row;
	int r = length_of(query, un->dev, un->offset_sectors, &whole);

	if (r < 0)
		return r;
	if (mul_overflow(un->chunk_sectors, un->nr_stripes, &row) || !row || whole < row)
		return bp_fail(query->ctx, -ERANGE,
			       "%s: shorter than a chunk of %" PRIu64
			       " sectors in each of %" PRIu32 " stripes",
			       un->dev, un->chunk_sectors, un->nr_stripes);
	*ret = whole / row * un->chunk_sectors;
	return 0;
}

/* clang-format off */
static const struct rule rules[] = {
	{ "Invalid number of arguments", NULL, "unstriped has five arguments",
	  "#STRIPES CHUNK STRIPE DEV OFFSET" },
	RULE_NO_MEMORY("Memory allocation for unstriped context failed"),
	{ "Invalid stripe count", "nr_stripes", "it must be a number", "1 or more" },
	{ "Invalid chunk_size", "chunk_sectors", "a chunk must be a number of sectors",
	  "1 to 4294967295" },
	{ "Invalid stripe number", "stripe", "it must be a number", "from 0" },
	{ "Please provide stripe between [0, # of stripes]", "stripe", "there is no such stripe",
	  "0 to the number of stripes less 1" },
	RULE_NO_DEVICE("Couldn't get striped device", "dev"),
	RULE_SECTOR("Invalid striped device offset", "offset_sectors"),
	{ "Target length not divisible by chunk size", "length", "the length must be whole chunks",
	  "a multiple of the chunk" },
	{ "Failed to set max io len", "chunk_sectors", "the chunk is too large", "a smaller chunk" },
	{ NULL },
};
/* clang-format on */

const struct bp_target target_unstriped = {
	.name = "unstriped",
	.summary = "map to one stripe of a striped device",
	.module = "dm-unstripe",
	.since = "4.16",
	.size = sizeof(struct bp_unstriped),
	.args = args,
	.check = check,
	.length = length,
	.rules = rules,
};
