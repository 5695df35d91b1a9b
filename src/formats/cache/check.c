/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checking a cache's metadata: superblock, mappings with their dirty states, hints, discards, and
 * the space map against what all of these use. On the frame of formats/check.
 */
#include "formats/cache/check.h"

#include "formats/cache/meta.h"
#include "formats/check/arrays.h"
#include "formats/check/run.h"

#include <inttypes.h>

#define SKIPS                                                                                  \
	(BP_CACHE_CHECK_SKIP_MAPPINGS | BP_CACHE_CHECK_SKIP_HINTS |                            \
	 BP_CACHE_CHECK_SKIP_DISCARDS)

static const char *const place_words[] = {
	[BP_PLACE_SUPERBLOCK] = "superblock",
	[BP_PLACE_MAPPINGS] = "mapping array",
	[BP_PLACE_METADATA_SPACE_MAP] = "metadata space map",
	[BP_PLACE_HINTS] = "hint array",
	[BP_PLACE_DIRTY] = "dirty bitset",
	[BP_PLACE_DISCARDS] = "discard bitset",
};

struct cache_check {
	struct check check;
	struct bp_cache_check_opts opts;
	struct bp_cache_check_result res;
	struct bp_cache_meta cm; /* what readers want: meta is the check's */
	struct check_arrays arrays;
	struct check_map map;
};

/* --- superblock --- */

static void field(struct cache_check *c, enum bp_harm harm, const char *name, uint64_t expected,
		  uint64_t actual)
{
	check_field(&c->check, BP_PLACE_SUPERBLOCK, 0, harm, name, expected, actual);
}

/*
 * Bits that no kernel has defined so far. Of compat_flags and flags kernels take any, and keep them;
 * with compat_ro_flags they refuse a cache, as it is always written.
 */
static void check_flags(struct cache_check *c)
{
	const struct bp_cache_superblock *sb = &c->cm.sb.pub;

	if (sb->incompat_flags)
		field(c, BP_HARM_FATAL, "incompat_flags", 0, sb->incompat_flags);
	if (sb->compat_ro_flags)
		field(c, BP_HARM_FATAL, "compat_ro_flags", 0, sb->compat_ro_flags);
	if (sb->compat_flags)
		field(c, BP_HARM_REMARK, "compat_flags", 0, sb->compat_flags);
	if (sb->flags & ~(BP_CACHE_CLEAN | BP_CACHE_NEEDS_CHECK))
		field(c, BP_HARM_REMARK, "flags", BP_NONE, sb->flags);
}

/* Fatal is what the kernel refuses, a remark what it takes. */
static void check_fields(struct cache_check *c)
{
	const struct cache_sb *sb = &c->cm.sb;
	const struct bp_cache_superblock *pub = &sb->pub;

	if (sb->magic != CACHE_MAGIC)
		field(c, BP_HARM_FATAL, "magic", CACHE_MAGIC, sb->magic);
	if (sb->blocknr != 0)
		field(c, BP_HARM_FATAL, "its own block number", 0, sb->blocknr);
	if (pub->version < 1 || pub->version > CACHE_VERSION)
		field(c, BP_HARM_FATAL, "version", BP_NONE, pub->version);
	check_flags(c);
	if (sb->metadata_block_sectors != CACHE_METADATA_BLOCK_SECTORS)
		field(c, BP_HARM_FATAL, "metadata_block_size", CACHE_METADATA_BLOCK_SECTORS,
		      sb->metadata_block_sectors);
	if (!cache_block_sectors_valid(pub->data_block_sectors))
		field(c, BP_HARM_FATAL, "data_block_size (sectors)", BP_NONE,
		      pub->data_block_sectors);
	if (!cache_hint_bytes_valid(pub->hint_bytes))
		field(c, BP_HARM_FATAL, "policy_hint_size", CACHE_HINT_BYTES, pub->hint_bytes);
	if (!cache_policy_is_text(pub->policy))
		check_report(&c->check,
			     DAMAGE(.kind = BP_DAMAGE_SUPERBLOCK, .harm = BP_HARM_REMARK,
				    .place = BP_PLACE_SUPERBLOCK, .block = 0),
			     "superblock: policy_name is no text");
	if (!pub->discard_block_sectors != !pub->nr_discard_blocks)
		field(c, BP_HARM_REMARK, "discard_nr_blocks", BP_NONE, pub->nr_discard_blocks);
}

static void set_result(struct cache_check *c)
{
	const struct sm_root *sm = &c->cm.sb.metadata_sm;

	c->res.superblock_ok = true;
	c->res.superblock = c->cm.sb.pub;
	if (sm->nr_blocks > sm->nr_allocated)
		c->res.nr_metadata_free = sm->nr_blocks - sm->nr_allocated;
}

/*
 * Versions and features decide what the rest means: where they are unknown the check ends
 * here.
 */
static int check_block_0(struct cache_check *c, bool *ret_go_on)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	int r = buf ? meta_read(&c->check.meta, 0, buf) : -ENOMEM;

	*ret_go_on = false;
	if (r < 0 || !check_superblock(&c->check, buf, BLOCK_CACHE_SUPERBLOCK))
		return r;
	cache_sb_decode(buf, &c->cm.sb);
	set_result(c);
	check_fields(c);
	check_map_size(&c->check, BP_PLACE_METADATA_SPACE_MAP, c->cm.sb.metadata_sm.nr_blocks,
		       !(c->opts.flags & BP_CACHE_CHECK_SUPER_ONLY));
	c->check.meta.nr_blocks = cache_usable_blocks(c->check.meta.io, &c->cm.sb);
	c->cm.meta = c->check.meta;
	/* What they mean for the rest is not known. */
	*ret_go_on = !c->cm.sb.pub.incompat_flags && c->cm.sb.pub.version >= 1 &&
		     c->cm.sb.pub.version <= CACHE_VERSION;
	return 0;
}

/* --- arrays --- */

/* Dirty bits first: which mapping is dirty is counted with them. */
static int check_mappings(struct cache_check *c, const struct loss_ears *ears)
{
	const struct bp_cache_superblock *sb = &c->cm.sb.pub;
	struct cache_judged judged;
	int r = check_count_root(&c->check, sb->mapping_root);

	c->check.stage = "mappings";
	if (r == 0 && sb->version >= 2)
		r = check_count_root(&c->check, sb->dirty_root);
	if (r == 0)
		r = cache_judge(&c->cm, ears, &judged);
	if (r < 0)
		return r;
	c->res.nr_mapped = judged.nr_mapped;
	c->res.nr_dirty = judged.nr_dirty;
	c->res.nr_lost = judged.nr_lost;
	cache_judged_done(&judged);
	return 0;
}

/* Bits behind the end in the last word. */
struct tail {
	struct cache_check *c;
	uint64_t nr;
};

/* Bits beyond the end do no harm: the kernel never reads them. */
static int check_tail(void *user, uint64_t begin, uint64_t end, const void *values)
{
	const struct tail *t = user;
	uint64_t word;

	if (end * 64 <= t->nr)
		return 0;
	word = le64_get(((const le64 *)values)[end - 1 - begin]);
	if (word >> (t->nr % 64))
		check_report(&t->c->check,
			     DAMAGE(.kind = BP_DAMAGE_BITS_BEYOND, .harm = BP_HARM_REMARK,
				    .place = BP_PLACE_DISCARDS, .begin = t->nr),
			     "discard bitset: bits are set beyond its end, %" PRIu64, t->nr);
	return 0;
}

/* Only the structure; what hints mean only the policy knows. */
static int check_array(struct cache_check *c, const struct loss_ears *ears,
		       enum cache_array_id id, const char *stage)
{
	struct tail tail = { c, c->cm.sb.pub.nr_discard_blocks };
	const struct array_reader reader = {
		.part = id == CACHE_DISCARDS ? check_tail : NULL,
		.user = &tail,
		.ears = ears,
	};
	int r = check_count_root(&c->check, cache_array_get(&c->cm.sb, id).root);

	c->check.stage = stage;
	return r == 0 ? cache_array_read(&c->cm, id, &reader) : r;
}

/*
 * Counts of blocks are only complete where nothing was skipped: otherwise the space map is
 * not compared.
 */
static int check_arrays(struct cache_check *c)
{
	const struct loss_ears ears = check_ears(&c->arrays);
	uint32_t skip = c->opts.flags;
	int r = check_blocks(&c->check);

	if (r == 0)
		r = check_arrays_init(&c->arrays, &c->check);
	if (r == 0 && !(skip & BP_CACHE_CHECK_SKIP_MAPPINGS))
		r = check_mappings(c, &ears);
	if (r == 0 && !(skip & BP_CACHE_CHECK_SKIP_HINTS))
		r = check_array(c, &ears, CACHE_HINTS, "hints");
	if (r == 0 && !(skip & BP_CACHE_CHECK_SKIP_DISCARDS))
		r = check_array(c, &ears, CACHE_DISCARDS, "discards");
	if (r < 0 || (skip & SKIPS))
		return r;
	c->check.stage = "space map";
	r = check_metadata_map(&c->check, &c->cm.sb.metadata_sm, &c->map);
	c->res.nr_metadata_leaked = c->map.report.nr_leaked;
	c->res.nr_metadata_wrong = c->map.report.nr_wrong;
	return r;
}

/* --- putting right --- */

static void fill(void *user, void *superblock)
{
	const struct cache_check *c = user;
	struct cache_superblock_disk *disk = superblock;

	check_put_map_root(disk->metadata_space_map_root, &c->map);
	disk->flags = le32_make(le32_get(disk->flags) & ~BP_CACHE_NEEDS_CHECK);
}

/* See check_repair(): nothing is written where damage is left that it can't mend. */
static int repair(struct cache_check *c)
{
	const struct check_mend mend = {
		.superblock = BLOCK_CACHE_SUPERBLOCK,
		.flagged = c->cm.sb.pub.flags & BP_CACHE_NEEDS_CHECK,
		.fill = fill,
		.user = c,
	};
	struct bp_cache_check_result *res = &c->res;
	bool written;
	int r = check_repair(&c->check, &c->map, 1, &mend, &written);

	if (r < 0 || !written)
		return r;
	res->cleared_needs_check = mend.flagged;
	res->repaired_metadata_leaks = res->nr_metadata_leaked;
	res->repaired_accounting = check_mended_accounting(&c->map);
	if (c->map.mended)
		res->nr_metadata_free = c->map.root.nr_blocks - c->map.mended_root.nr_allocated;
	return 0;
}

/* --- the whole --- */

static struct check_how how(const struct check *check)
{
	const struct cache_check *c = (const void *)check;

	return CHECK_HOW(&c->opts, BP_CACHE_CHECK_STRICT);
}

/* needs_check can be cleared without having looked at all. */
static bool may_write(const struct check *check)
{
	const struct cache_check *c = (const void *)check;

	return check->how.mode == CHECK_CLEAR ||
	       !(c->opts.flags & (SKIPS | BP_CACHE_CHECK_SUPER_ONLY));
}

/* In the order of what depends on what. */
static int steps(struct check *check)
{
	struct cache_check *c = (void *)check;
	bool go_on;
	int r = check_block_0(c, &go_on);

	if (r < 0 || !go_on)
		return r;
	if (!(c->opts.flags & BP_CACHE_CHECK_SUPER_ONLY))
		r = check_arrays(c);
	return r == 0 ? repair(c) : r;
}

static void done(struct check *check)
{
	struct cache_check *c = (void *)check;

	check_maps_done(&c->map, 1);
	check_arrays_done(&c->arrays);
}

static const struct check_format format = {
	CHECK_FORMAT_STRUCTS(struct cache_check, struct bp_cache_check_opts,
			     struct bp_cache_check_result),
	.places = place_words,
	.how = how,
	.may_write = may_write,
	.steps = steps,
	.done = done,
};

int cache_check_io(struct bp_ctx *ctx, struct io *io, enum check_mode mode,
		   const struct bp_cache_check_opts *opts, struct bp_cache_check_result *ret)
{
	return check_io(&format, ctx, io, mode, opts, ret);
}

int bp_cache_check(struct bp_ctx *ctx, const char *path, const struct bp_cache_check_opts *opts,
		   struct bp_cache_check_result *ret)
{
	return check_path(&format, ctx, path, CHECK_ONLY, opts, ret);
}

int bp_cache_auto_repair(struct bp_ctx *ctx, const char *path,
			 const struct bp_cache_check_opts *opts,
			 struct bp_cache_check_result *ret)
{
	return check_path(&format, ctx, path, CHECK_AUTO_REPAIR, opts, ret);
}

int bp_cache_clear_needs_check(struct bp_ctx *ctx, const char *path,
			       const struct bp_cache_check_opts *opts,
			       struct bp_cache_check_result *ret)
{
	return check_path(&format, ctx, path, CHECK_CLEAR, opts, ret);
}
