/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is encoded decodes to the same four bytes; each value has one text only. */
#include "formats/xml/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Exactly four bytes, which are eight characters: hints of caches are nothing else. */
void base64_word_encode(char *to, const uint8_t *bytes)
{
	to[0] = digits[bytes[0] >> 2];
	to[1] = digits[(bytes[0] & 3) << 4 | bytes[1] >> 4];
	to[2] = digits[(bytes[1] & 15) << 2 | bytes[2] >> 6];
	to[3] = digits[bytes[2] & 63];
	to[4] = digits[bytes[3] >> 2];
	to[5] = digits[(bytes[3] & 3) << 4];
	to[6] = to[7] = '=';
}

/* -1: not a digit. */
static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* Bits behind the fourth byte must be clear: otherwise two texts would mean the same. */
bool base64_word_decode(const char *text, uint8_t *bytes)
{
	uint32_t v[6];

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		int digit = value_of(text[i]);

		if (digit < 0)
			return false;
		v[i] = (uint32_t)digit;
	}
	if (text[6] != '=' || text[7] != '=' || (v[5] & 15))
		return false;
	bytes[0] = (uint8_t)(v[0] << 2 | v[1] >> 4);
	bytes[1] = (uint8_t)(v[1] << 4 | v[2] >> 2);
	bytes[2] = (uint8_t)(v[2] << 6 | v[3]);
	bytes[3] = (uint8_t)(v[4] << 2 | v[5] >> 4);
	return true;
}
