/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any text as a dump: the scanner and expat see the same in it; what can be restored is sound,
 * and dumped and restored again stays as it is; what can't leaves no superblock.
 */
#include "../tests/lib/xml_text.h"
#include "fuzz.h"

#include <bedplate/context.h>

#include "core/strbuf.h"
#include "formats/thin/meta.h"
#include "formats/thin/restore.h"
#include "formats/thin/xml.h"

#define BLOCKS 256u

static struct bp_ctx *ctx;

/* --- what is seen in it --- */

static void note_attr(struct strbuf *seen, const struct xml_attr *attr, const void *values)
{
	const void *value = (const char *)values + attr->offset;
	struct xml_text string;
	uint64_t number;

	if (attr->type == XML_STRING) {
		memcpy(&string, value, sizeof(string));
		strbuf_addf(seen, " '%.*s'", (int)string.len, string.text);
	} else {
		memcpy(&number, value, sizeof(number));
		strbuf_addf(seen, " %llu", (unsigned long long)number);
	}
}

static int on_open(void *user, unsigned element, const void *values)
{
	const struct xml_element *e = &thin_xml_elements[element];

	strbuf_addf(user, "<%s", e->name);
	for (size_t i = 0; i < e->nr_attrs; i++)
		note_attr(user, &e->attrs[i], values);
	return 0;
}

static int on_close(void *user, unsigned element)
{
	strbuf_addf(user, ">%u", element);
	return 0;
}

static int see(const char *data, size_t size, bool expat_only, struct strbuf *seen)
{
	struct text text = { data, size };
	const struct xml_source source = {
		.read = read_text,
		.user = &text,
		.name = "x",
		.expat_only = expat_only,
	};
	const struct xml_handler handler = {
		.open = on_open,
		.close = on_close,
		.user = seen,
	};

	return xml_read(ctx, &thin_xml_schema, &source, &handler);
}

static void both_agree(const char *data, size_t size)
{
	struct strbuf scanned = { 0 }, parsed = { 0 };
	int r = see(data, size, false, &scanned);

	promise(see(data, size, true, &parsed) == r);
	promise(r != 0 || streq(strbuf_text(&scanned), strbuf_text(&parsed)));
	strbuf_done(&scanned);
	strbuf_done(&parsed);
}

/* --- what it becomes --- */

static int restore(uint8_t *area, const char *data, size_t size)
{
	struct text text = { data, size };
	const struct xml_source source = { .read = read_text, .user = &text, .name = "x" };
	struct io *io;
	int r;

	promise(io_memory_new(area, BLOCKS * IO_BLOCK, &io) == 0);
	r = thin_restore_io(ctx, &source, io, NULL);
	io_close(io);
	return r;
}

static void check(uint8_t *area)
{
	struct bp_thin_check_result found = { .size = sizeof(found) };
	struct io *io;

	promise(io_memory_new(area, BLOCKS * IO_BLOCK, &io) == 0);
	promise(thin_check_io(ctx, io, CHECK_ONLY, NULL, &found) == 0);
	promise(found.nr_fatal == 0 && found.nr_nonfatal == 0);
	io_close(io);
}

static int keep(void *user, const char *text, size_t len)
{
	strbuf_add_len(user, text, len);
	return 0;
}

static void dump(uint8_t *area, struct strbuf *text)
{
	struct bp_thin_meta *meta;
	struct io *io;
	uint64_t damages;

	promise(io_memory_new(area, BLOCKS * IO_BLOCK, &io) == 0);
	promise(thin_meta_open_io(ctx, io, NULL, &meta) == 0);
	promise(bp_thin_dump(meta, NULL, keep, text, &damages) == 0);
	promise(damages == 0 && text->error == 0);
	bp_thin_close(meta);
}

/* Twice around: the first time leaves that were too small may have been merged. */
static void stays(uint8_t *area)
{
	struct strbuf first = { 0 }, second = { 0 }, third = { 0 };

	dump(area, &first);
	promise(restore(area, first.text, first.len) == 0);
	check(area);
	dump(area, &second);
	promise(restore(area, second.text, second.len) == 0);
	dump(area, &third);
	promise(streq(second.text, third.text));
	strbuf_done(&first);
	strbuf_done(&second);
	strbuf_done(&third);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t zeros[IO_BLOCK];
	uint8_t *area = io_buffer_new(BLOCKS);

	promise(area && bp_ctx_new(&ctx) == 0);
	memset(area, 0x5a, BLOCKS * IO_BLOCK);
	both_agree((const char *)data, size);
	if (restore(area, (const char *)data, size) < 0) {
		promise(memcmp(area, zeros, sizeof(zeros)) == 0);
	} else {
		check(area);
		stays(area);
	}
	bp_ctx_free(ctx);
	free(area);
	return 0;
}
