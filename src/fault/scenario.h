/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of scenarios: what a file says, and what a run has. */
#ifndef FAULT_SCENARIO_H
#define FAULT_SCENARIO_H

#include <sys/types.h>

#include <bedplate/scenario.h>
#include <bedplate/scope.h>

#include "core/strbuf.h"
#include "fault/fault.h"

enum action_kind {
	ACTION_FAULT,
	ACTION_HEAL,
	ACTION_CUT,  /* the power is gone */
	ACTION_KILL, /* of the program only */
};

struct action {
	enum action_kind kind;
	struct bp_fault fault; /* its ranges are @range */
	bool has_range;
	bp_bytes from, to; /* to 0: the end */
	char *file;        /* of the mount; NULL: the whole device */
	uint32_t classes;  /* enum bp_fault_class, of its file system; 0: not by these */
};

enum trigger {
	TRIGGER_AT,
	TRIGGER_EVERY,
	TRIGGER_WRITES, /* when the device has done so many */
	TRIGGER_ON,     /* when a test says its name */
};

struct rule {
	unsigned line;
	enum trigger trigger;
	uint64_t amount; /* ms, or writes */
	char *name;
	struct action action;
};

enum expect_kind {
	EXPECT_EXIT,
	EXPECT_OUTPUT,
	EXPECT_LOG,   /* of the kernel */
	EXPECT_CHECK, /* a command that succeeds */
};

struct expect {
	unsigned line;
	enum expect_kind kind;
	uint64_t status;
	char *text;
};

struct bp_scenario {
	char *target;        /* an existing device or mount point; NULL: a loop device */
	bp_bytes size_bytes; /* of that */
	char *fs, *mount;
	uint64_t seed, until_ms; /* 0: to the program's end */
	bool cuts;               /* the power goes at some time */
	uint32_t said; /* which lines there were of those that stand once: the reader's */
	VEC(struct rule) rules;
	VEC(struct expect) expects;
};

/* --- process.c --- */

/*
 * A program whose processes all end with it: the first one of a process namespace, below which it
 * runs. Ends with this process too.
 */
struct program {
	pid_t pid;
	int pidfd, output; /* -1: closed */
	dev_t proc;        /* of the /proc that was there before its own */
};
int program_start(struct bp_ctx *ctx, const char *const *argv, struct program *ret);
void program_kill(struct program *program);
/* Wait for its end: the status as a shell has it. */
int program_wait(struct program *program);

/* In a child of @parent: be killed when that ends, also where it has ended by now. */
void process_end_with(pid_t parent);

/* Does what a killed run has left, where its end of the pipe closes before the word. */
struct watchdog {
	int fd;
};
/* In a process of its own, that outlives all others; @user as it is now. */
typedef void watchdog_fn(const void *user);
int watchdog_fork(struct bp_ctx *ctx, watchdog_fn *remove, const void *user,
		  struct watchdog *ret);
/* Of a run. @target: heal this one; of number 0: what the scope has is enough. */
int watchdog_start(struct bp_ctx *ctx, const char *scope, const struct bp_devno *target,
		   const char *fault_state_dir, struct watchdog *ret);
void watchdog_end(struct watchdog *watchdog);

/* --- stack.c: devices and mount of a run --- */

struct stack {
	struct bp_ctx *ctx;
	const struct bp_scenario *scenario;
	struct bp_scope *scope;
	char scope_name[BP_SCOPE_NAME_SIZE];
	const char *command; /* what the scope is told of */
	struct bp_fault_opts faults;
	struct bp_bdev base, log;  /* loop devices; log: where the power can go */
	struct bp_device_info top; /* what faults are put into */
	bool mounted;
};

/* What the kernel has to have, and the target where that is there already; nothing is made. */
int stack_find(struct stack *stack);
/* The scope, and all that is not there. */
int stack_make(struct stack *stack);
/* Nothing reaches the disk any more, from here on. */
int stack_cut(struct stack *stack);
/*
 * The disk as it may be found after the cut: a new one in place of the old. @ret_what: what was lost;
 * free() it.
 */
int stack_revive(struct stack *stack, uint64_t seed, char **ret_what);
/* The recording device of a disk whose power can go: BP_NAME_SIZE bytes. */
void stack_log_name(const struct stack *stack, char *ret);
/* Unmount, and end the recording: what was written is in the log then, whole. */
int stack_log_close(struct stack *stack);
/* Say that more was written than it holds: -ENOSPC. */
int stack_log_full(struct stack *stack);
int stack_mount(struct stack *stack);
int stack_unmount(struct stack *stack);
/* The file system's own check: its exit status; -1: it has none here. Its output is kept. */
int stack_fsck(struct stack *stack, struct strbuf *output);
/* Take all away: what can't be is said. */
int stack_end(struct stack *stack);
/* Run a command to its end: its status, or -errno. Output is added where @output is not NULL. */
int run_command(const char *const *argv, struct strbuf *output);

/* --- writes_log.c --- */

/*
 * The log that the kernel's log-writes leaves: entries of writes, in the order in which they were done.
 * Source of the format: Linux, Documentation/admin-guide/device-mapper/log-writes.rst.
 */
enum {
	LOG_FLUSH = 1 << 0,
	LOG_FUA = 1 << 1,
	LOG_DISCARD = 1 << 2,
	LOG_MARK = 1 << 3,
};
struct log_entry {
	uint64_t sector, nr_sectors; /* of sector_bytes */
	uint64_t flags;
	uint64_t data_bytes; /* where its data lie in the log */
};
struct writes_log {
	uint32_t sector_bytes;
	VEC(struct log_entry) entries;
};
struct log_source {
	int (*read)(void *user, void *buf, size_t len, uint64_t offset); /* all, or -errno */
	void *user;
	uint64_t size_bytes;
};
void writes_log_done(struct writes_log *log);
/* -EUCLEAN where it is none, or ends before it should. */
int writes_log_read(struct bp_ctx *ctx, const struct log_source *source,
		    struct writes_log *ret);

/* What becomes of a write when the power goes after the last entry. */
enum fate {
	FATE_KEPT,
	FATE_LOST,
	FATE_TORN, /* some of its sectors only, from the first on */
};
struct fates {
	size_t kept, lost, torn, durable;
};
/* What it is replayed to: zeros so far. */
struct log_disk {
	int fd;
	uint64_t size_bytes;
};
/* Entries that a flush or their own FUA has made durable are kept; of the rest the seed says. */
int writes_log_replay(struct bp_ctx *ctx, const struct writes_log *log,
		      const struct log_source *source, const struct log_disk *disk,
		      uint64_t seed, struct fates *ret);

/* What chance leaves of an entry that nothing has made durable: so many of its sectors. */
uint64_t writes_log_chance(uint64_t *random, const struct log_entry *e);
/* All of it, or why not: a write that is cut short goes on, as only the next one has an errno of its own. */
int write_at(int fd, const void *bytes, size_t len, uint64_t to);
/* Put the first @sectors of an entry onto a disk. */
int writes_log_apply(struct bp_ctx *ctx, const struct writes_log *log,
		     const struct log_source *source, const struct log_entry *e,
		     uint64_t sectors, const struct log_disk *disk);

uint64_t fault_random(uint64_t *state);

#endif
