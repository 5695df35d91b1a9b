/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/arena.h"

#include <stdalign.h>

#define CHUNK_SIZE 1024 /* bytes of a usual chunk; larger things get one of their own */

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	alignas(max_align_t) char data[];
};

void arena_done(struct arena *a)
{
	while (a->chunks) {
		struct arena_chunk *chunk = a->chunks;

		a->chunks = chunk->next;
		free(chunk);
	}
}

/*
 * Zeroed, so that arrays and structs taken from it begin as calloc() would give them. What
 * is larger than a chunk gets one of its own.
 */
static struct arena_chunk *chunk_new(struct arena *a, size_t size)
{
	size_t data_size = MAX(size, (size_t)CHUNK_SIZE), total;
	struct arena_chunk *chunk;

	if (add_overflow(sizeof(*chunk), data_size, &total))
		return NULL;
	chunk = calloc(1, total);
	if (!chunk)
		return NULL;
	chunk->size = data_size;
	chunk->next = a->chunks;
	a->chunks = chunk;
	return chunk;
}

/*
 * The rest of a chunk that is too small is given up: at most one allocation's worth in each
 * chunk.
 */
void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_chunk *chunk = a->chunks;
	const size_t align = alignof(max_align_t);
	size_t rounded;
	void *p;

	if (add_overflow(size, align - 1, &rounded))
		return NULL;
	rounded -= rounded % align;
	if (!chunk || chunk->size - chunk->used < rounded)
		chunk = chunk_new(a, rounded);
	if (!chunk)
		return NULL;
	p = chunk->data + chunk->used;
	chunk->used += rounded;
	return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	size_t total;

	if (mul_overflow(count, size, &total))
		return NULL;
	return arena_alloc(a, total);
}

void *arena_copy(struct arena *a, const void *data, size_t size)
{
	void *p = arena_alloc(a, size);

	if (p && size)
		memcpy(p, data, size);
	return p;
}

char *arena_strndup(struct arena *a, const char *text, size_t len)
{
	char *p = arena_alloc(a, len + 1);

	if (p)
		memcpy(p, text, len);
	return p;
}

char *arena_strdup(struct arena *a, const char *text)
{
	return arena_strndup(a, text, strlen(text));
}
