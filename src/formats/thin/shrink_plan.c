/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which data blocks have to move where so that a pool gets smaller: planned from what is mapped,
 * copied. From a dump as text, too: read, and written again with the new places. Nothing is copied
 * to a block that anything maps.
 */
#include "formats/thin/shrink.h"

#include "formats/thin/disk.h"
#include "formats/thin/meta.h"
#include "formats/thin/xml.h"
#include "formats/xml/read.h"
#include "formats/xml/write.h"

#include <inttypes.h>

/* --- reading the text --- */

struct source {
	const struct shrink_plan *p;
	off_t at;
};

/* By pread: the text is read twice. */
static ssize_t read_source(void *user, void *buf, size_t len)
{
	struct source *s = user;
	ssize_t n;

	do
		n = pread(s->p->fd, buf, len, s->at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return bp_fail(s->p->ctx, -errno, "%s: cannot read: %s", s->p->name,
			       strerror(errno));
	s->at += n;
	return n;
}

static int read_all(const struct shrink_plan *p, const struct xml_handler *handler)
{
	struct source source = { .p = p };
	const struct xml_source from = {
		.read = read_source,
		.user = &source,
		.name = p->name,
	};

	return xml_read(p->ctx, &thin_xml_schema, &from, handler);
}

/* --- planning --- */

/* A bit a data block. */
int shrink_plan_begin(struct shrink_plan *p, uint64_t data_block_sectors, bp_dblock nr_before)
{
	if (data_block_sectors > UINT32_MAX ||
	    !thin_block_sectors_valid((uint32_t)data_block_sectors))
		return bp_fail(p->ctx, -EINVAL, "invalid data block size: %" PRIu64 " sectors",
			       data_block_sectors);
	if (nr_before > THIN_DATA_BLOCKS_MAX)
		return bp_fail(p->ctx, -EINVAL, "%" PRIu64 " data blocks: no pool has so many",
			       nr_before);
	p->data_block_sectors = (uint32_t)data_block_sectors;
	p->nr_before = nr_before;
	return bits_init(&p->used, MAX(p->nr_before, 1)) < 0 ? bp_fail_memory(p->ctx) : 0;
}

/* Counted once, however many devices share it. */
int shrink_plan_use(struct shrink_plan *p, bp_dblock begin, uint64_t length)
{
	if (length > p->nr_before || begin > p->nr_before - length)
		return bp_fail(p->ctx, -EINVAL,
			       "block out of bounds: data block %" PRIu64 " of %" PRIu64,
			       begin + length - 1, p->nr_before);
	for (uint64_t i = 0; i < length; i++)
		p->nr_used += !bits_test_and_set(&p->used, begin + i);
	return 0;
}

/* Of the first pass: which blocks are in use. */
static int take_element(struct shrink_plan *p, unsigned element, const void *values)
{
	const struct thin_xml_superblock *sb = values;
	const struct thin_xml_single *single = values;
	const struct thin_xml_range *range = values;

	if (element == THIN_XML_SUPERBLOCK)
		return shrink_plan_begin(p, sb->data_block_size, sb->nr_data_blocks);
	if (element == THIN_XML_SINGLE)
		return shrink_plan_use(p, single->data_block, 1);
	if (element == THIN_XML_RANGE)
		return shrink_plan_use(p, range->data_begin, range->length);
	return 0;
}

static int plan_element(void *user, unsigned element, const void *values)
{
	struct shrink_plan *p = user;
	int r = take_element(p, element, values);

	if (r == -EINVAL)
		error_set_code(p->ctx, BP_E_XML);
	return r;
}

static int nothing_closed(void *user, unsigned element)
{
	(void)user, (void)element;
	return 0;
}

/* Neighbours that stay neighbours are one move. */
static int add_move(struct shrink_plan *p, bp_dblock from, bp_dblock to)
{
	const struct bp_thin_move move = { from, to, 1 };
	struct bp_thin_move *last;

	p->nr_moved++;
	if (p->moves.count > 0) {
		last = &p->moves.items[p->moves.count - 1];
		if (last->from + last->length == from && last->to + last->length == to) {
			last->length++;
			return 0;
		}
	}
	return vec_add(&p->moves, &move) < 0 ? bp_fail_memory(p->ctx) : 0;
}

/* The first block at or after @from that nothing maps; there is one. */
static bp_dblock next_free(const struct shrink_plan *p, bp_dblock from)
{
	while (bits_test(&p->used, from))
		from += from % 64 == 0 && p->used.words[from / 64] == UINT64_MAX ? 64 : 1;
	return from;
}

/* The blocks behind the new end go to the first free ones, in order. */
int shrink_plan_end(struct shrink_plan *p)
{
	bp_dblock from = p->nr_wanted < p->used.count ? bits_next(&p->used, p->nr_wanted)
						      : p->used.count;
	bp_dblock to = 0;
	int r = 0;

	if (p->nr_used > p->nr_wanted) {
		bp_fail(p->ctx, -ENOSPC,
			"Insufficient free space: %" PRIu64
			" data blocks are in use, more than %" PRIu64,
			p->nr_used, p->nr_wanted);
		error_set_code(p->ctx, BP_E_NO_SPACE);
		return -ENOSPC;
	}
	for (; r == 0 && from < p->nr_before; from = bits_next(&p->used, from + 1)) {
		to = next_free(p, to);
		r = add_move(p, from, to++);
	}
	return r;
}

int shrink_plan_init(struct shrink_plan *p, struct bp_ctx *ctx, bp_dblock nr_wanted)
{
	*p = (struct shrink_plan){ .ctx = ctx, .fd = -1, .nr_wanted = nr_wanted };
	if (nr_wanted == 0 || nr_wanted > THIN_DATA_BLOCKS_MAX)
		return bp_fail(ctx, -EINVAL, "a pool has 1 to %" PRIu64 " data blocks",
			       (uint64_t)THIN_DATA_BLOCKS_MAX);
	return 0;
}

/* From text: two passes, no mapping in memory. */
int shrink_plan_make(struct shrink_plan *p, struct bp_ctx *ctx, int fd, const char *name,
		     bp_dblock nr_wanted)
{
	const struct xml_handler handler = {
		.open = plan_element,
		.close = nothing_closed,
		.user = p,
	};
	int r = shrink_plan_init(p, ctx, nr_wanted);

	if (r < 0)
		return r;
	p->fd = fd;
	p->name = name;
	r = read_all(p, &handler);
	return r < 0 ? r : shrink_plan_end(p);
}

void shrink_plan_done(struct shrink_plan *p)
{
	bits_done(&p->used);
	vec_done(&p->moves);
}

/* --- the text afterwards --- */

struct rewrite {
	const struct shrink_plan *p;
	struct xml_writer w;
};

static unsigned depth_of(unsigned element)
{
	if (element == THIN_XML_SUPERBLOCK)
		return 0;
	return element == THIN_XML_DEVICE || element == THIN_XML_DEF ? 1 : 2;
}

static void put(struct rewrite *re, unsigned element, const void *values)
{
	xml_write_element(&re->w, depth_of(element), &thin_xml_elements[element], values);
}

/* The last move that begins at or before @block, or the first one; NULL: there is none. */
static const struct bp_thin_move *find_move(const struct shrink_plan *p, bp_dblock block)
{
	size_t low = 0, high = p->moves.count;

	while (low + 1 < high) {
		size_t mid = low + (high - low) / 2;

		if (p->moves.items[mid].from <= block)
			low = mid;
		else
			high = mid;
	}
	return p->moves.count ? &p->moves.items[low] : NULL;
}

bp_dblock shrink_plan_translate(const struct shrink_plan *p, bp_dblock block, uint64_t *length)
{
	const struct bp_thin_move *move = find_move(p, block);

	if (!move)
		return block;
	if (block < move->from) {
		*length = MIN(*length, move->from - block);
		return block;
	}
	/* All that is mapped above is moved: behind this move comes another. */
	if (block - move->from < move->length) {
		*length = MIN(*length, move->length - (block - move->from));
		return move->to + (block - move->from);
	}
	return block;
}

/* A range is cut where a part of it moves elsewhere. */
static void put_range(struct rewrite *re, const struct thin_xml_range *range)
{
	struct thin_xml_range piece = *range;

	for (uint64_t done = 0; done < range->length; done += piece.length) {
		piece.origin_begin = range->origin_begin + done;
		piece.length = range->length - done;
		piece.data_begin =
			shrink_plan_translate(re->p, range->data_begin + done, &piece.length);
		if (piece.length == 1) {
			const struct thin_xml_single single = { piece.origin_begin,
								piece.data_begin, piece.time };

			put(re, THIN_XML_SINGLE, &single);
		} else {
			put(re, THIN_XML_RANGE, &piece);
		}
	}
}

/* Everything else stays as it was, attribute by attribute. */
static int rewrite_open(void *user, unsigned element, const void *values)
{
	struct rewrite *re = user;
	const struct thin_xml_single *single = values;
	struct thin_xml_superblock sb;

	if (element == THIN_XML_SUPERBLOCK) {
		sb = *(const struct thin_xml_superblock *)values;
		sb.nr_data_blocks = re->p->nr_wanted;
		put(re, element, &sb);
	} else if (element == THIN_XML_SINGLE) {
		const struct thin_xml_range range = { single->origin_block, single->data_block,
						      1, single->time };

		put_range(re, &range);
	} else if (element == THIN_XML_RANGE) {
		put_range(re, values);
	} else {
		put(re, element, values);
	}
	return re->w.error;
}

static int rewrite_close(void *user, unsigned element)
{
	struct rewrite *re = user;

	if (!thin_xml_elements[element].empty)
		xml_write_close(&re->w, depth_of(element), &thin_xml_elements[element],
				element != THIN_XML_SUPERBLOCK);
	return re->w.error;
}

/* The second pass, through the plan. */
int shrink_plan_write(const struct shrink_plan *p, bp_write_fn write, void *user)
{
	struct rewrite re = { .p = p };
	const struct xml_handler handler = {
		.open = rewrite_open,
		.close = rewrite_close,
		.user = &re,
	};
	int r;

	if (xml_writer_init(&re.w, write, user) < 0)
		return bp_fail_memory(p->ctx);
	r = read_all(p, &handler);
	if (r == 0)
		r = xml_writer_flush(&re.w);
	xml_writer_done(&re.w);
	return r;
}

/* --- the moves --- */

/*
 * In pieces, so that progress and cancellation are heard; one flush at the end, before any
 * metadata.
 */
int shrink_plan_copy(const struct shrink_plan *p, const struct shrink_data *data,
		     bp_dblock piece, const struct bp_thin_shrink_opts *opts)
{
	bp_dblock done = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->moves.count; i++) {
		const struct bp_thin_move *move = &p->moves.items[i];

		for (bp_dblock at = 0; r == 0 && at < move->length; at += piece) {
			const struct bp_thin_move part = { move->from + at, move->to + at,
							   MIN(piece, move->length - at) };

			r = data->copy(data->user, &part);
			done += part.length;
			if (r == 0 && opts->progress &&
			    opts->progress(opts->user, done, p->nr_moved))
				r = bp_fail(p->ctx, -ECANCELED, "canceled");
		}
	}
	return r == 0 && p->nr_moved > 0 ? data->flush(data->user) : r;
}
