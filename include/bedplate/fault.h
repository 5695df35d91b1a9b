/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Faults: let a mapped device be slow, stall, fail, lose or corrupt what is written, for a while,
 * and be again exactly what it was.
 *
 * A fault is a table in place of the device's own: its linear segments, split where the fault
 * begins and ends, become segments of the kernel's delay, flakey or error. The own table is kept in
 * a directory (struct bp_fault_opts) before it is replaced, and given back by bp_fault_heal(). Each
 * such change is made with BP_CHANGE_NO_FLUSH and BP_CHANGE_NO_LOCKFS: the file system on the
 * device is neither frozen nor made to write, so what a program has not written before stays
 * unwritten.
 *
 * Promised: whoever ends in the middle of a change leaves the device with its old table or its new
 * one, and the kept one tells which is its own. Not promised: that the kept table outlives a
 * reboot, which the mapped device does not either.
 */
#ifndef BEDPLATE_FAULT_H
#define BEDPLATE_FAULT_H

#include <bedplate/device.h>

#ifdef __cplusplus
extern "C" {
#endif

enum bp_fault_kind {
	BP_FAULT_SLOW = 1,    /* each I/O takes longer */
	BP_FAULT_STALL = 2,   /* I/O does not end until the fault is healed; then it succeeds */
	BP_FAULT_ERROR = 3,   /* I/O fails */
	BP_FAULT_DROP = 4,    /* writes succeed, and are lost; flushes succeed */
	BP_FAULT_CORRUPT = 5, /* one byte of each I/O is another */
	BP_FAULT_BAD_SECTORS =
		6,         /* single blocks, chosen by a seed, can't be read or written */
	BP_FAULT_FULL = 7, /* writes fail for want of space (ENOSPC); reads and flushes work */
	BP_FAULT_POWER_CUT = 8, /* nothing reaches the device or comes from it: all I/O fails */
};

/* Which I/O a fault is for. A write that asks for a flush before it counts as a flush. */
enum bp_fault_io {
	BP_FAULT_READS = 1 << 0,
	BP_FAULT_WRITES = 1 << 1,
	BP_FAULT_FLUSHES = 1 << 2,
};

/* Two numbers for good: arrays of it are given to the library, so it can't grow. */
struct bp_fault_range {
	bp_sector start_sectors, length_sectors;
};

/**
 * struct bp_fault - What shall be wrong. Zero in a member is its default.
 * @kind: must be given.
 * @io: enum bp_fault_io; 0: all that @kind can be for: slow and stall any, error reads, writes or
 *	both, drop and full writes, corrupt reads (the default) or writes, a power cut all. What can't
 *	be is refused (-EINVAL).
 * @ranges, @nr_ranges: where in the device; none: all of it, which a power cut is of. Lent.
 * @delay_ms: of slow: how much longer; 0: 100.
 * @corrupt_byte: of corrupt: which byte of each I/O, from 1; 0: the first.
 * @corrupt_value: what that byte becomes, 0 to 255.
 * @bad_count, @bad_block_bytes, @seed: of bad sectors: how many (0: one) blocks of this size (0:
 *	4096, at least 512) are chosen in the ranges. The same seed chooses the same.
 * @for_ms: heal it after this long; 0: when told.
 * @file: the file whose contents @ranges are, of bp_fault_file_ranges(); NULL: of none. Lent. It is
 *	looked at when the fault is healed: where it lies elsewhere by then, that is told by a warning and a
 *	line of the log. Where another fault keeps the file system from answering, the warning says that.
 * @whole_file: @ranges are all of @file: what it has more by then is told too.
 */
struct bp_fault {
	size_t size;
	enum bp_fault_kind kind;
	uint32_t io;
	const struct bp_fault_range *ranges;
	size_t nr_ranges;
	uint32_t delay_ms;
	uint32_t corrupt_byte, corrupt_value;
	uint32_t bad_count, bad_block_bytes;
	uint64_t seed;
	int64_t for_ms;
	const char *file;
	bool whole_file;
};

/**
 * enum bp_fault_flags -
 * @BP_FAULT_SYSTEM: also where the root file system lies on the device, which is refused else.
 * @BP_FAULT_NO_KEEPER: no process is started that heals after for_ms: the caller calls
 *	bp_fault_expire() in time.
 */
enum bp_fault_flags {
	BP_FAULT_SYSTEM = 1 << 0,
	BP_FAULT_NO_KEEPER = 1 << 1,
};

/**
 * struct bp_fault_opts - How, for all calls below. Zero in a member is its default.
 * @state_dir: where own tables are kept, made where it is missing; NULL: /run/bedplate/fault. All
 *	who put faults into one device must agree on it.
 * @log: a file that each change is appended to, as a line of JSON with its instant; NULL: "log" in
 *	@state_dir, which is turned over at 1 MiB.
 * @flags: enum bp_fault_flags.
 * @timeout_ms: for the change of a table, and for waiting while another process makes one.
 */
struct bp_fault_opts {
	size_t size;
	const char *state_dir, *log;
	uint32_t flags;
	int64_t timeout_ms;
};

/**
 * bp_fault_find() - The mapped device that a person's word stands for.
 * @text: the mount point of a file system on it; or as bp_selector_parse() has it.
 *
 * Return: 0; -ENXIO (BP_E_NO_DEVICE); -ENOTBLK (BP_E_NO_BLOCK_DEVICE: not on a mapped device, the
 * hint tells of bp_fault_attach(); a directory that is no mount point).
 */
BP_API int bp_fault_find(struct bp_ctx *ctx, const char *text, struct bp_devno *ret);

/**
 * bp_fault_set() - Put a fault into a device, beside those it has; where two meet the later counts.
 * @dev: from bp_fault_find().
 * @fault: copied.
 * @opts: NULL for the defaults.
 * @ret_id: what to call it in bp_fault_heal(); may be NULL.
 *
 * With for_ms a process of its own heals it, which outlives the caller and all its like; it is
 * started before the table changes, by fork: in a program with threads see BP_FAULT_NO_KEEPER. What
 * the kernel does not have (flakey's error_reads before Linux 6.5) is refused before anything
 * changed. -ERANGE: a range reaches beyond the device. -EBUSY: the device is suspended, has
 * a table loaded, was changed by others since (BP_E_EXISTS), or / lies on it. -ENOTSUP: a segment
 * there is neither linear nor as a whole within the fault.
 *
 * Return: 0, or one of these, or as bp_device_reload().
 */
BP_API int bp_fault_set(struct bp_ctx *ctx, const struct bp_devno *dev,
			const struct bp_fault *fault, const struct bp_fault_opts *opts,
			uint64_t *ret_id);

/**
 * bp_fault_file_ranges() - Where in a device a file's contents lie, for bp_fault_set().
 * @dev: the device; the file system lies on it directly or through linear devices, partitions
 *	and loop devices.
 * @path: a regular file. What was written to it is put on the disk first: only then it has a place.
 * @start_bytes, @length_bytes: which part of the file; length 0: to its end.
 * @ret: ascending; free it with bp_fault_range_list_free(). Ranges are lent by it.
 *
 * Parts without a place of their own (holes, contents kept in the inode, compressed ones) are left
 * out, and told by a warning where they are not holes; so are parts shared with other files, which
 * are in. A file that is written anew elsewhere (renamed over, copied on write) takes its faults
 * not with it.
 *
 * Return: 0; -ENODATA (nothing of it has a place); -ENOTSUP (a file system that does not tell, or
 * a layer between that is none of those); -EINVAL (no regular file; not on @dev); -ENOENT and
 * others of opening it.
 */
struct bp_fault_range_list;
BP_API int bp_fault_file_ranges(struct bp_ctx *ctx, const struct bp_devno *dev,
				const char *path, bp_bytes start_bytes, bp_bytes length_bytes,
				struct bp_fault_range_list **ret);
BP_API size_t bp_fault_range_list_count(const struct bp_fault_range_list *list);
BP_API const struct bp_fault_range *
bp_fault_range_list_get(const struct bp_fault_range_list *list, size_t index);
BP_API void bp_fault_range_list_free(struct bp_fault_range_list *list);

/**
 * enum bp_fault_class - What a file system keeps for itself, of ext2, ext3, ext4 and xfs.
 * @BP_FAULT_JOURNAL: the journal, or log. Not where it lies on another device.
 * @BP_FAULT_METADATA: what has a fixed place: superblocks, group descriptors, bitmaps and inode
 *	tables with all copies; of xfs the headers of its allocation groups. Directories and what
 *	grows with files lie among data, and are left out.
 */
enum bp_fault_class {
	BP_FAULT_JOURNAL = 1 << 0,
	BP_FAULT_METADATA = 1 << 1,
};

/**
 * bp_fault_class_ranges() - Where the file system on a device keeps this, for bp_fault_set().
 * @dev: what the file system lies on, mounted or not; it is read from there, so not while its reads
 *	stall or fail.
 * @classes: enum bp_fault_class, of which all are wanted.
 * @ret: ascending; free it with bp_fault_range_list_free(). Ranges are lent by it.
 *
 * Return: 0; -ENOTSUP (no such file system); -ENODATA (it has no journal, or elsewhere); -EUCLEAN
 * (its own numbers contradict one another); -EINVAL; -EIO and others of reading it.
 */
BP_API int bp_fault_class_ranges(struct bp_ctx *ctx, const struct bp_devno *dev,
				 uint32_t classes, struct bp_fault_range_list **ret);

/**
 * bp_fault_heal() - Take a fault away, or all; without any the device has its own table again, as
 * the kernel printed it.
 * @id: 0: all.
 * @ret_healed: how many there were; may be NULL. None is no failure.
 *
 * Return: 0; -EBUSY (BP_E_EXISTS: others gave it another table meanwhile: it is left alone; see
 * bp_fault_forget()); or as bp_device_reload().
 */
BP_API int bp_fault_heal(struct bp_ctx *ctx, const struct bp_devno *dev, uint64_t id,
			 const struct bp_fault_opts *opts, size_t *ret_healed);

/**
 * bp_fault_forget() - Drop what is kept of a device, whose table stays as it is.
 *
 * Return: 0 also where nothing was kept; -ETIMEDOUT (another process changes the device),
 *	or why the file can't be removed.
 */
BP_API int bp_fault_forget(struct bp_ctx *ctx, const struct bp_devno *dev,
			   const struct bp_fault_opts *opts);

/**
 * bp_fault_expire() - Heal all faults whose time is over and which nobody has healed; forget
 * devices that are gone.
 * @ret_healed: how many; may be NULL.
 *
 * Goes on after a failure; returns the first.
 *
 * Return: 0, or the first failure, as of bp_fault_heal().
 */
BP_API int bp_fault_expire(struct bp_ctx *ctx, const struct bp_fault_opts *opts,
			   size_t *ret_healed);

/**
 * enum bp_fault_state - What the kernel says of a fault that was put in.
 * @BP_FAULT_ACTIVE: the device has the table with it.
 * @BP_FAULT_OVERDUE: the same, but its time is over.
 * @BP_FAULT_LOST: others gave the device another table.
 * @BP_FAULT_UNFINISHED: whoever put it in or healed it was killed on the way. Perhaps the device has it, perhaps
 *	not, and perhaps it is suspended, so that all I/O waits. bp_fault_heal() ends that.
 */
enum bp_fault_state {
	BP_FAULT_ACTIVE = 1,
	BP_FAULT_OVERDUE = 2,
	BP_FAULT_LOST = 3,
	BP_FAULT_UNFINISHED = 4,
};

/**
 * struct bp_fault_entry - One fault there is.
 * @device: plain name.
 * @since_ms: when it was put in, in milliseconds of Unix time.
 * @left_ms: until it is healed, from the call; negative: overdue; INT64_MAX: until told.
 * @delay_ms: of slow.
 * @start_sectors, @length_sectors: from the first sector it is on up to the last.
 * @nr_ranges: how many ranges in there.
 * @affected_sectors: how much it is on.
 */
struct bp_fault_entry {
	char device[BP_NAME_SIZE];
	uint32_t major, minor;
	uint64_t id;
	enum bp_fault_kind kind;
	uint32_t io;
	enum bp_fault_state state;
	int64_t since_ms, left_ms;
	uint32_t delay_ms;
	bp_sector start_sectors, length_sectors, affected_sectors;
	size_t nr_ranges;
};

/**
 * bp_fault_list() - The faults there are, by device and id.
 * @dev: of one device; NULL: of all.
 * @ret: free it with bp_fault_list_free(). Entries are lent by it.
 *
 * Return: 0, -ENOMEM, -EINVAL (what is kept of a device makes no sense), or why it can't be read.
 */
struct bp_fault_list;
BP_API int bp_fault_list(struct bp_ctx *ctx, const struct bp_devno *dev,
			 const struct bp_fault_opts *opts, struct bp_fault_list **ret);
BP_API size_t bp_fault_list_count(const struct bp_fault_list *list);
BP_API const struct bp_fault_entry *bp_fault_list_get(const struct bp_fault_list *list,
						      size_t index);
BP_API void bp_fault_list_free(struct bp_fault_list *list);

/* bp_fault_kind_name() - "bad-sectors"; NULL for none. */
BP_API const char *bp_fault_kind_name(enum bp_fault_kind kind);

/**
 * bp_fault_attach() - Lay a linear device over a block device that nobody uses, to put faults into.
 * @device: a path or MAJOR:MINOR.
 * @name: of the new device; NULL: "fault-" and the last part of @device.
 * @ret: the new device: mount this one. May be NULL.
 *
 * Return: 0, -EBUSY (BP_E_BUSY: somebody uses it), or as bp_device_create().
 */
BP_API int bp_fault_attach(struct bp_ctx *ctx, const char *device, const char *name,
			   const struct bp_fault_opts *opts, struct bp_device_info *ret);

/**
 * bp_fault_detach() - Heal such a device and remove it.
 *
 * Return: 0, -EINVAL (not made by bp_fault_attach()), -EBUSY (in use), or as bp_device_remove().
 */
BP_API int bp_fault_detach(struct bp_ctx *ctx, const struct bp_devno *dev,
			   const struct bp_fault_opts *opts);

#ifdef __cplusplus
}
#endif

#endif
