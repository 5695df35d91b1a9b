/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A text in memory as what restoring reads. */
#ifndef LIB_XML_TEXT_H
#define LIB_XML_TEXT_H

#include "core/util.h"
#include "formats/xml/read.h"

struct text {
	const char *at;
	size_t len;
};

static inline ssize_t read_text(void *user, void *buf, size_t len)
{
	struct text *text = user;
	size_t n = MIN(len, text->len);

	memcpy(buf, text->at, n);
	text->at += n;
	text->len -= n;
	return (ssize_t)n;
}

/* @text must live as long; in messages it is called "x". */
static inline struct xml_source text_source(struct text *text)
{
	return (struct xml_source){ .read = read_text, .user = text, .name = "x" };
}

#endif
