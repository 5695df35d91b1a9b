/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Characters of UTF-8, and which of them must not reach a terminal. */
#include "core/utf8.h"

#include <string.h>

/* Source: RFC 3629 section 4: no surrogates, no overlong forms, nothing above U+10FFFF. */
size_t utf8_decode(const char *text, size_t left, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)text;
	size_t n = left == 0                     ? 0
		   : p[0] < 0x80                 ? 1
		   : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
		   : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
		   : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
						 : 0;
	uint32_t c;

	if (n == 0 || n > left)
		return 0;
	c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (c < least[n] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
		return 0;
	*ret = c;
	return n;
}

/* Source: Unicode 15, general categories Cc, Cf, Zl, Zp, less the soft hyphen and letters' own. */
bool utf8_acts(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0x00, 0x1f },       { 0x7f, 0x9f },     { 0x61c, 0x61c },
		{ 0x180e, 0x180e },   { 0x200b, 0x200f }, { 0x2028, 0x202e },
		{ 0x2060, 0x206f },   { 0xfeff, 0xfeff }, { 0xfff9, 0xfffb },
		{ 0xe0000, 0xe007f },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

size_t utf8_head(const char *text, size_t max)
{
	size_t len = strlen(text), i = 0;
	uint32_t c;

	for (size_t n = 0; n < max && i < len; n++)
		i += MAX(utf8_decode(text + i, len - i, &c), 1u);
	return i;
}
