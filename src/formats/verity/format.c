/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making a tree on a device or in a file. Order of writes, each flushed before the next: the
 * superblock's place zeroed; the tree; the superblock. Interrupted, there is no superblock. Where
 * there shall be none, only the root digest, which is told last, makes a tree of it. Nothing is
 * written outside of superblock and tree.
 */
#include "core/opts.h"
#include "core/strbuf.h"
#include "formats/verity/open.h"
#include "io/output.h"
#include "io/probe.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

/* Superblock zeroed first and written last, after a flush: interrupted, there is no tree. */
int verity_format_media(struct verity *v)
{
	bp_bytes at = v->opts->hash_offset_bytes;
	uint8_t disk[VERITY_SUPER_BYTES] = { 0 };
	int r = 0;

	if (v->tree.has_superblock) {
		r = v->hash.write(v->hash.self, at, sizeof(disk), disk);
		if (r == 0)
			r = v->hash.flush(v->hash.self);
	}
	if (r == 0)
		r = verity_make(v);
	if (r == 0)
		r = v->hash.flush(v->hash.self);
	if (r < 0 || !v->tree.has_superblock)
		return r;
	verity_super_encode(&v->tree, disk);
	r = v->hash.write(v->hash.self, at, sizeof(disk), disk);
	return r < 0 ? r : v->hash.flush(v->hash.self);
}

/* --- what may be written to --- */

struct format {
	struct bp_ctx *ctx;
	struct bp_verity_opts opts;
	const char *data_path, *hash_path;
	bool same;    /* one device holds both */
	bool created; /* the hash file was not there before */
};

static int refuse(struct format *f, int r, enum bp_error_code code, const char *path)
{
	error_set_code(f->ctx, code);
	error_set_device(f->ctx, path);
	return r;
}

/* Data may be read from where the tree goes only if the tree lies behind it. */
static int check_same(struct format *f, const struct bp_verity_tree *tree)
{
	bp_bytes end;

	if (!f->same)
		return 0;
	if (f->opts.nr_data_blocks && f->opts.hash_offset_bytes &&
	    !mul_overflow(tree->nr_data_blocks, tree->data_block_bytes, &end) &&
	    f->opts.hash_offset_bytes >= end)
		return 0;
	bp_fail(f->ctx, -EINVAL,
		"data and tree are on one device, and the tree would overwrite data");
	error_set_hint(f->ctx, "say how many blocks of data there are, and put the tree behind "
			       "them");
	return refuse(f, -EINVAL, BP_E_USAGE, f->hash_path);
}

/* What lies where the tree goes is not overwritten unasked. */
static int check_empty(struct format *f, const struct data *hash, bp_bytes end)
{
	struct probe_signature found;
	bp_bytes at = f->opts.hash_offset_bytes;
	int r;

	if (f->opts.flags & BP_VERITY_FORCE || hash->size <= at)
		return 0;
	r = probe_signature(hash->fd, at, MIN(end, hash->size) - at, &found);
	if (r == -ENODATA)
		return 0;
	if (r < 0 && r != -EILSEQ)
		return bp_fail(f->ctx, r, "cannot look for what it holds: %s",
			       strerrordesc_np(-r));
	bp_fail(f->ctx, -EEXIST, "it holds something already: %s",
		r == 0 ? found.type : "several signatures");
	error_set_hint(f->ctx, "--force overwrites it");
	return refuse(f, -EEXIST, BP_E_METADATA_EXISTS, f->hash_path);
}

/* Is there room for the tree? A file is grown. */
static int make_room(struct format *f, const struct bp_verity_tree *tree, struct data *hash)
{
	bp_bytes end =
		(tree->hash_start_blocks + tree->nr_hash_blocks) * tree->hash_block_bytes;
	int r = check_empty(f, hash, end);

	if (r < 0 || hash->size >= end)
		return r;
	if (hash->device) {
		bp_fail(f->ctx, -ENOSPC, "the tree takes %" PRIu64 " bytes, it has %" PRIu64,
			end, hash->size);
		return refuse(f, -ENOSPC, BP_E_TOO_SMALL, f->hash_path);
	}
	if (f->opts.flags & BP_VERITY_DRY_RUN)
		return 0;
	if (ftruncate(hash->fd, (off_t)end) < 0)
		return bp_fail(f->ctx, -errno, "cannot grow '%s': %s", f->hash_path,
			       strerror(errno));
	hash->size = end;
	return 0;
}

/* Only where there is none; it goes again where the tree can't be made. */
static int create_file(struct format *f)
{
	struct stat st;
	int fd;

	if (stat(f->hash_path, &st) == 0 || errno != ENOENT)
		return 0;
	fd = open(f->hash_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return bp_fail(f->ctx, -errno, "cannot create '%s': %s", f->hash_path,
			       strerror(errno));
	close(fd);
	f->created = true;
	return 0;
}

/* --- the whole --- */

/* Both may lie on one device, the tree behind the data. */
static int write_tree(struct format *f, struct verity *v, struct data *data, struct data *hash)
{
	struct verity_place data_place = { f->ctx, f->same ? hash : data };
	struct verity_place hash_place = { f->ctx, hash };
	int r = make_room(f, &v->tree, hash);

	v->data = verity_media_of(&data_place);
	v->hash = verity_media_of(&hash_place);
	if (r == 0 && !(f->opts.flags & BP_VERITY_DRY_RUN))
		r = verity_format_media(v);
	v->data = v->hash = (struct verity_media){ 0 };
	return r;
}

/* A dry run needs no file. */
static int open_hash(struct format *f, struct verity *v, struct data *data)
{
	bool dry = f->opts.flags & BP_VERITY_DRY_RUN;
	struct data *hash = NULL;
	int r = dry ? 0 : create_file(f);

	if (dry && access(f->hash_path, F_OK) < 0)
		return 0;
	if (r == 0)
		r = data_open(f->ctx, f->hash_path, DATA_WRITE, &hash);
	if (r == 0)
		r = write_tree(f, v, data, hash);
	data_close(hash);
	if (r < 0 && f->created)
		unlink(f->hash_path);
	return r;
}

/* Data are only read; the hash device is opened for writing when all sizes are known. */
static int run(struct format *f, struct verity *v)
{
	struct data *data;
	int r = data_open(f->ctx, f->data_path, DATA_SHARED, &data);

	if (r < 0)
		return r;
	r = verity_from_opts(f->ctx, &f->opts, data->size, true, &v->tree);
	if (r == 0)
		r = check_same(f, &v->tree);
	if (r == 0)
		r = verity_check_size(f->ctx, data, v->tree.nr_data_blocks,
				      v->tree.data_block_bytes);
	if (r == 0)
		r = open_hash(f, v, data);
	data_close(data);
	return r;
}

int bp_verity_format(struct bp_ctx *ctx, const char *data, const char *hash,
		     const struct bp_verity_opts *opts, struct bp_verity_tree *ret)
{
	struct format f = { .ctx = ctx, .data_path = data, .hash_path = hash };
	struct verity v = { .ctx = ctx, .opts = &f.opts };
	int r = opts_read(ctx, &f.opts, sizeof(f.opts), opts);

	if (r < 0)
		return r;
	f.same = output_refuse_input(ctx, -1, data, hash) < 0;
	r = run(&f, &v);
	return r == 0 && ret ? verity_give(ctx, ret, &v.tree) : r;
}
