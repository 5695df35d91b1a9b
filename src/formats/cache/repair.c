/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Repairing: the input is read and judged whole before anything is written; then it is read once
 * more, and what can be kept is built anew. The plan is the first half alone.
 */
#include "formats/cache/repair.h"

#include "formats/cache/build.h"
#include "formats/check/rebuild.h"
#include "pdata/refuse.h"

#include <inttypes.h>

struct repair {
	struct rebuild base;
	struct bp_cache_repair_opts opts;
	struct bp_cache_repair_result res;
	struct bp_cache_meta cm;
	struct cache_judged judged;
	struct cache_build build;
	uint64_t nr_hints_lost, nr_discards_lost, nr_mappings_lost;
	uint64_t done, total;
};

static struct repair *repair_of(struct rebuild *base)
{
	return (struct repair *)(void *)base;
}

static int progress(struct repair *re, uint64_t blocks)
{
	re->done += blocks;
	return rebuild_progress(&re->base, re->done, re->total);
}

static int read_array(struct repair *re, enum cache_array_id id,
		      int (*part)(void *, uint64_t, uint64_t, const void *))
{
	const struct loss_ears ears = rebuild_ears(&re->base);
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
		return bp_fail(re->base.ctx, -ENODATA, "block %" PRIu64 " leads to no mappings",
			       root->block);
	if (!cache_block_sectors_valid(re->opts.data_block_sectors) || strlen(policy) > 15) {
		bp_fail(re->base.ctx, -EINVAL,
			"data block size needs to be provided due to corruption in the "
			"superblock");
		error_set_hint(re->base.ctx,
			       "it is in the table of the cache: a multiple of %d "
			       "sectors (--data-block-size)",
			       CACHE_BLOCK_SECTORS_FACTOR);
		error_set_code(re->base.ctx, BP_E_USAGE);
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

/*
 * Several candidates, and only a person can know: a wrong one destroys data when it is
 * written back.
 */
static int refuse_choice(struct repair *re, const struct cache_roots *roots)
{
	if (roots->list.count == 0) {
		bp_fail(re->base.ctx, -ENODATA,
			"no superblock, and nothing that mappings lie in was found");
		superblock_cause_of(re->base.ctx, re->cm.meta.io);
		return -ENODATA;
	}
	bp_fail(re->base.ctx, -EINVAL,
		"no superblock, and %zu arrays that the mappings may lie in: one has to be "
		"chosen",
		roots->list.count);
	error_set_hint(re->base.ctx,
		       "--plan lists them; an older one than the last may destroy data "
		       "when it is written back (--mapping-root)");
	error_set_code(re->base.ctx, BP_E_USAGE);
	return -EINVAL;
}

/* A root that was given is only looked at. */
static int find_root(struct repair *re)
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
	if (r == 0 && roots.list.count != 1 && !(re->base.only_plan && roots.list.count))
		r = refuse_choice(re, &roots);
	if (r == 0)
		root = roots.list.items[0];
	cache_roots_done(&roots);
	return r < 0 ? r : use_root(re, &root);
}

/* One that can't be, a slip of the fingers, would be metadata that has lost everything. */
static int take_given_root(struct repair *re)
{
	if (!re->opts.mapping_root)
		return 0;
	if (re->opts.mapping_root >= re->cm.meta.nr_blocks) {
		bp_fail(re->base.ctx, -EINVAL,
			"mapping root %" PRIu64 ": the metadata has %" PRIu64 " blocks",
			re->opts.mapping_root, re->cm.meta.nr_blocks);
		error_set_code(re->base.ctx, BP_E_USAGE);
		return -EINVAL;
	}
	re->cm.sb.pub.mapping_root = re->opts.mapping_root;
	return 0;
}

/* Only the table of the cache has it a second time. */
static int refuse_block_size(struct repair *re)
{
	struct bp_cache_superblock *sb = &re->cm.sb.pub;

	if (cache_block_sectors_valid(sb->data_block_sectors))
		return 0;
	if (cache_block_sectors_valid(re->opts.data_block_sectors)) {
		sb->data_block_sectors = re->opts.data_block_sectors;
		return 0;
	}
	bp_fail(re->base.ctx, -EUCLEAN,
		"superblock: data_block_size (sectors) cannot be %" PRIu32,
		sb->data_block_sectors);
	error_set_hint(re->base.ctx,
		       "it is in the table of the cache: a multiple of %d sectors "
		       "(--data-block-size)",
		       CACHE_BLOCK_SECTORS_FACTOR);
	return -EUCLEAN;
}

/* Without a superblock the block size must be given; roots are searched. */
static int open_input(struct rebuild *base, struct io *from)
{
	struct repair *re = repair_of(base);
	_cleanup_(freep) void *buf = io_buffer_new(1);
	int r = buf ? 0 : bp_fail_memory(re->base.ctx);

	if (r < 0)
		return r;
	re->cm.meta = meta_of(re->base.ctx, from, 0);
	r = io_read(from, 0, 1, buf);
	if (r == 0)
		r = cache_sb_check(re->base.ctx, buf);
	if (r == -ENOMEM || r == -ENOTSUP)
		return r;
	if (r < 0)
		return find_root(re);
	cache_sb_decode(buf, &re->cm.sb);
	re->res.superblock_ok = true;
	re->cm.meta.nr_blocks = cache_usable_blocks(from, &re->cm.sb);
	r = refuse_block_size(re);
	return r == 0 ? take_given_root(re) : r;
}

/* --- what can be kept --- */

/* Unclean: all that is kept counts as dirty. */
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

/* Losses are counted by what they are of: base->lost says where. */
static int plan(struct rebuild *base)
{
	struct repair *re = repair_of(base);
	const struct loss_ears ears = rebuild_ears(&re->base);
	int r;

	base->lost = &re->nr_mappings_lost;
	r = cache_judge(&re->cm, &ears, &re->judged);
	base->lost = &re->nr_hints_lost;
	if (r == 0)
		r = read_array(re, CACHE_HINTS, NULL);
	base->lost = &re->nr_discards_lost;
	if (r == 0 && re->res.superblock_ok)
		r = read_array(re, CACHE_DISCARDS, NULL);
	if (r == 0)
		set_result(re);
	return r;
}

/* --- writing it --- */

/* Unknown becomes dirty: writing back once too often is safe. */
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

/* Zeros where they were lost. */
static int write_hints(void *user, uint64_t begin, uint64_t end, const void *values)
{
	struct repair *re = user;
	const uint8_t *hint = values;
	int r = 0;

	for (uint64_t i = begin; r == 0 && i < end; i++, hint += CACHE_HINT_BYTES)
		r = cache_build_hint(&re->build, (uint32_t)i, hint);
	return r == 0 ? progress(re, end - begin) : r;
}

/* All or nothing, see write_all(). */
static int write_discards(void *user, uint64_t begin, uint64_t end, const void *values)
{
	struct repair *re = user;
	const le64 *words = values;
	int r = 0;

	for (uint64_t i = begin; r == 0 && i < end; i++)
		r = cache_build_discards(&re->build, i, words[i - begin]);
	return r;
}

/* The policy's name and version stay: hints are its own. */
static struct cache_make make_of(const struct repair *re, bool discards)
{
	const struct bp_cache_superblock *sb = &re->cm.sb.pub;
	struct cache_make make = {
		.flags = sb->flags & BP_CACHE_CLEAN,
		.version = re->opts.version,
		.hint_bytes = cache_hint_bytes_valid(sb->hint_bytes) ? sb->hint_bytes : 0,
		.data_block_sectors = sb->data_block_sectors,
		.nr_cache_blocks = sb->nr_cache_blocks,
	};

	if (!make.version)
		make.version = re->res.superblock_ok ? sb->version : CACHE_VERSION;
	if (cache_policy_is_text(sb->policy))
		memcpy(make.policy, sb->policy, sizeof(make.policy));
	memcpy(make.policy_version, sb->policy_version, sizeof(make.policy_version));
	if (discards) {
		make.discard_block_sectors = sb->discard_block_sectors;
		make.nr_discard_blocks = sb->nr_discard_blocks;
	}
	return make;
}

/* What was judged is read a second time: it was never held in memory. */
static int write_all(struct rebuild *base, struct io *to)
{
	struct repair *re = repair_of(base);
	/* A bit too few is harmless, one too many is not: all or nothing. */
	bool discards = re->res.superblock_ok && re->res.clean_shutdown &&
			!re->res.discards_lost && re->cm.sb.pub.nr_discard_blocks;
	const struct cache_make make = make_of(re, discards);
	int r = cache_build_init(&re->build, base->ctx, to);

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

/* Options before the input is opened. */
static int begin(struct rebuild *base)
{
	struct repair *re = repair_of(base);

	base->how = REBUILD_HOW(&re->opts);
	if (re->opts.version > CACHE_VERSION)
		return bp_fail(base->ctx, -EINVAL, "unsupported metadata version %u",
			       re->opts.version);
	return 0;
}

static void done(struct rebuild *base)
{
	struct repair *re = repair_of(base);

	cache_build_done(&re->build);
	cache_judged_done(&re->judged);
}

static const struct rebuild_format format = {
	.shape = CALL_SHAPE(struct repair, struct bp_cache_repair_opts,
			    struct bp_cache_repair_result),
	.begin = begin,
	.open = open_input,
	.plan = plan,
	.write = write_all,
	.done = done,
};

int cache_repair_io(struct bp_ctx *ctx, struct io *from, struct io *to,
		    const struct bp_cache_repair_opts *opts, struct bp_cache_repair_result *ret)
{
	return rebuild_io(&format, ctx, from, to, opts, ret);
}

int bp_cache_repair_plan(struct bp_ctx *ctx, const char *input,
			 const struct bp_cache_repair_opts *opts,
			 struct bp_cache_repair_result *ret)
{
	return rebuild_path(&format, ctx, input, NULL, opts, ret);
}

int bp_cache_repair(struct bp_ctx *ctx, const char *input, const char *output,
		    const struct bp_cache_repair_opts *opts, struct bp_cache_repair_result *ret)
{
	return rebuild_path(&format, ctx, input, output, opts, ret);
}
