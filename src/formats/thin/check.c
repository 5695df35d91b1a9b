/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checking a thin pool's metadata: the order of the steps, and the calls that begin them. */
#include "formats/thin/check.h"

#include "core/opts.h"

static const char *const place_words[] = {
	[BP_PLACE_SUPERBLOCK] = "superblock",
	[BP_PLACE_DEVICE_DETAILS] = "device details tree",
	[BP_PLACE_MAPPING_TOP_LEVEL] = "mapping top-level",
	[BP_PLACE_MAPPINGS] = "mapping tree",
	[BP_PLACE_DATA_SPACE_MAP] = "data space map",
	[BP_PLACE_METADATA_SPACE_MAP] = "metadata space map",
	[BP_PLACE_METADATA_SNAPSHOT] = "metadata snap",
};

static int refuse_opts(struct bp_ctx *ctx, enum check_mode mode, uint32_t flags, bool roots)
{
	uint32_t not_with_repair = BP_THIN_CHECK_SUPER_ONLY | BP_THIN_CHECK_SKIP_MAPPINGS;

	if (mode == CHECK_ONLY)
		return 0;
	if ((flags & BP_THIN_CHECK_SNAP) || roots ||
	    (mode == CHECK_AUTO_REPAIR && (flags & not_with_repair)))
		return bp_fail(ctx, -EINVAL,
			       "only the whole of the live metadata can be repaired");
	return 0;
}

static void done(struct thin_check *c)
{
	forest_done(&c->details);
	forest_done(&c->top);
	forest_done(&c->maps);
	thin_devices_done(&c->devices);
	thin_devices_done(&c->snap_devices);
	refcounts_done(&c->data_counts);
	vec_done(&c->raises);
	check_maps_done(c->space_maps, THIN_MAPS);
	check_done(&c->check);
}

static int steps(struct thin_check *c)
{
	bool go_on;
	int r = thin_check_superblocks(c, &go_on);

	if (r < 0 || !go_on)
		return r;
	if (!(c->opts.flags & BP_THIN_CHECK_SUPER_ONLY)) {
		c->check.stage = "device details";
		r = thin_check_devices(c);
		if (r == 0 && !(c->opts.flags & BP_THIN_CHECK_SKIP_MAPPINGS)) {
			c->check.stage = "mappings";
			r = thin_check_mappings(c);
			c->check.stage = "space maps";
			if (r == 0 && !(c->opts.flags & BP_THIN_CHECK_SNAP) &&
			    !c->opts.mapping_root && !c->opts.details_root)
				r = thin_check_space_maps(c);
		}
	}
	return r == 0 ? thin_check_repair(c) : r;
}

static int start(struct thin_check *c, struct bp_ctx *ctx, struct io *io, enum check_mode mode,
		 const struct bp_thin_check_opts *opts)
{
	struct check_how how = { .mode = mode, .places = place_words };
	int r = opts_read(ctx, &c->opts, sizeof(c->opts), opts);

	if (r == 0)
		r = refuse_opts(ctx, mode, c->opts.flags,
				c->opts.mapping_root || c->opts.details_root);
	if (r < 0)
		return r;
	how.strict = c->opts.flags & BP_THIN_CHECK_STRICT;
	how.workers = c->opts.workers;
	how.damage = c->opts.damage;
	how.progress = c->opts.progress;
	how.user = c->opts.user;
	check_init(&c->check, ctx, io, &how);
	return 0;
}

/* The result is the caller's struct, of a size it knows. */
int thin_check_io(struct bp_ctx *ctx, struct io *io, enum check_mode mode,
		  const struct bp_thin_check_opts *opts, struct bp_thin_check_result *ret)
{
	struct bp_thin_check_result res = { .size = sizeof(res) };
	struct thin_check c = { .res = &res };
	size_t size = MIN(ret->size, sizeof(res));
	int r;

	if (ret->size < sizeof(size_t))
		return bp_fail(ctx, -EINVAL, "check result: size is not set");
	r = start(&c, ctx, io, mode, opts);
	if (r < 0)
		return r;
	r = steps(&c);
	done(&c);
	if (r < 0)
		return check_failed(&c.check, r);
	res.nr_fatal = c.check.found.nr_fatal;
	res.nr_nonfatal = c.check.found.nr_nonfatal;
	res.nr_remarks = c.check.found.nr_remarks;
	res.size = ret->size;
	memcpy(ret, &res, size);
	return 0;
}

static int check_path(struct bp_ctx *ctx, const char *path, enum check_mode mode,
		      const struct bp_thin_check_opts *opts, struct bp_thin_check_result *ret)
{
	struct bp_thin_check_opts o;
	unsigned flags = mode == CHECK_ONLY ? 0 : IO_WRITE;
	struct io *io;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r < 0)
		return r;
	if (mode == CHECK_ONLY && (o.flags & BP_THIN_CHECK_SNAP))
		flags |= IO_SHARED;
	r = io_open(ctx, path, flags, &io);
	if (r < 0)
		return r;
	r = thin_check_io(ctx, io, mode, &o, ret);
	io_close(io);
	return r;
}

int bp_thin_check(struct bp_ctx *ctx, const char *path, const struct bp_thin_check_opts *opts,
		  struct bp_thin_check_result *ret)
{
	return check_path(ctx, path, CHECK_ONLY, opts, ret);
}

int bp_thin_auto_repair(struct bp_ctx *ctx, const char *path,
			const struct bp_thin_check_opts *opts, struct bp_thin_check_result *ret)
{
	return check_path(ctx, path, CHECK_AUTO_REPAIR, opts, ret);
}

int bp_thin_clear_needs_check(struct bp_ctx *ctx, const char *path,
			      const struct bp_thin_check_opts *opts,
			      struct bp_thin_check_result *ret)
{
	return check_path(ctx, path, CHECK_CLEAR, opts, ret);
}
