/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The first part of a check: the superblock and the metadata snapshot's. What is found here decides
 * which trees are walked at all; trees and space maps are not looked at.
 */
#include "formats/thin/check.h"

#include <inttypes.h>

/* A mapping has 24 bits for it; kernels count on and spoil the data block's number. */
static void check_clock(struct thin_check *c, const struct thin_sb *sb,
			enum bp_damage_place place)
{
	struct bp_damage damage =
		DAMAGE(.kind = BP_DAMAGE_TIME_LIMIT, .harm = BP_HARM_FATAL, .place = place,
		       .block = sb->block, .expected = THIN_TIME_MAX, .actual = sb->pub.time);

	if (sb->pub.time > THIN_TIME_MAX) {
		check_report(&c->check, damage,
			     "%s: time is %u, above %u: mappings have no bits for it, and lead "
			     "to other data blocks",
			     check_place_words(&c->check, place), sb->pub.time, THIN_TIME_MAX);
	} else if (sb->pub.time >= THIN_TIME_NEAR) {
		damage.harm = BP_HARM_REMARK;
		check_report(&c->check, damage,
			     "%s: time is %u; each snapshot adds one, and above %u mappings "
			     "are spoilt: dump and restore with lower times",
			     check_place_words(&c->check, place), sb->pub.time, THIN_TIME_MAX);
	}
}

bool thin_check_may_raise(const struct thin_check *c, uint64_t time)
{
	return time <= MAX(c->live.pub.time, THIN_TIME_NEAR) && time <= THIN_TIME_MAX;
}

/* What holds for the live superblock and for the metadata snapshot's. */
static void check_fields(struct thin_check *c, const struct thin_sb *sb,
			 enum bp_damage_place place)
{
	const struct bp_thin_superblock *pub = &sb->pub;
	if (sb->magic != THIN_MAGIC)
		check_field(&c->check, place, sb->block, BP_HARM_FATAL, "magic", THIN_MAGIC,
			    sb->magic);
	if (sb->blocknr != sb->block)
		check_field(&c->check, place, sb->block, BP_HARM_FATAL, "its own block number",
			    sb->block, sb->blocknr);
	if (pub->incompat_flags)
		check_field(&c->check, place, sb->block, BP_HARM_FATAL, "incompat_flags", 0,
			    pub->incompat_flags);
	if (pub->compat_ro_flags)
		check_field(&c->check, place, sb->block, BP_HARM_FATAL, "compat_ro_flags", 0,
			    pub->compat_ro_flags);
	if (pub->version < 1 || pub->version > THIN_VERSION)
		check_field(&c->check, place, sb->block, BP_HARM_REMARK, "version",
			    THIN_VERSION, pub->version);
	if (sb->metadata_block_sectors != THIN_METADATA_BLOCK_SECTORS)
		check_field(&c->check, place, sb->block, BP_HARM_REMARK, "metadata_block_size",
			    THIN_METADATA_BLOCK_SECTORS, sb->metadata_block_sectors);
	check_clock(c, sb, place);
	if (!thin_block_sectors_valid(pub->data_block_sectors))
		check_field(&c->check, place, sb->block, BP_HARM_FATAL,
			    "data_block_size (sectors)", BP_NONE, pub->data_block_sectors);
}

static void set_result(struct thin_check *c)
{
	const struct sm_root *sm = &c->live.metadata_sm;

	c->res.superblock_ok = true;
	c->res.superblock = c->live.pub;
	if (sm->nr_blocks > sm->nr_allocated)
		c->res.nr_metadata_free = sm->nr_blocks - sm->nr_allocated;
}

/* The metadata snapshot's superblock. @ret: can its trees be walked? */
static int read_snap(struct thin_check *c, void *buf, bool *ret)
{
	bp_mblock block = c->live.pub.metadata_snap;
	struct bp_damage damage = DAMAGE(.harm = BP_HARM_FATAL,
					 .place = BP_PLACE_METADATA_SNAPSHOT, .block = block);
	int r;

	*ret = false;
	if (block >= c->check.meta.nr_blocks) {
		damage.kind = BP_DAMAGE_POINTER;
		check_report(&c->check, damage,
			     "metadata snap: block %" PRIu64 " is past the end of the metadata",
			     block);
		return 0;
	}
	r = io_read(c->check.meta.io, block, 1, buf);
	if (r < 0) {
		damage.kind = BP_DAMAGE_IO;
		check_report(&c->check, damage,
			     "metadata snap: block %" PRIu64 " cannot be read: %s", block,
			     strerrordesc_np(-r));
		return r == -ENOMEM ? r : 0;
	}
	*ret = block_kind_of(buf) == BLOCK_THIN_SUPERBLOCK;
	if (*ret)
		return 0;
	damage.kind =
		block_kind_of(buf) == BLOCK_UNKNOWN ? BP_DAMAGE_CHECKSUM : BP_DAMAGE_WRONG_KIND;
	check_report(&c->check, damage,
		     "metadata snap: bad checksum in superblock (block %" PRIu64 ")", block);
	return 0;
}

/* The snapshot's copy has no space maps of its own; what never changes in a pool is as there.
 */
static void check_copy(struct thin_check *c)
{
	static const struct sm_root zero;
	const struct thin_sb *snap = &c->snap;

	if (memcmp(&snap->data_sm, &zero, sizeof(zero)) != 0 ||
	    memcmp(&snap->metadata_sm, &zero, sizeof(zero)) != 0)
		check_report(&c->check,
			     DAMAGE(.kind = BP_DAMAGE_SUPERBLOCK, .harm = BP_HARM_REMARK,
				    .place = BP_PLACE_METADATA_SNAPSHOT, .block = snap->block),
			     "metadata snap: the roots of space maps are not zero");
	if (snap->pub.data_block_sectors != c->live.pub.data_block_sectors)
		check_field(&c->check, BP_PLACE_METADATA_SNAPSHOT, snap->block, BP_HARM_REMARK,
			    "data_block_size (sectors)", c->live.pub.data_block_sectors,
			    snap->pub.data_block_sectors);
}

/*
 * A snapshot that can't be used leaves the counts incomplete: what it holds would look
 * leaked.
 */
static int check_snap(struct thin_check *c, void *buf, bool alone)
{
	bool usable;
	int r = read_snap(c, buf, &usable);

	if (r < 0)
		return r;
	if (!usable) {
		c->check.incomplete = true;
		return 0;
	}
	thin_sb_decode(buf, c->live.pub.metadata_snap, &c->snap);
	check_fields(c, &c->snap, BP_PLACE_METADATA_SNAPSHOT);
	check_copy(c);
	c->has_snap = !alone;
	return 0;
}

/* @ret_go_on: something can be walked. */
int thin_check_superblocks(struct thin_check *c, bool *ret_go_on)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	bool alone = c->opts.flags & BP_THIN_CHECK_SNAP;
	/* What the live devices don't need. */
	uint32_t less = BP_THIN_CHECK_SUPER_ONLY | BP_THIN_CHECK_SKIP_MAPPINGS;
	int r = buf ? meta_read(&c->check.meta, 0, buf) : -ENOMEM;

	*ret_go_on = false;
	if (r < 0)
		return r;
	if (!check_superblock(&c->check, buf, BLOCK_THIN_SUPERBLOCK))
		return 0;
	thin_sb_decode(buf, 0, &c->live);
	c->sb = c->live;
	set_result(c);
	check_fields(c, &c->live, BP_PLACE_SUPERBLOCK);
	check_map_size(&c->check, BP_PLACE_METADATA_SPACE_MAP, c->live.metadata_sm.nr_blocks,
		       !(c->opts.flags & BP_THIN_CHECK_SUPER_ONLY));
	c->check.meta.nr_blocks = thin_usable_blocks(c->check.meta.io, &c->live);
	if (c->live.pub.incompat_flags)
		return 0; /* who knows what they mean for the rest */

	if (alone && !c->live.pub.metadata_snap)
		return bp_fail(c->check.meta.ctx, -EINVAL, "no current metadata snap");
	if (c->live.pub.metadata_snap && (alone || !(c->opts.flags & less))) {
		r = check_snap(c, buf, alone);
		if (alone && c->check.incomplete)
			c->res.superblock_ok = false; /* the one that was asked for */
		if (r < 0 || (alone && c->check.incomplete))
			return r;
		if (alone)
			c->sb = c->snap;
	}
	*ret_go_on = true;
	return 0;
}
