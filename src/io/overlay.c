/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An io with some of its blocks replaced, and blocks added behind its end. Reading only; what
 * lies below stays the caller's and is never written.
 *
 * Memory: 4096 bytes and a pointer for each block replaced or added.
 */
#include "core/vec.h"
#include "io/io.h"

struct patch {
	bp_mblock block;
	uint8_t *data;
};

struct overlay {
	struct io io;
	struct io *base;
	VEC(struct patch) patches; /* by block, once sealed */
};

static struct overlay *overlay_of(struct io *io)
{
	return (struct overlay *)(void *)io;
}

/* Index of the first patch at or after @block. */
static size_t find(const struct overlay *o, bp_mblock block)
{
	return vec_bisect(&o->patches, item, item->block < block);
}

static int read_below(struct overlay *o, const struct io_run *run)
{
	struct io_run part = *run;
	size_t i = find(o, run->first);

	/* A block that is replaced need not be readable. */
	if (run->count == 1 && i < o->patches.count && o->patches.items[i].block == run->first)
		return 0;
	if (run->first >= o->base->nr_blocks) {
		memset(run->buf, 0, run->count * IO_BLOCK);
		return 0;
	}
	part.count = (size_t)MIN(part.count, o->base->nr_blocks - part.first);
	memset((uint8_t *)run->buf + part.count * IO_BLOCK, 0,
	       (run->count - part.count) * IO_BLOCK);
	return o->base->ops->read(o->base, &part, 1);
}

/*
 * Large runs that lie wholly in the base are read at once and patched in memory; others
 * block by block, as blocks behind the base's end come from patches alone.
 */
static int overlay_read(struct io *io, const struct io_run *runs, size_t nr)
{
	struct overlay *o = overlay_of(io);
	bool plain = true;
	int r = 0;

	for (size_t i = 0; i < nr; i++)
		plain &= runs[i].first + runs[i].count <= o->base->nr_blocks &&
			 runs[i].count > 1;
	if (plain)
		r = o->base->ops->read(o->base, runs, nr);
	for (size_t i = 0; !plain && r == 0 && i < nr; i++)
		r = read_below(o, &runs[i]);
	for (size_t i = 0; r == 0 && i < nr; i++) {
		bp_mblock end = runs[i].first + runs[i].count;

		for (size_t k = find(o, runs[i].first);
		     k < o->patches.count && o->patches.items[k].block < end; k++)
			memcpy((uint8_t *)runs[i].buf +
				       (o->patches.items[k].block - runs[i].first) * IO_BLOCK,
			       o->patches.items[k].data, IO_BLOCK);
	}
	return r;
}

/* What the base has, and patches in its holes or behind its end. */
static int overlay_data_next(struct io *io, bp_mblock from, bp_mblock *ret_begin,
			     bp_mblock *ret_end)
{
	struct overlay *o = overlay_of(io);
	size_t i = find(o, from);
	int r = io_data_next(o->base, from, ret_begin, ret_end);

	if (r < 0)
		return r;
	if (from >= o->base->nr_blocks || *ret_begin >= o->base->nr_blocks)
		*ret_begin = *ret_end = io->nr_blocks;
	if (i < o->patches.count && o->patches.items[i].block < *ret_begin) {
		*ret_begin = o->patches.items[i].block;
		*ret_end = *ret_begin + 1;
	}
	return 0;
}

static void overlay_close(struct io *io)
{
	struct overlay *o = overlay_of(io);

	for (size_t i = 0; i < o->patches.count; i++)
		free(o->patches.items[i].data);
	vec_done(&o->patches);
	free(o);
}

static const struct io_ops overlay_ops = {
	.name = "overlay",
	.read = overlay_read,
	.data_next = overlay_data_next,
	.close = overlay_close,
};

/* @base is lent, not taken: it stays usable beside. */
int io_overlay_new(struct io *base, struct io **ret)
{
	struct overlay *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->io = *base;
	o->io.ops = &overlay_ops;
	o->io.writable = false;
	o->base = base;
	*ret = &o->io;
	return 0;
}

int io_overlay_put(struct io *overlay, bp_mblock block, const void *data)
{
	struct overlay *o = overlay_of(overlay);
	struct patch patch = { .block = block, .data = malloc(IO_BLOCK) };

	if (!patch.data || vec_add(&o->patches, &patch) < 0) {
		free(patch.data);
		return -ENOMEM;
	}
	memcpy(patch.data, data, IO_BLOCK);
	o->io.nr_blocks = MAX(o->io.nr_blocks, block + 1);
	return 0;
}

static int by_block(const void *a, const void *b)
{
	const struct patch *x = a, *y = b;

	return x->block < y->block ? -1 : x->block > y->block;
}

void io_overlay_seal(struct io *overlay)
{
	struct overlay *o = overlay_of(overlay);

	if (o->patches.count)
		qsort(o->patches.items, o->patches.count, sizeof(o->patches.items[0]),
		      by_block);
}
