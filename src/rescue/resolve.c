/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of sources wherever metadata is read: what io_open() asks once bp_ctx_use_sources() was
 * called. Promises that whatever is metadata itself, or is damaged metadata, is opened as before;
 * and that nothing is written through a source.
 */
#include "rescue/source.h"

#include "core/opts.h"
#include "io/io.h"

#include <sys/stat.h>

struct sources {
	struct io_resolver resolver;
	char **pvs;
	size_t nr_pvs;
	char *text_path;
};

/* An io that keeps the source it reads from. */
struct source_io {
	struct io io;
	struct io *inner;
	struct bp_source *source;
};

static struct source_io *source_io_of(struct io *io)
{
	return (struct source_io *)(void *)io;
}

static int read_through(struct io *io, const struct io_run *runs, size_t nr)
{
	struct io *inner = source_io_of(io)->inner;

	return inner->ops->read(inner, runs, nr);
}

/* A source is never written, whoever asks. */
static int write_refused(struct io *io, const struct io_run *run)
{
	(void)io;
	(void)run;
	return -EROFS;
}

static int flush_refused(struct io *io)
{
	(void)io;
	return -EROFS;
}

static int data_next_through(struct io *io, bp_mblock from, bp_mblock *ret_begin,
			     bp_mblock *ret_end)
{
	return io_data_next(source_io_of(io)->inner, from, ret_begin, ret_end);
}

static void close_both(struct io *io)
{
	io_close(source_io_of(io)->inner);
	bp_source_close(source_io_of(io)->source);
	free(io);
}

static const struct io_ops source_ops = {
	.name = "source",
	.read = read_through,
	.write = write_refused,
	.flush = flush_refused,
	.data_next = data_next_through,
	.close = close_both,
};

/* As the inner one, but closing it closes the source too. */
static int source_io_new(struct bp_source *take_source, struct io *take_inner, struct io **ret)
{
	struct source_io *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->io = *take_inner;
	s->io.ops = &source_ops;
	s->inner = take_inner;
	s->source = take_source;
	*ret = &s->io;
	return 0;
}

/* A file or device that has to be looked into: one whose first block is no superblock. */
static bool holds_something_else(const char *path, bool *ret_exists)
{
	_cleanup_(freep) uint8_t *block = NULL;
	struct raw_image *image;
	struct stat st;
	bool other;

	*ret_exists = stat(path, &st) == 0;
	if (!*ret_exists || raw_image_open(NULL, path, &image) < 0)
		return false;
	block = io_buffer_new(1);
	other = source_is_pack(image) || (block && image->size >= IO_BLOCK &&
					  raw_image_read(image, 0, IO_BLOCK, block) == 0 &&
					  block_kind_of(block) == BLOCK_UNKNOWN);
	raw_image_close(image);
	return other;
}

/*
 * -ENOENT: this resolver has nothing to say, the path is opened as any other. What exists
 * and is metadata itself is read directly.
 */
static int resolve(const struct io_resolver *resolver, struct bp_ctx *ctx, const char *path,
		   unsigned flags, struct io **ret)
{
	const struct sources *sources = (const struct sources *)(const void *)resolver;
	struct bp_source_opts opts = {
		.size = sizeof(opts),
		.pvs = (const char *const *)sources->pvs,
		.nr_pvs = sources->nr_pvs,
		.text_path = sources->text_path,
	};
	struct bp_source *source;
	struct io *io;
	bool exists;
	int r;

	if (!holds_something_else(path, &exists) && exists)
		return -ENOENT;
	if (exists && (flags & (IO_WRITE | IO_OUTPUT)))
		return -ENOENT; /* to be written in place: never through a source */
	r = bp_source_open(ctx, path, &opts, &source);
	/* Without disks named a name that is not found is a mere path. */
	if (r < 0)
		return exists || (r == -ENXIO && !sources->nr_pvs) ? -ENOENT : r;
	/* The file itself: whatever is wrong with it is for the caller to find. */
	if (exists && bp_source_kind(source) == BP_SOURCE_METADATA && !source->packed) {
		bp_source_close(source);
		return -ENOENT;
	}
	if (flags & (IO_WRITE | IO_OUTPUT)) {
		bp_source_close(source);
		return bp_fail(ctx, -EROFS,
			       "'%s' is read from disks where it is not active: nothing is "
			       "written there",
			       path);
	}
	r = source_metadata_io(source, &io);
	if (r == 0) {
		r = source_io_new(source, io, ret);
		if (r < 0) {
			io_close(io);
			bp_fail_memory(ctx);
		}
	}
	if (r < 0)
		bp_source_close(source);
	return r == -ENOENT ? -EINVAL : r;
}

static void sources_free(void *data)
{
	struct sources *sources = data;

	for (size_t i = 0; i < sources->nr_pvs; i++)
		free(sources->pvs[i]);
	free(sources->pvs);
	free(sources->text_path);
	free(sources);
}

/*
 * Owned: the caller's strings may go. What was copied is counted, so that freeing is right
 * at any point.
 */
static int copy_opts(struct sources *sources, const struct bp_source_opts *o)
{
	sources->pvs = calloc(o->nr_pvs + 1, sizeof(char *));
	if (!sources->pvs)
		return -ENOMEM;
	for (size_t i = 0; i < o->nr_pvs; i++) {
		sources->pvs[i] = strdup(o->pvs[i]);
		if (!sources->pvs[i])
			return -ENOMEM;
		sources->nr_pvs++;
	}
	if (o->text_path && !(sources->text_path = strdup(o->text_path)))
		return -ENOMEM;
	return 0;
}

/* From here on paths in this context may be volumes. NULL: no longer. */
int bp_ctx_use_sources(struct bp_ctx *ctx, const struct bp_source_opts *opts)
{
	struct sources *sources;
	struct bp_source_opts o;
	int r;

	if (!opts) {
		ctx_room_set(ctx, CTX_ROOM_SOURCES, NULL, NULL);
		return 0;
	}
	r = opts_read(ctx, &o, sizeof(o), opts);
	if (r < 0)
		return r;
	sources = calloc(1, sizeof(*sources));
	if (!sources)
		return bp_fail_memory(ctx);
	sources->resolver.open = resolve;
	if (copy_opts(sources, &o) < 0) {
		sources_free(sources);
		return bp_fail_memory(ctx);
	}
	ctx_room_set(ctx, CTX_ROOM_SOURCES, sources, sources_free);
	return 0;
}
