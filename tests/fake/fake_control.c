/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What tests do to the fake kernel from outside. */
#include "fake/fake.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/strbuf.h"

void fake_fail(struct fake *fake, int kind, unsigned nth, int errnum)
{
	fake->fault_kind = kind;
	fake->fault_in = nth;
	fake->fault_errnum = errnum;
	fake->fault_lines = NULL;
	fake->fault_lasts = false;
	fake->failed = false;
}

void fake_fail_from(struct fake *fake, int kind, int errnum)
{
	fake_fail(fake, kind, 1, errnum);
	fake->fault_lasts = true;
}

void fake_refuse(struct fake *fake, int kind, unsigned nth, int errnum, const char *lines)
{
	fake_fail(fake, kind, nth, errnum);
	fake->fault_lines = lines;
}

bool fake_failed(const struct fake *fake)
{
	return fake->failed;
}

int fake_failed_kind(const struct fake *fake)
{
	return fake->failed_kind;
}

void fake_signal(struct fake *fake, unsigned nth, int number)
{
	fake->signal_in = nth;
	fake->signal_number = number;
	fake->disturbed = false;
}

void fake_linger(struct fake *fake, unsigned nth, bool carried_out)
{
	fake->linger_in = nth;
	fake->linger_done = carried_out;
	fake->disturbed = false;
}

bool fake_disturbed(const struct fake *fake)
{
	return fake->disturbed;
}

uint32_t fake_flags(const struct fake *fake, enum dm_op op)
{
	return fake->flags[op];
}

unsigned fake_count(const struct fake *fake, int kind)
{
	unsigned sum = 0;

	if (kind != FAKE_ANY)
		return fake->counts[kind];
	for (int i = 0; i < FAKE_KINDS; i++)
		sum += fake->counts[i];
	return sum;
}

int fake_add_bdev(struct fake *fake, const char *path, uint32_t major, uint32_t minor,
		  bp_bytes size_bytes)
{
	struct fake_bdev *bdev = calloc(1, sizeof(*bdev));

	if (!bdev)
		return -ENOMEM;
	snprintf(bdev->path, sizeof(bdev->path), "%s", path);
	bdev->major = major;
	bdev->minor = minor;
	bdev->size_bytes = size_bytes;
	return vec_add(&fake->bdevs, &bdev);
}

int fake_resize_bdev(struct fake *fake, const char *path, bp_bytes size_bytes)
{
	struct fake_bdev *bdev = fake_find_path(fake, path);

	if (!bdev)
		return -ENOENT;
	bdev->size_bytes = size_bytes;
	return 0;
}

void fake_fill_bdev(struct fake *fake, const char *path, unsigned char with)
{
	struct fake_bdev *bdev = fake_find_path(fake, path);

	assert(bdev);
	memset(bdev->head, with, FAKE_HEAD);
}

void fake_open(struct fake *fake, const char *name, int delta, enum bp_holder_kind kind)
{
	struct fake_dev *dev = fake_find_name(fake, name);

	assert(dev);
	dev->opens += delta;
	dev->holder = kind;
	if (dev->deferred && fake_open_count(fake, dev) == 0)
		fake_destroy(fake, dev);
}

void fake_event(struct fake *fake, const char *name)
{
	struct fake_dev *dev;

	pthread_mutex_lock(&fake->lock);
	dev = fake_find_name(fake, name);
	assert(dev);
	dev->event_nr++;
	fake->events++;
	pthread_mutex_unlock(&fake->lock);
}

void fake_pool_mode(struct fake *fake, const char *name, const char *mode)
{
	struct fake_dev *dev = fake_find_name(fake, name);

	assert(dev);
	snprintf(dev->pool_mode, sizeof(dev->pool_mode), "%s", mode);
}

void fake_says(struct fake *fake, const char *name, const char *status)
{
	struct fake_dev *dev = fake_find_name(fake, name);

	assert(dev);
	free(dev->says);
	dev->says = status ? strdup(status) : NULL;
}

void fake_log_full(struct fake *fake, bool full)
{
	fake->log_full = full;
}

void fake_snapshots_lost(struct fake *fake, bool lost)
{
	fake->snapshots_lost = lost;
}

void fake_absent(struct fake *fake, int errnum)
{
	fake->absent = errnum;
}

void fake_cache_dirty(struct fake *fake, unsigned dirty, unsigned step)
{
	fake->cache_dirty = dirty;
	fake->cache_step = step;
}

void fake_udev(struct fake *fake, const char *why_not)
{
	fake->udev_why_not = why_not;
}

void fake_udev_silent(struct fake *fake, bool silent)
{
	fake->udev_silent = silent;
}

static void dump_table(struct strbuf *s, const char *what, const struct fake_table *table)
{
	for (size_t i = 0; table && i < table->segments.count; i++)
		strbuf_addf(s, "  %s%s %llu %llu %s %s\n", what, table->read_only ? " ro" : "",
			    (unsigned long long)table->segments.items[i].start,
			    (unsigned long long)table->segments.items[i].length,
			    table->segments.items[i].target, table->segments.items[i].args);
}

char *fake_dump(struct fake *fake)
{
	struct strbuf s = { 0 };
	char *text = NULL;

	for (size_t i = 0; i < fake->devs.count; i++) {
		const struct fake_dev *dev = fake->devs.items[i];

		strbuf_addf(&s, "%s uuid '%s' minor %u%s%s open %d read-ahead %llu\n",
			    dev->name, dev->uuid, dev->minor,
			    dev->suspended ? " suspended" : "",
			    dev->deferred ? " deferred" : "", fake_open_count(fake, dev),
			    (unsigned long long)dev->read_ahead_kb);
		dump_table(&s, "live", dev->live);
		dump_table(&s, "inactive", dev->inactive);
	}
	for (size_t i = 0; i < fake->bdevs.count; i++) {
		const struct fake_meta *meta = &fake->bdevs.items[i]->meta;

		/* Without its superblock it is only what once lay there. */
		if (!meta->formatted || fake->bdevs.items[i]->head[32] != 0xba)
			continue;
		strbuf_addf(&s, "metadata of %s: transaction %llu root %llu volumes",
			    fake->bdevs.items[i]->path, (unsigned long long)meta->transaction,
			    (unsigned long long)meta->held_root);
		for (size_t v = 0; v < meta->volumes.count; v++)
			strbuf_addf(&s, " %u(%u)", meta->volumes.items[v].id,
				    meta->volumes.items[v].origin);
		strbuf_add(&s, "\n");
	}
	for (size_t i = 0; i < fake->nodes.count; i++)
		strbuf_addf(&s, "node %s %u:%u\n", fake->nodes.items[i].path,
			    fake->nodes.items[i].major, fake->nodes.items[i].minor);
	return strbuf_take(&s, &text) < 0 ? NULL : text;
}
