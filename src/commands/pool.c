/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools: create, change, remove. */
#include "commands/pool.h"

#include <bedplate/loop_pool.h>

#include <inttypes.h>

struct args {
	const char *pool, *metadata, *data, *uuid, *directory;
	uint64_t loop_bytes, metadata_bytes;
	bool loop, files;
	uint32_t flags;
	uint64_t block_sectors, size_sectors, low_water, old_id, new_id;
	unsigned no_space;
	bool yes;
	int64_t timeout_ms;
};

#define LOOP_DIRECTORY_HELP                                                                    \
	"where the files of --loop are; default: pools in the state directory, "               \
	"/var/lib/bedplate"

static const char *const no_space_words[] = { "queue", "error", NULL };

/* clang-format off */
static const struct cmd_opt create_opts[] = {
	OPT_OPERAND(pool, "NAME", "name of the pool's device"),
	OPT_STRING(metadata, 0, "metadata", "DEVICE", "where its bookkeeping goes"),
	OPT_STRING(data, 0, "data", "DEVICE", "where the volumes' blocks go"),
	OPT_SECTORS(block_sectors, 0, 0, 'b', "block-size", "SIZE", "unit of allocation: 64KiB (the default) to 1GiB, in steps of 64KiB"),
	OPT_NUMBER(low_water, 0, "low-water", "BLOCKS", "raise an event when fewer blocks are free"),
	OPT_SECTORS(size_sectors, 0, 0, 0, "size", "SIZE", "use only so much of the data device"),
	OPT_STRING(uuid, 'u', "uuid", "UUID", "uuid of the pool's device"),
	OPT_BIT(flags, BP_POOL_SKIP_ZEROING, 0, "skip-block-zeroing", "new blocks keep what was on the data device, readable through new volumes"),
	OPT_BIT(flags, BP_POOL_IGNORE_DISCARD, 0, "ignore-discard", "discards free nothing"),
	OPT_BIT(flags, BP_POOL_NO_DISCARD_PASSDOWN, 0, "no-discard-passdown", "discards free blocks, but are not passed to the data device"),
	OPT_BIT(flags, BP_POOL_ERROR_IF_NO_SPACE, 0, "error-if-no-space", "when full, fail writes at once"),
	OPT_BIT(flags, BP_POOL_READ_ONLY, 'r', "readonly", "don't change the metadata"),
	OPT_BIT(flags, BP_POOL_EXISTING, 0, "existing", "the metadata device holds this pool's metadata already"),
	OPT_BIT(flags, BP_POOL_WIPE, 0, "wipe", "begin anew whatever the metadata device holds; needs --yes"),
	OPT_SIZE(loop_bytes, 0, 0, "loop", "SIZE", "on loop devices over sparse files of its own, with so much data; repeating it does nothing, or grows it"),
	OPT_SIZE(metadata_bytes, 0, 0, "metadata-size", "SIZE", "with --loop: of the metadata's file; default: 64 bytes a data block, at least 2MiB"),
	OPT_STRING(directory, 0, "directory", "DIR", LOOP_DIRECTORY_HELP),
	OPT_YES(yes),
	OPT_TIMEOUT(timeout_ms),
	OPT_SYNONYM("metadata-dev", "metadata"),
	OPT_SYNONYM("data-dev", "data"),
	OPT_SYNONYM("skip-zeroing", "skip-block-zeroing"),
	OPT_SYNONYM("read-only", "readonly"),
	OPT_ANY("metadata loop"),
	OPT_ANY("data loop"),
	OPT_CONFLICT("loop", "metadata data uuid size readonly existing wipe yes"),
	OPT_REQUIRES("metadata-size", "loop"),
	OPT_REQUIRES("directory", "loop"),
	OPT_CONFLICT("existing", "wipe"),
	OPT_CONFLICT("ignore-discard", "no-discard-passdown"),
	OPT_REQUIRES("wipe", "yes"),
	OPT_END
};

static const struct cmd_opt grow_opts[] = {
	OPT_OPERAND(pool, "POOL", POOL_HELP),
	OPT_SECTORS(size_sectors, 0, 0, 0, "size", "SIZE", "its new size; default: all of the data device"),
	OPT_TIMEOUT(timeout_ms),
	OPT_END
};

static const struct cmd_opt set_opts[] = {
	OPT_OPERAND(pool, "POOL", POOL_HELP),
	OPT_CHOICE(no_space, no_space_words, 0, "no-space", "WHAT", "when full: queue (writes wait, 60 s unless the kernel was told otherwise), or error (they fail at once)"),
	OPT_NUMBER(low_water, 0, "low-water", "BLOCKS", "raise an event when fewer blocks are free; 0: never"),
	OPT_TIMEOUT(timeout_ms),
	OPT_ANY("no-space low-water"),
	OPT_END
};

static const struct cmd_opt remove_opts[] = {
	OPT_OPERAND(pool, "POOL", POOL_HELP),
	OPT_BIT(flags, BP_REMOVE_RETRY, 0, "retry", "while a volume is in use, try again until the timeout"),
	OPT_BIT(flags, BP_REMOVE_DEFERRED, 0, "deferred", "what is in use goes when its last user is gone"),
	OPT_FLAG(loop, 0, "loop", "made by 'pool create --loop', and perhaps not active: let its loop devices go too"),
	OPT_FLAG(files, 0, "delete-files", "delete its files too, and all volumes with them; needs --yes"),
	OPT_STRING(directory, 0, "directory", "DIR", LOOP_DIRECTORY_HELP),
	OPT_YES(yes),
	OPT_TIMEOUT(timeout_ms),
	OPT_CONFLICT("loop", "deferred"),
	OPT_REQUIRES("delete-files", "loop yes"),
	OPT_REQUIRES("directory", "loop"),
	OPT_END
};

static const struct cmd_opt transaction_opts[] = {
	OPT_OPERAND(pool, "POOL", POOL_HELP),
	OPT_OPERAND_NUMBER(old_id, 0, UINT64_MAX, "OLD-ID", "what it must be now"),
	OPT_OPERAND_NUMBER(new_id, 0, UINT64_MAX, "NEW-ID", "what it shall be"),
	OPT_TIMEOUT(timeout_ms),
	OPT_END
};

static const struct cmd_opt snap_opts[] = {
	OPT_OPERAND(pool, "POOL", POOL_HELP),
	OPT_TIMEOUT(timeout_ms),
	OPT_END
};
/* clang-format on */

int pool_named(struct cli *cli, const char *text, struct bp_pool **ret)
{
	struct bp_selector which = device_named(text);
	int r = bp_pool_open(cli->ctx, &which, ret);

	return r < 0 ? cli_fail(cli, text, r) : EXIT_OK;
}

int pool_begin(struct cli *cli, const char *text, struct bp_pool **ret)
{
	int r = pool_named(cli, text, ret);

	return r ? r : change_begin(cli);
}

static void stack_changes_freep(struct bp_stack_changes **changes)
{
	bp_stack_changes_free(*changes);
}

static struct bp_loop_pool_opts loop_opts(const struct args *args)
{
	return (struct bp_loop_pool_opts){
		.size = sizeof(struct bp_loop_pool_opts),
		.directory = args->directory,
		.metadata_bytes = args->metadata_bytes,
		.data_block_sectors = args->block_sectors,
		.low_water_dblocks = args->low_water,
		.flags = args->files ? BP_LOOP_POOL_DELETE_FILES : 0,
		.timeout_ms = args->timeout_ms,
	};
}

/* "unchanged" where the pool was there already, as wanted. */
static int loop_create(struct cli *cli, const struct args *args)
{
	_cleanup_(stack_changes_freep) struct bp_stack_changes *changes = NULL;
	struct bp_loop_pool_opts how = loop_opts(args);
	int r = change_begin(cli);

	if (r)
		return r;
	how.pool_flags = args->flags;
	r = bp_loop_pool_create(cli->ctx, args->pool, args->loop_bytes, &how, &changes);
	return change_done(cli, args->pool, r,
			   r == 0 && !cli->dry_run && bp_stack_changes_count(changes) == 0
				   ? "unchanged"
				   : "created");
}

static int loop_remove(struct cli *cli, const struct args *args)
{
	struct bp_loop_pool_opts how = loop_opts(args);
	int r = change_begin(cli);

	if (r)
		return r;
	r = bp_loop_pool_remove(cli->ctx, args->pool, &how, NULL);
	return change_done(cli, args->pool, r, "removed");
}

/* The one failure that has a way out is told with it. */
static int run_create(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_pool_opts how = {
		.size = sizeof(how),
		.uuid = args->uuid,
		.flags = args->flags,
		.low_water_dblocks = args->low_water,
		.data_block_sectors = args->block_sectors,
		.size_sectors = args->size_sectors,
		.timeout_ms = args->timeout_ms,
	};
	int r;

	if (cli_given(cli, "loop"))
		return loop_create(cli, args);
	r = change_begin(cli);
	if (r)
		return r;
	r = bp_pool_create(cli->ctx, args->pool, args->metadata, args->data, &how, NULL);
	r = change_done(cli, args->pool, r, "created");
	if (r && bp_error_get(cli->ctx)->code == BP_E_METADATA_EXISTS)
		cli_note(cli, "  hint: --existing uses it; --wipe --yes begins anew");
	return r;
}

static int run_grow(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(pool_closep) struct bp_pool *pool = NULL;
	int r = pool_begin(cli, args->pool, &pool);

	if (r)
		return r;
	r = bp_pool_grow(pool, args->size_sectors, args->timeout_ms);
	return change_done(cli, args->pool, r, "grown");
}

/* In this order, each a reload of its own; the first failure ends it. */
static int run_set(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(pool_closep) struct bp_pool *pool = NULL;
	int r = pool_begin(cli, args->pool, &pool);

	if (r)
		return r;
	if (cli_given(cli, "no-space"))
		r = bp_pool_set_no_space(pool, args->no_space == 1, args->timeout_ms);
	if (r >= 0 && cli_given(cli, "low-water"))
		r = bp_pool_set_low_water(pool, args->low_water, args->timeout_ms);
	return change_done(cli, args->pool, r, "set");
}

/* Files behind a loop pool are not let go by the way: that is --loop. */
static int run_remove(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(pool_closep) struct bp_pool *pool = NULL;
	struct bp_remove_opts how = {
		.size = sizeof(how),
		.flags = args->flags,
		.timeout_ms = args->timeout_ms,
	};
	bool loop;
	int r;

	if (args->loop)
		return loop_remove(cli, args);
	r = pool_begin(cli, args->pool, &pool);
	if (r)
		return r;
	loop = bp_loop_pool_is(bp_pool_device(pool));
	r = bp_pool_remove(pool, &how);
	r = change_done(cli, args->pool, r, "removed");
	if (!r && loop && !cli->dry_run)
		cli_note(cli,
			 "  hint: its files still have loop devices: 'bedplate pool remove "
			 "--loop "
			 "%s' lets them go",
			 args->pool);
	return r;
}

static int run_transaction(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(pool_closep) struct bp_pool *pool = NULL;
	int r = pool_begin(cli, args->pool, &pool);

	if (r)
		return r;
	r = bp_pool_set_transaction(pool, args->old_id, args->new_id, args->timeout_ms);
	return change_done(cli, args->pool, r, "set");
}

struct snap {
	const char *pool;
	uint64_t held_root_mblock;
};
/* clang-format off */
static const struct out_column snap_columns[] = {
	COL_TEXT(struct snap, pool, OUT_DEFAULT, "the pool"),
	COL_NUMBER(struct snap, held_root_mblock, OUT_DEFAULT, "block of metadata where it lies"),
	OUT_COLUMNS_END
};
static const struct out_schema snap_schema = {
	.name = "bedplate.pool.reserve-metadata-snap", .columns = snap_columns,
	.flags = OUT_RECORD | OUT_ONE,
};
/* clang-format on */

/* The block is what tools need that read the snapshot. */
static int run_reserve(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(pool_closep) struct bp_pool *pool = NULL;
	bp_mblock block = 0;
	struct out *out;
	int r = pool_begin(cli, args->pool, &pool);

	if (r)
		return r;
	r = bp_pool_reserve_metadata_snap(pool, args->timeout_ms, &block);
	if (r < 0 || cli->dry_run)
		return change_done(cli, args->pool, r, "reserved");
	r = out_open(cli, NULL, &snap_schema, &out);
	if (r)
		return r;
	out_add(out, NULL, &(struct snap){ args->pool, block });
	return out_print(out);
}

static int run_release(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(pool_closep) struct bp_pool *pool = NULL;
	int r = pool_begin(cli, args->pool, &pool);

	if (r)
		return r;
	r = bp_pool_release_metadata_snap(pool, args->timeout_ms);
	return change_done(cli, args->pool, r, "released");
}

const struct cmd cmd_pool_create = {
	.name = "pool create",
	.group = "Thin pools",
	.summary = "Create a pool: its device, and its metadata where there is none.",
	.examples = "  bedplate pool create pool --metadata /dev/sdb --data /dev/sdc\n"
		    "  bedplate pool create pool --loop 10GiB\n",
	.opts = create_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.pool.create"),
	.run = run_create,
};

const struct cmd cmd_pool_grow = {
	.name = "pool grow",
	.group = "Thin pools",
	.summary = "Let a pool use what its devices have gained.",
	.examples = "  bedplate pool grow pool\n",
	.opts = grow_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.pool.grow"),
	.run = run_grow,
};

const struct cmd cmd_pool_set = {
	.name = "pool set",
	.group = "Thin pools",
	.summary = "Change what a pool does when it gets full.",
	.examples = "  bedplate pool set pool --no-space error\n",
	.opts = set_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.pool.set"),
	.run = run_set,
};

const struct cmd cmd_pool_remove = {
	.name = "pool remove",
	.group = "Thin pools",
	.summary = "Deactivate a pool and its volumes. Nothing is deleted.",
	.examples = "  bedplate pool remove pool --retry\n",
	.opts = remove_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.pool.remove"),
	.run = run_remove,
};

const struct cmd cmd_pool_set_transaction = {
	.name = "pool set-transaction",
	.group = "Thin pools",
	.summary = "Change a pool's transaction id.",
	.examples = "  bedplate pool set-transaction pool 3 4\n",
	.opts = transaction_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.pool.set-transaction"),
	.run = run_transaction,
};

const struct cmd cmd_pool_reserve_metadata_snap = {
	.name = "pool reserve-metadata-snap",
	.group = "Thin pools",
	.summary = "Keep a still copy of a pool's bookkeeping (not of data) for tools to read.",
	.examples = "  bedplate pool reserve-metadata-snap pool\n",
	.opts = snap_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMAS(&snap_schema, &plan_schema),
	.run = run_reserve,
};

const struct cmd cmd_pool_release_metadata_snap = {
	.name = "pool release-metadata-snap",
	.group = "Thin pools",
	.summary = "Give the copy of a pool's bookkeeping back that was reserved.",
	.examples = "  bedplate pool release-metadata-snap pool\n",
	.opts = snap_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.pool.release-metadata-snap"),
	.run = run_release,
};
