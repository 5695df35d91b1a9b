/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shape is written as the XML of a dump, as fast as it is read, and restored: so generated
 * metadata is as sound as restored metadata is. What a device and its snapshots share are defs of
 * some leaves; a snapshot that changed a part has mappings of its own there.
 */
#include <bedplate/thin_generate.h>

#include "core/strbuf.h"
#include "formats/check/generate.h"
#include "formats/thin/meta.h"
#include "formats/thin/restore.h"

#include <inttypes.h>

/* Mappings of a part that is shared as a whole: four leaves. */
#define PART 1008u

struct generate {
	struct bp_ctx *ctx;
	struct bp_thin_generate_opts opts;
	uint64_t rng;
	uint64_t nr_parts; /* of a device */
	bp_dblock next;    /* data block */
	bp_dblock nr_needed;
	/* Where the text has come to. */
	enum { BEGIN, DEFS, DEVICES, END, OVER } state;
	uint64_t origin, snapshot, part;
	uint8_t *changed; /* by snapshot of the origin at hand and part: a bit */
	struct strbuf text;
	size_t at;
};

static uint32_t pick(struct generate *g, uint32_t below)
{
	g->rng ^= g->rng << 13;
	g->rng ^= g->rng >> 7;
	g->rng ^= g->rng << 17;
	return (uint32_t)(g->rng >> 32) % below;
}

static uint64_t part_length(const struct generate *g, uint64_t part)
{
	return MIN(PART, g->opts.nr_mappings - part * PART);
}

/* Runs of new data blocks; between two runs one block is left out on both sides. */
static void put_part(struct generate *g, uint64_t part)
{
	uint64_t length = part_length(g, part), first = part * PART;
	uint32_t run = g->opts.run_length;

	for (uint64_t i = 0, n; i < length; i += n) {
		n = MIN(run, length - i);
		/* A whole range, or single blocks that never continue each other. */
		if (n > 1)
			strbuf_addf(&g->text,
				    "<range_mapping origin_begin=\"%" PRIu64
				    "\" data_begin=\"%" PRIu64 "\" length=\"%" PRIu64
				    "\" time=\"0\"/>\n",
				    first + i, g->next, n);
		else
			strbuf_addf(&g->text,
				    "<single_mapping origin_block=\"%" PRIu64
				    "\" data_block=\"%" PRIu64 "\" time=\"0\"/>\n",
				    first + i, g->next);
		g->next += n + 1;
	}
}

static uint64_t changed_bit(const struct generate *g, uint64_t snapshot, uint64_t part)
{
	return snapshot * g->nr_parts + part;
}

static bool is_changed(const struct generate *g, uint64_t snapshot, uint64_t part)
{
	uint64_t bit = changed_bit(g, snapshot, part);

	return g->changed[bit / 8] >> (bit % 8) & 1;
}

static void set_changed(struct generate *g, uint64_t bit, bool own)
{
	uint8_t *byte = &g->changed[bit / 8];

	*byte = (uint8_t)((*byte & ~(1u << (bit % 8))) | (unsigned)own << (bit % 8));
}

/* Which parts of which snapshots are their own. */
static void choose_changes(struct generate *g)
{
	for (uint64_t s = 0; s <= g->opts.nr_snapshots; s++) {
		for (uint64_t p = 0; p < g->nr_parts; p++) {
			/* Without snapshots nothing is shared. */
			bool own = g->opts.nr_snapshots == 0 ||
				   (s > 0 && pick(g, 1000) < g->opts.changed_permille);

			set_changed(g, changed_bit(g, s, p), own);
		}
	}
}

/* --- the text, a piece at a time --- */

/* As large as it must be, if that is more than was asked for. */
static void put_begin(struct generate *g)
{
	bp_dblock nr = MAX(g->opts.nr_data_blocks, g->nr_needed);

	strbuf_addf(&g->text,
		    "<superblock uuid=\"\" time=\"%" PRIu32
		    "\" transaction=\"1\" version=\"2\" data_block_size=\"%" PRIu32
		    "\" nr_data_blocks=\"%" PRIu64 "\">\n",
		    g->opts.nr_snapshots, g->opts.data_block_sectors, nr);
	g->state = g->opts.nr_devices ? DEFS : END;
}

/* One def of the origin at hand. */
static void put_def(struct generate *g)
{
	if (g->part == 0)
		choose_changes(g);
	if (g->part < g->nr_parts && g->opts.nr_snapshots == 0) {
		g->part = g->nr_parts;
	} else if (g->part < g->nr_parts) {
		strbuf_addf(&g->text, "<def name=\"%" PRIu64 ".%" PRIu64 "\">\n", g->origin,
			    g->part);
		put_part(g, g->part++);
		strbuf_add(&g->text, "</def>\n");
	}
	if (g->part == g->nr_parts) {
		g->part = 0;
		g->snapshot = 0;
		g->state = DEVICES;
	}
}

/* One part of the device at hand. */
static void put_device(struct generate *g)
{
	uint64_t id = g->origin * (g->opts.nr_snapshots + 1) + g->snapshot;

	if (g->part == 0)
		strbuf_addf(&g->text,
			    "<device dev_id=\"%" PRIu64 "\" mapped_blocks=\"%" PRIu64
			    "\" transaction=\"0\" creation_time=\"%" PRIu64
			    "\" snap_time=\"%" PRIu32 "\">\n",
			    id, g->opts.nr_mappings, g->snapshot, g->opts.nr_snapshots);
	if (g->part < g->nr_parts) {
		if (is_changed(g, g->snapshot, g->part))
			put_part(g, g->part);
		else
			strbuf_addf(&g->text, "<ref name=\"%" PRIu64 ".%" PRIu64 "\"/>\n",
				    g->origin, g->part);
		g->part++;
	}
	if (g->part < g->nr_parts)
		return;
	strbuf_add(&g->text, "</device>\n");
	g->part = 0;
	if (g->snapshot++ < g->opts.nr_snapshots)
		return;
	g->state = ++g->origin < g->opts.nr_devices ? DEFS : END;
}

/* A piece of text at a time: pools of any size, in the memory of one piece. */
static void put_more(struct generate *g)
{
	strbuf_clear(&g->text);
	g->at = 0;
	switch (g->state) {
	case BEGIN:
		put_begin(g);
		break;
	case DEFS:
		put_def(g);
		break;
	case DEVICES:
		put_device(g);
		break;
	case END:
		strbuf_add(&g->text, "</superblock>\n");
		g->state = OVER;
		break;
	case OVER:
		break;
	}
}

/* Stands in for a file: generating is restoring a text that nobody wrote. */
static ssize_t read_text(void *user, void *buf, size_t len)
{
	struct generate *g = user;
	size_t n;

	while (g->at == g->text.len && g->state != OVER)
		put_more(g);
	if (g->text.error)
		return bp_fail_memory(g->ctx);
	n = MIN(len, g->text.len - g->at);
	if (n)
		memcpy(buf, g->text.text + g->at, n);
	g->at += n;
	return (ssize_t)n;
}

/* --- the whole --- */

static uint64_t parts_of(const struct bp_thin_generate_opts *o)
{
	return DIV_UP(o->nr_mappings, PART);
}

/* Products are bounded here, once. */
static int settle(struct bp_ctx *ctx, void *opts)
{
	struct bp_thin_generate_opts *o = opts;
	uint64_t devices = (uint64_t)o->nr_devices * (o->nr_snapshots + UINT64_C(1)), blocks;

	o->data_block_sectors = o->data_block_sectors ? o->data_block_sectors : 128;
	o->nr_data_blocks = o->nr_data_blocks ? o->nr_data_blocks : 10240;
	o->run_length = o->run_length ? o->run_length : 1;
	if (devices > THIN_DEVICE_ID_MAX + UINT64_C(1) || o->changed_permille > 1000 ||
	    mul_overflow(devices, 2 * o->nr_mappings, &blocks) || blocks > THIN_DATA_BLOCKS_MAX)
		return bp_fail(ctx, -EINVAL, "no pool has so many devices or mappings");
	return 0;
}

/* Each run takes one block more than it maps; not all snapshots change all. */
static uint64_t needed(const struct bp_thin_generate_opts *o)
{
	uint64_t blocks = (uint64_t)o->nr_devices *
			  (o->nr_mappings + o->nr_mappings / o->run_length + parts_of(o));

	return blocks + (o->changed_permille ? blocks * o->nr_snapshots : 0);
}

/* The same seed gives the same metadata. */
static int make(struct bp_ctx *ctx, struct io *io, const void *opts)
{
	const struct bp_thin_generate_opts *o = opts;
	struct generate g = {
		.ctx = ctx,
		.opts = *o,
		.rng = o->seed * UINT64_C(0x9e3779b97f4a7c15) + 1,
		.nr_parts = parts_of(o),
		.nr_needed = needed(o),
	};
	const struct xml_source source = { .read = read_text, .user = &g, .name = "shape" };
	int r;

	g.changed = calloc_many((o->nr_snapshots + UINT64_C(1)) * g.nr_parts / 8 + 1, 1);
	r = g.changed ? thin_restore_io(ctx, &source, io, NULL) : bp_fail_memory(ctx);
	strbuf_done(&g.text);
	free(g.changed);
	return r;
}

int bp_thin_generate(struct bp_ctx *ctx, const char *path,
		     const struct bp_thin_generate_opts *opts)
{
	static const struct generate_format format = {
		.opts_size = sizeof(*opts),
		.settle = settle,
		.make = make,
	};

	return generate_path(&format, ctx, path, opts);
}
