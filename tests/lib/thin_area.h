/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A metadata area in memory, full of nonsense at first, that is restored, checked and dumped. */
#ifndef LIB_THIN_AREA_H
#define LIB_THIN_AREA_H

#include "unit.h"

#include <bedplate/thin_dump.h>

#include "core/strbuf.h"
#include "formats/thin/meta.h"
#include "formats/thin/restore.h"
#include "xml_text.h"

#define META_BLOCKS 2048u
#define DATA_BLOCKS 100000u

struct area {
	struct bp_ctx *ctx;
	uint8_t *data;
};

static inline void area_init(struct area *area)
{
	assert_ok(bp_ctx_new(&area->ctx));
	area->data = io_buffer_new(META_BLOCKS);
	assert_non_null(area->data);
	memset(area->data, 0x5a, META_BLOCKS * IO_BLOCK);
}

static inline void area_done(struct area *area)
{
	bp_ctx_free(area->ctx);
	free(area->data);
}

static inline struct io *area_io(struct area *area, bp_mblock nr_blocks)
{
	struct io *io;

	assert_ok(io_memory_new(area->data, (size_t)bp_mblock_to_bytes(nr_blocks), &io));
	return io;
}

static inline int restore_on(struct area *area, struct io *io, const char *xml)
{
	struct text text = { xml, strlen(xml) };
	const struct xml_source source = text_source(&text);

	return thin_restore_io(area->ctx, &source, io, NULL);
}

static inline int restore(struct area *area, const char *xml)
{
	struct io *io = area_io(area, META_BLOCKS);
	int r = restore_on(area, io, xml);

	io_close(io);
	return r;
}

static inline struct bp_thin_meta *open_area(struct area *area)
{
	struct bp_thin_meta *meta = NULL;

	assert_ok(thin_meta_open_io(area->ctx, area_io(area, META_BLOCKS), NULL, &meta));
	return meta;
}

static inline void print_damage(void *user, const struct bp_damage *damage)
{
	(void)user;
	print_message("# %s\n", damage->what);
}

/* Nothing at all is to be found, remarks included. Returns how many blocks are in use. */
static inline uint64_t check_clean(struct area *area)
{
	const struct bp_thin_check_opts opts = { .size = sizeof(opts), .damage = print_damage };
	struct bp_thin_check_result found = { .size = sizeof(found) };
	struct io *io = area_io(area, META_BLOCKS);

	assert_ok(thin_check_io(area->ctx, io, CHECK_ONLY, &opts, &found));
	io_close(io);
	assert_int_equal(found.nr_fatal, 0);
	assert_int_equal(found.nr_nonfatal, 0);
	assert_int_equal(found.nr_remarks, 0);
	return found.superblock.nr_metadata_allocated;
}

static inline int keep(void *user, const char *text, size_t len)
{
	strbuf_add_len(user, text, len);
	return 0;
}

static inline char *dump(struct area *area)
{
	struct bp_thin_meta *meta = open_area(area);
	struct strbuf text = { 0 };
	uint64_t damages;
	char *ret;

	assert_ok(bp_thin_dump(meta, NULL, keep, &text, &damages));
	assert_int_equal(damages, 0);
	bp_thin_close(meta);
	assert_ok(strbuf_take(&text, &ret));
	return ret;
}

static inline bool is_zero(const uint8_t *data)
{
	for (size_t i = 0; i < IO_BLOCK; i++) {
		if (data[i])
			return false;
	}
	return true;
}

/* --- words of a dump --- */

#define SB_OF(blocks)                                                                          \
	"<superblock uuid=\"\" time=\"3\" transaction=\"5\" version=\"2\" "                    \
	"data_block_size=\"128\" nr_data_blocks=\"" blocks "\">\n"
#define SB SB_OF("1000")
#define DEV_SNAP(id, mapped, time)                                                             \
	"<device dev_id=\"" id "\" mapped_blocks=\"" mapped "\" transaction=\"0\" "            \
	"creation_time=\"0\" snap_time=\"" time "\">\n"
#define DEV(id, mapped) DEV_SNAP(id, mapped, "0")
#define AT(virtual, data, time)                                                                \
	"<single_mapping origin_block=\"" virtual "\" data_block=\"" data "\" time=\"" time    \
						  "\"/>\n"
#define SINGLE(virtual, data) AT(virtual, data, "0")
#define RANGE(virtual, data, length)                                                           \
	"<range_mapping origin_begin=\"" virtual "\" data_begin=\"" data "\" length=\"" length \
						 "\" time=\"0\"/>\n"
#define END "</device></superblock>"

#endif
