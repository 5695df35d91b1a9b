/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checking an era's metadata: superblock, writesets and array, those of the metadata snapshot, and
 * the space map against what all of these use. On the frame of formats/check.
 */
#include "formats/era/check.h"

#include "formats/check/arrays.h"
#include "formats/check/run.h"
#include "formats/era/salvage.h"

#include <inttypes.h>

static const char *const place_words[] = {
	[BP_PLACE_SUPERBLOCK] = "superblock",
	[BP_PLACE_METADATA_SPACE_MAP] = "metadata space map",
	[BP_PLACE_METADATA_SNAPSHOT] = "metadata snap",
	[BP_PLACE_WRITESETS] = "writeset tree",
	[BP_PLACE_CURRENT_WRITESET] = "current writeset",
	[BP_PLACE_ERA_ARRAY] = "era array",
};

struct era_check {
	struct check check;
	struct bp_era_check_opts opts;
	struct bp_era_check_result res;
	struct bp_era_meta live, snap; /* what readers want: meta is the check's */
	struct check_arrays arrays;
	struct check_map map;
};

/* --- superblocks --- */

/* The same for block 0 and for the copy that a metadata snapshot has. */
static void check_fields(struct era_check *c, const struct era_sb *sb,
			 enum bp_damage_place place)
{
	const struct bp_era_superblock *pub = &sb->pub;
	struct check *f = &c->check;

	if (sb->magic != ERA_MAGIC)
		check_field(f, place, sb->block, BP_HARM_FATAL, "magic", ERA_MAGIC, sb->magic);
	if (sb->blocknr != sb->block)
		check_field(f, place, sb->block, BP_HARM_FATAL, "its own block number",
			    sb->block, sb->blocknr);
	if (pub->version != ERA_VERSION)
		check_field(f, place, sb->block, BP_HARM_FATAL, "version", ERA_VERSION,
			    pub->version);
	if (sb->metadata_block_sectors != ERA_METADATA_BLOCK_SECTORS)
		check_field(f, place, sb->block, BP_HARM_FATAL, "metadata_block_size",
			    ERA_METADATA_BLOCK_SECTORS, sb->metadata_block_sectors);
	if (!era_block_sectors_valid(pub->data_block_sectors))
		check_field(f, place, sb->block, BP_HARM_FATAL, "data_block_size (sectors)",
			    BP_NONE, pub->data_block_sectors);
	if (pub->nr_blocks > ERA_BLOCKS_MAX)
		check_field(f, place, sb->block, BP_HARM_FATAL, "nr_blocks", BP_NONE,
			    pub->nr_blocks);
	if (pub->flags > 1)
		check_field(f, place, sb->block, BP_HARM_REMARK, "flags", 0, pub->flags);
}

/* Another version's structures are not known: it ends here. */
static int check_block_0(struct era_check *c, bool *ret_go_on)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	struct era_sb *sb = &c->live.sb;
	int r = buf ? meta_read(&c->check.meta, 0, buf) : -ENOMEM;

	*ret_go_on = false;
	if (r < 0 || !check_superblock(&c->check, buf, BLOCK_ERA_SUPERBLOCK))
		return r;
	era_sb_decode(buf, 0, sb);
	c->res.superblock_ok = true;
	c->res.superblock = sb->pub;
	if (sb->metadata_sm.nr_blocks > sb->metadata_sm.nr_allocated)
		c->res.nr_metadata_free =
			sb->metadata_sm.nr_blocks - sb->metadata_sm.nr_allocated;
	check_fields(c, sb, BP_PLACE_SUPERBLOCK);
	check_map_size(&c->check, BP_PLACE_METADATA_SPACE_MAP, sb->metadata_sm.nr_blocks,
		       !(c->opts.flags & BP_ERA_CHECK_SUPER_ONLY));
	c->check.meta.nr_blocks = era_usable_blocks(c->check.meta.io, sb);
	c->live.meta = c->check.meta;
	c->live.last_era = era_last_archived(sb, false);
	*ret_go_on = sb->pub.version == ERA_VERSION;
	return 0;
}

/* The copy's block, if there is one. @ret: its trees can be walked. */
static int read_copy(struct era_check *c, void *buf, bool *ret)
{
	bp_mblock block = c->live.sb.pub.metadata_snap;
	struct bp_damage damage = DAMAGE(.kind = BP_DAMAGE_POINTER, .harm = BP_HARM_FATAL,
					 .place = BP_PLACE_METADATA_SNAPSHOT, .block = block);
	int r;

	*ret = false;
	if (block >= c->check.meta.nr_blocks) {
		check_report(&c->check, damage,
			     "metadata snap: block %" PRIu64 " is past the end of the metadata",
			     block);
		return 0;
	}
	check_claim(&c->check, block, BP_PLACE_METADATA_SNAPSHOT);
	r = check_count(&c->check, block);
	if (r == 0)
		r = io_read(c->check.meta.io, block, 1, buf);
	if (r == -ENOMEM)
		return r;
	*ret = r == 0 && block_kind_of(buf) == BLOCK_ERA_SUPERBLOCK;
	damage.kind = r < 0 ? BP_DAMAGE_IO : BP_DAMAGE_CHECKSUM;
	if (!*ret)
		check_report(&c->check, damage,
			     r < 0 ? "metadata snap: block %" PRIu64 " cannot be read"
				   : "metadata snap: bad checksum in superblock (block %" PRIu64
				     ")",
			     block);
	return 0;
}

/* --- writesets and arrays --- */

static int count_writeset(void *user, uint64_t era, uint32_t nr_bits)
{
	struct era_check *c = user;

	(void)era;
	(void)nr_bits;
	c->res.nr_writesets += !c->arrays.again;
	return 0;
}

/* Bits behind the end are dropped by readers; elements are judged by the salvage. */
static int check_meta(struct era_check *c, struct bp_era_meta *meta)
{
	const struct loss_ears ears = check_ears(&c->arrays);
	const struct era_taker taker = { .writeset = count_writeset, .user = c };
	int r = check_count_root(&c->check, meta->sb.pub.writeset_root);

	if (r == 0)
		r = check_count_root(&c->check, meta->sb.pub.era_root);
	if (r == 0)
		r = check_count_root(&c->check, meta->sb.pub.current_root);
	c->check.stage = c->arrays.again ? "metadata snap" : "writesets";
	if (r == 0)
		r = era_salvage_writesets(meta, ERA_SALVAGE_JUDGE, &ears, &taker);
	if (!c->arrays.again)
		c->check.stage = "era array";
	return r == 0 ? era_salvage_array(meta, ERA_SALVAGE_JUDGE, &ears, &taker) : r;
}

/* Its superblock is a copy in another block; a current writeset it has not. */
static int check_snap(struct era_check *c)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	bool usable = false;
	int r = buf ? 0 : -ENOMEM;

	if (r < 0 || !c->live.sb.pub.metadata_snap)
		return r;
	r = read_copy(c, buf, &usable);
	if (r < 0)
		return r;
	if (!usable) {
		c->check.incomplete = true;
		return 0;
	}
	era_sb_decode(buf, c->live.sb.pub.metadata_snap, &c->snap.sb);
	check_fields(c, &c->snap.sb, BP_PLACE_METADATA_SNAPSHOT);
	c->snap.meta = c->check.meta;
	c->snap.sb.pub.current_root = 0;
	c->snap.last_era = era_last_archived(&c->snap.sb, true);
	c->arrays.again = true;
	return check_meta(c, &c->snap);
}

/* --- the whole --- */

static void fill(void *user, void *superblock)
{
	const struct era_check *c = user;
	struct era_superblock_disk *disk = superblock;

	check_put_map_root(disk->metadata_space_map_root, &c->map);
}

/* Leaks and totals; era has no needs_check flag. */
static int repair(struct era_check *c)
{
	const struct check_mend mend = {
		.superblock = BLOCK_ERA_SUPERBLOCK,
		.fill = fill,
		.user = c,
	};
	bool written;
	int r = check_repair(&c->check, &c->map, 1, &mend, &written);

	if (r < 0 || !written)
		return r;
	c->res.repaired_metadata_leaks = c->res.nr_metadata_leaked;
	c->res.repaired_accounting = check_mended_accounting(&c->map);
	if (c->map.mended)
		c->res.nr_metadata_free =
			c->map.root.nr_blocks - c->map.mended_root.nr_allocated;
	return 0;
}

static struct check_how how(const struct check *check)
{
	const struct era_check *c = (const void *)check;

	return CHECK_HOW(&c->opts, BP_ERA_CHECK_STRICT);
}

static bool may_write(const struct check *check)
{
	const struct era_check *c = (const void *)check;

	return !(c->opts.flags & BP_ERA_CHECK_SUPER_ONLY);
}

/* Snapshot after the live trees, as it shares most of them. */
static int steps(struct check *check)
{
	struct era_check *c = (void *)check;
	bool go_on;
	int r = check_block_0(c, &go_on);

	if (r < 0 || !go_on || (c->opts.flags & BP_ERA_CHECK_SUPER_ONLY))
		return r;
	r = check_blocks(&c->check);
	if (r == 0)
		r = check_arrays_init(&c->arrays, &c->check);
	if (r < 0)
		return r;
	c->arrays.root_offset = offsetof(struct era_writeset_disk, root);
	r = check_meta(c, &c->live);
	if (r == 0)
		r = check_snap(c);
	c->check.stage = "space map";
	if (r == 0)
		r = check_metadata_map(&c->check, &c->live.sb.metadata_sm, &c->map);
	c->res.nr_metadata_leaked = c->map.report.nr_leaked;
	c->res.nr_metadata_wrong = c->map.report.nr_wrong;
	return r == 0 ? repair(c) : r;
}

static void done(struct check *check)
{
	struct era_check *c = (void *)check;

	check_maps_done(&c->map, 1);
	check_arrays_done(&c->arrays);
}

static const struct check_format format = {
	CHECK_FORMAT_STRUCTS(struct era_check, struct bp_era_check_opts,
			     struct bp_era_check_result),
	.places = place_words,
	.how = how,
	.may_write = may_write,
	.steps = steps,
	.done = done,
};

int era_check_io(struct bp_ctx *ctx, struct io *io, enum check_mode mode,
		 const struct bp_era_check_opts *opts, struct bp_era_check_result *ret)
{
	return check_io(&format, ctx, io, mode, opts, ret);
}

int bp_era_check(struct bp_ctx *ctx, const char *path, const struct bp_era_check_opts *opts,
		 struct bp_era_check_result *ret)
{
	return check_path(&format, ctx, path, CHECK_ONLY, opts, ret);
}

int bp_era_auto_repair(struct bp_ctx *ctx, const char *path,
		       const struct bp_era_check_opts *opts, struct bp_era_check_result *ret)
{
	return check_path(&format, ctx, path, CHECK_AUTO_REPAIR, opts, ret);
}
