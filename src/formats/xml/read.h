/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading dumps, streaming: from a pipe as well as from a file, in bounded memory. The shape
 * that dumps have is read by a scanner of our own; at the first byte that it does not know it
 * hands over to expat, which takes any well-formed document (declaration, comments, entities,
 * any order of attributes) and has the last word on every error.
 */
#ifndef XML_READ_H
#define XML_READ_H

#include "core/context.h"
#include "formats/xml/xml.h"

struct xml_handler {
	/*
	 * @element: index in the schema. @values: the element's struct, filled and in range;
	 * strings in it are lent for the call. Non-zero stops the reading and is passed on; the
	 * message gets the line before it.
	 */
	int (*open)(void *user, unsigned element, const void *values);
	int (*close)(void *user, unsigned element);
	void *user;
};

/*
 * Where text comes from: fill @buf with at most @len bytes. Returns how many, 0 at the end, or
 * a negative errno (with its message recorded).
 */
struct xml_source {
	ssize_t (*read)(void *user, void *buf, size_t len);
	/*
	 * For text that can be read at any place, NULL for other: as read(), from @offset on, by several
	 * threads at once, and without a message; what came, or its -errno, is told to came() in the order
	 * of the text, by the caller's thread. 0, or what ends the reading, with its message.
	 */
	ssize_t (*read_at)(void *user, void *buf, size_t len, uint64_t offset);
	int (*came)(void *user, ssize_t len);
	void *user;
	const char *name; /* for messages: a path */
	bool expat_only;  /* leave the scanner out: what its results are compared with */
};

/*
 * Read a whole document. 0, the handler's result, -EINVAL (BP_E_XML: not what @schema says;
 * message with name, line and column), -EIO, -ENOMEM.
 */
int xml_read(struct bp_ctx *ctx, const struct xml_schema *schema,
	     const struct xml_source *source, const struct xml_handler *handler);

#endif
