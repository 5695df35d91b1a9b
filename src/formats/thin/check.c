/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checking a thin pool's metadata: the order of the steps, and the calls that begin them. */
#include "formats/thin/check.h"

#include "formats/check/run.h"

static const char *const place_words[] = {
	[BP_PLACE_SUPERBLOCK] = "superblock",
	[BP_PLACE_DEVICE_DETAILS] = "device details tree",
	[BP_PLACE_MAPPING_TOP_LEVEL] = "mapping top-level",
	[BP_PLACE_MAPPINGS] = "mapping tree",
	[BP_PLACE_DATA_SPACE_MAP] = "data space map",
	[BP_PLACE_METADATA_SPACE_MAP] = "metadata space map",
	[BP_PLACE_METADATA_SNAPSHOT] = "metadata snap",
};

/* needs_check can be cleared without having looked at mappings. */
static bool may_write(const struct check *check)
{
	const struct thin_check *c = (const void *)check;
	uint32_t not_with_repair = BP_THIN_CHECK_SUPER_ONLY | BP_THIN_CHECK_SKIP_MAPPINGS;

	if ((c->opts.flags & BP_THIN_CHECK_SNAP) || c->opts.mapping_root ||
	    c->opts.details_root)
		return false;
	return check->how.mode == CHECK_CLEAR || !(c->opts.flags & not_with_repair);
}

static struct check_how how(const struct check *check)
{
	const struct thin_check *c = (const void *)check;

	return CHECK_HOW(&c->opts, BP_THIN_CHECK_STRICT);
}

/* The snapshot of an active pool does not change. */
static bool shared(const struct check *check)
{
	const struct thin_check *c = (const void *)check;

	return c->opts.flags & BP_THIN_CHECK_SNAP;
}

/* What the check kept, whatever step it came to. */
static void done(struct check *check)
{
	struct thin_check *c = (void *)check;

	forest_done(&c->details);
	forest_done(&c->top);
	forest_done(&c->maps);
	thin_devices_done(&c->devices);
	thin_devices_done(&c->snap_devices);
	refcounts_done(&c->data_counts);
	vec_done(&c->raises);
	check_maps_done(c->space_maps, THIN_MAPS);
}

/* Space maps only of the live trees: those of others can't say what is in use. */
static int steps(struct check *check)
{
	struct thin_check *c = (void *)check;
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

static const struct check_format format = {
	CHECK_FORMAT_STRUCTS(struct thin_check, struct bp_thin_check_opts,
			     struct bp_thin_check_result),
	.places = place_words,
	.how = how,
	.shared = shared,
	.may_write = may_write,
	.steps = steps,
	.done = done,
};

int thin_check_io(struct bp_ctx *ctx, struct io *io, enum check_mode mode,
		  const struct bp_thin_check_opts *opts, struct bp_thin_check_result *ret)
{
	return check_io(&format, ctx, io, mode, opts, ret);
}

int bp_thin_check(struct bp_ctx *ctx, const char *path, const struct bp_thin_check_opts *opts,
		  struct bp_thin_check_result *ret)
{
	return check_path(&format, ctx, path, CHECK_ONLY, opts, ret);
}

int bp_thin_auto_repair(struct bp_ctx *ctx, const char *path,
			const struct bp_thin_check_opts *opts, struct bp_thin_check_result *ret)
{
	return check_path(&format, ctx, path, CHECK_AUTO_REPAIR, opts, ret);
}

int bp_thin_clear_needs_check(struct bp_ctx *ctx, const char *path,
			      const struct bp_thin_check_opts *opts,
			      struct bp_thin_check_result *ret)
{
	return check_path(&format, ctx, path, CHECK_CLEAR, opts, ret);
}
