/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making vdo volumes, and what they would be. */
#include "commands/vdo.h"

struct args {
	const char *path, *uuid;
	uint64_t logical, slab, memory, physical, cache, nonce;
	bool sparse, force;
	struct out_opts out;
};

/* clang-format off */
static const struct cmd_opt format_opts[] = {
	OPT_OPERAND(path, "DEVICE", "block device, or file of the size the volume shall have"),
	OPT_VDO_SIZES(logical, slab, memory, sparse),
	OPT_FLAG(force, 0, "force", "overwrite what it holds"),
	OPT_STRING(uuid, 'u', "uuid", "UUID", "its uuid; default: a random one"),
	OPT_RANGE(nonce, 1, UINT64_MAX, 0, "nonce", "NUMBER", "number that its metadata carries; default: from the clock"),
	OPT_OUTPUT(out),
	OPT_END
};

static const struct cmd_opt size_opts[] = {
	OPT_OPERAND_SIZE_OPTIONAL(physical, 0, "PHYSICAL-SIZE", "size of the device; default: the least that will do"),
	OPT_VDO_SIZES(logical, slab, memory, sparse),
	OPT_SIZE(cache, 0, 0, "block-map-cache", "SIZE", "cache that it will be given; default 128MiB"),
	OPT_OUTPUT(out),
	OPT_END
};
/* clang-format on */

static struct bp_vdo_format_opts opts_of(const struct args *args)
{
	return (struct bp_vdo_format_opts){
		.size = sizeof(struct bp_vdo_format_opts),
		.index_sparse = args->sparse,
		.logical_bytes = args->logical,
		.slab_bytes = args->slab,
		.index_memory_bytes = args->memory,
		.nonce = args->nonce,
	};
}

static void on_found(void *user, const char *what)
{
	struct cli *cli = user;

	cli_warn(cli, "%s: %s", cli->dry_run ? "would be overwritten" : "overwritten", what);
}

/* Foreign contents are told by on_found(), and refused unless forced. */
static int run_format(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_vdo_format_opts how = opts_of(args);
	struct bp_vdo_volume volume = { .size = sizeof(volume) };
	uint8_t uuid[BP_VDO_UUID_BYTES];
	int r;

	if (args->uuid && !vdo_uuid_parse(args->uuid, uuid))
		return cli_usage(cli, "--uuid: '%s' is not a uuid", args->uuid);
	how.uuid = args->uuid ? uuid : NULL;
	how.flags = (args->force ? BP_VDO_FORMAT_FORCE : 0) |
		    (cli->dry_run ? BP_VDO_FORMAT_DRY_RUN : 0);
	how.found = on_found;
	how.progress = cli_progress;
	how.user = cli;
	cli_progress_title(cli, "formatting");
	r = bp_vdo_format(cli->ctx, args->path, &how, &volume);
	if (r < 0)
		return cli_fail(cli, args->path, r);
	return vdo_volume_print(cli, &args->out, &vdo_format_schema, &volume, 0, NULL);
}

/* Without a size, the smallest that these options allow. */
static int run_size(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_vdo_format_opts how = opts_of(args);
	struct bp_vdo_volume volume = { .size = sizeof(volume) };
	bp_bytes physical = args->physical;
	int r = 0;

	if (!cli_given(cli, "PHYSICAL-SIZE"))
		r = bp_vdo_minimum(cli->ctx, &how, &physical);
	if (r == 0)
		r = bp_vdo_plan(cli->ctx, physical, &how, &volume);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	return vdo_volume_print(cli, &args->out, &vdo_size_schema, &volume,
				bp_bytes_to_mblock(args->cache), NULL);
}

const struct cmd cmd_vdo_format = {
	.name = "vdo format",
	.group = VDO_GROUP,
	.summary = "Make a vdo volume on a device or in a file.",
	.examples = "  bedplate vdo format /dev/sdb --logical-size 10TiB\n",
	.opts = format_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMAS(&vdo_format_schema),
	.run = run_format,
};

const struct cmd cmd_vdo_size = {
	.name = "vdo size",
	.group = VDO_GROUP,
	.summary = "Work out what a vdo volume takes and gives.",
	.examples = "  bedplate vdo size 1TiB --slab-size 32GiB\n",
	.opts = size_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&vdo_size_schema),
	.run = run_size,
};
