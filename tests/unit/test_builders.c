/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables built from typed structs and block devices: what tests/data/builders.tsv says must
 * come out, exactly. A builder is one function and one row of the table below.
 */
#include "context_test.h"
#include "params.h"
#include "tsv.h"

#include <inttypes.h>

#include <bedplate/bedplate.h>

/* --- the devices and arguments of the rows --- */

static const struct bp_bdev bdevs[] = {
	{ "/dev/sdb", 8, 16, UINT64_C(1) << 30, 512, false },
	{ "/dev/sdc", 8, 32, UINT64_C(3) << 30, 512, false },
	{ "/dev/nvme0n1", 259, 0, UINT64_C(512) << 20, 512, false },
	{ "/dev/loop7", 7, 7, UINT64_C(100) << 20, 512, false },
	{ "/dev/mapper/x", 253, 4, UINT64_C(7) << 30, 512, false },
};

static int lookup(void *user, const char *dev, struct bp_bdev *ret)
{
	char number[BP_DEV_TEXT];

	(void)user;
	for (size_t i = 0; i < ARRAY_SIZE(bdevs); i++) {
		if (!streq(dev, bdevs[i].path) && !streq(dev, bp_dev_format(&bdevs[i], number)))
			continue;
		*ret = bdevs[i];
		return 0;
	}
	return -ENOENT;
}

/* The text of a member of a flat JSON object, without quotes, in @buf; false: not there. */
static bool member(const char *json, const char *key, char *buf, size_t size)
{
	char quoted[64];
	const char *value;
	size_t len;

	snprintf(quoted, sizeof(quoted), "\"%s\": ", key);
	value = strstr(json, quoted);
	if (!value)
		return false;
	value += strlen(quoted);
	if (*value == '"')
		len = strcspn(++value, "\"");
	else if (*value == '[' || *value == '{')
		len = strcspn(value, *value == '[' ? "]" : "}") + 1;
	else
		len = strcspn(value, ",}");
	snprintf(buf, size, "%.*s", (int)len, value);
	return true;
}

/* A number; @missing where it is not given. */
static uint64_t number(const char *json, const char *key, uint64_t missing)
{
	char text[64];

	return member(json, key, text, sizeof(text)) ? strtoull(text, NULL, 10) : missing;
}

/* A block device as "MAJOR:MINOR" in @buf. */
static const char *device(const char *json, const char *key, char *buf)
{
	struct bp_bdev bdev;
	char path[256];

	assert_true(member(json, key, path, sizeof(path)));
	assert_ok(lookup(NULL, path, &bdev));
	return bp_dev_format(&bdev, buf);
}

/* Add a segment; a length that is not given is what the devices have. */
static void add(struct bp_table *table, const char *json, uint64_t length, const char *target,
		const void *params)
{
	if (!length)
		assert_ok(bp_target_length(ctx, target, params, params_size(target), lookup,
					   NULL, &length));
	if (bp_table_add(ctx, table, number(json, "start", 0), length, target, params,
			 params_size(target)) != 0)
		fail_msg("%s: %s", json, bp_errmsg(ctx));
}

/* --- builders --- */

static void linear(struct bp_table *table, const char *json)
{
	char dev[BP_DEV_TEXT];
	const struct bp_linear params = {
		.dev = device(json, "device", dev),
		.offset_sectors = number(json, "offset", 0),
	};

	add(table, json, number(json, "size_sectors", 0), "linear", &params);
}

static void linear_positional(struct bp_table *table, const char *json)
{
	char path[256];
	const struct bp_linear params = {
		.dev = member(json, "device_path", path, sizeof(path)) ? path : NULL,
		.offset_sectors = number(json, "offset", 0),
	};

	add(table, json, number(json, "size_sectors", 0), "linear", &params);
}

/* Words of a JSON array of strings, each set as a flag: so they keep their order. */
static void set_flags(struct bp_table *table, char *list)
{
	struct bp_segment *segment = bp_table_get(table, 0);
	char *rest = list;

	for (char *word = strsep(&rest, "[]\", "); word; word = strsep(&rest, "[]\", "))
		if (*word)
			assert_ok(bp_segment_set(ctx, segment, word, "true"));
}

static void thin_pool(struct bp_table *table, const char *json)
{
	char metadata[BP_DEV_TEXT], data[BP_DEV_TEXT], features[256];
	const struct bp_thin_pool params = {
		.metadata_dev = device(json, "metadata_device", metadata),
		.data_dev = device(json, "data_device", data),
		.data_block_sectors = number(json, "block_size_sectors", 128),
		.low_water_dblocks = number(json, "low_water_mark", 0),
	};

	add(table, json, number(json, "size", 0), "thin-pool", &params);
	if (member(json, "features", features, sizeof(features)))
		set_flags(table, features);
}

static void thin(struct bp_table *table, const char *json)
{
	char pool[BP_DEV_TEXT];
	const struct bp_thin params = {
		.pool_dev = device(json, "pool_device", pool),
		.id = (uint32_t)number(json, "thin_id", 0),
	};

	add(table, json, number(json, "size", 0), "thin", &params);
}

static void error(struct bp_table *table, const char *json)
{
	add(table, json, number(json, "size", 0), "error", &(struct bp_error_target){ 0 });
}

static void zero(struct bp_table *table, const char *json)
{
	add(table, json, number(json, "size", 0), "zero", &(struct bp_zero){ 0 });
}

/* A device, an offset and a delay, by "read", "write", "flush" or nothing. */
static struct bp_delay_path delay_path(const char *json, const char *which, char *buf)
{
	char dev[32], offset[32], delay[32];

	snprintf(dev, sizeof(dev), "%s%sdevice", which, *which ? "_" : "");
	snprintf(offset, sizeof(offset), "%s%soffset", which, *which ? "_" : "");
	snprintf(delay, sizeof(delay), "%s%sdelay_ms", which, *which ? "_" : "");
	return (struct bp_delay_path){
		.dev = device(json, dev, buf),
		.offset_sectors = number(json, offset, 0),
		.delay_ms = (uint32_t)number(json, delay, 0),
	};
}

static void delay(struct bp_table *table, const char *json)
{
	char dev[BP_DEV_TEXT];
	const struct bp_delay params = { .read = delay_path(json, "", dev) };

	add(table, json, number(json, "size_sectors", 0), "delay", &params);
}

static void delay_rw(struct bp_table *table, const char *json)
{
	char read[BP_DEV_TEXT], write[BP_DEV_TEXT];
	const struct bp_delay_path writes = delay_path(json, "write", write);
	const struct bp_delay params = {
		.read = delay_path(json, "read", read),
		.write = &writes,
	};

	add(table, json, number(json, "size", 0), "delay", &params);
}

static void delay_rwf(struct bp_table *table, const char *json)
{
	char read[BP_DEV_TEXT], write[BP_DEV_TEXT], flush[BP_DEV_TEXT];
	const struct bp_delay_path writes = delay_path(json, "write", write);
	const struct bp_delay_path flushes = delay_path(json, "flush", flush);
	const struct bp_delay params = {
		.read = delay_path(json, "read", read),
		.write = &writes,
		.flush = &flushes,
	};

	add(table, json, number(json, "size", 0), "delay", &params);
}

static bool flag(const char *json, const char *key)
{
	char text[16];

	return member(json, key, text, sizeof(text)) && streq(text, "true");
}

static void flakey(struct bp_table *table, const char *json)
{
	char dev[BP_DEV_TEXT], text[64], direction;
	struct bp_flakey_corrupt corrupt;
	struct bp_flakey params = {
		.dev = device(json, "device", dev),
		.offset_sectors = number(json, "offset", 0),
		.up_seconds = (uint32_t)number(json, "up_interval", 0),
		.down_seconds = (uint32_t)number(json, "down_interval", 0),
		.drop_writes = flag(json, "drop_writes"),
		.error_writes = flag(json, "error_writes"),
	};

	if (member(json, "corrupt_bio_byte", text, sizeof(text))) {
		assert_int_equal(sscanf(text, "[%" SCNu32 ", \"%c\", %" SCNu32 ", %" SCNu32 "]",
					&corrupt.nth_byte, &direction, &corrupt.value,
					&corrupt.bio_flags),
				 4);
		corrupt.direction = direction == 'r' ? BP_FLAKEY_READ : BP_FLAKEY_WRITE;
		params.corrupt_bio_byte = &corrupt;
	}
	add(table, json, number(json, "size_sectors", 0), "flakey", &params);
}

/* A number that may be missing. */
static struct bp_number maybe(const char *json, const char *key)
{
	char text[64];

	return (struct bp_number){ number(json, key, 0),
				   member(json, key, text, sizeof(text)) };
}

static void cache(struct bp_table *table, const char *json)
{
	char metadata[BP_DEV_TEXT], fast[BP_DEV_TEXT], origin[BP_DEV_TEXT], policy[32];
	const struct bp_cache params = {
		.metadata_dev = device(json, "metadata_device", metadata),
		.cache_dev = device(json, "cache_device", fast),
		.origin_dev = device(json, "origin_device", origin),
		.block_sectors = number(json, "block_size_sectors", 512),
		.io_mode = flag(json, "writethrough")  ? BP_CACHE_WRITETHROUGH
			   : flag(json, "passthrough") ? BP_CACHE_PASSTHROUGH
						       : 0,
		.metadata2 = flag(json, "metadata2"),
		.no_discard_passdown = flag(json, "no_discard_passdown"),
		.policy = member(json, "policy", policy, sizeof(policy)) ? policy : "default",
		.migration_threshold_sectors = maybe(json, "migration_threshold"),
	};

	add(table, json, number(json, "size_sectors", 0), "cache", &params);
}

/* "on", "off", true, false; only what differs from the default if that is one of the latter. */
static enum bp_on_off on_off(const char *json, const char *key, enum bp_on_off by_default)
{
	char text[16];
	enum bp_on_off value;

	if (!member(json, key, text, sizeof(text)))
		return 0;
	value = streq(text, "on") || streq(text, "true") ? BP_ON : BP_OFF;
	return *text == 'o' || value != by_default ? value : 0;
}

static void add_vdo(struct bp_table *table, const char *json, struct bp_vdo *params)
{
	params->minimum_io_bytes = (uint32_t)number(json, "minimum_io_size", 4096);
	params->block_map_era = (uint32_t)number(json, "block_map_period", 16380);
	params->ack = maybe(json, "ack");
	params->bio = maybe(json, "bio");
	params->bio_rotation_interval = maybe(json, "bioRotationInterval");
	params->cpu = maybe(json, "cpu");
	params->hash = maybe(json, "hash");
	params->logical = maybe(json, "logical");
	params->physical = maybe(json, "physical");
	params->max_discard_mblocks = maybe(json, "maxDiscard");
	params->compression = on_off(json, "compression", BP_OFF);
	params->deduplication = on_off(json, "deduplication", BP_ON);
	add(table, json, number(json, "logical_size_sectors", 0), "vdo", params);
}

static void vdo(struct bp_table *table, const char *json)
{
	const uint64_t mib = number(json, "block_map_cache_size_mb", 128);
	struct bp_vdo params = { 0 };
	struct bp_bdev bdev;
	char path[256], dev[BP_DEV_TEXT];

	assert_true(member(json, "device", path, sizeof(path)));
	assert_ok(lookup(NULL, path, &bdev));
	params.storage_dev = bp_dev_format(&bdev, dev);
	params.physical_mblocks = bp_bytes_to_mblock(bdev.size_bytes);
	params.block_map_cache_mblocks = (uint32_t)bp_bytes_to_mblock(mib << 20);
	add_vdo(table, json, &params);
}

static void vdo_positional(struct bp_table *table, const char *json)
{
	char path[256];
	struct bp_vdo params = {
		.storage_dev = member(json, "device_path", path, sizeof(path)) ? path : NULL,
		.physical_mblocks = number(json, "storage_size_blocks", 0),
		.block_map_cache_mblocks =
			(uint32_t)number(json, "block_map_cache_blocks", 32768),
	};

	add_vdo(table, json, &params);
}

static const struct {
	const char *name;
	void (*build)(struct bp_table *table, const char *json);
} builders[] = {
	{ "linear.from_block_device", linear },
	{ "linear.create_positional", linear_positional },
	{ "thin_pool.from_block_devices", thin_pool },
	{ "thin.from_thin_pool", thin },
	{ "error.create_config", error },
	{ "zero.create_config", zero },
	{ "delay.from_block_device", delay },
	{ "delay.from_block_devices_rw", delay_rw },
	{ "delay.from_block_devices_rwf", delay_rwf },
	{ "flakey.from_block_device", flakey },
	{ "cache.from_block_devices", cache },
	{ "vdo.from_block_device", vdo },
	{ "vdo.create_positional", vdo_positional },
};

/* --- the rows --- */

static void check_row(char **row, void (*build)(struct bp_table *, const char *))
{
	struct bp_table *table;
	char *text, expected[1024];

	assert_ok(bp_table_new(ctx, &table));
	build(table, row[1]);
	assert_ok(bp_table_format(ctx, table, &text));
	snprintf(expected, sizeof(expected), "%s\n", row[2]);
	if (!streq(text, expected))
		fail_msg("%s %s: '%s'", row[0], row[1], text);
	free(text);
	bp_table_free(table);
}

static void builders_give_the_line(void **state)
{
	struct tsv rows = tsv_read("builders.tsv");
	size_t done = 0;

	(void)state;
	for (size_t i = 0; i < rows.nr_rows; i++)
		for (size_t k = 0; k < ARRAY_SIZE(builders); k++)
			if (streq(rows.rows[i].fields[0], builders[k].name)) {
				check_row(rows.rows[i].fields, builders[k].build);
				done++;
			}
	assert_int_equal(done, rows.nr_rows);
	tsv_free(&rows);
}

/* Sizes are sectors whatever the device's logical block, and offsets come off. */
static void lengths_count_sectors(void **state)
{
	struct bp_table *table;
	char *text;

	(void)state;
	assert_ok(bp_table_new(ctx, &table));
	add(table, "{}", 0, "linear",
	    &(struct bp_linear){ .dev = "/dev/loop7", .offset_sectors = 8 });
	assert_ok(bp_table_format(ctx, table, &text));
	assert_string_equal(text, "0 204792 linear /dev/loop7 8\n");
	free(text);
	bp_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(builders_give_the_line),
		cmocka_unit_test(lengths_count_sectors),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
