/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of the fault room: what is kept of a device while it has faults, how tables are made of
 * it, and one change from beginning to end.
 */
#ifndef FAULT_FAULT_H
#define FAULT_FAULT_H

#include <bedplate/fault.h>
#include <bedplate/table.h>

#include "core/context.h"
#include "core/vec.h"

/* --- record.c: one fault --- */

struct fault_ranges {
	struct bp_fault_range *items;
	size_t count, size;
};

struct fault_record {
	uint64_t id;
	enum bp_fault_kind kind;
	uint32_t io;
	uint32_t delay_ms, corrupt_byte, corrupt_value;
	int64_t since_ms;           /* Unix time */
	int64_t until_ms;           /* fault_clock_ms(); 0: until told */
	struct fault_ranges ranges; /* ascending, apart; never none */
	struct bp_devno full;       /* of full, for one change: what refuses writes; not kept */
	char *file;      /* whose contents @ranges were, from the root on; NULL: none's */
	bool whole_file; /* all of them */
};

void fault_record_done(struct fault_record *record);
/* Check what is wanted of a device of @length sectors, and fill in defaults. */
int fault_record_init(struct bp_ctx *ctx, const struct bp_fault *fault, bp_sector length,
		      struct fault_record *ret);
/* A clock that goes on while the machine sleeps, in milliseconds. */
int64_t fault_clock_ms(void);
int64_t fault_unix_ms(void);

/* Ascending, and what touches is one; of none too. */
void fault_ranges_unite(struct fault_ranges *ranges);

/* --- below.c --- */

/*
 * Add to @ret where @range of @from lies on @to: 0, -EINVAL without a message (it does not), or
 * another failure. Each layer between counts one of @depth.
 */
int fault_below(struct bp_ctx *ctx, const struct bp_devno *from,
		const struct bp_fault_range *range, const struct bp_devno *to, unsigned depth,
		struct fault_ranges *ret);

/* --- ask.c --- */

typedef void fault_ask_fn(struct bp_ctx *ctx, const void *user);
/*
 * Before a file system on @dev is asked: will it answer? @question is put to it, and what comes of that is dropped.
 * -EBUSY: what holds the device's I/O back holds the answer back. @what: whose the question is, for the message.
 */
int fault_ask_first(struct bp_ctx *ctx, const struct bp_devno *dev, const char *what,
		    fault_ask_fn *question, const void *user);

/* Does its table hold I/O back for longer than anybody waits here? */
int fault_device_holds(struct bp_ctx *ctx, const struct bp_devno *dev, bool *ret);

/* --- file.c --- */

/*
 * Add where these bytes of an open file lie in the device of its file system. @as_it_is: what was written is not
 * put on the disk first; no warnings.
 */
int fault_extents(struct bp_ctx *ctx, int fd, const char *path, bp_bytes start, bp_bytes length,
		  bool as_it_is, struct fault_ranges *ret);
/* As bp_fault_file_ranges(). @ret: emptied by the caller, on failure too. */
int fault_file_ranges(struct bp_ctx *ctx, const struct bp_devno *dev, const char *path,
		      bp_bytes start_bytes, bp_bytes length_bytes, struct fault_ranges *ret);
/* All of it, as it lies now: nothing is put on the disk for it, and nothing warned of. */
int fault_file_ranges_now(struct bp_ctx *ctx, const struct bp_devno *dev, const char *path,
			  struct fault_ranges *ret);
/* The same of bp_fault_class_ranges(), in layout.c. */
int fault_class_ranges(struct bp_ctx *ctx, const struct bp_devno *dev, uint32_t classes,
		       struct fault_ranges *ret);
/* The handle around what was found, or @r where that failed. @take_ranges: always. */
int fault_ranges_give(struct bp_ctx *ctx, int r, struct fault_ranges *take_ranges,
		      struct bp_fault_range_list **ret);

/* --- layout.c --- */

/* What a file system is read from. */
struct layout_disk {
	int (*read)(void *user, void *buf, size_t len, uint64_t offset); /* all, or -errno */
	void *user;
	uint64_t size_bytes;
};

/* Add where the file system there has its @classes (enum bp_fault_class), not united yet. */
int fault_layout(struct bp_ctx *ctx, const struct layout_disk *disk, uint32_t classes,
		 struct fault_ranges *ret);
/*
 * Of one that was found to have the magic number at its place. @head: its first LAYOUT_HEAD bytes.
 */
#define LAYOUT_HEAD 2048
int fault_layout_ext(struct bp_ctx *ctx, const struct layout_disk *disk, const uint8_t *head,
		     uint32_t classes, struct fault_ranges *ret);
int fault_layout_xfs(struct bp_ctx *ctx, const struct layout_disk *disk, const uint8_t *head,
		     uint32_t classes, struct fault_ranges *ret);
/* Read of @what: 0 or a failure that names it. */
int fault_layout_read(struct bp_ctx *ctx, const struct layout_disk *disk, const char *what,
		      void *buf, size_t len, uint64_t offset);
/* Blocks of a file system of @nr_blocks: -EUCLEAN where they are not in it. */
int fault_layout_add(struct bp_ctx *ctx, const char *what, uint64_t block, uint64_t count,
		     uint64_t nr_blocks, uint32_t block_bytes, struct fault_ranges *ret);
int fault_layout_damaged(struct bp_ctx *ctx, const char *what);

/* --- full.c: a device that has no space --- */

struct fault_full {
	int hold; /* keeps it there until a table has it; -1: nothing */
	struct bp_devno dev;
};

/* What answers writes up to @length by ENOSPC, for the device @dev; the one it has, or a new one. */
int fault_full_get(struct bp_ctx *ctx, const struct bp_devno *dev, bp_sector length,
		   struct fault_full *ret);
void fault_full_release(struct fault_full *full);
/* Where no table has it any more: see that it is gone. What fails is left to the next call. */
void fault_full_gone(struct bp_ctx *ctx, const struct bp_devno *dev);

/* --- state.c: what is kept --- */

struct fault_state {
	uint32_t major, minor;
	char *name, *uuid; /* whose it is: as the kernel has them */
	uint64_t next_id;
	VEC(struct fault_record) faults;
	VEC(struct fault_record) gone; /* removed by this change, or by one that was killed */
	/*
	 * Tables as text: the device's own; the one with the faults; and what was before that,
	 * which it still has where a change was cut off in between. And what such a change left loaded, for whoever
	 * is cut off in mending that.
	 */
	char *original, *set, *before, *loaded;
};

void fault_state_done(struct fault_state *state);
/* The file of a device in @dir; @size bytes of room. */
void fault_state_path(const char *dir, uint32_t major, uint32_t minor, char *ret, size_t size);
/* -ENOENT without a message: there is none. */
int fault_state_read(struct bp_ctx *ctx, const char *path, struct fault_state *ret);
/* Whole or not at all, under any crash. */
int fault_state_write(struct bp_ctx *ctx, const char *path, const struct fault_state *state);
int fault_state_unlink(struct bp_ctx *ctx, const char *path);
int fault_dir_make(struct bp_ctx *ctx, const char *dir);
/* Hold the lock of a device, as nobody else in @dir: a descriptor to close. */
int fault_lock(struct bp_ctx *ctx, const char *dir, const struct bp_devno *dev,
	       int64_t timeout_ms, int *ret_fd);
/* All devices that something is kept of, by number. @ret: free() it. */
int fault_state_scan(struct bp_ctx *ctx, const char *dir, struct bp_devno **ret,
		     size_t *ret_count);

/* --- compose.c --- */

/* @original with @faults in it. */
int fault_compose(struct bp_ctx *ctx, const struct bp_table *original,
		  const struct fault_record *faults, size_t nr_faults, struct bp_table **ret);

/* --- change.c: one change of one device --- */

enum fault_live {
	FAULT_LIVE_OWN,     /* it has its own table */
	FAULT_LIVE_SET,     /* the one with the faults */
	FAULT_LIVE_BEFORE,  /* what was before: the change to that one was killed */
	FAULT_LIVE_FOREIGN, /* one that is not kept */
};

struct fault_change {
	struct bp_fault_opts opts;
	const char *dir;
	char path[4096];
	int lock;
	struct bp_devno dev;
	struct bp_device_info info;
	struct bp_table *live;
	bool kept; /* @state was read */
	bool cut; /* whoever changed it last was killed on the way: a table of ours is loaded */
	bool unfinished; /* the same, or it was killed before that: what is kept is not what is */
	struct fault_state state;
	enum fault_live found;
};

int fault_opts_read(struct bp_ctx *ctx, const struct bp_fault_opts *from,
		    struct bp_fault_opts *ret);
int fault_change_begin(struct bp_ctx *ctx, const struct bp_devno *dev,
		       const struct bp_fault_opts *opts, struct fault_change *ret);
/*
 * What is kept as what is: where it has its own table again, by whatever hand, no fault is left; what a change
 * that came to its end has healed is forgotten.
 */
void fault_change_settle(struct fault_change *change);
void fault_change_end(struct fault_change *change);
/*
 * Give the device the table that its state's faults make. @for_ms: of the newest, whose keeper is
 * started. @action, @about: for the log; NULL: all.
 */
int fault_change_apply(struct bp_ctx *ctx, struct fault_change *change, int64_t for_ms,
		       const char *action, const struct fault_record *about);
/* Remove faults: @id, and only if put in at @since_ms (0: whenever); id 0: all. How many. */
void fault_state_forget_gone(struct fault_state *state);
size_t fault_state_remove(struct fault_state *state, uint64_t id, int64_t since_ms);
/* How many there are of that number, of those that were being healed too. */
size_t fault_state_count(const struct fault_state *state, uint64_t id);
/* Those whose time is over at @now_ms. */
size_t fault_state_remove_overdue(struct fault_state *state, int64_t now_ms);
int fault_heal_one(struct bp_ctx *ctx, const struct bp_devno *dev, uint64_t id,
		   int64_t since_ms, const struct bp_fault_opts *opts, size_t *ret_healed);

/* --- keeper.c: who heals when the time is over --- */

struct fault_keeper {
	int fd; /* -1: none was started */
};

int fault_keeper_start(struct bp_ctx *ctx, const struct bp_devno *dev,
		       const struct fault_record *record, int64_t for_ms,
		       const struct bp_fault_opts *opts, struct fault_keeper *ret);
/* @go: the fault is there; else it has nothing to do. */
void fault_keeper_release(struct fault_keeper *keeper, bool go);

/* --- log.c --- */

/* One line. @about: NULL: all faults of the device. Failing to write is a warning. */
void fault_log(struct bp_ctx *ctx, const struct fault_change *change, const char *action,
	       const struct fault_record *about);

/* --- moved.c --- */

struct fault_moved {
	uint64_t left_sectors,
		new_sectors; /* no more the file's; the file's, and not the fault's */
	bool gone;           /* there is no such file any more */
	const char *unknown; /* why that can't be told; NULL: it can */
};

/* How many sectors of @of are not in @in; both ascending and apart. */
uint64_t fault_ranges_outside(const struct fault_ranges *of, const struct fault_ranges *in);
/* Of a fault that is healed: warn, and log, where its file lies elsewhere by now. */
void fault_tell_moved(struct bp_ctx *ctx, const struct fault_change *change,
		      const struct fault_record *f);
void fault_log_moved(struct bp_ctx *ctx, const struct fault_change *change,
		     const struct fault_record *about, const struct fault_moved *moved);

#define FAULT_BAD_MAX 65536u /* bad blocks of one fault */
/* The name of an I/O set: "reads,writes"; at least 32 bytes. */
const char *fault_io_text(uint32_t io, char *buf);
/* Which I/O a fault has of what was asked for, 0: its default. @part: not of the whole device. -EINVAL. */
int fault_io_of(struct bp_ctx *ctx, enum bp_fault_kind kind, uint32_t io, bool part,
		uint32_t *ret);

#endif
