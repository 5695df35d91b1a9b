// SPDX-License-Identifier: LGPL-2.1-or-later
/* How pools are, and what is active of them. */
#include "commands/pool.h"

#include <inttypes.h>

struct args {
	const char *pool;
	uint32_t flags;
	struct out_opts out;
};

/* clang-format off */
static const struct cmd_opt status_opts[] = {
	OPT_OPERAND_OPTIONAL(pool, "POOL", POOL_HELP "; without: all pools, as pool list has them"),
	OPT_BIT(flags, BP_TABLE_FLUSH, 0, "flush", "let the pool commit first, so that the numbers are of now"),
	OPT_OUTPUT(out),
	OPT_END
};

static const struct cmd_opt list_opts[] = {
	OPT_OPERAND_OPTIONAL(pool, "POOL", "list this pool's active volumes; without: the pools"),
	OPT_OUTPUT(out),
	OPT_END
};
/* clang-format on */

static const char *const modes[] = {
	[BP_POOL_MODE_WRITE] = "write",
	[BP_POOL_MODE_OUT_OF_DATA_SPACE] = "out of data space",
	[BP_POOL_MODE_READ_ONLY] = "read-only",
	[BP_POOL_MODE_FAIL] = "failed",
	[BP_POOL_MODE_ERROR] = "unreadable",
};

static const char *const discards[] = {
	[BP_POOL_DISCARD_PASSDOWN] = "passed down",
	[BP_POOL_DISCARD_NO_PASSDOWN] = "not passed down",
	[BP_POOL_DISCARD_IGNORE] = "ignored",
};

enum {
	P_NAME,
	P_DEVICE,
	P_HEALTH,
	P_MODE,
	P_DATA_USED,
	P_DATA_FREE,
	P_DATA_TOTAL,
	P_DATA_PERCENT,
	P_METADATA_USED,
	P_METADATA_FREE,
	P_METADATA_TOTAL,
	P_METADATA_PERCENT,
	P_BLOCK,
	P_TRANSACTION,
	P_LOW_WATER,
	P_HELD_ROOT,
	P_DISCARD,
	P_NO_SPACE,
	P_ZERO,
	P_NEEDS_CHECK,
	P_SUSPENDED,
	P_METADATA_DEV,
	P_DATA_DEV,
};
#define SHOWN OUT_DEFAULT
static const struct out_column columns[] = {
	[P_NAME] = { "name", OUT_TEXT, SHOWN, "name of the pool's device" },
	[P_DEVICE] = { "device", OUT_TEXT, SHOWN, "MAJOR:MINOR" },
	[P_HEALTH] = { "health", OUT_TEXT, SHOWN,
		       "good, low on space, full, read-only, needs a check, failed" },
	[P_MODE] = { "mode", OUT_TEXT, SHOWN, "write, read-only, out of data space, failed" },
	[P_DATA_USED] = { "data_used_bytes", OUT_SIZE, SHOWN, "data blocks in use" },
	[P_DATA_FREE] = { "data_free_bytes", OUT_SIZE, SHOWN, "data blocks that are free" },
	[P_DATA_TOTAL] = { "data_total_bytes", OUT_SIZE, SHOWN, "all data blocks" },
	[P_DATA_PERCENT] = { "data_used_percent", OUT_PERCENT, SHOWN,
			     "share of data blocks in use" },
	[P_METADATA_USED] = { "metadata_used_bytes", OUT_SIZE, SHOWN,
			      "metadata blocks in use" },
	[P_METADATA_FREE] = { "metadata_free_bytes", OUT_SIZE, SHOWN,
			      "metadata blocks that are free" },
	[P_METADATA_TOTAL] = { "metadata_total_bytes", OUT_SIZE, SHOWN, "all metadata blocks" },
	[P_METADATA_PERCENT] = { "metadata_used_percent", OUT_PERCENT, SHOWN,
				 "share of metadata in use" },
	[P_BLOCK] = { "block_size_bytes", OUT_SIZE, SHOWN, "unit of allocation" },
	[P_TRANSACTION] = { "transaction_id", OUT_NUMBER, SHOWN, "transaction id" },
	[P_LOW_WATER] = { "low_water_dblocks", OUT_NUMBER, SHOWN,
			  "an event is raised below so many free blocks" },
	[P_HELD_ROOT] = { "held_root_mblock", OUT_NUMBER, SHOWN,
			  "block of the reserved metadata snapshot" },
	[P_DISCARD] = { "discard", OUT_TEXT, SHOWN, "what becomes of discards" },
	[P_NO_SPACE] = { "no_space", OUT_TEXT, SHOWN,
			 "what happens to writes when full: queue, error" },
	[P_ZERO] = { "zeroing", OUT_BOOL, SHOWN, "new blocks are zeroed" },
	[P_NEEDS_CHECK] = { "needs_check", OUT_BOOL, SHOWN,
			    "the kernel found damage: check the metadata" },
	[P_SUSPENDED] = { "suspended", OUT_BOOL, SHOWN, "suspended" },
	[P_METADATA_DEV] = { "metadata_device", OUT_TEXT, SHOWN,
			     "MAJOR:MINOR of its metadata" },
	[P_DATA_DEV] = { "data_device", OUT_TEXT, SHOWN, "MAJOR:MINOR of its data" },
	OUT_COLUMNS_END
};

/* The pools at a glance: what of the columns above a list shows. */
#define LIST_COLUMNS                                                                           \
	"name,device,health,data_total_bytes,data_free_bytes,data_used_percent,"               \
	"metadata_used_percent"

/* Is there anything that a person must see to? In the order of urgency. */
static const char *health(const struct bp_pool_status *s)
{
	uint64_t free_dblocks = s->data_total_dblocks - s->data_used_dblocks;

	if (s->mode == BP_POOL_MODE_FAIL || s->mode == BP_POOL_MODE_ERROR)
		return "failed";
	if (s->needs_check)
		return "needs a check";
	if (s->mode == BP_POOL_MODE_OUT_OF_DATA_SPACE || free_dblocks == 0)
		return "full";
	if (s->low_water_dblocks && free_dblocks <= s->low_water_dblocks)
		return "low on space";
	return s->mode == BP_POOL_MODE_READ_ONLY ? "read-only" : "good";
}

static void add_space(struct out_row *row, const struct bp_pool_status *s)
{
	bp_bytes block = bp_sector_to_bytes(s->data_block_sectors);

	out_number(row, P_DATA_USED, s->data_used_dblocks * block);
	out_number(row, P_DATA_FREE, (s->data_total_dblocks - s->data_used_dblocks) * block);
	out_number(row, P_DATA_TOTAL, s->data_total_dblocks * block);
	out_number(row, P_DATA_PERCENT, share_of(s->data_used_dblocks, s->data_total_dblocks));
	out_number(row, P_METADATA_USED, bp_mblock_to_bytes(s->metadata_used_mblocks));
	out_number(row, P_METADATA_FREE,
		   bp_mblock_to_bytes(s->metadata_total_mblocks - s->metadata_used_mblocks));
	out_number(row, P_METADATA_TOTAL, bp_mblock_to_bytes(s->metadata_total_mblocks));
	out_number(row, P_METADATA_PERCENT,
		   share_of(s->metadata_used_mblocks, s->metadata_total_mblocks));
	out_number(row, P_TRANSACTION, s->transaction_id);
	if (s->held_root_mblock)
		out_number(row, P_HELD_ROOT, s->held_root_mblock);
	out_bool(row, P_NEEDS_CHECK, s->needs_check);
}

static void add_pool(struct out *out, const struct bp_device_info *info,
		     const struct bp_pool_status *s)
{
	struct out_row *row = out_row(out, NULL);

	out_text(row, P_NAME, info->name);
	out_textf(row, P_DEVICE, "%u:%u", info->major, info->minor);
	out_text(row, P_HEALTH, health(s));
	out_text(row, P_MODE, modes[s->mode]);
	if (s->mode != BP_POOL_MODE_FAIL && s->mode != BP_POOL_MODE_ERROR)
		add_space(row, s);
	out_number(row, P_BLOCK, bp_sector_to_bytes(s->data_block_sectors));
	out_number(row, P_LOW_WATER, s->low_water_dblocks);
	out_text(row, P_DISCARD, discards[s->discard]);
	out_text(row, P_NO_SPACE, s->error_if_no_space ? "error" : "queue");
	out_bool(row, P_ZERO, !s->skip_zeroing);
	out_bool(row, P_SUSPENDED, s->suspended);
	out_textf(row, P_METADATA_DEV, "%u:%u", s->metadata.major, s->metadata.minor);
	out_textf(row, P_DATA_DEV, "%u:%u", s->data.major, s->data.minor);
}

static int add_named(struct cli *cli, struct out *out, const char *name, uint32_t flags)
{
	_cleanup_(pool_closep) struct bp_pool *pool = NULL;
	struct bp_pool_status status;
	int r = pool_named(cli, name, &pool);

	if (r)
		return r;
	r = bp_pool_status(pool, flags, &status);
	if (r < 0)
		return cli_fail(cli, name, r);
	add_pool(out, bp_pool_device(pool), &status);
	if (status.needs_check)
		cli_warn(cli,
			 "%s: needs a check: deactivate it and run thin_check "
			 "--clear-needs-check-flag on its metadata; of LVM's: lvconvert "
			 "--repair",
			 name);
	if (status.low_water_dblocks >= status.data_total_dblocks && status.data_total_dblocks)
		cli_warn(cli,
			 "%s: its low water mark of %" PRIu64
			 " blocks is not below its size of "
			 "%" PRIu64 ": it is low on space whatever it holds",
			 name, status.low_water_dblocks, status.data_total_dblocks);
	return EXIT_OK;
}

static int list_pools(struct cli *cli, const struct args *args)
{
	_cleanup_(freep) struct bp_device_entry *pools = NULL;
	_cleanup_(out_freep) struct out *out = NULL;
	struct out_opts opts = args->out;
	int worst = EXIT_OK;
	size_t count = 0;
	int r;

	if (!opts.columns && !cli->json)
		opts.columns = LIST_COLUMNS;
	r = out_new(cli, &opts, "bedplate.pool.list", columns, 0, &out);
	if (r || !out)
		return r;
	r = bp_pool_list(cli->ctx, &pools, &count);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	if (count == 0)
		cli_note(cli, "pool list: no pools");
	for (size_t i = 0; i < count; i++) {
		r = add_named(cli, out, pools[i].name, 0);
		worst = r ? r : worst;
	}
	r = out_print(steal(out));
	return worst ? worst : r;
}

static int run_status(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(out_freep) struct out *out = NULL;
	int r;

	if (!args->pool)
		return list_pools(cli, args);
	r = out_new(cli, &args->out, "bedplate.pool.status", columns, OUT_RECORD | OUT_ONE,
		    &out);

	if (r || !out)
		return r;
	r = add_named(cli, out, args->pool, args->flags);
	return r ? r : out_print(steal(out));
}

enum {
	V_ID,
	V_NAME,
	V_DEVICE,
	V_SIZE,
	V_MAPPED,
	V_HIGHEST,
	V_OPEN,
	V_STATE,
	V_RO,
	V_UUID,
	V_EXT
};
static const struct out_column volume_columns[] = {
	[V_ID] = { "thin_id", OUT_NUMBER, SHOWN, "id in the pool" },
	[V_NAME] = { "name", OUT_TEXT, SHOWN, "name of its device" },
	[V_DEVICE] = { "device", OUT_TEXT, SHOWN, "MAJOR:MINOR" },
	[V_SIZE] = { "size_bytes", OUT_SIZE, SHOWN, "size" },
	[V_MAPPED] = { "mapped_bytes", OUT_SIZE, SHOWN, "what has blocks, own or shared" },
	[V_HIGHEST] = { "highest_mapped_sector", OUT_NUMBER, 0,
			"the last sector that has a block" },
	[V_OPEN] = { "open_count", OUT_NUMBER, SHOWN, "how many hold it open" },
	[V_STATE] = { "state", OUT_TEXT, SHOWN, "active, suspended, failed" },
	[V_RO] = { "read_only", OUT_BOOL, 0, "refuses writes" },
	[V_UUID] = { "uuid", OUT_TEXT, 0, "uuid of its device" },
	[V_EXT] = { "external_origin", OUT_TEXT, 0,
		    "MAJOR:MINOR of what it shows where it has no blocks" },
	OUT_COLUMNS_END
};

static void add_volume(struct out *out, const struct bp_volume *v)
{
	struct out_row *row = out_row(out, NULL);

	out_number(row, V_ID, v->thin_id);
	out_text(row, V_NAME, v->name);
	out_textf(row, V_DEVICE, "%u:%u", v->major, v->minor);
	out_number(row, V_SIZE, bp_sector_to_bytes(v->size_sectors));
	if (!v->failed)
		out_number(row, V_MAPPED, bp_sector_to_bytes(v->mapped_sectors));
	if (!v->failed && v->mapped_sectors)
		out_number(row, V_HIGHEST, v->highest_mapped_sector);
	out_number(row, V_OPEN, v->open_count > 0 ? (uint64_t)v->open_count : 0);
	out_text(row, V_STATE, v->failed ? "failed" : v->suspended ? "suspended" : "active");
	out_bool(row, V_RO, v->read_only);
	out_text(row, V_UUID, v->uuid);
	if (v->external_origin.major)
		out_textf(row, V_EXT, "%u:%u", v->external_origin.major,
			  v->external_origin.minor);
}

static int list_volumes(struct cli *cli, const struct args *args)
{
	_cleanup_(pool_closep) struct bp_pool *pool = NULL;
	_cleanup_(freep) struct bp_volume *volumes = NULL;
	_cleanup_(out_freep) struct out *out = NULL;
	size_t count = 0;
	int r = out_new(cli, &args->out, "bedplate.pool.volumes", volume_columns, 0, &out);

	if (r || !out)
		return r;
	r = pool_named(cli, args->pool, &pool);
	if (r)
		return r;
	r = bp_pool_volumes(pool, &volumes, &count);
	if (r < 0)
		return cli_fail(cli, args->pool, r);
	for (size_t i = 0; i < count; i++)
		add_volume(out, &volumes[i]);
	return out_print(steal(out));
}

static int run_list(struct cli *cli, const void *p)
{
	const struct args *args = p;

	return args->pool ? list_volumes(cli, args) : list_pools(cli, args);
}

const struct cmd cmd_pool_status = {
	.name = "pool status",
	.group = "Thin pools",
	.summary = "Print how a pool is: mode, space, transaction.",
	.opts = status_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.run = run_status,
};

const struct cmd cmd_pool_list = {
	.name = "pool list",
	.group = "Thin pools",
	.summary = "List the active pools, or the active volumes of one.",
	.opts = list_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.run = run_list,
};
