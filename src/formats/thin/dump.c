/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A dump: what was read (reading.h) as text, which has no end where anything is missing. */
#include <bedplate/thin_dump.h>

#include "core/opts.h"
#include "formats/thin/reading.h"

#include <inttypes.h>

struct dump {
	struct thin_reading in;
	struct thin_text text;
	struct {
		struct thin_text text; /* without a buffer: not used yet */
		char apart[THIN_EMIT_APART];
	} parts[THIN_EMIT_BATCHES]; /* of batches */
};

/* --- text --- */

static int put_def(void *user, bp_mblock name)
{
	thin_text_def(user, name);
	return 0;
}

static int put_def_end(void *user)
{
	thin_text_def_end(user);
	return 0;
}

static int put_ref(void *user, bp_mblock name)
{
	thin_text_ref(user, name);
	return 0;
}

static int put_leaf(void *user, const struct node *leaf)
{
	thin_text_leaf(user, leaf);
	return 0;
}

static int put_run(void *user, uint64_t key, uint64_t value, uint64_t length)
{
	thin_text_run(user, key, value, length);
	return 0;
}

static int put_gap(void *user, const struct thin_gap *gap)
{
	thin_text_gap(user, gap);
	return 0;
}

/* Numbers as they stand in the details; the count is not that of the mappings found. */
static int put_device(void *user, const struct thin_device *from)
{
	const struct thin_xml_device device = {
		.dev_id = from->id,
		.mapped_blocks = from->details.mapped_dblocks,
		.transaction = from->details.transaction_id,
		.creation_time = from->details.creation_time,
		.snap_time = from->details.snapshotted_time,
	};

	thin_text_device(user, &device);
	return 0;
}

static int put_device_end(void *user)
{
	thin_text_device_end(user);
	return 0;
}

/* Formatting is most of the work: batches are parts of the text. */
static void *part(void *user, unsigned batch)
{
	struct dump *d = user;
	struct thin_text *t = &d->parts[batch].text;

	if (!t->w.buf && thin_text_part_init(t, d->in.opts->flags & BP_THIN_DUMP_HUMAN) < 0)
		return NULL;
	thin_text_part_begin(t);
	return t;
}

static int join(void *user, unsigned batch)
{
	struct dump *d = user;

	thin_text_join(&d->text, &d->parts[batch].text);
	return d->text.w.error;
}

static const struct thin_sink text_sink = {
	.def = put_def,
	.def_end = put_def_end,
	.device = put_device,
	.device_end = put_device_end,
	.ref = put_ref,
	.leaf = put_leaf,
	.run = put_run,
	.gap = put_gap,
	.part = part,
	.join = join,
};

/* What the caller's function said first, which gets its own words there. */
static int write_error(struct dump *d)
{
	int r = d->text.w.error;

	return r < 0 ? bp_fail(d->in.tm->meta.ctx, r, "cannot write the dump: %s", strerror(-r))
		     : r;
}

/* --- the dump --- */

/* What was given stands in for what is damaged. */
static void put_superblock(struct dump *d)
{
	const struct bp_thin_superblock *from = &d->in.tm->sb.pub;
	const struct bp_thin_dump_opts *opts = d->in.opts;
	const struct thin_xml_superblock sb = {
		.time = from->time,
		.transaction = opts->flags & BP_THIN_DUMP_TRANSACTION ? opts->transaction_id
								      : from->transaction_id,
		.flags = from->flags,
		.version = from->version,
		.data_block_size = thin_reading_sectors(&d->in),
		.nr_data_blocks = d->in.data_limit,
	};

	thin_text_superblock(&d->text, &sb);
}

/* Everything is read once before the first line: sharing must be known. */
static int dump(struct dump *d, struct bp_thin_meta *meta, const struct bp_thin_dump_opts *opts)
{
	int r = thin_reading_all(&d->in, meta, opts);

	if (r < 0)
		return r;
	put_superblock(d);
	r = thin_emit_all(&d->in.emit, &text_sink, d);
	if (d->text.w.error)
		return write_error(d);
	if (r == 0 && thin_text_end(&d->text, d->in.nr_gaps) != 0)
		r = write_error(d);
	return r;
}

/* Gaps are a result; a failure to write is not. */
int bp_thin_dump(struct bp_thin_meta *meta, const struct bp_thin_dump_opts *opts,
		 bp_write_fn write, void *user, uint64_t *ret_damages)
{
	struct bp_thin_dump_opts known;
	struct dump d = { .in = { .tm = meta } };
	int r;

	r = opts_read(meta->meta.ctx, &known, sizeof(known), opts);
	if (r < 0)
		return r;
	r = thin_text_init(&d.text, known.flags & BP_THIN_DUMP_HUMAN, write, user);
	r = r < 0 ? bp_fail_memory(meta->meta.ctx) : dump(&d, meta, &known);
	thin_text_done(&d.text);
	for (size_t i = 0; i < THIN_EMIT_BATCHES; i++)
		thin_text_done(&d.parts[i].text);
	thin_reading_done(&d.in);
	if (r < 0)
		return r;
	*ret_damages = d.in.nr_gaps + d.in.nr_unrestorable;
	return 0;
}
