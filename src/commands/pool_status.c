/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How pools are, what is active of them, and what else they hold. */
#include "commands/active.h"
#include "commands/pool.h"

#include <bedplate/thin_ls.h>

#include <inttypes.h>

struct args {
	const char *pool;
	bool all;
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
	OPT_FLAG(all, 'a', "all", "also the volumes that are not active: they have an id and no name"),
	OPT_REQUIRES("all", "POOL"),
	OPT_OUTPUT(out),
	OPT_END
};
/* clang-format on */

/* The kernel's own words, as in its status lines: "bedplate status" has the same. */
static const char *const modes[] = {
	[BP_POOL_MODE_WRITE] = "rw",     [BP_POOL_MODE_OUT_OF_DATA_SPACE] = "out_of_data_space",
	[BP_POOL_MODE_READ_ONLY] = "ro", [BP_POOL_MODE_FAIL] = "Fail",
	[BP_POOL_MODE_ERROR] = "Error",  NULL,
};

static const char *const discards[] = {
	[BP_POOL_DISCARD_PASSDOWN] = "discard_passdown",
	[BP_POOL_DISCARD_NO_PASSDOWN] = "no_discard_passdown",
	[BP_POOL_DISCARD_IGNORE] = "ignore_discard",
	NULL,
};

static const char *const no_spaces[] = { "queue_if_no_space", "error_if_no_space", NULL };

enum { GOOD, LOW, FULL, READ_ONLY, NEEDS_CHECK, FAILED };
static const char *const healths[] = {
	[GOOD] = "good",
	[LOW] = "low on space",
	[FULL] = "full",
	[READ_ONLY] = "read-only",
	[NEEDS_CHECK] = "needs a check",
	[FAILED] = "failed",
	NULL,
};

struct pool_row {
	const char *name, *health, *mode, *discard, *no_space;
	char device[DEVNO_TEXT], metadata_device[DEVNO_TEXT], data_device[DEVNO_TEXT];
	uint64_t data_used_bytes, data_free_bytes, data_total_bytes, data_used_percent;
	uint64_t metadata_used_bytes, metadata_free_bytes, metadata_total_bytes;
	uint64_t metadata_used_percent, block_size_bytes, transaction_id, low_water_dblocks;
	uint64_t held_root_mblock;
	bool zeroing, suspended;
	int8_t needs_check;
};
#define SHOWN OUT_DEFAULT
/* clang-format off */
static const struct out_column columns[] = {
	COL_TEXT(struct pool_row, name, SHOWN, "name of the pool's device"),
	COL_TEXT(struct pool_row, device, SHOWN, "MAJOR:MINOR"),
	COL_WORD(struct pool_row, health, healths, SHOWN, "what a person must see to"),
	COL_WORD(struct pool_row, mode, modes, SHOWN, "what the kernel lets it do"),
	COL_SIZE(struct pool_row, data_used_bytes, SHOWN, "data blocks in use"),
	COL_SIZE(struct pool_row, data_free_bytes, SHOWN, "data blocks that are free"),
	COL_SIZE(struct pool_row, data_total_bytes, SHOWN, "all data blocks"),
	COL_PERCENT(struct pool_row, data_used_percent, SHOWN, "share of data blocks in use"),
	COL_SIZE(struct pool_row, metadata_used_bytes, SHOWN, "metadata blocks in use"),
	COL_SIZE(struct pool_row, metadata_free_bytes, SHOWN, "metadata blocks that are free"),
	COL_SIZE(struct pool_row, metadata_total_bytes, SHOWN, "all metadata blocks"),
	COL_PERCENT(struct pool_row, metadata_used_percent, SHOWN, "share of metadata in use"),
	COL_SIZE(struct pool_row, block_size_bytes, SHOWN, "unit of allocation"),
	COL_NUMBER(struct pool_row, transaction_id, SHOWN, "transaction id"),
	COL_NUMBER(struct pool_row, low_water_dblocks, SHOWN, "an event is raised below so many free blocks"),
	COL_NUMBER(struct pool_row, held_root_mblock, SHOWN, "block of the reserved metadata snapshot"),
	COL_WORD(struct pool_row, discard, discards, SHOWN, "what becomes of discards"),
	COL_WORD(struct pool_row, no_space, no_spaces, SHOWN, "what happens to writes when full"),
	COL_BOOL(struct pool_row, zeroing, SHOWN, "new blocks are zeroed"),
	COL_BOOL(struct pool_row, needs_check, SHOWN, "the kernel found damage: check the metadata"),
	COL_BOOL(struct pool_row, suspended, SHOWN, "suspended"),
	COL_TEXT(struct pool_row, metadata_device, SHOWN, "MAJOR:MINOR of its metadata"),
	COL_TEXT(struct pool_row, data_device, SHOWN, "MAJOR:MINOR of its data"),
	OUT_COLUMNS_END
};
static const struct out_schema status_schema = {
	.name = "bedplate.pool.status", .columns = columns, .flags = OUT_RECORD | OUT_ONE,
};
static const struct out_schema list_schema = {
	.name = "bedplate.pool.list", .columns = columns, .none = "no pools",
};
/* clang-format on */

/* The pools at a glance: what of the columns above a list shows. */
#define LIST_COLUMNS                                                                           \
	"name,device,health,data_total_bytes,data_free_bytes,data_used_percent,"               \
	"metadata_used_percent"

/* Is there anything that a person must see to? In the order of urgency. */
static const char *health(const struct bp_pool_status *s)
{
	uint64_t free_dblocks = s->data_total_dblocks - s->data_used_dblocks;

	if (s->mode == BP_POOL_MODE_FAIL || s->mode == BP_POOL_MODE_ERROR)
		return healths[FAILED];
	if (s->needs_check)
		return healths[NEEDS_CHECK];
	if (s->mode == BP_POOL_MODE_OUT_OF_DATA_SPACE || free_dblocks == 0)
		return healths[FULL];
	if (s->low_water_dblocks && free_dblocks <= s->low_water_dblocks)
		return healths[LOW];
	return healths[s->mode == BP_POOL_MODE_READ_ONLY ? READ_ONLY : GOOD];
}

/* What a pool in failure doesn't tell: its numbers would all be 0. */
static void no_space_known(struct pool_row *row)
{
	row->data_used_bytes = row->data_free_bytes = row->data_total_bytes = OUT_UNKNOWN;
	row->metadata_used_bytes = row->metadata_free_bytes = OUT_UNKNOWN;
	row->metadata_total_bytes = row->data_used_percent = OUT_UNKNOWN;
	row->metadata_used_percent = row->transaction_id = OUT_UNKNOWN;
	row->held_root_mblock = OUT_UNKNOWN;
	row->needs_check = -1;
}

/* Bytes of blocks, and shares of the kernel's own counts. */
static void set_space(struct pool_row *row, const struct bp_pool_status *s)
{
	bp_bytes block = bp_sector_to_bytes(s->data_block_sectors);

	row->data_used_bytes = s->data_used_dblocks * block;
	row->data_free_bytes = (s->data_total_dblocks - s->data_used_dblocks) * block;
	row->data_total_bytes = s->data_total_dblocks * block;
	row->data_used_percent = bp_share(s->data_used_dblocks, s->data_total_dblocks);
	row->metadata_used_bytes = bp_mblock_to_bytes(s->metadata_used_mblocks);
	row->metadata_free_bytes =
		bp_mblock_to_bytes(s->metadata_total_mblocks - s->metadata_used_mblocks);
	row->metadata_total_bytes = bp_mblock_to_bytes(s->metadata_total_mblocks);
	row->metadata_used_percent =
		bp_share(s->metadata_used_mblocks, s->metadata_total_mblocks);
	row->transaction_id = s->transaction_id;
	row->held_root_mblock = s->held_root_mblock ? s->held_root_mblock : OUT_UNKNOWN;
	row->needs_check = s->needs_check;
}

/* A failed pool tells no numbers: they are unknown, not 0. */
static void add_pool(struct out *out, const struct bp_device_info *info,
		     const struct bp_pool_status *s)
{
	struct pool_row row = {
		.name = info->name,
		.health = health(s),
		.mode = modes[s->mode],
		.block_size_bytes = bp_sector_to_bytes(s->data_block_sectors),
		.low_water_dblocks = s->low_water_dblocks,
		.discard = discards[s->discard],
		.no_space = no_spaces[s->error_if_no_space],
		.zeroing = !s->skip_zeroing,
		.suspended = s->suspended,
	};

	if (s->mode == BP_POOL_MODE_FAIL || s->mode == BP_POOL_MODE_ERROR)
		no_space_known(&row);
	else
		set_space(&row, s);
	devno_text(row.device, info->major, info->minor);
	devno_text(row.metadata_device, s->metadata.major, s->metadata.minor);
	devno_text(row.data_device, s->data.major, s->data.minor);
	out_add(out, NULL, &row);
}

/* Two states that need somebody are warned of, whatever is printed. */
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

/* One that can't be asked doesn't hide the others. */
static int add_all(struct cli *cli, struct out *out, uint32_t flags)
{
	struct bp_device_list *pools;
	int worst = EXIT_OK;
	int r = bp_pool_list(cli->ctx, &pools);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	for (size_t i = 0; i < bp_device_list_count(pools); i++) {
		r = add_named(cli, out, bp_device_list_get(pools, i)->name, flags);
		worst = r ? r : worst;
	}
	bp_device_list_free(pools);
	return worst;
}

/* The worst status of all, after all of them are printed. */
static int print_pools(struct cli *cli, const struct args *args, const struct out_opts *opts)
{
	struct out *out;
	int worst, r = out_open(cli, opts, &list_schema, &out);

	if (r || !out)
		return r;
	worst = add_all(cli, out, args->flags);
	r = out_print(out);
	return worst ? worst : r;
}

static int list_pools(struct cli *cli, const struct args *args)
{
	struct out_opts opts = args->out;

	if (!opts.columns && !cli->json)
		opts.columns = LIST_COLUMNS;
	return print_pools(cli, args, &opts);
}

/* One pool in full, or a list of all. */
static int run_status(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(out_freep) struct out *out = NULL;
	int r;

	if (!args->pool)
		return list_pools(cli, args);
	r = out_open(cli, &args->out, &status_schema, &out);
	if (r || !out)
		return r;
	r = add_named(cli, out, args->pool, args->flags);
	return r ? r : out_print(steal(out));
}

static const char *const states[] = { "active", "suspended", "failed", "inactive", NULL };

struct volume_row {
	const char *name, *state, *uuid, *external_origin;
	int32_t open_count;
	char device[DEVNO_TEXT];
	uint64_t thin_id, size_bytes, mapped_bytes, highest_mapped_sector;
	bool read_only;
};
/* clang-format off */
static const struct out_column volume_columns[] = {
	COL_NUMBER(struct volume_row, thin_id, SHOWN, "id in the pool"),
	COL_TEXT(struct volume_row, name, SHOWN, "name of its device"),
	COL_TEXT(struct volume_row, device, SHOWN, "MAJOR:MINOR"),
	COL_SIZE(struct volume_row, size_bytes, SHOWN, "size"),
	COL_SIZE(struct volume_row, mapped_bytes, SHOWN, "what has blocks, own or shared"),
	COL_NUMBER(struct volume_row, highest_mapped_sector, 0, "the last sector that has a block"),
	COL_NUMBER(struct volume_row, open_count, SHOWN, "how many hold it open"),
	COL_WORD(struct volume_row, state, states, SHOWN, "how its device is"),
	COL_BOOL(struct volume_row, read_only, 0, "refuses writes"),
	COL_TEXT(struct volume_row, uuid, 0, "uuid of its device"),
	COL_TEXT(struct volume_row, external_origin, 0, "MAJOR:MINOR of what it shows where it has no blocks"),
	OUT_COLUMNS_END
};
static const struct out_schema volumes_schema = {
	.name = "bedplate.pool.volumes", .columns = volume_columns, .none = "no active volumes",
	.help = "The active volumes of a pool; with --all what else it holds, too.",
};
/* clang-format on */

/* Numbers of a failed volume are unknown. */
static void add_volume(struct out *out, const struct bp_volume *v)
{
	struct volume_row row = {
		.name = v->name,
		.thin_id = v->thin_id == BP_THIN_ID_ANY ? OUT_UNKNOWN : v->thin_id,
		.size_bytes = bp_sector_to_bytes(v->size_sectors),
		.mapped_bytes = v->failed ? OUT_UNKNOWN : bp_sector_to_bytes(v->mapped_sectors),
		.highest_mapped_sector = v->failed || !v->mapped_sectors
						 ? OUT_UNKNOWN
						 : v->highest_mapped_sector,
		.open_count = v->open_count,
		.state = states[v->failed      ? 2
				: v->suspended ? 1
					       : 0],
		.read_only = v->read_only,
		.uuid = v->uuid,
	};
	char origin[DEVNO_TEXT];

	devno_text(row.device, v->major, v->minor);
	if (v->external_origin.major)
		row.external_origin =
			devno_text(origin, v->external_origin.major, v->external_origin.minor);
	out_add(out, NULL, &row);
}

/* Volumes that are active, by rising id, and how many of them were told. */
struct merge {
	struct out *out;
	struct bp_volume_list *volumes;
	size_t count, told;
	bp_bytes block_bytes;
};

/* Nothing but the pool's metadata knows of it: how large it was isn't written there. */
static void add_inactive(struct merge *m, const struct bp_thin_device *device)
{
	struct volume_row row = {
		.state = states[3],
		.thin_id = device->id,
		.size_bytes = OUT_UNKNOWN,
		.mapped_bytes = device->mapped_dblocks * m->block_bytes,
		.highest_mapped_sector = OUT_UNKNOWN,
	};

	out_add(m->out, NULL, &row);
}

static const struct bp_volume *volume_at(const struct merge *m, size_t index)
{
	return bp_volume_list_get(m->volumes, index);
}

/* Both come sorted by id: those that aren't active lie in between. */
static int merge_device(void *user, const struct bp_thin_usage *usage)
{
	struct merge *m = user;

	while (m->told < m->count && volume_at(m, m->told)->thin_id <= usage->device.id)
		add_volume(m->out, volume_at(m, m->told++));
	if (m->told == 0 || volume_at(m, m->told - 1)->thin_id != usage->device.id)
		add_inactive(m, &usage->device);
	return 0;
}

/* Where metadata that can't change lies: no snapshot of it is held. */
static int metadata_node(struct cli *cli, struct bp_pool *pool, struct bp_bdev *ret)
{
	struct bp_pool_status status;
	char dev[DEVNO_TEXT];
	int r = bp_pool_status(pool, 0, &status);

	if (r < 0)
		return r;
	return bp_bdev_get(cli->ctx,
			   devno_text(dev, status.metadata.major, status.metadata.minor), ret);
}

/* Of a pool in use its metadata snapshot is read: the live trees change under the reader. */
static int merge_metadata(struct cli *cli, struct bp_pool *pool,
			  const struct active_pool *active, struct merge *m)
{
	struct bp_thin_open_opts open = {
		.size = sizeof(open),
		.flags = *active->metadata ? BP_THIN_OPEN_SNAP : 0,
	};
	struct bp_bdev node = { 0 };
	struct bp_thin_meta *meta;
	int r = *active->metadata ? 0 : metadata_node(cli, pool, &node);

	if (r == 0)
		r = bp_thin_open(cli->ctx, *active->metadata ? active->metadata : node.path,
				 &open, &meta);
	if (r < 0)
		return r;
	m->block_bytes = bp_sector_to_bytes(bp_thin_superblock_get(meta)->data_block_sectors);
	r = bp_thin_ls(meta, 0, merge_device, m);
	bp_thin_close(meta);
	return r;
}

/* Active ones are the kernel's, the others are known from the metadata only. */
static int add_volumes(struct cli *cli, const struct args *args, struct bp_pool *pool,
		       struct out *out)
{
	struct active_pool active = { 0 };
	struct merge m = { .out = out };
	int status = args->all ? active_pool_hold(cli, pool, &active) : EXIT_OK;
	int r;

	if (status)
		return status;
	r = bp_pool_volumes(pool, &m.volumes);
	if (r == 0)
		m.count = bp_volume_list_count(m.volumes);
	if (r == 0 && args->all)
		r = merge_metadata(cli, pool, &active, &m);
	while (r == 0 && m.told < m.count)
		add_volume(out, volume_at(&m, m.told++));
	bp_volume_list_free(m.volumes);
	return r < 0 ? cli_fail(cli, args->pool, r) : EXIT_OK;
}

static int list_volumes(struct cli *cli, const struct args *args)
{
	_cleanup_(pool_closep) struct bp_pool *pool = NULL;
	_cleanup_(out_freep) struct out *out = NULL;
	int r = out_open(cli, &args->out, &volumes_schema, &out);

	if (r || !out)
		return r;
	r = pool_named(cli, args->pool, &pool);
	if (!r)
		r = add_volumes(cli, args, pool, out);
	return r ? r : out_print(steal(out));
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
	.examples = "  bedplate pool status pool --flush\n",
	.opts = status_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&status_schema, &list_schema),
	.run = run_status,
};

const struct cmd cmd_pool_list = {
	.name = "pool list",
	.group = "Thin pools",
	.summary = "List the active pools, or the volumes of one.",
	.examples = "  bedplate pool list pool --all\n",
	.opts = list_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&list_schema, &volumes_schema),
	.run = run_list,
};
