/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cache_generate_damage and era_generate_damage: for tests of whatever reads metadata. They differ
 * in what there is to damage, and in nothing else; another format made of arrays is another row.
 */
#include "commands/spoil.h"

#include <bedplate/metadata_generate.h>

struct args {
	const char *output;
	bool leaks;
	uint64_t nr_blocks, expected, actual, block, seed;
	unsigned what, how;
};

struct family {
	const struct out_schema schema;
	int (*spoil)(struct bp_ctx *ctx, const char *path, const struct bp_spoil_opts *opts);
	int (*leak)(struct bp_ctx *ctx, const char *path, uint64_t nr_blocks, unsigned expected,
		    unsigned actual);
};

/* As enum bp_cache_spoil_what. */
static const char *const cache_words[] = {
	"block",        "superblock", "mapping-root",    "mappings",
	"hint-root",    "hints",      "dirty-root",      "dirty",
	"discard-root", "discards",   "metadata-bitmap", "metadata-index",
	"any",          NULL
};

/* As enum bp_era_spoil_what. */
static const char *const era_words[] = {
	"block",    "superblock", "writeset-root", "writeset",        "current-writeset",
	"era-root", "eras",       "metadata-snap", "metadata-bitmap", "metadata-index",
	"any",      NULL
};

/* clang-format off */
#define DAMAGE_OPTS(words, page) \
	OPT_STRING(output, 'o', "output", "METADATA", "metadata device or file to change"), \
	SPOIL_ROWS(words, page), \
	OPT_FLAG(leaks, 0, "create-metadata-leaks", "give metadata blocks another reference count"), \
	OPT_RANGE(nr_blocks, 1, UINT64_MAX, 0, "nr-blocks", "COUNT", "how many"), \
	OPT_RANGE(expected, 0, 2, 0, "expected", "COUNT", "blocks that have this count"), \
	OPT_RANGE(actual, 0, 2, 0, "actual", "COUNT", "what it becomes"), \
	OPT_ANY("output"), \
	OPT_ANY("what create-metadata-leaks"), \
	OPT_CONFLICT("what", "create-metadata-leaks"), \
	SPOIL_RULES,

static const struct cmd_opt cache_opts[] = {
	DAMAGE_OPTS(cache_words, "cache_generate_damage(8)")
	OPT_END
};

static const struct cmd_opt era_opts[] = {
	DAMAGE_OPTS(era_words, "era_generate_damage(8)")
	OPT_END
};
/* clang-format on */

static const struct family cache = {
	{ .name = "bedplate.cache_generate_damage", .columns = spoil_columns },
	bp_cache_spoil,
	bp_cache_leak,
};
static const struct family era = {
	{ .name = "bedplate.era_generate_damage", .columns = spoil_columns },
	bp_era_spoil,
	bp_era_leak,
};

struct job {
	const struct args *args;
	const struct family *family;
};

static int spoil(struct cli *cli, const void *p, void (*spoiled)(void *user, bp_mblock block),
		 void *user)
{
	const struct job *job = p;
	const struct args *args = job->args;
	const struct bp_spoil_opts opt = {
		.size = sizeof(opt),
		.what = args->what,
		SPOIL_OPTS(args),
	};

	return job->family->spoil(cli->ctx, args->output, &opt);
}

/* In both enumerations. */
_Static_assert((int)BP_CACHE_SPOIL_BLOCK == (int)BP_ERA_SPOIL_BLOCK, "the block given");

/* Either one kind of damage, with what belongs to it, or leaks. */
static int run(struct cli *cli, const struct args *args, const struct family *family)
{
	const struct job job = { args, family };
	int r;

	if (cli_given(cli, "what")) {
		if ((args->what == BP_CACHE_SPOIL_BLOCK) != cli_given(cli, "block"))
			return cli_usage(cli, "--what block and --block go together");
		return spoil_print(cli, &family->schema, args->output, spoil, &job);
	}
	r = family->leak(cli->ctx, args->output, args->nr_blocks, (unsigned)args->expected,
			 (unsigned)args->actual);
	return r < 0 ? cli_fail(cli, args->output, r) : spoil_print_none(cli, &family->schema);
}

static int run_cache(struct cli *cli, const void *args)
{
	return run(cli, args, &cache);
}

static int run_era(struct cli *cli, const void *args)
{
	return run(cli, args, &era);
}

const struct cmd cmd_cache_generate_damage = {
	.name = "cache_generate_damage",
	.group = "Metadata",
	.summary = "Make a cache's metadata wrong on purpose.",
	.examples =
		"  cache_generate_damage -o meta.img --what mappings --how checksum --seed 3\n",
	.opts = cache_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&cache.schema),
	.run = run_cache,
};

const struct cmd cmd_era_generate_damage = {
	.name = "era_generate_damage",
	.group = "Metadata",
	.summary = "Make an era's metadata wrong on purpose.",
	.examples = "  era_generate_damage -o meta.img --what superblock\n",
	.opts = era_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&era.schema),
	.run = run_era,
};
