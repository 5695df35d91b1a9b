/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of the crash recorder: a record that is open, the disk at a point of it, and one try of
 * the commands on that.
 */
#ifndef FAULT_CRASH_H
#define FAULT_CRASH_H

#include <bedplate/crash.h>

#include "core/vec.h"
#include "fault/scenario.h"

/* Marks of the recorder's own. */
#define MARK_OWN   "bedplate:"
#define MARK_BEGIN MARK_OWN "begin"
#define MARK_END   MARK_OWN "end"
#define MARK_LAST  "dm-log-writes-end" /* of the kernel, when the device goes */

struct crash_mark {
	size_t entry;
	char text[BP_CRASH_MARK_SIZE]; /* cut where it is longer */
};

struct bp_crash {
	struct bp_ctx *ctx;
	int fd;
	struct writes_log log;
	struct log_source source; /* reads @fd */
	VEC(struct crash_mark) marks;
	struct bp_crash_info info;
};

/* The text of a mark's entry; "" of another one. */
const char *crash_mark_at(const struct bp_crash *crash, size_t entry);
/* The program's last mark among the first @entries; "". */
const char *crash_mark_before(const struct bp_crash *crash, size_t entries);

/* --- crash_image.c: the disk at a point --- */

/*
 * Entries in front of @safe are there; of those from there to @end so many sectors as @sectors has,
 * or all where that is empty.
 */
struct crash_state {
	size_t safe, end;
	VEC(uint64_t) sectors;
};
void crash_state_done(struct crash_state *state);
/* In order: all of the first @end entries. */
void crash_state_in_order(const struct bp_crash *crash, size_t end, struct crash_state *ret);
/* Behind the last flush among the first @end entries, or 0: what is durable whatever comes. */
size_t crash_safe(const struct bp_crash *crash, size_t end);
/* All sectors told one by one, so that they can be changed. */
int crash_state_spell(const struct bp_crash *crash, struct crash_state *state);
/* Can anything in front of @end be lost? */
bool crash_has_choice(const struct bp_crash *crash, size_t end);
/* What chance leaves of that: the number @reorder of the seed. */
int crash_state_reorder(const struct bp_crash *crash, const struct bp_crash_check_opts *opts,
			size_t end, uint32_t reorder, struct crash_state *ret);

/* Images are copied from one that grows along the record. */
struct crash_base {
	int fd;
	size_t done;
};
int crash_base_open(const struct bp_crash *crash, const char *dir, struct crash_base *ret);
void crash_base_close(struct crash_base *base);
/* Make @fd, an open file, the disk in this state. */
int crash_image_make(const struct bp_crash *crash, struct crash_base *base,
		     const struct crash_state *state, int fd);

/* --- crash_try.c: commands on an image --- */

enum crash_stage {
	STAGE_GOOD,
	STAGE_MOUNT,
	STAGE_VERIFY,
	STAGE_FSCK,
	STAGE_OWN, /* the commands could not be run: @status is an errno */
};

struct crash_outcome {
	enum crash_stage stage;
	int status;
};

struct crash_try {
	pid_t pid; /* 0: none runs */
	int image, output;
	char path[4096];
	struct crash_outcome *outcome; /* shared with the child */
};

struct crash_bench {
	const struct bp_crash *crash;
	struct bp_crash_check_opts opts;
	char dir[4000];
	struct crash_base base;
	struct crash_try *tries;
	unsigned nr_tries;
	struct watchdog watchdog; /* removes @dir where this process is killed */
};
int crash_bench_open(const struct bp_crash *crash, const struct bp_crash_check_opts *opts,
		     struct crash_bench *ret);
void crash_bench_close(struct crash_bench *bench);
/* @told: so many entries the commands are told of; what is really there says @state. */
int crash_try_start(struct crash_bench *bench, struct crash_try *try,
		    const struct crash_state *state, size_t told);
/* Wait for it. @ret_output: what the commands printed; free() it; may be NULL. */
int crash_try_end(struct crash_bench *bench, struct crash_try *try, struct crash_outcome *ret,
		  char **ret_output);
/* Both, with the first of the tries: is it good? */
int crash_try(struct crash_bench *bench, const struct crash_state *state, size_t told,
	      bool *ret_good);

/* --- crash_blame.c --- */

struct bp_crash_result {
	struct bp_crash_verdict verdict;
	VEC(struct bp_crash_suspect) suspects;
	char *output;
	char mark[BP_CRASH_MARK_SIZE];
};
/* A point: what is tried, and what the commands are told. */
struct crash_point {
	size_t end;
	uint32_t reorder;
};
/* Find what writes are to blame. @good_before: entries at the last point that was good, or 0. */
int crash_blame(struct crash_bench *bench, const struct crash_point *bad, size_t good_before,
		struct bp_crash_result *result);

/* --- crash_files.c --- */

/*
 * Fill in whose the suspects' blocks are. Nothing where nobody can tell; never a failure but of
 * memory.
 */
int crash_name_files(struct crash_bench *bench, struct bp_crash_result *result);

#endif
