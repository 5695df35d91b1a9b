/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers from text: decimal digits only, no sign, no blank, no prefix, no silent wrap. */
#ifndef CORE_NUMBER_H
#define CORE_NUMBER_H

#include "core/util.h"

/* 0, -EINVAL (not [0-9]+) or -ERANGE (over @max). Leading zeros are decimal. */
int number_parse(const char *text, uint64_t max, uint64_t *ret);
/* The same for @len bytes that need not end in NUL. */
int number_parse_len(const char *text, size_t len, uint64_t max, uint64_t *ret);
#define NUMBER_MAX_BYTES 20u
/*
 * Write @v in decimal at @buf, without NUL; returns how many bytes. @buf has NUMBER_MAX_BYTES, all
 * of which may be written to.
 */
size_t number_format(char *buf, uint64_t v);

#endif
