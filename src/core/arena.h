/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory that is freed all at once: for things of one owner that are many, small and point into
 * one another. What is replaced stays until arena_done().
 */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include "core/util.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* the newest first */
};

void arena_done(struct arena *a);
/* Zeroed memory, aligned for everything; NULL: none left. @size 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t size);
/* The same for @count elements; NULL too where the product overflows. */
void *arena_array(struct arena *a, size_t count, size_t size);
void *arena_copy(struct arena *a, const void *data, size_t size);
char *arena_strdup(struct arena *a, const char *text);
/* @len bytes of @text and a NUL. */
char *arena_strndup(struct arena *a, const char *text, size_t len);

#endif
