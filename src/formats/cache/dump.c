/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Dumping: mappings, then hints, each read once and written as it comes. A dump that is not
 * whole is made to be no document, unless it is for repair.
 */
#include <bedplate/cache_dump.h>

#include "core/opts.h"
#include "core/strbuf.h"
#include "formats/cache/meta.h"
#include "formats/cache/origins.h"
#include "formats/cache/xml.h"
#include "formats/xml/write.h"

#include <inttypes.h>
#include <stdio.h>

struct dump {
	struct bp_cache_meta *meta;
	const struct bp_cache_dump_opts *opts;
	struct xml_writer w;
	struct cache_judged judged; /* for repair; else kept is what was written as mapped */
	bool repair, silent;
	uint64_t done, total; /* cache blocks */
	uint64_t nr_damages;
	uint64_t nr_values;     /* that no restore takes; the text has them */
	struct origins origins; /* what was written as mapped; not for repair */
};

static void put(struct dump *d, const char *text)
{
	xml_write_text(&d->w, text, strlen(text));
}

/* In the text too, as a comment: whoever restores it sees where something is missing. */
static int on_damage(void *user, const struct bp_damage *damage)
{
	struct dump *d = user;

	if (d->silent)
		return 0;
	d->nr_damages += damage->harm != BP_HARM_REMARK;
	if (d->opts->damage)
		d->opts->damage(d->opts->callback_user, damage);
	if (!d->repair) {
		put(d, "    <!-- ");
		put(d, damage->what);
		put(d, " -->\n");
	}
	return 0;
}

/* A dump that is all well can be restored: here is what could not. */
static void _printf_(3, 4)
	tell_value(struct dump *d, struct bp_damage damage, const char *fmt, ...)
{
	va_list args;

	d->nr_values++;
	va_start(args, fmt);
	damage_tellv(d->opts->damage, d->opts->callback_user, damage, fmt, args);
	va_end(args);
}

/* By elements of both passes. */
static int progress(struct dump *d, uint64_t blocks)
{
	const struct bp_cache_dump_opts *opts = d->opts;

	d->done += blocks;
	if (d->w.error)
		return d->w.error;
	if (opts->progress && opts->progress(opts->callback_user, d->done, d->total))
		return bp_fail(d->meta->meta.ctx, -ECANCELED, "canceled");
	return 0;
}

static int on_lost(void *user, uint64_t begin, uint64_t end)
{
	return progress(user, end - begin);
}

/* Kernels would have two copies of one block, and a restore refuses to make that. */
static int look_twice(struct dump *d, const struct cache_xml_mapping *m)
{
	bool twice = false;

	if (d->repair)
		return 0;
	if (origins_add(&d->origins, m->origin_block, &twice) < 0)
		return bp_fail_memory(d->meta->meta.ctx);
	if (twice)
		tell_value(d,
			   DAMAGE(.kind = BP_DAMAGE_ORIGIN_TWICE, .harm = BP_HARM_FATAL,
				  .place = BP_PLACE_MAPPINGS, .begin = m->cache_block,
				  .end = m->cache_block + 1, .actual = m->origin_block),
			   "mapping array: cache block %" PRIu64 ": origin block %" PRIu64
			   " is mapped by an earlier one already",
			   m->cache_block, m->origin_block);
	return 0;
}

/*
 * In repair mode what was judged to be wrong is left out, and what is unknown is dirty:
 * clean would lose data.
 */
static int on_mappings(void *user, uint64_t begin, uint64_t end, const void *values)
{
	struct dump *d = user;
	struct cache_judged *j = &d->judged;
	bool old = d->meta->sb.pub.version < 2;
	int r = 0;

	for (uint64_t i = begin; r == 0 && i < end; i++) {
		uint64_t value = le64_get(((const le64 *)values)[i - begin]);
		uint32_t flags = cache_mapping_flags(value);
		struct cache_xml_mapping m = {
			.cache_block = i,
			.origin_block = cache_mapping_origin(value),
			.dirty = bits_test(&j->dirty, i),
		};

		if (!(flags & CACHE_MAPPING_VALID))
			continue;
		if (d->repair && !bits_test(&j->kept, i))
			continue;
		bits_set(&j->kept, i);
		if (old)
			m.dirty = flags & CACHE_MAPPING_DIRTY;
		if (d->repair)
			m.dirty |= bits_test(&j->unknown, i);
		r = look_twice(d, &m);
		xml_write_element(&d->w, 2, &cache_xml_elements[CACHE_XML_MAPPING], &m);
	}
	return r == 0 ? progress(d, end - begin) : r;
}

/* Only of blocks whose mapping is in the text. */
static int on_hints(void *user, uint64_t begin, uint64_t end, const void *values)
{
	struct dump *d = user;
	const uint8_t *hint = values;

	for (uint64_t i = begin; i < end; i++, hint += CACHE_HINT_BYTES) {
		struct cache_xml_hint h = { .cache_block = i };

		if (!bits_test(&d->judged.kept, i))
			continue;
		memcpy(h.data, hint, CACHE_HINT_BYTES);
		xml_write_element(&d->w, 2, &cache_xml_elements[CACHE_XML_HINT], &h);
	}
	return progress(d, end - begin);
}

/* One of the two parts: a group, and its lines. */
static int put_array(struct dump *d, enum cache_array_id id, enum cache_xml group,
		     int (*part)(void *, uint64_t, uint64_t, const void *))
{
	const struct loss_ears ears = { .report = on_damage, .user = d };
	const struct array_reader reader = {
		.part = part,
		.lost = on_lost,
		.user = d,
		.ears = &ears,
	};
	int r;

	xml_write_element(&d->w, 1, &cache_xml_elements[group], NULL);
	r = cache_array_read(d->meta, id, &reader);
	xml_write_close(&d->w, 1, &cache_xml_elements[group], true);
	return r;
}

/* Only the block size can't be done without. */
static void check_values(struct dump *d)
{
	const struct bp_cache_superblock *sb = &d->meta->sb.pub;
	struct bp_damage damage = DAMAGE(.kind = BP_DAMAGE_SUPERBLOCK, .harm = BP_HARM_FATAL,
					 .place = BP_PLACE_SUPERBLOCK, .block = 0,
					 .actual = sb->data_block_sectors);

	if (!cache_block_sectors_valid(sb->data_block_sectors))
		tell_value(d, damage, "superblock: data_block_size cannot be %" PRIu32,
			   sb->data_block_sectors);
	damage.actual = sb->hint_bytes;
	if (!d->repair && !cache_hint_bytes_valid(sb->hint_bytes))
		tell_value(d, damage, "superblock: policy_hint_size cannot be %" PRIu32,
			   sb->hint_bytes);
	damage.actual = BP_NONE;
	if (!d->repair && !cache_policy_is_text(sb->policy))
		tell_value(d, damage, "superblock: policy_name is no text");
}

/* Attributes in the order of the reference's text. */
static void put_superblock(struct dump *d)
{
	const struct bp_cache_superblock *sb = &d->meta->sb.pub;
	const char *policy = d->repair && !cache_policy_is_text(sb->policy) ? "" : sb->policy;
	const struct cache_xml_superblock xml = {
		.block_size = sb->data_block_sectors,
		.nr_cache_blocks = sb->nr_cache_blocks,
		.policy = { policy, strlen(policy) },
		.hint_width = d->repair && !cache_hint_bytes_valid(sb->hint_bytes)
				      ? 0
				      : sb->hint_bytes,
	};

	xml_write_element(&d->w, 0, &cache_xml_elements[CACHE_XML_SUPERBLOCK], &xml);
}

static void put_end(struct dump *d)
{
	if (d->repair || !d->nr_damages)
		xml_write_close(&d->w, 0, &cache_xml_elements[CACHE_XML_SUPERBLOCK], false);
	else
		put(d,
		    "<!-- parts of the metadata can't be read: this dump is not whole -->\n");
}

/* Dirty bits are needed before the first mapping is written. */
static int prepare(struct dump *d)
{
	const struct loss_ears ears = { .report = on_damage, .user = d };
	uint64_t nr = d->meta->sb.pub.nr_cache_blocks;
	int r = bits_init(&d->judged.kept, nr);

	if (r == 0)
		r = bits_init(&d->judged.dirty, nr);
	if (r == 0)
		r = origins_init(&d->origins, cache_most_mappings(d->meta));
	if (r < 0)
		return bp_fail_memory(d->meta->meta.ctx);
	return cache_dirty_read(d->meta, &d->judged.dirty, NULL, &ears);
}

static int dump(struct dump *d)
{
	const struct loss_ears ears = { .report = on_damage, .user = d };
	int r;

	check_values(d);
	put_superblock(d);
	r = d->repair ? cache_judge(d->meta, &ears, &d->judged) : prepare(d);
	d->silent = d->repair; /* mappings were told about */
	if (r == 0)
		r = put_array(d, CACHE_MAPPINGS, CACHE_XML_MAPPINGS, on_mappings);
	d->silent = false;
	if (r == 0)
		r = put_array(d, CACHE_HINTS, CACHE_XML_HINTS, on_hints);
	if (r != 0)
		return r;
	put_end(d);
	return xml_writer_flush(&d->w);
}

/* The writer's own words stay; a bare number gets some. */
static int end(struct dump *d, int r)
{
	if (r < 0 && r == d->w.error)
		return bp_fail(d->meta->meta.ctx, r, "cannot write the dump: %s", strerror(-r));
	return r;
}

static void warn_unclean(const struct bp_cache_meta *meta)
{
	if (!(meta->sb.pub.flags & BP_CACHE_CLEAN))
		bp_warn(meta->meta.ctx,
			"the cache was not shut down cleanly: dirty states are not known, and "
			"all has to be taken as dirty when this is restored "
			"(--omit-clean-shutdown)");
}

/*
 * The text has no end where a part is missing and no repair was asked for: no restore takes
 * it by mistake.
 */
int bp_cache_dump(struct bp_cache_meta *meta, const struct bp_cache_dump_opts *opts,
		  bp_write_fn write, void *user, uint64_t *ret_damages)
{
	struct bp_cache_dump_opts o;
	struct dump d = { .meta = meta, .opts = &o };
	int r = opts_read(meta->meta.ctx, &o, sizeof(o), opts);

	if (r < 0)
		return r;
	if (xml_writer_init(&d.w, write, user) < 0)
		return bp_fail_memory(meta->meta.ctx);
	d.repair = o.flags & BP_CACHE_DUMP_REPAIR;
	d.total = 2 * (uint64_t)meta->sb.pub.nr_cache_blocks;
	warn_unclean(meta);
	r = end(&d, dump(&d));
	xml_writer_done(&d.w);
	cache_judged_done(&d.judged);
	origins_done(&d.origins);
	if (r == 0)
		*ret_damages = d.nr_damages + d.nr_values;
	return r;
}
