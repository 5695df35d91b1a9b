/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What of a text may be shown. Names, labels and paths come from outside: shown as they are,
 * they could drive a terminal or turn a line round. Says nothing of fonts or widths.
 */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include "core/util.h"

/* The character at @text, of which @left bytes are there. Return: its length, 0: none is. */
size_t utf8_decode(const char *text, size_t left, uint32_t *ret);

/*
 * Does @c act instead of being seen: a control character, or one of Unicode's that hide text or
 * change its direction?
 */
bool utf8_acts(uint32_t c);

/* How many bytes the first @max characters of @text have; what is no UTF-8 counts by bytes. */
size_t utf8_head(const char *text, size_t max);

#endif
