/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshot ORIGIN COW STORE CHUNK [#FEATURES FEATURE...].
 * Source: Linux, drivers/md/dm-snap.c, dm-exception-store.c, dm-snap-persistent.c.
 */
#include "targets/snapshot.h"

#include <inttypes.h>

/* 2^31 - 1 bytes, rounded down to a power of two. */
#define CHUNK_MAX 2097152
/* 7.2 divides by the chunk's discard granularity, which is 0 below this; 6.12 does not. */
#define DISCARD_CHUNK_MIN 512
#define NO_CRASH          0x060c

/* Only the first letter counts, and the second behind a P. */
static const struct arg_word stores[] = {
	{ "PO", BP_SNAPSHOT_PERSISTENT_OVERFLOW, .prefix = true },
	{ "P", BP_SNAPSHOT_PERSISTENT },
	{ "N", BP_SNAPSHOT_TRANSIENT, .prefix = true },
	{ NULL },
};

static const struct arg features[] = {
	ARG_FLAG(struct bp_snapshot, discard_zeroes_cow,
		 "a discard makes zeros of what is in the snapshot"),
	ARG_FLAG(struct bp_snapshot, discard_passdown_origin,
		 "discards go on to the origin; needs discard_zeroes_cow"),
	ARG_END,
};

const struct arg snapshot_args[] = {
	ARG_DEV(struct bp_snapshot, origin_dev, "what the snapshot is of"),
	ARG_DEV(struct bp_snapshot, cow_dev, "holds what became different"),
	ARG_CHOICE(struct bp_snapshot, store, stores,
		   "P: persistent; PO: and overflow can be told apart; N: transient",
		   .flags = ARG_NOCASE),
	ARG_NUMBER(struct bp_snapshot, chunk_sectors, 0, CHUNK_MAX,
		   "what is copied at a time; 0: as the store's header has it",
		   .flags = ARG_PLUS | ARG_POWER_OF_2 | ARG_CHOSEN),
	ARG_OPTIONS(features, .max = 2, .flags = ARG_OPTIONAL | ARG_NOCASE | ARG_REPEAT),
	ARG_END,
};

static const struct arg cow_use[] = {
	ARG_NUMBER(struct bp_snapshot_status, used_sectors, 0, UINT64_MAX,
		   "of the COW device, metadata included"),
	ARG_NUMBER(struct bp_snapshot_status, total_sectors, 0, UINT64_MAX,
		   "size of the COW device"),
	ARG_END,
};

const struct arg snapshot_status[] = {
	ARG_SPLIT('/', cow_use),
	ARG_NUMBER(struct bp_snapshot_status, metadata_sectors, 0, UINT64_MAX,
		   "what of it is metadata", .flags = ARG_OPTIONAL),
	ARG_END,
};

const char *const snapshot_states[] = { "Invalid", "Overflow", "Merge failed", "Unknown",
					NULL };

/* Chunks must be multiples of a device's logical blocks. */
static void check_chunk(struct check *c, const struct bp_snapshot *snapshot, const char *dev)
{
	struct bp_bdev bdev;
	bp_sector block;

	if (!check_bdev(c, dev, &bdev))
		return;
	block = bp_bytes_to_sector(bdev.logical_block_bytes);
	if (block && snapshot->chunk_sectors % block)
		check_refuse(c, "chunk_sectors", NULL,
			     "not a multiple of the logical blocks of %s, %" PRIu64 " sectors",
			     dev, block);
}

static void check_features(struct check *c, const struct bp_snapshot *snapshot)
{
	if (snapshot->discard_passdown_origin && !snapshot->discard_zeroes_cow)
		check_refuse(c, "discard_passdown_origin", "discard_zeroes_cow as well",
			     "discard_passdown_origin needs discard_zeroes_cow");
	if (!snapshot->discard_zeroes_cow || snapshot->chunk_sectors >= DISCARD_CHUNK_MIN ||
	    (c->opts.kernel_release && c->opts.kernel_release <= NO_CRASH))
		return;
	check_found(
		c, BP_SEVERITY_CRASH, "chunk_sectors", "512 or more",
		"with discard_zeroes_cow and chunks below %d sectors Linux 7.2 divides by zero",
		DISCARD_CHUNK_MIN);
}

void snapshot_check(struct check *c, const void *params)
{
	const struct bp_snapshot *snapshot = params;

	if (snapshot->store == BP_SNAPSHOT_TRANSIENT && !snapshot->chunk_sectors)
		check_refuse(c, "chunk_sectors", "1 or more",
			     "a transient store has no header to take it from");
	check_features(c, snapshot);
	if (!snapshot->origin_dev || !snapshot->cow_dev)
		return;
	if (check_same_dev(c, snapshot->origin_dev, snapshot->cow_dev))
		check_refuse(c, "cow_dev", "another device", "it is the origin as well");
	check_range(c, "origin_dev", snapshot->origin_dev, 0, c->length_sectors);
	check_chunk(c, snapshot, snapshot->origin_dev);
	check_chunk(c, snapshot, snapshot->cow_dev);
}

int snapshot_length(const struct length_query *query, const void *params, bp_sector *ret)
{
	const struct bp_snapshot *snapshot = params;

	return length_of(query, snapshot->origin_dev, 0, ret);
}

const struct bp_target target_snapshot = {
	.name = "snapshot",
	.summary = "keep what a device was, by copying what changes",
	.module = "dm-snapshot",
	.since = "2.6",
	.flags = BP_TARGET_FORMATS,
	.size = sizeof(struct bp_snapshot),
	.args = snapshot_args,
	.ignores_extra = true,
	.status_size = sizeof(struct bp_snapshot_status),
	.status = snapshot_status,
	.states = snapshot_states,
	.check = snapshot_check,
	.length = snapshot_length,
};
