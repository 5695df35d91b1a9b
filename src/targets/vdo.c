/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vdo V4 STORAGE_DEV BLOCKS MIN_IO CACHE ERA [KEY VALUE...], and the lines of older versions.
 * Kernels print the words as they were given. Source: Linux, drivers/md/dm-vdo/dm-vdo-target.c.
 */
#include "targets/vdo.h"
#include "targets/grammar/condition.h"
#include "targets/grammar/judge.h"

#include "core/number.h"

#include <inttypes.h>
#include <stdio.h>

/* Each logical zone needs so many blocks of the block map cache. */
#define CACHE_PER_LOGICAL 4096
/* What the documentation wants, and kernels don't insist on. */
#define CACHE_DOCUMENTED 32768
#define ERA_DOCUMENTED   16380
/* From 7.2 on: 4 PiB; options for formatting, which 6.12 is known to be without. */
#define LENGTH_MAX      (UINT64_C(1) << 43)
#define FORMATS         0x0702
#define FORMATS_NOT     0x060c
#define BLOCK_SECTORS   8
#define SLAB_BLOCKS_MIN 8192
#define SLAB_BLOCKS_MAX 8388608

static const struct arg_word versions[] = {
	{ "V4", BP_VDO_V4 },
	{ "V3", BP_VDO_V3 },
	{ "V2", BP_VDO_V2 },
	{ "V1", BP_VDO_V1 },
	{ "V", 0, .prefix = true }, /* any other number */
	{ NULL },
};

static const struct arg_word on_off[] = {
	{ "on", BP_ON },
	{ "off", BP_OFF },
	{ NULL },
};

/* A number of threads or zones. */
#define THREADS(member, lo, hi, by_default, text)                                              \
	ARG_MAYBE(struct bp_vdo, member, lo, hi, text, .def = by_default, .flags = ARG_PLUS)

/* Our order is the one in which they are best read; kernels keep what they are given. */
static const struct arg options[] = {
	THREADS(ack, 0, 100, "1", "threads that acknowledge I/O"),
	THREADS(bio, 1, 100, "4", "threads that do I/O on the storage"),
	ARG_MAYBE(struct bp_vdo, bio_rotation_interval, 1, 1024,
		  "so many I/Os go to one of these threads before the next one's turn",
		  .word = "bioRotationInterval", .def = "64", .flags = ARG_PLUS),
	THREADS(cpu, 1, 100, "1", "threads that hash and compress"),
	THREADS(hash, 0, 100, "0", "zones that look for duplicates"),
	THREADS(logical, 0, 60, "0", "zones of logical blocks"),
	THREADS(physical, 0, 16, "0", "zones of physical blocks"),
	ARG_MAYBE(struct bp_vdo, max_discard_mblocks, 1, 1048575, "the longest discard",
		  .word = "maxDiscard", .def = "1", .flags = ARG_PLUS),
	ARG_CHOICE(struct bp_vdo, compression, on_off, "compress new blocks", .def = "off"),
	ARG_CHOICE(struct bp_vdo, deduplication, on_off, "look for duplicates of new blocks",
		   .def = "on"),
	ARG_TEXT(struct bp_vdo, index_memory_gib,
		 "while formatting: for the index: 0.25, 0.5, 0.75, 1 to 1024",
		 .word = "indexMemory", .since = FORMATS, .absent = FORMATS_NOT),
	ARG_CHOICE(struct bp_vdo, index_sparse, on_off,
		   "while formatting: remember ten times more", .word = "indexSparse",
		   .since = FORMATS, .absent = FORMATS_NOT),
	ARG_MAYBE(struct bp_vdo, slab_mblocks, SLAB_BLOCKS_MIN, SLAB_BLOCKS_MAX,
		  "while formatting: blocks of a slab", .word = "slabSize", .since = FORMATS,
		  .absent = FORMATS_NOT, .flags = ARG_PLUS | ARG_POWER_OF_2),
	ARG_PAIRS(struct bp_vdo, unknown, nr_unknown, "what kernels do not know, and log"),
	ARG_END,
};

#define PHYSICAL                                                                               \
	ARG_NUMBER(struct bp_vdo, physical_mblocks, 1, UINT64_MAX,                             \
		   "how much of the storage the volume has", .flags = ARG_PLUS,                \
		   .usual = "%size:storage_dev")
#define MINIMUM_IO                                                                             \
	ARG_NUMBER(struct bp_vdo, minimum_io_bytes, 512, 4096,                                 \
		   "the logical block to show: 512 or 4096", .flags = ARG_PLUS,                \
		   .usual = "4096")
#define BLOCK_MAP                                                                              \
	ARG_NUMBER(struct bp_vdo, block_map_cache_mblocks, 0, UINT32_MAX,                      \
		   "cache of the block map, 32768 or more", .flags = ARG_PLUS,                 \
		   .usual = "32768"),                                                          \
		ARG_NUMBER(struct bp_vdo, block_map_era, 1, UINT32_MAX,                        \
			   "how long dirty pages stay in it, 1 to 16380", .flags = ARG_PLUS,   \
			   .usual = "16380")
#define IGNORED(member) ARG_TEXT(struct bp_vdo, member, "of old lines: ignored")

static const struct arg v4[] = {
	PHYSICAL, MINIMUM_IO, BLOCK_MAP, ARG_OPTIONS_REST(options, .flags = ARG_REPEAT),
	ARG_END,
};

static const struct arg v3[] = {
	PHYSICAL,
	MINIMUM_IO,
	BLOCK_MAP,
	IGNORED(write_policy),
	ARG_OPTIONS_REST(options, .flags = ARG_REPEAT),
	ARG_END,
};

static const struct arg v2[] = {
	PHYSICAL,
	MINIMUM_IO,
	BLOCK_MAP,
	IGNORED(md_raid5),
	IGNORED(write_policy),
	IGNORED(pool_name),
	ARG_OPTIONS_REST(options, .flags = ARG_REPEAT),
	ARG_END,
};

static const struct arg v0[] = {
	MINIMUM_IO,
	IGNORED(read_cache),
	IGNORED(read_cache_blocks),
	BLOCK_MAP,
	IGNORED(md_raid5),
	IGNORED(write_policy),
	IGNORED(pool_name),
	ARG_TEXT(struct bp_vdo, threads, "of old lines: '.', or 'ack=1,bio=4' and so on"),
	ARG_END,
};

static const struct arg physical[] = { PHYSICAL, ARG_END };

static const struct arg args[] = {
	ARG_CHOICE(struct bp_vdo, table_version, versions,
		   "of the line; the oldest ones have none", .value = BP_VDO_V0, .def = "V4",
		   .flags = ARG_PEEK | ARG_DEFAULT),
	ARG_DEV(struct bp_vdo, storage_dev, "holds all of the volume"),
	ARG_WHEN(struct bp_vdo, table_version, BP_VDO_V4, v4, .flags = ARG_DEFAULT),
	ARG_WHEN(struct bp_vdo, table_version, BP_VDO_V3, v3),
	ARG_WHEN(struct bp_vdo, table_version, BP_VDO_V2, v2),
	ARG_WHEN(struct bp_vdo, table_version, BP_VDO_V1, physical),
	ARG_WHEN(struct bp_vdo, table_version, BP_VDO_V1, v0),
	ARG_WHEN(struct bp_vdo, table_version, BP_VDO_V0, v0),
	ARG_END,
};

/* --- status and messages --- */

static const struct arg_word modes[] = {
	{ "normal", BP_VDO_NORMAL },
	{ "recovering", BP_VDO_RECOVERING },
	{ "read-only", BP_VDO_READ_ONLY },
	{ NULL },
};

static const struct arg_word indices[] = {
	{ "closed", BP_VDO_INDEX_CLOSED },
	{ "closing", BP_VDO_INDEX_CLOSING },
	{ "error", BP_VDO_INDEX_ERROR },
	{ "offline", BP_VDO_INDEX_OFFLINE },
	{ "online", BP_VDO_INDEX_ONLINE },
	{ "opening", BP_VDO_INDEX_OPENING },
	{ "suspended", BP_VDO_INDEX_SUSPENDED },
	{ "unknown", BP_VDO_INDEX_UNKNOWN },
	{ NULL },
};

static const struct arg_word compressions[] = {
	{ "online", BP_VDO_COMPRESSION_ONLINE },
	{ "offline", BP_VDO_COMPRESSION_OFFLINE },
	{ NULL },
};

static const struct arg status[] = {
	ARG_DEV(struct bp_vdo_status, dev, "holds all of the volume"),
	ARG_CHOICE(struct bp_vdo_status, mode, modes, "what the volume can do now"),
	ARG_FLAG(struct bp_vdo_status, recovering, "it is repairing itself", .flags = ARG_DASH),
	ARG_CHOICE(struct bp_vdo_status, index, indices, "state of the index of duplicates"),
	ARG_CHOICE(struct bp_vdo_status, compression, compressions,
		   "are new blocks compressed?"),
	ARG_NUMBER(struct bp_vdo_status, used_mblocks, 0, UINT64_MAX,
		   "blocks in use, for data and overhead"),
	ARG_NUMBER(struct bp_vdo_status, total_mblocks, 0, UINT64_MAX, "blocks of the storage"),
	ARG_END,
};

static const struct arg compress_args[] = {
	ARG_CHOICE(struct bp_vdo_compress, compression, on_off, "compress new blocks",
		   .flags = ARG_NOCASE),
	ARG_END,
};

static const struct arg_word parts[] = {
	{ "all", BP_VDO_PART_ALL },          { "default", BP_VDO_PART_DEFAULT },
	{ "viopool", BP_VDO_PART_VIO_POOL }, { "vdo", BP_VDO_PART_VDO },
	{ "pools", BP_VDO_PART_POOLS },      { "queues", BP_VDO_PART_QUEUES },
	{ "threads", BP_VDO_PART_THREADS },  { NULL },
};

static const struct arg dump_part[] = {
	ARG_CHOICE(struct bp_vdo_dump_part, part, parts, "a part of the volume",
		   .flags = ARG_NOCASE),
	ARG_END,
};

static const struct arg dump_args[] = {
	ARG_EACH(struct bp_vdo_dump, parts, nr_parts, dump_part, "what to write",
		 .flags = ARG_REST),
	ARG_END,
};

static const struct target_message messages[] = {
	{ "stats", "", "answer with all counters", 0, NULL },
	{ "config", "", "answer with sizes and the index's settings", 0, NULL },
	{ "compression", "on|off", "compress new blocks", sizeof(struct bp_vdo_compress),
	  compress_args },
	{ "index-close", "", "close the index of duplicates", 0, NULL },
	{ "index-create", "", "make a new one", 0, NULL },
	{ "index-disable", "", "look for no duplicates", 0, NULL },
	{ "index-enable", "", "look for duplicates", 0, NULL },
	{ "dump", "[PART...]", "write the volume's state into the kernel log",
	  sizeof(struct bp_vdo_dump), dump_args },
	{ "dump-on-shutdown", "", "do so when it is shut down", 0, NULL },
	{ NULL },
};

/* --- rules --- */

/*
 * All zero is one thread for all; a mix is refused. Source:
 * drivers/md/dm-vdo/dm-vdo-target.c.
 */
static void check_zones(struct check *c, const struct bp_vdo *vdo)
{
	const bool hash = vdo->hash.value, logical = vdo->logical.value,
		   physical_zones = vdo->physical.value;
	const char *name = hash ? "hash" : logical ? "logical" : "physical";

	if (hash != logical || logical != physical_zones)
		check_refuse(c, name, NULL,
			     "hash, logical and physical must all be 0, or none of them");
	if (vdo->logical.value <= UINT32_MAX &&
	    vdo->block_map_cache_mblocks < CACHE_PER_LOGICAL * vdo->logical.value)
		check_refuse(c, "block_map_cache_mblocks", NULL,
			     "%" PRIu64 " logical zones need %d blocks each",
			     vdo->logical.value, CACHE_PER_LOGICAL);
	else if (vdo->block_map_cache_mblocks < CACHE_DOCUMENTED)
		check_found(c, BP_SEVERITY_WARNING, "block_map_cache_mblocks", "32768 or more",
			    "less than the documented minimum, which kernels don't insist on");
}

/* An option that kernels do not know: they log a number, and refuse anything else. */
static void check_unknown(struct check *c, const struct bp_vdo *vdo, size_t i)
{
	const struct bp_pair *pair = &vdo->unknown[i];
	char name[48];
	uint64_t value;

	snprintf(name, sizeof(name), "unknown.%zu.key", i);
	if (number_parse(pair->value, UINT32_MAX, &value) < 0)
		check_refuse(c, name, NULL, "there is no option '%s'", pair->key);
	else
		check_found(c, BP_SEVERITY_WARNING, name, NULL,
			    "there is no option '%s': kernels log that and go on without it",
			    pair->key);
}

/* In GiB, as text: three fractions, or whole ones. */
static void check_index_memory(struct check *c, const char *text)
{
	static const char *const shares[] = { "0.25", "0.5", "0.50", "0.75" };
	uint64_t value;

	if (!text)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(shares); i++)
		if (streq(shares[i], text))
			return;
	if (number_parse(text, UINT64_MAX, &value) < 0 || value < 1 || value > 1024)
		check_refuse(c, "index_memory_gib", "0.25, 0.5, 0.75 or 1 to 1024",
			     "out of range, in GiB");
}

/* The limit came with a release: unknown kernels get a warning. */
static void check_length(struct check *c)
{
	enum bp_answer limited = check_release(c, FORMATS);

	if (c->length_sectors % BLOCK_SECTORS)
		check_refuse(c, "length", "a multiple of 8",
			     "a volume has whole blocks of 4 KiB");
	if (c->length_sectors > LENGTH_MAX && limited != BP_ANSWER_NO)
		check_found(
			c, limited == BP_ANSWER_YES ? BP_SEVERITY_REFUSED : BP_SEVERITY_WARNING,
			"length", NULL, "Linux 7.2 takes at most %" PRIu64 " sectors (4 PiB)",
			LENGTH_MAX);
}

/* The volume that is live where the table is to go; NULL: none. */
static const struct bp_vdo *live_vdo(const struct check *c, bp_sector *ret_length)
{
	const struct bp_segment *s = c->opts.live ? bp_table_get(c->opts.live, 0) : NULL;

	if (!s || !s->params || !streq(s->target, "vdo"))
		return NULL;
	*ret_length = s->length_sectors;
	return s->params;
}

/* What a number is when it is not given. */
static uint64_t number_or(const struct bp_number *number, uint64_t otherwise)
{
	return number->is_set ? number->value : otherwise;
}

/* Defaults are what the kernel uses where a word is not given. */
static bool same_threads(const struct bp_vdo *a, const struct bp_vdo *b)
{
	return number_or(&a->ack, 1) == number_or(&b->ack, 1) &&
	       number_or(&a->bio, 4) == number_or(&b->bio, 4) &&
	       number_or(&a->bio_rotation_interval, 64) ==
		       number_or(&b->bio_rotation_interval, 64) &&
	       number_or(&a->cpu, 1) == number_or(&b->cpu, 1) &&
	       a->hash.value == b->hash.value && a->logical.value == b->logical.value &&
	       a->physical.value == b->physical.value;
}

/* A live volume can grow, and change maxDiscard, compression and deduplication: no more. */
static void check_live(struct check *c, const struct bp_vdo *vdo)
{
	bp_sector length = 0;
	const struct bp_vdo *live = live_vdo(c, &length);

	if (!live)
		return;
	if (c->length_sectors < length)
		check_refuse(c, "length", NULL,
			     "the live volume has %" PRIu64 " sectors: it can't "
			     "shrink",
			     length);
	if (vdo->table_version != BP_VDO_V0 && live->table_version != BP_VDO_V0 &&
	    vdo->physical_mblocks < live->physical_mblocks)
		check_refuse(c, "physical_mblocks", NULL,
			     "the live volume has %" PRIu64 ": it can't shrink",
			     live->physical_mblocks);
	if (live->storage_dev && vdo->storage_dev && c->opts.lookup &&
	    !check_same_dev(c, live->storage_dev, vdo->storage_dev))
		check_refuse(c, "storage_dev", live->storage_dev,
			     "a live volume keeps its storage");
	if (vdo->minimum_io_bytes != live->minimum_io_bytes)
		check_refuse(c, "minimum_io_bytes", NULL, "can't change in a live volume");
	if (vdo->block_map_cache_mblocks != live->block_map_cache_mblocks)
		check_refuse(c, "block_map_cache_mblocks", NULL,
			     "can't change in a live volume");
	if (vdo->block_map_era != live->block_map_era)
		check_refuse(c, "block_map_era", NULL, "can't change in a live volume");
	if (!vdo->threads && !live->threads && !same_threads(vdo, live))
		check_refuse(c, NULL, NULL, "threads and zones can't change in a live volume");
}

/* Documented bounds that kernels don't insist on are warnings: such volumes exist. */
static void check(struct check *c, const void *params)
{
	const struct bp_vdo *vdo = params;
	bp_sector physical_sectors;

	check_length(c);
	if (vdo->minimum_io_bytes > 512 && vdo->minimum_io_bytes < 4096)
		check_refuse(c, "minimum_io_bytes", "512 or 4096", "out of range, in bytes");
	if (vdo->block_map_era > ERA_DOCUMENTED)
		check_found(c, BP_SEVERITY_WARNING, "block_map_era", "1 to 16380",
			    "more than the documented maximum, which kernels don't insist on");
	check_zones(c, vdo);
	check_index_memory(c, vdo->index_memory_gib);
	for (size_t i = 0; i < vdo->nr_unknown; i++)
		check_unknown(c, vdo, i);
	check_live(c, vdo);
	if (!mul_overflow(vdo->physical_mblocks, BLOCK_SECTORS, &physical_sectors))
		check_range(c, "storage_dev", vdo->storage_dev, 0, physical_sectors);
	else
		check_refuse(c, "physical_mblocks", NULL, "larger than any device");
}

/* clang-format off */
#define VDO_FIXED(text, argument) \
	{ text, argument, "a live vdo keeps this value", "the value it has" }
#define VDO_FORMAT(text) \
	{ text, "storage_dev", "the kernel could not format the device: its own lines say why", \
	  "a larger device, or format it first" , .vague = true }

static const struct rule rules[] = {
	{ "Unknown version number detected", "table_version", "this kernel does not know this version of table",
	  "V4" },
	{ "Incorrect number of arguments for version", NULL,
	  "this version of table has another number of arguments",
	  "V4 DEV PHYSICAL_BLOCKS 512|4096 CACHE_BLOCKS ERA [KEY VALUE]..." },
	{ "Invalid thread-count configuration", "threads", "a number of threads is out of range",
	  "bio, ack, cpu: up to 100; hash, logical, physical: see their ranges" },
	{ "Odd number of optional arguments given but they should be <key> <value> pairs", NULL,
	  "each option has a value", "KEY VALUE pairs" },
	{ "Invalid optional argument configuration", NULL,
	  "an option is not known, or its value is out of range", NULL },
	{ "Logical size must be a multiple of 4096", "length", "a vdo is whole 4096-byte blocks",
	  "a multiple of 8 sectors" },
	{ "Incorrect number of arguments", NULL, "vdo has six arguments at least",
	  "V4 DEV PHYSICAL_BLOCKS 512|4096 CACHE_BLOCKS ERA [KEY VALUE]..." },
	RULE_NO_MEMORY("Could not allocate config structure"),
	RULE_NO_MEMORY("Could not populate string"),
	RULE_NO_MEMORY("Could not copy parent device name"),
	{ "Invalid physical block count", "physical_mblocks", "it must be a number of 4096-byte blocks",
	  "decimal digits" },
	{ "Invalid logical block size", "minimum_io_bytes", "there are two sizes", "512 or 4096" },
	{ "Invalid block map page cache size", "block_map_cache_mblocks",
	  "the cache has 128 blocks or more", "128 or more" },
	{ "Invalid block map maximum age", "block_map_era", "the age is out of range", "1 to 16380" },
	{ "Pool name not in expected location", "pool_name",
	  "this version of table has the pool's name at a fixed place", "version V4" },
	{ "Logical, physical, and hash zones counts must all be zero or all non-zero", "logical",
	  "logical, physical and hash go together", "all of them, or none" },
	{ "Insufficient block map cache for logical zones", "block_map_cache_mblocks",
	  "the cache has 4096 blocks or more for each logical thread", "4096 times logical" },
	RULE_NO_DEVICE("Unable to open storage device", "storage_dev"),
	{ "Cannot share storage device with already-running VDO", "storage_dev",
	  "another vdo has this device", "another device" },
	VDO_FIXED("Starting sector cannot change", "start"),
	VDO_FIXED("Logical block size cannot change", "minimum_io_bytes"),
	{ "Can't shrink VDO logical size", "length", "a vdo can only grow", "its length or more" },
	VDO_FIXED("Block map cache size cannot change", "block_map_cache_mblocks"),
	VDO_FIXED("Block map maximum age cannot change", "block_map_era"),
	VDO_FIXED("Thread configuration cannot change", "threads"),
	{ "Removing physical storage from a VDO is not supported", "physical_mblocks",
	  "a vdo can only grow", "its size or more" },
	{ "VDO physical size may not grow in current state", "physical_mblocks",
	  "a vdo that is read-only or recovers can't grow", "wait, or repair it first" },
	{ "Device vdo_prepare_to_grow_logical failed", "length",
	  "the vdo could not grow: its own lines say why", NULL, .vague = true },
	{ "Device vdo_prepare_to_grow_physical failed (specified physical size too big based on "
	  "formatted slab size)", "physical_mblocks",
	  "a vdo has 8192 slabs at most, of the size it was formatted with", "a smaller size" },
	{ "Device vdo_prepare_to_grow_physical failed", "physical_mblocks",
	  "the vdo could not grow: its own lines say why", NULL, .vague = true },
	{ "Could not load geometry block", "storage_dev", "the device's first block can't be read",
	  "a device that is formatted for vdo" },
	RULE_NO_MEMORY("Cannot create thread configuration"),
	RULE_NO_MEMORY("cannot allocate LZ4 context"),
	{ "Cannot add VDO to device registry", "storage_dev", "another vdo has this device",
	  "another device" },
	{ "Unspecified error", NULL, "the target gave no reason: its own lines may", NULL },
	RULE_NO_MEMORY("Cannot allocate VDO"),
	RULE_NO_MEMORY("Cannot allocate thread structures"),
	RULE_NO_MEMORY("Cannot make admin thread"),
	RULE_NO_MEMORY("Cannot make flusher zones"),
	RULE_NO_MEMORY("Cannot make packer zones"),
	RULE_NO_MEMORY("Cannot allocate data_vio pool"),
	RULE_NO_MEMORY("bio submission initialization failed"),
	RULE_NO_MEMORY("bio ack queue initialization failed"),
	RULE_NO_MEMORY("CPU queue initialization failed"),
	{ "Logical size exceeds the maximum", "length", "a vdo has 2^40 blocks of 4096 bytes at most",
	  "4 PiB at most" },
	VDO_FORMAT("Could not initialize volume geometry during format"),
	{ "Could not allocate enough space for VDO during format", "physical_mblocks",
	  "the device has no room for index, journals and a slab", "a larger device, or smaller slabs" },
	VDO_FORMAT("Could not initialize data layout during format"),
	VDO_FORMAT("Could not initialize geometry block"),
	VDO_FORMAT("Could not initialize super block"),
	{ "Could not parse geometry block", "storage_dev",
	  "the device's first block is neither empty nor of vdo", "a device that is formatted for vdo" },
	/* Its own lines. */
	{ "maximum age must be greater than 0", "block_map_era", "the age is out of range",
	  "1 to 16380" },
	{ "A physical size of", "physical_mblocks",
	  "the size must be the one that the vdo was formatted with, or grown to",
	  "the size that the line names last" },
	{ "Not enough space to make a VDO", "storage_dev",
	  "the device has no room for index, journals and a slab", "a larger device, or smaller slabs" },
	{ NULL },
};
/* clang-format on */

/* Read-only is final: vdo leaves it only by a rebuild that is forced. */
static void judge(struct judge *j, const void *p)
{
	const struct bp_vdo_status *s = p;
	const unsigned used = judge_percent(s->used_mblocks, s->total_mblocks);

	if (s->mode == BP_VDO_READ_ONLY)
		judge_say(j, BP_VERDICT_STOP,
			  "copy the data off; the kernel's log says what failed",
			  "vdo has met an error that it can't mend, and takes no writes any "
			  "more");
	if (s->mode == BP_VDO_RECOVERING || s->recovering)
		judge_say(j, BP_VERDICT_HARMLESS, NULL,
			  "vdo was not shut down in order, and counts its blocks in the "
			  "background");
	if (used >= 90)
		judge_say(j, BP_VERDICT_ACT,
			  "make the storage device larger and reload the table",
			  "%u %% of the storage are used: when it is full, writes fail", used);
	judge_say(j, BP_VERDICT_HARMLESS, NULL, "vdo works: %u %% of its storage are used",
		  used);
}

/* Recovering is told although it ends by itself: space is not exact meanwhile. */
static void conditions(struct conditions *c, const struct bp_status *now, const void *p)
{
	const struct bp_vdo_status *s = now->values;

	(void)p;
	if (s && s->mode == BP_VDO_READ_ONLY)
		condition_add(c, BP_EVENT_VDO_READ_ONLY, NULL,
			      "vdo has met an error that it can't mend, and is read-only");
	if (s && (s->mode == BP_VDO_RECOVERING || s->recovering))
		condition_add(c, BP_EVENT_VDO_RECOVERING, NULL,
			      "vdo counts its blocks in the background");
}

static const struct brief brief[] = {
	{ NULL, "mode", NULL },
	{ "used", "used_mblocks", "total_mblocks" },
	{ "recovering", "recovering", NULL },
	{ NULL },
};

const struct bp_target target_vdo = {
	.name = "vdo",
	.summary = "deduplicate, compress and allocate on first write",
	.module = "dm-vdo",
	.since = "6.9",
	.flags = BP_TARGET_SINGLETON | BP_TARGET_FORMATS,
	.size = sizeof(struct bp_vdo),
	.args = args,
	.status_size = sizeof(struct bp_vdo_status),
	.status = status,
	.brief = brief,
	.messages = messages,
	.check = check,
	.rules = rules,
	.log = BP_RESCUE ? NULL : vdo_log,
	.judge = judge,
	.conditions = conditions,
};
