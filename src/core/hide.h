/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What looks like a key of encryption, in any text: a long run of hex digits. */
#ifndef CORE_HIDE_H
#define CORE_HIDE_H

#include <stdbool.h>
#include <stddef.h>

/* A run of so many hex digits is a key where keys are expected: 64 bits. */
#define KEY_DIGITS 16u

/* How many letters and digits @text begins with. */
size_t alnum_run(const char *text);

/* Are the first @run letters of @text at least @at_least hex digits, and nothing else? */
bool is_key_run(const char *text, size_t run, size_t at_least);

/*
 * Zeros in place of each run of letters and digits in @text that is @at_least so many hex digits. Runs
 * of decimal digits alone only with @numbers: they may be sectors.
 */
void hide_key_runs(char *text, size_t at_least, bool numbers);

/*
 * The same in a text that quotes a line of a table ("0 8 crypt ...", "crypt ... 8:0 0") or a message that sets a
 * key, as a word of a command line does that was taken for a name. Any other text, and paths, stay as they are.
 */
void hide_pasted_keys(char *text);

#endif
