/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order is all: input read and plan made, output opened, data copied, data flushed, metadata
 * written. Metadata that is no XML becomes XML first, and is restored from it: what reads and
 * writes it is tried and tested.
 */
#include "formats/thin/shrink.h"

#include <bedplate/output.h>
#include <bedplate/thin_dump.h>

#include "core/opts.h"
#include "formats/thin/meta.h"
#include "formats/thin/restore.h"
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
	int xml;            /* the text to read */
	struct io *meta_io; /* open as long as all this goes on */
	struct bp_output *text;
	struct io *out_io;
	struct data *data;
	uint8_t *buf;
};

/* --- the input as text --- */

static int temporary(struct bp_ctx *ctx, int *ret)
{
	FILE *file = tmpfile();
	int fd = file ? fcntl(fileno(file), F_DUPFD_CLOEXEC, 0) : -1, r = -errno;

	if (file)
		fclose(file);
	if (fd < 0)
		return bp_fail(ctx, r, "cannot make a temporary file: %s", strerror(-r));
	*ret = fd;
	return 0;
}

struct to_fd {
	struct bp_ctx *ctx;
	int fd;
};

static int write_fd(void *user, const char *text, size_t len)
{
	const struct to_fd *to = user;

	while (len > 0) {
		ssize_t n = write(to->fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return bp_fail(to->ctx, -errno, "cannot write a temporary file: %s",
				       strerror(errno));
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static int dump(struct shrink *s, struct bp_thin_meta *meta)
{
	struct to_fd to = { .ctx = s->ctx, .fd = s->xml };
	uint64_t damages = 0;
	int r;

	if (bp_thin_superblock_get(meta)->metadata_snap) {
		r = bp_fail(s->ctx, -EINVAL, "%s: a metadata snapshot is held", s->input);
		error_set_hint(s->ctx, "release it: what only it maps would be overwritten");
		return r;
	}
	r = bp_thin_dump(meta, NULL, write_fd, &to, &damages);
	if (r == 0 && damages > 0) {
		r = bp_fail(s->ctx, -EUCLEAN, "%s: metadata contains errors", s->input);
		error_set_code(s->ctx, BP_E_DAMAGED);
		error_set_hint(s->ctx, "thin_check tells more; repair it first");
	}
	return r;
}

/* The metadata stays open, so that nobody activates the pool meanwhile. */
static int read_binary(struct shrink *s)
{
	struct bp_thin_meta *meta;
	int r = io_open(s->ctx, s->input, 0, &s->meta_io);

	if (r < 0)
		return r;
	r = temporary(s->ctx, &s->xml);
	if (r < 0)
		return r;
	r = thin_meta_open_io(s->ctx, s->meta_io, NULL, &meta);
	if (r < 0)
		return r;
	r = dump(s, meta);
	s->meta_io = steal(meta->meta.io);
	bp_thin_close(meta);
	return r;
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

/* --- the data --- */

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

static ssize_t read_fd(void *user, void *buf, size_t len)
{
	const struct to_fd *from = user;
	ssize_t n;

	do
		n = read(from->fd, buf, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? bp_fail(from->ctx, -errno, "cannot read a temporary file: %s",
			       strerror(errno))
		     : n;
}

static int write_binary(struct shrink *s)
{
	struct to_fd to = { .ctx = s->ctx, .fd = -1 };
	const struct xml_source source = { .read = read_fd, .user = &to, .name = s->input };
	int r = temporary(s->ctx, &to.fd);

	if (r < 0)
		return r;
	r = shrink_plan_write(&s->plan, write_fd, &to);
	if (r == 0 && lseek(to.fd, 0, SEEK_SET) < 0)
		r = bp_fail(s->ctx, -errno, "cannot read a temporary file");
	if (r == 0)
		r = thin_restore_io(s->ctx, &source, s->out_io, NULL);
	close(to.fd);
	return r;
}

static int write_output(struct shrink *s)
{
	int r;

	if (s->out_io)
		return write_binary(s);
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

static int shrink(struct shrink *s, const char *data, bp_dblock nr_data_blocks)
{
	int r = s->opts.flags & BP_THIN_SHRINK_BINARY ? read_binary(s) : open_text(s);

	if (r == 0)
		r = shrink_plan_make(&s->plan, s->ctx, s->xml, s->input, nr_data_blocks);
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
	io_close(s->meta_io);
	bp_output_free(s->text);
	io_close(s->out_io);
	data_close(s->data);
	free(s->buf);
}

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
