/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose the space of a pool is, and what deleting gives back. Reads only. */
#include "cli/out.h"
#include "commands/active.h"
#include "commands/source_opts.h"

#include <bedplate/history.h>
#include <bedplate/thin_ls.h>

#include <inttypes.h>

struct args {
	const char *pool, *free_ids;
	uint64_t with;
	struct out_opts out;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(pool, "POOL", "vg/pool, metadata device or file, image of a disk"),
	OPT_STRING(free_ids, 0, "free", "IDS", "only what deleting these volumes together gives back: ids, by commas"),
	OPT_NUMBER(with, 0, "with", "ID", "only what other volumes share with this one"),
	OPT_CONFLICT("free", "with"),
	OPT_OUTPUT(out),
	OPT_END
};
/* clang-format on */

struct row {
	uint64_t id;
	const char *name;
	uint64_t mapped_bytes, exclusive_bytes, shared_bytes;
};

static const struct out_column columns[] = {
	COL_NUMBER(struct row, id, OUT_DEFAULT, "number in the pool"),
	COL_TEXT(struct row, name, OUT_DEFAULT, "LVM's name"),
	COL_SIZE(struct row, mapped_bytes, OUT_DEFAULT, "mapped"),
	COL_SIZE(struct row, exclusive_bytes, OUT_DEFAULT, "of that what no other volume has"),
	COL_SIZE(struct row, shared_bytes, OUT_DEFAULT, "the rest"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.du",
	.columns = columns,
	.none = "no volumes",
};

struct with_row {
	uint64_t id;
	const char *name;
	uint64_t shared_bytes;
};
static const struct out_column with_columns[] = {
	COL_NUMBER(struct with_row, id, OUT_DEFAULT, "number of the other volume"),
	COL_TEXT(struct with_row, name, OUT_DEFAULT, "its name in LVM"),
	COL_SIZE(struct with_row, shared_bytes, OUT_DEFAULT, "what both have"), OUT_COLUMNS_END
};
static const struct out_schema with_schema = {
	.name = "bedplate.du_with",
	.columns = with_columns,
	.none = "it shares nothing",
};

struct free_row {
	const char *volumes;
	uint64_t freed_bytes, freed_blocks;
};
static const struct out_column free_columns[] = {
	COL_TEXT(struct free_row, volumes, OUT_DEFAULT, "ids of the volumes"),
	COL_SIZE(struct free_row, freed_bytes, OUT_DEFAULT,
		 "what deleting them together frees"),
	COL_NUMBER(struct free_row, freed_blocks, OUT_DEFAULT, "the same in data blocks"),
	OUT_COLUMNS_END
};
static const struct out_schema free_schema = {
	.name = "bedplate.du_free",
	.columns = free_columns,
};

struct du {
	struct cli *cli;
	const struct args *args;
	struct bp_thin_meta *meta;
	struct bp_source_volumes *volumes;
	struct out *out;
	uint64_t block_bytes;
};

/* LVM's name where the source has one; a bare pool has ids only. */
static const char *name_of(const struct du *du, uint64_t id)
{
	for (size_t i = 0; i < bp_source_volumes_count(du->volumes); i++) {
		const struct bp_source_volume *v = bp_source_volumes_get(du->volumes, i);

		if (v->has_id && v->id == id)
			return v->name;
	}
	return NULL;
}

/* In bytes: blocks differ from pool to pool. */
static int add_usage(void *user, const struct bp_thin_usage *usage)
{
	const struct du *du = user;
	const struct row row = {
		.id = usage->device.id,
		.name = name_of(du, usage->device.id),
		.mapped_bytes =
			(usage->exclusive_dblocks + usage->shared_dblocks) * du->block_bytes,
		.exclusive_bytes = usage->exclusive_dblocks * du->block_bytes,
		.shared_bytes = usage->shared_dblocks * du->block_bytes,
	};

	out_add(du->out, NULL, &row);
	return 0;
}

static int add_other(void *user, uint64_t id, bp_dblock dblocks)
{
	const struct du *du = user;
	const struct with_row row = {
		.id = id,
		.name = name_of(du, id),
		.shared_bytes = dblocks * du->block_bytes,
	};

	out_add(du->out, NULL, &row);
	return 0;
}

/*
 * Ids with commas between, at most 256; anything else is a usage error before a block is
 * read.
 */
static int add_freed(struct du *du)
{
	const char *text = du->args->free_ids;
	uint64_t ids[256], freed;
	size_t nr = 0;
	char *end;
	int r;

	do {
		errno = 0;
		if (nr == ARRAY_SIZE(ids) || *text < '0' || *text > '9')
			return cli_usage(du->cli, "--free: '%s' is no list of ids",
					 du->args->free_ids);
		ids[nr++] = strtoull(text, &end, 10);
		text = end + (*end == ',');
	} while (*end == ',' && errno == 0);
	if (*end || errno)
		return cli_usage(du->cli, "--free: '%s' is no list of ids", du->args->free_ids);
	r = bp_thin_freed(du->meta, ids, nr, &freed);
	if (r == 0) {
		const struct free_row row = {
			.volumes = du->args->free_ids,
			.freed_bytes = freed * du->block_bytes,
			.freed_blocks = freed,
		};

		out_add(du->out, NULL, &row);
	}
	return r;
}

static int fill(struct du *du)
{
	if (du->args->free_ids)
		return add_freed(du);
	if (cli_given(du->cli, "with"))
		return bp_thin_shared_with(du->meta, du->args->with, add_other, du);
	return bp_thin_ls(du->meta, BP_THIN_LS_SHARING, add_usage, du);
}

/* The names are the source's, the counts the metadata's. */
static int with_source(struct du *du, struct bp_source *source)
{
	int r = bp_source_thin_open(source, NULL, &du->meta);

	if (r < 0)
		return r;
	du->block_bytes = bp_sector_to_bytes(
		(uint64_t)bp_thin_superblock_get(du->meta)->data_block_sectors);
	r = bp_source_volumes(source, &du->volumes);
	if (r == 0) {
		r = fill(du);
		bp_source_volumes_free(du->volumes);
	}
	bp_thin_close(du->meta);
	return r;
}

/*
 * Which of three tables it is depends on the options alone, so the columns are known before
 * reading.
 */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct du du = { .cli = cli, .args = args };
	struct bp_source_opts o = source_opts(cli);
	const struct out_schema *shown = &schema;
	const char *pool = args->pool;
	struct active_pool active;
	struct bp_source *source;
	int r;

	if (args->free_ids)
		shown = &free_schema;
	else if (cli_given(cli, "with"))
		shown = &with_schema;
	r = out_open(cli, &args->out, shown, &du.out);
	if (r || !du.out)
		return r;
	r = active_source(cli, &active, &pool, &o);
	if (r == 0)
		r = bp_source_open(cli->ctx, pool, &o, &source);
	if (r == 0) {
		r = with_source(&du, source);
		bp_source_close(source);
	}
	if (r == 0)
		return out_print(du.out);
	out_free(du.out);
	return r > 0 ? r : cli_fail(cli, args->pool, r);
}

const struct cmd cmd_du = {
	.name = "du",
	.group = "Rescue",
	.summary = "Tell whose a pool's space is, and what deleting volumes gives back.",
	.examples = "  bedplate du vg/pool --free 3,4\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_SOURCES | CMD_READS,
	.schemas = SCHEMAS(&schema, &with_schema, &free_schema),
	.run = run,
};
