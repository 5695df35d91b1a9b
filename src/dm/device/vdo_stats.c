/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The answers of vdo to "stats" and "config": "{ name : value, name : { ... }, ... }", read by
 * name, as the order and the number of items differ between kernels. A value is a number or a
 * word. Promises to end on any text.
 * Source: Linux, drivers/md/dm-vdo/message-stats.c, and answers of 6.12.
 */
#include <bedplate/vdo_device.h>

#include "core/context.h"
#include "core/number.h"
#include "core/util.h"

#include <inttypes.h>
#include <stdio.h>

#define DEPTH_MAX 4
#define NAME_MAX  40

/* clang-format off */
#define ROW(name, member) { name, #member, offsetof(struct bp_vdo_stats, member) }
static const struct row {
	const char *name, *member;
	size_t offset;
} rows[] = {
	ROW("dataBlocksUsed", data_mblocks),
	ROW("overheadBlocksUsed", overhead_mblocks),
	ROW("logicalBlocksUsed", logical_used_mblocks),
	ROW("physicalBlocks", physical_mblocks),
	ROW("logicalBlocks", logical_mblocks),
	ROW("blockMapCacheSize", block_map_cache_bytes),
	ROW("blockSize", block_bytes),
	ROW("completeRecoveries", complete_recoveries),
	ROW("readOnlyRecoveries", read_only_recoveries),
	ROW("packer.compressedFragmentsWritten", compressed_fragments_written),
	ROW("packer.compressedBlocksWritten", compressed_blocks_written),
	ROW("packer.compressedFragmentsInPacker", compressed_fragments_in_packer),
	ROW("allocator.slabCount", slab_count),
	ROW("allocator.slabsOpened", slabs_opened),
	ROW("allocator.slabsReopened", slabs_reopened),
	ROW("journal.diskFull", journal_disk_full),
	ROW("journal.slabJournalCommitsRequested", journal_slab_commits_requested),
	ROW("journal.entries.started", journal_entries_started),
	ROW("journal.entries.written", journal_entries_written),
	ROW("journal.entries.committed", journal_entries_committed),
	ROW("journal.blocks.started", journal_blocks_started),
	ROW("journal.blocks.written", journal_blocks_written),
	ROW("journal.blocks.committed", journal_blocks_committed),
	ROW("slabJournal.diskFullCount", slab_journal_disk_full),
	ROW("slabJournal.flushCount", slab_journal_flushes),
	ROW("slabJournal.blockedCount", slab_journal_blocked),
	ROW("slabJournal.blocksWritten", slab_journal_blocks_written),
	ROW("slabJournal.tailBusyCount", slab_journal_tail_busy),
	ROW("slabSummary.blocksWritten", slab_summary_blocks_written),
	ROW("refCounts.blocksWritten", reference_blocks_written),
	ROW("blockMap.dirtyPages", map_dirty_pages),
	ROW("blockMap.cleanPages", map_clean_pages),
	ROW("blockMap.freePages", map_free_pages),
	ROW("blockMap.failedPages", map_failed_pages),
	ROW("blockMap.incomingPages", map_incoming_pages),
	ROW("blockMap.outgoingPages", map_outgoing_pages),
	ROW("blockMap.cachePressure", map_cache_pressure),
	ROW("blockMap.readCount", map_reads),
	ROW("blockMap.writeCount", map_writes),
	ROW("blockMap.failedReads", map_failed_reads),
	ROW("blockMap.failedWrites", map_failed_writes),
	ROW("blockMap.reclaimed", map_reclaimed),
	ROW("blockMap.readOutgoing", map_read_outgoing),
	ROW("blockMap.foundInCache", map_found_in_cache),
	ROW("blockMap.discardRequired", map_discard_required),
	ROW("blockMap.waitForPage", map_wait_for_page),
	ROW("blockMap.fetchRequired", map_fetch_required),
	ROW("blockMap.pagesLoaded", map_pages_loaded),
	ROW("blockMap.pagesSaved", map_pages_saved),
	ROW("blockMap.flushCount", map_flushes),
	ROW("hashLock.dedupeAdviceValid", advice_valid),
	ROW("hashLock.dedupeAdviceStale", advice_stale),
	ROW("hashLock.concurrentDataMatches", concurrent_data_matches),
	ROW("hashLock.concurrentHashCollisions", concurrent_hash_collisions),
	ROW("hashLock.currDedupeQueries", current_queries),
	ROW("errors.invalidAdvicePBNCount", invalid_advice),
	ROW("errors.noSpaceErrorCount", no_space_errors),
	ROW("errors.readOnlyErrorCount", read_only_errors),
	ROW("instance", instance),
	ROW("currentVIOsInProgress", current_requests),
	ROW("maxVIOs", max_requests),
	ROW("dedupeAdviceTimeouts", advice_timeouts),
	ROW("flushOut", flushes_out),
	ROW("logicalBlockSize", minimum_io_bytes),
	ROW("memoryUsage.bytesUsed", memory_bytes),
	ROW("memoryUsage.peakBytesUsed", memory_peak_bytes),
	ROW("index.entriesIndexed", index_entries),
	ROW("index.postsFound", index_posts_found),
	ROW("index.postsNotFound", index_posts_not_found),
	ROW("index.queriesFound", index_queries_found),
	ROW("index.queriesNotFound", index_queries_not_found),
	ROW("index.updatesFound", index_updates_found),
	ROW("index.updatesNotFound", index_updates_not_found),
	ROW("index.entriesDiscarded", index_entries_discarded),
};

/* Groups of six. */
static const struct row bios[] = {
	{ "biosIn", "bios_in", offsetof(struct bp_vdo_stats, bios_in) },
	{ "biosInPartial", "bios_in_partial", offsetof(struct bp_vdo_stats, bios_in_partial) },
	{ "biosOut", "bios_out", offsetof(struct bp_vdo_stats, bios_out) },
	{ "biosMeta", "bios_meta", offsetof(struct bp_vdo_stats, bios_meta) },
	{ "biosJournal", "bios_journal", offsetof(struct bp_vdo_stats, bios_journal) },
	{ "biosPageCache", "bios_page_cache", offsetof(struct bp_vdo_stats, bios_page_cache) },
	{ "biosOutCompleted", "bios_out_completed", offsetof(struct bp_vdo_stats, bios_out_completed) },
	{ "biosMetaCompleted", "bios_meta_completed", offsetof(struct bp_vdo_stats, bios_meta_completed) },
	{ "biosJournalCompleted", "bios_journal_completed", offsetof(struct bp_vdo_stats, bios_journal_completed) },
	{ "biosPageCacheCompleted", "bios_page_cache_completed", offsetof(struct bp_vdo_stats, bios_page_cache_completed) },
	{ "biosAcknowledged", "bios_acknowledged", offsetof(struct bp_vdo_stats, bios_acknowledged) },
	{ "biosAcknowledgedPartial", "bios_acknowledged_partial", offsetof(struct bp_vdo_stats, bios_acknowledged_partial) },
	{ "biosInProgress", "bios_in_progress", offsetof(struct bp_vdo_stats, bios_in_progress) },
};

static const struct row bio_kinds[] = {
	{ "read", "read", offsetof(struct bp_vdo_bios, read) },
	{ "write", "write", offsetof(struct bp_vdo_bios, write) },
	{ "emptyFlush", "empty_flush", offsetof(struct bp_vdo_bios, empty_flush) },
	{ "discard", "discard", offsetof(struct bp_vdo_bios, discard) },
	{ "flush", "flush", offsetof(struct bp_vdo_bios, flush) },
	{ "fua", "fua", offsetof(struct bp_vdo_bios, fua) },
};
/* clang-format on */

/* --- the text --- */

struct parser {
	struct bp_ctx *ctx;
	const char *p;
	char path[DEPTH_MAX * (NAME_MAX + 1)]; /* "journal.entries.started" */
};

/* The next word, or one character that parts words. "" at the end. */
static const char *next(struct parser *parser, char *buf, size_t size)
{
	const char *p = parser->p + strspn(parser->p, " \t\n");
	size_t len = strcspn(p, " \t\n{},:");

	if (len == 0 && *p)
		len = 1;
	parser->p = p + len;
	snprintf(buf, size, "%.*s", (int)MIN(len, size - 1), p);
	return buf;
}

static int bad(struct parser *parser, const char *what)
{
	bp_fail(parser->ctx, -EINVAL, "an answer of vdo that can't be read: '%s' %s",
		parser->path, what);
	error_set_code(parser->ctx, BP_E_FORMAT);
	return -EINVAL;
}

/* One "name : value" or "name : { ... }"; goes down at most DEPTH_MAX. */
static int item(struct parser *parser, const char *name, unsigned depth,
		int (*value)(void *user, const char *path, const char *value), void *user);

/* What stands between braces, the first of them read already. */
static int items(struct parser *parser, unsigned depth,
		 int (*value)(void *user, const char *path, const char *value), void *user)
{
	char word[NAME_MAX];
	int r = 0;

	while (r == 0) {
		next(parser, word, sizeof(word));
		if (streq(word, "}"))
			return 0;
		if (streq(word, ","))
			continue;
		if (!*word || strchr("{:", *word))
			return bad(parser, "is not followed by a name");
		r = item(parser, word, depth, value, user);
	}
	return r;
}

/*
 * "name : value", or a group in braces; @path grows to "group.name" while inside. Depth is
 * bounded, as the text comes from outside.
 */
static int item(struct parser *parser, const char *name, unsigned depth,
		int (*value)(void *user, const char *path, const char *value), void *user)
{
	size_t len = strlen(parser->path);
	char word[NAME_MAX];
	int r;

	snprintf(parser->path + len, sizeof(parser->path) - len, "%s%s", len ? "." : "", name);
	if (!streq(next(parser, word, sizeof(word)), ":"))
		return bad(parser, "has no value");
	next(parser, word, sizeof(word));
	if (streq(word, "{"))
		r = depth < DEPTH_MAX ? items(parser, depth + 1, value, user)
				      : bad(parser, "goes too deep");
	else if (!*word || strchr("},:", *word))
		r = bad(parser, "has no value");
	else
		r = value(user, parser->path, word);
	parser->path[len] = '\0';
	return r;
}

static int parse(struct bp_ctx *ctx, const char *text,
		 int (*value)(void *user, const char *path, const char *value), void *user)
{
	struct parser parser = { .ctx = ctx, .p = text };
	char word[NAME_MAX];

	if (!streq(next(&parser, word, sizeof(word)), "{"))
		return bad(&parser, "does not begin with a brace");
	return items(&parser, 1, value, user);
}

/* --- stats --- */

static uint64_t *member(void *of, size_t offset)
{
	return (uint64_t *)(void *)((char *)of + offset);
}

static uint64_t *find_kind(void *bio, const char *kind)
{
	for (size_t k = 0; k < ARRAY_SIZE(bio_kinds); k++)
		if (streq(bio_kinds[k].name, kind))
			return member(bio, bio_kinds[k].offset);
	return NULL;
}

/* "biosIn.read" and so on. */
static uint64_t *find_bio(struct bp_vdo_stats *stats, const char *path)
{
	const char *dot = strchr(path, '.');
	size_t len = dot ? (size_t)(dot - path) : 0;

	for (size_t i = 0; dot && i < ARRAY_SIZE(bios); i++)
		if (strlen(bios[i].name) == len && strncmp(bios[i].name, path, len) == 0)
			return find_kind(member(stats, bios[i].offset), dot + 1);
	return NULL;
}

static uint64_t *find(struct bp_vdo_stats *stats, const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (streq(rows[i].name, path))
			return member(stats, rows[i].offset);
	return find_bio(stats, path);
}

static int take_mode(struct bp_vdo_stats *stats, const char *value)
{
	stats->mode = streq(value, "read-only")    ? BP_VDO_READ_ONLY
		      : streq(value, "recovering") ? BP_VDO_RECOVERING
						   : BP_VDO_NORMAL;
	return 0;
}

/* Names that newer kernels add are passed over. */
static int take_stat(void *user, const char *path, const char *value)
{
	struct bp_vdo_stats *stats = user;
	uint64_t number, *to;

	if (streq(path, "mode"))
		return take_mode(stats, value);
	if (number_parse(value, UINT64_MAX, &number) < 0)
		return 0; /* a word that is not known yet */
	to = find(stats, path);
	if (to)
		*to = number;
	else if (streq(path, "version"))
		stats->version = (uint32_t)number;
	else if (streq(path, "inRecoveryMode"))
		stats->recovering = number;
	else if (streq(path, "recoveryPercentage"))
		stats->recovery_percent = (uint32_t)number;
	return 0;
}

static uint64_t saving(const struct bp_vdo_stats *s)
{
	if (!s->logical_used_mblocks || s->data_mblocks > s->logical_used_mblocks)
		return BP_NONE;
	return (uint64_t)((double)(s->logical_used_mblocks - s->data_mblocks) * 10000.0 /
			  (double)s->logical_used_mblocks);
}

/*
 * Counts are of use only when all slabs are loaded: while vdo recovers, and after it became
 * read-only, they wrap or lie.
 */
static void derive(struct bp_vdo_stats *s)
{
	s->space_known = s->mode == BP_VDO_NORMAL && !s->recovering &&
			 s->overhead_mblocks <= s->physical_mblocks &&
			 s->data_mblocks <= s->physical_mblocks - s->overhead_mblocks;
	s->used_mblocks = s->free_mblocks = s->saving_percent = BP_NONE;
	s->capacity_mblocks = BP_NONE;
	if (s->space_known) {
		s->used_mblocks = s->data_mblocks + s->overhead_mblocks;
		s->free_mblocks = s->physical_mblocks - s->used_mblocks;
		s->capacity_mblocks = s->physical_mblocks - s->overhead_mblocks;
		s->saving_percent = saving(s);
	} else {
		s->data_mblocks = BP_NONE; /* counters that were not loaded, and wrapped */
	}
	s->write_amplification = BP_NONE;
	if (s->bios_in.write)
		s->write_amplification =
			(uint64_t)((double)(s->bios_meta.write + s->bios_out.write) * 100.0 /
				   (double)s->bios_in.write);
}

/* Hand out a result of the size that the caller knows. */
static int give(struct bp_ctx *ctx, void *ret, void *from, size_t size)
{
	size_t known;

	memcpy(&known, ret, sizeof(known));
	if (known < sizeof(known))
		return bp_fail(ctx, -EINVAL, "result: size is not set");
	known = MIN(known, size);
	memcpy(from, &known, sizeof(known));
	memcpy(ret, from, known);
	return 0;
}

/* The text of a "stats" message, as the kernel prints it. */
int bp_vdo_stats_parse(struct bp_ctx *ctx, const char *text, struct bp_vdo_stats *ret)
{
	struct bp_vdo_stats stats = { .size = sizeof(stats) };
	int r = parse(ctx, text, take_stat, &stats);

	if (r < 0)
		return r;
	derive(&stats);
	return give(ctx, ret, &stats, sizeof(stats));
}

/* --- as JSON --- */

static void number_json(struct bp_json *json, const char *key, uint64_t value)
{
	if (value == BP_NONE)
		bp_json_null(json, key);
	else
		bp_json_uint(json, key, value);
}

/* What is not known is null, not 0. */
void bp_vdo_stats_json(struct bp_json *json, const char *key, const struct bp_vdo_stats *stats)
{
	const char *base = (const char *)stats;

	bp_json_object(json, key);
	bp_json_uint(json, "version", stats->version);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		number_json(json, rows[i].member,
			    *(const uint64_t *)(const void *)(base + rows[i].offset));
	for (size_t i = 0; i < ARRAY_SIZE(bios); i++) {
		bp_json_object(json, bios[i].member);
		for (size_t k = 0; k < ARRAY_SIZE(bio_kinds); k++)
			number_json(json, bio_kinds[k].member,
				    *(const uint64_t *)(const void *)(base + bios[i].offset +
								      bio_kinds[k].offset));
		bp_json_object_close(json);
	}
	bp_json_object_close(json);
}

/* --- config --- */

/* "0.25", "0.5", "0.75", or whole GiB. */
static bp_bytes memory_of(const char *value)
{
	static const struct {
		const char *word;
		bp_bytes bytes;
	} shares[] = {
		{ "0.25", UINT64_C(1) << 28 },
		{ "0.5", UINT64_C(1) << 29 },
		{ "0.50", UINT64_C(1) << 29 },
		{ "0.75", UINT64_C(3) << 28 },
	};
	uint64_t gib;

	for (size_t i = 0; i < ARRAY_SIZE(shares); i++)
		if (streq(shares[i].word, value))
			return shares[i].bytes;
	return number_parse(value, 1024, &gib) == 0 ? gib << 30 : 0;
}

/* Of the "config" message; names as vdo prints them. */
static int take_config(void *user, const char *path, const char *value)
{
	struct bp_vdo_config *config = user;
	uint64_t number = 0;

	if (streq(path, "index.memorySize"))
		config->index_memory_bytes = memory_of(value);
	else if (number_parse(value, UINT64_MAX, &number) < 0)
		return 0;
	else if (streq(path, "version"))
		config->version = (uint32_t)number;
	else if (streq(path, "physicalSize"))
		config->physical_bytes = number;
	else if (streq(path, "logicalSize"))
		config->logical_bytes = number;
	else if (streq(path, "slabSize"))
		config->slab_bytes = number <= BP_MBLOCK_MAX ? bp_mblock_to_bytes(number) : 0;
	else if (streq(path, "index.isSparse"))
		config->index_sparse = number;
	return 0;
}

int bp_vdo_config_parse(struct bp_ctx *ctx, const char *text, struct bp_vdo_config *ret)
{
	struct bp_vdo_config config = { .size = sizeof(config) };
	int r = parse(ctx, text, take_config, &config);

	return r < 0 ? r : give(ctx, ret, &config, sizeof(config));
}
