/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How active vdo volumes are: status, statistics, settings. */
#include "commands/common.h"
#include "commands/vdo.h"

#include <bedplate/vdo_device.h>

#include <inttypes.h>

struct args {
	struct cli_list names;
	struct out_opts out;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERANDS(names, "DEVICE", "only these: " DEVICE_HELP),
	OPT_OUTPUT(out),
	OPT_END
};
/* clang-format on */

/* Less than this share of its capacity free, in percent: somebody should see to it. */
#define LOW_PERCENT 10

static const char *const healths[] = { "good",      "low on space", "full",    "recovering",
				       "read-only", "no index",     "unknown", NULL };
enum { GOOD, LOW, FULL, RECOVERING, READ_ONLY, NO_INDEX, UNKNOWN };

static const char *const modes[] = { [0] = "unknown",
				     [BP_VDO_NORMAL] = "normal",
				     [BP_VDO_RECOVERING] = "recovering",
				     [BP_VDO_READ_ONLY] = "read-only",
				     NULL };
static const char *const indices[] = { [0] = "unknown",
				       [BP_VDO_INDEX_CLOSED] = "closed",
				       [BP_VDO_INDEX_CLOSING] = "closing",
				       [BP_VDO_INDEX_ERROR] = "error",
				       [BP_VDO_INDEX_OFFLINE] = "offline",
				       [BP_VDO_INDEX_ONLINE] = "online",
				       [BP_VDO_INDEX_OPENING] = "opening",
				       [BP_VDO_INDEX_SUSPENDED] = "suspended",
				       [BP_VDO_INDEX_UNKNOWN] = "unknown",
				       NULL };

struct row {
	const char *name, *health, *mode, *index, *compression;
	char device[BP_DEV_TEXT];
	uint64_t used_bytes, free_bytes, capacity_bytes, used_percent;
	uint64_t physical_size_bytes, logical_size_bytes, logical_used_bytes;
	uint64_t data_bytes, overhead_bytes, saving_percent, recovery_percent;
	bool suspended;
};

/* clang-format off */
static const struct out_column status_columns[] = {
	COL_TEXT(struct row, name, OUT_DEFAULT, "name of the device"),
	COL_TEXT(struct row, device, 0, "MAJOR:MINOR"),
	COL_WORD(struct row, health, healths, OUT_DEFAULT, "good, or what somebody must see to"),
	COL_WORD(struct row, mode, modes, OUT_DEFAULT, "normal, recovering, read-only"),
	COL_WORD(struct row, index, indices, OUT_DEFAULT, "state of the index of duplicates"),
	COL_TEXT(struct row, compression, OUT_DEFAULT, "are new blocks compressed: online, offline"),
	COL_SIZE(struct row, capacity_bytes, OUT_DEFAULT, "what can hold data"),
	COL_SIZE(struct row, data_bytes, OUT_DEFAULT, "of that, in use"),
	COL_SIZE(struct row, free_bytes, OUT_DEFAULT, "of that, free"),
	COL_PERCENT(struct row, used_percent, OUT_DEFAULT, "of that, the share in use"),
	COL_SIZE(struct row, logical_size_bytes, 0, "what it shows"),
	COL_SIZE(struct row, logical_used_bytes, OUT_DEFAULT, "what was written and is still mapped"),
	COL_PERCENT(struct row, saving_percent, OUT_DEFAULT, "how much less data takes than was written"),
	COL_SIZE(struct row, physical_size_bytes, 0, "what it has of its device"),
	COL_SIZE(struct row, used_bytes, 0, "data and overhead"),
	COL_SIZE(struct row, overhead_bytes, 0, "what its metadata takes"),
	COL_NUMBER(struct row, recovery_percent, 0, "how far a recovery got"),
	COL_BOOL(struct row, suspended, 0, "suspended"),
	OUT_COLUMNS_END
};
/* clang-format on */

static const struct out_schema status_schema = {
	.name = "bedplate.vdo.status",
	.columns = status_columns,
	.none = "no vdo volumes",
};

/* By the live table: a volume has one segment. */
int vdo_is(struct bp_ctx *ctx, const struct bp_selector *which, bool *ret)
{
	struct bp_device_status *status;
	int r = bp_device_status(ctx, which, 0, &status);

	if (r < 0)
		return r;
	*ret = bp_device_status_count(status) == 1 &&
	       streq(bp_device_status_get(status, 0)->target, "vdo");
	bp_device_status_free(status);
	return 0;
}

static uint64_t bytes_or_none(uint64_t mblocks)
{
	return mblocks == BP_NONE ? OUT_UNKNOWN : bp_mblock_to_bytes(mblocks);
}

/* The worst that is true. Low is below LOW_PERCENT of the data's room. */
static unsigned health_of(const struct bp_vdo_stats *s, const struct bp_vdo_status *st)
{
	if (s->mode == BP_VDO_READ_ONLY)
		return READ_ONLY;
	if (s->recovering)
		return RECOVERING;
	if (!s->space_known)
		return UNKNOWN;
	if (s->free_mblocks == 0)
		return FULL;
	if (s->free_mblocks < s->capacity_mblocks / 100 * LOW_PERCENT)
		return LOW;
	return st && st->index == BP_VDO_INDEX_ERROR ? NO_INDEX : GOOD;
}

/* Before the kernel knows its counts, during a recovery, they are unknown. */
static void fill_space(struct row *row, const struct bp_vdo_stats *s)
{
	row->physical_size_bytes = bp_mblock_to_bytes(s->physical_mblocks);
	row->logical_size_bytes = bp_mblock_to_bytes(s->logical_mblocks);
	row->capacity_bytes = bytes_or_none(s->capacity_mblocks);
	row->data_bytes = bytes_or_none(s->data_mblocks);
	row->free_bytes = bytes_or_none(s->free_mblocks);
	row->used_bytes = bytes_or_none(s->used_mblocks);
	row->used_percent =
		s->space_known ? bp_share(s->data_mblocks, s->capacity_mblocks) : OUT_UNKNOWN;
	row->saving_percent = s->saving_percent == BP_NONE ? OUT_UNKNOWN : s->saving_percent;
	row->logical_used_bytes =
		s->space_known ? bp_mblock_to_bytes(s->logical_used_mblocks) : OUT_UNKNOWN;
	row->overhead_bytes =
		s->space_known ? bp_mblock_to_bytes(s->overhead_mblocks) : OUT_UNKNOWN;
	row->recovery_percent = s->recovering ? s->recovery_percent : OUT_UNKNOWN;
}

/* Said beside the table, because a script that looks at nothing else reads it too. */
static void warn(struct cli *cli, const char *name, unsigned health,
		 const struct bp_vdo_stats *s)
{
	static const char *const texts[] = {
		[GOOD] = NULL,
		[FULL] = "is full: writes fail: free space, or grow it",
		[READ_ONLY] = "gave up writing after an error: see bedplate-vdo(8)",
		[NO_INDEX] = "has an index that failed: nothing is deduplicated",
		[UNKNOWN] = NULL,
	};
	char left[BP_SIZE_TEXT];

	if (health == LOW)
		cli_warn(cli,
			 "%s: has only %s left: enlarge its device and grow it, or free space",
			 name, bp_size_format(bp_mblock_to_bytes(s->free_mblocks), left));
	else if (texts[health])
		cli_warn(cli, "%s: %s", name, texts[health]);
}

/* Told and, where somebody must act, warned of. */
static void add_row(struct cli *cli, struct out *out, const struct bp_device_info *info,
		    const struct bp_status *status, const struct bp_vdo_stats *s)
{
	const struct bp_vdo_status *st = status->values;
	unsigned health = health_of(s, st);
	struct row row = {
		.name = info->name,
		.health = healths[health],
		.mode = modes[st ? st->mode : 0],
		.index = indices[st ? st->index : 0],
		.compression = st && st->compression == BP_VDO_COMPRESSION_ONLINE ? "online"
										  : "offline",
		.suspended = info->suspended,
	};

	snprintf(row.device, sizeof(row.device), "%u:%u", info->major, info->minor);
	fill_space(&row, s);
	out_add(out, NULL, &row);
	warn(cli, info->name, health, s);
}

/* One that isn't a vdo is an error only if it was named. */
static int add_status(struct cli *cli, const struct bp_selector *which, void *user)
{
	const struct args *args = ((void **)user)[0];
	struct out *out = ((void **)user)[1];
	struct bp_vdo_stats stats = { .size = sizeof(stats) };
	struct bp_device_status *status;
	struct bp_status *line = NULL;
	bool is_vdo = false;
	int r = vdo_is(cli->ctx, which, &is_vdo);

	/* Without names: all volumes there are. */
	if (r < 0 || (!is_vdo && !args->names.count))
		return r;
	r = bp_vdo_stats(cli->ctx, which, &stats);
	if (r < 0)
		return r;
	r = bp_device_status(cli->ctx, which, 0, &status);
	if (r < 0)
		return r;
	r = bp_status_parse(cli->ctx, "vdo", bp_device_status_get(status, 0)->text, &line);
	if (r == 0)
		add_row(cli, out, bp_device_status_info(status), line, &stats);
	bp_status_free(line);
	bp_device_status_free(status);
	return r;
}

/* One volume alone is a record, line by line. */
static int run_status(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(out_freep) struct out *out = NULL;
	int r = out_open(cli, &args->out, &status_schema, &out);
	void *user[] = { (void *)(uintptr_t)args, out };

	if (r || !out)
		return r;
	if (args->names.count == 1)
		out_set_flags(out, OUT_RECORD);
	return print_each(cli, &args->names, &out, add_status, user);
}

/* --- stats --- */

struct stats_row {
	const char *name;
	uint64_t used_percent, saving_percent, data_bytes, logical_used_bytes, free_bytes;
	uint64_t reads, writes, duplicates, compressed_fragments, index_entries, memory_bytes;
	struct out_json counters;
};

/* clang-format off */
static const struct out_column stats_columns[] = {
	COL_TEXT(struct stats_row, name, OUT_DEFAULT, "name of the device"),
	COL_SIZE(struct stats_row, logical_used_bytes, OUT_DEFAULT, "what was written and is still mapped"),
	COL_SIZE(struct stats_row, data_bytes, OUT_DEFAULT, "what it takes"),
	COL_PERCENT(struct stats_row, saving_percent, OUT_DEFAULT, "how much less that is"),
	COL_SIZE(struct stats_row, free_bytes, OUT_DEFAULT, "what is free"),
	COL_PERCENT(struct stats_row, used_percent, OUT_DEFAULT, "share of the capacity in use"),
	COL_NUMBER(struct stats_row, reads, OUT_DEFAULT, "reads that came in since it is active"),
	COL_NUMBER(struct stats_row, writes, OUT_DEFAULT, "writes that came in"),
	COL_NUMBER(struct stats_row, duplicates, OUT_DEFAULT, "writes that were found to be duplicates"),
	COL_NUMBER(struct stats_row, compressed_fragments, OUT_DEFAULT, "blocks that were written as part of a compressed one"),
	COL_NUMBER(struct stats_row, index_entries, OUT_DEFAULT, "blocks that the index remembers"),
	COL_SIZE(struct stats_row, memory_bytes, OUT_DEFAULT, "memory of all volumes of the kernel"),
	COL_JSON(struct stats_row, counters, NULL, 0, "all numbers the kernel has: see struct bp_vdo_stats"),
	OUT_COLUMNS_END
};
/* clang-format on */

static const struct out_schema stats_schema = {
	.name = "bedplate.vdo.stats",
	.columns = stats_columns,
	.none = "no vdo volumes",
};

static int counters_json(const void *user, struct bp_json *json)
{
	bp_vdo_stats_json(json, NULL, user);
	return 0;
}

/* A few numbers as columns, all counters as one object. */
static int add_stats(struct cli *cli, const struct bp_selector *which, void *user)
{
	const struct args *args = ((void **)user)[0];
	struct bp_vdo_stats s = { .size = sizeof(s) };
	_cleanup_(freep) char *json = NULL;
	struct bp_device_info info;
	bool is_vdo = false;
	struct stats_row row;
	int r = vdo_is(cli->ctx, which, &is_vdo);

	if (r < 0 || (!is_vdo && !args->names.count))
		return r;
	r = bp_vdo_stats(cli->ctx, which, &s);
	if (r == 0)
		r = bp_device_info(cli->ctx, which, &info);
	if (r == 0)
		r = json_of(counters_json, &s, &json);
	if (r < 0)
		return r;
	row = (struct stats_row){
		.name = info.name,
		.used_percent = s.space_known ? bp_share(s.data_mblocks, s.capacity_mblocks)
					      : OUT_UNKNOWN,
		.saving_percent = s.saving_percent == BP_NONE ? OUT_UNKNOWN : s.saving_percent,
		.data_bytes = bytes_or_none(s.data_mblocks),
		.free_bytes = bytes_or_none(s.free_mblocks),
		.logical_used_bytes = s.space_known ? bp_mblock_to_bytes(s.logical_used_mblocks)
						    : OUT_UNKNOWN,
		.reads = s.bios_in.read,
		.writes = s.bios_in.write,
		.duplicates = s.advice_valid + s.concurrent_data_matches,
		.compressed_fragments = s.compressed_fragments_written,
		.index_entries = s.index_entries,
		.memory_bytes = s.memory_bytes,
		.counters = { json, "" },
	};
	out_add(((void **)user)[1], NULL, &row);
	return 0;
}

static int run_stats(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(out_freep) struct out *out = NULL;
	int r = out_open(cli, &args->out, &stats_schema, &out);
	void *user[] = { (void *)(uintptr_t)args, out };

	if (r || !out)
		return r;
	if (args->names.count == 1)
		out_set_flags(out, OUT_RECORD);
	return print_each(cli, &args->names, &out, add_stats, user);
}

/* --- config --- */

struct config_row {
	const char *name;
	uint64_t physical_size_bytes, logical_size_bytes, slab_size_bytes, index_memory_bytes;
	bool index_sparse;
};

/* clang-format off */
static const struct out_column config_columns[] = {
	COL_TEXT(struct config_row, name, OUT_DEFAULT, "name of the device"),
	COL_SIZE(struct config_row, physical_size_bytes, OUT_DEFAULT, "what it has of its device"),
	COL_SIZE(struct config_row, logical_size_bytes, OUT_DEFAULT, "what it shows"),
	COL_SIZE(struct config_row, slab_size_bytes, OUT_DEFAULT, "size of a slab"),
	COL_SIZE(struct config_row, index_memory_bytes, OUT_DEFAULT, "memory setting of the index"),
	COL_BOOL(struct config_row, index_sparse, OUT_DEFAULT, "the index is sparse"),
	OUT_COLUMNS_END
};
/* clang-format on */

static const struct out_schema config_schema = {
	.name = "bedplate.vdo.config",
	.columns = config_columns,
	.none = "no vdo volumes",
};

static int add_config(struct cli *cli, const struct bp_selector *which, void *user)
{
	const struct args *args = ((void **)user)[0];
	struct bp_vdo_config config = { .size = sizeof(config) };
	struct bp_device_info info;
	bool is_vdo = false;
	int r = vdo_is(cli->ctx, which, &is_vdo);

	if (r < 0 || (!is_vdo && !args->names.count))
		return r;
	r = bp_vdo_config(cli->ctx, which, &config);
	if (r == 0)
		r = bp_device_info(cli->ctx, which, &info);
	if (r == 0)
		out_add(((void **)user)[1], NULL,
			&(struct config_row){
				.name = info.name,
				.physical_size_bytes = config.physical_bytes,
				.logical_size_bytes = config.logical_bytes,
				.slab_size_bytes = config.slab_bytes,
				.index_memory_bytes = config.index_memory_bytes,
				.index_sparse = config.index_sparse,
			});
	return r;
}

static int run_config(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(out_freep) struct out *out = NULL;
	int r = out_open(cli, &args->out, &config_schema, &out);
	void *user[] = { (void *)(uintptr_t)args, out };

	if (r || !out)
		return r;
	if (args->names.count == 1)
		out_set_flags(out, OUT_RECORD);
	return print_each(cli, &args->names, &out, add_config, user);
}

#define ASKING(n, s, text)                                                                     \
	const struct cmd cmd_vdo_##n = {                                                       \
		.name = "vdo " #n,                                                             \
		.group = VDO_GROUP,                                                            \
		.summary = text,                                                               \
		.examples = "  bedplate vdo " #n " archive\n",                                 \
		.opts = opts,                                                                  \
		.args_size = sizeof(struct args),                                              \
		.flags = CMD_READS,                                                            \
		.schemas = SCHEMAS(&s),                                                        \
		.run = run_##n,                                                                \
	}

ASKING(status, status_schema, "Print how active vdo volumes are: health, space, savings.");
ASKING(stats, stats_schema, "Print what active vdo volumes count.");
ASKING(config, config_schema, "Print sizes and settings of active vdo volumes.");
