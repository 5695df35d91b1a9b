/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A dump that is made in parts, by several threads, is the one that is made at once. */
#include "unit.h"
#include "xml_text.h"

#include <bedplate/thin_dump.h>

#include "core/strbuf.h"
#include "formats/thin/meta.h"
#include "formats/thin/restore.h"
#include "formats/thin/text.h"

#include <inttypes.h>

#define STEP (UINT64_C(1) << THIN_TIME_BITS)

static uint64_t seed;

/* Below @n. */
static uint64_t any(uint64_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (seed >> 33) % n;
}

static int keep(void *user, const char *text, size_t len)
{
	strbuf_add_len(user, text, len);
	return 0;
}

/* --- parts --- */

/* What is said to a text. */
struct said {
	enum { RUN, REF, GAP, DEVICE, DEVICE_END, DEF, DEF_END, KINDS } kind;
	uint64_t key, value, length;
};

static void say(struct thin_text *t, const struct said *said)
{
	const struct thin_gap gap = { said->key, said->key + said->length, 7, "gone" };
	const struct thin_xml_device device = { .dev_id = said->key };

	switch (said->kind) {
	case RUN:
		thin_text_run(t, said->key, said->value, said->length);
		break;
	case REF:
		thin_text_ref(t, said->value);
		break;
	case GAP:
		thin_text_gap(t, &gap);
		break;
	case DEVICE:
		thin_text_device(t, &device);
		break;
	case DEVICE_END:
		thin_text_device_end(t);
		break;
	case DEF:
		thin_text_def(t, said->value);
		break;
	case DEF_END:
		thin_text_def_end(t);
		break;
	case KINDS:
		break;
	}
}

/* Runs, most of which continue the one before; sometimes data blocks wrap around. */
static void make(struct said *said, size_t nr)
{
	uint64_t key = 0, value = any(3) ? any(1000) * STEP : UINT64_MAX - any(200) * STEP;

	for (size_t i = 0; i < nr; i++) {
		uint64_t length = 1 + (any(3) ? 0 : any(100));
		bool run = any(10) > 0;

		key += any(4) ? 0 : any(5);
		value += any(4) ? 0 : any(5) * STEP + any(2);
		said[i] = (struct said){ run ? RUN : (unsigned)any(KINDS), key, value, length };
		key += length;
		value += length * STEP;
	}
}

/* Parts of no, one or many sayings; several may be open at once, as threads have them. */
static void say_in_parts(struct thin_text *t, bool human, const struct said *said, size_t nr)
{
	struct thin_text part;

	assert_ok(thin_text_part_init(&part, human));
	for (size_t i = 0; i < nr;) {
		size_t more = any(any(2) ? 3 : 3000), end = MIN(nr, i + more);

		thin_text_part_begin(&part);
		for (; i < end; i++)
			say(&part, &said[i]);
		thin_text_join(t, &part);
	}
	thin_text_done(&part);
}

static void parts_read_alike(void **state)
{
	enum { MOST = 20000 };
	struct said *said = calloc(MOST, sizeof(*said));

	(void)state;
	assert_non_null(said);
	for (seed = 0; seed < 60; seed++) {
		uint64_t trial = seed;
		struct strbuf whole = { 0 }, joined = { 0 };
		struct thin_text a, b;
		size_t nr = trial % 3 ? 40 : MOST;

		assert_ok(thin_text_init(&a, trial & 1, keep, &whole));
		assert_ok(thin_text_init(&b, trial & 1, keep, &joined));
		make(said, nr);
		for (size_t i = 0; i < nr; i++)
			say(&a, &said[i]);
		say_in_parts(&b, trial & 1, said, nr);
		assert_ok(thin_text_end(&a, 0));
		assert_ok(thin_text_end(&b, 0));
		assert_string_equal(strbuf_text(&whole), strbuf_text(&joined));
		thin_text_done(&a);
		thin_text_done(&b);
		strbuf_done(&whole);
		strbuf_done(&joined);
		seed = trial;
	}
	free(said);
}

/* --- the whole, with threads --- */

enum { BLOCKS = 2000, DEVICES = 3, MAPPINGS = 60000 };

struct pool {
	struct bp_ctx *ctx;
	struct strbuf xml;
	uint8_t *area;
};

/* Singles, and now and then a run that is longer than several batches of leaves. */
static void pool_init(struct pool *p)
{
	bp_dblock data = 0;

	assert_ok(bp_ctx_new(&p->ctx));
	strbuf_addf(&p->xml,
		    "<superblock uuid=\"\" time=\"1\" transaction=\"2\" version=\"2\" "
		    "data_block_size=\"128\" nr_data_blocks=\"%u\">\n",
		    10 * DEVICES * MAPPINGS);
	for (unsigned d = 0; d < DEVICES; d++) {
		unsigned length = d == 1 ? 30000 : 0;

		strbuf_addf(&p->xml,
			    "  <device dev_id=\"%u\" mapped_blocks=\"%u\" transaction=\"0\" "
			    "creation_time=\"0\" snap_time=\"1\">\n",
			    d, MAPPINGS + length);
		for (unsigned i = 0; i < MAPPINGS; i++, data += 2)
			strbuf_addf(
				&p->xml,
				"    <single_mapping origin_block=\"%u\" data_block=\"%" PRIu64
				"\" time=\"%u\"/>\n",
				2 * i, data, i % 2);
		if (length)
			strbuf_addf(
				&p->xml,
				"    <range_mapping origin_begin=\"%u\" data_begin=\"%" PRIu64
				"\" length=\"%u\" time=\"1\"/>\n",
				2 * MAPPINGS, data, length);
		data += length;
		strbuf_add(&p->xml, "  </device>\n");
	}
	strbuf_add(&p->xml, "</superblock>");
}

static void pool_restore(struct pool *p)
{
	struct text text = { p->xml.text, p->xml.len };
	const struct xml_source source = text_source(&text);
	struct io *io;

	p->area = io_buffer_new(BLOCKS);
	assert_non_null(p->area);
	assert_ok(io_memory_new(p->area, (size_t)BLOCKS * IO_BLOCK, &io));
	assert_ok(thin_restore_io(p->ctx, &source, io, NULL));
	io_close(io);
}

static struct bp_thin_meta *open_pool(struct pool *p, unsigned workers)
{
	struct bp_thin_meta *meta;
	struct io *io;

	assert_ok(io_memory_new(p->area, (size_t)BLOCKS * IO_BLOCK, &io));
	assert_ok(thin_meta_open_io(p->ctx, io, NULL, &meta));
	meta->meta.workers = workers;
	meta->meta.io->batch_runs = workers; /* more than one: as devices have it */
	return meta;
}

static void pool_done(struct pool *p)
{
	strbuf_done(&p->xml);
	free(p->area);
	bp_ctx_free(p->ctx);
}

static void dumped_by_threads(void **state)
{
	struct pool p = { 0 };

	(void)state;
	pool_init(&p);
	pool_restore(&p);
	for (unsigned workers = 1; workers <= 5; workers++) {
		struct bp_thin_meta *meta = open_pool(&p, workers);
		struct strbuf text = { 0 };
		uint64_t damages;

		assert_ok(bp_thin_dump(meta, NULL, keep, &text, &damages));
		assert_int_equal(damages, 0);
		assert_string_equal(strbuf_text(&text), strbuf_text(&p.xml));
		strbuf_done(&text);
		bp_thin_close(meta);
	}
	pool_done(&p);
}

/* --- ends before the end --- */

struct ends {
	unsigned calls, last;
};

static int write_some(void *user, const char *text, size_t len)
{
	struct ends *ends = user;

	(void)text, (void)len;
	return ++ends->calls > ends->last ? -ENOSPC : 0;
}

static int cancel(void *user, bp_mblock done, bp_mblock total)
{
	struct ends *ends = user;

	assert_true(done <= total);
	return ++ends->calls > ends->last;
}

/* Each write, and each call for progress, is once the last. */
static void ends_early(void **state)
{
	struct pool p = { 0 };
	struct strbuf text = { 0 };
	bool whole[2] = { 0 };
	uint64_t damages;

	(void)state;
	pool_init(&p);
	pool_restore(&p);
	for (unsigned last = 0; !whole[0] || !whole[1]; last++) {
		struct ends writes = { .last = last }, calls = { .last = last };
		const struct bp_thin_dump_opts opts = { .size = sizeof(opts),
							.progress = cancel,
							.callback_user = &calls };
		struct bp_thin_meta *meta = open_pool(&p, 3);
		int r = bp_thin_dump(meta, NULL, write_some, &writes, &damages);

		whole[0] = r == 0;
		assert_true(r == 0 ? writes.calls <= last : r == -ENOSPC);
		strbuf_clear(&text);
		r = bp_thin_dump(meta, &opts, keep, &text, &damages);
		whole[1] = r == 0;
		assert_true(r == 0 ? calls.calls <= last : r == -ECANCELED);
		bp_thin_close(meta);
		assert_true(last < 1000);
	}
	strbuf_done(&text);
	pool_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_read_alike),
		cmocka_unit_test(dumped_by_threads),
		cmocka_unit_test(ends_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
