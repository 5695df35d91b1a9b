/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arrays are written in one pass, in rising order; nothing that was written is changed again. */
#include "pdata/build_array.h"

int build_array_init(struct build_array *a, struct build *b, uint32_t value_size)
{
	int r;

	*a = (struct build_array){
		.b = b,
		.value_size = value_size,
		.capacity = array_capacity(value_size),
		.block = calloc(1, IO_BLOCK),
	};
	if (!a->block)
		return bp_fail_memory(b->ctx);
	r = build_tree_init(&a->tree, b, sizeof(le64));
	a->tree_open = true;
	return r;
}

void build_array_done(struct build_array *a)
{
	if (a->tree_open)
		build_tree_done(&a->tree);
	free(a->block);
	*a = (struct build_array){ 0 };
}

/* Write the block at hand with its first @nr elements, and begin the next. */
static int leave(struct build_array *a, uint32_t nr)
{
	struct array_block_disk *disk = (struct array_block_disk *)a->block;
	bp_mblock block;
	le64 value;
	void *data;
	int r = build_block(a->b, &block, &data);

	if (r < 0)
		return r;
	disk->max_entries = le32_make(a->capacity);
	disk->nr_entries = le32_make(nr);
	disk->value_size = le32_make(a->value_size);
	memcpy(data, a->block, IO_BLOCK);
	build_seal(a->b, BLOCK_ARRAY);
	r = build_ref(a->b, block);
	value = le64_make(block);
	if (r == 0)
		r = build_tree_add(&a->tree, a->begin / a->capacity, &value);
	a->begin += a->capacity;
	memset(a->block, 0, IO_BLOCK);
	return r;
}

int build_array_advance(struct build_array *a, uint64_t i)
{
	int r = 0;

	while (r == 0 && i - a->begin >= a->capacity)
		r = leave(a, a->capacity);
	return r;
}

/* What was not set up to @nr are zeros: the kernel wants the whole array there. */
int build_array_finish(struct build_array *a, uint64_t nr, bp_mblock *ret_root)
{
	int r = nr ? build_array_advance(a, nr - 1) : 0;

	if (r == 0 && nr > a->begin)
		r = leave(a, (uint32_t)(nr - a->begin));
	if (r == 0)
		r = build_tree_finish(&a->tree, ret_root);
	return r == 0 ? build_ref(a->b, *ret_root) : r;
}
