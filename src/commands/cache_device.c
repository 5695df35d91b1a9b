/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Active caches: made, looked at, flushed, changed, taken away. */
#include "commands/common.h"

#include <bedplate/cache_device.h>

struct args {
	const char *name, *origin, *fast, *metadata, *uuid, *policy;
	struct cli_list names;
	uint64_t block_sectors, threshold;
	unsigned mode;
	uint32_t flags;
	bool yes, keep;
	int64_t timeout_ms;
	struct out_opts out;
};

/* By enum bp_cache_mode, less 1. */
static const char *const modes[] = { "writeback", "writethrough", "passthrough", NULL };

/* clang-format off */
#define OPT_SETTINGS \
	OPT_CHOICE(mode, modes, 0, "mode", "MODE", "writeback, writethrough, or passthrough"), \
	OPT_STRING(policy, 0, "policy", "NAME", "smq, or cleaner: write everything back"), \
	OPT_NUMBER(threshold, 0, "migration-threshold", "SECTORS", "so much is copied at a time at most"), \
	OPT_TIMEOUT(timeout_ms)

static const struct cmd_opt create_opts[] = {
	OPT_OPERAND(name, "NAME", "name of the cache's device"),
	OPT_STRING(origin, 0, "origin", "DEVICE", "the slow device, which keeps what it holds"),
	OPT_STRING(fast, 0, "fast", "DEVICE", "the fast device; what it holds is lost"),
	OPT_STRING(metadata, 0, "metadata", "DEVICE", "where the bookkeeping goes"),
	OPT_SECTORS(block_sectors, 0, 0, 'b', "block-size", "SIZE", "unit of caching: 32KiB to 1GiB, in steps of 32KiB; default 256KiB, more on large devices"),
	OPT_STRING(uuid, 'u', "uuid", "UUID", "uuid of the cache's device"),
	OPT_SETTINGS,
	OPT_BIT(flags, BP_CACHE_DEVICE_EXISTING, 0, "existing", "the metadata device holds this cache's metadata already"),
	OPT_BIT(flags, BP_CACHE_DEVICE_WIPE, 0, "wipe", "begin anew whatever the metadata device holds; needs --yes"),
	OPT_YES(yes),
	OPT_ANY("origin"),
	OPT_ANY("fast"),
	OPT_ANY("metadata"),
	OPT_CONFLICT("existing", "wipe"),
	OPT_REQUIRES("wipe", "yes"),
	OPT_END
};

static const struct cmd_opt status_opts[] = {
	OPT_OPERANDS(names, "NAME", "caches; default: all"),
	OPT_OUTPUT(out),
	OPT_END
};

static const struct cmd_opt policy_opts[] = {
	OPT_OPERAND(name, "NAME", "the cache: " DEVICE_HELP),
	OPT_SETTINGS,
	OPT_ANY("mode policy migration-threshold"),
	OPT_END
};

#define OPT_FLUSH \
	OPT_OPERAND(name, "NAME", "the cache: " DEVICE_HELP), \
	OPT_TIME(timeout_ms, 0, "timeout", "TIME", "give up after this long, with the cache as before; default: without limit")

static const struct cmd_opt flush_opts[] = {
	OPT_FLUSH,
	OPT_END
};

static const struct cmd_opt uncache_opts[] = {
	OPT_FLUSH,
	OPT_FLAG(keep, 0, "keep-metadata", "leave the metadata as it is; used again it would show old data"),
	OPT_END
};

struct row {
	struct bp_cache_device_info info;
	const char *mode, *state;
	char origin[DEVNO_TEXT], fast[DEVNO_TEXT], metadata[DEVNO_TEXT];
	uint64_t size_bytes, block_bytes, cache_bytes, used_percent, dirty_bytes;
	uint64_t read_hits_percent, write_hits_percent, metadata_percent;
};
static const char *const states[] = { "rw", "ro", "failed", NULL };
static const struct out_column status_columns[] = {
	COL_TEXT_AS("name", struct row, info.name, OUT_DEFAULT, "name of the cache's device"),
	COL_WORD(struct row, state, states, OUT_DEFAULT, "rw, ro: it caches nothing new, failed"),
	COL_WORD(struct row, mode, modes, OUT_DEFAULT, "what happens to writes"),
	COL_TEXT_AS("policy", struct row, info.policy, OUT_DEFAULT, "what decides which blocks are cached"),
	COL_SIZE(struct row, size_bytes, OUT_DEFAULT, "size of the cache's device"),
	COL_SIZE(struct row, cache_bytes, OUT_DEFAULT, "size of the cache"),
	COL_PERCENT(struct row, used_percent, OUT_DEFAULT, "how much of it is in use"),
	COL_SIZE(struct row, dirty_bytes, OUT_DEFAULT, "what is not on the origin yet"),
	COL_PERCENT(struct row, read_hits_percent, OUT_DEFAULT, "reads that the cache answered"),
	COL_PERCENT(struct row, write_hits_percent, OUT_DEFAULT, "writes that met a cached block"),
	COL_PERCENT(struct row, metadata_percent, OUT_DEFAULT, "how much of the metadata device is in use"),
	COL_BOOL_AS("needs_check", struct row, info.needs_check, 0, "its metadata must be checked"),
	COL_BOOL_AS("suspended", struct row, info.suspended, 0, "it is suspended"),
	COL_SIZE(struct row, block_bytes, 0, "unit of caching"),
	COL_NUMBER_AS("used_dblocks", struct row, info.used_dblocks, 0, "blocks in use"),
	COL_NUMBER_AS("total_dblocks", struct row, info.total_dblocks, 0, "blocks of the cache"),
	COL_NUMBER_AS("dirty_dblocks", struct row, info.dirty_dblocks, 0, "blocks that are not on the origin yet"),
	COL_NUMBER_AS("promotions", struct row, info.promotions, 0, "blocks that were taken into the cache"),
	COL_NUMBER_AS("demotions", struct row, info.demotions, 0, "blocks that had to leave it"),
	COL_TEXT(struct row, origin, 0, "number of the slow device"),
	COL_TEXT(struct row, fast, 0, "number of the fast device"),
	COL_TEXT(struct row, metadata, 0, "number of the metadata device"),
	OUT_COLUMNS_END
};
static const struct out_schema status_schema = {
	.name = "bedplate.cache.status", .columns = status_columns, .none = "no caches",
};
/* clang-format on */

static struct bp_number threshold_given(struct cli *cli, const struct args *args)
{
	return (struct bp_number){
		.is_set = cli_given(cli, "migration-threshold"),
		.value = args->threshold,
	};
}

static enum bp_cache_mode mode_given(struct cli *cli, const struct args *args)
{
	return cli_given(cli, "mode") ? (enum bp_cache_mode)(args->mode + 1) : 0;
}

/* The one failure that has a way out is told with it. */
static int run_create(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_cache_device_create_opts how = {
		.size = sizeof(how),
		.uuid = args->uuid,
		.flags = args->flags,
		.block_sectors = args->block_sectors,
		.io_mode = mode_given(cli, args),
		.policy = args->policy,
		.migration_threshold_sectors = threshold_given(cli, args),
		.timeout_ms = args->timeout_ms,
	};
	int r = change_begin(cli);

	if (r)
		return r;
	r = bp_cache_device_create(cli->ctx, args->name, args->origin, args->fast,
				   args->metadata, &how, NULL);
	r = change_done(cli, args->name, r, "created");
	if (r && bp_error_get(cli->ctx)->code == BP_E_METADATA_EXISTS)
		cli_note(cli, "  hint: --existing uses it; --wipe --yes begins anew");
	return r;
}

/* --- status --- */

/*
 * Bytes and shares of the kernel's counts of blocks; a mode that isn't known here is left
 * out.
 */
static void fill(struct row *row)
{
	const struct bp_cache_device_info *i = &row->info;

	row->state = i->failed ? "failed" : i->read_only ? "ro" : "rw";
	row->mode = i->io_mode ? modes[i->io_mode - 1] : NULL;
	devno_text(row->origin, i->origin.major, i->origin.minor);
	devno_text(row->fast, i->fast.major, i->fast.minor);
	devno_text(row->metadata, i->metadata.major, i->metadata.minor);
	row->size_bytes = bp_sector_to_bytes(i->size_sectors);
	row->block_bytes = bp_sector_to_bytes(i->block_sectors);
	row->cache_bytes = i->total_dblocks * row->block_bytes;
	row->dirty_bytes = i->dirty_dblocks * row->block_bytes;
	row->used_percent = bp_share(i->used_dblocks, i->total_dblocks);
	row->metadata_percent = bp_share(i->metadata_used_mblocks, i->metadata_total_mblocks);
	row->read_hits_percent = bp_share(i->read_hits, i->read_hits + i->read_misses);
	row->write_hits_percent = bp_share(i->write_hits, i->write_hits + i->write_misses);
}

/* Of all devices those that are none are passed over. */
static int add_row(struct cli *cli, const struct bp_selector *which, void *user)
{
	struct out **out = user;
	struct row row = { .info = { .size = sizeof(row.info) } };
	struct device_about about;
	int r;

	if (!cli_given(cli, "NAME")) {
		device_about(cli, which->major, which->minor, &about);
		if (!streq(about.targets, "cache"))
			return 0;
	}
	r = bp_cache_device_info(cli->ctx, which, &row.info);
	if (r < 0)
		return r;
	fill(&row);
	out_add(*out, NULL, &row);
	return 0;
}

static int run_status(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct out *out;
	int r = out_open(cli, &args->out, &status_schema, &out);

	if (r || !out)
		return r;
	return print_each(cli, &args->names, &out, add_row, &out);
}

/* --- changes --- */

/* What the verbs share: only which call it is differs. */
static int run_change(struct cli *cli, const struct args *args, const char *title,
		      int (*change)(struct bp_ctx *ctx, const struct bp_selector *which,
				    const struct bp_cache_device_change_opts *opts),
		      const char *done)
{
	struct bp_selector which = device_named(args->name);
	struct bp_cache_device_change_opts how = {
		.size = sizeof(how),
		.policy = args->policy,
		.io_mode = mode_given(cli, args),
		.migration_threshold_sectors = threshold_given(cli, args),
		.keep_metadata = args->keep,
		.progress = cli_progress,
		.user = cli,
		.timeout_ms = args->timeout_ms,
	};
	int r = change_begin(cli);

	if (r)
		return r;
	cli_progress_title(cli, title);
	r = change(cli->ctx, &which, &how);
	cli_progress_end(cli);
	return change_done(cli, args->name, r, done);
}

static int run_flush(struct cli *cli, const void *p)
{
	return run_change(cli, p, "writing back", bp_cache_device_flush, "flushed");
}

static int run_policy(struct cli *cli, const void *p)
{
	return run_change(cli, p, "writing back", bp_cache_device_change, "changed");
}

static int run_uncache(struct cli *cli, const void *p)
{
	return run_change(cli, p, "writing back", bp_cache_device_uncache, "uncached");
}

const struct cmd cmd_on_cache_create = {
	.name = "cache create",
	.group = "Caches",
	.summary = "Put a fast device in front of a slow one.",
	.examples = "  bedplate cache create data --origin /dev/sdb --fast /dev/nvme0n1p1 "
		    "--metadata /dev/nvme0n1p2\n",
	.opts = create_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.cache.create"),
	.run = run_create,
};

const struct cmd cmd_on_cache_status = {
	.name = "cache status",
	.group = "Caches",
	.summary = "Print how caches are.",
	.examples = "  bedplate cache status data\n",
	.opts = status_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&status_schema),
	.run = run_status,
};

const struct cmd cmd_on_cache_flush = {
	.name = "cache flush",
	.group = "Caches",
	.summary = "Write all dirty blocks of a cache back, while it is in use.",
	.examples = "  bedplate cache flush data --timeout 10min\n",
	.opts = flush_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.cache.flush"),
	.run = run_flush,
};

const struct cmd cmd_on_cache_policy = {
	.name = "cache policy",
	.group = "Caches",
	.summary = "Change a cache's policy, mode or threshold, and keep what is cached.",
	.examples = "  bedplate cache policy data --mode writethrough\n",
	.opts = policy_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.cache.policy"),
	.run = run_policy,
};

const struct cmd cmd_on_cache_uncache = {
	.name = "cache uncache",
	.group = "Caches",
	.summary = "Write a cache back and put its origin in its place.",
	.examples = "  bedplate cache uncache data\n",
	.opts = uncache_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.cache.uncache"),
	.run = run_uncache,
};
