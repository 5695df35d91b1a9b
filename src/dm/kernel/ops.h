/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The seam to the kernel: all that the dm room asks of the system, as one struct of functions.
 * ops_ioctl.c is the real kernel; tests bring one in memory.
 *
 * Below this line names are as the kernel holds them; errors are bare negative errnos, which
 * the engine (engine.h) explains.
 */
#ifndef DM_KERNEL_OPS_H
#define DM_KERNEL_OPS_H

#include <bedplate/bdev.h>
#include <bedplate/device.h>
#include <bedplate/thin.h>

#include "core/clock.h"
#include "core/util.h"
#include "core/vec.h"
#include "dm/kernel/signals.h"

/* What a kernel can hold of device numbers: it cuts off the rest, and means another device. */
#define DEVNO_MAJOR_MAX 0xfffu
#define DEVNO_MINOR_MAX 0xfffffu

/* What is true of an operation. */
enum {
	OP_CHANGES =
		1 << 0,     /* changes something: noted instead of sent where one looks ahead */
	OP_WAITS = 1 << 1,  /* may wait for devices: runs under the caller's limit */
	OP_LOGS = 1 << 2,   /* the kernel writes into its log why it refuses */
	OP_DEVICE = 1 << 3, /* about one device that is there */
	OP_REPLY = 1 << 4,  /* the kernel writes an answer behind its header */
};

/* Each operation once: what it is called, its ioctl, what is true of it. */
/* clang-format off */
#define DM_OPS(X)                                                                              \
	X(VERSION, "version", DM_VERSION, 0)                                                   \
	X(LIST, "list", DM_LIST_DEVICES, OP_REPLY)                                             \
	X(CREATE, "create", DM_DEV_CREATE, OP_CHANGES | OP_LOGS)                               \
	X(REMOVE, "remove", DM_DEV_REMOVE, OP_CHANGES | OP_WAITS | OP_DEVICE)                  \
	X(RENAME, "rename", DM_DEV_RENAME, OP_CHANGES | OP_WAITS | OP_LOGS | OP_DEVICE)        \
	X(SET_UUID, "set-uuid", DM_DEV_RENAME, OP_CHANGES | OP_LOGS | OP_DEVICE)               \
	X(SUSPEND, "suspend", DM_DEV_SUSPEND, OP_CHANGES | OP_WAITS | OP_LOGS | OP_DEVICE)     \
	X(RESUME, "resume", DM_DEV_SUSPEND, OP_CHANGES | OP_WAITS | OP_LOGS | OP_DEVICE)       \
	X(INFO, "info", DM_DEV_STATUS, OP_DEVICE)                                              \
	X(LOAD, "load", DM_TABLE_LOAD, OP_CHANGES | OP_WAITS | OP_LOGS | OP_DEVICE)            \
	X(CLEAR, "clear", DM_TABLE_CLEAR, OP_CHANGES | OP_WAITS | OP_DEVICE)                   \
	X(DEPS, "deps", DM_TABLE_DEPS, OP_DEVICE | OP_REPLY)                                   \
	X(TABLE, "table", DM_TABLE_STATUS, OP_DEVICE | OP_REPLY)                               \
	X(STATUS, "status", DM_TABLE_STATUS, OP_WAITS | OP_DEVICE | OP_REPLY)                  \
	X(TARGETS, "targets", DM_LIST_VERSIONS, OP_REPLY)                                      \
	X(TARGET_VERSION, "target-version", DM_GET_TARGET_VERSION, OP_REPLY)                   \
	X(MESSAGE, "message", DM_TARGET_MSG,                                                   \
	  OP_CHANGES | OP_WAITS | OP_LOGS | OP_DEVICE | OP_REPLY)                              \
	X(GEOMETRY, "setgeometry", DM_DEV_SET_GEOMETRY, OP_CHANGES | OP_LOGS | OP_DEVICE)      \
	X(ARM, "arm", DM_DEV_ARM_POLL, 0)
/* clang-format on */

enum dm_op {
#define ROW(op, name, ioctl, traits) OP_##op,
	DM_OPS(ROW)
#undef ROW
		OPS,
};

struct dm_op_traits {
	const char *name;
	uint32_t traits;
};

extern const struct dm_op_traits dm_op_traits[OPS];

static inline bool op_is(enum dm_op op, uint32_t trait)
{
	return dm_op_traits[op].traits & trait;
}

/* Flags of a request. */
enum {
	RQ_READ_ONLY = 1 << 0,   /* create, load */
	RQ_PERSISTENT = 1 << 1,  /* create: with this number */
	RQ_NO_LOCKFS = 1 << 2,   /* suspend, resume */
	RQ_NO_FLUSH = 1 << 3,    /* suspend, resume, status */
	RQ_INACTIVE = 1 << 4,    /* table, status, deps: of the inactive table */
	RQ_SECURE = 1 << 5,      /* wipe buffers */
	RQ_DEFERRED = 1 << 6,    /* remove: when the last user is gone */
	RQ_MEASURE = 1 << 7,     /* status: the integrity measurement's text */
	RQ_REPEATABLE = 1 << 8,  /* message: changes nothing: may be sent twice */
	RQ_LARGE_REPLY = 1 << 9, /* message: expect a long answer */
	RQ_UNCHECKED = 1 << 10,  /* load: not even crashes and circles are looked for */
	RQ_FRESH = 1 << 11,      /* load: nothing lies on the device yet (table_load()) */
	RQ_ASKS = 1 << 12,       /* message: a question: sent also where one only looks ahead */
};

/* A segment as it goes to the kernel and comes back: @args in the kernel's own escaping. */
struct dm_segment {
	bp_sector start, length;
	const char *target, *args;
	const char
		*shown; /* of a load: args without keys, for the eyes; NULL: args have none */
};

/*
 * A question or an order. The device is @name, or @uuid where that is NULL, or the number where
 * both are. @cookie goes into the uevents of resume, remove and rename. @text is the message,
 * the new name or uuid, the geometry, or the target's name.
 */
struct dm_request {
	enum dm_op op;
	const char *name, *uuid;
	uint32_t major, minor;
	uint32_t flags;
	uint32_t cookie;
	const char *text;
	bp_sector sector;
	const struct dm_segment *segments;
	size_t nr_segments;
	int64_t deadline;           /* DEADLINE_NEVER: without limit */
	const struct signals *stop; /* NULL: no signal ends the wait */
};

#define DM_IO_COUNTERS 17 /* numbers in sysfs' stat (Documentation/block/stat.rst) */

/* State bits of a reply. */
enum {
	ST_READ_ONLY = 1 << 0,
	ST_SUSPENDED = 1 << 1,
	ST_LIVE = 1 << 2,
	ST_INACTIVE = 1 << 3,
	ST_DEFERRED = 1 << 4,
	ST_INTERNAL = 1 << 5,
	ST_UEVENT = 1 << 6, /* the call made a uevent, so a cookie will be answered */
};

struct dm_state {
	char name[BP_NAME_SIZE], uuid[BP_UUID_SIZE];
	uint32_t major, minor, event_nr, nr_segments, flags;
	int32_t open_count;
	uint32_t version[3];
};

struct dm_entry {
	const char *name, *uuid; /* uuid: "" where there is none or it is not told */
	uint32_t major, minor, event_nr;
};

/* An answer. Texts point into @text, which the reply owns. */
struct dm_reply {
	struct dm_state state;
	VEC(struct dm_entry) entries;         /* list */
	VEC(struct dm_segment) segments;      /* table, status */
	VEC(struct bp_devno) deps;            /* deps */
	VEC(struct bp_kernel_target) targets; /* targets, target version */
	const char *message;                  /* message: the answer, or NULL */
	char *text;
	size_t text_size;
	bool secure; /* wipe @text before it is freed */
};

void dm_reply_done(struct dm_reply *reply);
/* Keep @len bytes for the texts of a reply, with a NUL behind: NULL where there is no memory.
 */
char *dm_reply_keep(struct dm_reply *reply, const void *text, size_t len);

enum dm_node_op {
	NODE_CHECK,  /* 0: there, and the device's; -ENOENT: not there; -ESTALE: something else
		      */
	NODE_MAKE,   /* make it or put it right */
	NODE_REMOVE, /* unless it is another device's (major 0: whosever) or not there */
};

struct dm_node {
	const char *path;
	uint32_t major, minor;
	bool with_mode; /* uid, gid, mode are set */
	uint32_t uid, gid, mode;
};

/* Takes one line of the kernel log, without newline and prefix, and its number, which grows. */
typedef void (*dm_log_fn)(void *user, uint64_t number, const char *line);

/*
 * A loop device, and the file it has, told by device and inode: its name may be another's by
 * now.
 */
struct dm_loop {
	uint32_t major, minor;
	uint64_t file_dev, file_ino; /* as stat() has them */
	uint64_t file_rdev;          /* of a block device as its file; else 0 */
	bool read_only;
};

struct dm_ops {
	/* Open the kernel's control node, once. */
	int (*open)(void *self);
	/* One request. @reply is zeroed by the caller, who ends it with dm_reply_done(). */
	int (*call)(void *self, const struct dm_request *rq, struct dm_reply *reply);
	/*
	 * A request ends with -ETIMEDOUT or -EINTR having done nothing; or it could not be
	 * interrupted and runs on: then it is left, and one of the others comes next. NULL
	 * where that does not happen.
	 */
	bool (*left)(void *self);
	/* Wait for its end: what it returned. */
	int (*finish)(void *self);
	/*
	 * Have @run(@user) run, which begins with finish(), where nobody waits for it: the pid of
	 * a copy of this process, or 0: it has been run here.
	 */
	int (*follow)(void *self, void (*run)(void *user), void *user);
	/* Leave it for good. */
	void (*forget)(void *self);
	/* Wait for an event after the last OP_ARM: 0 or -ETIMEDOUT. */
	int (*wait)(void *self, int64_t deadline);
	/* The caller's own descriptor for events, and arming it. */
	int (*event_fd)(void *self, int *ret_fd);
	int (*event_arm)(void *self);
	/* The block major of mapped devices. */
	int (*major)(void *self, uint32_t *ret);
	int (*node)(void *self, enum dm_node_op op, const struct dm_node *node);
	/* Names in the mapper directory, "control" left out: each to @name. */
	int (*node_list)(void *self, const char *dir,
			 void (*name)(void *user, const char *name), void *user);
	/* What stands in the kernel log now is not ours. May be NULL. */
	void (*log_mark)(void *self);
	/* Lines of it behind the mark, from @since_us (as clock_log_us()) on. */
	int (*log)(void *self, int64_t since_us, dm_log_fn line, void *user);
	/* Will udev answer? NULL: yes; else why not (static text). */
	const char *(*udev_why_not)(void *self);
	/* An attribute of a block device in sysfs: "queue/read_ahead_kb". */
	int (*attr_get)(void *self, uint32_t major, uint32_t minor, const char *name,
			uint64_t *ret);
	int (*attr_set)(void *self, uint32_t major, uint32_t minor, const char *name,
			uint64_t value);
	/* What went through a block device: its "stat" in sysfs; 0 for what an older kernel lacks.
	 */
	int (*io_counters)(void *self, uint32_t major, uint32_t minor,
			   uint64_t ret[DM_IO_COUNTERS]);
	/* Block devices: by path or MAJOR:MINOR; who holds one; its first bytes. */
	int (*bdev)(void *self, const char *which, struct bp_bdev *ret);
	int (*holders)(void *self, uint32_t major, uint32_t minor, struct bp_holder **ret,
		       size_t *ret_count);
	int (*bdev_read)(void *self, const struct bp_bdev *bdev, void *buf, size_t len);
	int (*bdev_write)(void *self, const struct bp_bdev *bdev, const void *buf, size_t len);
	/* Discard a part of one, in bytes; waits for its end. */
	int (*bdev_discard)(void *self, const struct bp_bdev *bdev, uint64_t offset,
			    uint64_t length);
	/* A kernel's name for a block device that is not mapped ("sda1"); at most BP_NAME_SIZE.
	 */
	int (*bdev_name)(void *self, uint32_t major, uint32_t minor, char *ret);
	/*
	 * The thin devices that the metadata snapshot on a device tells of, by rising id: each to
	 * @device; a result other than 0 ends it and is returned. @ctx takes what is said.
	 */
	int (*thin_devices)(void *self, struct bp_ctx *ctx, const char *metadata,
			    int (*device)(void *user, const struct bp_thin_device *device),
			    void *user);
	/*
	 * Loop devices: one more for an open file; as it was made by attach or told by list,
	 * made as large as its file is now, or let go: -EBUSY where its last user takes it
	 * along when that closes it, -ENXIO where it has another file by now. List: each that
	 * has a file to @each.
	 */
	int (*loop_attach)(void *self, int fd, const char *name, struct dm_loop *ret);
	int (*loop_resize)(void *self, const struct dm_loop *loop);
	int (*loop_detach)(void *self, const struct dm_loop *loop);
	int (*loop_list)(void *self, int (*each)(void *user, const struct dm_loop *loop),
			 void *user);
	/* One more @self for the same kernel, for a context of another thread. */
	int (*another)(void *self, void **ret_self);
	void (*free)(void *self);
};

extern const struct dm_ops dm_ops_ioctl;
int dm_ops_ioctl_new(void **ret_self);

/* Now on the clock that stamps the kernel log, as near as can be had, in microseconds. */
int64_t clock_log_us(void);

/* A number as the ioctl has it, and back: 12 bits major, 20 bits minor. */
uint64_t devno_encode(uint32_t major, uint32_t minor);
void devno_decode(uint64_t dev, uint32_t *ret_major, uint32_t *ret_minor);

#endif
