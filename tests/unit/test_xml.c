/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "core/strbuf.h"
#include "formats/thin/xml.h"
#include "formats/xml/read.h"
#include "formats/xml/reader.h"
#include "formats/xml/write.h"

#include <inttypes.h>
#include <stdio.h>

/* Text handed out in pieces of @step bytes, as a pipe does. */
struct text_source {
	const char *text;
	size_t len, step;
};

static ssize_t read_text(void *user, void *buf, size_t len)
{
	struct text_source *s = user;
	size_t n = MIN(MIN(len, s->step), s->len);

	memcpy(buf, s->text, n);
	s->text += n;
	s->len -= n;
	return (ssize_t)n;
}

/* What a handler saw, as text; with fail_at it refuses that element, counted from 1. */
struct seen {
	struct bp_ctx *ctx;
	struct strbuf text;
	unsigned count, fail_at;
};

static int on_open(void *user, unsigned element, const void *values)
{
	const struct xml_element *e = &thin_xml_elements[element];
	struct seen *seen = user;

	strbuf_addf(&seen->text, "<%s", e->name);
	for (size_t i = 0; i < e->nr_attrs; i++) {
		const void *value = (const char *)values + e->attrs[i].offset;
		uint64_t number;
		struct xml_text text;

		if (e->attrs[i].type == XML_STRING) {
			memcpy(&text, value, sizeof(text));
			strbuf_addf(&seen->text, " '%.*s'", (int)text.len, text.text);
		} else {
			memcpy(&number, value, sizeof(number));
			strbuf_addf(&seen->text, " %" PRIu64, number);
		}
	}
	strbuf_add(&seen->text, ">");
	if (++seen->count == seen->fail_at)
		return bp_fail(seen->ctx, -EUCLEAN, "refused");
	return 0;
}

static int on_close(void *user, unsigned element)
{
	struct seen *seen = user;

	strbuf_addf(&seen->text, "</%s>", thin_xml_elements[element].name);
	return 0;
}

/* At any place, for several threads: nothing is used up. */
static ssize_t read_at(void *user, void *buf, size_t len, uint64_t offset)
{
	const struct text_source *s = user;
	size_t n = offset < s->len ? MIN(MIN(len, s->step), s->len - (size_t)offset) : 0;

	memcpy(buf, s->text + offset, n);
	return (ssize_t)n;
}

static int came(void *user, ssize_t len)
{
	(void)user;
	return len < 0 ? (int)len : 0;
}

static int read_anywhere(struct seen *seen, const char *text, size_t step)
{
	struct text_source from = { .text = text, .len = strlen(text), .step = step };
	const struct xml_source source = {
		.read_at = read_at, .came = came, .user = &from, .name = "x"
	};
	const struct xml_handler handler = { .open = on_open, .close = on_close, .user = seen };

	return xml_read(seen->ctx, &thin_xml_schema, &source, &handler);
}

static int read_as(struct seen *seen, const char *text, size_t step, bool expat_only)
{
	struct text_source from = { .text = text, .len = strlen(text), .step = step };
	const struct xml_source source = {
		.read = read_text, .user = &from, .name = "x", .expat_only = expat_only
	};
	const struct xml_handler handler = { .open = on_open, .close = on_close, .user = seen };

	return xml_read(seen->ctx, &thin_xml_schema, &source, &handler);
}

#define SB                                                                                     \
	"<superblock uuid=\"\" time=\"7\" transaction=\"5\" version=\"2\" "                    \
	"data_block_size=\"128\" nr_data_blocks=\"1000\">"
#define SB_SEEN "<superblock '' 7 5 0 2 128 1000 0>"
#define DEV                                                                                    \
	"<device dev_id=\"1\" mapped_blocks=\"2\" transaction=\"3\" creation_time=\"4\" "      \
	"snap_time=\"5\">"
#define DEV_SEEN "<device 1 2 3 4 5>"

static const struct {
	const char *text;
	const char *seen; /* where the text is right */
	const char *why;  /* the message where it is not */
} cases[] = {
	{ SB "</superblock>", SB_SEEN "</superblock>", NULL },
	{ SB "\n  " DEV "\n\t</device>\r\n</superblock>\n",
	  SB_SEEN DEV_SEEN "</device></superblock>", NULL },
	{ SB "<def name=\"17\"><range_mapping origin_begin=\"1\" data_begin=\"2\" length=\"3\" "
	     "time=\"4\"/></def>" DEV "<ref name=\"17\"/><single_mapping origin_block=\"9\" "
	     "data_block=\"8\" time=\"7\"/></device></superblock>",
	  SB_SEEN
	  "<def '17'><range_mapping 1 2 3 4></range_mapping></def>" DEV_SEEN
	  "<ref '17'></ref><single_mapping 9 8 7></single_mapping></device></superblock>",
	  NULL },
	{ "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- a pool -->" SB "</superblock>",
	  SB_SEEN "</superblock>", NULL },
	{ SB "<!-- none --><device snap_time='5' creation_time='4' transaction='3' "
	     "mapped_blocks='2' dev_id='1'/></superblock>",
	  SB_SEEN DEV_SEEN "</device></superblock>", NULL },
	{ SB "<def name=\"a&amp;b\"></def></superblock>",
	  SB_SEEN "<def 'a&b'></def></superblock>", NULL },
	{ "<superblock uuid=\"\" time=\"7\" transaction=\"5\" flags=\"1\" "
	  "data_block_size=\"128\" "
	  "nr_data_blocks=\"1000\" metadata_snap=\"64\"/>",
	  "<superblock '' 7 5 1 2 128 1000 64></superblock>", NULL },
	{ "<superblock uuid=\"\" time=\"16777215\" transaction=\"18446744073709551615\" "
	  "data_block_size=\"128\" nr_data_blocks=\"1000\"/>",
	  "<superblock '' 16777215 18446744073709551615 0 2 128 1000 0></superblock>", NULL },

	{ "", NULL, "x: line 1, column 1: missing superblock: the text has no element" },
	{ "\n\n", NULL, "x: line 3, column 1: missing superblock: the text has no element" },
	{ SB "\n<device", NULL, "x: line 2, column 1: not well-formed XML: unclosed token" },
	{ SB "\n", NULL,
	  "x: line 2, column 1: the text ends inside 'superblock': is it truncated?" },
	{ SB "</superblock>\n" SB, NULL,
	  "x: line 2, column 1: more text behind the end of 'superblock'" },
	{ "<!-- -->" SB "</superblock>\n" SB, NULL,
	  "x: line 2, column 1: more text behind the end of 'superblock'" },
	{ SB "\n <pool/></superblock>", NULL, "x: line 2, column 2: unknown start tag 'pool'" },
	{ SB "\n <ref name=\"1\"/></superblock>", NULL,
	  "x: line 2, column 2: 'ref' can't stand inside 'superblock'" },
	{ SB "\n" SB "</superblock></superblock>", NULL,
	  "x: line 2, column 1: 'superblock' can't stand inside 'superblock'" },
	{ "<device/>", NULL, "x: line 1, column 1: 'device' can't be the outermost element" },
	{ SB "\n\n  <device dev_id=\"1\" color=\"2\"/></superblock>", NULL,
	  "x: line 3, column 3: unknown attribute 'color' in tag 'device'" },
	{ SB "<def/></superblock>", NULL,
	  "x: line 1, column 102: missing attribute 'name' for tag 'def'" },
	{ SB "\n<device dev_id=\"-1\"/></superblock>", NULL,
	  "x: line 2, column 1: attribute 'dev_id' in tag 'device': '-1' is not a number (0 to "
	  "16777215)" },
	{ SB "\n<device dev_id=\"16777216\"/></superblock>", NULL,
	  "x: line 2, column 1: attribute 'dev_id' in tag 'device': '16777216' is out of range "
	  "(0 to 16777215)" },
	{ SB "\n<device dev_id=\"1\" dev_id=\"1\"/></superblock>", NULL,
	  "x: line 2, column 20: not well-formed XML: duplicate attribute" },
	{ SB "\n" DEV "\n</def></superblock>", NULL,
	  "x: line 3, column 3: not well-formed XML: mismatched tag" },
	{ SB "\n hello</superblock>", NULL,
	  "x: line 2, column 2: text where only tags can be: 'hello'" },
	{ "<!DOCTYPE a [<!ENTITY b \"c\">]>" SB "</superblock>", NULL,
	  "x: line 1, column 13: a document type declaration is not allowed" },
	{ "\xba\xba\x01", NULL,
	  "x: line 1, column 1: not well-formed XML: not well-formed "
	  "(invalid token)" },
};

/* Each case in one piece and byte by byte, by scanner and by expat alone: all agree. */
static void read_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (unsigned how = 0; how < 4; how++) {
			struct seen seen = { 0 };
			int r;

			assert_ok(bp_ctx_new(&seen.ctx));
			r = read_as(&seen, cases[i].text, how & 1 ? 1 : SIZE_MAX, how & 2);
			if (cases[i].why) {
				assert_int_equal(r, -EINVAL);
				assert_string_equal(bp_errmsg(seen.ctx), cases[i].why);
				assert_int_equal(bp_error_get(seen.ctx)->code, BP_E_XML);
			} else {
				assert_ok(r);
				assert_string_equal(strbuf_text(&seen.text), cases[i].seen);
			}
			strbuf_done(&seen.text);
			bp_ctx_free(seen.ctx);
		}
	}
}

static void binary_is_named(void **state)
{
	struct text_source from = { .text = "\x01\0\0\0abcd", .len = 8, .step = 8 };
	const struct xml_source source = { .read = read_text, .user = &from, .name = "x" };
	struct seen seen = { 0 };
	const struct xml_handler handler = { .open = on_open,
					     .close = on_close,
					     .user = &seen };

	(void)state;
	assert_ok(bp_ctx_new(&seen.ctx));
	assert_err(xml_read(seen.ctx, &thin_xml_schema, &source, &handler), EINVAL);
	assert_string_equal(bp_errmsg(seen.ctx), "x: not XML, but binary data");
	bp_ctx_free(seen.ctx);
}

/* The handler's refusal is passed on, with the line that it was about. */
static void handler_stops(void **state)
{
	const char *text = SB "\n  " DEV "\n  </device></superblock>";

	(void)state;
	for (unsigned how = 0; how < 2; how++) {
		struct seen seen = { .fail_at = 2 };

		assert_ok(bp_ctx_new(&seen.ctx));
		assert_err(read_as(&seen, text, SIZE_MAX, how), EUCLEAN);
		assert_string_equal(bp_errmsg(seen.ctx), "x: line 2, column 3: refused");
		assert_string_equal(strbuf_text(&seen.text), SB_SEEN DEV_SEEN);
		strbuf_done(&seen.text);
		bp_ctx_free(seen.ctx);
	}
}

static ssize_t read_fails(void *user, void *buf, size_t len)
{
	(void)user, (void)buf, (void)len;
	return -EIO;
}

static void source_fails(void **state)
{
	const struct xml_source source = { .read = read_fails, .name = "x" };
	struct seen seen = { 0 };
	const struct xml_handler handler = { .open = on_open,
					     .close = on_close,
					     .user = &seen };

	(void)state;
	assert_err(xml_read(NULL, &thin_xml_schema, &source, &handler), EIO);
}

static int keep(void *user, const char *text, size_t len)
{
	strbuf_add_len(user, text, len);
	return 0;
}

static int no_space(void *user, const char *text, size_t len)
{
	(void)text, (void)len;
	++*(int *)user;
	return -ENOSPC;
}

static void write_elements(void **state)
{
	struct thin_xml_superblock sb = {
		.uuid = { "<&>", 3 },
		.time = 7,
		.transaction = UINT64_MAX,
		.version = 2,
		.data_block_size = 128,
		.nr_data_blocks = 1000,
	};
	const struct thin_xml_range range = { 10, 99, 100, 0 };
	struct strbuf out = { 0 };
	struct xml_writer w;

	(void)state;
	assert_ok(xml_writer_init(&w, keep, &out));
	xml_write_element(&w, 0, &thin_xml_elements[THIN_XML_SUPERBLOCK], &sb);
	sb.flags = 1;
	sb.metadata_snap = 64;
	sb.uuid.len = 0;
	xml_write_element(&w, 1, &thin_xml_elements[THIN_XML_SUPERBLOCK], &sb);
	xml_write_element(&w, 2, &thin_xml_elements[THIN_XML_RANGE], &range);
	xml_write_close(&w, 1, &thin_xml_elements[THIN_XML_DEVICE], true);
	xml_write_close(&w, 0, &thin_xml_elements[THIN_XML_SUPERBLOCK], false);
	assert_ok(xml_writer_flush(&w));
	xml_writer_done(&w);
	assert_string_equal(
		strbuf_text(&out),
		"<superblock uuid=\"&lt;&amp;&gt;\" time=\"7\" "
		"transaction=\"18446744073709551615\" version=\"2\" data_block_size=\"128\" "
		"nr_data_blocks=\"1000\">\n"
		"  <superblock uuid=\"\" time=\"7\" transaction=\"18446744073709551615\" "
		"flags=\"1\" version=\"2\" data_block_size=\"128\" nr_data_blocks=\"1000\" "
		"metadata_snap=\"64\">\n"
		"    <range_mapping origin_begin=\"10\" data_begin=\"99\" length=\"100\" "
		"time=\"0\"/>\n"
		"  </device>\n"
		"</superblock>");
	strbuf_done(&out);
}

/* The first error stays, and nothing is written after it. */
static void write_error_is_kept(void **state)
{
	const struct thin_xml_range range = { 10, 99, 100, 0 };
	struct xml_writer w;
	int calls = 0;

	(void)state;
	assert_ok(xml_writer_init(&w, no_space, &calls));
	for (int i = 0; i < 100000; i++)
		xml_write_element(&w, 2, &thin_xml_elements[THIN_XML_RANGE], &range);
	assert_err(xml_writer_flush(&w), ENOSPC);
	assert_int_equal(calls, 1);
	xml_writer_done(&w);
}

/* Larger than the reader's buffer, so that tags lie across its end. */
static void read_across_buffers(void **state)
{
	struct strbuf text = { 0 };
	struct seen seen = { 0 };

	(void)state;
	strbuf_add(&text, SB DEV);
	for (unsigned i = 0; i < 20000; i++)
		strbuf_addf(&text,
			    "\n    <single_mapping origin_block=\"%u\" data_block=\"%u\" "
			    "time=\"1\"/>",
			    i, 3 * i);
	strbuf_add(&text, "</device></superblock>");

	assert_ok(bp_ctx_new(&seen.ctx));
	for (unsigned how = 0; how < 4; how++) {
		seen.count = 0;
		strbuf_clear(&seen.text);
		assert_ok(read_as(&seen, text.text, how & 1 ? 999 : SIZE_MAX, how & 2));
		assert_int_equal(seen.count, 20002);
	}
	bp_ctx_free(seen.ctx);
	strbuf_done(&seen.text);
	strbuf_done(&text);
}

/* --- pieces of a long text, in threads --- */

static uint64_t seed;

/* Below @n. */
static unsigned any(unsigned n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % n;
}

/* Something that stands between devices' mappings, and what the scanner doesn't know. */
static void add_other(struct strbuf *text)
{
	switch (any(6)) {
	case 0:
		strbuf_add(text, "</device>\n" DEV);
		break;
	case 1:
		strbuf_add(text, "\r\n\t  \n\n");
		break;
	case 2:
		strbuf_add(text, "<ref name=\"5\"/>");
		break;
	case 3: /* no '>' for longer than pieces are looked through for one */
		strbuf_addf(text, "%*s", 5000 + (int)any(400000), "");
		break;
	case 4:
		strbuf_addf(text, "<ref name=\"%0*u\"/>", 1 + (int)any(20000), 7u);
		break;
	case 5:
		strbuf_add(text, "</device>" DEV "</device>" DEV);
		break;
	}
}

/* Wrong, or right for expat alone; at most one of them in a text. */
static const char *const odd[] = {
	"<!-- a > in a comment -->",
	"<ref name=\"a&gt;b\"/>",
	"<ref name=\"a>b\"/>",
	"<ref name='7'></ref>",
	"<single_mapping data_block=\"1\" time=\"0\" origin_block=\"9\"/>",
	"<single_mapping origin_block=\"00000000000000000000000000000001\" data_block=\"1\" "
	"time=\"0\"/>",
	"<single_mapping origin_block=\"1\" data_block=\"1\" time=\"16777216\"/>",
	"<single_mapping origin_block=\"\" data_block=\"1\" time=\"0\"/>",
	"<single_mapping origin_block=\"1a\" data_block=\"1\" time=\"0\"/>",
	"<device dev_id=\"1\" mapped_blocks=\"2\" transaction=\"3\" creation_time=\"4\" "
	"snap_time=\"5\"/>",
	"</superblock>",
	"text",
	"<",
};

static void make_text(struct strbuf *text, const char *odd_one)
{
	unsigned nr = 12000, odd_at = any(nr);

	strbuf_clear(text);
	strbuf_add(text, SB DEV);
	for (unsigned i = 0; i < nr; i++) {
		if (any(500) == 0)
			add_other(text);
		if (i == odd_at && odd_one)
			strbuf_add(text, odd_one);
		if (any(3))
			strbuf_addf(text,
				    "%s<single_mapping origin_block=\"%u\" data_block=\"%u\" "
				    "time=\"%u\"/>",
				    any(9) ? "\n    " : "", any(UINT32_MAX) >> any(32),
				    any(UINT32_MAX) >> any(32), any(20));
		else
			strbuf_addf(text,
				    "\n    <range_mapping origin_begin=\"%u\" "
				    "data_begin=\"%u\" length=\"%u\" time=\"0\"/>",
				    i, any(UINT32_MAX) >> any(32), 1 + any(100));
	}
	strbuf_add(text, "\n</device></superblock>\n");
}

enum way { BY_EXPAT, ALL_AT_ONCE, IN_BITS, ANYWHERE, ANYWHERE_IN_BITS, WAYS };

static int read_by(enum way way, struct seen *seen, const char *text)
{
	size_t step = way == IN_BITS || way == ANYWHERE_IN_BITS ? 1 + any(100000) : SIZE_MAX;

	if (way >= ANYWHERE)
		return read_anywhere(seen, text, step);
	return read_as(seen, text, step, way == BY_EXPAT);
}

/* The same elements, the same end, and of what is wrong the same message with the same place. */
static void all_ways_agree(void **state)
{
	struct strbuf text = { 0 };

	(void)state;
	for (unsigned trial = 0; trial < 3 * ARRAY_SIZE(odd) / 2; trial++) {
		bool with_odd = trial < ARRAY_SIZE(odd);
		struct strbuf wanted = { 0 }, message = { 0 };
		unsigned fail_at;
		int result = 0;

		seed = trial;
		make_text(&text, with_odd ? odd[trial] : NULL);
		fail_at = with_odd ? 0 : any(14000);
		for (enum way way = 0; way < WAYS; way++) {
			struct seen seen = { .fail_at = fail_at };
			int r;

			assert_ok(bp_ctx_new(&seen.ctx));
			r = read_by(way, &seen, text.text);
			if (way == BY_EXPAT) {
				result = r;
				strbuf_add(&wanted, strbuf_text(&seen.text));
				strbuf_add(&message, bp_errmsg(seen.ctx));
			}
			assert_int_equal(r, result);
			assert_string_equal(bp_errmsg(seen.ctx), strbuf_text(&message));
			assert_string_equal(strbuf_text(&seen.text), strbuf_text(&wanted));
			strbuf_done(&seen.text);
			bp_ctx_free(seen.ctx);
		}
		strbuf_done(&wanted);
		strbuf_done(&message);
	}
	strbuf_done(&text);
}

/* Texts that end near the end of a piece, or within what the next one looks at too. */
static void texts_end_anywhere(void **state)
{
	struct strbuf text = { 0 };
	size_t body;

	(void)state;
	strbuf_add(&text, SB DEV);
	while (text.len < READER_BUFFER - 400)
		strbuf_add(
			&text,
			"\n<single_mapping origin_block=\"1\" data_block=\"2\" time=\"3\"/>");
	body = text.len;
	for (unsigned more = 0; more < READER_REST + 800; more += 61) {
		struct seen seen[2] = { 0 };

		text.len = body;
		strbuf_addf(&text, "%s%*s</device>", more & 1 ? "<ref name=\"7\"/>" : "",
			    (int)more, "");
		strbuf_add(&text, "</superblock>\n");
		for (unsigned i = 0; i < 2; i++) {
			assert_ok(bp_ctx_new(&seen[i].ctx));
			assert_ok(i ? read_anywhere(&seen[i], text.text, 100000)
				    : read_as(&seen[i], text.text, SIZE_MAX, true));
		}
		assert_string_equal(strbuf_text(&seen[0].text), strbuf_text(&seen[1].text));
		for (unsigned i = 0; i < 2; i++) {
			strbuf_done(&seen[i].text);
			bp_ctx_free(seen[i].ctx);
		}
	}
	strbuf_done(&text);
}

/* Bytes up to there can be read. */
#define READABLE 1000000u

static ssize_t read_at_until(void *user, void *buf, size_t len, uint64_t offset)
{
	return offset >= READABLE
		       ? -EIO
		       : read_at(user, buf, MIN(len, READABLE - (size_t)offset), offset);
}

/* What could be read was seen; then the error is passed on as it is. */
static void reading_anywhere_fails(void **state)
{
	struct strbuf text = { 0 };
	struct text_source from = { .step = SIZE_MAX };
	const struct xml_source source = {
		.read_at = read_at_until, .came = came, .user = &from, .name = "x"
	};
	struct seen seen = { 0 };
	const struct xml_handler handler = { .open = on_open,
					     .close = on_close,
					     .user = &seen };

	(void)state;
	seed = 1;
	make_text(&text, NULL);
	assert_true(text.len > READABLE);
	from.text = text.text;
	from.len = text.len;
	assert_ok(bp_ctx_new(&seen.ctx));
	assert_err(xml_read(seen.ctx, &thin_xml_schema, &source, &handler), EIO);
	assert_true(seen.count > 1000);
	strbuf_done(&seen.text);
	bp_ctx_free(seen.ctx);
	strbuf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_cases),          cmocka_unit_test(binary_is_named),
		cmocka_unit_test(handler_stops),       cmocka_unit_test(source_fails),
		cmocka_unit_test(write_elements),      cmocka_unit_test(write_error_is_kept),
		cmocka_unit_test(read_across_buffers), cmocka_unit_test(all_ways_agree),
		cmocka_unit_test(texts_end_anywhere),  cmocka_unit_test(reading_anywhere_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
