/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Targets of the fake kernel: what they ask of a table, and the messages of a pool, with the rules
 * and words of Linux 6.1. What they print is in fake_status.c.
 */
#include "fake/fake.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/number.h"
#include "core/strbuf.h"

#define THIN_IDS 16777216u
#define NR_BLOCK 128u

void fake_words_done(struct fake_words *w)
{
	free(w->text);
}

int fake_split(const char *args, struct fake_words *ret)
{
	char *save = NULL;

	*ret = (struct fake_words){ .text = strdup(args) };
	if (!ret->text)
		return -ENOMEM;
	for (char *w = strtok_r(ret->text, " ", &save); w && ret->count < WORDS_MAX;
	     w = strtok_r(NULL, " ", &save))
		ret->word[ret->count++] = w;
	return 0;
}

static int refuse(struct fake *fake, const struct fake_dev *dev, const char *target,
		  const char *why, int r)
{
	fake_logf(fake, "device-mapper: table: %u:%u: %s: %s (-%s)", FAKE_MAJOR, dev->minor,
		  target, why, strerrorname_np(-r));
	fake_logf(fake, "device-mapper: ioctl: error adding target to table");
	return r;
}

/* Take a device into a segment, for @length sectors from @offset (length 0: whatever it has).
 */
static int take_dev(struct fake *fake, const struct fake_dev *dev, struct fake_segment *segment,
		    const char *word, bp_sector offset, bp_sector length, const char *why)
{
	struct bp_devno devno;
	bp_sector size;
	int r = fake_find_size(fake, word, &devno, &size);

	if (r == 0 && devno.major == FAKE_MAJOR && devno.minor == dev->minor)
		r = -EINVAL;
	if (r < 0)
		return refuse(fake, dev, segment->target, why, r);
	if (length && (offset >= size || length > size - offset)) {
		fake_logf(
			fake,
			"device-mapper: table: %u:%u: %u:%u too small for target: start=%llu, "
			"len=%llu, dev_size=%llu",
			FAKE_MAJOR, dev->minor, devno.major, devno.minor,
			(unsigned long long)offset, (unsigned long long)length,
			(unsigned long long)size);
		return -EINVAL;
	}
	segment->devs[segment->nr_devs++] = devno;
	return 0;
}

static int set_args(struct fake_segment *segment, struct strbuf *s)
{
	char *text;
	int r = strbuf_take(s, &text);

	if (r < 0)
		return r;
	free(segment->args);
	segment->args = text;
	return 0;
}

static void add_devno(struct strbuf *s, const struct bp_devno *dev)
{
	strbuf_addf(s, "%u:%u", dev->major, dev->minor);
}

static int linear(struct fake *fake, const struct fake_dev *dev, struct fake_segment *segment,
		  const struct fake_words *w)
{
	struct strbuf s = { 0 };
	uint64_t offset;
	int r;

	if (w->count != 2)
		return refuse(fake, dev, "linear", "Invalid argument count", -EINVAL);
	if (number_parse(w->word[1], UINT64_MAX, &offset) < 0)
		return refuse(fake, dev, "linear", "Invalid device sector", -EINVAL);
	r = take_dev(fake, dev, segment, w->word[0], offset, segment->length,
		     "Device lookup failed");
	if (r < 0)
		return r;
	add_devno(&s, &segment->devs[0]);
	strbuf_addf(&s, " %llu", (unsigned long long)offset);
	return set_args(segment, &s);
}

static int striped(struct fake *fake, const struct fake_dev *dev, struct fake_segment *segment,
		   const struct fake_words *w)
{
	struct strbuf s = { 0 };
	uint64_t stripes, chunk, offset;
	int r = 0;

	if (w->count < 2)
		return refuse(fake, dev, "striped", "Not enough arguments", -EINVAL);
	if (number_parse(w->word[0], ARRAY_SIZE(segment->devs), &stripes) < 0 || !stripes)
		return refuse(fake, dev, "striped", "Invalid stripe count", -EINVAL);
	if (number_parse(w->word[1], UINT32_MAX, &chunk) < 0 || !chunk)
		return refuse(fake, dev, "striped", "Invalid chunk_size", -EINVAL);
	if (segment->length % stripes)
		return refuse(fake, dev, "striped",
			      "Target length not divisible by number of stripes", -EINVAL);
	if (w->count != 2 + 2 * stripes)
		return refuse(fake, dev, "striped", "Not enough destinations specified",
			      -EINVAL);
	strbuf_addf(&s, "%llu %llu", (unsigned long long)stripes, (unsigned long long)chunk);
	for (size_t i = 0; r == 0 && i < stripes; i++) {
		if (number_parse(w->word[3 + 2 * i], UINT64_MAX, &offset) < 0)
			r = refuse(fake, dev, "striped", "Couldn't parse stripe destination",
				   -EINVAL);
		else
			r = take_dev(fake, dev, segment, w->word[2 + 2 * i], offset,
				     segment->length / stripes,
				     "Couldn't parse stripe destination");
		if (r == 0) {
			strbuf_add_char(&s, ' ');
			add_devno(&s, &segment->devs[i]);
			strbuf_addf(&s, " %llu", (unsigned long long)offset);
		}
	}
	if (r == 0)
		return set_args(segment, &s);
	strbuf_done(&s);
	return r;
}

static int zero(struct fake *fake, const struct fake_dev *dev, struct fake_segment *segment,
		const struct fake_words *w)
{
	(void)segment;
	if (w->count)
		return refuse(fake, dev, "zero", "No arguments required", -EINVAL);
	return 0;
}

static int error(struct fake *fake, const struct fake_dev *dev, struct fake_segment *segment,
		 const struct fake_words *w)
{
	struct strbuf s = { 0 };

	(void)fake;
	(void)dev;
	(void)w;
	return set_args(segment, &s);
}

/* One to three of device, offset and milliseconds. */
static int delay(struct fake *fake, const struct fake_dev *dev, struct fake_segment *segment,
		 const struct fake_words *w)
{
	struct strbuf s = { 0 };
	uint64_t offset, ms;
	int r = 0;

	if (w->count != 3 && w->count != 6 && w->count != 9)
		return refuse(fake, dev, "delay", "Requires exactly 3, 6 or 9 arguments",
			      -EINVAL);
	for (size_t i = 0; r == 0 && i < w->count; i += 3) {
		if (number_parse(w->word[i + 1], UINT64_MAX, &offset) < 0)
			r = refuse(fake, dev, "delay", "Invalid device sector", -EINVAL);
		else if (number_parse(w->word[i + 2], UINT32_MAX, &ms) < 0)
			r = refuse(fake, dev, "delay", "Invalid delay", -EINVAL);
		else
			r = take_dev(fake, dev, segment, w->word[i], offset, segment->length,
				     "Device lookup failed");
		if (r < 0)
			break;
		strbuf_addf(&s, "%s", i ? " " : "");
		add_devno(&s, &segment->devs[i / 3]);
		strbuf_addf(&s, " %llu %llu", (unsigned long long)offset,
			    (unsigned long long)ms);
	}
	if (r == 0)
		return set_args(segment, &s);
	strbuf_done(&s);
	return r;
}

/* Features as Linux 6.1 has them: reads can't fail alone. */
static int flakey(struct fake *fake, const struct fake_dev *dev, struct fake_segment *segment,
		  const struct fake_words *w)
{
	struct strbuf s = { 0 };
	uint64_t offset;
	int r;

	if (w->count < 4)
		return refuse(fake, dev, "flakey", "Invalid argument count", -EINVAL);
	if (w->count > 5 && !streq(w->word[5], "drop_writes") &&
	    !streq(w->word[5], "error_writes") && !streq(w->word[5], "corrupt_bio_byte"))
		return refuse(fake, dev, "flakey", "Unrecognised flakey feature requested",
			      -EINVAL);
	if (number_parse(w->word[1], UINT64_MAX, &offset) < 0)
		return refuse(fake, dev, "flakey", "Invalid device sector", -EINVAL);
	r = take_dev(fake, dev, segment, w->word[0], offset, segment->length,
		     "Device lookup failed");
	if (r < 0)
		return r;
	add_devno(&s, &segment->devs[0]);
	for (size_t i = 1; i < w->count; i++)
		strbuf_addf(&s, " %s", w->word[i]);
	strbuf_add(&s, w->count < 5 ? " 0" : "");
	return set_args(segment, &s);
}

/* --- thin-pool --- */

static const char *const features[] = {
	"skip_block_zeroing", "ignore_discard",    "no_discard_passdown",
	"read_only",          "error_if_no_space",
};

static int take_features(struct fake *fake, const struct fake_dev *dev,
			 const struct fake_words *w, bool *ret_given)
{
	uint64_t count = 0;

	if (w->count > 4 && (number_parse(w->word[4], 4, &count) < 0 || w->count < 5 + count))
		return refuse(fake, dev, "thin-pool",
			      "Invalid number of pool feature arguments", -EINVAL);
	for (size_t i = 0; i < count; i++) {
		size_t f = 0;

		while (f < ARRAY_SIZE(features) && !streq(features[f], w->word[5 + i]))
			f++;
		if (f == ARRAY_SIZE(features))
			return refuse(fake, dev, "thin-pool",
				      "Unrecognised pool feature requested", -EINVAL);
		ret_given[f] = true;
	}
	return 0;
}

/* Metadata as the pool finds or makes it. */
static int open_metadata(struct fake *fake, const struct fake_dev *dev,
			 struct fake_segment *segment, bp_sector block)
{
	struct fake_bdev *bdev =
		fake_find_bdev(fake, segment->devs[0].major, segment->devs[0].minor);
	static const unsigned char magic[8] = { 0xba, 0x52, 0x9c, 0x01 };
	bool blank = true;

	if (!bdev)
		return refuse(fake, dev, "thin-pool", "Error creating metadata object", -EIO);
	if (fake_pool_user(fake, &bdev->meta, dev))
		return refuse(fake, dev, "thin-pool",
			      "metadata device already in use by a pool", -EBUSY);
	for (size_t i = 0; i < FAKE_HEAD; i++)
		blank &= bdev->head[i] == 0;
	segment->meta = &bdev->meta;
	if (blank) {
		vec_done(&bdev->meta.volumes);
		bdev->meta = (struct fake_meta){ .formatted = true, .block_sectors = block };
		memcpy(bdev->head + 32, magic, sizeof(magic));
		bdev->head[40] = 2; /* version */
		return 0;
	}
	if (!bdev->meta.formatted || memcmp(bdev->head + 32, magic, sizeof(magic)) != 0)
		return refuse(fake, dev, "thin-pool", "Error creating metadata object",
			      -ENOTBLK);
	if (bdev->meta.block_sectors != block && !fake_pool_user(fake, &bdev->meta, NULL))
		return refuse(fake, dev, "thin-pool", "Error creating metadata object",
			      -EINVAL);
	return 0;
}

static int thin_pool(struct fake *fake, const struct fake_dev *dev,
		     struct fake_segment *segment, const struct fake_words *w)
{
	bool given[ARRAY_SIZE(features)] = { 0 };
	struct strbuf s = { 0 };
	uint64_t block, low_water;
	unsigned count = 0;
	int r;

	if (w->count < 4)
		return refuse(fake, dev, "thin-pool", "Invalid argument count", -EINVAL);
	if (streq(w->word[0], w->word[1]))
		return refuse(fake, dev, "thin-pool", "Error setting metadata or data device",
			      -EINVAL);
	if (number_parse(w->word[2], 2097152, &block) < 0 || block < NR_BLOCK ||
	    block % NR_BLOCK)
		return refuse(fake, dev, "thin-pool", "Invalid block size", -EINVAL);
	if (number_parse(w->word[3], UINT64_MAX, &low_water) < 0)
		return refuse(fake, dev, "thin-pool", "Invalid low water mark", -EINVAL);
	r = take_features(fake, dev, w, given);
	if (r == 0)
		r = take_dev(fake, dev, segment, w->word[0], 0, 0,
			     "Error opening metadata block device");
	if (r == 0)
		r = take_dev(fake, dev, segment, w->word[1], 0, segment->length,
			     "Error getting data device");
	if (r == 0)
		r = open_metadata(fake, dev, segment, block);
	if (r < 0)
		return r;
	add_devno(&s, &segment->devs[0]);
	strbuf_add_char(&s, ' ');
	add_devno(&s, &segment->devs[1]);
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		count += given[i];
	strbuf_addf(&s, " %llu %llu %u ", (unsigned long long)segment->meta->block_sectors,
		    (unsigned long long)low_water, count);
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (given[i])
			strbuf_addf(&s, "%s ", features[i]);
	segment->error_if_no_space = given[4];
	segment->discards = given[1]   ? "ignore_discard"
			    : given[2] ? "no_discard_passdown"
				       : "discard_passdown";
	return set_args(segment, &s);
}

void fake_written(struct fake *fake, const char *name, bp_sector sectors)
{
	const struct fake_dev *dev = fake_find_name(fake, name);
	const struct fake_segment *segment;
	struct fake_volume *volume;

	assert(dev && dev->live);
	segment = &dev->live->segments.items[0];
	volume = fake_find_volume(segment->meta, segment->thin_id);
	assert(volume);
	volume->mapped = sectors;
}

/* Nothing of the volume that @dev shows is mapped any more. */
static int discard_locked(struct fake *fake, const struct bp_bdev *which)
{
	struct fake_dev *dev = fake_find_number(fake, which->major, which->minor);
	const struct fake_segment *segment;
	struct fake_volume *volume;
	int r = fake_fault(fake, FAKE_BDEV_DISCARD);

	if (r < 0 || !dev || !dev->live)
		return r < 0 ? r : -ENXIO;
	segment = &dev->live->segments.items[0];
	volume = segment->meta ? fake_find_volume(segment->meta, segment->thin_id) : NULL;
	if (!volume)
		return -EOPNOTSUPP;
	volume->mapped = 0;
	return 0;
}

int fake_bdev_discard(void *self, const struct bp_bdev *which, uint64_t offset, uint64_t length)
{
	struct handle *h = self;
	int r;

	(void)offset;
	(void)length;
	pthread_mutex_lock(&h->fake->lock);
	r = discard_locked(h->fake, which);
	pthread_mutex_unlock(&h->fake->lock);
	return r;
}

static int thin(struct fake *fake, const struct fake_dev *dev, struct fake_segment *segment,
		const struct fake_words *w)
{
	const struct fake_segment *pool;
	const struct fake_dev *pool_dev;
	struct strbuf s = { 0 };
	uint64_t id;
	int r;

	if (w->count != 2 && w->count != 3)
		return refuse(fake, dev, "thin", "Invalid argument count", -EINVAL);
	r = take_dev(fake, dev, segment, w->word[0], 0, 0, "Error opening pool device");
	if (r == 0 && w->count == 3)
		r = take_dev(fake, dev, segment, w->word[2], 0, 0,
			     "Error opening origin device");
	if (r < 0)
		return r;
	if (number_parse(w->word[1], THIN_IDS - 1, &id) < 0)
		return refuse(fake, dev, "thin", "Invalid device id", -EINVAL);
	pool_dev = fake_find_number(fake, segment->devs[0].major, segment->devs[0].minor);
	if (!pool_dev)
		return refuse(fake, dev, "thin", "Couldn't get pool mapped device", -EINVAL);
	pool = pool_dev->live ? &pool_dev->live->segments.items[0] : NULL;
	if (!pool || !pool->meta || !streq(pool->target, "thin-pool"))
		return refuse(fake, dev, "thin", "Couldn't find pool object", -EINVAL);
	if (streq(pool_dev->pool_mode, "Fail"))
		return refuse(fake, dev, "thin",
			      "Couldn't open thin device, Pool is in fail mode", -EINVAL);
	if (!fake_find_volume(pool->meta, id))
		return refuse(fake, dev, "thin", "Couldn't open thin internal device",
			      -ENODATA);
	if (pool_dev->suspended)
		return refuse(fake, dev, "thin",
			      "Unable to activate thin device while pool is suspended",
			      -EINVAL);
	segment->meta = pool->meta;
	segment->thin_id = (uint32_t)id;
	add_devno(&s, &segment->devs[0]);
	strbuf_addf(&s, " %llu", (unsigned long long)id);
	if (segment->nr_devs == 2) {
		strbuf_add_char(&s, ' ');
		add_devno(&s, &segment->devs[1]);
	}
	return set_args(segment, &s);
}

/* snapshot, and snapshot-merge, which has merged all when it is looked at. */
static int snapshot(struct fake *fake, const struct fake_dev *dev, struct fake_segment *segment,
		    const struct fake_words *w)
{
	struct strbuf s = { 0 };
	int r;

	if (w->count < 4)
		return refuse(fake, dev, segment->target, "requires 4 or more arguments",
			      -EINVAL);
	if (streq(segment->target, "snapshot-merge") && w->word[2][0] == 'N')
		return refuse(fake, dev, segment->target,
			      "Snapshot exception store does not support snapshot-merge.",
			      -EINVAL);
	r = take_dev(fake, dev, segment, w->word[0], 0, segment->length,
		     "Cannot get origin device");
	if (r == 0)
		r = take_dev(fake, dev, segment, w->word[1], 0, 0, "Cannot get COW device");
	if (r < 0)
		return r;
	add_devno(&s, &segment->devs[0]);
	strbuf_add_char(&s, ' ');
	add_devno(&s, &segment->devs[1]);
	strbuf_addf(&s, " %s %s", w->word[2], w->word[3]);
	return set_args(segment, &s);
}

/* What it would log goes nowhere: marks are taken, and its status is that of an empty log. */
static int log_writes(struct fake *fake, const struct fake_dev *dev,
		      struct fake_segment *segment, const struct fake_words *w)
{
	struct strbuf s = { 0 };
	int r;

	if (w->count < 2)
		return refuse(fake, dev, "log-writes", "Invalid argument count", -EINVAL);
	r = take_dev(fake, dev, segment, w->word[0], 0, segment->length,
		     "Device lookup failed");
	if (r == 0)
		r = take_dev(fake, dev, segment, w->word[1], 0, 0, "Log device lookup failed");
	if (r < 0)
		return r;
	add_devno(&s, &segment->devs[0]);
	strbuf_add_char(&s, ' ');
	add_devno(&s, &segment->devs[1]);
	return set_args(segment, &s);
}

/* "V4 DEV ...": all else it takes as it is, and prints. */
static int vdo(struct fake *fake, const struct fake_dev *dev, struct fake_segment *segment,
	       const struct fake_words *w)
{
	if (w->count < 6)
		return refuse(fake, dev, "vdo", "Incorrect number of arguments", -EINVAL);
	return take_dev(fake, dev, segment, w->word[1], 0, 0, "Unable to open storage device");
}

/* Whatever it is given it takes, and prints. */
static int any(struct fake *fake, const struct fake_dev *dev, struct fake_segment *segment,
	       const struct fake_words *w)
{
	(void)fake, (void)dev, (void)segment, (void)w;
	return 0;
}

static const struct {
	const char *name;
	int (*construct)(struct fake *fake, const struct fake_dev *dev,
			 struct fake_segment *segment, const struct fake_words *w);
} targets[] = {
	{ "linear", linear }, { "striped", striped },       { "zero", zero },
	{ "error", error },   { "thin-pool", thin_pool },   { "thin", thin },
	{ "crypt", any },     { "inlinecrypt", any },       { "integrity", any },
	{ "verity", any },    { "delay", delay },           { "flakey", flakey },
	{ "cache", any },     { "snapshot", snapshot },     { "snapshot-merge", snapshot },
	{ "raid", any },      { "multipath", any },         { "mirror", any },
	{ "vdo", vdo },       { "log-writes", log_writes },
};

int fake_construct(struct fake *fake, const struct fake_dev *dev, struct fake_segment *segment,
		   bool read_only, bool alone)
{
	_cleanup_(fake_words_done) struct fake_words words = { 0 };
	int r = fake_split(segment->args, &words);

	if (r < 0)
		return r;
	if (streq(segment->target, "thin-pool") && read_only)
		return refuse(fake, dev, "thin-pool",
			      "target type may not be included in a read-only table", -EINVAL);
	if (streq(segment->target, "thin-pool") && !alone)
		return refuse(fake, dev, "thin-pool",
			      "singleton target type must appear alone in table", -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		if (streq(targets[i].name, segment->target))
			return targets[i].construct(fake, dev, segment, &words);
	fake_logf(fake, "device-mapper: table: %u:%u: %s: unknown target type", FAKE_MAJOR,
		  dev->minor, segment->target);
	fake_logf(fake, "device-mapper: ioctl: error adding target to table");
	return -EINVAL;
}

int fake_preresume(struct fake *fake, const struct fake_dev *dev,
		   const struct fake_table *table)
{
	const struct fake_segment *segment = &table->segments.items[0];
	bp_dblock blocks;

	if (!streq(segment->target, "thin-pool"))
		return 0;
	blocks = segment->length / segment->meta->block_sectors;
	if (blocks < segment->meta->data_blocks) {
		fake_logf(fake,
			  "device-mapper: thin: %u:%u: pool target (%llu blocks) too small: "
			  "expected %llu",
			  FAKE_MAJOR, dev->minor, (unsigned long long)blocks,
			  (unsigned long long)segment->meta->data_blocks);
		fake_logf(
			fake,
			"device-mapper: table: %u:%u: thin-pool: preresume failed, error = -22",
			FAKE_MAJOR, dev->minor);
		return -EINVAL;
	}
	segment->meta->data_blocks = blocks;
	return 0;
}

/* --- messages --- */

static int bad_id(struct fake *fake, const char *word)
{
	fake_logf(fake, "device-mapper: thin: Message received with invalid device id: %s",
		  word);
	return -EINVAL;
}

static int create_volume(struct fake *fake, struct fake_meta *meta, uint64_t id,
			 const uint64_t *origin)
{
	struct fake_volume volume = { .id = (uint32_t)id, .origin = (uint32_t)id };
	const struct fake_volume *from = origin ? fake_find_volume(meta, *origin) : NULL;

	if (fake_find_volume(meta, id)) {
		fake_logf(fake,
			  "device-mapper: thin: Creation of new thinly-provisioned device with "
			  "id %llu failed.",
			  (unsigned long long)id);
		return -EEXIST;
	}
	if (origin && !from) {
		fake_logf(fake,
			  "device-mapper: thin: Creation of new snapshot %llu of device %llu "
			  "failed.",
			  (unsigned long long)id, (unsigned long long)*origin);
		return -ENODATA;
	}
	if (from) {
		volume.origin = from->id;
		volume.mapped = from->mapped;
	}
	return vec_add(&meta->volumes, &volume);
}

static int delete_volume(struct fake *fake, struct fake_meta *meta, uint64_t id)
{
	struct fake_volume *volume = fake_find_volume(meta, id);
	int r = 0;

	if (!volume)
		r = -ENODATA;
	else if (fake_pool_user(fake, meta, NULL) && fake_volume_open(fake, meta, id))
		r = -EBUSY;
	if (r < 0) {
		fake_logf(fake, "device-mapper: thin: Deletion of thin device %llu failed.",
			  (unsigned long long)id);
		return r;
	}
	*volume = meta->volumes.items[--meta->volumes.count];
	return 0;
}

static int pool_message(struct fake *fake, const struct fake_dev *dev, struct fake_meta *meta,
			const struct fake_words *w)
{
	const char *verb = w->count ? w->word[0] : "";
	uint64_t id = 0, other = 0;
	bool ids = w->count >= 2 && number_parse(w->word[1], THIN_IDS - 1, &id) == 0;

	if (streq(dev->pool_mode, "ro") || streq(dev->pool_mode, "Fail")) {
		fake_logf(
			fake,
			"device-mapper: thin: %u:%u: unable to service pool target messages in "
			"READ_ONLY or FAIL mode",
			FAKE_MAJOR, dev->minor);
		return -EOPNOTSUPP;
	}
	if (streq(verb, "create_thin") && w->count == 2)
		return ids ? create_volume(fake, meta, id, NULL) : bad_id(fake, w->word[1]);
	if (streq(verb, "create_snap") && w->count == 3)
		return ids && number_parse(w->word[2], THIN_IDS - 1, &other) == 0
			       ? create_volume(fake, meta, id, &other)
			       : bad_id(fake, w->word[1]);
	if (streq(verb, "delete") && w->count == 2)
		return ids ? delete_volume(fake, meta, id) : bad_id(fake, w->word[1]);
	if (streq(verb, "set_transaction_id") && w->count == 3 &&
	    number_parse(w->word[1], UINT64_MAX, &id) == 0 &&
	    number_parse(w->word[2], UINT64_MAX, &other) == 0) {
		if (id != meta->transaction) {
			fake_logf(fake,
				  "device-mapper: thin metadata: mismatched transaction id");
			return -EINVAL;
		}
		meta->transaction = other;
		return 0;
	}
	if (streq(verb, "reserve_metadata_snap") && w->count == 1) {
		if (meta->held_root)
			return -EBUSY;
		meta->held_root = 32;
		return 0;
	}
	if (streq(verb, "release_metadata_snap") && w->count == 1) {
		if (!meta->held_root)
			return -EINVAL;
		meta->held_root = 0;
		return 0;
	}
	fake_logf(fake,
		  "device-mapper: thin: Unrecognised thin pool target message received: %s",
		  verb);
	return -EINVAL;
}

int fake_message(struct fake *fake, const struct fake_dev *dev, struct fake_segment *segment,
		 const char *text)
{
	_cleanup_(fake_words_done) struct fake_words words = { 0 };
	int r;

	if (streq(segment->target, "log-writes"))
		return strncmp(text, "mark ", 5) == 0 ? 0 : -EINVAL;
	if (!streq(segment->target, "thin-pool"))
		return -EINVAL;
	r = fake_split(text, &words);
	return r < 0 ? r : pool_message(fake, dev, segment->meta, &words);
}
