/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arrays of metadata formats as they are told about, and parts of them that can't be read. */
#ifndef FORMATS_LOSS_H
#define FORMATS_LOSS_H

#include "formats/check/check.h"
#include "pdata/bitset.h"

/* An array, and how it is told about. */
struct loss_array {
	enum bp_damage_place place;
	const char *name;         /* "mapping array" */
	const char *elements;     /* "cache blocks": what a range is of */
	bp_mblock root;           /* 0: there is none */
	uint64_t nr;              /* elements; of a bitset, words */
	uint32_t value_size;      /* 0: no array, but a tree of values of */
	uint32_t tree_value_size; /* bytes */
	uint32_t factor;          /* what one element stands for: 64 in bitsets */
	uint64_t nr_told;         /* how many there are of what is told about */
	uint64_t device;          /* BP_NONE, or what bp_damage.device is to say */
};

/* Elements [@begin, @end) of it are lost: what array_visitor.lost gets. */
struct loss {
	uint64_t begin, end;
	enum array_error error;
	enum node_error node_error;
	bp_mblock block;
};

typedef int (*loss_fn)(void *user, const struct bp_damage *damage);

/* Tell @report of it, counted in what elements stand for. Returns what it returns. */
int loss_tell(const struct loss_array *array, const struct loss *loss, loss_fn report,
	      void *user);
/* Record it as a failure: -EIO, -EBADMSG or -EUCLEAN. */
int loss_fail(struct bp_ctx *ctx, const struct loss_array *array, const struct loss *loss);

/*
 * Who hears what is met on the way: damage, pointers and trees, as array_visitor has them. NULL
 * in a member is allowed; without report() the first damage fails.
 */
struct loss_ears {
	loss_fn report;
	int (*child)(void *user, bp_mblock block);
	int (*tree)(void *user, const struct loss_array *array, const struct forest *tree);
	void *user;
};

/* Walk an array: @part as array_visitor's. What is lost is told to ears->report. */
struct array_reader {
	int (*part)(void *user, uint64_t begin, uint64_t end, const void *values);
	/* Elements [@begin, @end) are lost, after @report heard of it. May be NULL. */
	int (*lost)(void *user, uint64_t begin, uint64_t end);
	void *user;
	const struct loss_ears *ears;
};
int loss_array_read(struct meta *meta, const struct loss_array *array,
		    const struct array_reader *reader);

/* enum array_error as a kind of damage; where it is the tree, by its node's. */
enum bp_damage_kind loss_array_kind(enum array_error error, enum node_error node_error);

#endif
