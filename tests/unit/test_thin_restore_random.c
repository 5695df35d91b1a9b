/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools drawn at random: what is restored is what was written, sound, and dumped as it was read; each read
 * and write that fails on the way is told.
 */
#include "thin_area.h"

#include "core/vec.h"

#include <inttypes.h>

struct mapping {
	uint64_t virtual_block, data_block;
	uint32_t time;
};

struct mappings {
	VEC(struct mapping) list;
};

#define WINDOWS 12u
#define WINDOW  10000u /* virtual blocks */
#define DEVICES 9u

static uint64_t rng;

static uint32_t pick(uint32_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng >> 32) % below;
}

/* Around the sizes where leaves fill up, split, or are too small to stand alone. */
static uint32_t pick_count(void)
{
	static const uint32_t counts[] = { 0,   1,   7,   83,  84,  85,  167, 168, 251,
					   252, 253, 335, 336, 503, 504, 505, 1300 };

	return counts[pick(ARRAY_SIZE(counts))];
}

/* @count mappings in window @w, in runs of up to 200. */
static void make_mappings(struct mappings *to, unsigned w, uint32_t count)
{
	uint64_t virtual_block = w * WINDOW + pick(3);

	while (count > 0) {
		uint32_t wanted = pick(4) ? 1 + pick(3) : 1 + pick(200);
		uint32_t length = MIN(count, wanted), time = pick(5);
		uint64_t data_block = pick(DATA_BLOCKS - length);

		for (uint32_t i = 0; i < length; i++) {
			struct mapping m = { virtual_block++, data_block + i, time };

			assert_ok(vec_add(&to->list, &m));
		}
		count -= length;
		virtual_block += pick(4);
	}
}

/* As a dump has them; sometimes as single mappings only, which means the same. */
static void write_mappings(struct strbuf *xml, const struct mapping *m, size_t count)
{
	bool singles = pick(4) == 0;

	for (size_t i = 0, end; i < count; i = end) {
		for (end = i + 1; !singles && end < count; end++) {
			if (m[end].virtual_block != m[i].virtual_block + (end - i) ||
			    m[end].data_block != m[i].data_block + (end - i) ||
			    m[end].time != m[i].time)
				break;
		}
		if (end - i == 1)
			strbuf_addf(xml,
				    "<single_mapping origin_block=\"%" PRIu64
				    "\" data_block=\"%" PRIu64 "\" time=\"%u\"/>\n",
				    m[i].virtual_block, m[i].data_block, m[i].time);
		else
			strbuf_addf(xml,
				    "<range_mapping origin_begin=\"%" PRIu64
				    "\" data_begin=\"%" PRIu64
				    "\" length=\"%zu\" time=\"%u\"/>\n",
				    m[i].virtual_block, m[i].data_block, end - i, m[i].time);
	}
}

static void add_all(struct mappings *to, const struct mappings *from)
{
	for (size_t i = 0; i < from->list.count; i++)
		assert_ok(vec_add(&to->list, &from->list.items[i]));
}

static void make_device(struct strbuf *xml, uint64_t id, struct mappings *defs,
			struct mappings *device)
{
	struct strbuf body = { 0 };

	for (unsigned w = 0; w < WINDOWS; w++) {
		struct mappings own = { 0 };
		uint32_t how = pick(4);

		if (how == 0) {
			make_mappings(&own, w, pick_count());
			write_mappings(&body, own.list.items, own.list.count);
			add_all(device, &own);
		} else if (how < 3) {
			strbuf_addf(&body, "<ref name=\"w%u\"/>\n", w);
			add_all(device, &defs[w]);
		}
		vec_done(&own.list);
	}
	strbuf_addf(xml,
		    "<device dev_id=\"%" PRIu64 "\" mapped_blocks=\"%zu\" transaction=\"%u\" "
		    "creation_time=\"1\" snap_time=\"%u\">\n%s</device>\n",
		    id, device->list.count, pick(77), pick(9), strbuf_text(&body));
	strbuf_done(&body);
}

static void make_pool(struct strbuf *xml, struct mappings *devices)
{
	struct mappings defs[WINDOWS] = { 0 };

	strbuf_addf(xml,
		    "<superblock uuid=\"\" time=\"9\" transaction=\"77\" version=\"2\" "
		    "data_block_size=\"128\" nr_data_blocks=\"%u\">\n",
		    DATA_BLOCKS);
	for (unsigned w = 0; w < WINDOWS; w++) {
		make_mappings(&defs[w], w, pick_count());
		strbuf_addf(xml, "<def name=\"w%u\">\n", w);
		write_mappings(xml, defs[w].list.items, defs[w].list.count);
		strbuf_add(xml, "</def>\n");
	}
	for (unsigned d = 0; d < DEVICES; d++)
		make_device(xml, 7 * d, defs, &devices[d]);
	strbuf_add(xml, "</superblock>\n");
	for (unsigned w = 0; w < WINDOWS; w++)
		vec_done(&defs[w].list);
}

struct expected {
	const struct mappings *mappings;
	size_t at;
};

static int compare_run(void *user, const struct bp_thin_run *run)
{
	struct expected *e = user;

	for (uint64_t i = 0; i < run->length; i++) {
		const struct mapping *m = &e->mappings->list.items[e->at++];

		assert_true(e->at <= e->mappings->list.count);
		assert_int_equal(run->virtual_begin + i, m->virtual_block);
		assert_int_equal(run->data_begin + i, m->data_block);
		assert_int_equal(run->time, m->time);
	}
	return 0;
}

static void compare_devices(struct area *area, const struct mappings *devices)
{
	struct bp_thin_meta *meta = open_area(area);

	for (unsigned d = 0; d < DEVICES; d++) {
		struct expected e = { .mappings = &devices[d] };

		assert_ok(bp_thin_mappings(meta, 7 * d, 0, UINT64_MAX, compare_run, &e));
		assert_int_equal(e.at, devices[d].list.count);
	}
	bp_thin_close(meta);
}

/*
 * Whatever is restored is sound and has the mappings of the text, also where snapshotted times are
 * too low for what is shared; dumped and restored again nothing is amiss any more, it takes no more
 * room, and from then on the text stays the same.
 */
static void generated_pools(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 30; seed++) {
		struct mappings devices[DEVICES] = { 0 };
		struct strbuf xml = { 0 };
		struct area area;
		uint64_t used, used_again;
		size_t raised;
		char *first, *second, *third;

		rng = seed * UINT64_C(0x9e3779b97f4a7c15);
		area_init(&area);
		make_pool(&xml, devices);
		assert_ok(restore(&area, xml.text));
		raised = bp_warnings_count(area.ctx);
		used = check_clean(&area);
		compare_devices(&area, devices);

		first = dump(&area);
		assert_ok(restore(&area, first));
		assert_int_equal(bp_warnings_count(area.ctx), raised);
		used_again = check_clean(&area);
		assert_true(used_again <= used);
		compare_devices(&area, devices);

		second = dump(&area);
		assert_ok(restore(&area, second));
		assert_int_equal(check_clean(&area), used_again);
		third = dump(&area);
		assert_string_equal(second, third);

		free(first);
		free(second);
		free(third);
		for (unsigned d = 0; d < DEVICES; d++)
			vec_done(&devices[d].list);
		strbuf_done(&xml);
		area_done(&area);
	}
}

/* --- writes that fail, and being killed at each of them --- */

static const enum io_fault_what faults[] = { IO_FAULT_WRITE_NTH, IO_FAULT_FLUSH_NTH };
static const int errors[] = { -EIO, -ENOSPC };

static void one_fault(const char *xml, const struct io_fault_plan *plan, bool *ret_reached)
{
	struct area area;
	struct io *io;
	int r;

	area_init(&area);
	assert_ok(io_fault_new(area_io(&area, META_BLOCKS), plan, &io));
	r = restore_on(&area, io, xml);
	io_close(io);
	*ret_reached = r < 0;
	if (r < 0) {
		assert_int_equal(r, plan->error);
		/*
		 * Zeroed, also again after the last flush failed; or as it was, where not even that
		 * could be written.
		 */
		assert_true(is_zero(area.data) || area.data[0] == 0x5a);
	} else {
		check_clean(&area);
	}
	area_done(&area);
}

static void each_write_fails(void **state)
{
	struct strbuf xml = { 0 };
	struct mappings devices[DEVICES] = { 0 };

	(void)state;
	rng = 42;
	make_pool(&xml, devices);
	for (size_t f = 0; f < ARRAY_SIZE(faults); f++) {
		uint64_t reached_last = 0;
		bool reached = true;

		for (uint64_t at = 0; reached; at++) {
			struct io_fault_plan plan = {
				.what = faults[f],
				.at = at,
				.error = errors[at % 2],
			};

			one_fault(xml.text, &plan, &reached);
			reached_last = at;
		}
		assert_true(reached_last >= (faults[f] == IO_FAULT_FLUSH_NTH ? 3 : 50));
	}
	for (unsigned d = 0; d < DEVICES; d++)
		vec_done(&devices[d].list);
	strbuf_done(&xml);
}

/* Leaves that are written already, and have to be read again for what they share. */
static void reading_again_fails(void **state)
{
	static const char xml[] = SB_OF("400000") DEV("1", "300000")
		RANGE("0", "0", "300000") "</device>" DEV("2", "1") SINGLE("0", "7") END;
	struct io_fault_plan plan = { .what = IO_FAULT_READ_NTH, .error = -EIO };
	bool reached;

	(void)state;
	for (plan.at = 0; plan.at < 300; plan.at += 100) {
		one_fault(xml, &plan, &reached);
		assert_true(reached);
	}
	plan.at = 300000;
	one_fault(xml, &plan, &reached);
	assert_false(reached);
}

static int fail_write(void *user, const char *text, size_t len)
{
	(void)text, (void)len;
	return *(int *)user;
}

/* A dump that can't be written, or not be read, is a failure. */
static void dump_fails(void **state)
{
	struct area area;
	struct bp_thin_meta *meta;
	int error = -ENOSPC;
	uint64_t damages = 99;

	(void)state;
	area_init(&area);
	assert_ok(restore(&area, SB DEV("1", "1") SINGLE("5", "1") END));
	meta = open_area(&area);
	assert_err(bp_thin_dump(meta, NULL, fail_write, &error, &damages), ENOSPC);
	assert_string_equal(bp_errmsg(area.ctx),
			    "cannot write the dump: No space left on device");
	error = -EPIPE;
	assert_err(bp_thin_dump(meta, NULL, fail_write, &error, &damages), EPIPE);
	assert_int_equal(damages, 99);
	bp_thin_close(meta);
	area_done(&area);
}

static void note_damage(void *user, const struct bp_damage *damage)
{
	assert_int_equal(damage->place, BP_PLACE_MAPPINGS);
	strbuf_addf(user, "%s\n", damage->what);
}

/* Each block but the superblock becomes unreadable in turn: never a whole text, never silence.
 */
static void each_read_fails(void **state)
{
	struct strbuf xml = { 0 };
	struct mappings devices[DEVICES] = { 0 };
	struct area area;
	uint64_t used;

	(void)state;
	rng = 7;
	make_pool(&xml, devices);
	area_init(&area);
	assert_ok(restore(&area, xml.text));
	used = check_clean(&area);
	for (bp_mblock at = 1; at < used; at++) {
		struct io_fault_plan plan = { IO_FAULT_READ_BLOCK, at, -EIO };
		struct strbuf found = { 0 };
		const struct bp_thin_dump_opts opts = {
			.size = sizeof(opts),
			.damage = note_damage,
			.callback_user = &found,
		};
		struct strbuf text = { 0 };
		struct bp_thin_meta *meta;
		struct io *io;
		uint64_t damages = 0;
		int r;

		assert_ok(io_fault_new(area_io(&area, META_BLOCKS), &plan, &io));
		assert_ok(thin_meta_open_io(area.ctx, io, NULL, &meta));
		r = bp_thin_dump(meta, &opts, keep, &text, &damages);
		if (r == 0 && damages > 0) {
			assert_null(strstr(strbuf_text(&text), "</superblock>"));
			assert_non_null(strstr(strbuf_text(&text), "<!-- incomplete: "));
			assert_non_null(strstr(strbuf_text(&text), "can't be read: block "));
			assert_non_null(strstr(strbuf_text(&found), " are missing: block "));
		} else if (r == 0) {
			assert_non_null(strstr(strbuf_text(&text), "</superblock>"));
		} else {
			assert_null(strstr(strbuf_text(&text), "</superblock>"));
		}
		bp_thin_close(meta);
		strbuf_done(&text);
		strbuf_done(&found);
	}
	area_done(&area);
	for (unsigned d = 0; d < DEVICES; d++)
		vec_done(&devices[d].list);
	strbuf_done(&xml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generated_pools),     cmocka_unit_test(each_write_fails),
		cmocka_unit_test(dump_fails),          cmocka_unit_test(each_read_fails),
		cmocka_unit_test(reading_again_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
