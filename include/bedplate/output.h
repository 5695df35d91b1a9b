/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a tool's `--output FILE` goes: dumps, deltas, packs; anything written from front to end.
 * (Metadata that is written in place is guarded alike by the calls that write it.) Promised, for
 * every kind of file: nothing is touched before the first byte is there to be written; what is
 * read is never written over; what was there stays until the new is whole.
 */
#ifndef BEDPLATE_OUTPUT_H
#define BEDPLATE_OUTPUT_H

#include <bedplate/context.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bp_output;

/**
 * struct bp_output_opts - Zero in a member is its default.
 * @size: sizeof(struct bp_output_opts). Members are only added at the end.
 * @inputs: paths that are read while the output is written, NULL at the end; NULL: none.
 */
struct bp_output_opts {
	size_t size;
	const char *const *inputs;
};

/**
 * bp_output_new() - Name an output. Neither opened nor made before the first write.
 * @ctx: takes messages, of later calls too, and must outlive @ret.
 * @path: a file is written beside, without a name where the file system can do that, and takes
 *	the place of what is there in bp_output_commit(), with its permissions; where its
 *	directory can't be written to it is emptied at the first write. A block device is opened with O_EXCL. Pipes, terminals and
 *	/dev/stdout are written to as they are. Copied.
 * @opts: NULL for the defaults.
 * @ret: bp_output_free() it.
 *
 * Return: 0; -EINVAL (BP_E_USAGE) where @path is one of the inputs, under another name, as
 * another node of the same device, or as the file below a loop device; -EISDIR, -ENOENT (no such
 * directory), -ENOMEM.
 */
BP_API int bp_output_new(struct bp_ctx *ctx, const char *path,
			 const struct bp_output_opts *opts, struct bp_output **ret);

/**
 * bp_output_write() - Write more. A bp_write_fn: give it to bp_thin_dump() and the like.
 * @output: a struct bp_output.
 *
 * Return: 0; -EBUSY (device in use), -EACCES, -ENOSPC, -EFBIG, -EPIPE, -EIO ... After a failure
 * every later call fails alike.
 */
BP_API int bp_output_write(void *output, const char *text, size_t len);

/**
 * bp_output_error() - Whose failure was it?
 * @r: what the call returned that was given bp_output_write().
 *
 * Return: @r. If it was the output that failed its message is the context's error again.
 */
BP_API int bp_output_error(struct bp_output *output, int r);

/**
 * bp_output_commit() - All is written: flush it, and put it in its place. Last call but free.
 *
 * A device, and a file that takes another's place, is flushed to the disk before. Return: 0, or
 * -errno: what was there before is there still.
 */
BP_API int bp_output_commit(struct bp_output *output);

/**
 * bp_output_commit_partial() - What could be written is not whole. Last call but free.
 * @ret_path: where it is, lent until the output is freed: the output's path where nothing was
 *	there; else that with ".partial" behind, as a good file is worth more.
 *
 * Return: 0, or -errno.
 */
BP_API int bp_output_commit_partial(struct bp_output *output, const char **ret_path);

/* bp_output_free() - Without a commit before, nothing is left of what was written to a file. */
BP_API void bp_output_free(struct bp_output *output);

#ifdef __cplusplus
}
#endif

#endif
