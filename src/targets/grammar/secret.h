/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is secret in a table or a message, and its words without it. */
#ifndef TARGETS_SECRET_H
#define TARGETS_SECRET_H

#include "targets/grammar/segment.h"

/* ":64:logon:name", a key that the kernel holds. */
bool is_key_reference(const char *text);

/* Must this value of an argument be hidden? */
bool arg_hides(const struct arg *arg, const char *text);

/* The same, and where a key stands in place of it or behind it: in a target that has keys. */
bool part_hides(const struct arg *arg, const char *text);

/* Has a grammar, or a target's, an argument that may have to be hidden? */
bool args_have_secrets(const struct arg *args);
bool target_has_secrets(const struct bp_target *target);

/*
 * Zeros in place of each word in @text that looks like a key, where the target has keys; NULL
 * is nothing.
 */
void text_hide_keys(char *text);

/*
 * A word of a line by @target (NULL: not known here), of which it is not certain what it is, as
 * it may be shown. Owned by the arena; NULL: no memory.
 */
const char *word_public(const struct bp_target *target, const char *word, struct arena *arena);

/* The same for a line of the log, and for a status: numbers of any length have their place there. */
const char *log_public(const struct bp_target *target, const char *text, struct arena *arena);
const char *status_public(const struct bp_target *target, const char *text,
			  struct arena *arena);

/* As word_public() for a word of a segment, as segment_write() gave it. */
const char *segment_word_public(const struct segment *s, const struct written *w,
				struct arena *arena);

/*
 * bp_segment_format_args() with "-" in place of keys, for the eyes only. *@ret is NULL where
 * there is nothing to hide.
 */
int segment_format_public(struct bp_ctx *ctx, const struct bp_segment *segment, char **ret);

/*
 * A message to a target that is not known, with "-" in place of keys. NULL: no memory. Freed by
 * the caller.
 */
char *message_public(const char *text);

/* Zeros in place of all keys of a segment. 0 or -ENOMEM. */
int segment_hide(struct bp_ctx *ctx, struct segment *s);

#endif
