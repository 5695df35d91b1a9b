/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * writecache p|s ORIGIN_DEV CACHE_DEV BLOCK_BYTES #OPTIONS OPTION...
 * Source: Linux, drivers/md/dm-writecache.c.
 */
#include "targets/grammar/condition.h"
#include "targets/grammar/judge.h"

#include <inttypes.h>

#define OPTION_WORDS 18
/* What the kernel takes where none is given. */
#define HIGH_WATERMARK 50
#define LOW_WATERMARK  45
/* The last release known to refuse a cache device without DAX; 7.2 crashes. */
#define REFUSES_NO_DAX 0x060c

static const struct arg_word kinds[] = {
	{ "p", BP_WRITECACHE_PMEM },
	{ "s", BP_WRITECACHE_SSD },
	{ NULL },
};

static const struct arg_word fuas[] = {
	{ "fua", BP_WRITECACHE_FUA },
	{ "nofua", BP_WRITECACHE_NOFUA },
	{ NULL },
};

/* In the order in which kernels print them. */
static const struct arg options[] = {
	ARG_MAYBE(struct bp_writecache, start_sector, 0, UINT64_MAX,
		  "where in the cache device to begin"),
	ARG_MAYBE(struct bp_writecache, high_watermark_percent, 0, 100,
		  "begin to write back when so much is used", .word = "high_watermark"),
	ARG_MAYBE(struct bp_writecache, low_watermark_percent, 0, 100,
		  "stop to write back when so much is used", .word = "low_watermark"),
	ARG_MAYBE(struct bp_writecache, writeback_jobs, 0, UINT32_MAX,
		  "how many blocks to write back at once; 0: any number"),
	ARG_MAYBE(struct bp_writecache, autocommit_blocks, 0, UINT32_MAX,
		  "commit after so many blocks; where not given: p 64, s 65536"),
	ARG_MAYBE(struct bp_writecache, autocommit_time_ms, 0, 3600000,
		  "commit after so long; where not given: 1000", .word = "autocommit_time"),
	ARG_MAYBE(struct bp_writecache, max_age_ms, 0, 86400000, "write back what is older",
		  .word = "max_age"),
	ARG_FLAG(struct bp_writecache, cleaner, "write all back, and cache nothing new"),
	ARG_CHOICE(struct bp_writecache, fua, fuas,
		   "of pmem: make writes last by FUA or by flushes", .flags = ARG_BARE),
	ARG_FLAG(struct bp_writecache, metadata_only, "only cache writes of metadata"),
	ARG_MAYBE(
		struct bp_writecache, pause_writeback_ms, 0, 60000,
		"of an SSD: wait with writing back while the origin is read or written; where "
		"not given: 3000",
		.word = "pause_writeback"),
	ARG_END,
};

static const struct arg args[] = {
	ARG_CHOICE(struct bp_writecache, kind, kinds, "p: persistent memory; s: SSD",
		   .flags = ARG_NOCASE),
	ARG_DEV(struct bp_writecache, origin_dev, "the slow device"),
	ARG_DEV(struct bp_writecache, cache_dev, "the fast device"),
	ARG_NUMBER(struct bp_writecache, block_bytes, 512, 65536, "what is cached at a time",
		   .flags = ARG_POWER_OF_2),
	ARG_OPTIONS(options, .max = OPTION_WORDS, .flags = ARG_NOCASE | ARG_REPEAT),
	ARG_END,
};

#define COUNTER(type, member, text) ARG_NUMBER(type, member, 0, UINT64_MAX, text)
static const struct arg counters[] = {
	COUNTER(struct bp_writecache_counters, reads, "reads"),
	COUNTER(struct bp_writecache_counters, read_hits, "reads that the cache had"),
	COUNTER(struct bp_writecache_counters, writes, "writes"),
	COUNTER(struct bp_writecache_counters, write_hits_uncommitted,
		"writes to blocks not yet committed"),
	COUNTER(struct bp_writecache_counters, write_hits_committed,
		"writes to committed blocks"),
	COUNTER(struct bp_writecache_counters, writes_around, "writes past the cache"),
	COUNTER(struct bp_writecache_counters, writes_allocate, "writes to new blocks"),
	COUNTER(struct bp_writecache_counters, writes_blocked, "writes that waited for space"),
	COUNTER(struct bp_writecache_counters, flushes, "flushes"),
	COUNTER(struct bp_writecache_counters, discards, "discards"),
	ARG_END,
};

static const struct arg status[] = {
	ARG_SIGNED(struct bp_writecache_status, error, INT32_MAX,
		   "0: none; else the cache failed", .flags = ARG_ALWAYS),
	COUNTER(struct bp_writecache_status, total_blocks, "blocks there are"),
	COUNTER(struct bp_writecache_status, free_blocks, "blocks that are free"),
	COUNTER(struct bp_writecache_status, writeback_blocks, "blocks being written back"),
	ARG_POINTER(struct bp_writecache_status, counters, counters,
		    "in blocks, since activation or clear_stats", .flags = ARG_OPTIONAL),
	ARG_END,
};

static const struct target_message messages[] = {
	{ "flush", "", "write all back to the origin", 0, NULL },
	{ "flush_on_suspend", "", "do so at the next suspend", 0, NULL },
	{ "cleaner", "", "write all back, and cache nothing new; tables don't show it", 0,
	  NULL },
	{ "clear_stats", "", "set the counters to zero", 0, NULL },
	{ NULL },
};

/*
 * Watermarks that were not given have the kernel's defaults: one that was given may lie
 * beyond.
 */
static void check_options(struct check *c, const struct bp_writecache *cache)
{
	uint64_t high = HIGH_WATERMARK, low = LOW_WATERMARK;

	if (cache->high_watermark_percent.is_set)
		high = cache->high_watermark_percent.value;
	if (cache->low_watermark_percent.is_set)
		low = cache->low_watermark_percent.value;
	if (high < low)
		check_refuse(c,
			     cache->low_watermark_percent.is_set ? "low_watermark_percent"
								 : "high_watermark_percent",
			     NULL,
			     "the low watermark is %" PRIu64 ", the high one only %" PRIu64,
			     low, high);
	if (cache->fua && cache->kind == BP_WRITECACHE_SSD)
		check_refuse(c, "fua", NULL, "only for persistent memory");
	if (cache->pause_writeback_ms.is_set && cache->kind == BP_WRITECACHE_PMEM)
		check_refuse(c, "pause_writeback_ms", NULL, "only for an SSD");
}

/* Persistent memory must have DAX. Other devices than stacked ones surely have not. */
static void check_pmem(struct check *c, const struct bp_writecache *cache)
{
	static const char pmem[] = "/dev/pmem", stacked[] = "/dev/dm-",
			  mapper[] = "/dev/mapper/";
	const enum bp_answer newer = check_release(c, REFUSES_NO_DAX + 1);
	struct bp_bdev bdev;

	if (cache->kind != BP_WRITECACHE_PMEM || !cache->cache_dev)
		return;
	if (!check_bdev(c, cache->cache_dev, &bdev) || !*bdev.path ||
	    strncmp(bdev.path, stacked, strlen(stacked)) == 0 ||
	    strncmp(bdev.path, mapper, strlen(mapper)) == 0)
		check_found(c, BP_SEVERITY_UNKNOWN, "cache_dev", NULL,
			    "whether the device has DAX was not found out; if not, Linux 7.2 "
			    "crashes");
	else if (strncmp(bdev.path, pmem, strlen(pmem)) != 0)
		check_found(c, newer == BP_ANSWER_NO ? BP_SEVERITY_REFUSED : BP_SEVERITY_CRASH,
			    "cache_dev", "persistent memory",
			    newer == BP_ANSWER_NO ? "the device has no DAX"
						  : "the device has no DAX: Linux 7.2 crashes");
}

/* Blocks are the unit of its I/O: the device must take them. */
static void check_block(struct check *c, const struct bp_writecache *cache, const char *dev)
{
	struct bp_bdev bdev;

	if (check_bdev(c, dev, &bdev) && cache->block_bytes < bdev.logical_block_bytes)
		check_refuse(c, "block_bytes", NULL,
			     "smaller than the logical blocks of %s, %" PRIu32 " bytes", dev,
			     bdev.logical_block_bytes);
}

/* Behind start_sector there must be room for the superblock and a block. */
static void check_room(struct check *c, const struct bp_writecache *cache)
{
	bp_sector start = cache->start_sector.is_set ? cache->start_sector.value : 0, size;
	bp_bytes needed = (bp_bytes)cache->block_bytes * 2;
	struct bp_bdev bdev;

	if (!check_bdev(c, cache->cache_dev, &bdev))
		return;
	size = bp_bytes_to_sector(bdev.size_bytes);
	if (start >= size)
		check_refuse(c, "start_sector", NULL,
			     "behind the end of the cache device, %" PRIu64 " sectors", size);
	else if (bp_sector_to_bytes(size - start) < needed)
		check_refuse(c, "cache_dev", NULL, "too small: %" PRIu64 " bytes are needed",
			     needed);
}

/* Source: Linux, drivers/md/dm-writecache.c, writecache_ctr(). */
static void check(struct check *c, const void *params)
{
	const struct bp_writecache *cache = params;

	if (cache->block_bytes > check_page_bytes(c) && cache->block_bytes <= 65536)
		check_refuse(c, "block_bytes", NULL, "larger than a page, %" PRIu32 " bytes",
			     check_page_bytes(c));
	check_block(c, cache, cache->origin_dev);
	check_block(c, cache, cache->cache_dev);
	check_options(c, cache);
	check_pmem(c, cache);
	check_not_live(c, "writecache", "cache_dev", cache->cache_dev);
	check_distinct(c, "cache_dev", cache->cache_dev, "origin_dev", cache->origin_dev);
	check_room(c, cache);
}

/* clang-format off */
static const struct rule rules[] = {
	RULE_COUNT("Invalid number of feature args", "#options"),
	RULE_NO_MEMORY("Cannot allocate writecache structure"),
	RULE_NO_MEMORY("Unable to allocate dm-io client"),
	RULE_NO_MEMORY("Could not allocate writeback workqueue"),
	RULE_NO_MEMORY("Couldn't spawn endio thread"),
	{ "Persistent memory or DAX not supported on this system", "kind",
	  "this kernel can't use persistent memory", "s" },
	RULE_NO_MEMORY("Could not allocate bio set"),
	RULE_NO_MEMORY("Could not allocate mempool"),
	RULE_NO_DEVICE("Origin data device lookup failed", "origin_dev"),
	RULE_NO_DEVICE("Cache data device lookup failed", "cache_dev"),
	{ "Invalid block size", "block_bytes", "a block is a power of two, from 512 bytes to a page",
	  "512 to 4096" },
	{ "Block size is smaller than device logical block size", "block_bytes",
	  "a block must not be smaller than the devices' logical blocks", "a larger block" },
	{ "Invalid optional argument", "#options",
	  "the word is none of the options, or its value is out of range",
	  "high_watermark PERCENT, low_watermark PERCENT, writeback_jobs N ..." },
	{ "High watermark must be greater than or equal to low watermark", "high_watermark_percent",
	  "the high watermark must not be lower than the low one", "low_watermark or more" },
	{ "Asynchronous persistent memory not supported as pmem cache", "cache_dev",
	  "the persistent memory must be synchronous", "another device, or kind s" },
	{ "Unable to map persistent memory for cache", "cache_dev",
	  "the persistent memory can't be mapped", "another device, or kind s" },
	RULE_NO_MEMORY("Couldn't spawn flush thread"),
	{ "Invalid device size", "cache_dev", "the cache device has no room for a block and its metadata",
	  "a larger device" },
	RULE_NO_MEMORY("Unable to allocate memory for metadata"),
	RULE_NO_MEMORY("Unable to allocate dm-kcopyd client"),
	RULE_NO_MEMORY("Unable to allocate dirty bitmap"),
	{ "Unable to read first block of metadata", "cache_dev", "the cache device can't be read",
	  "a device that works" },
	{ "Hardware memory error when reading superblock", "cache_dev",
	  "the persistent memory is defective", "another device" },
	{ "Unable to initialize device", "cache_dev", "the cache device can't be formatted",
	  "a device that works" },
	{ "Invalid magic in the superblock", "cache_dev",
	  "the cache device is neither empty nor of writecache",
	  "another device, or one whose first 4 KiB are zeros, where nothing on it is needed" },
	{ "Invalid version in the superblock", "cache_dev", "the metadata are of a newer kernel",
	  "a newer kernel" },
	{ "Block size does not match superblock", "block_bytes",
	  "the block must be as large as when the device was formatted", NULL },
	{ "Overflow in size calculation", "cache_dev", "the metadata are damaged",
	  "its metadata as they were; zeros in its first 4 KiB give up what was cached" },
	{ "Memory area is too small", "cache_dev", "the device is smaller than when it was formatted",
	  "the whole device" },
	RULE_NO_MEMORY("Cannot allocate memory"),
	{ "Bad arguments", NULL, "writecache has five arguments at least",
	  "p|s ORIGIN CACHE BLOCK #OPTIONS" },
	{ "Cache device is not a DAX device", "cache_dev", "kind p needs persistent memory",
	  "kind s, or a device with DAX" },
	{ NULL },
};
/* clang-format on */

/* clang-format off */
/* What kernels say while it is in use, and its states. */
static const struct rule log_lines[] = {
	LOG_ACT("I/O is not aligned, sector *, size *, block size *",
		"I/O came that is not in whole blocks of the cache",
		"the block size of what lies on it (mkfs), or a cache made with smaller blocks"),
	LOG_STOP("error writing *",
		"the cache device can't be written: what was cached there may be lost",
		"look at the cache device"),
	LOG_STOP("error flushing metadata: *",
		"the cache device can't be flushed: what was cached there may be lost",
		"look at the cache device"),
	LOG_STOP("unable to read metadata: *",
		"the cache device can't be read: what was cached there is lost, if it stays so",
		"look at the cache device"),
	LOG_STOP("copy error",
		"a block could not be written back to the origin",
		"look at both devices"),
	LOG_STOP("two identical entries, *",
		"the cache's metadata are damaged",
		"copy the origin, then look at the cache device"),
	LOG_ACT("unrecognised message received: *",
		"the target has no such message",
		"bedplate targets writecache shows those it has"),
	LOG_STOP("hardware memory error when reading *",
		"the persistent memory of the cache is broken: what was cached there is lost",
		"copy the origin; then replace the memory"),
	LOG_STOP("write error *",
		"a block could not be written to the cache or the origin: all writes fail from now on",
		"look at both devices"),
	{ NULL },
};
/* clang-format on */

/* After an error every I/O fails; what was not written back is in the cache device still. */
static void judge(struct judge *j, const void *p)
{
	const struct bp_writecache_status *s = p;

	if (s->error)
		judge_say(j, BP_VERDICT_STOP, "look at the cache device and the kernel's log",
			  "the cache has met an error (%d): all I/O fails", s->error);
	judge_say(j, BP_VERDICT_HARMLESS, NULL,
		  "the cache works: %" PRIu64 " of %" PRIu64 " blocks are free, %" PRIu64
		  " are being written back",
		  s->free_blocks, s->total_blocks, s->writeback_blocks);
}

static void conditions(struct conditions *c, const struct bp_status *now, const void *p)
{
	const struct bp_writecache_status *s = now->values;

	(void)p;
	if (s && s->error)
		condition_add(c, BP_EVENT_TARGET_ERROR, NULL,
			      "the cache has met an error (%d): all I/O fails", s->error);
}

static const struct brief brief[] = {
	{ "free", "free_blocks", "total_blocks" },
	{ "blocks being written back", "writeback_blocks", NULL },
	{ NULL },
};

const struct bp_target target_writecache = {
	.name = "writecache",
	.summary = "let writes land on persistent memory or an SSD first",
	.reprint = "the cleaner that a message switched on is not printed",
	.module = "dm-writecache",
	.since = "4.18",
	.flags = BP_TARGET_FORMATS,
	.size = sizeof(struct bp_writecache),
	.args = args,
	.ignores_extra = true,
	.status_size = sizeof(struct bp_writecache_status),
	.status = status,
	.brief = brief,
	.messages = messages,
	.maps = MAPS_WHOLE(struct bp_writecache, origin_dev),
	.check = check,
	.rules = rules,
	.log = log_lines,
	.judge = judge,
	.conditions = conditions,
};
