/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Btree nodes become short: their keys, and data blocks and times apart, mostly rise by a
 * constant. All slots are encoded, used or not, as a pack gives back every byte. Other blocks are
 * literals: what compresses them is the deflating afterwards.
 */
#include "formats/pack/code.h"
#include "pdata/btree.h"

#define TIME_BITS 24
#define TIME_MASK UINT64_C(0xffffff)

struct encoder {
	uint8_t *at;
};

static void put(struct encoder *e, unsigned tag, unsigned n)
{
	*e->at++ = (uint8_t)(tag << 4 | n);
}

/* @tag with a number as short as it can be. */
static void put_wide(struct encoder *e, unsigned tag, uint64_t number)
{
	unsigned bytes = number <= UINT8_MAX ? 1 : number <= UINT16_MAX ? 2 : 4;
	le64 disk = le64_make(number);

	if (number > UINT32_MAX)
		bytes = 8;
	put(e, tag, bytes);
	memcpy(e->at, &disk, bytes);
	e->at += bytes;
}

/* @tag with n, or the one behind it with twelve bits. */
static void put_count(struct encoder *e, unsigned tag, uint32_t count)
{
	if (count < 16) {
		put(e, tag, count);
		return;
	}
	put(e, tag + 1, count >> 8);
	*e->at++ = (uint8_t)count;
}

/* None, where there are no bytes: behind the last one of a block nobody looks for it. */
static void put_literal(struct encoder *e, const uint8_t *bytes, size_t len)
{
	if (len == 0)
		return;
	if (len < 16)
		put(e, 9, (unsigned)len);
	else
		put_wide(e, 10, len);
	memcpy(e->at, bytes, len);
	e->at += len;
}

/* Wraps: a large step up is a small one down. */
static void put_step(struct encoder *e, uint64_t step)
{
	bool down = step > (uint64_t)INT64_MAX;
	uint64_t by = down ? -step : step;

	if (by < 16)
		put(e, down ? 3 : 1, (unsigned)by);
	else
		put_wide(e, down ? 4 : 2, by);
}

/* @count numbers: values[i] >> @shift & @mask. */
static void put_numbers(struct encoder *e, const le64 *values, uint32_t count, unsigned shift,
			uint64_t mask)
{
	uint64_t last = count ? le64_get(values[0]) >> shift & mask : 0, step;
	uint32_t i = 1, run;

	if (count)
		put_wide(e, 0, last);
	for (; i < count; i += run) {
		step = (le64_get(values[i]) >> shift & mask) - last;
		for (run = 0; i + run < count; run++) {
			uint64_t value = le64_get(values[i + run]) >> shift & mask;

			if (value - last != step)
				break;
			last = value;
		}
		if (step == 0) {
			put_count(e, 5, run);
			continue;
		}
		if (run > 1)
			put_count(e, 7, run);
		put_step(e, step);
	}
}

/* Mappings are packed as two lists, as their times seldom change and their blocks rise. */
static void put_values(struct encoder *e, const struct btree_node_disk *node, uint32_t max)
{
	const le64 *values = node->keys + max;
	uint32_t size = le32_get(node->value_size);

	if (size != sizeof(le64)) {
		put_literal(e, (const uint8_t *)values, (size_t)max * size);
	} else if (le32_get(node->flags) == NODE_INTERNAL) {
		put_numbers(e, values, max, 0, UINT64_MAX);
	} else {
		put(e, 11, max >> 8);
		*e->at++ = (uint8_t)max;
		put_numbers(e, values, max, TIME_BITS, UINT64_MAX);
		put_numbers(e, values, max, 0, TIME_MASK);
	}
}

/* Does its header allow it to be taken apart? Whatever else it says. */
static bool has_shape(const struct btree_node_disk *node)
{
	uint64_t size = le32_get(node->value_size), max = le32_get(node->max_entries);

	return size <= IO_BLOCK && max <= IO_BLOCK &&
	       sizeof(*node) + max * (sizeof(le64) + size) <= IO_BLOCK;
}

/* Keys rise, so their steps are small; the rest of the block is kept as it is. */
static void put_node(struct encoder *e, const struct btree_node_disk *node)
{
	uint32_t max = le32_get(node->max_entries), size = le32_get(node->value_size);
	size_t used = sizeof(*node) + (size_t)max * (sizeof(le64) + size);

	put_literal(e, (const uint8_t *)node, sizeof(*node));
	put_numbers(e, node->keys, max, 0, UINT64_MAX);
	put_values(e, node, max);
	if (used < IO_BLOCK)
		put_literal(e, (const uint8_t *)node + used, IO_BLOCK - used);
}

/* What has not the shape of a node is kept literally. */
size_t code_encode(const void *data, enum block_kind kind, uint8_t *to)
{
	const struct btree_node_disk *node = data;
	struct encoder e = { .at = to };

	if (kind == BLOCK_NODE && has_shape(node))
		put_node(&e, node);
	else
		put_literal(&e, data, IO_BLOCK);
	return (size_t)(e.at - to);
}
