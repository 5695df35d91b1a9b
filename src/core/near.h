/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Words in texts: "did you mean", and what was said already. */
#ifndef CORE_NEAR_H
#define CORE_NEAR_H

#include "core/util.h"

/*
 * The word that @word may have been meant to be, or NULL; one slip in three letters is
 * forgiven. @next: hands words out, then NULL; what it gave must stay until the end.
 */
const char *near_word(const char *word, const char *(*next)(void *user), void *user);

/* Do these words stand in @text, whole? What is said once need not be said again. */
bool text_says(const char *text, const char *words);

#endif
