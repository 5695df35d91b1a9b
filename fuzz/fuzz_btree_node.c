/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a btree node, with checksum and number made right: what is decoded must be safe
 * to use. The first byte chooses the tree's value size.
 */
#include "fuzz.h"

#include "pdata/btree.h"

/* Each key and value that a decoded node says it has lies inside of it. */
static void use(const struct node *node, const uint8_t *block)
{
	const uint8_t *end = node->values + (size_t)node->nr * node->value_size;
	uint64_t last = 0;

	promise((const uint8_t *)node->keys >= block && end <= block + IO_BLOCK);
	promise((const uint8_t *)(node->keys + node->max) == node->values);
	promise(node->leaf || node->nr > 0);
	for (uint32_t i = 0; i < node->nr; i++) {
		promise(i == 0 || node_key(node, i) > last);
		last = node_key(node, i);
		promise(node_find(node, last) == (int)i);
		promise(last == UINT64_MAX || node_find(node, last + 1) >= (int)i);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t value_sizes[] = { 4, 8, 12, 16, 24 };
	uint8_t *block = io_buffer_new(1);
	uint32_t value_size;
	struct node node;

	promise(block);
	if (size > 0) {
		value_size = value_sizes[data[0] % ARRAY_SIZE(value_sizes)];
		memset(block, 0, IO_BLOCK);
		memcpy(block, data + 1, MIN(size - 1, IO_BLOCK));
		block_seal(block, BLOCK_NODE, 7);
		if (node_decode(block, 7, value_size, &node) == NODE_OK)
			use(&node, block);
	}
	free(block);
	return 0;
}
