/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making metadata from a dump, in one pass over the text. Whatever a check would find fatal in
 * the result is refused here, with its line.
 */
#include "formats/cache/restore.h"

#include "core/opts.h"
#include "formats/cache/build.h"
#include "formats/cache/meta.h"
#include "formats/cache/origins.h"
#include "formats/cache/xml.h"
#include "formats/xml/file.h"

#include <inttypes.h>

struct restore {
	struct bp_ctx *ctx;
	const struct bp_cache_restore_opts *opts;
	struct cache_build build;
	struct origins origins;
	uint64_t next_mapping, next_hint; /* the lowest cache block that may come */
	bool warned;
};

static int fail_xml(struct restore *re, int r)
{
	error_set_code(re->ctx, BP_E_XML);
	return r;
}

/* --- superblock --- */

/* What the kernel would refuse when it activates it. */
static int refuse_superblock(struct restore *re, const struct cache_xml_superblock *sb)
{
	if (!cache_block_sectors_valid(sb->block_size))
		return fail_xml(re, bp_fail(re->ctx, -EINVAL,
					    "invalid data block size: %" PRIu64
					    " sectors are not a multiple of %d from %d to %d",
					    sb->block_size, CACHE_BLOCK_SECTORS_FACTOR,
					    CACHE_BLOCK_SECTORS_MIN, CACHE_BLOCK_SECTORS_MAX));
	if (sb->policy.len > 15)
		return fail_xml(re, bp_fail(re->ctx, -EINVAL,
					    "policy '%.*s' is longer than 15 characters", 40,
					    sb->policy.text));
	if (sb->hint_width != 0 && sb->hint_width != CACHE_HINT_BYTES)
		return fail_xml(re, bp_fail(re->ctx, -EINVAL,
					    "hint_width is %" PRIu64 ", but hints have 4 bytes",
					    sb->hint_width));
	return 0;
}

/* Clean, unless the caller says what was not: a restored cache's dirty flags are the text's. */
static int open_superblock(struct restore *re, const struct cache_xml_superblock *sb)
{
	struct cache_make make = {
		.flags = re->opts->flags & BP_CACHE_RESTORE_UNCLEAN ? 0 : BP_CACHE_CLEAN,
		.version = re->opts->version ? re->opts->version : CACHE_VERSION,
		.policy_version = { 2, 0, 0 },
		.hint_bytes = (uint32_t)sb->hint_width,
		.data_block_sectors = (uint32_t)sb->block_size,
		.nr_cache_blocks = (uint32_t)sb->nr_cache_blocks,
	};
	int r = refuse_superblock(re, sb);

	if (r < 0)
		return r;
	memcpy(make.policy, sb->policy.text, sb->policy.len);
	r = cache_build_start(&re->build, &make);
	if (r == 0 && origins_init(&re->origins, make.nr_cache_blocks) < 0)
		r = bp_fail_memory(re->ctx);
	return r;
}

/* --- mappings and hints --- */

/* Rising and inside: the arrays are built in one pass. */
static int check_block(struct restore *re, const char *what, uint64_t block, uint64_t *next)
{
	uint64_t nr = re->build.make.nr_cache_blocks;

	if (block >= nr)
		return fail_xml(re, bp_fail(re->ctx, -EINVAL,
					    "block out of bounds: %s of cache block %" PRIu64
					    ", there are %" PRIu64,
					    what, block, nr));
	if (block < *next)
		return fail_xml(re, bp_fail(re->ctx, -EINVAL,
					    "keys out of order: %s of cache block %" PRIu64
					    " behind that of %" PRIu64,
					    what, block, *next - 1));
	*next = block + 1;
	return 0;
}

/* Two cache blocks of one origin block are refused: the kernel would not look. */
static int on_mapping(struct restore *re, const struct cache_xml_mapping *m)
{
	bool twice = false;
	int r = check_block(re, "mapping", m->cache_block, &re->next_mapping);

	if (r < 0)
		return r;
	if (origins_add(&re->origins, m->origin_block, &twice) < 0)
		return bp_fail_memory(re->ctx);
	if (twice)
		return fail_xml(re, bp_fail(re->ctx, -EINVAL,
					    "origin block %" PRIu64
					    " is mapped by an earlier cache block already",
					    m->origin_block));
	return cache_build_mapping(&re->build, (uint32_t)m->cache_block, m->origin_block,
				   m->dirty);
}

static int on_hint(struct restore *re, const struct cache_xml_hint *hint)
{
	int r = check_block(re, "hint", hint->cache_block, &re->next_hint);

	if (r < 0)
		return r;
	return cache_build_hint(&re->build, (uint32_t)hint->cache_block, hint->data);
}

/* --- elements --- */

/* Discards are left out: losing them is safe, having one too many is not. */
static int on_open(void *user, unsigned element, const void *values)
{
	struct restore *re = user;

	switch ((enum cache_xml)element) {
	case CACHE_XML_MAPPING:
		return on_mapping(re, values);
	case CACHE_XML_HINT:
		return on_hint(re, values);
	case CACHE_XML_SUPERBLOCK:
		return open_superblock(re, values);
	case CACHE_XML_DISCARD:
		if (!re->warned)
			bp_warn(re->ctx, "discards are not restored");
		re->warned = true;
		return 0;
	case CACHE_XML_MAPPINGS:
	case CACHE_XML_HINTS:
	case CACHE_XML_DISCARDS:
	case CACHE_XML_COUNT:
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

static void restore_freep(struct restore **re)
{
	if (!*re)
		return;
	origins_done(&(*re)->origins);
	cache_build_done(&(*re)->build);
	free(*re);
}

/* Memory: the origins seen, and the block at hand of each array. */
int cache_restore_io(struct bp_ctx *ctx, const struct xml_source *source, struct io *io,
		     const struct bp_cache_restore_opts *opts)
{
	_cleanup_(restore_freep) struct restore *re = calloc(1, sizeof(*re));
	struct xml_handler handler = { .open = on_open, .close = on_close, .user = re };
	struct bp_cache_restore_opts known;
	int r;

	if (!re)
		return bp_fail_memory(ctx);
	r = opts_read(ctx, &known, sizeof(known), opts);
	if (r < 0)
		return r;
	re->ctx = ctx;
	re->opts = &known;
	r = cache_build_init(&re->build, ctx, io);
	if (r == 0)
		r = xml_read(ctx, &cache_xml_schema, source, &handler);
	return r == 0 ? cache_build_finish(&re->build) : r;
}

/* Before the output is opened. */
static int refuse_version(struct bp_ctx *ctx, const void *opts)
{
	const struct bp_cache_restore_opts *o = opts;
	int r;

	if (o->version <= CACHE_VERSION)
		return 0;
	r = bp_fail(ctx, -EINVAL, "unsupported metadata version %u", o->version);
	error_set_code(ctx, BP_E_USAGE);
	return r;
}

static int restore_into(struct bp_ctx *ctx, const struct xml_source *source, struct io *io,
			const void *opts)
{
	return cache_restore_io(ctx, source, io, opts);
}

/* The XML itself as output is refused, see xml_restore(). */
int bp_cache_restore(struct bp_ctx *ctx, int xml_fd, const char *xml_name, const char *path,
		     const struct bp_cache_restore_opts *opts)
{
	static const struct xml_restore format = {
		XML_RESTORE_OPTS(struct bp_cache_restore_opts),
		.judge = refuse_version,
		.into = restore_into,
	};

	return xml_restore(ctx, &format, xml_fd, xml_name, path, opts);
}
