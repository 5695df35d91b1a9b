/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "formats/thin/text.h"
#include "core/number.h"
#include "core/strbuf.h"

#include <inttypes.h>

/* What is handed on as it is: larger pieces aren't copied once more. */
#define PIECE_MIN (64u * 1024)

/* How each part of a dump looks. */
struct text_style {
	void (*superblock)(struct xml_writer *w, const struct thin_xml_superblock *sb);
	void (*def)(struct xml_writer *w, const struct thin_xml_name *name);
	void (*def_end)(struct xml_writer *w);
	void (*device)(struct xml_writer *w, const struct thin_xml_device *device);
	void (*device_end)(struct xml_writer *w);
	void (*run)(struct thin_text *t, const struct thin_xml_range *run);
	void (*ref)(struct xml_writer *w, const struct thin_xml_name *name);
	void (*gap)(struct xml_writer *w, const char *text);
	void (*end)(struct xml_writer *w);
	void (*no_end)(struct xml_writer *w, const char *text);
};

static void put(struct xml_writer *w, const char *text)
{
	xml_write_text(w, text, strlen(text));
}

/* --- XML --- */

static void xml_superblock(struct xml_writer *w, const struct thin_xml_superblock *sb)
{
	xml_write_element(w, 0, &thin_xml_elements[THIN_XML_SUPERBLOCK], sb);
}

static void xml_def(struct xml_writer *w, const struct thin_xml_name *name)
{
	xml_write_element(w, 1, &thin_xml_elements[THIN_XML_DEF], name);
}

static void xml_def_end(struct xml_writer *w)
{
	xml_write_close(w, 1, &thin_xml_elements[THIN_XML_DEF], true);
}

static void xml_device(struct xml_writer *w, const struct thin_xml_device *device)
{
	xml_write_element(w, 1, &thin_xml_elements[THIN_XML_DEVICE], device);
}

static void xml_device_end(struct xml_writer *w)
{
	xml_write_close(w, 1, &thin_xml_elements[THIN_XML_DEVICE], true);
}

/* A single mapping has an element of its own, as in the reference's text. */
static void xml_run(struct thin_text *t, const struct thin_xml_range *run)
{
	const uint64_t single[] = { run->origin_begin, run->data_begin, run->time };
	const uint64_t range[] = { run->origin_begin, run->data_begin, run->length, run->time };

	if (run->length == 1)
		xml_write_line(&t->w, &t->single, single);
	else
		xml_write_line(&t->w, &t->range, range);
}

static void xml_ref(struct xml_writer *w, const struct thin_xml_name *name)
{
	xml_write_element(w, 2, &thin_xml_elements[THIN_XML_REF], name);
}

static void xml_gap(struct xml_writer *w, const char *text)
{
	put(w, "    <!-- ");
	put(w, text);
	put(w, " -->\n");
}

/* Without a newline behind it, as the tools that this is to be compared with have it. */
static void xml_end(struct xml_writer *w)
{
	xml_write_close(w, 0, &thin_xml_elements[THIN_XML_SUPERBLOCK], false);
}

static void xml_no_end(struct xml_writer *w, const char *text)
{
	put(w, "<!-- ");
	put(w, text);
	put(w, " -->\n");
}

static const struct text_style xml_style = {
	.superblock = xml_superblock,
	.def = xml_def,
	.def_end = xml_def_end,
	.device = xml_device,
	.device_end = xml_device_end,
	.run = xml_run,
	.ref = xml_ref,
	.gap = xml_gap,
	.end = xml_end,
	.no_end = xml_no_end,
};

/* --- lines for people --- */

static void put_number(struct xml_writer *w, const char *before, uint64_t number)
{
	put(w, before);
	xml_write_number(w, number);
}

/* The reference's other form, for people. */
static void human_superblock(struct xml_writer *w, const struct thin_xml_superblock *sb)
{
	put_number(w, "begin superblock: \"\", ", sb->time);
	put_number(w, ", ", sb->transaction);
	put_number(w, ", ", sb->flags);
	put_number(w, ", ", sb->version);
	put_number(w, ", ", sb->data_block_size);
	put_number(w, ", ", sb->nr_data_blocks);
	put(w, "\n");
}

static void human_def(struct xml_writer *w, const struct thin_xml_name *name)
{
	put(w, "def: ");
	xml_write_text(w, name->name.text, name->name.len);
	put(w, "\n");
}

static void human_part_end(struct xml_writer *w)
{
	put(w, "\n");
}

static void human_device(struct xml_writer *w, const struct thin_xml_device *device)
{
	put_number(w, "device: ", device->dev_id);
	put_number(w, "\nmapped_blocks: ", device->mapped_blocks);
	put_number(w, "\ntransaction: ", device->transaction);
	put_number(w, "\ncreation time: ", device->creation_time);
	put_number(w, "\nsnap time: ", device->snap_time);
	put(w, "\n");
}

static void human_run(struct thin_text *t, const struct thin_xml_range *run)
{
	struct xml_writer *w = &t->w;

	put_number(w, "    (", run->origin_begin);
	put_number(w, "..", run->origin_begin + run->length - 1);
	put_number(w, ") -> (", run->data_begin);
	put_number(w, "..", run->data_begin + run->length - 1);
	put_number(w, "), ", run->time);
	put(w, "\n");
}

static void human_ref(struct xml_writer *w, const struct thin_xml_name *name)
{
	put(w, "    ref: ");
	xml_write_text(w, name->name.text, name->name.len);
	put(w, "\n");
}

static void human_gap(struct xml_writer *w, const char *text)
{
	put(w, "    ");
	put(w, text);
	put(w, "\n");
}

static void human_end(struct xml_writer *w)
{
	put(w, "end superblock\n");
}

static void human_no_end(struct xml_writer *w, const char *text)
{
	put(w, text);
	put(w, "\n");
}

static const struct text_style human_style = {
	.superblock = human_superblock,
	.def = human_def,
	.def_end = human_part_end,
	.device = human_device,
	.device_end = human_part_end,
	.run = human_run,
	.ref = human_ref,
	.gap = human_gap,
	.end = human_end,
	.no_end = human_no_end,
};

/* --- both --- */

int thin_text_init(struct thin_text *t, bool human, bp_write_fn write, void *user)
{
	*t = (struct thin_text){ .style = human ? &human_style : &xml_style };
	xml_line_init(&t->single, 2, &thin_xml_elements[THIN_XML_SINGLE]);
	xml_line_init(&t->range, 2, &thin_xml_elements[THIN_XML_RANGE]);
	return xml_writer_init(&t->w, write, user);
}

void thin_text_done(struct thin_text *t)
{
	xml_writer_done(&t->w);
}

int thin_text_part_init(struct thin_text *part, bool human)
{
	return thin_text_init(part, human, NULL, NULL);
}

void thin_text_part_begin(struct thin_text *part)
{
	part->w.len = 0;
	part->run.length = 0;
	part->head.length = 0;
	part->at_head = true;
}

static void end_run(struct thin_text *t)
{
	if (t->at_head)
		t->head = t->run;
	else if (t->run.length > 0)
		t->style->run(t, &t->run);
	t->at_head = false;
	t->run.length = 0;
}

/* A block's number as the name of a def. @buf: NUMBER_MAX_BYTES. */
static struct thin_xml_name name_of(bp_mblock block, char *buf)
{
	return (struct thin_xml_name){ { buf, number_format(buf, block) } };
}

void thin_text_superblock(struct thin_text *t, const struct thin_xml_superblock *sb)
{
	t->style->superblock(&t->w, sb);
}

void thin_text_def(struct thin_text *t, bp_mblock block)
{
	char buf[NUMBER_MAX_BYTES];
	struct thin_xml_name name = name_of(block, buf);

	end_run(t);
	t->style->def(&t->w, &name);
}

void thin_text_def_end(struct thin_text *t)
{
	end_run(t);
	t->style->def_end(&t->w);
}

void thin_text_device(struct thin_text *t, const struct thin_xml_device *device)
{
	end_run(t);
	t->style->device(&t->w, device);
}

void thin_text_device_end(struct thin_text *t)
{
	end_run(t);
	t->style->device_end(&t->w);
}

void thin_text_ref(struct thin_text *t, bp_mblock block)
{
	char buf[NUMBER_MAX_BYTES];
	struct thin_xml_name name = name_of(block, buf);

	end_run(t);
	t->style->ref(&t->w, &name);
}

/* A comment in the text: whoever restores it sees where something is missing. */
void thin_text_gap(struct thin_text *t, const struct thin_gap *gap)
{
	_cleanup_(strbuf_done) struct strbuf s = { 0 };

	end_run(t);
	strbuf_addf(&s, "virtual blocks %" PRIu64, gap->begin);
	if (gap->end == UINT64_MAX)
		strbuf_add(&s, " and higher");
	else if (gap->end != gap->begin)
		strbuf_addf(&s, " to %" PRIu64, gap->end);
	strbuf_addf(&s, " can't be read: block %" PRIu64 ": %s", gap->block, gap->why);
	if (s.error)
		t->w.error = t->w.error ? t->w.error : s.error;
	t->style->gap(&t->w, strbuf_text(&s));
}

static inline void add_run(struct thin_text *t, uint64_t key, uint64_t value, uint64_t length)
{
	/* Above all that is in the run: data blocks that wrap around don't continue. */
	if (t->run.length > 0 && key == t->run.origin_begin + t->run.length &&
	    value == t->next_value && value >= UINT64_C(1) << THIN_TIME_BITS) {
		t->run.length += length;
	} else {
		if (t->run.length > 0)
			end_run(t);
		t->run = (struct thin_xml_range){
			.origin_begin = key,
			.data_begin = thin_mapping_block(value),
			.length = length,
			.time = thin_mapping_time(value),
		};
	}
	t->next_value = value + (length << THIN_TIME_BITS);
}

void thin_text_run(struct thin_text *t, uint64_t key, uint64_t value, uint64_t length)
{
	add_run(t, key, value, length);
}

void thin_text_leaf(struct thin_text *t, const struct node *leaf)
{
	for (uint32_t i = 0; i < leaf->nr; i++)
		add_run(t, node_key(leaf, i), node_value64(leaf, i), 1);
}

/* A run may go on from part to part; small pieces are collected. */
static void put_body(struct thin_text *t, const struct xml_writer *body)
{
	if (body->len < PIECE_MIN) {
		xml_write_text(&t->w, body->buf, body->len);
	} else if (xml_writer_flush(&t->w) == 0) {
		t->w.error = t->w.write(t->w.user, body->buf, body->len);
	}
}

void thin_text_join(struct thin_text *t, struct thin_text *part)
{
	const struct thin_xml_range *first = part->at_head ? &part->run : &part->head;

	if (first->length > 0)
		add_run(t, first->origin_begin,
			thin_mapping_make(first->data_begin, (uint32_t)first->time),
			first->length);
	if (part->at_head)
		return;
	end_run(t);
	if (part->w.error && !t->w.error)
		t->w.error = part->w.error;
	put_body(t, &part->w);
	t->run = part->run;
	t->next_value = part->next_value;
}

/* With gaps the text has no end on purpose: no restore takes it by mistake. */
int thin_text_end(struct thin_text *t, uint64_t nr_gaps)
{
	_cleanup_(strbuf_done) struct strbuf s = { 0 };

	if (nr_gaps == 0) {
		t->style->end(&t->w);
	} else {
		strbuf_addf(&s, "incomplete: %" PRIu64 " %s missing, and therefore the end",
			    nr_gaps, nr_gaps == 1 ? "part is" : "parts are");
		t->style->no_end(&t->w, strbuf_text(&s));
	}
	return xml_writer_flush(&t->w);
}
