/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A dump as text: XML or lines for people. Mappings that continue each other become one line.
 */
#ifndef FORMATS_THIN_TEXT_H
#define FORMATS_THIN_TEXT_H

#include "formats/thin/disk.h"
#include "formats/thin/xml.h"
#include "formats/xml/write.h"

/* A gap: virtual blocks [begin, end] that can't be read, as @block has an error. */
struct thin_gap {
	uint64_t begin, end;
	bp_mblock block;
	const char *why;
};

struct thin_text {
	struct xml_writer w;
	const struct text_style *style;
	struct xml_line single, range;
	/* The mappings not written yet; length 0: none. */
	struct thin_xml_range run;
	uint64_t next_value; /* what continues the run: its packed block and time */
	/*
	 * Of a part: its first run, which may continue one before the part, and whether that is still
	 * the one at hand.
	 */
	struct thin_xml_range head;
	bool at_head;
};

/* 0 or -ENOMEM. */
int thin_text_init(struct thin_text *t, bool human, bp_write_fn write, void *user);
void thin_text_done(struct thin_text *t);

/*
 * A part of the text, made apart, perhaps in another thread: what thin_text_part_begin() empties and
 * thin_text_join() puts behind @t, as if all had been said to @t.
 */
int thin_text_part_init(struct thin_text *part, bool human);
void thin_text_part_begin(struct thin_text *part);
void thin_text_join(struct thin_text *t, struct thin_text *part);

void thin_text_superblock(struct thin_text *t, const struct thin_xml_superblock *sb);
void thin_text_def(struct thin_text *t, bp_mblock name);
void thin_text_def_end(struct thin_text *t);
void thin_text_device(struct thin_text *t, const struct thin_xml_device *device);
void thin_text_device_end(struct thin_text *t);
void thin_text_ref(struct thin_text *t, bp_mblock name);
void thin_text_gap(struct thin_text *t, const struct thin_gap *gap);
/* @length mappings of which the first is that of @key to @value; both rise by one. */
void thin_text_run(struct thin_text *t, uint64_t key, uint64_t value, uint64_t length);
/* The mappings of a leaf. */
void thin_text_leaf(struct thin_text *t, const struct node *leaf);
/* @nr_gaps: the end is left out where anything is missing. 0 or the first error. */
int thin_text_end(struct thin_text *t, uint64_t nr_gaps);

#endif
