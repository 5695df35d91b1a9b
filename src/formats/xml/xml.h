/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The XML of metadata dumps, described as data: which elements there are, what may stand where,
 * and which attributes, of which type and range, in which order, each has. The reader and the
 * writer walk the same tables, so what one writes the other reads.
 */
#ifndef XML_XML_H
#define XML_XML_H

#include "core/util.h"

enum xml_type {
	XML_NUMBER, /* uint64_t; decimal digits only */
	XML_STRING, /* struct xml_text; lent while the handler runs */
	XML_BOOL,   /* bool; "true" or "false" */
	XML_WORD,   /* uint8_t[4]; base64 */
};

enum xml_presence {
	XML_REQUIRED, /* read and written always */
	XML_DEFAULT,  /* may be left out when read; written always */
	XML_OPTIONAL, /* may be left out when read; written when it differs from the default */
};

struct xml_text {
	const char *text; /* not NUL-terminated */
	size_t len;
};

/* Whole words of a size that compilers copy in two instructions; the longest name fits. */
#define XML_LEAD_MAX 32

struct xml_attr {
	const char *name;
	char lead[XML_LEAD_MAX]; /* what stands before the value: " name=\"" */
	uint8_t lead_len;
	enum xml_type type;
	enum xml_presence presence;
	size_t offset;     /* of the value in the element's struct */
	uint64_t min, max; /* of a number */
	uint64_t fallback; /* the value of a number that was left out */
};

#define XML_ATTR(type_, presence_, name_, struct_, member_, ...)                               \
	{                                                                                      \
		.name = name_, .lead = " " name_ "=\"", .lead_len = sizeof(name_) + 2,         \
		.type = type_, .presence = presence_, .offset = offsetof(struct_, member_),    \
		__VA_ARGS__                                                                    \
	}

/* Room that an element's struct may take, bytes; what readers keep it in. */
#define XML_VALUES_MAX 256

#define XML_OUTERMOST (1u << 31) /* in @parents: the document's own element */

struct xml_element {
	const char *name;
	char tag[XML_LEAD_MAX]; /* "<name" */
	uint8_t name_len;
	bool empty;       /* written as <name .../>: nothing stands inside */
	uint32_t parents; /* bit i: may stand inside elements[i] */
	size_t size;      /* of the struct its attributes are kept in; <= XML_VALUES_MAX */
	const struct xml_attr *attrs;
	size_t nr_attrs;
};

#define XML_ELEMENT(name_, empty_, parents_, struct_, attrs_)                                  \
	{                                                                                      \
		.name = name_, .tag = "<" name_, .name_len = sizeof(name_) - 1,                \
		.empty = empty_, .parents = parents_, .size = sizeof(struct_),                 \
		.attrs = attrs_, .nr_attrs = ARRAY_SIZE(attrs_)                                \
	}

struct xml_schema {
	const struct xml_element *elements; /* at most 31 */
	size_t nr_elements;
};

#endif
