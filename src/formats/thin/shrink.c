/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order is all: input read and plan made, output opened, data copied, data flushed, metadata
 * written. XML becomes XML, metadata becomes metadata.
 */
#include "formats/thin/shrink.h"

#include <bedplate/output.h>

#include "core/opts.h"
#include "formats/thin/meta.h"
#include "formats/thin/shrink_meta.h"
#include "io/data.h"
#include "io/output.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#define COPY_BYTES (4u << 20)

struct shrink {
	struct bp_ctx *ctx;
	struct bp_thin_shrink_opts opts;
	const char *input, *output;
	struct shrink_plan plan;
	int xml; /* the text to read, or -1 */
	struct bp_thin_meta
		*meta; /* open as long as all this goes on: nobody activates the pool */
	struct shrink_meta binary;
	struct bp_output *text;
	struct io *out_io;
	struct data *data;
	uint8_t *buf;
};

/* --- the input --- */

/* A metadata snapshot maps blocks that the live trees don't: they would be taken for free. */
static int read_binary(struct shrink *s)
{
	int r = bp_thin_open(s->ctx, s->input, NULL, &s->meta);

	if (r < 0)
		return r;
	if (bp_thin_superblock_get(s->meta)->metadata_snap) {
		r = bp_fail(s->ctx, -EINVAL, "%s: a metadata snapshot is held", s->input);
		error_set_hint(s->ctx, "release it: what only it maps would be overwritten");
		return r;
	}
	s->binary.name = s->input;
	return shrink_meta_read(&s->binary, s->meta);
}

static int open_text(struct shrink *s)
{
	s->xml = open(s->input, O_RDONLY | O_CLOEXEC);
	if (s->xml < 0 && errno == ENOENT)
		return bp_fail(s->ctx, -ENOENT, "Couldn't find input file '%s'", s->input);
	if (s->xml < 0)
		return bp_fail(s->ctx, -errno, "%s: cannot open: %s", s->input,
			       strerror(errno));
	return 0;
}

/* The whole input is read and judged before anything is written. */
static int make_plan(struct shrink *s, bp_dblock nr_data_blocks)
{
	int r;

	if (!(s->opts.flags & BP_THIN_SHRINK_BINARY)) {
		r = open_text(s);
		return r < 0 ? r
			     : shrink_plan_make(&s->plan, s->ctx, s->xml, s->input,
						nr_data_blocks);
	}
	r = shrink_plan_init(&s->plan, s->ctx, nr_data_blocks);
	if (r == 0)
		r = read_binary(s);
	return r < 0 ? r : shrink_meta_plan(&s->binary, &s->plan);
}

/* --- the data --- */

/* From behind the new end to before it: source and target never overlap. */
static int copy_blocks(void *user, const struct bp_thin_move *move)
{
	const struct shrink *s = user;
	bp_bytes size = bp_sector_to_bytes(s->plan.data_block_sectors);
	bp_bytes total = move->length * size;
	int r = 0;

	for (bp_bytes at = 0; r == 0 && at < total;) {
		size_t len = (size_t)MIN(COPY_BYTES, total - at);

		r = data_read(s->ctx, s->data, move->from * size + at, len, s->buf);
		if (r == 0)
			r = data_write(s->ctx, s->data, move->to * size + at, len, s->buf);
		at += len;
	}
	return r;
}

static int flush_data(void *user)
{
	const struct shrink *s = user;

	return data_flush(s->ctx, s->data);
}

/* Only where data have to move. */
static int open_data(struct shrink *s, const char *path)
{
	bp_bytes wanted = bp_sector_to_bytes(s->plan.data_block_sectors) * s->plan.nr_before;
	int r;

	if (s->plan.nr_moved == 0 || (s->opts.flags & BP_THIN_SHRINK_NO_COPY))
		return 0;
	if (!path)
		return bp_fail(s->ctx, -EINVAL, "the data device is needed to move data");
	s->buf = malloc(COPY_BYTES);
	if (!s->buf)
		return bp_fail_memory(s->ctx);
	r = output_refuse_input(s->ctx, -1, s->input, path);
	if (r == 0)
		r = output_refuse_input(s->ctx, -1, path, s->output);
	if (r == 0)
		r = data_open(s->ctx, path, DATA_WRITE, &s->data);
	if (r < 0 || s->data->size >= wanted)
		return r;
	r = bp_fail(s->ctx, -EINVAL,
		    "%s: unexpected data device size, wanted %" PRIu64
		    " bytes, it has %" PRIu64,
		    path, wanted, s->data->size);
	error_set_code(s->ctx, BP_E_TOO_SMALL);
	return r;
}

/*
 * Data first, metadata later: an interruption leaves the old metadata valid, as moved
 * blocks are copied and not overwritten.
 */
static int copy(struct shrink *s)
{
	const struct shrink_data data = {
		.copy = copy_blocks,
		.flush = flush_data,
		.user = s,
	};
	bp_dblock piece;

	if (!s->data)
		return 0;
	piece = MAX(COPY_BYTES / bp_sector_to_bytes(s->plan.data_block_sectors), 1);
	return shrink_plan_copy(&s->plan, &data, piece, &s->opts);
}

/* --- the output --- */

static int open_output(struct shrink *s)
{
	const char *const inputs[] = { s->input, NULL };
	const struct bp_output_opts how = { .size = sizeof(how), .inputs = inputs };

	if (s->opts.flags & BP_THIN_SHRINK_BINARY)
		return io_open(s->ctx, s->output, IO_WRITE | IO_OUTPUT, &s->out_io);
	return bp_output_new(s->ctx, s->output, &how, &s->text);
}

static int write_output(struct shrink *s)
{
	int r;

	if (s->out_io)
		return shrink_meta_write(&s->binary, &s->plan, s->out_io);
	r = bp_output_error(s->text, shrink_plan_write(&s->plan, bp_output_write, s->text));
	return r < 0 ? r : bp_output_commit(s->text);
}

/* --- the whole --- */

static int tell_moves(const struct shrink *s)
{
	int r = 0;

	for (size_t i = 0; r == 0 && s->opts.move && i < s->plan.moves.count; i++)
		r = s->opts.move(s->opts.user, &s->plan.moves.items[i]);
	return r;
}

/* Plan, moves told, output opened, data copied and flushed, and only then the metadata. */
static int shrink(struct shrink *s, const char *data, bp_dblock nr_data_blocks)
{
	int r = make_plan(s, nr_data_blocks);

	if (r == 0)
		r = tell_moves(s);
	if (r || (s->opts.flags & BP_THIN_SHRINK_DRY_RUN))
		return r;
	r = open_output(s);
	if (r == 0)
		r = open_data(s, data);
	if (r == 0)
		r = copy(s);
	return r < 0 ? r : write_output(s);
}

static void shrink_done(struct shrink *s)
{
	shrink_plan_done(&s->plan);
	closep(&s->xml);
	shrink_meta_done(&s->binary);
	bp_thin_close(s->meta);
	bp_output_free(s->text);
	io_close(s->out_io);
	data_close(s->data);
	free(s->buf);
}

/* As much as the caller's struct has room for. */
static void give_result(struct bp_thin_shrink_result *ret, const struct shrink_plan *p)
{
	const struct bp_thin_shrink_result res = {
		.data_block_bytes = bp_sector_to_bytes(p->data_block_sectors),
		.old_nr_data_blocks = p->nr_before,
		.new_nr_data_blocks = p->nr_wanted,
		.nr_used = p->nr_used,
		.nr_moved = p->nr_moved,
		.nr_moves = p->moves.count,
	};
	size_t size = ret ? MIN(ret->size, sizeof(res)) : 0;

	if (size > sizeof(size_t))
		memcpy((uint8_t *)ret + sizeof(size_t), (const uint8_t *)&res + sizeof(size_t),
		       size - sizeof(size_t));
}

/* The result is given also where it fails. */
int bp_thin_shrink(struct bp_ctx *ctx, const char *input, const char *output, const char *data,
		   bp_dblock nr_data_blocks, const struct bp_thin_shrink_opts *opts,
		   struct bp_thin_shrink_result *ret)
{
	struct shrink s = { .ctx = ctx, .input = input, .output = output, .xml = -1 };
	int r = opts_read(ctx, &s.opts, sizeof(s.opts), opts);

	if (r == 0 && output)
		r = output_refuse_input(ctx, -1, input, output);
	if (r == 0)
		r = shrink(&s, data, nr_data_blocks);
	give_result(ret, &s.plan);
	shrink_done(&s);
	return r;
}
