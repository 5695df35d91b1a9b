/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vdostats: options, columns and names of the tool of that name. What means nothing in a
 * volume's state is N/A, where that tool may print counters that have wrapped.
 */
#include "commands/common.h"
#include "commands/vdo.h"

#include <bedplate/vdo_device.h>

#include <inttypes.h>

struct args {
	struct cli_list names;
	const char *answer;
	bool all, human, si;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERANDS(names, "DEVICE", "only these volumes"),
	OPT_FLAG(all, 'a', "all", "all numbers there are, as --verbose"),
	OPT_FLAG(human, 0, "human-readable", "sizes with units, powers of 1024"),
	OPT_FLAG(si, 0, "si", "sizes with units, powers of 1000"),
	OPT_STRING(answer, 0, "answer", "FILE", NULL), /* what a volume answered to "stats", kept */
	OPT_REQUIRES("answer", "DEVICE"),
	OPT_END
};
/* clang-format on */

struct line {
	const char *label;
	enum { LINE_NUMBER, LINE_KIB, LINE_LESS, LINE_BIOS, LINE_SHOWN } kind;
	size_t offset, less;
	void (*show)(FILE *to, const struct bp_vdo_stats *stats);
};

static void na_or(FILE *to, uint64_t value)
{
	if (value == BP_NONE)
		fputs("N/A", to);
	else
		fprintf(to, "%" PRIu64, value);
}

/* Rounded to whole percents, as it always was; BP_NONE where space is not known. */
static uint64_t used_percent(const struct bp_vdo_stats *s)
{
	if (!s->space_known || !s->physical_mblocks)
		return BP_NONE;
	return (uint64_t)(100.0 * (double)s->used_mblocks / (double)s->physical_mblocks + 0.5);
}

static uint64_t saving_percent(const struct bp_vdo_stats *s)
{
	return s->saving_percent == BP_NONE ? BP_NONE : s->saving_percent / 100;
}

static void show_version(FILE *to, const struct bp_vdo_stats *s)
{
	fprintf(to, "%u", s->version);
}

static void show_used(FILE *to, const struct bp_vdo_stats *s)
{
	na_or(to, used_percent(s));
}

static void show_saving(FILE *to, const struct bp_vdo_stats *s)
{
	na_or(to, saving_percent(s));
}

static void show_mode(FILE *to, const struct bp_vdo_stats *s)
{
	fputs(s->mode == BP_VDO_READ_ONLY    ? "read-only"
	      : s->mode == BP_VDO_RECOVERING ? "recovering"
					     : "normal",
	      to);
}

static void show_recovery(FILE *to, const struct bp_vdo_stats *s)
{
	na_or(to, s->recovering ? s->recovery_percent : BP_NONE);
}

static void show_emulation(FILE *to, const struct bp_vdo_stats *s)
{
	fputs(s->minimum_io_bytes == 512 ? "on" : "off", to);
}

static void show_amplification(FILE *to, const struct bp_vdo_stats *s)
{
	uint64_t ratio = s->write_amplification == BP_NONE ? 0 : s->write_amplification;

	fprintf(to, "%" PRIu64 ".00", (ratio + 50) / 100);
}

/* clang-format off */
#define AT(m)             offsetof(struct bp_vdo_stats, m)
#define NUMBER(l, m)      { l, LINE_NUMBER, AT(m), 0, NULL }
#define KIB(l, m)         { l, LINE_KIB, AT(m), 0, NULL }
#define LESS(l, m, n)     { l, LINE_LESS, AT(m), AT(n), NULL }
#define BIOS(l, m)        { l, LINE_BIOS, AT(m), 0, NULL }
#define SHOWN(l, f)       { l, LINE_SHOWN, 0, 0, f }
static const struct line lines[] = {
	SHOWN("version", show_version),
	NUMBER("data blocks used", data_mblocks),
	NUMBER("overhead blocks used", overhead_mblocks),
	NUMBER("logical blocks used", logical_used_mblocks),
	NUMBER("physical blocks", physical_mblocks),
	NUMBER("logical blocks", logical_mblocks),
	KIB("1K-blocks", physical_mblocks),
	KIB("1K-blocks used", used_mblocks),
	KIB("1K-blocks available", free_mblocks),
	SHOWN("used percent", show_used),
	SHOWN("saving percent", show_saving),
	NUMBER("block map cache size", block_map_cache_bytes),
	NUMBER("block size", block_bytes),
	NUMBER("completed recovery count", complete_recoveries),
	NUMBER("read-only recovery count", read_only_recoveries),
	SHOWN("operating mode", show_mode),
	SHOWN("recovery progress (%)", show_recovery),
	NUMBER("compressed fragments written", compressed_fragments_written),
	NUMBER("compressed blocks written", compressed_blocks_written),
	NUMBER("compressed fragments in packer", compressed_fragments_in_packer),
	NUMBER("slab count", slab_count),
	NUMBER("slabs opened", slabs_opened),
	NUMBER("slabs reopened", slabs_reopened),
	NUMBER("journal disk full count", journal_disk_full),
	NUMBER("journal commits requested count", journal_slab_commits_requested),
	LESS("journal entries batching", journal_entries_started, journal_entries_written),
	NUMBER("journal entries started", journal_entries_started),
	LESS("journal entries writing", journal_entries_written, journal_entries_committed),
	NUMBER("journal entries written", journal_entries_written),
	NUMBER("journal entries committed", journal_entries_committed),
	LESS("journal blocks batching", journal_blocks_started, journal_blocks_written),
	NUMBER("journal blocks started", journal_blocks_started),
	LESS("journal blocks writing", journal_blocks_written, journal_blocks_committed),
	NUMBER("journal blocks written", journal_blocks_written),
	NUMBER("journal blocks committed", journal_blocks_committed),
	NUMBER("slab journal disk full count", slab_journal_disk_full),
	NUMBER("slab journal flush count", slab_journal_flushes),
	NUMBER("slab journal blocked count", slab_journal_blocked),
	NUMBER("slab journal blocks written", slab_journal_blocks_written),
	NUMBER("slab journal tail busy count", slab_journal_tail_busy),
	NUMBER("slab summary blocks written", slab_summary_blocks_written),
	NUMBER("reference blocks written", reference_blocks_written),
	NUMBER("block map dirty pages", map_dirty_pages),
	NUMBER("block map clean pages", map_clean_pages),
	NUMBER("block map free pages", map_free_pages),
	NUMBER("block map failed pages", map_failed_pages),
	NUMBER("block map incoming pages", map_incoming_pages),
	NUMBER("block map outgoing pages", map_outgoing_pages),
	NUMBER("block map cache pressure", map_cache_pressure),
	NUMBER("block map read count", map_reads),
	NUMBER("block map write count", map_writes),
	NUMBER("block map failed reads", map_failed_reads),
	NUMBER("block map failed writes", map_failed_writes),
	NUMBER("block map reclaimed", map_reclaimed),
	NUMBER("block map read outgoing", map_read_outgoing),
	NUMBER("block map found in cache", map_found_in_cache),
	NUMBER("block map discard required", map_discard_required),
	NUMBER("block map wait for page", map_wait_for_page),
	NUMBER("block map fetch required", map_fetch_required),
	NUMBER("block map pages loaded", map_pages_loaded),
	NUMBER("block map pages saved", map_pages_saved),
	NUMBER("block map flush count", map_flushes),
	NUMBER("dedupe advice valid", advice_valid),
	NUMBER("dedupe advice stale", advice_stale),
	NUMBER("concurrent data matches", concurrent_data_matches),
	NUMBER("concurrent hash collisions", concurrent_hash_collisions),
	NUMBER("current dedupe queries", current_queries),
	NUMBER("invalid advice PBN count", invalid_advice),
	NUMBER("no space error count", no_space_errors),
	NUMBER("read only error count", read_only_errors),
	NUMBER("instance", instance),
	SHOWN("512 byte emulation", show_emulation),
	NUMBER("current VDO IO requests in progress", current_requests),
	NUMBER("maximum VDO IO requests in progress", max_requests),
	NUMBER("dedupe advice timeouts", advice_timeouts),
	NUMBER("flush out", flushes_out),
	SHOWN("write amplification ratio", show_amplification),
	BIOS("bios in", bios_in),
	BIOS("bios in partial", bios_in_partial),
	BIOS("bios out", bios_out),
	BIOS("bios meta", bios_meta),
	BIOS("bios journal", bios_journal),
	BIOS("bios page cache", bios_page_cache),
	BIOS("bios out completed", bios_out_completed),
	BIOS("bios meta completed", bios_meta_completed),
	BIOS("bios journal completed", bios_journal_completed),
	BIOS("bios page cache completed", bios_page_cache_completed),
	BIOS("bios acknowledged", bios_acknowledged),
	BIOS("bios acknowledged partial", bios_acknowledged_partial),
	BIOS("bios in progress", bios_in_progress),
	NUMBER("KVDO module bytes used", memory_bytes),
	NUMBER("KVDO module peak bytes used", memory_peak_bytes),
	NUMBER("entries indexed", index_entries),
	NUMBER("posts found", index_posts_found),
	NUMBER("posts not found", index_posts_not_found),
	NUMBER("queries found", index_queries_found),
	NUMBER("queries not found", index_queries_not_found),
	NUMBER("updates found", index_updates_found),
	NUMBER("updates not found", index_updates_not_found),
	NUMBER("entries discarded", index_entries_discarded),
};
/* clang-format on */

static uint64_t value_at(const struct bp_vdo_stats *s, size_t offset)
{
	uint64_t value;

	memcpy(&value, (const char *)s + offset, sizeof(value));
	return value;
}

static void label(FILE *to, const char *text, const char *more)
{
	char all[64];

	snprintf(all, sizeof(all), "%s%s", text, more);
	fprintf(to, "  %-37s : ", all);
}

/* Six counters in a row, as the struct has them. */
static void print_bios(FILE *to, const struct line *line, const struct bp_vdo_stats *s)
{
	static const char *const kinds[] = { " read",    " write", " empty flush",
					     " discard", " flush", " fua" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		label(to, line->label, kinds[i]);
		fprintf(to, "%" PRIu64 "\n", value_at(s, line->offset + i * sizeof(uint64_t)));
	}
}

/* By a table: labels and their order are the other tool's. */
static void print_line(FILE *to, const struct line *line, const struct bp_vdo_stats *s)
{
	uint64_t value = value_at(s, line->offset);

	if (line->kind == LINE_BIOS) {
		print_bios(to, line, s);
		return;
	}
	label(to, line->label, "");
	if (line->kind == LINE_SHOWN)
		line->show(to, s);
	else if (line->kind == LINE_LESS)
		fprintf(to, "%" PRIu64, value - value_at(s, line->less));
	else
		na_or(to, line->kind == LINE_KIB && value != BP_NONE ? 4 * value : value);
	fputc('\n', to);
}

/* "278.9M": one decimal, cut off. Plain: KiB. */
static void size_text(const struct args *args, bp_mblock blocks, char *buf, size_t size)
{
	static const char units[] = "BKMGTPE";
	double base = args->si ? 1000 : 1024;
	double value = (double)bp_mblock_to_bytes(blocks);
	size_t unit = 0;

	if (blocks == BP_NONE) {
		snprintf(buf, size, "N/A");
		return;
	}
	if (!args->human && !args->si) {
		snprintf(buf, size, "%" PRIu64, 4 * blocks);
		return;
	}
	for (; value >= base && units[unit + 1]; unit++)
		value /= base;
	snprintf(buf, size, "%.1f%c", value, units[unit]);
}

static void percent_text(uint64_t percent, char *buf, size_t size)
{
	if (percent == BP_NONE)
		snprintf(buf, size, "N/A");
	else
		snprintf(buf, size, "%" PRIu64 "%%", percent);
}

/* --- volumes --- */

struct volume {
	char name[BP_NAME_SIZE];
	struct bp_vdo_stats stats;
};

struct volumes {
	struct volume *items;
	size_t count, size;
	char *answer; /* NULL: they are asked */
};

/* Ask it, or take what it answered once. */
static int add(struct cli *cli, struct volumes *volumes, const char *name)
{
	struct bp_selector which = device_named(name);
	struct volume *volume;
	int r;

	if (volumes->count == volumes->size) {
		size_t size = volumes->size ? 2 * volumes->size : 8;
		void *items = realloc(volumes->items, size * sizeof(*volumes->items));

		if (!items)
			return -ENOMEM;
		volumes->items = items;
		volumes->size = size;
	}
	volume = &volumes->items[volumes->count];
	volume->stats = (struct bp_vdo_stats){ .size = sizeof(volume->stats) };
	snprintf(volume->name, sizeof(volume->name), "%s", name);
	r = volumes->answer ? bp_vdo_stats_parse(cli->ctx, volumes->answer, &volume->stats)
			    : bp_vdo_stats(cli->ctx, &which, &volume->stats);
	if (r == 0)
		volumes->count++;
	return r;
}

static int add_listed(struct cli *cli, const struct bp_selector *which, void *user)
{
	bool is_vdo = false;
	int r = vdo_is(cli->ctx, which, &is_vdo);

	return r == 0 && is_vdo ? add(cli, user, which->name) : r;
}

/* Those that are named, or all of them, in the kernel's order. */
static int add_all(struct cli *cli, const struct args *args, struct volumes *volumes)
{
	int status = EXIT_OK, r;

	if (!args->names.count)
		return ask_each(cli, &args->names, add_listed, volumes);
	for (size_t i = 0; i < args->names.count; i++) {
		r = add(cli, volumes, args->names.words[i]);
		if (r < 0) {
			cli_fail(cli, args->names.words[i], r);
			status = EXIT_FAILED;
		}
	}
	return status;
}

/* Columns as wide as the other tool's, but for the name. */
static void print_table(struct cli *cli, const struct args *args, const struct volumes *volumes)
{
	int width = (int)strlen("Device");

	for (size_t i = 0; i < volumes->count; i++)
		if ((int)strlen(volumes->items[i].name) > width)
			width = (int)strlen(volumes->items[i].name);
	fprintf(cli->out, "%-*s %9s %9s %9s %4s %13s\n", width, "Device",
		args->human || args->si ? "Size" : "1k-blocks", "Used", "Available", "Use%",
		"Space saving%");
	for (size_t i = 0; i < volumes->count; i++) {
		const struct bp_vdo_stats *s = &volumes->items[i].stats;
		char total[24], used[24], left[24], use[24], saving[24];

		size_text(args, s->physical_mblocks, total, sizeof(total));
		size_text(args, s->used_mblocks, used, sizeof(used));
		size_text(args, s->free_mblocks, left, sizeof(left));
		percent_text(used_percent(s), use, sizeof(use));
		percent_text(saving_percent(s), saving, sizeof(saving));
		cli_print(cli, "%-*s %9s %9s %9s %4s %13s\n", width, volumes->items[i].name,
			  total, used, left, use, saving);
	}
}

static void print_verbose(struct cli *cli, const struct volumes *volumes)
{
	for (size_t i = 0; i < volumes->count; i++) {
		cli_print(cli, "%s%s : \n", i ? "\n" : "", volumes->items[i].name);
		for (size_t k = 0; k < ARRAY_SIZE(lines); k++)
			print_line(cli->out, &lines[k], &volumes->items[i].stats);
	}
}

/* What could be read is printed, even where something could not. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct volumes volumes = { NULL };
	int status;

	if (cli->json)
		return cli_usage_hint(cli, "'vdo stats --json' prints a document",
				      "--json: the other tool's text is all there is");
	status = args->answer ? read_text(cli, args->answer, &volumes.answer) : EXIT_OK;
	if (status)
		return status;
	status = add_all(cli, args, &volumes);
	if (args->all || cli->verbose)
		print_verbose(cli, &volumes);
	else
		print_table(cli, args, &volumes);
	free(volumes.items);
	free(volumes.answer);
	return status;
}

const struct cmd cmd_vdostats = {
	.name = "vdostats",
	.group = VDO_GROUP,
	.summary = "Print what active vdo volumes have in use, as the tool of this name.",
	.examples = "  vdostats --human-readable\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS | CMD_DROP_IN | CMD_ABBREVIATIONS,
	.level = "8.3.2",
	.run = run,
};
