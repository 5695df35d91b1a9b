/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Status lines of the fake kernel's targets, in the words of Linux 6.1. Numbers that no test looks
 * at are made up.
 */
#include "fake/fake.h"

#include <string.h>

#include "core/number.h"
#include "core/strbuf.h"

#define POOL_MODE "rw" /* unless a test has set another */

static void pool_status(struct fake *fake, const struct fake_dev *dev,
			const struct fake_segment *segment, struct strbuf *s)
{
	const struct fake_meta *meta = segment->meta;
	const struct fake_bdev *bdev =
		fake_find_bdev(fake, segment->devs[0].major, segment->devs[0].minor);
	bp_dblock used = 0;

	if (streq(dev->pool_mode, "Fail")) {
		strbuf_add(s, "Fail");
		return;
	}
	for (size_t i = 0; i < meta->volumes.count; i++)
		used += meta->volumes.items[i].mapped / meta->block_sectors;
	strbuf_addf(s, "%llu %zu/%llu %llu/%llu ", (unsigned long long)meta->transaction,
		    (size_t)10 + meta->volumes.count,
		    (unsigned long long)bp_bytes_to_mblock(bdev->size_bytes),
		    (unsigned long long)used, (unsigned long long)meta->data_blocks);
	if (meta->held_root)
		strbuf_addf(s, "%llu", (unsigned long long)meta->held_root);
	else
		strbuf_add(s, "-");
	strbuf_addf(s, " %s %s %s - 256 ", dev->pool_mode[0] ? dev->pool_mode : POOL_MODE,
		    segment->discards,
		    segment->error_if_no_space ? "error_if_no_space" : "queue_if_no_space");
}

/* "META FAST ORIGIN BLOCK #FEATURES FEATURE... POLICY #ARGS ARG...": all but numbers comes from there. */
static void cache_status(struct fake *fake, const struct fake_segment *segment,
			 struct strbuf *s)
{
	_cleanup_(fake_words_done) struct fake_words w = { 0 };
	uint64_t nr = 0;

	if (fake_split(segment->args, &w) < 0 || w.count < 7 ||
	    number_parse(w.word[4], w.count - 7, &nr) < 0)
		return;
	strbuf_addf(s, "8 20/1024 %s 40/256 1 2 3 4 5 6 %u %s", w.word[3], fake->cache_dirty,
		    w.word[4]);
	for (size_t i = 0; i < nr; i++)
		strbuf_addf(s, " %s", w.word[5 + i]);
	strbuf_addf(s, " 2 migration_threshold 2048 %s 0 rw - ", w.word[5 + nr]);
	if (streq(w.word[5 + nr], "cleaner"))
		fake->cache_dirty -= MIN(fake->cache_dirty, fake->cache_step);
}

static void snapshot_status(struct fake *fake, const struct fake_segment *segment,
			    struct strbuf *s)
{
	const struct fake_bdev *store =
		fake_find_bdev(fake, segment->devs[1].major, segment->devs[1].minor);

	if (fake->snapshots_lost) {
		strbuf_add(s, "Invalid");
		return;
	}
	strbuf_addf(s, "%d/%llu 16", streq(segment->target, "snapshot") ? 48 : 16,
		    store ? (unsigned long long)bp_bytes_to_sector(store->size_bytes) : 0);
}

bool fake_volume_failed(struct fake *fake, const struct fake_segment *segment)
{
	const struct fake_dev *pool;

	if (!streq(segment->target, "thin"))
		return false;
	pool = fake_find_number(fake, segment->devs[0].major, segment->devs[0].minor);
	return pool && streq(pool->pool_mode, "Fail");
}

char *fake_status(struct fake *fake, const struct fake_dev *dev,
		  const struct fake_segment *segment)
{
	const struct fake_volume *volume;
	struct strbuf s = { 0 };
	char *text = NULL;

	if (dev->says)
		return strdup(dev->says);
	if (streq(segment->target, "thin-pool")) {
		pool_status(fake, dev, segment, &s);
	} else if (streq(segment->target, "cache")) {
		cache_status(fake, segment, &s);
	} else if (streq(segment->target, "log-writes")) {
		strbuf_add(&s, fake->log_full ? "0 0 logging_disabled" : "0 0");
	} else if (streq(segment->target, "vdo")) {
		fake_vdo_status(fake, segment, &s);
	} else if (strncmp(segment->target, "snapshot", 8) == 0) {
		snapshot_status(fake, segment, &s);
	} else if (streq(segment->target, "thin")) {
		volume = fake_find_volume(segment->meta, segment->thin_id);
		if (volume && volume->mapped)
			strbuf_addf(&s, "%llu %llu", (unsigned long long)volume->mapped,
				    (unsigned long long)volume->mapped - 1);
		else
			strbuf_add(&s, "0 -");
	}
	return strbuf_take(&s, &text) < 0 ? NULL : text;
}
