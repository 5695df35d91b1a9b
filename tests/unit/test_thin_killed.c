/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Restoring and repairing, killed or cut off from power at each write: what is on the disk then is all of
 * the new metadata, or plainly no metadata, or the old, if nothing of it was touched. Never
 * something that looks valid and is a mixture.
 */
#include "context_test.h"

#include <bedplate/thin_dump.h>

#include "core/strbuf.h"
#include "core/vec.h"
#include "formats/thin/meta.h"
#include "formats/thin/plan.h"
#include "formats/thin/restore.h"
#include "image.h"
#include "xml_text.h"

#include <inttypes.h>

#define META_BLOCKS 256u

/* One write of one block, or a flush. */
struct event {
	bool flush;
	bp_mblock block;
	uint8_t *data;
};

/* A device that remembers all that is done to it. */
struct recorder {
	struct io io;
	uint8_t *data;
	VEC(struct event) events;
};

static struct recorder *recorder_of(struct io *io)
{
	return (struct recorder *)(void *)io;
}

static int record_read(struct io *io, const struct io_run *runs, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		memcpy(runs[i].buf, recorder_of(io)->data + runs[i].first * IO_BLOCK,
		       runs[i].count * IO_BLOCK);
	return 0;
}

static int record_write(struct io *io, const struct io_run *run)
{
	struct recorder *recorder = recorder_of(io);

	for (size_t i = 0; i < run->count; i++) {
		struct event event = { .block = run->first + i, .data = malloc(IO_BLOCK) };

		assert_non_null(event.data);
		memcpy(event.data, (uint8_t *)run->buf + i * IO_BLOCK, IO_BLOCK);
		assert_ok(vec_add(&recorder->events, &event));
	}
	memcpy(recorder->data + run->first * IO_BLOCK, run->buf, run->count * IO_BLOCK);
	return 0;
}

static int record_flush(struct io *io)
{
	struct event event = { .flush = true };

	assert_ok(vec_add(&recorder_of(io)->events, &event));
	return 0;
}

static void record_close(struct io *io)
{
	(void)io;
}

static const struct io_ops record_ops = {
	.name = "recorder",
	.read = record_read,
	.write = record_write,
	.flush = record_flush,
	.close = record_close,
};

static void recorder_init(struct recorder *recorder, const uint8_t *content)
{
	*recorder = (struct recorder){
		.io = { .ops = &record_ops,
			.nr_blocks = META_BLOCKS,
			.writable = true,
			.aligned = true,
			.batch_runs = 1,
			.workers = 1 },
		.data = io_buffer_new(META_BLOCKS),
	};
	assert_non_null(recorder->data);
	memcpy(recorder->data, content, META_BLOCKS * IO_BLOCK);
}

static void recorder_done(struct recorder *recorder)
{
	for (size_t i = 0; i < recorder->events.count; i++)
		free(recorder->events.items[i].data);
	vec_done(&recorder->events);
	free(recorder->data);
}

/* --- texts, and what a device says --- */

static void restore(struct io *io, const char *xml)
{
	struct text text = { xml, strlen(xml) };
	const struct xml_source source = text_source(&text);

	assert_ok(thin_restore_io(ctx, &source, io, NULL));
}

/* Devices of @count mappings, not in runs, each device its own number of them. */
static char *make_text(unsigned nr_devices, unsigned count)
{
	struct strbuf xml = { 0 };
	unsigned data_block = 0;
	char *ret;

	strbuf_add(&xml, "<superblock uuid=\"\" time=\"3\" transaction=\"5\" version=\"2\" "
			 "data_block_size=\"128\" nr_data_blocks=\"40000\">\n");
	for (unsigned d = 0; d < nr_devices; d++, count += 7) {
		strbuf_addf(&xml,
			    "<device dev_id=\"%u\" mapped_blocks=\"%u\" transaction=\"1\" "
			    "creation_time=\"1\" snap_time=\"1\">\n",
			    d, count);
		for (unsigned i = 0; i < count; i++, data_block += 2)
			strbuf_addf(&xml,
				    "<single_mapping origin_block=\"%u\" data_block=\"%u\" "
				    "time=\"1\"/>\n",
				    3 * i, data_block);
		strbuf_add(&xml, "</device>\n");
	}
	strbuf_add(&xml, "</superblock>\n");
	assert_ok(strbuf_take(&xml, &ret));
	return ret;
}

static int keep(void *user, const char *text, size_t len)
{
	strbuf_add_len(user, text, len);
	return 0;
}

/* What is dumped of the metadata in @data; NULL where it is none. The caller frees it. */
static char *dump(uint8_t *data)
{
	struct bp_thin_meta *meta;
	struct strbuf text = { 0 };
	uint64_t damages = 0;
	struct io *io;
	char *ret;

	assert_ok(io_memory_new(data, (size_t)bp_mblock_to_bytes(META_BLOCKS), &io));
	if (thin_meta_open_io(ctx, io, NULL, &meta) < 0) {
		io_close(io);
		return NULL;
	}
	assert_ok(bp_thin_dump(meta, NULL, keep, &text, &damages));
	assert_int_equal(damages, 0);
	bp_thin_close(meta);
	assert_ok(strbuf_take(&text, &ret));
	return ret;
}

static void assert_clean(uint8_t *data)
{
	const struct bp_thin_check_opts opts = { .size = sizeof(opts),
						 .flags = BP_THIN_CHECK_STRICT };
	struct bp_thin_check_result found = { .size = sizeof(found) };
	struct io *io;

	assert_ok(io_memory_new(data, (size_t)bp_mblock_to_bytes(META_BLOCKS), &io));
	assert_ok(thin_check_io(ctx, io, CHECK_ONLY, &opts, &found));
	io_close(io);
	assert_int_equal(found.nr_fatal + found.nr_nonfatal, 0);
}

/* --- every state that a crash may leave --- */

struct states {
	const uint8_t *before; /* what was on the device */
	char *old, *new;       /* dumps: of that (NULL: nothing), and of all that was written */
	unsigned nr_old, nr_none, nr_new;
};

static void judge(struct states *states, uint8_t *data)
{
	char *text = dump(data);

	if (!text) {
		states->nr_none++;
	} else if (!strcmp(text, states->new)) {
		assert_clean(data);
		states->nr_new++;
	} else {
		assert_non_null(states->old);
		assert_string_equal(text, states->old);
		assert_memory_equal(data, states->before, META_BLOCKS * IO_BLOCK);
		states->nr_old++;
	}
	free(text);
}

static void apply(uint8_t *data, const struct event *event)
{
	if (!event->flush)
		memcpy(data + event->block * IO_BLOCK, event->data, IO_BLOCK);
}

static uint64_t rng = 88172645463325252;

static bool toss(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng >> 40 & 1;
}

/*
 * The process is killed before the event @at: all until then was written. Power is cut there:
 * what was flushed is on the disk, and of the rest any part, here a random one.
 */
static void stop_at(struct states *states, const struct recorder *recorder, size_t at)
{
	uint8_t *data = io_buffer_new(META_BLOCKS);
	size_t flushed = 0;

	assert_non_null(data);
	memcpy(data, states->before, META_BLOCKS * IO_BLOCK);
	for (size_t i = 0; i < at; i++) {
		apply(data, &recorder->events.items[i]);
		if (recorder->events.items[i].flush)
			flushed = i + 1;
	}
	judge(states, data);

	for (unsigned round = 0; round < 3; round++) {
		memcpy(data, states->before, META_BLOCKS * IO_BLOCK);
		for (size_t i = 0; i < at; i++) {
			if (i < flushed || toss())
				apply(data, &recorder->events.items[i]);
		}
		judge(states, data);
	}
	free(data);
}

/* @make writes new metadata, the same each time. */
static void stop_everywhere(const uint8_t *before, bool is_metadata,
			    void (*make)(struct io *io, const void *user), const void *user)
{
	struct states states = { .before = before };
	struct recorder recorder;

	recorder_init(&recorder, before);
	states.old = dump(recorder.data);
	assert_int_equal(is_metadata, states.old != NULL);
	make(&recorder.io, user);
	assert_clean(recorder.data);
	states.new = dump(recorder.data);
	assert_non_null(states.new);
	assert_true(recorder.events.count > 20);
	assert_true(recorder.events.items[recorder.events.count - 1].flush);

	for (size_t at = 0; at <= recorder.events.count; at++)
		stop_at(&states, &recorder, at);
	assert_true(states.nr_none > 50);
	assert_true(states.nr_new >= 4);
	if (is_metadata)
		assert_true(states.nr_old >= 4);
	else
		assert_int_equal(states.nr_old, 0);
	free(states.old);
	free(states.new);
	recorder_done(&recorder);
}

static void restore_text(struct io *io, const void *xml)
{
	restore(io, xml);
}

static void over_nothing(void **state)
{
	uint8_t *before = io_buffer_new(META_BLOCKS);
	char *xml = make_text(3, 700);

	(void)state;
	assert_non_null(before);
	memset(before, 0x5a, META_BLOCKS * IO_BLOCK);
	stop_everywhere(before, false, restore_text, xml);
	free(xml);
	free(before);
}

/* The old superblock must be gone before the first block of the old trees is overwritten. */
static void over_older_metadata(void **state)
{
	uint8_t *before = io_buffer_new(META_BLOCKS);
	char *xml = make_text(5, 300), *new = make_text(3, 700);
	struct io *io;

	(void)state;
	assert_non_null(before);
	memset(before, 0, META_BLOCKS * IO_BLOCK);
	assert_ok(io_memory_new(before, (size_t)bp_mblock_to_bytes(META_BLOCKS), &io));
	restore(io, xml);
	io_close(io);
	stop_everywhere(before, true, restore_text, new);
	free(new);
	free(xml);
	free(before);
}

static void write_plan(struct io *io, const void *user)
{
	const struct image *damaged = user;
	const struct bp_thin_repair_opts opts = { .size = sizeof(opts),
						  .data_block_sectors = 128 };
	struct bp_thin_plan *plan;

	assert_ok(thin_plan_io(ctx, image_io(damaged), &opts, &plan));
	assert_ok(thin_plan_write_io(plan, io));
	bp_thin_plan_free(plan);
}

/*
 * Repairs of what lost a leaf, the list of roots, that of details, and the superblock. What is put
 * right after the result was checked (times) is put right before it looks valid.
 */
static void repairs(void **state)
{
	static const bp_mblock lost[] = { 148, 194, 192, 0 };
	uint8_t *before = io_buffer_new(META_BLOCKS);

	(void)state;
	assert_non_null(before);
	for (size_t i = 0; i < ARRAY_SIZE(lost); i++) {
		struct image image;

		image_load(&image, "thin-refs");
		memset(image_block(&image, lost[i]), 0, IO_BLOCK);
		if (lost[i] ==
		    148) /* snapshotted_time of device 0, too low for what it shares */
			image_patch(&image, 192, BLOCK_NODE, 32 + 126 * 8 + 20, 4, 0);
		memset(before, 0x5a, META_BLOCKS * IO_BLOCK);
		stop_everywhere(before, false, write_plan, &image);
		image_done(&image);
	}
	free(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(over_nothing),
		cmocka_unit_test(over_older_metadata),
		cmocka_unit_test(repairs),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
