/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools on loop devices, as stacks: what makes them all or nothing, and repeatable, is apply.c's.
 * Promised: a pool of this name that others made is not touched. Not promised: two directories with
 * files of one name are told apart by nothing but the directory that is given.
 */
#include <bedplate/loop_pool.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/opts.h"
#include "core/strbuf.h"
#include "dm/scope/state.h"
#include "dm/stackfile/stackfile.h"

#define BLOCK_DEFAULT    128 /* sectors */
#define BLOCK_MOST       2097152
#define METADATA_A_BLOCK 64 /* bytes for each data block: as LVM reckons */
#define METADATA_LEAST   (UINT64_C(2) << 20)
#define METADATA_MOST    UINT64_C(17045651456) /* 15.875 GiB: more the kernel does not use */
#define MBLOCK           4096
#define STACK_PREFIX     "pool-"

static void stackfile_freep(struct bp_stackfile **file)
{
	bp_stackfile_free(*file);
}

struct loop_pool {
	struct bp_ctx *ctx;
	struct dm *dm;
	const char *name;
	struct bp_loop_pool_opts opts;
	char directory[PATH_MAX / 2];
};

static int fail_pool(const struct loop_pool *p, int r, enum bp_error_code code, const char *why)
{
	bp_fail(p->ctx, r, "pool '%s': %s", p->name, why);
	error_set_code(p->ctx, code);
	error_set_device(p->ctx, p->name);
	return r;
}

/* By the UUID that creating it gave: a name proves nothing. */
bool bp_loop_pool_is(const struct bp_device_info *info)
{
	char uuid[2 * BP_NAME_SIZE + 32];

	snprintf(uuid, sizeof(uuid), "bedplate-stack:" STACK_PREFIX "%s:%s", info->name,
		 info->name);
	return streq(info->uuid, uuid);
}

/* --- what is asked for --- */

/* It becomes part of file names. */
static bool name_ok(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < BP_LOOP_POOL_NAME_SIZE && name[0] != '.' && name[0] != '-' &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			    "0123456789._-") == len;
}

/* The path becomes a word of a stack file: blanks and signs of that are refused. */
static int find_directory(struct loop_pool *p)
{
	const char *state = getenv(STATE_DIR_ENV), *given = p->opts.directory;
	int n = given ? snprintf(p->directory, sizeof(p->directory), "%s", given)
		      : snprintf(p->directory, sizeof(p->directory), "%s/pools",
				 state && *state ? state : STATE_DIR_DEFAULT);

	if (n < 0 || (size_t)n >= sizeof(p->directory) || p->directory[0] != '/' ||
	    strpbrk(p->directory, " \t\n#@"))
		return fail_pool(
			p, -EINVAL, BP_E_USAGE,
			"the files' directory is no absolute path without blanks, # and @");
	return 0;
}

/* Names are part of a uuid and of file names: shorter and stricter than elsewhere. */
static int begin(struct bp_ctx *ctx, const char *name, const struct bp_loop_pool_opts *opts,
		 struct loop_pool *ret)
{
	int r;

	ret->ctx = ctx;
	ret->name = name;
	r = dm_get(ctx, &ret->dm);
	if (r == 0)
		r = opts_read(ctx, &ret->opts, sizeof(ret->opts), opts);
	if (r < 0)
		return r;
	if (!name_ok(name))
		return fail_pool(
			ret, -EINVAL, BP_E_NAME,
			"a pool on loop devices has up to 27 of A-Z a-z 0-9 . _ - as its name, "
			"none of . and - first");
	return find_directory(ret);
}

/* Nobody else's device of this name. -ENXIO: there is none, and no error is kept of it. */
static int find(const struct loop_pool *p, struct bp_device_info *ret)
{
	struct bp_selector which = { .name = p->name };
	int r = bp_device_info(p->ctx, &which, ret);

	if (r == 0 && !bp_loop_pool_is(ret))
		r = fail_pool(p, -EEXIST, BP_E_EXISTS,
			      "a device of this name is there, and no pool on loop devices "
			      "made here");
	return r;
}

/*
 * METADATA_A_BLOCK bytes for each data block, at least METADATA_LEAST: room for snapshots,
 * which need more than the bare mappings.
 */
static uint64_t metadata_size(const struct loop_pool *p, uint64_t nr_blocks)
{
	uint64_t size = p->opts.metadata_bytes;

	if (!size)
		size = nr_blocks < METADATA_MOST / METADATA_A_BLOCK
			       ? nr_blocks * METADATA_A_BLOCK
			       : METADATA_MOST;
	if (size < METADATA_LEAST && !p->opts.metadata_bytes)
		size = METADATA_LEAST;
	return DIV_UP(size, MBLOCK) * MBLOCK;
}

/* Its table's feature words. */
static void add_features(const struct loop_pool *p, struct strbuf *text)
{
	static const struct {
		uint32_t flag;
		const char *word;
	} features[] = {
		{ BP_POOL_SKIP_ZEROING, "skip_block_zeroing" },
		{ BP_POOL_IGNORE_DISCARD, "ignore_discard" },
		{ BP_POOL_NO_DISCARD_PASSDOWN, "no_discard_passdown" },
		{ BP_POOL_ERROR_IF_NO_SPACE, "error_if_no_space" },
	};
	unsigned count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		count += !!(p->opts.pool_flags & features[i].flag);
	if (count)
		strbuf_addf(text, " %u", count);
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (p->opts.pool_flags & features[i].flag)
			strbuf_addf(text, " %s", features[i].word);
}

/* The stack's description; @sectors 0: only what is needed to find it. */
static int describe(const struct loop_pool *p, uint64_t metadata_bytes, bp_sector sectors,
		    struct bp_stackfile **ret)
{
	_cleanup_(freep) char *text = NULL;
	struct strbuf s = { 0 };

	strbuf_addf(&s, "stack " STACK_PREFIX "%s\n", p->name);
	strbuf_addf(&s, "loop metadata %" PRIu64 " %s/%s.metadata\n",
		    bp_bytes_to_sector(metadata_bytes), p->directory, p->name);
	strbuf_addf(&s, "loop data %" PRIu64 " %s/%s.data\n", sectors, p->directory, p->name);
	strbuf_addf(&s,
		    "device %s\n\t0 %" PRIu64 " thin-pool @metadata @data %" PRIu64 " %" PRIu64,
		    p->name, sectors, p->opts.data_block_sectors, p->opts.low_water_dblocks);
	add_features(p, &s);
	strbuf_addf(&s, "\n");
	if (strbuf_take(&s, &text) < 0)
		return bp_fail_memory(p->ctx);
	return bp_stackfile_parse(p->ctx, text, ret);
}

/* --- made --- */

/* Others may make it at the same time. */
static int make_one(const struct loop_pool *p, const char *path)
{
	int r = mkdir(path, 0755) < 0 ? -errno : 0;

	if (r == 0 || r == -EEXIST)
		return 0;
	bp_fail(p->ctx, r, "'%s': %s", path, strerrordesc_np(-r));
	error_set_device(p->ctx, p->name);
	return r;
}

/* Each directory of the path that is not there. */
static int make_directory(const struct loop_pool *p)
{
	char part[sizeof(p->directory)];
	int r = 0;

	for (size_t i = 1; r == 0 && i <= strlen(p->directory); i++) {
		if (p->directory[i] != '/' && p->directory[i] != '\0')
			continue;
		memcpy(part, p->directory, i);
		part[i] = '\0';
		r = make_one(p, part);
	}
	return r;
}

/* Before files are made. */
static int check_block(struct loop_pool *p, bp_bytes data_bytes)
{
	bp_sector *block = &p->opts.data_block_sectors;

	if (!*block)
		*block = BLOCK_DEFAULT;
	if (*block % BLOCK_DEFAULT || *block > BLOCK_MOST)
		return fail_pool(p, -EINVAL, BP_E_USAGE,
				 "a data block has 64 KiB to 1 GiB, in steps of 64 KiB");
	if (!data_bytes || data_bytes > INT64_MAX - bp_sector_to_bytes(*block))
		return fail_pool(p, -EINVAL, BP_E_USAGE, "no size for a file");
	return 0;
}

/* A stack file in memory: what stacks promise holds for it. */
int bp_loop_pool_create(struct bp_ctx *ctx, const char *name, bp_bytes data_bytes,
			const struct bp_loop_pool_opts *opts, struct bp_stack_changes **ret)
{
	_cleanup_(stackfile_freep) struct bp_stackfile *file = NULL;
	struct bp_stackfile_opts apply = { .size = sizeof(apply) };
	struct loop_pool p = { 0 };
	struct bp_device_info info;
	uint64_t nr_blocks;
	int r = begin(ctx, name, opts, &p);

	if (r == 0)
		r = check_block(&p, data_bytes);
	if (r == 0)
		r = find(&p, &info);
	if (r < 0 && r != -ENXIO)
		return r;
	nr_blocks = DIV_UP(data_bytes, bp_sector_to_bytes(p.opts.data_block_sectors));
	r = describe(&p, metadata_size(&p, nr_blocks), nr_blocks * p.opts.data_block_sectors,
		     &file);
	if (r == 0 && !planning(p.dm))
		r = make_directory(&p);
	apply.timeout_ms = p.opts.timeout_ms;
	return r < 0 ? r : bp_stackfile_apply(ctx, file, &apply, ret);
}

/* --- away --- */

/* Its volumes go with it; those would keep the pool. */
static int remove_pool(const struct loop_pool *p)
{
	struct bp_remove_opts how = {
		.size = sizeof(how),
		.flags = BP_REMOVE_RETRY,
		.timeout_ms = p->opts.timeout_ms,
	};
	struct bp_pool *pool = NULL;
	struct bp_device_info info;
	int r = find(p, &info);

	/* One without its table, as a create that was killed leaves it, goes with the stack. */
	if (r < 0 || !info.live_table)
		return r == -ENXIO ? 0 : r;
	r = bp_pool_open(p->ctx, &(struct bp_selector){ .name = p->name }, &pool);
	if (r == 0)
		r = bp_pool_remove(pool, &how);
	bp_pool_close(pool);
	return r;
}

/* Sizes don't matter to take it down: any description of this name will do. */
int bp_loop_pool_remove(struct bp_ctx *ctx, const char *name,
			const struct bp_loop_pool_opts *opts, struct bp_stack_changes **ret)
{
	_cleanup_(stackfile_freep) struct bp_stackfile *file = NULL;
	struct bp_stackfile_opts down = { .size = sizeof(down) };
	struct loop_pool p = { 0 };
	int r = begin(ctx, name, opts, &p);

	if (r < 0)
		return r;
	p.opts.data_block_sectors = BLOCK_DEFAULT;
	r = describe(&p, METADATA_LEAST, BLOCK_DEFAULT, &file);
	if (r == 0)
		r = remove_pool(&p);
	down.timeout_ms = p.opts.timeout_ms;
	if (p.opts.flags & BP_LOOP_POOL_DELETE_FILES)
		down.flags = BP_STACKFILE_DELETE_FILES;
	return r < 0 ? r : bp_stackfile_down(ctx, file, &down, ret);
}
