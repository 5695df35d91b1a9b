/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is wrong with a pool: a check's findings, LVM's side of it, and the rest of what is known by
 * name. Each trouble is a row of a table: a test, and words. Promises to read only, and to say that
 * something is harmless only where nothing else was found.
 */
#include "core/strbuf.h"
#include "io/map.h"
#include "io/probe.h"
#include "rescue/rescue.h"

#include <inttypes.h>
#include <stdio.h>

/*
 * Free metadata blocks that may not be enough for a transaction. A superblock tells of the last commit, and what
 * a transaction shadows is free after it only: a kernel ran out with 42 of 768 free by that. From 4 MiB on it
 * is the kernel's own mark at which it warns.
 */
#define FEW_BLOCKS    UINT64_C(64)
#define ENOUGH_BLOCKS UINT64_C(1024)

static const char *const names[] = {
	[BP_TROUBLE_OVERWRITTEN] = "overwritten",
	[BP_TROUBLE_SUPERBLOCK] = "superblock",
	[BP_TROUBLE_NODES] = "nodes",
	[BP_TROUBLE_SPACE_MAPS] = "space-maps",
	[BP_TROUBLE_LEAKS] = "leaks",
	[BP_TROUBLE_TIMES] = "times",
	[BP_TROUBLE_NEEDS_CHECK] = "needs-check",
	[BP_TROUBLE_BEHIND] = "transaction-behind",
	[BP_TROUBLE_AHEAD] = "transaction-ahead",
	[BP_TROUBLE_METADATA_FULL] = "metadata-full",
	[BP_TROUBLE_DATA_FULL] = "data-full",
	[BP_TROUBLE_TWO_HOSTS] = "two-hosts",
	[BP_TROUBLE_DATA_SMALLER] = "data-smaller",
	[BP_TROUBLE_VOLUMES] = "volumes",
	[BP_TROUBLE_MISSING_DISK] = "missing-disk",
	[BP_TROUBLE_ACTIVE] = "active",
	[BP_TROUBLE_NOTHING_LEFT] = "nothing-left",
	[BP_TROUBLE_BLOCK_SIZE] = "block-size",
	[BP_TROUBLE_FORMATTED] = "formatted",
	[BP_TROUBLE_MIRROR] = "mirror",
	[BP_TROUBLE_OTHER_POOL] = "other-pool",
};

const char *bp_trouble_name(enum bp_trouble trouble)
{
	return (unsigned)trouble < ARRAY_SIZE(names) && names[trouble] ? names[trouble]
								       : "unknown";
}

/* --- looking --- */

static bool all_zero(const uint8_t *block)
{
	return !block[0] && memcmp(block, block + 1, IO_BLOCK - 1) == 0;
}

static void look_at_signature(struct bp_rescue *r)
{
	const struct bp_source *source = r->source;
	struct probe_signature sig = { 0 };

	/* Of a volume that lies in pieces nobody asks libblkid. */
	if (source->image && !source->lv && !source->scan &&
	    probe_signature(source->image->fd, 0, source->image->size, &sig) == 0)
		snprintf(r->found.over, sizeof(r->found.over), "%s", sig.type);
}

/* What lies at the beginning, if that is no superblock. */
static int look_at_beginning(struct bp_rescue *r)
{
	_cleanup_(freep) uint8_t *buf = io_buffer_new(1);

	if (!buf)
		return -ENOMEM;
	for (bp_mblock b = 0; b < r->io->nr_blocks; b++) {
		bool read = io_read(r->io, b, 1, buf) == 0;

		if (b == 0) {
			r->found.sound =
				read && block_check(buf, BLOCK_THIN_SUPERBLOCK, 0) == BLOCK_OK;
			r->found.zeros = read && all_zero(buf);
			if (read)
				thin_sb_decode(buf, 0, &r->found.sb);
			r->found.unread = !read;
			if (r->found.sound || !read)
				return 0;
		} else if (read && block_kind_of(buf) != BLOCK_UNKNOWN) {
			break;
		}
		r->found.nr_foreign++;
	}
	look_at_signature(r);
	return 0;
}

static bool of_maps(const struct bp_damage *d)
{
	return d->place == BP_PLACE_DATA_SPACE_MAP || d->place == BP_PLACE_METADATA_SPACE_MAP;
}

static int add_uncounted(struct rescue_found *found, const struct bp_damage *d)
{
	const struct rescue_range range = { d->begin, d->end };

	return vec_add(&found->uncounted, &range);
}

/*
 * Sorted by what a rebuild can do about it, not by where it lies. Leaks are counted by the
 * check itself.
 */
static void on_damage(void *user, const struct bp_damage *d)
{
	struct rescue_found *found = user;

	if (d->harm == BP_HARM_REMARK || d->kind == BP_DAMAGE_INCOMPLETE)
		return;
	if (d->kind == BP_DAMAGE_CROSS_LINK)
		found->nr_crossed++;
	if (d->kind == BP_DAMAGE_WRONG_KIND && !d->in_snapshot)
		found->nr_strange++;
	if (d->kind == BP_DAMAGE_LEAK)
		return; /* the result counts them */
	if (d->kind == BP_DAMAGE_SNAPSHOTTED_TIME || d->kind == BP_DAMAGE_MAPPING_TIME)
		found->nr_times++;
	else if (of_maps(d))
		found->nr_maps++;
	else if (d->place == BP_PLACE_MAPPINGS || d->place == BP_PLACE_MAPPING_TOP_LEVEL ||
		 d->place == BP_PLACE_DEVICE_DETAILS)
		found->nr_nodes++;
	else
		found->nr_other++;
	found->nr_counts += of_maps(d) && d->kind == BP_DAMAGE_COUNT;
	if (d->place == BP_PLACE_DATA_SPACE_MAP && d->kind == BP_DAMAGE_COUNT &&
	    d->actual < d->expected)
		found->no_memory |= add_uncounted(found, d) < 0;
}

/*
 * In the order of what depends on what: without a superblock there is no check, and what
 * the check refuses is what is wrong.
 */
int rescue_look(struct bp_rescue *r)
{
	const struct bp_thin_check_opts opts = {
		.size = sizeof(opts),
		/* Counts are of the live state, the rest of the snapshot. */
		.flags = r->source->snap ? BP_THIN_CHECK_SNAP : 0,
		.damage = on_damage,
		.user = &r->found,
	};
	struct error_state *saved;
	int status = map_io_compare(r->io);

	if (status == 0)
		status = look_at_beginning(r);
	if (status < 0 || !r->found.sound)
		return status;
	r->found.check.size = sizeof(r->found.check);
	saved = error_save(r->source->ctx);
	status = thin_check_io(r->source->ctx, r->io, CHECK_ONLY, &opts, &r->found.check);
	error_restore(r->source->ctx, saved);
	/* What a check refuses to look at is what is wrong. */
	if (status < 0 && status != -ENOMEM)
		r->found.nr_other++;
	r->found.nr_differ = map_io_differing(r->io);
	return status == -ENOMEM || r->found.no_memory ? -ENOMEM : 0;
}

/* --- telling --- */

/* The texts live as long as the report. NULL without memory: add() takes that for -ENOMEM. */
const char *rescue_words(struct bp_rescue *r, const char *fmt, ...)
{
	_cleanup_(strbuf_done) struct strbuf s = { 0 };
	va_list args;

	va_start(args, fmt);
	strbuf_addv(&s, fmt, args);
	va_end(args);
	return s.error ? NULL : arena_strdup(&r->words, strbuf_text(&s));
}

/* Words belong to the rescue; without memory for them there is none. */
static int add(struct bp_rescue *r, enum bp_trouble kind, const char *what, const char *advice)
{
	const struct bp_rescue_trouble trouble = { sizeof(trouble), kind, what, advice };

	return what ? vec_add(&r->troubles, &trouble) : -ENOMEM;
}

/*
 * What lies there decides what is said: zeros are the one case in which activating the pool
 * destroys it.
 */
static int tell_beginning(struct bp_rescue *r)
{
	const struct rescue_found *f = &r->found;
	bool over = f->over[0] || f->nr_foreign > 1;

	if (f->sound)
		return 0;
	if (f->unread)
		return add(
			r, BP_TROUBLE_SUPERBLOCK,
			"the superblock can't be read: it lies on a disk that is missing or "
			"fails, or behind the end of an image",
			"find the disk, or copy what can be read of it, before anything else");
	if (!r->rebuild && !f->over[0] && f->nr_foreign >= r->io->nr_blocks)
		return add(r, BP_TROUBLE_OVERWRITTEN,
			   f->zeros ? "nothing in it looks like a pool's metadata; it begins "
				      "with zeros"
				    : "nothing in it looks like a pool's metadata",
			   "is it the right file? The data of a pool, or the disk of a guest, "
			   "is none");
	if (over)
		return add(r, BP_TROUBLE_OVERWRITTEN,
			   f->nr_foreign == 1
				   ? rescue_words(r,
						  "the first block of the metadata is "
						  "overwritten by %s",
						  f->over)
				   : rescue_words(r,
						  "the beginning of the metadata is "
						  "overwritten%s%s: the first %" PRIu64
						  " blocks are no metadata",
						  f->over[0] ? " by " : "", f->over,
						  f->nr_foreign),
			   "find out what wrote there before the pool is used again");
	return add(
		r, BP_TROUBLE_SUPERBLOCK,
		rescue_words(r, "the superblock is gone: %s",
			     r->whose && r->whose->kind == WHOSE_SUPERBLOCK
				     ? "block 0 is that of another pool"
			     : f->zeros ? "block 0 is all zeros"
			     : f->sb.magic == THIN_MAGIC
				     ? "block 0 looks like one, and its checksum is wrong"
				     : "block 0 is something else"),
		f->zeros ? "do not activate the pool: a kernel takes zeros for a new pool and "
			   "formats it. What it pointed to is mostly there: rebuild"
			 : "what it points to is mostly there: rebuild");
}

/* Sound metadata, and of another pool: first of all, as nothing else that is said would be of this one. */
static int tell_other(struct bp_rescue *r)
{
	const struct whose *w = r->whose;
	const char *vg = r->source->group ? r->source->group->vg->name : "";

	if (!w || w->kind != WHOSE_OTHER)
		return 0;
	return add(
		r, BP_TROUBLE_OTHER_POOL,
		w->other ? rescue_words(r, "in the place of its metadata lies that of %s/%s",
					vg, w->other->name)
			 : "what lies in the place of its metadata is of another pool: LVM has "
			   "another block size",
		w->lies_in ? rescue_words(r,
					  "its own lies in %s%s/%s, and this page is of it: "
					  "make new metadata of both before any is swapped in",
					  whose_place(w), vg, w->lies_in->name)
			   : "do not activate it: find its own metadata (pool_meta0, "
			     "lvol0_pmspare, a backup)");
}

/* Lost nodes are lost mappings: said before counts, which follow from them. */
static int tell_nodes(struct bp_rescue *r)
{
	const struct rescue_found *f = &r->found;

	if (!f->nr_nodes && !f->nr_other)
		return 0;
	return add(r, BP_TROUBLE_NODES,
		   rescue_words(r,
				"nodes of trees of mappings or devices are lost or wrong: "
				"%" PRIu64 " findings, 'thin_check' lists them",
				f->nr_nodes + f->nr_other),
		   "do not activate the pool: rebuild, or export what is whole");
}

/*
 * Only where all else is sound: otherwise wrong counts follow from lost nodes, and are no
 * news.
 */
static int tell_maps(struct bp_rescue *r)
{
	const struct rescue_found *f = &r->found;
	uint64_t leaked = f->check.nr_data_leaked + f->check.nr_metadata_leaked;
	bool other = f->nr_nodes || f->nr_other || !f->sound;
	int status = 0;

	if (f->nr_maps && !other)
		return add(r, BP_TROUBLE_SPACE_MAPS,
			   "the space maps are wrong; all mappings are sound",
			   "no data is lost: a rebuild makes them anew. Do not activate it "
			   "before: "
			   "blocks in use would be given away");
	if (leaked && !other)
		status = add(
			r, BP_TROUBLE_LEAKS,
			rescue_words(r,
				     "%" PRIu64 " data blocks and %" PRIu64
				     " metadata blocks are leaked: counted, and nobody uses "
				     "them",
				     f->check.nr_data_leaked, f->check.nr_metadata_leaked),
			"harmless: wasted space that a rebuild gives back");
	return status;
}

/* Each block was read from the leg where it is sound; the kernel does not choose so. */
static int tell_mirror(struct bp_rescue *r)
{
	if (!r->found.nr_differ)
		return 0;
	return add(
		r, BP_TROUBLE_MIRROR,
		rescue_words(r,
			     "the metadata is mirrored, and its legs differ in %" PRIu64
			     " blocks that are in use; what is said here is of sound copies",
			     r->found.nr_differ),
		"a kernel reads from any leg, and may find the bad copy: a rebuild writes each "
		"block as the sound leg has it, or the newer one where both are sound. Find "
		"out which "
		"disk fails");
}

/*
 * A time that is too low is dangerous though the check is clean: the kernel would write in
 * place where it has to copy.
 */
static int tell_flags(struct bp_rescue *r)
{
	const struct rescue_found *f = &r->found;
	bool only = !f->nr_nodes && !f->nr_maps && !f->nr_other && !f->nr_times;
	int status = 0;

	if (f->nr_times)
		status = add(
			r, BP_TROUBLE_TIMES,
			"times of devices are below those of blocks they share: a write to one "
			"would change another",
			"a rebuild raises them");
	if (status == 0 && f->sound && (f->sb.pub.flags & BP_THIN_NEEDS_CHECK))
		status = add(
			r, BP_TROUBLE_NEEDS_CHECK,
			only ? "needs_check is set, and nothing is wrong: the kernel met a "
			       "failed write or ran out of metadata space"
			     : "needs_check is set",
			"find out why the write failed (disk, space) before the pool is used "
			"again; a rebuild clears the flag");
	return status;
}

/*
 * LVM's text and the pool's superblock are committed one after the other: one apart with a
 * message pending is the middle of that, not a fault.
 */
static int tell_transaction(struct bp_rescue *r)
{
	uint64_t expected, has = r->found.sb.pub.transaction_id;

	if (!r->found.sound ||
	    bp_source_expected_transaction(r->source, &expected, &r->found.pending) < 0 ||
	    has == expected || (r->found.pending && has + 1 == expected))
		return 0;
	if (has < expected)
		return add(
			r, BP_TROUBLE_BEHIND,
			rescue_words(r,
				     "the pool's transaction is %" PRIu64
				     ", LVM expects %" PRIu64
				     ": the metadata is older than LVM's text",
				     has, expected),
			"volumes made since are not in the pool; if a newer copy of the "
			"metadata "
			"exists (pool_meta0, lvol0_pmspare, a mirror leg), look at that first");
	return add(r, BP_TROUBLE_AHEAD,
		   rescue_words(r,
				"the pool's transaction is %" PRIu64 ", LVM expects %" PRIu64
				": LVM's text is older than the pool",
				has, expected),
		   "was an old text restored? A newer one (/etc/lvm/archive, --lvm-backup) is "
		   "better than a changed number");
}

/*
 * Two percent, or NEARLY_NONE blocks: below it the kernel may not be able to commit what
 * repairs it.
 */
static int tell_space(struct bp_rescue *r)
{
	const struct rescue_found *f = &r->found;
	uint64_t total = f->sb.metadata_sm.nr_blocks, free;
	int status = 0;

	if (!f->sound)
		return 0;
	free = total - MIN(total, f->sb.metadata_sm.nr_allocated);
	if (total && free < MAX(MIN(total / 16, ENOUGH_BLOCKS), FEW_BLOCKS))
		status =
			add(r, BP_TROUBLE_METADATA_FULL,
			    rescue_words(r,
					 "the metadata is full, or nearly: %" PRIu64
					 " of %" PRIu64 " blocks are free",
					 free, total),
			    "'lvextend --poolmetadatasize +SIZE vg/pool' where nothing else is "
			    "wrong; a rebuild into a larger place does the same");
	if (status == 0 && f->sb.data_sm.nr_blocks &&
	    f->sb.data_sm.nr_allocated >= f->sb.data_sm.nr_blocks)
		status = add(
			r, BP_TROUBLE_DATA_FULL,
			rescue_words(r, "the data is full: all %" PRIu64 " blocks are in use",
				     f->sb.data_sm.nr_blocks),
			"'lvextend -L +SIZE vg/pool' gives room; file systems on it may want "
			"their check. 'du' tells what deleting frees");
	return status;
}

/* Blocks that are used twice, or of two states, or two texts of LVM with one number. */
static int tell_hosts(struct bp_rescue *r)
{
	bool split = r->source->group && r->source->group->split;

	if (r->nr_clashes || r->found.nr_crossed)
		return add(
			r, BP_TROUBLE_TWO_HOSTS,
			rescue_words(r,
				     "%" PRIu64 " data blocks and %" PRIu64
				     " metadata blocks are used twice: the pool was active "
				     "on two hosts, or was put back in time",
				     r->nr_clashes, r->found.nr_crossed),
			"what was written last is in those blocks, in one of the volumes it is "
			"wrong: check file systems on copies, trust none");
	if (r->suspects.count)
		return add(r, BP_TROUBLE_TWO_HOSTS,
			   rescue_words(r,
					"%zu volumes have data blocks that are not counted for "
					"them: the pool was "
					"active on two hosts, or was put back in time",
					r->suspects.count),
			   "those blocks may be given to others, or are of another state: "
			   "check the "
			   "file systems of these volumes on copies");
	if (r->found.nr_strange || (r->rebuild && r->rebuild->crossed))
		return add(r, BP_TROUBLE_TWO_HOSTS,
			   "blocks of another state of the pool lie where some of this one's "
			   "were: it was "
			   "active on two hosts, or was put back in time",
			   "what no count proves is doubtful: check file systems on copies, "
			   "trust none");
	if (split)
		return add(r, BP_TROUBLE_TWO_HOSTS,
			   "LVM's metadata has two texts of one number: two hosts have written",
			   "keep one of the hosts away from these disks before anything else");
	return 0;
}

/* The data volume in LVM's text is shorter than the pool's: an old text, most often. */
static int tell_size(struct bp_rescue *r)
{
	const struct lvm_lv *data;
	bp_bytes wanted;

	if (r->source->kind != BP_SOURCE_POOL || !r->found.sound)
		return 0;
	data = lvm_lv_named_by(r->source->lv, "pool");
	if (!data ||
	    mul_overflow(r->found.sb.pub.nr_data_blocks,
			 bp_sector_to_bytes(r->found.sb.pub.data_block_sectors), &wanted) ||
	    wanted <= data->size)
		return 0;
	return add(r, BP_TROUBLE_DATA_SMALLER,
		   rescue_words(r,
				"the pool counts %" PRIu64
				" bytes of data, LVM's data volume has %" PRIu64,
				wanted, data->size),
		   "LVM's text is older than the pool: a newer one has the missing extents");
}

/* Images that end too early: copies that were interrupted. */
static int tell_cut(struct bp_rescue *r)
{
	const struct lvm_group *group = r->source->group;
	int status = 0;

	for (size_t i = 0; status == 0 && group && i < group->vg->nr_pvs; i++) {
		const struct lvm_pv *pv = &group->vg->pvs[i];
		bp_bytes lacks = lvm_pv_cut_bytes(group->vg, pv);
		char text[BP_SIZE_TEXT];

		if (!lacks)
			continue;
		bp_size_format(lacks, text);
		status =
			add(r, BP_TROUBLE_MISSING_DISK,
			    rescue_words(r, "%s is cut: it ends %s before the volumes on it do",
					 pv->found->image->path, text),
			    "copy the whole disk (ddrescue goes on where it was); this page "
			    "is of what is there");
	}
	return status;
}

/* A pool in use is told last: all that was said before may be of a moment in between. */
static int tell_group(struct bp_rescue *r)
{
	const struct lvm_group *group = r->source->group;
	int status = 0;

	if (group && group->nr_missing)
		status = add(r, BP_TROUBLE_MISSING_DISK,
			     rescue_words(r, "%zu of %zu disks of the group are not here",
					  group->nr_missing, group->vg->nr_pvs),
			     "volumes that lack data for that say so below: of them "
			     "'export --skip-bad' gives the rest");
	if (status == 0 && r->active)
		status = add(r, BP_TROUBLE_ACTIVE,
			     r->source->snap
				     ? "the pool is in use on this machine: this page is of "
				       "its metadata snapshot, without counts of blocks"
				     : "the pool is in use on this machine: what was read may "
				       "be half written, so this page may be wrong",
			     "deactivate it, or look at a copy; nothing is applied before");
	return status;
}

/* An empty pool over an older state with volumes: the kernel formats what begins with zeros. */
static int tell_formatted(struct bp_rescue *r)
{
	if (!rescue_is_empty(r) || !r->older)
		return 0;
	return add(
		r, BP_TROUBLE_FORMATTED,
		rescue_words(r,
			     "the pool is empty, and an older state has %" PRIu64
			     " volumes: it was formatted anew, or all were deleted",
			     r->older->nr_devices),
		"do not write to it: what is left of the older state lies in blocks that are "
		"free now");
}

/* Only where the pool's own list is known: otherwise all of LVM's would seem to be missing. */
static int tell_volumes(struct bp_rescue *r)
{
	uint64_t nr = 0;

	for (size_t i = 0; i < r->volumes.count; i++)
		nr += !r->volumes.items[i].verdict;
	if (!nr || !r->rebuild)
		return 0; /* what the pool has can't be told */
	return add(r, BP_TROUBLE_VOLUMES,
		   rescue_words(r, "LVM has %" PRIu64 " volumes that the pool has not", nr),
		   "'undelete' tells whether an older state has them");
}

/*
 * What is missing for a plan: the block size, which only LVM, a table or the superblock
 * know.
 */
static int tell_nothing(struct bp_rescue *r)
{
	if (r->assumed)
		return add(
			r, BP_TROUBLE_BLOCK_SIZE,
			"nobody knows the pool's data block size: sizes on this page are for "
			"64KiB",
			"LVM's text has it as chunk_size, a table line of the pool as its "
			"third "
			"argument: give it with --data-block-size");
	if (r->rebuild)
		return 0;
	return add(
		r, BP_TROUBLE_NOTHING_LEFT,
		rescue_words(r, "no pool can be made of it: %s", r->why),
		"look for another copy: pool_meta0, lvol0_pmspare, a backup of the metadata");
}

/* The order is that of the page: what must be known first stands first. */
int rescue_tell(struct bp_rescue *r)
{
	static int (*const all[])(struct bp_rescue * r) = {
		tell_other, tell_beginning,   tell_mirror,    tell_nodes,   tell_hosts,
		tell_maps,  tell_transaction, tell_formatted, tell_volumes, tell_flags,
		tell_space, tell_size,        tell_cut,       tell_group,   tell_nothing,
	};
	int status = 0;

	for (size_t i = 0; status == 0 && i < ARRAY_SIZE(all); i++)
		status = all[i](r);
	return status;
}
