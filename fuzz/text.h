/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An input as the text of a dump, for what reads XML. Nothing is copied. */
#ifndef FUZZ_TEXT_H
#define FUZZ_TEXT_H

#include "core/util.h"

#include <string.h>
#include <sys/types.h>

struct text {
	const char *at;
	size_t len; /* bytes not read yet */
};

/* The read of a struct xml_source whose user is a struct text. */
static inline ssize_t read_text(void *user, void *buf, size_t len)
{
	struct text *text = user;
	size_t n = MIN(len, text->len);

	memcpy(buf, text->at, n);
	text->at += n;
	text->len -= n;
	return (ssize_t)n;
}

#endif
