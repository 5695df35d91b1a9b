/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Volumes and snapshots of thin pools. */
#include "commands/pool.h"

struct args {
	const char *pool, *name, *new_name, *uuid, *origin, *external_origin;
	uint64_t size_sectors, id, origin_id;
	uint32_t flags;
	struct cli_list pairs;
	bool read_only, inactive, yes, discard;
	int64_t timeout_ms;
};

/* clang-format off */
#define OPT_VOLUME \
	OPT_STRING(uuid, 'u', "uuid", "UUID", "uuid of the volume's device"), \
	OPT_FLAG(read_only, 'r', "readonly", "refuse writes"), \
	OPT_TIMEOUT(timeout_ms)

static const struct cmd_opt thin_opts[] = {
	OPT_OPERAND(pool, "POOL", POOL_HELP),
	OPT_OPERAND_OPTIONAL(name, "NAME", "name of the volume's device; none with --inactive"),
	OPT_OPERAND_SECTORS_OPTIONAL(size_sectors, 0, 0, "SIZE", "as --size"),
	OPT_SECTORS(size_sectors, 0, 0, 0, "size", "SIZE", "its size"),
	OPT_RANGE(id, 0, BP_THIN_ID_MAX, 0, "id", "NUMBER", "id in the pool; default: one that is free"),
	OPT_STRING(external_origin, 0, "external-origin", "DEVICE", "what it shows where nothing was written yet; must never change"),
	OPT_FLAG(inactive, 0, "inactive", "only in the pool: make no device"),
	OPT_VOLUME,
	OPT_CONFLICT("inactive", "NAME external-origin uuid readonly"),
	OPT_CONFLICT("size", "SIZE"),
	OPT_ANY("NAME inactive"),
	OPT_ANY("size SIZE inactive"),
	OPT_END
};

static const struct cmd_opt snapshot_opts[] = {
	OPT_OPERAND(pool, "POOL", POOL_HELP),
	OPT_OPERAND_OPTIONAL(name, "NAME", "name of the snapshot's device; none with --inactive"),
	OPT_OPERAND_OPTIONAL(new_name, "SNAPSHOT", "where there are three: that name; NAME is the origin then"),
	OPT_STRING(origin, 0, "origin", "NAME", "the active volume to copy"),
	OPT_RANGE(origin_id, 0, BP_THIN_ID_MAX, 0, "origin-id", "NUMBER", "the volume to copy, by its id, active or not"),
	OPT_SECTORS(size_sectors, 0, 0, 0, "size", "SIZE", "its size; default: the active origin's"),
	OPT_RANGE(id, 0, BP_THIN_ID_MAX, 0, "id", "NUMBER", "id in the pool; default: one that is free"),
	OPT_FLAG(inactive, 0, "inactive", "only in the pool: make no device"),
	OPT_VOLUME,
	OPT_CONFLICT("inactive", "NAME uuid readonly"),
	OPT_CONFLICT("origin", "origin-id"),
	OPT_CONFLICT("SNAPSHOT", "origin origin-id inactive"),
	OPT_ANY("NAME inactive"),
	OPT_ANY("SNAPSHOT origin origin-id"),
	OPT_END
};

static const struct cmd_opt group_opts[] = {
	OPT_OPERAND(pool, "POOL", POOL_HELP),
	OPT_OPERANDS_NEEDED(pairs, "ORIGIN SNAPSHOT", "an active volume, and the name of its snapshot's device; any number of such pairs"),
	OPT_FLAG(read_only, 'r', "readonly", "refuse writes"),
	OPT_TIMEOUT(timeout_ms),
	OPT_END
};

static const struct cmd_opt activate_opts[] = {
	OPT_OPERAND(pool, "POOL", POOL_HELP),
	OPT_OPERAND_NUMBER(id, 0, BP_THIN_ID_MAX, "ID", "id of the volume in the pool"),
	OPT_OPERAND(name, "NAME", "name of the volume's device"),
	OPT_SECTORS(size_sectors, 0, 0, 0, "size", "SIZE", "its size"),
	OPT_STRING(external_origin, 0, "external-origin", "DEVICE", "the one it was created with"),
	OPT_VOLUME,
	OPT_ANY("size"),
	OPT_END
};

#define OPT_WHICH \
	OPT_OPERAND(pool, "POOL", POOL_HELP), \
	OPT_OPERAND_OPTIONAL(name, "NAME", "name of the active volume"), \
	OPT_RANGE(id, 0, BP_THIN_ID_MAX, 0, "id", "NUMBER", "the volume by its id, active or not"), \
	OPT_CONFLICT("NAME", "id"), \
	OPT_ANY("NAME id"), \
	OPT_TIMEOUT(timeout_ms)

static const struct cmd_opt deactivate_opts[] = {
	OPT_WHICH,
	OPT_BIT(flags, BP_REMOVE_RETRY, 0, "retry", "while it is in use, try again until the timeout"),
	OPT_BIT(flags, BP_REMOVE_DEFERRED, 0, "deferred", "if it is in use, let it go when its last user is gone"),
	OPT_END
};

static const struct cmd_opt delete_opts[] = {
	OPT_WHICH,
	OPT_FLAG(discard, 0, "discard", "discard what it maps first, so that the device below the pool may forget it"),
	OPT_YES(yes),
	OPT_END
};
/* clang-format on */

/* Its device is told by name, and its id, which a new volume may have got by itself. */
struct row {
	const char *pool, *name;
	uint32_t thin_id;
};
/* clang-format off */
static const struct out_column columns[] = {
	COL_TEXT(struct row, pool, OUT_DEFAULT, "the pool"),
	COL_TEXT(struct row, name, OUT_DEFAULT, "name of the volume's device"),
	COL_NUMBER(struct row, thin_id, OUT_DEFAULT, "its id in the pool"),
	OUT_COLUMNS_END
};
static const struct out_schema thin_schema = {
	.name = "bedplate.pool.thin", .columns = columns, .flags = OUT_RECORD | OUT_ONE,
};
static const struct out_schema group_schema = {
	.name = "bedplate.pool.snapshot-group", .columns = columns,
};
static const struct out_schema snapshot_schema = {
	.name = "bedplate.pool.snapshot", .columns = columns, .flags = OUT_RECORD | OUT_ONE,
};
/* clang-format on */

/* The id is part of the answer: it is the pool's to choose. */
static int volume_end(struct cli *cli, const char *pool, const char *name, int r,
		      uint32_t thin_id)
{
	struct out *out;

	if (r < 0 || cli->dry_run)
		return change_done(cli, name ? name : pool, r, "created");
	r = out_open(cli, NULL, cli->cmd->schemas[0], &out);
	if (r)
		return r;
	out_add(out, NULL, &(struct row){ pool, name, thin_id });
	return out_print(out);
}

/* Read the options, open the pool, begin. Return: 0 or an exit status. */
static int volume_begin(struct cli *cli, const struct args *args, struct bp_volume_opts *ret,
			struct bp_pool **ret_pool)
{
	*ret = (struct bp_volume_opts){
		.size = sizeof(*ret),
		.uuid = args->uuid,
		.use_thin_id = cli_given(cli, "id"),
		.thin_id = (uint32_t)args->id,
		.external_origin = args->external_origin,
		.read_only = args->read_only,
		.inactive = args->inactive,
		.size_sectors = args->size_sectors,
		.timeout_ms = args->timeout_ms,
	};
	return pool_begin(cli, args->pool, ret_pool);
}

static int run_thin(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(pool_closep) struct bp_pool *pool = NULL;
	struct bp_volume_opts how;
	uint32_t id = 0;
	int r = volume_begin(cli, args, &how, &pool);

	if (r)
		return r;
	r = bp_pool_create_volume(pool, args->name, how.size_sectors, &how, &id);
	return volume_end(cli, args->pool, args->name, r, id);
}

/* By an active origin, or by the id of one that isn't. */
static int run_snapshot(struct cli *cli, const void *p)
{
	const struct args *args = p;
	/* POOL ORIGIN SNAPSHOT, or POOL SNAPSHOT and the origin by an option. */
	const char *origin = args->new_name ? args->name : args->origin;
	const char *name = args->new_name ? args->new_name : args->name;
	_cleanup_(pool_closep) struct bp_pool *pool = NULL;
	struct bp_selector which = { 0 };
	struct bp_volume_opts how;
	uint32_t id = 0;
	int r = volume_begin(cli, args, &how, &pool);

	if (r)
		return r;
	how.origin_by_id = !origin;
	how.origin_thin_id = (uint32_t)args->origin_id;
	if (origin)
		which = device_named(origin);
	r = bp_pool_snapshot(pool, origin ? &which : NULL, name, &how, &id);
	return volume_end(cli, args->pool, name, r, id);
}

/* A row a snapshot, in the order they were given. */
static int group_end(struct cli *cli, const struct args *args, const char *const *names,
		     const uint32_t *ids, size_t nr)
{
	struct out *out;
	int r = out_open(cli, NULL, &group_schema, &out);

	if (r)
		return r;
	for (size_t i = 0; i < nr; i++)
		out_add(out, NULL, &(struct row){ args->pool, names[i], ids[i] });
	return out_print(out);
}

/*
 * Pairs: all origins are suspended, then all snapshots taken, so that they are of one
 * moment.
 */
static int run_group(struct cli *cli, const void *p)
{
	const struct args *args = p;
	size_t nr = args->pairs.count / 2;
	_cleanup_(pool_closep) struct bp_pool *pool = NULL;
	_cleanup_(freep) struct bp_selector *origins = calloc(nr + 1, sizeof(*origins));
	_cleanup_(freep) const char **names = calloc(nr + 1, sizeof(*names));
	_cleanup_(freep) uint32_t *ids = calloc(nr + 1, sizeof(*ids));
	struct bp_volume_opts how;
	int r;

	if (args->pairs.count % 2)
		return cli_usage(cli, "each ORIGIN needs a SNAPSHOT: '%s' has none",
				 args->pairs.words[args->pairs.count - 1]);
	if (!origins || !names || !ids)
		return cli_failf(cli, NULL, NULL, "out of memory");
	for (size_t i = 0; i < nr; i++) {
		origins[i] = device_named(args->pairs.words[2 * i]);
		names[i] = args->pairs.words[2 * i + 1];
	}
	r = volume_begin(cli, args, &how, &pool);
	if (r)
		return r;
	r = bp_pool_snapshot_group(pool, origins, names, nr, &how, ids);
	return r < 0 || cli->dry_run ? change_done(cli, args->pool, r, "created")
				     : group_end(cli, args, names, ids, nr);
}

static int run_activate(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(pool_closep) struct bp_pool *pool = NULL;
	struct bp_volume_opts how;
	int r = volume_begin(cli, args, &how, &pool);

	if (r)
		return r;
	r = bp_pool_activate(pool, (uint32_t)args->id, args->name, how.size_sectors, &how);
	return change_done(cli, args->name, r, "activated");
}

/* The id of the volume meant; by name it must be an active one of this very pool. */
static int find_id(struct cli *cli, const struct args *args, struct bp_pool *pool,
		   uint32_t *ret)
{
	struct bp_volume_list *volumes;
	bool found = false;
	int r;

	*ret = (uint32_t)args->id;
	if (!args->name)
		return EXIT_OK;
	r = bp_pool_volumes(pool, &volumes);
	if (r < 0)
		return cli_fail(cli, args->pool, r);
	for (size_t i = 0; i < bp_volume_list_count(volumes) && !found; i++) {
		const struct bp_volume *volume = bp_volume_list_get(volumes, i);

		found = streq(volume->name, args->name);
		if (found)
			*ret = volume->thin_id;
	}
	bp_volume_list_free(volumes);
	if (found)
		return EXIT_OK;
	return cli_failf(cli, args->name,
			 "'bedplate pool list --all POOL' lists all; those that are not "
			 "active have no name in the pool: --id takes them",
			 "not an active volume of pool '%s'", args->pool);
}

/* By name or by id; the data stay. */
static int run_deactivate(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(pool_closep) struct bp_pool *pool = NULL;
	struct bp_remove_opts how = {
		.size = sizeof(how),
		.flags = args->flags,
		.timeout_ms = args->timeout_ms,
	};
	uint32_t id;
	int r = pool_named(cli, args->pool, &pool);

	if (!r)
		r = find_id(cli, args, pool, &id);
	if (!r)
		r = change_begin(cli);
	if (r)
		return r;
	r = bp_pool_deactivate(pool, id, &how);
	return change_done(cli, args->name ? args->name : args->pool, r, "deactivated");
}

/* What is deleted can't be had back: hence --yes. */
static int run_delete(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(pool_closep) struct bp_pool *pool = NULL;
	struct bp_remove_opts how = { .size = sizeof(how), .timeout_ms = args->timeout_ms };
	uint32_t id;
	int r;

	if (!args->yes && !cli->dry_run)
		return cli_usage_hint(cli, "--yes does it; 'pool deactivate' keeps the data",
				      "deletes the volume's data for good");
	r = pool_named(cli, args->pool, &pool);
	if (!r)
		r = find_id(cli, args, pool, &id);
	if (!r)
		r = change_begin(cli);
	if (r)
		return r;
	/* By name the device is meant too; by id it must be out of use. */
	if (args->name)
		r = bp_pool_deactivate(pool, id, &how);
	if (r >= 0 && args->discard)
		r = bp_pool_discard_volume(pool, id, args->timeout_ms);
	if (r >= 0)
		r = bp_pool_delete(pool, id, args->timeout_ms);
	return change_done(cli, args->name ? args->name : args->pool, r, "deleted");
}

const struct cmd cmd_pool_thin = {
	.name = "pool thin",
	.group = "Thin pools",
	.summary = "Create a volume in a pool, and its device.",
	.examples = "  bedplate pool thin pool home 10GiB\n",
	.opts = thin_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMAS(&thin_schema, &plan_schema),
	.run = run_thin,
};

const struct cmd cmd_pool_snapshot = {
	.name = "pool snapshot",
	.group = "Thin pools",
	.summary = "Create a volume that begins as a copy of another, at one instant.",
	.examples = "  bedplate pool snapshot pool home home-monday\n",
	.opts = snapshot_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMAS(&snapshot_schema, &plan_schema),
	.run = run_snapshot,
};

const struct cmd cmd_pool_snapshot_group = {
	.name = "pool snapshot-group",
	.group = "Thin pools",
	.summary = "Create snapshots of several volumes at one instant.",
	.examples = "  bedplate pool snapshot-group pool data data-monday log log-monday\n",
	.opts = group_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMAS(&group_schema, &plan_schema),
	.run = run_group,
};

const struct cmd cmd_pool_activate = {
	.name = "pool activate",
	.group = "Thin pools",
	.summary = "Make a device for a volume that is in a pool.",
	.examples = "  bedplate pool activate pool 0 home --size 10GiB\n",
	.opts = activate_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.pool.activate"),
	.run = run_activate,
};

const struct cmd cmd_pool_deactivate = {
	.name = "pool deactivate",
	.group = "Thin pools",
	.summary = "Remove a volume's device; its data stays in the pool.",
	.examples = "  bedplate pool deactivate pool home\n",
	.opts = deactivate_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.pool.deactivate"),
	.run = run_deactivate,
};

const struct cmd cmd_pool_delete = {
	.name = "pool delete",
	.group = "Thin pools",
	.summary = "Delete a volume and its data for good.",
	.examples = "  bedplate pool delete pool home-monday --yes\n",
	.opts = delete_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.pool.delete"),
	.run = run_delete,
};
