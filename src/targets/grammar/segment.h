/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One line of a table, from the inside. */
#ifndef TARGETS_SEGMENT_H
#define TARGETS_SEGMENT_H

#include "targets/grammar/target.h"

struct segment {
	struct bp_segment pub;        /* first: what is lent is this */
	struct arena arena;           /* owns everything the segment points to, but args */
	const struct bp_target *type; /* NULL: not known */
	void *params;                 /* NULL: raw */
	struct arg_order order;       /* of options, as they were given */
	struct words extra;           /* behind the last argument; of a raw segment: all */
	char *args;                   /* pub.args, made anew at each change; NULL: none */
};

struct bp_table {
	VEC(struct segment *) segments;
};

static inline const struct segment *segment_of(const struct bp_segment *pub)
{
	return (const struct segment *)pub;
}

/* An empty segment, without arguments. -EINVAL: no name for a target. */
int segment_new(struct bp_ctx *ctx, bp_sector start, bp_sector length, const char *target,
		struct segment **ret);
void segment_free(struct segment *s);
void segment_freep(struct segment **s);

/* Take arguments from words; see bp_table_parse() for @flags and errors. */
int segment_read(struct bp_ctx *ctx, struct segment *s, const struct words *words,
		 uint32_t flags);
/* The same for words that lie in the segment's arena already, or live as long. */
int segment_take(struct bp_ctx *ctx, struct segment *s, const struct words *words,
		 uint32_t flags);
/* Make the public texts say what the segment now is. 0 or -ENOMEM. */
int segment_refresh(struct bp_ctx *ctx, struct segment *s);

/* Copy the target's public struct, @size bytes as its caller knows it; NULL: all unset. */
int segment_copy(struct bp_ctx *ctx, struct segment *s, const void *params, size_t size);

/* A copy of its own. */
int segment_dup(struct bp_ctx *ctx, const struct segment *s, struct segment **ret);
/*
 * All words of the arguments, extra ones and those of raw segments too (arg NULL), in @ret,
 * which the caller frees with vec_done(&ret->list). @flags: enum write_flags.
 */
int segment_write(struct bp_ctx *ctx, const struct segment *s, uint32_t flags,
		  struct arena *arena, struct written_list *ret);

/*
 * Put other names for devices: @fn fills @ret for "8:16" or a path and returns 1, or returns 0.
 * Words of a segment that is not understood are asked for too.
 */
#define TABLE_DEV_SIZE 512
typedef int dev_fn(void *user, const char *dev, char ret[TABLE_DEV_SIZE]);
int table_map_devs(struct bp_ctx *ctx, struct bp_table *table, dev_fn *fn, void *user);

/*
 * Add what a kernel printed, as bp_table_parse() does with BP_TABLE_PRINTED: start, length and
 * target are at hand, @args is in one line.
 */
int table_add_printed(struct bp_ctx *ctx, struct bp_table *table, bp_sector start,
		      bp_sector length, const char *target, const char *args);

#endif
