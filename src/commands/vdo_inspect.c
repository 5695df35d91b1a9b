/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What lies in a vdo volume, and the one thing that may be changed there. */
#include "commands/common.h"
#include "commands/vdo.h"

struct args {
	const char *path;
	bool slabs, yes;
	struct out_opts out;
};

/* clang-format off */
static const struct cmd_opt inspect_opts[] = {
	OPT_OPERAND(path, "DEVICE", "device or file that holds the volume"),
	OPT_FLAG(slabs, 0, "slabs", "a row for each slab, by summary and reference counts"),
	OPT_OUTPUT(out),
	OPT_END
};

static const struct cmd_opt rebuild_opts[] = {
	OPT_OPERAND(path, "DEVICE", "device or file that holds the volume"),
	OPT_YES(yes),
	OPT_END
};
/* clang-format on */

enum { NUMBER, START, OPENED, USED, FREE, PERCENT, MAP, DIRTY, TAIL, HINT };
static const struct out_column slab_columns[] = {
	[NUMBER] = { "slab", OUT_NUMBER, OUT_DEFAULT, "its number" },
	[START] = { "start_mblock", OUT_NUMBER, OUT_DEFAULT, "where it begins" },
	[OPENED] = { "opened", OUT_BOOL, OUT_DEFAULT, "it was ever written to" },
	[USED] = { "used_bytes", OUT_SIZE, OUT_DEFAULT, "data and block map in it" },
	[FREE] = { "free_bytes", OUT_SIZE, OUT_DEFAULT, "what is free of it" },
	[PERCENT] = { "used_percent", OUT_PERCENT, OUT_DEFAULT, "share in use" },
	[MAP] = { "map_mblocks", OUT_NUMBER, 0, "counts of pages of the block map" },
	[DIRTY] = { "dirty", OUT_BOOL, OUT_DEFAULT, "its journal is newer than its counts" },
	[TAIL] = { "journal_tail_mblock", OUT_NUMBER, 0, "next block of its journal" },
	[HINT] = { "fullness_hint", OUT_NUMBER, 0, "free blocks as the summary keeps them" },
	OUT_COLUMNS_END
};

static const struct out_schema slabs_schema = {
	.name = "bedplate.vdo.inspect.slabs",
	.help = "The slabs of a volume, with --slabs.",
	.columns = slab_columns,
};

struct seen {
	struct out *out;
	const struct bp_vdo_volume *volume;
	struct vdo_usage usage;
};

/* A slab whose counts can't be read has no usage. */
static void add_row(const struct seen *seen, const struct bp_vdo_slab *slab)
{
	struct out_row *row = out_row(seen->out, NULL);
	bp_mblock total = seen->volume->slab_data_mblocks;

	out_number(row, NUMBER, slab->number);
	out_number(row, START, slab->start_mblock);
	out_bool(row, OPENED, slab->opened);
	out_bool(row, DIRTY, slab->dirty);
	out_number(row, TAIL, slab->tail_mblock);
	out_number(row, HINT, slab->fullness_hint);
	if (slab->unreadable)
		return;
	out_number(row, USED, bp_mblock_to_bytes(slab->used_mblocks));
	out_number(row, FREE, bp_mblock_to_bytes(total - slab->used_mblocks));
	out_number(row, PERCENT, bp_share(slab->used_mblocks, total));
	out_number(row, MAP, slab->map_mblocks);
}

/* Sums, and rows if they are shown. */
static int on_slab(void *user, const struct bp_vdo_slab *slab)
{
	struct seen *seen = user;

	seen->usage.nr_opened += slab->opened;
	seen->usage.nr_dirty += slab->dirty;
	seen->usage.nr_unreadable += slab->unreadable;
	seen->usage.used_mblocks += slab->used_mblocks;
	if (seen->out)
		add_row(seen, slab);
	return 0;
}

/* What a person should know of the state it is in. */
static void warn(struct cli *cli, const char *path, const struct seen *seen)
{
	static const char *const texts[] = {
		[BP_VDO_STATE_DIRTY] = "it was not stopped cleanly: it recovers when it is "
				       "started; until then usage is of an earlier moment",
		[BP_VDO_STATE_READ_ONLY] =
			"it is read-only after an error: copy what matters, then see "
			"'vdo force-rebuild'",
		[BP_VDO_STATE_FORCE_REBUILD] = "it rebuilds its counts when it is started",
		[BP_VDO_STATE_RECOVERING] = "it was stopped while it recovered",
		[BP_VDO_STATE_REBUILD_FOR_UPGRADE] =
			"it rebuilds its counts when it is started",
	};
	uint32_t state = seen->volume->state;

	if (state < ARRAY_SIZE(texts) && texts[state])
		cli_warn(cli, "%s: %s", path, texts[state]);
	if (state > BP_VDO_STATE_REBUILD_FOR_UPGRADE)
		cli_warn(cli, "%s: its state, %u, means nothing", path, state);
	if (seen->usage.nr_unreadable)
		cli_warn(cli, "%s: reference counts of %llu slabs can't be read", path,
			 (unsigned long long)seen->usage.nr_unreadable);
}

/* Open it; where it is in use, read it nevertheless and say so. */
static int open_image(struct cli *cli, const char *path, struct bp_vdo_image **ret)
{
	int r = bp_vdo_open(cli->ctx, path, 0, ret);

	if (r == -EBUSY) {
		r = bp_vdo_open(cli->ctx, path, BP_VDO_OPEN_SHARED, ret);
		if (r == 0)
			cli_warn(cli, "%s: it is in use: usage is of an earlier moment", path);
	}
	return r < 0 ? cli_fail(cli, path, r) : EXIT_OK;
}

/* Slabs or the volume: one walk does for both. */
static int print(struct cli *cli, const struct args *args, struct bp_vdo_image *image,
		 struct seen *seen)
{
	int r = bp_vdo_slabs(image, on_slab, seen);

	if (r < 0)
		return cli_fail(cli, args->path, r);
	warn(cli, args->path, seen);
	return seen->out ? out_print(steal(seen->out))
			 : vdo_volume_print(cli, &args->out, &vdo_inspect_schema, seen->volume,
					    0, &seen->usage);
}

static int run_inspect(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct seen seen = { NULL };
	struct bp_vdo_image *image;
	int r = EXIT_OK;

	if (args->slabs) {
		r = out_open(cli, &args->out, &slabs_schema, &seen.out);
		if (r || !seen.out)
			return r;
	}
	r = open_image(cli, args->path, &image);
	if (r == EXIT_OK) {
		seen.volume = bp_vdo_volume_get(image);
		r = print(cli, args, image, &seen);
		bp_vdo_close(image);
	}
	out_free(seen.out);
	return r;
}

/* What journals know is given up: hence --yes. */
static int run_rebuild(struct cli *cli, const void *p)
{
	const struct args *args = p;
	int r;

	if (!args->yes)
		return cli_usage_hint(
			cli, "read bedplate-vdo(8) first",
			"what could not be written is lost for good: needs --yes");
	r = bp_vdo_force_rebuild(cli->ctx, args->path);
	return r < 0 ? cli_fail(cli, args->path, r) : EXIT_OK;
}

const struct cmd cmd_vdo_inspect = {
	.name = "vdo inspect",
	.group = VDO_GROUP,
	.summary = "Print what lies in a vdo volume, active or not.",
	.examples = "  bedplate vdo inspect /dev/sdb --slabs\n",
	.opts = inspect_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&vdo_inspect_schema, &slabs_schema),
	.run = run_inspect,
};

const struct cmd cmd_vdo_force_rebuild = {
	.name = "vdo force-rebuild",
	.group = VDO_GROUP,
	.summary = "Have a read-only volume rebuild itself when it is started next.",
	.examples = "  bedplate vdo force-rebuild /dev/sdb --yes\n",
	.opts = rebuild_opts,
	.args_size = sizeof(struct args),
	.run = run_rebuild,
};
