/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* era_dump: the text is the library's; whose it becomes, and what is said, is decided here. */
#include "commands/text_out.h"

#include <bedplate/era_dump.h>

struct args {
	const char *path, *output, *snap, *io_engine;
	uint32_t flags;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(path, "METADATA", "metadata device or file"),
	OPT_STRING(output, 'o', "output", "FILE", "write there instead of to standard output"),
	OPT_BIT(flags, BP_ERA_DUMP_LOGICAL, 0, "logical", "no writesets: when each block was written last, digested or not"),
	OPT_BIT(flags, BP_ERA_DUMP_COMPACT, 0, "compact", "a line for each run of blocks in a writeset, not for each block"),
	OPT_BIT(flags, BP_ERA_DUMP_REPAIR, 'r', "repair", "write a whole document; blocks of which it is not known count as written"),
	OPT_OPTIONAL(snap, 'm', "metadata-snapshot", "BLOCK", "dump the metadata snapshot of a target that may be active; BLOCK is not looked at"),
	OPT_STRING(io_engine, 0, "io-engine", "ENGINE", NULL),
	OPT_CONFLICT("logical", "compact"),
	OPT_END
};
/* clang-format on */

struct dump {
	struct cli *cli;
	const struct args *args;
	uint64_t nr_values; /* damages that are no missing parts */
};

static void on_damage(void *user, const struct bp_damage *damage)
{
	struct dump *dump = user;

	/* A repair has others in their place. */
	dump->nr_values +=
		damage->kind == BP_DAMAGE_SUPERBLOCK ||
		(damage->kind == BP_DAMAGE_ERA && !(dump->args->flags & BP_ERA_DUMP_REPAIR));
	text_out_damage(dump->cli, damage);
}

static int on_progress(void *user, uint64_t done, uint64_t total)
{
	const struct dump *dump = user;

	return cli_progress(dump->cli, done, total);
}

/*
 * Called by text_out(), which decides where the text goes and what an incomplete one is
 * worth.
 */
static int make(struct cli *cli, const void *p, bp_write_fn write, void *user,
		uint64_t *ret_damages)
{
	struct dump *dump = *(struct dump *const *)p;
	const struct args *args = dump->args;
	const struct bp_era_open_opts how = {
		.size = sizeof(how),
		.flags = args->snap ? BP_ERA_OPEN_SNAP : 0,
	};
	const struct bp_era_dump_opts opt = {
		.size = sizeof(opt),
		.flags = args->flags,
		.damage = on_damage,
		.progress = args->output ? on_progress : NULL,
		.callback_user = dump,
	};
	struct bp_era_meta *meta;
	int r = bp_era_open(cli->ctx, args->path, &how, &meta);

	if (r < 0)
		return r;
	r = bp_era_dump(meta, &opt, write, user, ret_damages);
	bp_era_close(meta);
	return r;
}

/* An incomplete text is a failure, unless it was asked for by --repair. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct dump dump = { .cli = cli, .args = args }, *lent = &dump;
	const struct text_out to = {
		.cli = cli,
		.input = args->path,
		.output = args->output,
		.checker = "era_check",
		.whole = args->flags & BP_ERA_DUMP_REPAIR,
		.make = make,
		.args = &lent,
		.nr_values = &dump.nr_values,
	};

	return text_out(&to);
}

const struct cmd cmd_era_dump = {
	.name = "era_dump",
	.group = "Metadata",
	.summary = "Write an era's metadata as text.",
	.examples = "  era_dump --logical /dev/vg/era_meta\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS | CMD_DROP_IN | CMD_ABBREVIATIONS,
	.run = run,
};
