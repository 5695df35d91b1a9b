/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Four bytes as base64 (RFC 4648, padded) and back: what the hints of a cache are in a dump. */
#ifndef XML_BASE64_H
#define XML_BASE64_H

#include "core/util.h"

#define BASE64_WORD 8 /* characters that four bytes take: six, and two of padding */

void base64_word_encode(char *to, const uint8_t *bytes);
/* Nothing else is accepted: other lengths, other padding, bits that would be dropped. */
bool base64_word_decode(const char *text, uint8_t *bytes);

#endif
