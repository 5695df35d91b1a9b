/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Crash recorder: record all that a program writes to its disk, and try what it would find there
 * had the power gone at any point of it.
 *
 * A record is the log that the kernel's log-writes keeps, byte for byte, of a disk that was all
 * zeros: any program that reads such logs reads a record. Marks in it say what the program had been
 * promised: "whatever was said to be safe in front of this is on the disk". Marks that begin with
 * "bedplate:" are the recorder's own.
 *
 * A check makes the disk as it was at a point in a file of its own, and runs commands on that: no
 * device, and unless it is to be mounted no privilege, is needed. The record is only read.
 */
#ifndef BEDPLATE_CRASH_H
#define BEDPLATE_CRASH_H

#include <bedplate/context.h>
#include <bedplate/units.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- recording --- */

/**
 * struct bp_crash_record_opts - What to record. Zero in a member is its default.
 * @argv: the program and its arguments, NULL at the end. Found by PATH. Must be given.
 * @disk_bytes: size of its disk; 0: 64 MiB.
 * @fs: file system made on it before; NULL: ext4; "none": the program gets the bare device.
 * @mount: where it is mounted; NULL: /run/bedplate-crash. Made where it is missing.
 * @output: takes what the program prints, as it comes; NULL: nobody.
 * @user: passed to it.
 */
struct bp_crash_record_opts {
	size_t size;
	const char *const *argv;
	bp_bytes disk_bytes;
	const char *fs, *mount;
	void (*output)(void *user, const char *text, size_t len);
	void *user;
};

/**
 * struct bp_crash_record_result - What was recorded.
 * @status: of the program as a shell has it.
 * @entries: in the record.
 * @record_bytes: its size.
 */
struct bp_crash_record_result {
	size_t size;
	int status;
	uint64_t entries;
	bp_bytes record_bytes;
};

/**
 * bp_crash_record() - Run a program on a new disk and record all that reaches it.
 * @path: the record, in place of what is there. It appears when it is whole.
 * @ret: its size set before; filled on success, which does not say that the program succeeded.
 *
 * Needs root, and works as bp_scenario_run() does: in a mount namespace of its own, and nothing is
 * left where the caller is killed. The program has the same environment, and BEDPLATE_CRASH_DEVICE:
 * the device that bp_crash_mark() speaks to.
 *
 * Return: 0; -EPERM; -ENOTSUP (no log-writes); -ENOSPC (more was written than the log holds, four
 * times the disk); -EACCES and others of the record's directory.
 */
BP_API int bp_crash_record(struct bp_ctx *ctx, const char *path,
			   const struct bp_crash_record_opts *opts,
			   struct bp_crash_record_result *ret);

#define BP_CRASH_MARK_SIZE 128 /* with NUL */

/**
 * bp_crash_mark() - From the recorded program: all that it was told is safe must be on the disk
 * now.
 * @device: NULL: that of the environment.
 * @text: one word; not of the recorder's own.
 *
 * Return: 0; -ENOENT (nothing is recorded here); -EINVAL (no such word).
 */
BP_API int bp_crash_mark(struct bp_ctx *ctx, const char *device, const char *text);

/* --- records --- */

struct bp_crash;

/**
 * bp_crash_open() - Read a record.
 * @path: a file, or a log device.
 * @ret: free it with bp_crash_close(). It keeps @path open.
 *
 * Return: 0; -EUCLEAN (BP_E_FORMAT: no record, or one that is cut off); -ENOENT and others.
 */
BP_API int bp_crash_open(struct bp_ctx *ctx, const char *path, struct bp_crash **ret);
BP_API void bp_crash_close(struct bp_crash *crash);

/**
 * struct bp_crash_info - What a record is.
 * @disk_bytes: of the disk; where the record doesn't say, up to where something was written.
 * @fs: made on it before the program began; "" where the record doesn't say.
 * @entries: all there are.
 * @first: the first entry behind the program's start; 0 where the record doesn't say.
 * @writes, @discards, @marks, @flushes, @fua: how many there are of each. A write can be a flush
 *	before, and FUA.
 */
struct bp_crash_info {
	size_t size;
	bp_bytes disk_bytes;
	char fs[16];
	uint64_t entries, first;
	uint64_t writes, discards, marks, flushes, fua;
};
/**
 * @ret: its size set before.
 *
 * Return: 0, -EINVAL (no size).
 */
BP_API int bp_crash_info(const struct bp_crash *crash, struct bp_crash_info *ret);

enum bp_crash_kind {
	BP_CRASH_WRITE = 1,
	BP_CRASH_DISCARD = 2,
	BP_CRASH_FLUSH = 3, /* alone, without data */
	BP_CRASH_MARK = 4,
};

/**
 * struct bp_crash_entry - One entry of a record.
 * @flush: what was done before it was durable when this was done.
 * @fua: it was itself.
 * @mark: its text, or "". Lent by the record.
 */
struct bp_crash_entry {
	enum bp_crash_kind kind;
	bp_sector start_sectors, length_sectors;
	bool flush, fua;
	const char *mark;
};
BP_API uint64_t bp_crash_count(const struct bp_crash *crash);
/* Return: 0; -ERANGE. */
BP_API int bp_crash_get(const struct bp_crash *crash, uint64_t index,
			struct bp_crash_entry *ret);

/**
 * bp_crash_image() - Make the disk as it was when the power went, in order: nothing lost that was
 * done.
 * @entries: how many of the record had been done.
 * @path: a file that is not there yet.
 *
 * Return: 0; -EEXIST; -ERANGE; -EUCLEAN (an entry reaches beyond the disk); errors of files.
 */
BP_API int bp_crash_image(const struct bp_crash *crash, uint64_t entries, const char *path);

/* --- checking --- */

/**
 * struct bp_crash_check_opts - How to check. Zero in a member is its default.
 * @fsck: a command of the shell, to which the image's path is added.
 * @verify: a command of the shell. At least one of these must be given; exit status 0 is good.
 * @mount: mount the image, run @verify, unmount, and then @fsck. Needs root. Else first @fsck
 *	(which may mend what a journal mends), then @verify.
 * @fs: what to mount it as; NULL: what the record says.
 * @work_dir: where images are made, in a directory of their own that is gone afterwards; NULL:
 *	TMPDIR, or /tmp.
 * @reorders: beside what was done in order: before each flush so many states in which writes that
 *	no flush had made durable are lost or torn, by @seed.
 * @atomic_bytes: writes are torn at multiples of this only, as a disk of such sectors promises; 0:
 *	512. A power of two.
 * @points: try so many of all at most, evenly chosen; 0: all.
 * @jobs: so many at a time; 0: one a processor, 8 at most.
 * @from_start: also what was written before the program began.
 * @progress: called now and then; -ECANCELED is returned if it returns non-zero.
 * @user: passed to it.
 */
struct bp_crash_check_opts {
	size_t size;
	const char *fsck, *verify;
	bool mount, from_start;
	const char *fs, *work_dir;
	uint64_t seed;
	uint32_t reorders, atomic_bytes;
	uint32_t jobs;
	uint64_t points;
	int (*progress)(void *user, uint64_t done, uint64_t total);
	void *user;
};

/**
 * struct bp_crash_verdict - What came of it. Texts are lent by the result.
 * @points, @tried: how many points there are, and at how many the commands were run, up to the
 *	first bad one.
 * @bad: there is one.
 * @entries: of it: so many entries had been done. 0 is before all.
 * @reorder: 0: in order; else the number of the state, from 1, among those of @seed.
 * @mark: the last one before; "".
 * @what: "mount", "verify" or "fsck".
 * @status: of that, as a shell has it.
 * @output: what it printed; cut where it is long.
 */
struct bp_crash_verdict {
	uint64_t points, tried;
	bool bad;
	uint64_t entries;
	uint32_t reorder;
	const char *mark, *what;
	int status;
	const char *output;
};

/**
 * enum bp_crash_role - What a write has to do with it.
 * @BP_CRASH_NEAR: it is next to the point.
 * @BP_CRASH_LATE: with it there it would have been good: it came after the point, and should not.
 * @BP_CRASH_LOST, @BP_CRASH_TORN: with it kept it would have been good: no flush had made it
 *	durable.
 * @BP_CRASH_BROKE: without it it was good.
 */
enum bp_crash_role {
	BP_CRASH_NEAR = 1,
	BP_CRASH_LATE = 2,
	BP_CRASH_LOST = 3,
	BP_CRASH_TORN = 4,
	BP_CRASH_BROKE = 5,
};

/**
 * struct bp_crash_suspect - A write that has to do with it.
 * @index: its entry.
 * @kept_sectors: of a torn one: so many of its first sectors were there.
 * @files: whose it is, as ext2 to ext4 tell (debugfs, of e2fsprogs): paths by commas, "<journal>";
 *	"" where nobody knows: the file system's own, or another one.
 */
struct bp_crash_suspect {
	uint64_t index;
	enum bp_crash_role role;
	bp_sector kept_sectors;
	const char *files;
};

struct bp_crash_result;
/**
 * bp_crash_check() - Try the points of a record: behind each flush, FUA and mark, and the end.
 * @opts: must be given.
 * @ret: free it with bp_crash_result_free().
 *
 * The commands have in their environment BEDPLATE_CRASH_IMAGE (the image's path),
 * BEDPLATE_CRASH_MARK (the last mark at the point, or ""), BEDPLATE_CRASH_ENTRIES, and with mount
 * BEDPLATE_FAULT_MOUNT. Found is the first bad point; then which writes are to blame is found by
 * trying it with some of them there, or not.
 *
 * Return: 0 if all could be tried, whatever was found; -EINVAL; -EPERM; -ECANCELED; -EUCLEAN.
 */
BP_API int bp_crash_check(const struct bp_crash *crash, const struct bp_crash_check_opts *opts,
			  struct bp_crash_result **ret);
BP_API const struct bp_crash_verdict *
bp_crash_result_verdict(const struct bp_crash_result *result);
/* Ascending by entry. Lent. */
BP_API size_t bp_crash_result_count(const struct bp_crash_result *result);
BP_API const struct bp_crash_suspect *bp_crash_result_get(const struct bp_crash_result *result,
							  size_t index);
BP_API void bp_crash_result_free(struct bp_crash_result *result);

#ifdef __cplusplus
}
#endif

#endif
