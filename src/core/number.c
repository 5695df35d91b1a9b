/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/number.h"

int number_parse_len(const char *text, size_t len, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;
	bool over = false;

	if (len == 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		over |= mul_overflow(v, 10, &v) ||
			add_overflow(v, (uint64_t)(text[i] - '0'), &v);
	}
	if (over || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int number_parse(const char *text, uint64_t max, uint64_t *ret)
{
	return number_parse_len(text, strlen(text), max, ret);
}

/* Two digits a division: numbers are most of what a dump writes. */
size_t number_format(char *buf, uint64_t v)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";
	char tmp[20];
	size_t at = sizeof(tmp);

	while (v >= 100) {
		at -= 2;
		memcpy(tmp + at, pairs + 2 * (v % 100), 2);
		v /= 100;
	}
	if (v >= 10) {
		at -= 2;
		memcpy(tmp + at, pairs + 2 * v, 2);
	} else {
		tmp[--at] = (char)('0' + v);
	}
	memcpy(buf, tmp + at, sizeof(tmp) - at);
	return sizeof(tmp) - at;
}
