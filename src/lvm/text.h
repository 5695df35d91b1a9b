/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text form of LVM2 metadata as a tree: sections, and keys with values. The grammar of areas
 * on disk and of the files of vgcfgbackup. Source: LVM2, libdm/libdm-config.c, and what its
 * writer (lib/format_text/export.c) makes.
 */
#ifndef LVM_TEXT_H
#define LVM_TEXT_H

#include "core/arena.h"

enum text_kind {
	TEXT_SECTION,
	TEXT_NUMBER, /* decimal, maybe with a sign */
	TEXT_STRING,
	TEXT_LIST, /* its items are children without a key */
};

/* A node. All texts are in the arena given to text_parse(). */
struct text_node {
	const char *key; /* "" in a list */
	enum text_kind kind;
	int64_t number;
	const char *string;
	const struct text_node *child, *next;
};

/* Why a text could not be parsed. */
struct text_error {
	unsigned line; /* from 1 */
	const char *what;
};

/* Sections and lists that may stand in each other. LVM writes five. */
#define TEXT_DEPTH_MAX 16

/*
 * Parse @len bytes, up to a NUL if there is one. @ret: a section without a key that has all.
 * @ret_used: bytes up to the end or the NUL; may be NULL. Memory: some 64 bytes for each word.
 * Returns 0, -EINVAL (@error says why) or -ENOMEM.
 */
int text_parse(struct arena *arena, const char *text, size_t len, const struct text_node **ret,
	       size_t *ret_used, struct text_error *error);

/* The first child @key of any kind; NULL: none, or @section is NULL. */
const struct text_node *text_find(const struct text_node *section, const char *key);
/* The child section @key, or NULL. */
const struct text_node *text_section(const struct text_node *section, const char *key);
/* Its string; NULL where it is none. */
const char *text_string(const struct text_node *section, const char *key);
/* Its number where it is one and not negative; else @otherwise. */
uint64_t text_number(const struct text_node *section, const char *key, uint64_t otherwise);
/* The first item of a list (or of a single value, which counts as a list of one); NULL: none. */
const struct text_node *text_items(const struct text_node *section, const char *key);
/* Is the string @word an item of the list @key? */
bool text_has(const struct text_node *section, const char *key, const char *word);

#endif
