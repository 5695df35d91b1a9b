/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The virtual blocks are divided into windows. For each there are some variants, written as defs,
 * that several devices take as they are; others have mappings of their own there, or none.
 */
#include "thin_pool.h"
#include "unit.h"
#include "xml_text.h"

#include "core/strbuf.h"
#include "formats/thin/restore.h"

#define WINDOWS  8u
#define WINDOW   (POOL_BLOCKS / WINDOWS)
#define VARIANTS 3u

struct maker {
	struct strbuf xml;
	uint64_t rng;
	uint32_t *variants[WINDOWS][VARIANTS]; /* as thin_pool.map, of one window */
};

uint32_t thin_pool_pick(uint64_t *state, uint32_t below)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 32) % below;
}

static uint32_t pick(struct maker *m, uint32_t below)
{
	return thin_pool_pick(&m->rng, below);
}

/* Runs of random lengths and gaps over one window. */
static void fill_window(struct maker *m, uint32_t *map)
{
	uint32_t longest = 1 + pick(m, 3) * pick(m, 60), gap = 1 + pick(m, 4);

	for (uint32_t at = pick(m, 40); at < WINDOW;) {
		uint32_t length = 1 + pick(m, longest);
		uint32_t data = pick(m, POOL_DATA_BLOCKS - WINDOW);

		for (uint32_t i = 0; i < length && at + i < WINDOW; i++)
			map[at + i] = data + i + 1;
		at += length + pick(m, gap);
	}
}

static uint32_t put_mappings(struct maker *m, const uint32_t *map, uint32_t first)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < WINDOW; i++) {
		if (!map[i])
			continue;
		strbuf_addf(&m->xml,
			    "<single_mapping origin_block=\"%u\" data_block=\"%u\" "
			    "time=\"0\"/>\n",
			    first + i, map[i] - 1);
		count++;
	}
	return count;
}

static void put_variants(struct maker *m)
{
	for (uint32_t w = 0; w < WINDOWS; w++) {
		for (uint32_t v = 0; v < VARIANTS; v++) {
			m->variants[w][v] = calloc(WINDOW, sizeof(uint32_t));
			assert_non_null(m->variants[w][v]);
			fill_window(m, m->variants[w][v]);
			strbuf_addf(&m->xml, "<def name=\"%u.%u\">\n", w, v);
			put_mappings(m, m->variants[w][v], w * WINDOW);
			strbuf_add(&m->xml, "</def>\n");
		}
	}
}

/* Text of one window of a device. Returns how many it maps. */
static uint32_t put_window(struct maker *m, struct strbuf *text, uint32_t w, uint32_t *map)
{
	struct strbuf defs = m->xml;
	uint32_t what = pick(m, VARIANTS + 3), count = 0;

	if (what < VARIANTS) {
		memcpy(map, m->variants[w][what], WINDOW * sizeof(*map));
		for (uint32_t i = 0; i < WINDOW; i++)
			count += map[i] != 0;
		strbuf_addf(text, "<ref name=\"%u.%u\"/>\n", w, what);
		return count;
	}
	if (what == VARIANTS)
		return 0;
	/* Like a variant, but for some mappings; or of its own. */
	if (what == VARIANTS + 1)
		memcpy(map, m->variants[w][pick(m, VARIANTS)], WINDOW * sizeof(*map));
	else
		fill_window(m, map);
	for (uint32_t n = pick(m, 6); n > 0; n--)
		map[pick(m, WINDOW)] = pick(m, 3) ? pick(m, POOL_DATA_BLOCKS) + 1 : 0;
	m->xml = *text;
	count = put_mappings(m, map, w * WINDOW);
	*text = m->xml;
	m->xml = defs;
	return count;
}

static void put_device(struct maker *m, struct thin_pool *pool, unsigned device)
{
	struct strbuf text = { 0 };
	uint32_t count = 0;

	pool->map[device] = calloc(POOL_BLOCKS, sizeof(uint32_t));
	assert_non_null(pool->map[device]);
	for (uint32_t w = 0; w < WINDOWS; w++)
		count += put_window(m, &text, w, pool->map[device] + w * WINDOW);
	strbuf_addf(&m->xml,
		    "<device dev_id=\"%u\" mapped_blocks=\"%u\" transaction=\"0\" "
		    "creation_time=\"0\" snap_time=\"1\">\n%s</device>\n",
		    (unsigned)thin_pool_id(device), count, text.text ? text.text : "");
	strbuf_done(&text);
}

int thin_pool_restore(struct bp_ctx *ctx, struct io *io, const char *xml)
{
	struct text text = { xml, strlen(xml) };
	const struct xml_source source = text_source(&text);

	return thin_restore_io(ctx, &source, io, NULL);
}

void thin_pool_make(struct thin_pool *pool, struct bp_ctx *ctx, uint64_t seed)
{
	struct maker m = { .rng = seed * UINT64_C(0x9e3779b97f4a7c15) + 1 };
	struct io *io;

	*pool = (struct thin_pool){ .data = io_buffer_new(POOL_META_BLOCKS) };
	assert_non_null(pool->data);
	memset(pool->data, 0, POOL_META_BLOCKS * IO_BLOCK);
	for (int i = 0; i < 16; i++)
		pick(&m, 2);
	pool->nr_devices = 1 + pick(&m, POOL_DEVICES);
	strbuf_addf(&m.xml,
		    "<superblock uuid=\"\" time=\"1\" transaction=\"1\" version=\"2\" "
		    "data_block_size=\"128\" nr_data_blocks=\"%u\">\n",
		    POOL_DATA_BLOCKS);
	put_variants(&m);
	for (unsigned d = 0; d < pool->nr_devices; d++)
		put_device(&m, pool, d);
	strbuf_add(&m.xml, "</superblock>\n");
	assert_ok(io_memory_new(pool->data, (size_t)bp_mblock_to_bytes(POOL_META_BLOCKS), &io));
	assert_ok(thin_pool_restore(ctx, io, m.xml.text));
	io_close(io);
	strbuf_done(&m.xml);
	for (uint32_t w = 0; w < WINDOWS; w++)
		for (uint32_t v = 0; v < VARIANTS; v++)
			free(m.variants[w][v]);
}

void thin_pool_done(struct thin_pool *pool)
{
	for (unsigned d = 0; d < pool->nr_devices; d++)
		free(pool->map[d]);
	free(pool->data);
}

struct bp_thin_meta *thin_pool_open(const struct thin_pool *pool, struct bp_ctx *ctx)
{
	struct bp_thin_meta *meta = NULL;
	struct io *io;

	assert_ok(io_memory_new(pool->data, (size_t)bp_mblock_to_bytes(POOL_META_BLOCKS), &io));
	assert_ok(thin_meta_open_io(ctx, io, NULL, &meta));
	return meta;
}

uint64_t thin_pool_trials(uint64_t nr)
{
	const char *text = getenv("BEDPLATE_TEST_POOLS");

	return text ? strtoull(text, NULL, 10) : nr;
}
