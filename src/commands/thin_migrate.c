/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the metadata is, and which device is meant, is asked of the kernel: the thin device's table
 * names the pool, the pool's names the metadata. Or both are given, and the pool's data
 * device is the source: then no device-mapper is needed.
 */
#include "cli/out.h"

#include <bedplate/device.h>
#include <bedplate/table.h>
#include <bedplate/targets.h>
#include <bedplate/thin_migrate.h>

#include <inttypes.h>

struct args {
	const char *source, *dest_dev, *dest_file, *metadata, *data, *snap, *io_engine;
	uint64_t buffer_mib, id, delta_id, size_bytes;
	bool no_zero, zero;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_STRING(source, 0, "source-dev", "DEVICE", "the thin device to copy: active, read-only"),
	OPT_STRING(dest_dev, 0, "dest-dev", "DEVICE", "block device to copy it to"),
	OPT_STRING(dest_file, 0, "dest-file", "FILE", "file to copy it to; what is not mapped becomes a hole"),
	OPT_NUMBER(delta_id, 0, "delta-id", "ID", "the destination holds what device ID has: copy only what differs"),
	OPT_STRING(metadata, 0, "metadata-dev", "METADATA", "the pool's metadata; without --source-dev"),
	OPT_STRING(data, 0, "data-dev", "DATA", "the pool's data device, from which is read"),
	OPT_NUMBER(id, 0, "dev-id", "ID", "the thin device, in that metadata"),
	OPT_OPTIONAL(snap, 'm', "metadata-snap", "BLOCK", "use the metadata snapshot of a pool, which may be active; BLOCK is not looked at"),
	OPT_SIZE(size_bytes, 512, 0, "size", "SIZE", "size of the thin device; default: up to its last mapped block"),
	OPT_RANGE(buffer_mib, 1, 1024, 0, "buffer-size-meg", "MB", "copy so many MiB at once; default: 4"),
	OPT_FLAG(no_zero, 0, "no-zero-dest", "the destination device reads as zeros already: write only what is mapped"),
	OPT_FLAG(zero, 0, "zero-dest", NULL),
	OPT_STRING(io_engine, 0, "io-engine", "ENGINE", NULL),
	OPT_ANY("source-dev metadata-dev"),
	OPT_ANY("dest-dev dest-file"),
	OPT_CONFLICT("source-dev", "metadata-dev data-dev dev-id size metadata-snap"),
	OPT_CONFLICT("dest-dev", "dest-file"),
	OPT_REQUIRES("metadata-dev", "data-dev dev-id"),
	OPT_END
};
/* clang-format on */

/* clang-format off */
static const struct out_column columns[] = {
	DOC("size_bytes", OUT_SIZE, "size of the volume"),
	DOC("copied_bytes", OUT_SIZE, "what was copied of it"),
	DOC("zeroed_bytes", OUT_SIZE, "what was zeroed"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.thin_migrate", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

/* What is to be copied, whoever said so. */
struct job {
	char metadata[BP_NODE_SIZE];
	bool snap;
	const char *source;
	struct bp_thin_migrate_opts opts;
};

static int fail_table(struct cli *cli, const char *dev, const char *target)
{
	return cli_failf(cli, dev, NULL, "its table is not one %s segment", target);
}

/* The only segment of @which, which must be of @target. The table is to be freed. */
static int only_segment(struct cli *cli, const struct bp_selector *which, const char *dev,
			const char *target, struct bp_table **table, const void **ret)
{
	const struct bp_segment *segment;
	int r = bp_device_table(cli->ctx, which, 0, table);

	if (r < 0)
		return cli_fail(cli, dev, r);
	segment = bp_table_count(*table) == 1 ? bp_table_get(*table, 0) : NULL;
	if (!segment || !segment->params || !streq(segment->target, target)) {
		bp_table_free(*table);
		return fail_table(cli, dev, target);
	}
	*ret = segment->params;
	return 0;
}

/* A device's node, from "253:1" or a path. */
static int find_node(struct cli *cli, const char *dev, char *node, size_t size)
{
	struct bp_bdev bdev;
	int r = bp_bdev_get(cli->ctx, dev, &bdev);

	if (r < 0)
		return cli_fail(cli, dev, r);
	snprintf(node, size, "%s", bdev.path);
	if (!node[0])
		snprintf(node, size, "/dev/block/%" PRIu32 ":%" PRIu32, bdev.major, bdev.minor);
	return 0;
}

/* The pool's table says where its metadata lie. */
static int find_metadata(struct cli *cli, const char *pool_dev, struct job *job)
{
	const void *params = NULL;
	const struct bp_thin_pool *pool;
	struct bp_selector which;
	struct bp_table *table;
	int status;

	bp_selector_parse(pool_dev, &which);
	status = only_segment(cli, &which, pool_dev, "thin-pool", &table, &params);
	if (status || !params)
		return status ? status : EXIT_FAILED;
	pool = params;
	status = find_node(cli, pool->metadata_dev, job->metadata, sizeof(job->metadata));
	bp_table_free(table);
	return status;
}

/* All that is missing follows from the thin volume's own table. */
static int ask_kernel(struct cli *cli, const char *source, struct job *job)
{
	const struct bp_selector which = { .path = source };
	const void *params = NULL;
	const struct bp_thin *thin;
	struct bp_table *table;
	int status = only_segment(cli, &which, source, "thin", &table, &params);

	if (status || !params)
		return status ? status : EXIT_FAILED;
	thin = params;
	job->opts.id = thin->id;
	job->source = source;
	job->snap = true; /* the pool is active */
	if (thin->external_origin_dev)
		status = cli_failf(
			cli, source, "copy the device itself: it reads from both",
			"it has an external origin, whose blocks are not in the pool");
	else
		status = find_metadata(cli, thin->pool_dev, job);
	bp_table_free(table);
	return status;
}

static void take_args(const struct args *args, struct job *job)
{
	snprintf(job->metadata, sizeof(job->metadata), "%s", args->metadata);
	job->snap = args->snap;
	job->source = args->data;
	job->opts.id = args->id;
	job->opts.flags |= BP_THIN_MIGRATE_POOL_DATA;
}

/* Bytes that were copied, and zeros that were written instead. */
static int print_result(struct cli *cli, const struct bp_thin_migrate_result *res)
{
	struct bp_json *json;
	int r;

	if (!cli->json) {
		cli_note(cli, "%" PRIu64 " of %" PRIu64 " bytes were copied", res->copied_bytes,
			 res->size_bytes);
		return EXIT_OK;
	}
	r = cli_json_start(cli, &schema, &json);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	bp_json_object(json, "data");
	bp_json_uint(json, "size_bytes", res->size_bytes);
	bp_json_uint(json, "copied_bytes", res->copied_bytes);
	bp_json_uint(json, "zeroed_bytes", res->zeroed_bytes);
	bp_json_object_close(json);
	return cli_json_end(cli, json);
}

/* Metadata are closed last: the snapshot holds what is being copied. */
static int copy(struct cli *cli, const struct job *job, const char *dest)
{
	const struct bp_thin_open_opts how = {
		.size = sizeof(how),
		.flags = job->snap ? BP_THIN_OPEN_SNAP : 0,
	};
	struct bp_thin_migrate_result res = { .size = sizeof(res) };
	struct bp_thin_meta *meta;
	int r = bp_thin_open(cli->ctx, job->metadata, &how, &meta);

	if (r < 0)
		return cli_fail(cli, job->metadata, r);
	cli_progress_title(cli, "Copying");
	r = bp_thin_migrate(meta, job->source, dest, &job->opts, &res);
	bp_thin_close(meta);
	return r < 0 ? cli_fail(cli, NULL, r) : print_result(cli, &res);
}

/* Either a mapped device, or the pieces one by one. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct job job = {
		.opts = {
			.size = sizeof(job.opts),
			.flags = (args->no_zero ? BP_THIN_MIGRATE_NO_ZERO : 0) |
				 (cli_given(cli, "delta-id") ? BP_THIN_MIGRATE_DELTA : 0),
			.delta_id = args->delta_id,
			.size_bytes = args->size_bytes,
			.buffer_bytes = args->buffer_mib << 20,
			.progress = cli_progress,
			.user = cli,
		},
	};
	int status = 0;

	if (args->source)
		status = ask_kernel(cli, args->source, &job);
	else
		take_args(args, &job);
	if (status)
		return status;
	return copy(cli, &job, args->dest_dev ? args->dest_dev : args->dest_file);
}

const struct cmd cmd_thin_migrate = {
	.name = "thin_migrate",
	.group = "Metadata",
	.summary = "Copy a thin device out of its pool, or what changed since a snapshot.",
	.examples = "  thin_migrate --metadata-dev tmeta.img --data-dev tdata.img --dev-id 1 "
		    "--dest-file home.img\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
