/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making metadata from a dump, in one pass over the text. Whatever a check would find fatal in
 * the result is refused here, with its line.
 */
#include "formats/era/restore.h"

#include "core/opts.h"
#include "formats/era/build.h"
#include "formats/era/meta.h"
#include "formats/era/xml.h"
#include "formats/xml/file.h"

#include <inttypes.h>

struct restore {
	struct bp_ctx *ctx;
	const struct bp_era_restore_opts *opts;
	struct era_build build;
	bool any_writeset;
	uint32_t last_era;               /* of the writeset before, if any */
	uint64_t next_bit, next_element; /* the lowest block that may come */
};

static int fail_xml(struct restore *re, int r)
{
	error_set_code(re->ctx, BP_E_XML);
	return r;
}

/* The kernel's bounds: what it would refuse is not written. */
static int open_superblock(struct restore *re, const struct era_xml_superblock *sb)
{
	const struct era_make make = {
		.data_block_sectors = (uint32_t)sb->block_size,
		.nr_blocks = (uint32_t)sb->nr_blocks,
		.current_era = (uint32_t)sb->current_era,
	};

	if (!era_block_sectors_valid(sb->block_size))
		return fail_xml(re, bp_fail(re->ctx, -EINVAL,
					    "invalid data block size: %" PRIu64
					    " sectors are not a multiple of %d",
					    sb->block_size, ERA_BLOCK_SECTORS_FACTOR));
	if (sb->nr_blocks > ERA_BLOCKS_MAX)
		return fail_xml(re, bp_fail(re->ctx, -EINVAL,
					    "%" PRIu64 " blocks: an origin has at most %d",
					    sb->nr_blocks, ERA_BLOCKS_MAX));
	return era_build_start(&re->build, &make);
}

/* Eras rise by one each: the kernel digests the lowest of them first. */
static int open_writeset(struct restore *re, const struct era_xml_writeset *ws)
{
	uint32_t current = re->build.make.current_era;

	if (ws->era > current)
		return fail_xml(re, bp_fail(re->ctx, -EINVAL,
					    "a writeset of era %" PRIu64
					    ", but the current era is %u",
					    ws->era, current));
	if (re->any_writeset && ws->era != re->last_era + UINT64_C(1))
		return fail_xml(re,
				bp_fail(re->ctx, -EINVAL,
					"keys out of order: the writeset of era %" PRIu64
					" behind that of era %u, which must rise by one each",
					ws->era, re->last_era));
	re->any_writeset = true;
	re->last_era = (uint32_t)ws->era;
	re->next_bit = 0;
	return era_build_writeset(&re->build, (uint32_t)ws->era, (uint32_t)ws->nr_bits);
}

/* Blocks [@begin, @begin + @len) of @nr come next. */
static int expect_blocks(struct restore *re, uint64_t begin, uint64_t len, uint64_t nr,
			 uint64_t *next)
{
	if (begin >= nr || len > nr - begin)
		return fail_xml(re,
				bp_fail(re->ctx, -EINVAL,
					"block out of bounds: %" PRIu64 ", there are %" PRIu64,
					begin + (len ? len - 1 : 0), nr));
	if (begin < *next)
		return fail_xml(re, bp_fail(re->ctx, -EINVAL,
					    "keys out of order: block %" PRIu64
					    " behind block %" PRIu64,
					    begin, *next - 1));
	*next = begin + len;
	return 0;
}

static int on_bits(struct restore *re, uint64_t begin, uint64_t len, bool value)
{
	int r = expect_blocks(re, begin, len, re->build.nr_bits, &re->next_bit);

	return r < 0 || !value ? r : era_build_written(&re->build, begin, begin + len);
}

/* Blocks in order and without holes: the array is built from left to right. */
static int on_era(struct restore *re, const struct era_xml_era *e)
{
	uint32_t current = re->build.make.current_era;
	int r = expect_blocks(re, e->block, 1, re->build.make.nr_blocks, &re->next_element);

	if (r < 0)
		return r;
	if (e->era > current)
		return fail_xml(re, bp_fail(re->ctx, -EINVAL,
					    "block %" PRIu64 " has era %" PRIu64
					    ", but the current era is %u",
					    e->block, e->era, current));
	return era_build_era(&re->build, (uint32_t)e->block, (uint32_t)e->era);
}

/* The schema has checked what may stand where. */
static int on_open(void *user, unsigned element, const void *values)
{
	struct restore *re = user;
	const struct era_xml_bit *bit = values;
	const struct era_xml_marked *marked = values;

	switch ((enum era_xml)element) {
	case ERA_XML_BIT:
		return on_bits(re, bit->block, 1, bit->value);
	case ERA_XML_MARKED:
		return on_bits(re, marked->block_begin, marked->len, true);
	case ERA_XML_ERA:
		return on_era(re, values);
	case ERA_XML_SUPERBLOCK:
		return open_superblock(re, values);
	case ERA_XML_WRITESET:
		return open_writeset(re, values);
	case ERA_XML_ERA_ARRAY:
	case ERA_XML_COUNT:
		break;
	}
	return 0;
}

static int on_close(void *user, unsigned element)
{
	(void)user;
	(void)element;
	return 0;
}

/*
 * The dump of a metadata snapshot: what was written since is not known, and kernels leave no metadata
 * without a writeset of the current era.
 */
static int add_current(struct restore *re, uint32_t current)
{
	uint32_t nr = re->build.make.nr_blocks;
	int r = era_build_writeset(&re->build, current, nr);

	bp_warn(re->ctx,
		"no writeset of the current era %" PRIu32 ": all blocks count as written in it",
		current);
	return r == 0 ? era_build_written(&re->build, 0, nr) : r;
}

/* The last writeset is the current era's, or that has none yet. */
static int check_last(struct restore *re)
{
	uint32_t current = re->build.make.current_era;

	if (!re->any_writeset || re->last_era == current)
		return 0;
	if (re->last_era + 1 == current)
		return add_current(re, current);
	return fail_xml(re, bp_fail(re->ctx, -EINVAL,
				    "the writesets end with era %u, but the current era is %u",
				    re->last_era, current));
}

static void restore_freep(struct restore **re)
{
	if (!*re)
		return;
	era_build_done(&(*re)->build);
	free(*re);
}

/* @io has no valid superblock before the last write. */
int era_restore_io(struct bp_ctx *ctx, const struct xml_source *source, struct io *io,
		   const struct bp_era_restore_opts *opts)
{
	_cleanup_(restore_freep) struct restore *re = calloc(1, sizeof(*re));
	struct xml_handler handler = { .open = on_open, .close = on_close, .user = re };
	struct bp_era_restore_opts known;
	int r;

	if (!re)
		return bp_fail_memory(ctx);
	r = opts_read(ctx, &known, sizeof(known), opts);
	if (r < 0)
		return r;
	re->ctx = ctx;
	re->opts = &known;
	r = era_build_init(&re->build, ctx, io);
	if (r == 0)
		r = xml_read(ctx, &era_xml_schema, source, &handler);
	if (r == 0)
		r = check_last(re);
	return r == 0 ? era_build_finish(&re->build) : r;
}

static int restore_into(struct bp_ctx *ctx, const struct xml_source *source, struct io *io,
			const void *opts)
{
	return era_restore_io(ctx, source, io, opts);
}

int bp_era_restore(struct bp_ctx *ctx, int xml_fd, const char *xml_name, const char *path,
		   const struct bp_era_restore_opts *opts)
{
	static const struct xml_restore format = {
		XML_RESTORE_OPTS(struct bp_era_restore_opts),
		.into = restore_into,
	};

	return xml_restore(ctx, &format, xml_fd, xml_name, path, opts);
}
