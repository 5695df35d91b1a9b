/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <bedplate/thin_dump.h>

#include "core/strbuf.h"
#include "core/vec.h"
#include "formats/thin/disk.h"
#include "formats/thin/meta.h"
#include "formats/thin/restore.h"

#include <inttypes.h>

#define META_BLOCKS 2048u
#define DATA_BLOCKS 100000u

/* A metadata area in memory. */
struct area {
	struct bp_ctx *ctx;
	uint8_t *data;
};

static void area_init(struct area *area)
{
	assert_ok(bp_ctx_new(&area->ctx));
	area->data = io_buffer_new(META_BLOCKS);
	assert_non_null(area->data);
	memset(area->data, 0x5a, META_BLOCKS * IO_BLOCK);
}

static void area_done(struct area *area)
{
	bp_ctx_free(area->ctx);
	free(area->data);
}

static struct io *area_io(struct area *area, bp_mblock nr_blocks)
{
	struct io *io;

	assert_ok(io_memory_new(area->data, (size_t)bp_mblock_to_bytes(nr_blocks), &io));
	return io;
}

struct text {
	const char *at;
	size_t len;
};

static ssize_t read_text(void *user, void *buf, size_t len)
{
	struct text *text = user;
	size_t n = MIN(len, text->len);

	memcpy(buf, text->at, n);
	text->at += n;
	text->len -= n;
	return (ssize_t)n;
}

static int restore_on(struct area *area, struct io *io, const char *xml)
{
	struct text text = { xml, strlen(xml) };
	const struct xml_source source = { .read = read_text, .user = &text, .name = "x" };

	return thin_restore_io(area->ctx, &source, io, NULL);
}

static int restore(struct area *area, const char *xml)
{
	struct io *io = area_io(area, META_BLOCKS);
	int r = restore_on(area, io, xml);

	io_close(io);
	return r;
}

static struct bp_thin_meta *open_area(struct area *area)
{
	struct bp_thin_meta *meta = NULL;

	assert_ok(thin_meta_open_io(area->ctx, area_io(area, META_BLOCKS), NULL, &meta));
	return meta;
}

static void print_damage(void *user, const struct bp_damage *damage)
{
	(void)user;
	print_message("# %s\n", damage->what);
}

/* Nothing at all is to be found, remarks included. Returns how many blocks are in use. */
static uint64_t check_clean(struct area *area)
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

static int keep(void *user, const char *text, size_t len)
{
	strbuf_add_len(user, text, len);
	return 0;
}

static char *dump(struct area *area)
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

/* --- generated metadata --- */

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

/* --- what must be refused --- */

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

static const struct {
	const char *xml;
	int error;
	const char *why;
} refused[] = {
	{ SB DEV("1", "2") SINGLE("5", "1") SINGLE("5", "2") END, EINVAL,
	  "x: line 4, column 1: keys out of order: virtual block 5 comes after 5" },
	{ SB DEV("1", "4") RANGE("5", "1", "3") SINGLE("7", "9") END, EINVAL,
	  "x: line 4, column 1: keys out of order: virtual block 7 comes after 7" },
	{ SB DEV("1", "1") SINGLE("5", "1000") END, EINVAL,
	  "x: line 3, column 1: block out of bounds: data block 1000 of 1000" },
	{ SB DEV("1", "9") RANGE("5", "995", "6") END, EINVAL,
	  "x: line 3, column 1: block out of bounds: data block 1000 of 1000" },
	{ SB DEV("1", "9") RANGE("18446744073709551615", "5", "2") END, EINVAL,
	  "x: line 3, column 1: virtual block 18446744073709551615: 2 blocks from there go "
	  "beyond 64 bits" },
	{ SB_OF("0") DEV("1", "1") SINGLE("5", "1") END, EINVAL,
	  "x: line 3, column 1: block out of bounds: data block 1 of 0; hint: the dump of a "
	  "metadata snapshot may lack the number: give --nr-data-blocks" },
	/* What has no room in 24 bits. */
	{ "<superblock uuid=\"\" time=\"16777216\" transaction=\"5\" data_block_size=\"128\" "
	  "nr_data_blocks=\"10\"/>",
	  EINVAL,
	  "x: line 1, column 1: attribute 'time' in tag 'superblock': '16777216' is out of "
	  "range (0 "
	  "to 16777215)" },
	{ SB "<device dev_id=\"1\" mapped_blocks=\"0\" transaction=\"0\" "
	     "creation_time=\"16777216\" "
	     "snap_time=\"0\"/>",
	  EINVAL,
	  "x: line 2, column 1: attribute 'creation_time' in tag 'device': '16777216' is out "
	  "of "
	  "range (0 to 16777215)" },
	{ SB "<device dev_id=\"16777216\" mapped_blocks=\"0\" transaction=\"0\" "
	     "creation_time=\"1\" "
	     "snap_time=\"0\"/>",
	  EINVAL,
	  "x: line 2, column 1: attribute 'dev_id' in tag 'device': '16777216' is out of "
	  "range (0 to 16777215)" },
	{ SB DEV("1", "0") "</device>" DEV("1", "0") END, EINVAL,
	  "x: line 3, column 10: a second device 1" },
	{ SB "<def name=\"a\"/>\n<def name=\"a\"/>" DEV("1", "0") END, EINVAL,
	  "x: line 3, column 1: a second def named 'a'" },
	{ SB DEV("1", "0") "<ref name=\"9\"/>" END, EINVAL,
	  "x: line 3, column 1: Couldn't find sub tree '9': no def of that name comes before" },
	{ SB "<def name=\"9\">" SINGLE("3", "1") "</def>" DEV("1", "2")
		  SINGLE("3", "2") "<ref name=\"9\"/>" END,
	  EINVAL, "x: line 5, column 1: keys out of order: virtual block 3 comes after 3" },
	{ "<superblock uuid=\"\" time=\"3\" transaction=\"5\" data_block_size=\"200\" "
	  "nr_data_blocks=\"10\"/>",
	  EINVAL,
	  "x: line 1, column 1: invalid data block size: 200 sectors are not a multiple of 128 "
	  "from 128 to 2097152" },
	{ SB_OF("400000000000") DEV("1", "0") END, ENOSPC,
	  "x: line 1, column 1: out of metadata space: to count 400000000000 data blocks takes "
	  "24656279 metadata blocks, the output has 2048" },
	{ SB DEV("1", "0"), EINVAL,
	  "x: line 3, column 1: the text ends inside 'device': is it truncated?" },
};

/* What is written in place of what the text says, and the warning. */
static const struct {
	const char *xml, *warning;
	uint32_t time; /* the clock */
	struct bp_thin_device device;
} corrected[] = {
	{ SB DEV("1", "2") SINGLE("5", "1") END,
	  "device 1: mapped_blocks is 2, but 1 blocks are mapped: the latter is written",
	  3,
	  { .mapped_dblocks = 1 } },
	/* The clock follows mappings and snapshots, not what a device says of its making. */
	{ SB "<device dev_id=\"1\" mapped_blocks=\"0\" transaction=\"0\" creation_time=\"1\" "
	     "snap_time=\"77\"/></superblock>",
	  "the superblock's time 3 is below a time in it: 77 is written",
	  77,
	  { .creation_time = 1, .snapshotted_time = 77 } },
	{ SB "<device dev_id=\"1\" mapped_blocks=\"0\" transaction=\"0\" "
	     "creation_time=\"16777215\" snap_time=\"2\"/></superblock>",
	  NULL,
	  3,
	  { .creation_time = 16777215, .snapshotted_time = 2 } },
	/* Shared blocks must be older than the device's snapshotted time. */
	{ SB "<def name=\"a\"><single_mapping origin_block=\"1\" data_block=\"1\" "
	     "time=\"2\"/></def>" DEV("1", "1") "<ref name=\"a\"/>" END,
	  "device 1: snap_time 0 is not above the times of blocks that it shares: 3 is written",
	  3,
	  { .mapped_dblocks = 1, .snapshotted_time = 3 } },
	/* Shared by number: between devices, and within one. */
	{ SB DEV("1", "2") AT("5", "1", "2")
		  AT("6", "2", "3") "</device>" DEV_SNAP("2", "1", "3") AT("5", "1", "2") END,
	  "device 1: snap_time 0 is not above the times of blocks that it shares: 3 is written",
	  3,
	  { .mapped_dblocks = 2, .snapshotted_time = 3 } },
	{ SB DEV("1", "2") AT("5", "1", "0") AT("6", "1", "1") END,
	  "device 1: snap_time 0 is not above the times of blocks that it shares: 2 is written",
	  3,
	  { .mapped_dblocks = 2, .snapshotted_time = 2 } },
	/* What is older, or nobody else's, asks for nothing; nor does a def that nobody uses. */
	{ SB DEV_SNAP("1", "2", "3") AT("5", "1", "2")
		  AT("6", "2", "3") "</device>" DEV_SNAP("2", "1", "3") AT("5", "1", "2") END,
	  NULL,
	  3,
	  { .mapped_dblocks = 2, .snapshotted_time = 3 } },
	{ SB "<def name=\"a\">" AT("5", "1", "2") "</def>" DEV("1", "1") AT("5", "1", "2") END,
	  NULL,
	  3,
	  { .mapped_dblocks = 1 } },
	/* A def is shared with who has the block by number. */
	{ SB "<def name=\"a\">" AT("5", "1", "2") "</def>" DEV("1", "1")
		  AT("5", "1", "2") "</device>" DEV_SNAP("2", "1", "3") "<ref name=\"a\"/>" END,
	  "device 1: snap_time 0 is not above the times of blocks that it shares: 3 is written",
	  3,
	  { .mapped_dblocks = 1, .snapshotted_time = 3 } },
	{ "<superblock uuid=\"\" time=\"16711680\" transaction=\"5\" data_block_size=\"128\" "
	  "nr_data_blocks=\"10\">" DEV("1", "0") END,
	  "the superblock's time is 16711680; each snapshot adds one, and above 16777215 "
	  "kernels "
	  "spoil mappings: restore with lower times",
	  16711680,
	  { .id = 1 } },
};

static void correct(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(corrected); i++) {
		const struct bp_thin_device *wanted = &corrected[i].device;
		struct bp_thin_device device;
		struct bp_thin_meta *meta;
		struct area area;

		area_init(&area);
		assert_ok(restore(&area, corrected[i].xml));
		assert_int_equal(bp_warnings_count(area.ctx), corrected[i].warning != NULL);
		if (corrected[i].warning)
			assert_string_equal(bp_warning_get(area.ctx, 0), corrected[i].warning);
		meta = open_area(&area);
		assert_int_equal(bp_thin_superblock_get(meta)->time, corrected[i].time);
		assert_ok(bp_thin_device_find(meta, 1, &device));
		assert_int_equal(device.mapped_dblocks, wanted->mapped_dblocks);
		assert_int_equal(device.creation_time, wanted->creation_time);
		assert_int_equal(device.snapshotted_time, wanted->snapshotted_time);
		bp_thin_close(meta);
		area_done(&area);
	}
}

static bool is_zero(const uint8_t *data)
{
	for (size_t i = 0; i < IO_BLOCK; i++) {
		if (data[i])
			return false;
	}
	return true;
}

/* What fails says why, and leaves no superblock. */
static void refuse(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct area area;

		area_init(&area);
		assert_err(restore(&area, refused[i].xml), refused[i].error);
		assert_string_equal(bp_errmsg(area.ctx), refused[i].why);
		assert_true(is_zero(area.data));
		area_done(&area);
	}
}

/* More than the output holds: at every size the result is complete, or an error and nothing. */
static void too_small(void **state)
{
	struct strbuf xml = { 0 };
	bool fitted = false;

	(void)state;
	strbuf_add(&xml, SB_OF("100000") DEV("1", "100000") RANGE("0", "0", "100000") END);
	for (bp_mblock nr = 1; nr < 450; nr += nr < 20 ? 1 : 7) {
		struct area area;
		struct io *io;
		int r;

		area_init(&area);
		io = area_io(&area, nr);
		r = restore_on(&area, io, xml.text);
		io_close(io);
		if (r < 0) {
			assert_int_equal(r, -ENOSPC);
			assert_int_equal(bp_error_get(area.ctx)->code, BP_E_NO_SPACE);
			assert_true(is_zero(area.data));
			assert_false(fitted);
		} else {
			fitted = true;
			check_clean(&area);
		}
		area_done(&area);
	}
	assert_true(fitted);
	strbuf_done(&xml);
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

/* A clock below a time in the metadata would let the kernel overwrite shared blocks. */
static void clock_is_raised(void **state)
{
	struct area area;
	struct bp_thin_meta *meta;

	(void)state;
	area_init(&area);
	assert_ok(restore(&area, SB DEV("1", "1") "<single_mapping origin_block=\"0\" "
						  "data_block=\"0\" time=\"12\"/>" END));
	assert_int_equal(bp_warnings_count(area.ctx), 1);
	assert_string_equal(bp_warning_get(area.ctx, 0),
			    "the superblock's time 3 is below a time in it: 12 is written");
	meta = open_area(&area);
	assert_int_equal(bp_thin_superblock_get(meta)->time, 12);
	bp_thin_close(meta);
	check_clean(&area);
	area_done(&area);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generated_pools),
		cmocka_unit_test(correct),
		cmocka_unit_test(refuse),
		cmocka_unit_test(too_small),
		cmocka_unit_test(each_write_fails),
		cmocka_unit_test(dump_fails),
		cmocka_unit_test(each_read_fails),
		cmocka_unit_test(clock_is_raised),
		cmocka_unit_test(reading_again_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
