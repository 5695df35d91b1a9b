/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text from outside as one word of a line for a shell. */
#ifndef CORE_WORD_H
#define CORE_WORD_H

#include "core/strbuf.h"

/*
 * Add @text so that a shell reads back these very bytes as one word: bare where it may stand so, in quotes
 * else. What would act on a terminal is written as $'\ooo' (POSIX 2024; bash, ksh, zsh before).
 */
void word_add(struct strbuf *s, const char *text);

/* The same of the name of a file, which no program then takes for an option: "./" before a dash. */
void word_add_path(struct strbuf *s, const char *path);

#endif
