/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshot ORIGIN COW STORE CHUNK [#FEATURES FEATURE...].
 * Source: Linux, drivers/md/dm-snap.c, dm-exception-store.c, dm-snap-persistent.c.
 */
#include "targets/snapshot.h"
#include "targets/grammar/judge.h"

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

/* Linux 7.2 divides by zero where it discards chunks that are smaller. */
static bool divides_by_zero(const struct check *c, const struct bp_snapshot *snapshot)
{
	return snapshot->discard_zeroes_cow && snapshot->chunk_sectors < DISCARD_CHUNK_MIN &&
	       (!c->opts.kernel_release || c->opts.kernel_release > NO_CRASH);
}

/*
 * The two features come together. What divides by zero is asked of the release, see
 * divides_by_zero().
 */
static void check_features(struct check *c, const struct bp_snapshot *snapshot)
{
	if (snapshot->discard_passdown_origin && !snapshot->discard_zeroes_cow)
		check_refuse(c, "discard_passdown_origin", "discard_zeroes_cow as well",
			     "discard_passdown_origin needs discard_zeroes_cow");
	if (divides_by_zero(c, snapshot))
		check_found(c, BP_SEVERITY_CRASH, "chunk_sectors", "512 or more",
			    "with discard_zeroes_cow and chunks below %d sectors Linux 7.2 "
			    "divides by zero",
			    DISCARD_CHUNK_MIN);
}

/* Shared with snapshot-merge. Source: drivers/md/dm-snap.c, snapshot_ctr(). */
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
	check_block_multiple(c, "chunk_sectors", snapshot->chunk_sectors, snapshot->origin_dev);
	check_block_multiple(c, "chunk_sectors", snapshot->chunk_sectors, snapshot->cow_dev);
}

/* The copies' device may be shorter: then the snapshot becomes invalid when it is full. */
int snapshot_length(const struct length_query *query, const void *params, bp_sector *ret)
{
	const struct bp_snapshot *snapshot = params;

	return length_of(query, snapshot->origin_dev, 0, ret);
}

/* clang-format off */
const struct rule snapshot_rules[] = {
	{ "Snapshot cow pairing for exception table handover failed", "cow_dev",
	  "a merging snapshot takes over from one live snapshot of the same store",
	  "the live snapshot's table, with the other target" },
	{ "A snapshot is already merging.", "origin_dev", "one snapshot of an origin merges at a time",
	  "wait for the other" },
	{ "Snapshot exception store does not support snapshot-merge.", "store",
	  "only a persistent store can be merged", "P" },
	RULE_COUNT("Invalid number of feature arguments", "#features"),
	{ "Unrecognised feature requested", "#features", "there are two features",
	  "discard_zeroes_cow, discard_passdown_origin" },
	{ "discard_passdown_origin feature depends on discard_zeroes_cow", "discard_passdown_origin",
	  "discard_passdown_origin goes with discard_zeroes_cow only", "both" },
	{ "requires 4 or more arguments", NULL, "a snapshot has four arguments at least",
	  "ORIGIN COW P|N CHUNK" },
	RULE_NO_MEMORY("Cannot allocate private snapshot structure"),
	RULE_NO_DEVICE("Cannot get origin device", "origin_dev"),
	{ "COW device cannot be the same as origin device", "cow_dev",
	  "the store must be another device than the origin", "another device" },
	RULE_NO_DEVICE("Cannot get COW device", "cow_dev"),
	{ "Couldn't create exception store", "store", "the store could not be made: the kernel's line "
	  "about it says why", "P or N, and a CHUNK", .vague = true },
	RULE_NO_MEMORY("Unable to allocate hash table space"),
	RULE_NO_MEMORY("Could not create kcopyd client"),
	RULE_NO_MEMORY("Could not allocate mempool for pending exceptions"),
	RULE_NO_MEMORY("Snapshot origin struct allocation failed"),
	{ "Failed to read snapshot metadata", "cow_dev", "the store's metadata can't be read",
	  "a store whose first chunk is zero, or that is whole" },
	{ "Chunk size not set", "chunk_sectors", "neither the store nor the table has a chunk size",
	  "a power of two" },
	{ "origin: incorrect number of arguments", NULL, "snapshot-origin has one argument", "DEV" },
	RULE_NO_MEMORY("Cannot allocate private origin structure"),
	RULE_NO_DEVICE("Cannot get target device", "dev"),
	{ "Invalid chunk size", "chunk_sectors", "a chunk must be a number of sectors",
	  "a power of two" },
	{ "Chunk size is not a power of 2", "chunk_sectors", "a chunk must be a power of two",
	  "a power of two" },
	{ "Chunk size is not a multiple of device blocksize", "chunk_sectors",
	  "a chunk must be whole logical blocks of origin and store", "a larger chunk" },
	{ "Chunk size is too high", "chunk_sectors", "a chunk has 2097152 sectors at most",
	  "a smaller chunk" },
	{ "Insufficient exception store arguments", "store", "a store has two arguments",
	  "P|N CHUNK" },
	RULE_NO_MEMORY("Exception store allocation failed"),
	{ "Exception store type is not P or N", "store", "a store is persistent or not", "P, PO or N" },
	{ "Exception store type not recognised", "store", "this kernel has no such store",
	  "P, PO or N" },
	{ "Exception store type constructor failed", "store", "the store does not take these options",
	  "P, PO or N" },
	{ NULL },
};
/* clang-format on */

/* clang-format off */
#define LOG_NEXT \
	"bedplate remove NAME; a new snapshot with a larger store"
#define LOG_NEXT_1 \
	"look at the devices below; then load and resume the table again"

/* What kernels say while it is in use, and its states. */
const struct rule snapshot_log[] = {
	LOG_STOP("Invalidating snapshot: Error reading/writing.",
		"the snapshot is lost for good: its store could not be read or written. The "
		"origin is whole",
		"look at the device of the store; then bedplate remove NAME"),
	LOG_STOP("Invalidating snapshot: Unable to allocate exception.",
		"the snapshot is lost for good: its store is full. The origin is whole",
		LOG_NEXT),
	LOG_STOP("Snapshot overflowed: Unable to allocate exception.",
		"the snapshot is lost for good: its store is full. The origin is whole",
		LOG_NEXT),
	LOG_STOP("Snapshot is marked invalid.",
		"the snapshot was lost earlier: its store was full or failed. The origin is "
		"whole",
		"bedplate remove NAME; a new snapshot"),
	LOG_STOP("Snapshot is invalid: can't merge",
		"a snapshot that is lost can't be merged into its origin",
		"bedplate remove NAME"),
	LOG_STOP("Read error*: shutting down merge*",
		"the merge stopped, because the store or the origin could not be read; what is "
		"merged stays merged",
		LOG_NEXT_1),
	LOG_STOP("Write error*: shutting down merge*",
		"the merge stopped, because the store or the origin could not be written; what "
		"is merged stays merged",
		LOG_NEXT_1),
	LOG_STOP("Flush after merge failed: shutting down merge",
		"the merge stopped, because the origin could not be flushed",
		LOG_NEXT_1),
	LOG_STOP("Corruption detected: exception for block * is on disk but not in memory",
		"the snapshot's store is damaged",
		"bedplate remove NAME; the merge can't go on"),
	LOG_STOP("Attempt to merge block *",
		"the snapshot's store is damaged",
		"bedplate remove NAME; the merge can't go on"),
	LOG_ACT("Unable to resume snapshot source until handover completes.",
		"a snapshot whose store another one takes over can't be resumed before that",
		"bedplate resume the new one first"),
	LOG_ACT("Unable to perform snapshot handover until source is suspended.",
		"the snapshot that hands over its store must be suspended first",
		"bedplate suspend the old one, then resume the new one"),
	LOG_HARMLESS("Cancelling snapshot handover.",
		"the store stays with the snapshot that has it"),
	LOG_HARMLESS("chunk size * in device metadata overrides table chunk size of *",
		"the store keeps the chunk size it was made with"),
	LOG_STOP("invalid on-disk chunk size *",
		"the store's header is damaged",
		"another store: the snapshot is lost"),
	{ .text = "Invalid or corrupt snapshot", .argument = "cow_dev",
	  .rule = "the store's header is neither empty nor of a snapshot",
	  .expected = "the snapshot's own store, or one whose first chunk is zero, where nothing on "
	  "it is needed",
	  .verdict = BP_VERDICT_STOP },
	{ .text = "unable to handle snapshot disk version *", .argument = "cow_dev",
	  .rule = "the store is of a version that this kernel does not know",
	  .expected = "a newer kernel",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "write header failed", .argument = "cow_dev",
	  .rule = "the store can't be written",
	  .expected = "look at the device of the store",
	  .verdict = BP_VERDICT_STOP },
	{ .text = "write_header failed", .argument = "cow_dev",
	  .rule = "the store can't be written",
	  .expected = "look at the device of the store",
	  .verdict = BP_VERDICT_STOP },
	{ .text = "zero_disk_area(0) failed", .argument = "cow_dev",
	  .rule = "the store can't be written",
	  .expected = "look at the device of the store",
	  .verdict = BP_VERDICT_STOP },
	{ .text = "Unsupported persistent store option: *", .argument = "store",
	  .rule = "a persistent store has one option, O",
	  .expected = "P or PO",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "Module for exstore type * not found.", .argument = "store",
	  .rule = "this kernel has no such store",
	  .expected = "P or N",
	  .verdict = BP_VERDICT_ACT },
	LOG_ACT("init_origin_hash failed.",
		"the kernel has no memory for it",
		"free memory, and load the module again"),
	LOG_STATE("Invalid", BP_VERDICT_STOP,
		"the snapshot is lost for good: its store was full or failed. The origin is "
		"whole",
		LOG_NEXT),
	LOG_STATE("Overflow", BP_VERDICT_STOP,
		"the snapshot is lost for good: its store is full. The origin is whole",
		LOG_NEXT),
	LOG_STATE("Merge failed", BP_VERDICT_STOP,
		"the merge stopped at an error; what is merged stays merged",
		LOG_NEXT_1),
	LOG_STATE("Unknown", BP_VERDICT_ACT,
		"the store does not say how full it is",
		"look at the device of the store"),
	{ NULL },
};
/* clang-format on */

static const char *const log_names[] = { "snapshots", "persistent snapshot",
					 "transient snapshot", "snapshot exception stores",
					 NULL };

/* 80 %: what a snapshot loses when it is full can't be had back, so it is said early. */
void snapshot_judge(struct judge *j, const void *p)
{
	const struct bp_snapshot_status *s = p;
	const unsigned used = judge_percent(s->used_sectors, s->total_sectors);

	if (used >= 80)
		judge_say(j, BP_VERDICT_ACT,
			  "make the store larger and reload the table, or remove the snapshot",
			  "%u %% of the store are used: when it is full, the snapshot is lost "
			  "for good",
			  used);
	judge_say(j, BP_VERDICT_HARMLESS, NULL,
		  "the snapshot is whole: %u %% of its store are used", used);
}

/* The three words that stand for the whole status. */
void snapshot_conditions(struct conditions *c, const struct bp_status *now, const void *p)
{
	const char *state = now->state ? now->state : "";

	(void)p;
	if (streq(state, "Overflow"))
		condition_add(c, BP_EVENT_SNAPSHOT_OVERFLOW, NULL,
			      "the snapshot's store is full: the snapshot is lost");
	else if (streq(state, "Invalid"))
		condition_add(
			c, BP_EVENT_SNAPSHOT_INVALID, NULL,
			"the snapshot is invalid: its store is full, or could not be written");
	else if (streq(state, "Merge failed"))
		condition_add(c, BP_EVENT_SNAPSHOT_MERGE_FAILED, NULL,
			      "merging the snapshot into its origin has failed");
}

static const struct brief brief[] = {
	{ "used", "used_sectors", "total_sectors" },
	{ NULL },
};

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
	.brief = brief,
	.states = snapshot_states,
	.check = snapshot_check,
	.length = snapshot_length,
	.rules = snapshot_rules,
	.log_names = log_names,
	.log = snapshot_log,
	.judge = snapshot_judge,
	.conditions = snapshot_conditions,
};
