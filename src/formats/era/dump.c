/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Dumping: writesets, then the array, each read once and written as it comes. A dump that is not
 * whole is made to be no document, unless it is for repair. And lists of blocks written.
 */
#include <bedplate/era_dump.h>

#include "core/opts.h"
#include "core/strbuf.h"
#include "formats/era/salvage.h"
#include "formats/era/xml.h"
#include "formats/xml/write.h"

#include <inttypes.h>
#include <stdio.h>

struct dump {
	struct bp_era_meta *meta;
	const struct bp_era_dump_opts *opts;
	struct xml_writer w;
	uint64_t nr_damages;
	uint64_t nr_values;         /* that no restore takes; the text has them */
	uint64_t nr_new, first_new; /* elements above the current era, and one's block */
	uint32_t newest;
	const char *indent; /* of comments */

	/* The writeset at hand, or before. */
	bool any_writeset;
	uint64_t era, nr_bits;
	uint64_t next;       /* long form: the first block that has no line yet */
	uint64_t begin, end; /* compact form: the run at hand */

	uint32_t *
		logical; /* BP_ERA_DUMP_LOGICAL: the era of each block, by writesets; 0: none */
};

static void put(struct dump *d, const char *text)
{
	xml_write_text(&d->w, text, strlen(text));
}

/* As a comment in the text, at the depth at hand. */
static int on_damage(void *user, const struct bp_damage *damage)
{
	struct dump *d = user;

	d->nr_damages += damage->harm != BP_HARM_REMARK;
	if (d->opts->damage)
		d->opts->damage(d->opts->callback_user, damage);
	if (!(d->opts->flags & BP_ERA_DUMP_REPAIR)) {
		put(d, d->indent);
		put(d, "<!-- ");
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

static void check_values(struct dump *d)
{
	const struct bp_era_superblock *sb = &d->meta->sb.pub;
	struct bp_damage damage = DAMAGE(.kind = BP_DAMAGE_SUPERBLOCK, .harm = BP_HARM_FATAL,
					 .place = BP_PLACE_SUPERBLOCK, .block = 0,
					 .actual = sb->data_block_sectors);

	if (!era_block_sectors_valid(sb->data_block_sectors))
		tell_value(d, damage, "superblock: data_block_size cannot be %" PRIu32,
			   sb->data_block_sectors);
	damage.actual = sb->nr_blocks;
	if (sb->nr_blocks > ERA_BLOCKS_MAX)
		tell_value(d, damage, "superblock: nr_blocks is %" PRIu32 ", above %" PRIu32,
			   sb->nr_blocks, (uint32_t)ERA_BLOCKS_MAX);
}

/* A repair has mended them; a gap between them is told as such. */
static void check_era(struct dump *d, uint64_t era)
{
	uint32_t current = d->meta->sb.pub.current_era;
	const struct bp_damage damage =
		DAMAGE(.kind = BP_DAMAGE_ERA, .harm = BP_HARM_FATAL,
		       .place = BP_PLACE_WRITESETS, .expected = current, .actual = era);

	if (era > current)
		tell_value(d, damage,
			   "writeset tree: a writeset of era %" PRIu64
			   ", but the current era is %" PRIu32,
			   era, current);
	if (d->any_writeset && era <= d->era)
		tell_value(d, damage,
			   "writeset tree: a writeset of era %" PRIu64
			   " behind that of era %" PRIu64,
			   era, d->era);
}

/* All of them in one line. */
static void tell_elements(struct dump *d)
{
	uint32_t current = d->meta->sb.pub.current_era;

	if (d->nr_new)
		tell_value(d,
			   DAMAGE(.kind = BP_DAMAGE_ERA, .harm = BP_HARM_FATAL,
				  .place = BP_PLACE_ERA_ARRAY, .begin = d->first_new,
				  .end = d->first_new + 1, .expected = current,
				  .actual = d->newest),
			   "era array: %" PRIu64 " %s above the current era %" PRIu32
			   ": the first of block %" PRIu64 ", the newest %" PRIu32,
			   d->nr_new, d->nr_new == 1 ? "era" : "eras", current, d->first_new,
			   d->newest);
}

/* --- writesets --- */

static void put_bits(struct dump *d, uint64_t end, bool value)
{
	for (; d->next < end; d->next++) {
		const struct era_xml_bit bit = { .block = d->next, .value = value };

		xml_write_element(&d->w, 2, &era_xml_elements[ERA_XML_BIT], &bit);
	}
}

static void put_marked(struct dump *d)
{
	const struct era_xml_marked marked = { d->begin, d->end - d->begin };

	if (d->begin < d->end)
		xml_write_element(&d->w, 2, &era_xml_elements[ERA_XML_MARKED], &marked);
	d->begin = d->end;
}

/* In the logical form writesets are not told: their bits go into the eras. */
static int on_writeset(void *user, uint64_t era, uint32_t nr_bits)
{
	struct dump *d = user;
	const struct era_xml_writeset ws = { era, nr_bits };

	check_era(d, era);
	d->any_writeset = true;
	d->era = era;
	d->nr_bits = nr_bits;
	d->next = d->begin = d->end = 0;
	d->indent = "    ";
	if (!d->logical)
		xml_write_element(&d->w, 1, &era_xml_elements[ERA_XML_WRITESET], &ws);
	return d->w.error;
}

/* Three forms: every bit, runs, or none but the newest era of each block. */
static int on_written(void *user, uint64_t begin, uint64_t end)
{
	struct dump *d = user;
	uint64_t nr = d->meta->sb.pub.nr_blocks;

	if (d->logical) {
		for (uint64_t i = begin; i < MIN(end, nr); i++)
			d->logical[i] = MAX(d->logical[i], (uint32_t)MIN(d->era, UINT32_MAX));
	} else if (!(d->opts->flags & BP_ERA_DUMP_COMPACT)) {
		put_bits(d, begin, false);
		put_bits(d, end, true);
	} else if (begin == d->end && d->begin < d->end) {
		d->end = end;
	} else {
		put_marked(d);
		d->begin = begin;
		d->end = end;
	}
	return d->w.error;
}

/* What is left of its bits is clear. */
static int on_end_writeset(void *user)
{
	struct dump *d = user;

	d->indent = "  ";
	if (d->logical)
		return 0;
	if (d->opts->flags & BP_ERA_DUMP_COMPACT)
		put_marked(d);
	else
		put_bits(d, d->nr_bits, false);
	xml_write_close(&d->w, 1, &era_xml_elements[ERA_XML_WRITESET], true);
	return d->w.error;
}

/* The comment is in its place already, but for what stands before it. */
static int on_lost(void *user, uint64_t begin, uint64_t end)
{
	struct dump *d = user;

	if (!d->logical && !(d->opts->flags & BP_ERA_DUMP_COMPACT))
		put_bits(d, begin, false);
	d->next = end;
	return d->w.error;
}

/* --- the array --- */

/* Logical: the newest of digested era and writesets. */
static int on_eras(void *user, uint64_t begin, uint64_t end, const le32 *eras)
{
	struct dump *d = user;
	const struct bp_era_dump_opts *opts = d->opts;

	for (uint64_t i = begin; i < end; i++) {
		struct era_xml_era e = { .block = i, .era = le32_get(eras[i - begin]) };

		if (e.era > d->meta->sb.pub.current_era) {
			d->first_new = d->nr_new++ ? d->first_new : i;
			d->newest = MAX(d->newest, (uint32_t)e.era);
		}
		if (d->logical)
			e.era = MAX(e.era, (uint64_t)d->logical[i]);
		xml_write_element(&d->w, 2, &era_xml_elements[ERA_XML_ERA], &e);
	}
	if (d->w.error)
		return d->w.error;
	if (opts->progress &&
	    opts->progress(opts->callback_user, end, d->meta->sb.pub.nr_blocks))
		return bp_fail(d->meta->meta.ctx, -ECANCELED, "canceled");
	return 0;
}

/* Attributes in the order of the reference's text. */
static void put_superblock(struct dump *d)
{
	const struct bp_era_superblock *sb = &d->meta->sb.pub;
	const struct era_xml_superblock xml = {
		.block_size = sb->data_block_sectors,
		.nr_blocks = sb->nr_blocks,
		.current_era = sb->current_era,
	};

	xml_write_element(&d->w, 0, &era_xml_elements[ERA_XML_SUPERBLOCK], &xml);
}

static void put_end(struct dump *d)
{
	if ((d->opts->flags & BP_ERA_DUMP_REPAIR) || !d->nr_damages)
		xml_write_close(&d->w, 0, &era_xml_elements[ERA_XML_SUPERBLOCK], false);
	else
		put(d,
		    "<!-- parts of the metadata can't be read: this dump is not whole -->\n");
}

/* Writesets before the array, as restores read them. */
static int dump(struct dump *d)
{
	const struct loss_ears ears = { .report = on_damage, .user = d };
	const struct era_taker taker = {
		.writeset = on_writeset,
		.written = on_written,
		.end_writeset = on_end_writeset,
		.eras = on_eras,
		.lost = on_lost,
		.user = d,
	};
	unsigned flags =
		d->opts->flags & BP_ERA_DUMP_REPAIR ? ERA_SALVAGE_JUDGE | ERA_SALVAGE_WHOLE : 0;
	int r;

	d->indent = "  ";
	check_values(d);
	put_superblock(d);
	r = era_salvage_writesets(d->meta, flags, &ears, &taker);
	d->indent = "    ";
	xml_write_element(&d->w, 1, &era_xml_elements[ERA_XML_ERA_ARRAY], NULL);
	if (r == 0)
		r = era_salvage_array(d->meta, flags, &ears, &taker);
	xml_write_close(&d->w, 1, &era_xml_elements[ERA_XML_ERA_ARRAY], true);
	if (r != 0)
		return r;
	tell_elements(d);
	put_end(d);
	return xml_writer_flush(&d->w);
}

/* The writer's own words stay; a bare number gets some. */
static int end(struct bp_ctx *ctx, const struct xml_writer *w, int r)
{
	if (r < 0 && r == w->error)
		return bp_fail(ctx, r, "cannot write the dump: %s", strerror(-r));
	return r;
}

/* Memory: four bytes a block for the logical form, nothing otherwise. */
int bp_era_dump(struct bp_era_meta *meta, const struct bp_era_dump_opts *opts,
		bp_write_fn write, void *user, uint64_t *ret_damages)
{
	struct bp_era_dump_opts o;
	struct dump d = { .meta = meta, .opts = &o };
	int r = opts_read(meta->meta.ctx, &o, sizeof(o), opts);

	if (r < 0)
		return r;
	if (o.flags & BP_ERA_DUMP_LOGICAL) {
		d.logical = calloc(meta->sb.pub.nr_blocks + UINT64_C(1), sizeof(*d.logical));
		if (!d.logical)
			return bp_fail_memory(meta->meta.ctx);
	}
	r = xml_writer_init(&d.w, write, user);
	r = r == 0 ? end(meta->meta.ctx, &d.w, dump(&d)) : bp_fail_memory(meta->meta.ctx);
	xml_writer_done(&d.w);
	free(d.logical);
	if (r == 0)
		*ret_damages = d.nr_damages + d.nr_values;
	return r;
}

/* --- blocks written since an era --- */

struct blocks {
	struct xml_writer w;
	void (*damage)(void *user, const struct bp_damage *damage);
	void *damage_user;
	uint64_t nr_damages;
};

struct run {
	uint64_t begin, end;
};

/* clang-format off */
static const struct xml_attr single_attrs[] = {
	XML_ATTR(XML_NUMBER, XML_REQUIRED, "block", struct run, begin),
};
static const struct xml_attr range_attrs[] = {
	XML_ATTR(XML_NUMBER, XML_REQUIRED, "begin", struct run, begin),
	XML_ATTR(XML_NUMBER, XML_REQUIRED, "end", struct run, end),
};
static const struct xml_element single = XML_ELEMENT("block", true, 0, struct run, single_attrs);
static const struct xml_element range = XML_ELEMENT("range", true, 0, struct run, range_attrs);
/* clang-format on */

static int put_run(void *user, uint32_t begin, uint32_t end)
{
	struct blocks *b = user;
	const struct run run = { begin, end };

	xml_write_element(&b->w, 1, end - begin == 1 ? &single : &range, &run);
	return b->w.error;
}

static int blocks_damage(void *user, const struct bp_damage *damage)
{
	struct blocks *b = user;

	b->nr_damages++;
	if (b->damage)
		b->damage(b->damage_user, damage);
	return 0;
}

/* Ranges of blocks, as era_invalidate prints them. */
int bp_era_blocks_text(struct bp_era_meta *meta, uint32_t since,
		       void (*damage)(void *user, const struct bp_damage *damage),
		       void *damage_user, bp_write_fn write, void *user, uint64_t *ret_damages)
{
	struct blocks b = { .damage = damage, .damage_user = damage_user };
	int r = xml_writer_init(&b.w, write, user);

	if (r < 0)
		return bp_fail_memory(meta->meta.ctx);
	xml_write_text(&b.w, "<blocks>\n", 9);
	r = bp_era_written_since(meta, since, put_run, blocks_damage, &b);
	xml_write_text(&b.w, "</blocks>\n", 10);
	if (r == 0)
		r = xml_writer_flush(&b.w);
	r = end(meta->meta.ctx, &b.w, r);
	xml_writer_done(&b.w);
	if (r == 0)
		*ret_damages = b.nr_damages;
	return r;
}
