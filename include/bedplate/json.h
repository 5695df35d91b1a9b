/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A streaming JSON writer: what every --json output and every *_json() call is written
 * with. RFC 8259; bytes that are not UTF-8 come out as U+FFFD, and characters that act on a
 * terminal (controls, those that change the direction of text) as \uXXXX.
 */
#ifndef BEDPLATE_JSON_H
#define BEDPLATE_JSON_H

#include <bedplate/context.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bp_json;

/**
 * typedef bp_write_fn - Takes @len bytes of output.
 *
 * Return: 0 or a negative errno, which ends the writing.
 */
typedef int (*bp_write_fn)(void *user, const char *text, size_t len);

/**
 * bp_json_new() - Make a writer.
 * @write: takes the output in pieces; NULL: it is kept, for bp_json_text().
 * @user: passed to @write.
 * @ret: free it with bp_json_free().
 *
 * Output is indented by two blanks. An error (of @write, or of memory) is kept and every later
 * call does nothing: so only bp_json_end()'s result must be looked at.
 *
 * Return: 0 or -ENOMEM.
 */
BP_API int bp_json_new(bp_write_fn write, void *user, struct bp_json **ret);
BP_API void bp_json_free(struct bp_json *json);

/* bp_json_flat() - No line breaks and indents from here on: one document a line, for streams. */
BP_API void bp_json_flat(struct bp_json *json);

/*
 * Values. @key is the member's name inside an object, NULL inside an array and at the top.
 * Each container that is opened must be closed, innermost first.
 */
BP_API void bp_json_object(struct bp_json *json, const char *key);
BP_API void bp_json_object_close(struct bp_json *json);
BP_API void bp_json_array(struct bp_json *json, const char *key);
BP_API void bp_json_array_close(struct bp_json *json);
/* bp_json_unwind() - Close all but the outermost @depth containers: after an error halfway. */
BP_API void bp_json_unwind(struct bp_json *json, unsigned depth);
BP_API void bp_json_string(struct bp_json *json, const char *key,
			   const char *value); /* NULL: null */
BP_API void bp_json_string_len(struct bp_json *json, const char *key, const char *value,
			       size_t len);
BP_API void bp_json_uint(struct bp_json *json, const char *key, uint64_t value);
BP_API void bp_json_int(struct bp_json *json, const char *key, int64_t value);
BP_API void bp_json_bool(struct bp_json *json, const char *key, bool value);
BP_API void bp_json_null(struct bp_json *json, const char *key);
/* A value that is JSON already, such as a number with decimals. Not checked. */
BP_API void bp_json_raw(struct bp_json *json, const char *key, const char *value);

/**
 * bp_json_end() - Finish: a newline, and all of it handed to the write function.
 *
 * Return: 0, or the first error of any call since bp_json_new().
 */
BP_API int bp_json_end(struct bp_json *json);

/* bp_json_text() - What was written, where @write was NULL. Lent; NUL at the end. NULL: memory ran out. */
BP_API const char *bp_json_text(struct bp_json *json, size_t *ret_len);

#ifdef __cplusplus
}
#endif

#endif
