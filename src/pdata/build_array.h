/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing an array: elements by rising index, what is left out is zero. Full blocks are written
 * as they are left behind; the index tree comes last. Several arrays may be under way in one
 * build, as each fills a block of its own first.
 *
 * Memory: one block, and what build_tree takes: 16 bytes for each 252 array blocks.
 */
#ifndef PDATA_BUILD_ARRAY_H
#define PDATA_BUILD_ARRAY_H

#include "pdata/array.h"
#include "pdata/build.h"

struct build_array {
	struct build *b;
	uint32_t value_size, capacity;
	uint64_t begin; /* index of the first element of the block at hand */
	uint8_t *block; /* it: capacity values behind a header, zero where not set */
	struct build_tree tree;
	bool tree_open;
};

/* 0 or -ENOMEM. */
int build_array_init(struct build_array *a, struct build *b, uint32_t value_size);
void build_array_done(struct build_array *a);

/* Leave full blocks behind until element @i lies in the one at hand. */
int build_array_advance(struct build_array *a, uint64_t i);

/*
 * Where element @i is to be written, as on disk; valid until the next call. @i must not lie
 * before the block of the last one. NULL: @ret_error has why.
 */
static inline void *build_array_slot(struct build_array *a, uint64_t i, int *ret_error)
{
	if (__builtin_expect(i - a->begin >= a->capacity, 0)) {
		*ret_error = build_array_advance(a, i);
		if (*ret_error < 0)
			return NULL;
	}
	return a->block + sizeof(struct array_block_disk) + (i - a->begin) * a->value_size;
}

/* It has @nr elements in all. Its root is counted: a pointer to it is to be written. */
int build_array_finish(struct build_array *a, uint64_t nr, bp_mblock *ret_root);

#endif
