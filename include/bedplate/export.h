/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Getting the bytes of a volume out of a source, without activating anything. */
#ifndef BEDPLATE_EXPORT_H
#define BEDPLATE_EXPORT_H

#include <bedplate/source.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bp_image;

/**
 * bp_image_open() - A volume of a source as bytes to read.
 * @source: must outlive @ret.
 * @volume: its name in LVM, or the number of a thin volume in decimal. A name comes first. NULL:
 *	the source's own volume, where it was opened by that volume's name.
 * @mapping_root: another root of the pool's mapping trees (of its history); 0: the superblock's. A
 *	volume that was removed since is found by its number, or by the name that older metadata
 *	texts of LVM have for it; its size comes from there too.
 * @ret: close it with bp_image_close().
 *
 * Memory: 24 bytes for each run of a thin volume's mappings, 4 for each block of a cached
 * volume's origin. Return: 0; -ENODATA (no such volume: the message lists those there are),
 * -ENOTSUP (a type that can't be read), -EINVAL, -EBADMSG, -EUCLEAN, -EIO, -ENOMEM.
 */
BP_API int bp_image_open(struct bp_source *source, const char *volume, bp_mblock mapping_root,
			 struct bp_image **ret);
BP_API void bp_image_close(struct bp_image *image);

BP_API bp_bytes bp_image_size(const struct bp_image *image);

/**
 * bp_image_is_doubtful() - May its bytes be an older state of the volume, or another volume's?
 *
 * Damaged metadata left no way to tell; a warning said so when it was opened. Blocks that it had since may
 * be missing without a trace: bp_image_map() does not show them.
 */
BP_API bool bp_image_is_doubtful(const struct bp_image *image);

/**
 * bp_image_read() - Read @len bytes at @offset. From several threads at once, if need be.
 *
 * Return: 0; -ENODATA: part of it is missing; -ERANGE: beyond the end; -EIO, -ENOMEM.
 */
BP_API int bp_image_read(struct bp_image *image, bp_bytes offset, size_t len, void *buf);

/**
 * enum bp_image_kind - What is in a range.
 * @BP_IMAGE_ZERO: never written.
 * @BP_IMAGE_DATA: to be read.
 * @BP_IMAGE_MISSING: can't be read.
 */
enum bp_image_kind {
	BP_IMAGE_ZERO = 0,
	BP_IMAGE_DATA = 1,
	BP_IMAGE_MISSING = 2,
};

/**
 * struct bp_image_range - A range of a volume. Texts are lent for the call.
 * @size: sizeof(struct bp_image_range), set by the library.
 * @file: the image or device that has it; NULL unless it is BP_IMAGE_DATA in one place.
 * @file_offset: where in @file, in bytes.
 * @why: BP_IMAGE_MISSING: in a few words.
 */
struct bp_image_range {
	size_t size;
	enum bp_image_kind kind;
	bp_bytes offset, length;
	const char *file;
	bp_bytes file_offset;
	const char *why;
};

/**
 * bp_image_map() - Call @range for every range of a volume, by rising offset, without reading its
 * bytes. Ranges that continue each other come as one. Non-zero ends it and is returned.
 *
 * Return: 0, what @range returned, or why metadata can't be read: -EIO, -EBADMSG, -EUCLEAN.
 */
BP_API int bp_image_map(struct bp_image *image,
			int (*range)(void *user, const struct bp_image_range *range),
			void *user);

/**
 * bp_image_map_part() - The same of @len bytes from @offset on: ranges are cut at both ends.
 *
 * From several threads at once, if need be, also while others read: it leaves no message. Return:
 * 0; what @range returned; -ERANGE: beyond the end; -EIO, -ENOMEM.
 */
BP_API int bp_image_map_part(struct bp_image *image, bp_bytes offset, bp_bytes len,
			     int (*range)(void *user, const struct bp_image_range *range),
			     void *user);

/**
 * enum bp_export_flags -
 * @BP_EXPORT_SKIP_BAD: go on where something is missing: those bytes are zero in the output, and
 *	told. Without it the first ends the export.
 * @BP_EXPORT_RESUME: go on with what an interrupted export to the same file has left.
 * @BP_EXPORT_SHA256: a digest of all bytes; of the whole volume, holes as zeros.
 */
enum bp_export_flags {
	BP_EXPORT_SKIP_BAD = 1 << 0,
	BP_EXPORT_RESUME = 1 << 1,
	BP_EXPORT_SHA256 = 1 << 2,
};

/**
 * struct bp_export_opts - How to export. Zero in a member is its default.
 * @size: sizeof(struct bp_export_opts). Members are only added at the end.
 * @flags: enum bp_export_flags.
 * @base: another volume of the same size class: only ranges that lie elsewhere than there are
 *	written, all else stays a hole; or NULL.
 * @bad: called for each range that is missing; may be NULL.
 * @progress: called now and then with bytes done and the volume's size; non-zero ends it with
 *	-ECANCELED. May be NULL.
 * @user: passed to both.
 */
struct bp_export_opts {
	size_t size;
	uint32_t flags;
	struct bp_image *base;
	void (*bad)(void *user, const struct bp_image_range *range);
	int (*progress)(void *user, bp_bytes done, bp_bytes total);
	void *user;
};

/**
 * struct bp_export_result - What became of it.
 * @size: sizeof(struct bp_export_result), set by the caller.
 * @bytes: of the volume.
 * @data_bytes: read and written; the rest are holes.
 * @missing_bytes: could not be read.
 * @sha256: with BP_EXPORT_SHA256: 64 digits and NUL, else "".
 */
struct bp_export_result {
	size_t size;
	bp_bytes bytes, data_bytes, missing_bytes;
	char sha256[65];
};

/**
 * bp_export() - Write a volume's bytes to a file, a block device, or a pipe.
 * @output: a path; "-" is standard output. None of the files that the volume is read from. A
 *	file is made beside its name (NAME.part) and gets it when it is whole; holes stay holes. A
 *	device must not be in use, and be large enough.
 * @opts: NULL for the defaults.
 * @ret: may be NULL.
 *
 * Memory: 4 MiB. Return: 0; -EINVAL (the output is an input, or too small), -EBUSY, -ENOSPC,
 * -ENODATA (something is missing), -ECANCELED, -EIO, -EPIPE, -ENOMEM.
 */
BP_API int bp_export(struct bp_image *image, const char *output,
		     const struct bp_export_opts *opts, struct bp_export_result *ret);

#ifdef __cplusplus
}
#endif

#endif
