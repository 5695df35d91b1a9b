/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All that reads thin metadata, and what it must keep to whatever lies there. */
#ifndef FUZZ_THIN_IMAGE_H
#define FUZZ_THIN_IMAGE_H

#include "fuzz.h"

#include "formats/thin/meta.h"

static void thin_damage(void *user, const struct bp_damage *damage)
{
	promise(strlen(damage->what) > 0);
	promise(!streq(bp_damage_kind_name(damage->kind), "unknown"));
	promise(damage->begin == BP_NONE || damage->end == BP_NONE ||
		damage->begin <= damage->end);
	++*(uint64_t *)user;
}

static int thin_check_run(struct bp_ctx *ctx, struct io *io, enum check_mode mode,
			  uint32_t flags, struct bp_thin_check_result *res)
{
	uint64_t told = 0;
	struct bp_thin_check_opts opts = {
		.size = sizeof(opts),
		.flags = flags,
		.workers = 1,
		.damage = thin_damage,
		.user = &told,
	};
	int r;

	*res = (struct bp_thin_check_result){ .size = sizeof(*res) };
	r = thin_check_io(ctx, io, mode, &opts, res);
	promise(r <= 0);
	if (r == 0 && mode == CHECK_ONLY)
		promise(told == res->nr_fatal + res->nr_nonfatal + res->nr_remarks);
	return r;
}

static int thin_run_seen(void *user, const struct bp_thin_run *run)
{
	promise(run->length > 0);
	return ++*(uint64_t *)user > 100000; /* enough */
}

static int thin_device_seen(void *user, const struct bp_thin_device *device)
{
	struct bp_thin_meta *meta = user;
	uint64_t runs = 0;
	bp_dblock block;
	uint32_t time;

	bp_thin_mappings(meta, device->id, 0, UINT64_MAX, thin_run_seen, &runs);
	bp_thin_mappings(meta, device->id, 130, 150, thin_run_seen, &runs);
	bp_thin_lookup(meta, device->id, 130, &block, &time);
	return 0;
}

static void thin_list(struct bp_ctx *ctx, struct io *io, uint32_t flags)
{
	struct bp_thin_open_opts opts = { .size = sizeof(opts), .flags = flags, .workers = 1 };
	struct bp_thin_meta *meta;

	if (thin_meta_open_io(ctx, io, &opts, &meta) < 0) {
		promise(strlen(bp_errmsg(ctx)) > 0);
		return;
	}
	if (bp_thin_devices(meta, thin_device_seen, meta) < 0)
		promise(strlen(bp_errmsg(ctx)) > 0);
	free(meta); /* the io stays */
}

static void thin_try_all(struct bp_ctx *ctx, struct io *io)
{
	struct bp_thin_check_result res;

	thin_check_run(ctx, io, CHECK_ONLY, BP_THIN_CHECK_SUPER_ONLY, &res);
	thin_check_run(ctx, io, CHECK_ONLY, BP_THIN_CHECK_SNAP, &res);
	thin_check_run(ctx, io, CHECK_ONLY, BP_THIN_CHECK_STRICT, &res);
	thin_list(ctx, io, 0);
	thin_list(ctx, io, BP_THIN_OPEN_SNAP);
	/* What was repaired is whole. */
	if (thin_check_run(ctx, io, CHECK_AUTO_REPAIR, 0, &res) == 0 && !res.nr_fatal) {
		uint64_t left = res.nr_nonfatal;

		promise(thin_check_run(ctx, io, CHECK_ONLY, 0, &res) == 0);
		promise(res.nr_fatal == 0 && res.nr_nonfatal == left);
		promise(res.nr_data_leaked == 0 && res.nr_metadata_leaked == 0);
	}
}

#endif
