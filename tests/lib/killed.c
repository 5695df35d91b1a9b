/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is written is recorded once; each state it may stop in is then made from the record. */
#include "killed.h"

#include "core/strbuf.h"
#include "core/vec.h"
#include "draw.h"
#include "unit.h"

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
			.nr_blocks = KILLED_BLOCKS,
			.writable = true,
			.aligned = true,
			.batch_runs = 1,
			.workers = 1 },
		.data = io_buffer_new(KILLED_BLOCKS),
	};
	assert_non_null(recorder->data);
	memcpy(recorder->data, content, KILLED_BLOCKS * IO_BLOCK);
}

static void recorder_done(struct recorder *recorder)
{
	for (size_t i = 0; i < recorder->events.count; i++)
		free(recorder->events.items[i].data);
	vec_done(&recorder->events);
	free(recorder->data);
}

/* --- every state that a crash may leave --- */

struct states {
	const struct killed_kind *kind;
	const uint8_t *before; /* what was on the device */
	char *old, *new;       /* dumps: of that (NULL: nothing), and of all that was written */
	unsigned nr_old, nr_none, nr_new;
};

static void judge(struct states *states, uint8_t *data)
{
	char *text = states->kind->dump(data);

	if (!text) {
		states->nr_none++;
	} else if (!strcmp(text, states->new)) {
		states->kind->assert_clean(data);
		states->nr_new++;
	} else {
		assert_non_null(states->old);
		assert_string_equal(text, states->old);
		assert_memory_equal(data, states->before, KILLED_BLOCKS * IO_BLOCK);
		states->nr_old++;
	}
	free(text);
}

static void apply(uint8_t *data, const struct event *event)
{
	if (!event->flush)
		memcpy(data + event->block * IO_BLOCK, event->data, IO_BLOCK);
}

/*
 * The process is killed before the event @at: all until then was written. Power is cut there:
 * what was flushed is on the disk, and of the rest any part, here a random one.
 */
static void stop_at(struct states *states, const struct recorder *recorder, size_t at)
{
	uint8_t *data = io_buffer_new(KILLED_BLOCKS);
	size_t flushed = 0;

	assert_non_null(data);
	memcpy(data, states->before, KILLED_BLOCKS * IO_BLOCK);
	for (size_t i = 0; i < at; i++) {
		apply(data, &recorder->events.items[i]);
		if (recorder->events.items[i].flush)
			flushed = i + 1;
	}
	judge(states, data);

	for (unsigned round = 0; round < 3; round++) {
		memcpy(data, states->before, KILLED_BLOCKS * IO_BLOCK);
		for (size_t i = 0; i < at; i++) {
			if (i < flushed || draw(2))
				apply(data, &recorder->events.items[i]);
		}
		judge(states, data);
	}
	free(data);
}

void killed_everywhere(const struct killed_kind *kind, const uint8_t *before, bool is_metadata,
		       void (*make)(struct io *io, const void *user), const void *user)
{
	struct states states = { .kind = kind, .before = before };
	struct recorder recorder;

	recorder_init(&recorder, before);
	states.old = kind->dump(recorder.data);
	assert_int_equal(is_metadata, states.old != NULL);
	make(&recorder.io, user);
	kind->assert_clean(recorder.data);
	states.new = kind->dump(recorder.data);
	assert_non_null(states.new);
	assert_true(recorder.events.count > kind->nr_events);
	assert_true(recorder.events.items[recorder.events.count - 1].flush);

	for (size_t at = 0; at <= recorder.events.count; at++)
		stop_at(&states, &recorder, at);
	assert_true(states.nr_none > 2 * kind->nr_events);
	assert_true(states.nr_new >= 4);
	if (is_metadata)
		assert_true(states.nr_old >= 4);
	else
		assert_int_equal(states.nr_old, 0);
	free(states.old);
	free(states.new);
	recorder_done(&recorder);
}

int killed_keep(void *user, const char *text, size_t len)
{
	strbuf_add_len(user, text, len);
	return 0;
}
