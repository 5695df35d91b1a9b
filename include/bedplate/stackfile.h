/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stacks of devices described in a text file, and made so: compared with what is there, changed as
 * a transaction, nothing done where all is as described.
 *
 *	# a comment, to the end of the line
 *	stack db
 *	loop disk 1GiB /var/lib/db/disk.img
 *	device low
 *		0 512MiB linear @disk 0
 *	device high readonly
 *		0    64MiB linear @low 0
 *		64MiB 1MiB zero
 *
 * "stack NAME" comes first. "loop NAME SIZE FILE" is a loop device on a file, which is made
 * (sparse) where it is missing and grows with its size; its path is absolute. "device NAME [uuid
 * UUID] [minor NUMBER] [readonly]" is a mapped device; the lines behind it are its table, START
 * LENGTH TARGET ARGUMENT...; bare numbers are sectors of 512 bytes, START and LENGTH take units
 * too. The word "@NAME" stands for a device or loop device of the file.
 *
 * A device without a uuid gets "bedplate-stack:STACK:DEVICE": so the stack's devices are known from
 * others of the same name, which are never changed, and those that the file names no more are
 * found.
 */
#ifndef BEDPLATE_STACKFILE_H
#define BEDPLATE_STACKFILE_H

#include <bedplate/device.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BP_STACK_NAME_SIZE 33 /* with NUL: at most 32 of A-Z a-z 0-9 . _ -, no . or - first */

/**
 * bp_stackfile_parse() - Read a description.
 * @text: the file's content, at most 1 MiB.
 * @ret: free it with bp_stackfile_free().
 *
 * Return: 0, -EINVAL (BP_E_FORMAT, BP_E_TABLE, BP_E_NAME: the message has line and column).
 */
struct bp_stackfile;
BP_API int bp_stackfile_parse(struct bp_ctx *ctx, const char *text, struct bp_stackfile **ret);
BP_API void bp_stackfile_free(struct bp_stackfile *file);
BP_API const char *bp_stackfile_name(const struct bp_stackfile *file);

enum bp_stack_change_kind {
	BP_STACK_MAKE_FILE,   /* a loop device's file is made */
	BP_STACK_GROW_FILE,   /* it is made larger */
	BP_STACK_ATTACH,      /* a loop device gets its file */
	BP_STACK_CREATE,      /* a mapped device is created */
	BP_STACK_RELOAD,      /* its table is changed: load, suspend, resume */
	BP_STACK_RESUME,      /* it is resumed: it was suspended with the right table */
	BP_STACK_REMOVE,      /* it is removed */
	BP_STACK_DETACH,      /* a loop device lets its file go */
	BP_STACK_DELETE_FILE, /* its file is deleted */
};

/**
 * struct bp_stack_change - A step from what is there to what is described.
 * @name: of the mapped device; of the loop device in the file.
 * @before, @after: its table as text, without keys; of a loop device its file. "": there is none.
 */
struct bp_stack_change {
	enum bp_stack_change_kind kind;
	const char *name, *before, *after;
};

struct bp_stack_changes;
BP_API size_t bp_stack_changes_count(const struct bp_stack_changes *changes);
BP_API const struct bp_stack_change *
bp_stack_changes_get(const struct bp_stack_changes *changes, size_t index);
BP_API void bp_stack_changes_free(struct bp_stack_changes *changes);

/**
 * bp_stackfile_diff() - What would have to be done, in its order. Changes nothing.
 * @ret: free it with bp_stack_changes_free(). Entries are lent by it. Empty: all is as described.
 *
 * Return: 0; -EEXIST (BP_E_EXISTS: a device of such a name is another's), -EINVAL (a loop device
 * would have to shrink), -ELOOP, and errors of asking.
 */
BP_API int bp_stackfile_diff(struct bp_ctx *ctx, const struct bp_stackfile *file,
			     struct bp_stack_changes **ret);

/**
 * enum bp_stackfile_flags -
 * @BP_STACKFILE_NO_FLUSH, @BP_STACKFILE_NO_LOCKFS: how to suspend where tables change: see
 *	enum bp_change_flags.
 * @BP_STACKFILE_DELETE_FILES: of down: the files of loop devices as well.
 */
enum bp_stackfile_flags {
	BP_STACKFILE_NO_FLUSH = 1 << 0,
	BP_STACKFILE_NO_LOCKFS = 1 << 1,
	BP_STACKFILE_DELETE_FILES = 1 << 2,
};

/**
 * struct bp_stackfile_opts - Zero in a member is its default.
 * @flags: enum bp_stackfile_flags.
 * @udev: enum bp_udev_policy, of new devices.
 * @timeout_ms: for each device.
 */
struct bp_stackfile_opts {
	size_t size;
	uint32_t flags;
	uint32_t udev;
	int64_t timeout_ms;
};

/**
 * bp_stackfile_apply() - Make it so: what bp_stackfile_diff() tells, or, on failure, nothing of it.
 * @opts: NULL for the defaults.
 * @ret: what was done: free it with bp_stack_changes_free(); may be NULL.
 *
 * Each new table is loaded before its device is suspended, lower devices first, those that shrink
 * last and from above. Devices of the stack that the file names no more are removed at the end,
 * when nothing is taken back any more; where one is in use by others nothing is begun.
 *
 * Return: as bp_stackfile_diff(), and as bp_device_create(), bp_device_reload(),
 * bp_device_remove().
 */
BP_API int bp_stackfile_apply(struct bp_ctx *ctx, const struct bp_stackfile *file,
			      const struct bp_stackfile_opts *opts,
			      struct bp_stack_changes **ret);

/**
 * bp_stackfile_down() - Remove all devices of the stack, users first, those left suspended or
 * without a table too, and let the files of its loop devices go. What is in use is tried again
 * until the limit.
 * @ret: what was done: free it with bp_stack_changes_free(); may be NULL.
 *
 * Return: 0 (also where there was nothing), -EBUSY (BP_E_BUSY: the cause says by whom; call it
 * again).
 */
BP_API int bp_stackfile_down(struct bp_ctx *ctx, const struct bp_stackfile *file,
			     const struct bp_stackfile_opts *opts,
			     struct bp_stack_changes **ret);

#ifdef __cplusplus
}
#endif

#endif
