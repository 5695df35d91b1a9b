/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Repairing: the input is read and judged whole before anything is written; then it is read once
 * more, and what can be kept is built anew. The plan is the first half alone.
 */
#include "formats/cache/repair.h"

#include "core/opts.h"
#include "formats/cache/build.h"
#include "io/output.h"

#include <inttypes.h>
#include <stdio.h>

struct repair {
	struct bp_ctx *ctx;
	struct bp_cache_repair_opts opts;
	struct bp_cache_repair_result res;
	struct bp_cache_meta cm;
	struct cache_judged judged;
	struct cache_build build;
	bool deaf;      /* the second time, what is lost was told */
	uint64_t *lost; /* what is being read: where losses are noted */
	uint64_t nr_hints_lost, nr_discards_lost, nr_mappings_lost;
	uint64_t done, total;
};

static int on_damage(void *user, const struct bp_damage *damage)
{
	struct repair *re = user;

	if (re->deaf)
		return 0;
	*re->lost += damage->harm != BP_HARM_REMARK;
	if (re->opts.damage)
		re->opts.damage(re->opts.user, damage);
	return 0;
}

static int progress(struct repair *re, uint64_t blocks)
{
	re->done += blocks;
	if (re->opts.progress && re->opts.progress(re->opts.user, re->done, re->total))
		return bp_fail(re->ctx, -ECANCELED, "canceled");
	return 0;
}

static int read_array(struct repair *re, enum cache_array_id id,
		      int (*part)(void *, uint64_t, uint64_t, const void *))
{
	const struct loss_ears ears = { .report = on_damage, .user = re };
	const struct array_reader reader = { .part = part, .user = re, .ears = &ears };

	return cache_array_read(&re->cm, id, &reader);
}

/* --- which mappings --- */

/* There is no superblock: what is known of it is what is given, and what is found. */
static int use_root(struct repair *re, const struct bp_cache_root *root)
{
	struct bp_cache_superblock *sb = &re->cm.sb.pub;
	const char *policy = re->opts.policy ? re->opts.policy : "smq";
	uint64_t nr =
		re->opts.nr_cache_blocks ? re->opts.nr_cache_blocks : root->nr_cache_blocks;

	if (nr == 0 || nr > UINT32_MAX)
		return bp_fail(re->ctx, -ENODATA, "block %" PRIu64 " leads to no mappings",
			       root->block);
	if (!cache_block_sectors_valid(re->opts.data_block_sectors) || strlen(policy) > 15) {
		bp_fail(re->ctx, -EINVAL,
			"data block size needs to be provided due to corruption in the "
			"superblock");
		error_set_hint(re->ctx,
			       "it is in the table of the cache: a multiple of %d "
			       "sectors (--data-block-size)",
			       CACHE_BLOCK_SECTORS_FACTOR);
		error_set_code(re->ctx, BP_E_USAGE);
		return -EINVAL;
	}
	/* Read as version 1: flags are in the mappings, and there is no bitset to look for. */
	*sb = (struct bp_cache_superblock){
		.version = 1,
		.policy_version = { 2, 0, 0 },
		.data_block_sectors = re->opts.data_block_sectors,
		.nr_cache_blocks = (uint32_t)nr,
		.mapping_root = root->block,
	};
	memcpy(sb->policy, policy, strlen(policy));
	return 0;
}

static int refuse_choice(struct repair *re, const struct cache_roots *roots)
{
	if (roots->list.count == 0)
		return bp_fail(re->ctx, -ENODATA,
			       "no superblock, and nothing that mappings lie in was found");
	bp_fail(re->ctx, -EINVAL,
		"no superblock, and %zu arrays that the mappings may lie in: one has to be "
		"chosen",
		roots->list.count);
	error_set_hint(re->ctx,
		       "--plan lists them; an older one than the last may destroy data "
		       "when it is written back (--mapping-root)");
	error_set_code(re->ctx, BP_E_USAGE);
	return -EINVAL;
}

static int find_root(struct repair *re, bool plan)
{
	struct cache_roots roots = { 0 };
	struct bp_cache_root root = { 0 };
	int r;

	if (re->opts.mapping_root) {
		r = cache_root_probe(&re->cm.meta, re->opts.mapping_root, &root);
		return r < 0 ? r : use_root(re, &root);
	}
	r = cache_roots_find(&re->cm.meta, &roots);
	for (size_t i = 0; r == 0 && re->opts.root && i < roots.list.count; i++)
		re->opts.root(re->opts.user, &roots.list.items[i]);
	re->res.nr_roots = roots.list.count;
	if (r == 0 && roots.list.count != 1 && !(plan && roots.list.count))
		r = refuse_choice(re, &roots);
	if (r == 0)
		root = roots.list.items[0];
	cache_roots_done(&roots);
	return r < 0 ? r : use_root(re, &root);
}

static int open_input(struct repair *re, struct io *from, bool plan)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	struct bp_cache_superblock *sb = &re->cm.sb.pub;
	int r = buf ? 0 : bp_fail_memory(re->ctx);

	if (r < 0)
		return r;
	re->cm.meta = (struct meta){
		.ctx = re->ctx,
		.io = from,
		.nr_blocks = MIN(from->nr_blocks, META_MAX_BLOCKS),
	};
	r = io_read(from, 0, 1, buf);
	if (r == 0)
		r = cache_sb_check(re->ctx, buf);
	if (r == -ENOMEM || r == -ENOTSUP)
		return r;
	if (r < 0)
		return find_root(re, plan);
	cache_sb_decode(buf, &re->cm.sb);
	re->res.superblock_ok = true;
	re->cm.meta.nr_blocks = cache_usable_blocks(from, &re->cm.sb);
	if (re->opts.mapping_root)
		sb->mapping_root = re->opts.mapping_root;
	return 0;
}

/* --- what can be kept --- */

static void set_result(struct repair *re)
{
	const struct cache_judged *j = &re->judged;
	bool clean = re->cm.sb.pub.flags & BP_CACHE_CLEAN;
	struct bp_cache_repair_result *res = &re->res;

	res->clean_shutdown = clean;
	res->mapping_root = re->cm.sb.pub.mapping_root;
	res->nr_cache_blocks = re->cm.sb.pub.nr_cache_blocks;
	res->nr_lost = j->nr_lost;
	res->nr_dropped = j->nr_dropped;
	res->hints_lost = re->nr_hints_lost > 0;
	res->discards_lost = re->nr_discards_lost > 0;
	for (uint64_t w = 0; w < DIV_UP(j->kept.count, 64); w++) {
		uint64_t kept = j->kept.words[w], unknown = j->unknown.words[w] & kept;
		uint64_t dirty = clean ? (j->dirty.words[w] & kept) | unknown : kept;

		res->nr_kept += (uint64_t)__builtin_popcountll(kept);
		res->nr_dirty += (uint64_t)__builtin_popcountll(dirty);
		res->nr_unknown += (uint64_t)__builtin_popcountll(unknown);
	}
}

static int plan(struct repair *re)
{
	const struct loss_ears ears = { .report = on_damage, .user = re };
	int r;

	re->lost = &re->nr_mappings_lost;
	r = cache_judge(&re->cm, &ears, &re->judged);
	re->lost = &re->nr_hints_lost;
	if (r == 0)
		r = read_array(re, CACHE_HINTS, NULL);
	re->lost = &re->nr_discards_lost;
	if (r == 0 && re->res.superblock_ok)
		r = read_array(re, CACHE_DISCARDS, NULL);
	if (r == 0)
		set_result(re);
	return r;
}

/* --- writing it --- */

static int write_mappings(void *user, uint64_t begin, uint64_t end, const void *values)
{
	struct repair *re = user;
	const struct cache_judged *j = &re->judged;
	int r = 0;

	for (uint64_t i = begin; r == 0 && i < end; i++) {
		uint64_t value = le64_get(((const le64 *)values)[i - begin]);

		if (bits_test(&j->kept, i))
			r = cache_build_mapping(
				&re->build, (uint32_t)i, cache_mapping_origin(value),
				bits_test(&j->dirty, i) || bits_test(&j->unknown, i));
	}
	return r == 0 ? progress(re, end - begin) : r;
}

static int write_hints(void *user, uint64_t begin, uint64_t end, const void *values)
{
	struct repair *re = user;
	const uint8_t *hint = values;
	int r = 0;

	for (uint64_t i = begin; r == 0 && i < end; i++, hint += CACHE_HINT_BYTES)
		r = cache_build_hint(&re->build, (uint32_t)i, hint);
	return r == 0 ? progress(re, end - begin) : r;
}

static int write_discards(void *user, uint64_t begin, uint64_t end, const void *values)
{
	struct repair *re = user;
	const le64 *words = values;
	int r = 0;

	for (uint64_t i = begin; r == 0 && i < end; i++)
		r = cache_build_discards(&re->build, i, words[i - begin]);
	return r;
}

static struct cache_make make_of(const struct repair *re, bool discards)
{
	const struct bp_cache_superblock *sb = &re->cm.sb.pub;
	struct cache_make make = {
		.flags = sb->flags & BP_CACHE_CLEAN,
		.version = re->opts.version,
		.hint_bytes = sb->hint_bytes == CACHE_HINT_BYTES ? CACHE_HINT_BYTES : 0,
		.data_block_sectors = sb->data_block_sectors,
		.nr_cache_blocks = sb->nr_cache_blocks,
	};

	if (!make.version)
		make.version = re->res.superblock_ok ? sb->version : CACHE_VERSION;
	memcpy(make.policy, sb->policy, sizeof(make.policy));
	memcpy(make.policy_version, sb->policy_version, sizeof(make.policy_version));
	if (discards) {
		make.discard_block_sectors = sb->discard_block_sectors;
		make.nr_discard_blocks = sb->nr_discard_blocks;
	}
	return make;
}

static int write_all(struct repair *re, struct io *to)
{
	/* A bit too few is harmless, one too many is not: all or nothing. */
	bool discards = re->res.superblock_ok && re->res.clean_shutdown &&
			!re->res.discards_lost && re->cm.sb.pub.nr_discard_blocks;
	const struct cache_make make = make_of(re, discards);
	int r = cache_build_init(&re->build, re->ctx, to);

	re->deaf = true;
	re->total = 2 * (uint64_t)make.nr_cache_blocks;
	if (r == 0)
		r = cache_build_start(&re->build, &make);
	if (r == 0)
		r = read_array(re, CACHE_MAPPINGS, write_mappings);
	if (r == 0)
		r = read_array(re, CACHE_HINTS, write_hints);
	if (r == 0 && discards)
		r = read_array(re, CACHE_DISCARDS, write_discards);
	return r == 0 ? cache_build_finish(&re->build) : r;
}

/* --- the whole --- */

static int start(struct repair *re, struct bp_ctx *ctx, const struct bp_cache_repair_opts *opts,
		 const struct bp_cache_repair_result *ret)
{
	int r = opts_read(ctx, &re->opts, sizeof(re->opts), opts);

	re->ctx = ctx;
	if (r == 0 && ret->size < sizeof(size_t))
		r = bp_fail(ctx, -EINVAL, "repair result: size is not set");
	if (r == 0 && re->opts.version > CACHE_VERSION)
		r = bp_fail(ctx, -EINVAL, "unsupported metadata version %u", re->opts.version);
	return r;
}

static void finish(struct repair *re, struct bp_cache_repair_result *ret)
{
	size_t size = ret->size;

	re->res.size = size;
	memcpy(ret, &re->res, MIN(size, sizeof(re->res)));
}

/* @open: makes the output; only now, as the input has proved to be of use. */
static int repair(struct repair *re, struct io *from, struct io *to, const char *path)
{
	bool only_plan = !to && !path;
	struct io *opened = NULL;
	int r = open_input(re, from, only_plan);

	if (r == 0)
		r = plan(re);
	if (r < 0 || only_plan)
		return r;
	if (path)
		r = io_open(re->ctx, path, IO_WRITE | IO_OUTPUT, &opened);
	if (r == 0)
		r = write_all(re, to ? to : opened);
	cache_build_done(&re->build);
	io_close(opened);
	return r;
}

static int run(struct bp_ctx *ctx, struct io *from, struct io *to, const char *path,
	       const struct bp_cache_repair_opts *opts, struct bp_cache_repair_result *ret)
{
	struct repair re = { 0 };
	int r = start(&re, ctx, opts, ret);

	if (r == 0)
		r = repair(&re, from, to, path);
	cache_judged_done(&re.judged);
	/* A plan that could not choose says what there was to choose from. */
	if (r == 0)
		finish(&re, ret);
	return r;
}

int cache_repair_io(struct bp_ctx *ctx, struct io *from, struct io *to,
		    const struct bp_cache_repair_opts *opts, struct bp_cache_repair_result *ret)
{
	return run(ctx, from, to, NULL, opts, ret);
}

int bp_cache_repair_plan(struct bp_ctx *ctx, const char *input,
			 const struct bp_cache_repair_opts *opts,
			 struct bp_cache_repair_result *ret)
{
	struct bp_cache_repair_opts o;
	struct io *from;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r == 0)
		r = io_open(ctx, input, 0, &from);
	if (r < 0)
		return r;
	r = run(ctx, from, NULL, NULL, &o, ret);
	io_close(from);
	return r;
}

int bp_cache_repair(struct bp_ctx *ctx, const char *input, const char *output,
		    const struct bp_cache_repair_opts *opts, struct bp_cache_repair_result *ret)
{
	struct bp_cache_repair_opts o;
	struct io *from;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r == 0)
		r = output_refuse_input(ctx, -1, input, output);
	if (r == 0)
		r = io_open(ctx, input, 0, &from);
	if (r < 0)
		return r;
	r = run(ctx, from, NULL, output, &o, ret);
	io_close(from);
	return r;
}
