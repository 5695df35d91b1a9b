/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making a pool. Promised: metadata that is there is not touched unless asked to, and the first
 * block of the metadata device is as it was where no pool came of it.
 */
#include <bedplate/table.h>

#include "core/endian.h"
#include "core/opts.h"
#include "dm/device/head.h"
#include "dm/pool/pool.h"

#include <stdio.h>
#include <string.h>

#define BLOCK_DEFAULT 128 /* sectors */

/*
 * Of a pool's superblock only this is looked at here, to tell one from other contents and to
 * know its block size. Source: Linux, drivers/md/dm-thin-metadata.c.
 *
 *   OFFSET  SIZE  FIELD
 *       32     8  magic            27022010
 *      336     4  data_block_size  sectors
 */
#define HEAD_MAGIC 32
#define HEAD_BLOCK 336
#define THIN_MAGIC UINT64_C(27022010)

struct pool_create {
	struct bp_pool_opts opts;
	struct dm *dm;
	struct bp_bdev metadata, data;
	struct head head; /* of the metadata device */
};

static int fail_create(struct bp_ctx *ctx, int r, enum bp_error_code code, const char *device,
		       const char *why)
{
	bp_fail(ctx, r, "pool create: '%s': %s", device, why);
	error_set_code(ctx, code);
	error_set_verb(ctx, "pool create");
	error_set_device(ctx, device);
	return r;
}

/* Not aligned: the head is bytes. */
static uint64_t head64(const struct pool_create *c, size_t at)
{
	le64 v;

	memcpy(&v, c->head.bytes + at, sizeof(v));
	return le64_get(v);
}

static bool holds_pool(const struct pool_create *c)
{
	return head64(c, HEAD_MAGIC) == THIN_MAGIC;
}

/* May this metadata device be used, and in which way? */
static int judge_metadata(struct bp_ctx *ctx, struct pool_create *c, const char *metadata)
{
	int r = head_read(c->dm, &c->metadata, &c->head);

	if (r < 0)
		return fail_create(ctx, r, BP_E_IO, metadata, "can't read its beginning");
	if (c->opts.flags & BP_POOL_EXISTING && !holds_pool(c))
		return fail_create(ctx, -EINVAL, BP_E_NOT_METADATA, metadata,
				   c->head.blank ? "it is blank: there is no metadata to use"
						 : "it does not hold a pool's metadata");
	if (c->head.blank || c->opts.flags & (BP_POOL_EXISTING | BP_POOL_WIPE))
		return 0;
	fail_create(ctx, -EEXIST, BP_E_METADATA_EXISTS, metadata,
		    holds_pool(c) ? "it holds a pool's metadata already"
				  : "it is not blank: it holds something");
	error_set_hint(ctx, "use what is there, or say that it may be wiped");
	return -EEXIST;
}

struct other_pools {
	struct bp_ctx *ctx;
	const struct pool_create *c;
};

/* Two pools on one data device would overwrite each other; the kernel does not look. */
static int not_shared(void *user, const struct dm_state *state,
		      const struct bp_segment *segment)
{
	const struct other_pools *o = user;
	const struct bp_thin_pool *params = segment->params;
	struct bp_devno data = { o->c->data.major, o->c->data.minor };
	struct bp_devno metadata = { o->c->metadata.major, o->c->metadata.minor };
	const char *words[] = { params ? params->metadata_dev : "",
				params ? params->data_dev : "" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct bp_devno theirs;

		if (!devno_parse(words[i], &theirs) ||
		    (!devno_equal(&theirs, &data) && !devno_equal(&theirs, &metadata)))
			continue;
		fail_create(o->ctx, -EBUSY, BP_E_POOL_IN_USE,
			    devno_equal(&theirs, &data) ? o->c->data.path : o->c->metadata.path,
			    "another pool uses it");
		error_set_cause(o->ctx, "used by pool '%s'", state->name);
		return -EBUSY;
	}
	return 0;
}

/*
 * Everything that can be refused before a byte is changed: sizes, devices used twice,
 * metadata that are there.
 */
static int look(struct bp_ctx *ctx, struct pool_create *c, const char *metadata,
		const char *data)
{
	struct other_pools others = { .ctx = ctx, .c = c };
	bp_sector device;
	int r = bp_bdev_get(ctx, metadata, &c->metadata);

	if (r == 0)
		r = bp_bdev_get(ctx, data, &c->data);
	if (r < 0)
		return r;
	if (c->metadata.major == c->data.major && c->metadata.minor == c->data.minor)
		return fail_create(ctx, -EINVAL, BP_E_USAGE, data,
				   "one device can't hold both metadata and data");
	device = bp_bytes_to_sector(c->data.size_bytes);
	if (!c->opts.size_sectors)
		c->opts.size_sectors = device;
	if (c->opts.size_sectors > device)
		return fail_create(ctx, -EINVAL, BP_E_TOO_SMALL, data,
				   "the data device is smaller than the pool");
	r = each_single(ctx, "pool create", "thin-pool", not_shared, &others);
	return r < 0 ? r : judge_metadata(ctx, c, metadata);
}

/* Of existing metadata it is what the superblock says: another would read garbage. */
static bp_sector block_size(const struct pool_create *c)
{
	le32 v;

	if (c->opts.data_block_sectors)
		return c->opts.data_block_sectors;
	if (!(c->opts.flags & BP_POOL_EXISTING))
		return BLOCK_DEFAULT;
	memcpy(&v, c->head.bytes + HEAD_BLOCK, sizeof(v));
	return le32_get(v);
}

/* Numbers instead of paths, as in all tables that we make. */
static int describe(struct bp_ctx *ctx, const struct pool_create *c, struct bp_table **ret)
{
	struct bp_devno metadata = { c->metadata.major, c->metadata.minor };
	struct bp_devno data = { c->data.major, c->data.minor };
	char metadata_text[DEVNO_TEXT], data_text[DEVNO_TEXT];
	uint32_t flags = c->opts.flags;
	struct bp_thin_pool params = {
		.metadata_dev = devno_text(&metadata, metadata_text),
		.data_dev = devno_text(&data, data_text),
		.data_block_sectors = block_size(c),
		.low_water_dblocks = c->opts.low_water_dblocks,
		.skip_block_zeroing = flags & BP_POOL_SKIP_ZEROING,
		.ignore_discard = flags & BP_POOL_IGNORE_DISCARD,
		.no_discard_passdown = flags & BP_POOL_NO_DISCARD_PASSDOWN,
		.read_only = flags & BP_POOL_READ_ONLY,
		.error_if_no_space = flags & BP_POOL_ERROR_IF_NO_SPACE,
	};
	int r = bp_table_new(ctx, ret);

	if (r == 0)
		r = bp_table_append(ctx, *ret, c->opts.size_sectors,
				    BP_PARAMS_THIN_POOL(&params));
	return r;
}

/* The metadata's beginning is zeroed in the same transaction. */
static int make(struct bp_ctx *ctx, const char *name, struct pool_create *c,
		struct bp_device_info *ret)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	struct bp_create_opts opts = {
		.size = sizeof(opts),
		.uuid = c->opts.uuid,
		.timeout_ms = c->opts.timeout_ms,
	};
	int r = describe(ctx, c, &table);

	if (r < 0)
		return r;
	if (!(c->opts.flags & BP_POOL_EXISTING))
		r = head_begin(ctx, c->dm, "pool create", &c->head,
			       c->opts.flags & BP_POOL_WIPE);
	return r < 0 ? r : bp_device_create(ctx, name, table, &opts, ret);
}

/* A pool that fails leaves the metadata device as it was. */
int bp_pool_create(struct bp_ctx *ctx, const char *name, const char *metadata, const char *data,
		   const struct bp_pool_opts *opts, struct bp_pool **ret)
{
	struct pool_create c = { 0 };
	struct bp_device_info info;
	struct level level;
	int r = dm_get(ctx, &c.dm);

	if (r == 0)
		r = opts_read(ctx, &c.opts, sizeof(c.opts), opts);
	if (r == 0)
		r = look(ctx, &c, metadata, data);
	if (r < 0)
		return r;
	tx_begin(c.dm, &level);
	r = make(ctx, name, &c, &info);
	if (r == 0 && ret)
		r = pool_new(ctx, &info, ret);
	return tx_end(ctx, c.dm, &level, r);
}
