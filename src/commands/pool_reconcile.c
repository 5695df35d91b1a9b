/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a pool holds and what is active, against a list of what is wanted. Tells only, unless asked to act;
 * its exit status says whether all is as wanted at the end.
 */
#include "commands/pool.h"

#include <inttypes.h>

struct args {
	const char *pool;
	struct cli_list wanted;
	uint32_t flags;
	bool yes;
	struct out_opts out;
	int64_t timeout_ms;
};

/* clang-format off */
static const struct cmd_opt reconcile_opts[] = {
	OPT_OPERAND(pool, "POOL", POOL_HELP),
	OPT_OPERANDS(wanted, "NAME[=ID[:SIZE]]", "a volume that shall be active as NAME: its id in the pool, and its size where it may have to be activated"),
	OPT_BIT(flags, BP_POOL_RECONCILE_ACTIVATE, 0, "activate", "make the devices of wanted volumes that are not active"),
	OPT_BIT(flags, BP_POOL_RECONCILE_DEACTIVATE, 0, "deactivate", "take away devices of volumes that are not wanted"),
	OPT_BIT(flags, BP_POOL_RECONCILE_DELETE, 0, "delete", "delete volumes that are neither active nor wanted, for good; needs --yes"),
	OPT_YES(yes),
	OPT_TIMEOUT(timeout_ms),
	OPT_OUTPUT(out),
	OPT_END
};
/* clang-format on */

/* By enum bp_pool_difference_kind. */
static const char *const kinds[] = {
	[BP_POOL_AS_WANTED] = "as wanted",
	[BP_POOL_INACTIVE] = "not active",
	[BP_POOL_MISSING] = "missing",
	[BP_POOL_OTHER] = "another id",
	[BP_POOL_UNWANTED_ACTIVE] = "active, not wanted",
	[BP_POOL_UNWANTED] = "not wanted",
	NULL,
};

static const char *const actions[] = { "none", "activate", "deactivate", "delete", NULL };

struct row {
	const char *name, *state, *action;
	uint64_t thin_id, size_bytes, mapped_bytes, transaction_id;
	bool done;
};
/* clang-format off */
static const struct out_column columns[] = {
	COL_TEXT(struct row, name, OUT_DEFAULT, "name of its device, or the one wanted"),
	COL_NUMBER(struct row, thin_id, OUT_DEFAULT, "id in the pool"),
	COL_WORD(struct row, state, kinds, OUT_DEFAULT, "how it is, against what is wanted"),
	COL_SIZE(struct row, size_bytes, OUT_DEFAULT, "size of its device, or the one wanted"),
	COL_SIZE(struct row, mapped_bytes, OUT_DEFAULT, "what has blocks, by the metadata"),
	COL_NUMBER(struct row, transaction_id, 0, "of the pool, when it was made"),
	COL_WORD(struct row, action, actions, OUT_DEFAULT, "what is to be done by the options given"),
	COL_BOOL(struct row, done, OUT_DEFAULT, "whether that was done"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.pool.reconcile", .columns = columns, .none = "nothing held, nothing wanted",
};
/* clang-format on */

/* NAME, NAME=ID or NAME=ID:SIZE. @name: takes a copy of NAME. 0 or an exit status. */
static int wanted_read(struct cli *cli, const char *word, char *name,
		       struct bp_pool_wanted *ret)
{
	const char *equals = strrchr(word, '=');
	size_t len = equals ? (size_t)(equals - word) : strlen(word);
	bp_bytes bytes = 0;
	char *end = NULL;
	uint64_t id = 0;

	if (!len || len >= BP_NAME_SIZE)
		return cli_usage(cli, "'%s': no name of a device", word);
	memcpy(name, word, len);
	name[len] = '\0';
	*ret = (struct bp_pool_wanted){ .name = name, .thin_id = BP_THIN_ID_ANY };
	if (!equals)
		return EXIT_OK;
	errno = 0;
	id = strtoull(equals + 1, &end, 10);
	if (equals[1] < '0' || equals[1] > '9' || errno || id > BP_THIN_ID_MAX)
		return cli_usage(cli, "'%s': behind '=' is no id, 0 to %u", word,
				 BP_THIN_ID_MAX);
	ret->thin_id = (uint32_t)id;
	if (!*end)
		return EXIT_OK;
	if (*end != ':' || bp_size_parse(cli->ctx, end + 1, 0, 0, &bytes) < 0 || !bytes ||
	    bytes % BP_SECTOR_BYTES)
		return cli_usage(cli, "'%s': behind the id is no :SIZE in whole sectors", word);
	ret->size_sectors = bytes / BP_SECTOR_BYTES;
	return EXIT_OK;
}

/* What the options ask for with it. */
static uint32_t flag_of(enum bp_pool_difference_kind kind)
{
	static const uint32_t flags[] = {
		[BP_POOL_INACTIVE] = BP_POOL_RECONCILE_ACTIVATE,
		[BP_POOL_UNWANTED_ACTIVE] = BP_POOL_RECONCILE_DEACTIVATE,
		[BP_POOL_UNWANTED] = BP_POOL_RECONCILE_DELETE,
	};

	return flags[kind];
}

/* What would be done, or what was: the column is the same. */
static const char *action_of(enum bp_pool_difference_kind kind, uint32_t flags)
{
	switch (flag_of(kind) & flags) {
	case BP_POOL_RECONCILE_ACTIVATE:
		return actions[1];
	case BP_POOL_RECONCILE_DEACTIVATE:
		return actions[2];
	case BP_POOL_RECONCILE_DELETE:
		return actions[3];
	default:
		return actions[0];
	}
}

/* Returns whether it is as wanted now. */
static bool add(struct out *out, const struct bp_pool_difference *d, uint32_t flags)
{
	bool held = d->kind != BP_POOL_MISSING;
	struct row row = {
		.name = d->name,
		.state = kinds[d->kind],
		.action = action_of(d->kind, flags),
		.thin_id = d->thin_id == BP_THIN_ID_ANY ? OUT_UNKNOWN : d->thin_id,
		.size_bytes =
			d->size_sectors ? bp_sector_to_bytes(d->size_sectors) : OUT_UNKNOWN,
		.mapped_bytes = held ? bp_sector_to_bytes(d->mapped_sectors) : OUT_UNKNOWN,
		.transaction_id = held ? d->transaction_id : OUT_UNKNOWN,
		.done = d->done,
	};

	out_add(out, NULL, &row);
	/* A volume that was only deactivated is still held. */
	return d->kind == BP_POOL_AS_WANTED || (d->done && d->kind != BP_POOL_UNWANTED_ACTIVE);
}

/* Exit status 1 as long as anything differs that was not mended by this call. */
static int reconcile(struct cli *cli, const struct args *args, struct bp_pool *pool,
		     const struct bp_pool_wanted *wanted, struct out *out)
{
	const struct bp_pool_reconcile_opts opts = {
		.size = sizeof(opts),
		.flags = cli->dry_run ? 0 : args->flags,
		.timeout_ms = args->timeout_ms,
	};
	struct bp_pool_difference_list *list;
	bool same = true;
	int r = bp_pool_reconcile(pool, wanted, args->wanted.count, &opts, &list);

	if (r < 0) {
		out_free(out);
		return cli_fail(cli, args->pool, r);
	}
	for (size_t i = 0; i < bp_pool_differences_count(list); i++)
		same &= add(out, bp_pool_differences_get(list, i), args->flags);
	bp_pool_differences_free(list);
	r = out_print(out);
	return r ? r : same ? EXIT_OK : EXIT_FAILED;
}

static int read_all(struct cli *cli, const struct args *args, char (*names)[BP_NAME_SIZE],
		    struct bp_pool_wanted *wanted)
{
	int r = EXIT_OK;

	for (size_t i = 0; !r && i < args->wanted.count; i++)
		r = wanted_read(cli, args->wanted.words[i], names[i], &wanted[i]);
	return r;
}

/* Deleting needs --yes, since what is deleted can't be had back. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(pool_closep) struct bp_pool *pool = NULL;
	_cleanup_(freep) char(*names)[BP_NAME_SIZE] =
		calloc(args->wanted.count + 1, sizeof(*names));
	_cleanup_(freep) struct bp_pool_wanted *wanted =
		calloc(args->wanted.count + 1, sizeof(*wanted));
	struct out *out;
	int r;

	if (!names || !wanted)
		return cli_failf(cli, NULL, NULL, "out of memory");
	if (args->flags & BP_POOL_RECONCILE_DELETE && !args->yes && !cli->dry_run)
		return cli_usage_hint(cli, "--yes does it; -n shows which",
				      "deletes volumes and their data for good");
	r = read_all(cli, args, names, wanted);
	if (!r)
		r = out_open(cli, &args->out, &schema, &out);
	if (r || !out)
		return r;
	r = pool_named(cli, args->pool, &pool);
	if (!r)
		return reconcile(cli, args, pool, wanted, out);
	out_free(out);
	return r;
}

const struct cmd cmd_pool_reconcile = {
	.name = "pool reconcile",
	.group = "Thin pools",
	.summary =
		"Compare what a pool holds and what is active with what is wanted; make it so.",
	.examples = "  bedplate pool reconcile pool home=0:10GiB --activate\n",
	.opts = reconcile_opts,
	.exits = "0 all is as wanted, 1 it is not, or failed",
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
