/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a device's own table and its faults the table that has them. The own table is cut into pieces
 * where faults begin and end; a piece is on one segment and has the last fault that covers it.
 *
 * Linear segments can be cut, as can zero and error; any other stays whole, and takes one fault:
 * to fail as a whole.
 */
#include <inttypes.h>
#include <stdio.h>

#include <bedplate/targets.h>
#include <bedplate/targets_test.h>

#include "fault/fault.h"

/* Longer than anybody waits, in milliseconds; healing lets what was held go on. */
#define STALL_MS INT32_MAX

struct piece {
	bp_sector start, length;
	const struct bp_segment *segment;
	const struct fault_record *fault; /* NULL: none */
};

struct pieces {
	struct piece *items;
	size_t count, size;
};

/* Pieces of one segment and fault that touch become one: tables stay short. */
static int add_piece(struct bp_ctx *ctx, struct pieces *pieces, const struct piece *from,
		     bp_sector start, bp_sector end, const struct fault_record *fault)
{
	struct piece piece = *from;
	struct piece *last = pieces->count ? &pieces->items[pieces->count - 1] : NULL;

	if (start >= end)
		return 0;
	piece.start = start;
	piece.length = end - start;
	piece.fault = fault;
	if (last && last->segment == piece.segment && last->fault == fault) {
		last->length += piece.length;
		return 0;
	}
	return vec_add(pieces, &piece) < 0 ? bp_fail_memory(ctx) : 0;
}

/* One piece, cut by the ranges from number *@at on, which are left behind as they are passed. */
static int cut_piece(struct bp_ctx *ctx, const struct piece *piece,
		     const struct fault_record *fault, size_t *at, struct pieces *ret)
{
	bp_sector pos = piece->start, end = piece->start + piece->length;
	int r = 0;

	while (r == 0 && *at < fault->ranges.count) {
		const struct bp_fault_range *range = &fault->ranges.items[*at];
		bp_sector from = MAX(range->start_sectors, pos);
		bp_sector to = MIN(range->start_sectors + range->length_sectors, end);

		if (from >= end)
			break;
		if (from < to) {
			r = add_piece(ctx, ret, piece, pos, from, piece->fault);
			if (r == 0)
				r = add_piece(ctx, ret, piece, from, to, fault);
			pos = to;
		}
		if (range->start_sectors + range->length_sectors > end)
			break;
		++*at;
	}
	return r < 0 ? r : add_piece(ctx, ret, piece, pos, end, piece->fault);
}

/* Later faults lie over earlier ones. */
static int cut(struct bp_ctx *ctx, struct pieces *pieces, const struct fault_record *fault)
{
	struct pieces cut = { 0 };
	size_t at = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < pieces->count; i++)
		r = cut_piece(ctx, &pieces->items[i], fault, &at, &cut);
	vec_done(pieces);
	*pieces = cut;
	return r;
}

/* The device's own table, segment by segment. */
static int whole_pieces(struct bp_ctx *ctx, const struct bp_table *table, struct pieces *ret)
{
	for (size_t i = 0; i < bp_table_count(table); i++) {
		const struct bp_segment *segment = bp_table_get(table, i);
		struct piece piece = {
			.start = segment->start_sectors,
			.length = segment->length_sectors,
			.segment = segment,
		};

		if (vec_add(ret, &piece) < 0)
			return bp_fail_memory(ctx);
	}
	return 0;
}

/* --- pieces as segments --- */

static bool is_whole(const struct piece *piece)
{
	return piece->length == piece->segment->length_sectors;
}

/* What the piece lies on, where its segment is linear. */
static bool below(const struct piece *piece, struct bp_linear *ret)
{
	const struct bp_linear *linear = piece->segment->params;

	if (!linear || !streq(piece->segment->target, "linear"))
		return false;
	*ret = *linear;
	ret->offset_sectors += piece->start - piece->segment->start_sectors;
	return true;
}

/* Only linear segments can be cut; whole ones of other targets can only fail. */
static int refuse(struct bp_ctx *ctx, const struct piece *piece, const char *what)
{
	bp_fail(ctx, -ENOTSUP, "a %s segment can't %s (sectors %" PRIu64 "+%" PRIu64 ")",
		piece->segment->target, what, piece->segment->start_sectors,
		piece->segment->length_sectors);
	error_set_hint(ctx,
		       "faults are put into linear segments; of others a whole one can fail "
		       "(error). Lay a linear device over it before it is used: bedplate fault "
		       "attach");
	return -ENOTSUP;
}

/* A piece that was cut: its offset below moves with it. */
static int emit_plain(struct bp_ctx *ctx, const struct piece *piece, struct bp_table *to)
{
	const struct bp_segment *s = piece->segment;
	struct bp_linear linear;

	if (is_whole(piece))
		return bp_table_add_raw(ctx, to, piece->start, piece->length, s->target,
					s->args);
	if (below(piece, &linear))
		return bp_table_add(ctx, to, piece->start, piece->length,
				    BP_PARAMS_LINEAR(&linear));
	if (streq(s->target, "zero") || streq(s->target, "error"))
		return bp_table_add_raw(ctx, to, piece->start, piece->length, s->target, "");
	return refuse(ctx, piece, "be split");
}

/* A stall is a delay without an end that is healed: STALL_MS. */
static int emit_delay(struct bp_ctx *ctx, const struct piece *piece, struct bp_table *to)
{
	const struct fault_record *f = piece->fault;
	uint32_t ms = f->kind == BP_FAULT_STALL ? STALL_MS : f->delay_ms;
	struct bp_linear l;
	struct bp_delay_path write, flush;
	struct bp_delay delay;

	if (!below(piece, &l))
		return refuse(ctx, piece, "be slow");
	delay = (struct bp_delay){ .read = { l.dev, l.offset_sectors, 0 } };
	write = flush = delay.read;
	delay.read.delay_ms = f->io & BP_FAULT_READS ? ms : 0;
	write.delay_ms = f->io & BP_FAULT_WRITES ? ms : 0;
	flush.delay_ms = f->io & BP_FAULT_FLUSHES ? ms : 0;
	delay.write = &write;
	delay.flush = &flush;
	return bp_table_add(ctx, to, piece->start, piece->length, BP_PARAMS_DELAY(&delay));
}

/*
 * Reads and flushes go where they went, writes to a device that has no space. Who only looks ahead has
 * made none: the plan shows the device itself in its place.
 */
static int emit_full(struct bp_ctx *ctx, const struct piece *piece, struct bp_table *to)
{
	const struct bp_devno *full = &piece->fault->full;
	struct bp_delay_path write, flush;
	struct bp_delay delay;
	struct bp_linear l;
	char dev[32];

	if (!below(piece, &l))
		return refuse(ctx, piece, "be full");
	delay = (struct bp_delay){ .read = { l.dev, l.offset_sectors, 0 } };
	write = flush = delay.read;
	snprintf(dev, sizeof(dev), "%" PRIu32 ":%" PRIu32, full->major, full->minor);
	if (full->major)
		write = (struct bp_delay_path){ dev, piece->start, 0 };
	delay.write = &write;
	delay.flush = &flush;
	return bp_table_add(ctx, to, piece->start, piece->length, BP_PARAMS_DELAY(&delay));
}

/* Always down: not a second up, one down. Without a feature all I/O fails, flushes too. */
static int emit_flakey(struct bp_ctx *ctx, const struct piece *piece, struct bp_table *to)
{
	const struct fault_record *f = piece->fault;
	const struct bp_flakey_corrupt corrupt = {
		.nth_byte = f->corrupt_byte,
		.direction = f->io & BP_FAULT_READS ? BP_FLAKEY_READ : BP_FLAKEY_WRITE,
		.value = f->corrupt_value,
	};
	struct bp_flakey flakey = {
		.down_seconds = 1,
		.drop_writes = f->kind == BP_FAULT_DROP,
		.corrupt_bio_byte = f->kind == BP_FAULT_CORRUPT ? &corrupt : NULL,
	};
	struct bp_linear linear;

	if (!below(piece, &linear))
		return refuse(ctx, piece,
			      f->kind == BP_FAULT_ERROR ? "fail in part" : "have this fault");
	flakey.dev = linear.dev;
	flakey.offset_sectors = linear.offset_sectors;
	if (f->kind == BP_FAULT_ERROR) {
		flakey.error_reads = !(f->io & BP_FAULT_WRITES);
		flakey.error_writes = !(f->io & BP_FAULT_READS);
	}
	return bp_table_add(ctx, to, piece->start, piece->length, BP_PARAMS_FLAKEY(&flakey));
}

/* Where flushes pass; also all that a segment can have which is not linear. */
static int emit_error(struct bp_ctx *ctx, const struct piece *piece, struct bp_table *to)
{
	const struct bp_target *target = bp_target_get(piece->segment->target);
	struct bp_linear linear;

	if (!below(piece, &linear) && !is_whole(piece) &&
	    !streq(piece->segment->target, "zero") && !streq(piece->segment->target, "error"))
		return refuse(ctx, piece, "be split");
	if (target && bp_target_flags(target) & BP_TARGET_IMMUTABLE)
		return refuse(ctx, piece, "be replaced in a live device");
	return bp_table_add_raw(ctx, to, piece->start, piece->length, "error", "");
}

/* The simplest target that does it: error where all I/O fails, flakey for the rest. */
static int emit(struct bp_ctx *ctx, const struct piece *piece, struct bp_table *to)
{
	const struct fault_record *f = piece->fault;
	const uint32_t both = BP_FAULT_READS | BP_FAULT_WRITES;
	struct bp_linear linear;

	if (!f)
		return emit_plain(ctx, piece, to);
	if (f->kind == BP_FAULT_SLOW || f->kind == BP_FAULT_STALL)
		return emit_delay(ctx, piece, to);
	if (f->kind == BP_FAULT_FULL)
		return emit_full(ctx, piece, to);
	if (f->kind == BP_FAULT_BAD_SECTORS ||
	    ((f->kind == BP_FAULT_ERROR || f->kind == BP_FAULT_POWER_CUT) &&
	     (f->io & both) == both && (!(f->io & BP_FAULT_FLUSHES) || !below(piece, &linear))))
		return emit_error(ctx, piece, to);
	return emit_flakey(ctx, piece, to);
}

/* A table from another table and faults: no state, no device. */
int fault_compose(struct bp_ctx *ctx, const struct bp_table *original,
		  const struct fault_record *faults, size_t nr_faults, struct bp_table **ret)
{
	struct pieces pieces = { 0 };
	struct bp_table *table = NULL;
	int r = whole_pieces(ctx, original, &pieces);

	for (size_t i = 0; r == 0 && i < nr_faults; i++)
		r = cut(ctx, &pieces, &faults[i]);
	if (r == 0)
		r = bp_table_new(ctx, &table);
	for (size_t i = 0; r == 0 && i < pieces.count; i++)
		r = emit(ctx, &pieces.items[i], table);
	vec_done(&pieces);
	if (r < 0) {
		bp_table_free(table);
		return r;
	}
	*ret = table;
	return 0;
}
