/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Activating a vdo volume. What is on the device is looked at before a table is loaded: newer
 * kernels format an empty device without asking, and older ones only say "input/output error".
 */
#include "commands/common.h"
#include "commands/vdo.h"

#include <bedplate/vdo_device.h>

#include <inttypes.h>

struct args {
	const char *name, *device, *uuid;
	uint64_t logical, slab, memory, cache, era, minimum_io;
	uint64_t ack, bio, rotation, cpu, hash, logical_zones, physical_zones, max_discard;
	bool sparse, format, force, read_only;
	unsigned compression, deduplication, udev;
	int64_t timeout_ms;
};

static const char *const on_off[] = { "on", "off", NULL };

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(name, "NAME", "name of the new device"),
	OPT_STRING(device, 0, "device", "DEVICE", "block device that holds the volume"),
	OPT_FLAG(format, 0, "format", "make a volume on it first"),
	OPT_FLAG(force, 0, "force", "with --format: overwrite what the device holds"),
	OPT_VDO_SIZES(logical, slab, memory, sparse),
	OPT_CHOICE(compression, on_off, 0, "compression", "SWITCH", "compress new blocks: on, or off (the default)"),
	OPT_CHOICE(deduplication, on_off, 0, "deduplication", "SWITCH", "look for duplicates of new blocks: on (the default), or off"),
	OPT_SIZE(cache, 0, 0, "block-map-cache", "SIZE", "memory for pages of the block map; 16MiB for each zone of --logical, default 128MiB"),
	OPT_RANGE(era, 1, BP_VDO_ERA, 0, "block-map-era", "NUMBER", "how long dirty pages stay in it; default 16380"),
	OPT_SIZE(minimum_io, 1, 0, "minimum-io", "BYTES", "logical block to show: 512 or 4096 (the default)"),
	OPT_RANGE(ack, 0, 100, 0, "ack", "COUNT", "threads that acknowledge I/O; default 1"),
	OPT_RANGE(bio, 1, 100, 0, "bio", "COUNT", "threads that do I/O on the device; default 4"),
	OPT_RANGE(rotation, 1, 1024, 0, "bio-rotation-interval", "COUNT", "I/Os that go to one of these before the next one's turn; default 64"),
	OPT_RANGE(cpu, 1, 100, 0, "cpu", "COUNT", "threads that hash and compress; default 1"),
	OPT_RANGE(hash, 0, 100, 0, "hash", "COUNT", "zones that look for duplicates; this and the next two: all 0 (the default), or none"),
	OPT_RANGE(logical_zones, 0, 60, 0, "logical", "COUNT", "zones of logical blocks"),
	OPT_RANGE(physical_zones, 0, 16, 0, "physical", "COUNT", "zones of physical blocks"),
	OPT_SIZE(max_discard, 0, 0, "max-discard", "SIZE", "longest discard: 4KiB (the default) to 4GiB"),
	OPT_STRING(uuid, 'u', "uuid", "UUID", "uuid of the device, up to 128 bytes"),
	OPT_UDEV(udev),
	OPT_TIMEOUT(timeout_ms),
	OPT_ANY("device"),
	OPT_REQUIRES("force", "format"),
	OPT_REQUIRES("slab-size", "format"),
	OPT_REQUIRES("index-memory", "format"),
	OPT_REQUIRES("sparse", "format"),
	OPT_END
};
/* clang-format on */

static void on_found(void *user, const char *what)
{
	struct cli *cli = user;

	cli_warn(cli, "%s: %s", cli->dry_run ? "would be overwritten" : "overwritten", what);
}

static int format(struct cli *cli, const struct args *args, struct bp_vdo_volume *ret)
{
	struct bp_vdo_format_opts how = {
		.size = sizeof(how),
		.flags = (args->force ? BP_VDO_FORMAT_FORCE : 0) |
			 (cli->dry_run ? BP_VDO_FORMAT_DRY_RUN : 0),
		.index_sparse = args->sparse,
		.logical_bytes = args->logical,
		.slab_bytes = args->slab,
		.index_memory_bytes = args->memory,
		.found = on_found,
		.progress = cli_progress,
		.user = cli,
	};

	cli_progress_title(cli, "formatting");
	return bp_vdo_format(cli->ctx, args->device, &how, ret);
}

/* What lies on the device, or is made there. */
static int volume_get(struct cli *cli, const struct args *args, struct bp_vdo_volume *ret)
{
	struct bp_vdo_image *image;
	int r = args->format ? format(cli, args, ret)
			     : bp_vdo_open(cli->ctx, args->device, 0, &image);

	if (r < 0) {
		bool blank = bp_error_get(cli->ctx)->code == BP_E_NOT_METADATA;

		r = cli_fail(cli, args->device, r);
		if (blank && !args->format)
			cli_note(cli, "  hint: --format makes a volume on it");
		return r;
	}
	if (!args->format) {
		*ret = *bp_vdo_volume_get(image);
		bp_vdo_close(image);
	}
	return EXIT_OK;
}

static struct bp_number number_of(const struct cli *cli, const char *option, uint64_t value)
{
	return (struct bp_number){ value, cli_given(cli, option) };
}

/*
 * Ranges that the options have by themselves are the parser's; here are those that need a
 * reason.
 */
static int params_of(struct cli *cli, const struct args *args, struct bp_vdo *p)
{
	*p = (struct bp_vdo){
		.minimum_io_bytes = (uint32_t)args->minimum_io,
		.block_map_cache_mblocks = (uint32_t)bp_bytes_to_mblock(args->cache),
		.block_map_era = (uint32_t)args->era,
		.ack = number_of(cli, "ack", args->ack),
		.bio = number_of(cli, "bio", args->bio),
		.bio_rotation_interval =
			number_of(cli, "bio-rotation-interval", args->rotation),
		.cpu = number_of(cli, "cpu", args->cpu),
		.hash = number_of(cli, "hash", args->hash),
		.logical = number_of(cli, "logical", args->logical_zones),
		.physical = number_of(cli, "physical", args->physical_zones),
		.max_discard_mblocks =
			number_of(cli, "max-discard", bp_bytes_to_mblock(args->max_discard)),
	};
	if (cli_given(cli, "compression"))
		p->compression = args->compression ? BP_OFF : BP_ON;
	if (cli_given(cli, "deduplication"))
		p->deduplication = args->deduplication ? BP_OFF : BP_ON;
	if (args->minimum_io && args->minimum_io != 512 && args->minimum_io != 4096)
		return cli_usage(cli, "--minimum-io: 512 or 4096");
	if (cli_given(cli, "block-map-cache") &&
	    (args->cache < BP_MBLOCK_BYTES || bp_bytes_to_mblock(args->cache) > UINT32_MAX))
		return cli_usage(cli, "--block-map-cache: out of range: 4KiB to 16TiB");
	if (args->max_discard % BP_MBLOCK_BYTES)
		return cli_usage(cli, "--max-discard: no multiple of 4KiB");
	return EXIT_OK;
}

/* What a person should know of the state it starts in. */
static void warn(struct cli *cli, const struct args *args, const struct bp_vdo_volume *v)
{
	bp_mblock data = v->nr_slabs * v->slab_data_mblocks;

	if (v->state == BP_VDO_STATE_READ_ONLY)
		cli_warn(cli, "%s: the volume is read-only: see 'vdo force-rebuild'",
			 args->device);
	if (v->state == BP_VDO_STATE_DIRTY || v->state == BP_VDO_STATE_RECOVERING)
		cli_warn(cli, "%s: the volume was not stopped cleanly: it recovers now",
			 args->device);
	if (v->logical_mblocks > data)
		cli_note(cli,
			 "it shows more than it can hold without duplicates: watch 'vdo "
			 "status %s'",
			 args->name);
}

/* Planned by the same call where it is a dry run. */
static int activate(struct cli *cli, const struct args *args, const struct bp_table *table)
{
	struct bp_create_opts how = {
		.size = sizeof(how),
		.uuid = args->uuid,
		.udev = args->udev,
		.timeout_ms = args->timeout_ms,
	};
	int r = change_begin(cli);

	if (r)
		return r;
	r = bp_device_create(cli->ctx, args->name, table, &how, NULL);
	return change_done(cli, args->name, r, "created");
}

/* Checked, formatted, warned of, activated: in this order, as formatting is final. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(table_freep) struct bp_table *table = NULL;
	struct bp_vdo_volume volume = { .size = sizeof(volume) };
	struct bp_vdo params;
	int r = params_of(cli, args, &params);

	if (!r)
		r = volume_get(cli, args, &volume);
	if (r)
		return r;
	r = bp_vdo_table(cli->ctx, &volume, args->device, args->format ? 0 : args->logical,
			 &params, &table);
	if (r < 0)
		return cli_fail(cli, args->device, r);
	warn(cli, args, &volume);
	return activate(cli, args, table);
}

const struct cmd cmd_vdo_create = {
	.name = "vdo create",
	.group = VDO_GROUP,
	.summary = "Activate a vdo volume; make it first where that is asked for.",
	.examples =
		"  bedplate vdo create archive --device /dev/sdb --format --compression on\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.vdo.create"),
	.run = run,
};
