/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options are judged before anything is opened. The same options make the same metadata. */
#include "formats/check/generate.h"

#include "core/opts.h"
#include "io/io.h"

int generate_refuse(struct bp_ctx *ctx, const char *why)
{
	int r = bp_fail(ctx, -EINVAL, "%s", why);

	error_set_code(ctx, BP_E_USAGE);
	return r;
}

uint64_t generate_scatter(uint64_t i)
{
	i ^= i >> 31;
	i *= UINT64_C(0x9e3779b97f4a7c15);
	return i ^ i >> 29;
}

/* Options are settled before the file is opened. */
int generate_path(const struct generate_format *format, struct bp_ctx *ctx, const char *path,
		  const void *opts)
{
	_cleanup_(freep) void *o = calloc(1, format->opts_size);
	struct io *io;
	int r = o ? opts_read(ctx, o, format->opts_size, opts) : bp_fail_memory(ctx);

	if (r == 0)
		r = format->settle(ctx, o);
	if (r == 0)
		r = io_open(ctx, path, IO_WRITE | IO_OUTPUT, &io);
	if (r < 0)
		return r;
	r = format->make(ctx, io, o);
	io_close(io);
	return r;
}

/* --- what is there, changed --- */

/* Block 0 into @buf; it must be a superblock that can be used. */
static int open_superblock(const struct generate_superblock *sb, struct bp_ctx *ctx,
			   const char *path, void *buf, struct io **ret)
{
	int r = buf ? io_open(ctx, path, IO_WRITE, ret) : bp_fail_memory(ctx);

	if (r < 0)
		return r;
	r = io_read(*ret, 0, 1, buf);
	if (r < 0)
		bp_fail(ctx, r, "cannot read the superblock: %s", strerrordesc_np(-r));
	else
		r = sb->check(ctx, buf);
	if (r < 0)
		io_close(*ret);
	return r;
}

static int write_superblock(const struct generate_superblock *sb, struct bp_ctx *ctx,
			    struct io *io, void *buf)
{
	block_seal(buf, sb->kind, 0);
	return leak_write(ctx, io, 0, buf);
}

/* The checksum is made right: what is to be tested is the field. */
int generate_change(const struct generate_superblock *sb, struct bp_ctx *ctx, const char *path,
		    void (*change)(void *superblock, const void *how), const void *how)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	struct io *io;
	int r = open_superblock(sb, ctx, path, buf, &io);

	if (r < 0)
		return r;
	change(buf, how);
	r = write_superblock(sb, ctx, io, buf);
	io_close(io);
	return r;
}

/* Only counts change; the space map's total follows. */
int generate_leak(const struct generate_superblock *sb, struct bp_ctx *ctx, const char *path,
		  const struct leak *leak)
{
	_cleanup_(freep) uint8_t *buf = io_buffer_new(1);
	struct io *io;
	int r = open_superblock(sb, ctx, path, buf, &io);

	if (r < 0)
		return r;
	r = leak_make(ctx, io, buf + sb->map_root, leak);
	if (r == 0)
		r = write_superblock(sb, ctx, io, buf);
	io_close(io);
	return r;
}
