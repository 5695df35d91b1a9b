/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Repairing by building anew, the same for every format whose input can be read twice: it is read
 * and judged whole before anything is written (that alone is the plan), then once more, and what
 * can be kept is written. What a format's repair consists of is a row, struct rebuild_format.
 *
 * The output is made only when the input has proved to be of use. That it is not the input, and
 * that what is left of a failure does not look valid, is seen to here and by the io.
 */
#ifndef FORMATS_CHECK_REBUILD_H
#define FORMATS_CHECK_REBUILD_H

#include "formats/check/call.h"
#include "formats/loss.h"

/* What all options have by the same names. */
struct rebuild_how {
	void (*damage)(void *user, const struct bp_damage *damage);
	int (*progress)(void *user, uint64_t done, uint64_t total);
	void *user;
};

/* What every state begins with. */
struct rebuild {
	struct bp_ctx *ctx;
	struct rebuild_how how;
	bool only_plan;
	bool deaf;         /* the second time, what is lost was told */
	uint64_t *lost;    /* where losses of what is being read are counted, but for remarks */
	struct io *opened; /* inside: the output by path; open until all is done */
};

struct rebuild_format {
	struct call_shape shape;
	/* Judges the options, and hands over what all have. */
	int (*begin)(struct rebuild *re);
	/* Looks for a superblock on @from, or does without. */
	int (*open)(struct rebuild *re, struct io *from);
	/* Reads all, through rebuild_ears(); the result says what can be kept. */
	int (*plan)(struct rebuild *re);
	/* Reads what can be kept again, and builds it on @to, up to the superblock. */
	int (*write)(struct rebuild *re, struct io *to);
	void (*done)(struct rebuild *re);
};

#define REBUILD_HOW(o) ((struct rebuild_how){ (o)->damage, (o)->progress, (o)->user })

/* Ears that count, and tell the caller; none of it twice. */
struct loss_ears rebuild_ears(struct rebuild *re);
/* One loss that no reader tells of. */
int rebuild_lost(struct rebuild *re, const struct bp_damage *damage);
/* 0, or -ECANCELED with its message. */
int rebuild_progress(const struct rebuild *re, uint64_t done, uint64_t total);

/* @to: NULL for a plan. Both stay the caller's; @ret is untouched on failure. */
int rebuild_io(const struct rebuild_format *format, struct bp_ctx *ctx, struct io *from,
	       struct io *to, const void *opts, void *ret);
/* @output: NULL for a plan. */
int rebuild_path(const struct rebuild_format *format, struct bp_ctx *ctx, const char *input,
		 const char *output, const void *opts, void *ret);

#endif
