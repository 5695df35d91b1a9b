/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The targets of <bedplate/targets_test.h>: what lines of real kernels mean, what structs are
 * written as, messages, and what pre-flight finds.
 */
#include "lines.h"
#include "params.h"

/* clang-format off */
static const struct line_values tables[] = {
	{ "0 2048 delay 7:0 0 10",
	  "read.dev=7:0 read.offset_sectors=0 read.delay_ms=10 write.dev= write.delay_ms= flush.dev=" },
	{ "0 2048 delay 7:0 0 50 7:1 16 100",
	  "read.delay_ms=50 write.dev=7:1 write.offset_sectors=16 write.delay_ms=100 flush.dev=" },
	{ "0 2048 delay 7:0 0 0 7:1 8 250 7:2 16 1000",
	  "read.delay_ms=0 write.delay_ms=250 flush.dev=7:2 flush.offset_sectors=16 flush.delay_ms=1000" },
	{ "0 2048 flakey 7:0 8 10 5",
	  "dev=7:0 offset_sectors=8 up_seconds=10 down_seconds=5 error_reads=false drop_writes=false "
	  "error_writes=false corrupt_bio_byte= random_read_corrupt_ppb=" },
	{ "0 2048 flakey 7:0 0 1 1 1 DROP_WRITES", "drop_writes=true error_writes=false" },
	{ "0 2048 flakey 7:0 0 10 5 2 error_reads error_writes", "error_reads=true error_writes=true" },
	{ "0 2048 flakey 7:0 8 30 1 5 corrupt_bio_byte 224 w 0 32",
	  "corrupt_bio_byte=224_w_0_32 corrupt_bio_byte.nth_byte=224 corrupt_bio_byte.direction=w "
	  "corrupt_bio_byte.value=0 corrupt_bio_byte.bio_flags=32" },
	{ "0 2048 flakey 7:0 0 0 1 4 random_write_corrupt 1000 random_read_corrupt 2000",
	  "random_read_corrupt_ppb=2000 random_write_corrupt_ppb=1000" },
	{ "0 8192 dust 7:3 0 4096", "dev=7:3 offset_sectors=0 block_bytes=4096" },
	{ "0 2048 log-writes /dev/loop0 /dev/loop1 extra words", "dev=/dev/loop0 log_dev=/dev/loop1" },
	{ "0 102400 unstriped 2 256 1 7:0 0",
	  "nr_stripes=2 chunk_sectors=256 stripe=1 dev=7:0 offset_sectors=0" },
	{ "0 4096 switch 3 64 0 7:0 0 7:1 8 7:2 0",
	  "region_sectors=64 paths=7:0_0_7:1_8_7:2_0 paths.1.dev=7:1 paths.1.offset_sectors=8" },
	{ "0 2048 ebs 7:0 0 1", "emulated_sectors=1 underlying_sectors=" },
	{ "0 2048 ebs 7:0 128 1 8", "offset_sectors=128 emulated_sectors=1 underlying_sectors=8" },
	{ "0 2293760 zoned 7:0 /dev/nullb1", "devs=7:0_/dev/nullb1 devs.0.dev=7:0 devs.1.dev=/dev/nullb1" },
};

static const struct status_values statuses[] = {
	{ "delay", "0 0 0", "reads=0 writes=0 flushes=0" },
	{ "delay", "1 2 3", "reads=1 writes=2 flushes=3" },
	{ "delay", "1 2 3 4", "reads=1 extra=4" },
	{ "dust", "7:3 bypass verbose", "dev=7:3 reads=bypass log=verbose" },
	{ "dust", "7:3 fail_read_on_bad_block quiet", "reads=fail_read_on_bad_block log=quiet" },
	{ "log-writes", "0 0", "entries=0 last_sector=0 logging_disabled=false" },
	{ "log-writes", "1 18 logging_disabled", "entries=1 last_sector=18 logging_disabled=true" },
	{ "zoned", "64 zones 0/0 cache 5/6 random 52/53 sequential",
	  "zones=64 free_cache_zones=0 cache_zones=0 devs.0.free_random_zones=5 devs.0.random_zones=6 "
	  "devs.0.free_sequential_zones=52 devs.0.sequential_zones=53" },
	{ "zoned", "80 zones 13/14 cache 7/7 random 52/52 sequential 1/2 random 3/4 sequential",
	  "zones=80 free_cache_zones=13 cache_zones=14 devs.1.free_random_zones=1 devs.1.sequential_zones=4" },
};

static const struct message_case messages[] = {
	{ "dust", "addbadblock 60", 0, "addbadblock 60" },
	{ "dust", "addbadblock 67 1", 0, "addbadblock 67 1" },
	{ "dust", "addbadblock", EINVAL, "argument 1 (block): is missing" },
	{ "dust", "addbadblock zz", EINVAL, "'zz' is not a number" },
	{ "dust", "addbadblock 5 256", ERANGE, "write_fails" },
	{ "dust", "queryblock 60", 0, "queryblock 60" },
	{ "dust", "removebadblock 60", 0, "removebadblock 60" },
	{ "dust", "countbadblocks", 0, "countbadblocks" },
	{ "dust", "listbadblocks", 0, "listbadblocks" },
	{ "dust", "clearbadblocks", 0, "clearbadblocks" },
	{ "dust", "ENABLE", 0, "enable" },
	{ "dust", "disable", 0, "disable" },
	{ "dust", "quiet", 0, "quiet" },
	{ "dust", "foo 1", ENOENT, "takes no message 'foo'" },
	{ "log-writes", "mark fsync1", 0, "mark fsync1" },
	{ "log-writes", "mark", EINVAL, "argument 1 (text): is missing" },
	{ "log-writes", "mark a b", EINVAL, "'b' is one word too many" },
	{ "switch", "set_region_mappings 1:0 :1 :2 R3,10", 0, "set_region_mappings 1:0 :1 :2 R3,10" },
	{ "switch", "set_region_mappings 3F:1", 0, "set_region_mappings 3F:1" },
	{ "switch", "set_region_mappings 0-1", EINVAL, "argument 1 (items): '0-1' is not right" },
	{ "switch", "set_region_mappings 0:1 :", EINVAL, "argument 2 (items): ':' is not right" },
	{ "switch", "set_region_mappings R3:1", EINVAL, "'R3:1' is not right" },
	{ "switch", "set_region_mappings 1:g", EINVAL, "'1:g' is not right" },
	{ "switch", "set_region_mappings 1:2,", EINVAL, "'1:2,' is not right" },
	{ "switch", "nonsense", ENOENT, "takes no message 'nonsense'" },
	{ "zoned", "reclaim", 0, "reclaim" },
};

static const struct finding_case findings[] = {
	/* delay */
	{ "0 2048 delay 8:16 0 10", 0, 0, NULL, NULL },
	{ "0 2048 delay 8:16 2097151 10", 0, BP_SEVERITY_REFUSED, "read.dev", "too small" },
	{ "0 2048 delay 8:16 0 10 9:99 0 10", 0, BP_SEVERITY_REFUSED, "write.dev", "no such device" },
	{ "0 2048 delay 8:16 0 10 8:32 0 10 8:16 9000000 1", 0, BP_SEVERITY_REFUSED, "flush.dev", "too small" },
	{ "0 2048 delay 8:48 4 10", 0, BP_SEVERITY_REFUSED, "read.dev", "logical block" },
	/* flakey */
	{ "0 2048 flakey 8:16 0 10 5", 0, 0, NULL, NULL },
	{ "0 2048 flakey 8:16 0 0 0", 0, BP_SEVERITY_REFUSED, "down_seconds", "must not both be 0" },
	{ "0 2048 flakey 8:16 0 4294967295 1", 0, BP_SEVERITY_REFUSED, "down_seconds", "4294967296 together" },
	{ "0 2048 flakey 8:16 0 1 1 2 drop_writes error_writes", 0, BP_SEVERITY_REFUSED, "error_writes", "can't be dropped and fail" },
	{ "0 2048 flakey 8:16 0 1 1 5 corrupt_bio_byte 0 r 1 0", 0, BP_SEVERITY_REFUSED, "corrupt_bio_byte.nth_byte", "'0'" },
	{ "0 2048 flakey 8:16 0 1 1 5 corrupt_bio_byte 32 r 256 0", 0, BP_SEVERITY_REFUSED, "corrupt_bio_byte.value", "0 to 255" },
	{ "0 2048 flakey 8:16 0 1 1 6 drop_writes corrupt_bio_byte 32 w 1 0", 0, BP_SEVERITY_REFUSED, "corrupt_bio_byte.direction", "while drop_writes is given" },
	{ "0 2048 flakey 8:16 0 1 1 6 error_writes corrupt_bio_byte 32 w 1 0", 0, BP_SEVERITY_REFUSED, "corrupt_bio_byte.direction", "while error_writes is given" },
	{ "0 2048 flakey 8:16 0 1 1 6 error_reads corrupt_bio_byte 32 r 1 0", 0x060c, 0, NULL, NULL },
	{ "0 2048 flakey 8:16 0 1 1 6 error_reads corrupt_bio_byte 32 r 1 0", 0x0702, BP_SEVERITY_REFUSED, "corrupt_bio_byte.direction", "error_reads" },
	{ "0 2048 flakey 8:16 0 1 1 6 error_reads corrupt_bio_byte 32 r 1 0", 0, BP_SEVERITY_WARNING, "corrupt_bio_byte.direction", "7.2 refuses it" },
	{ "0 2048 flakey 8:16 0 1 1 3 drop_writes random_write_corrupt 5", 0x0702, BP_SEVERITY_REFUSED, "random_write_corrupt_ppb", "drop_writes" },
	{ "0 2048 flakey 8:16 0 1 1 3 error_reads random_read_corrupt 5", 0x0702, BP_SEVERITY_REFUSED, "random_read_corrupt_ppb", "error_reads" },
	{ "0 2048 flakey 8:16 0 1 1 1 error_reads", 0x0601, BP_SEVERITY_REFUSED, "error_reads", "has no 'error_reads'" },
	{ "0 2048 flakey 8:16 0 1 1 1 error_reads", 0x0606, BP_SEVERITY_UNKNOWN, "error_reads", "from 6.12 on are known" },
	{ "0 2048 flakey 8:16 0 1 1 1 error_reads", 0x060c, 0, NULL, NULL },
	{ "0 2048 flakey 8:16 0 1 1 2 random_read_corrupt 1000000001", 0x060c, BP_SEVERITY_REFUSED, "random_read_corrupt_ppb", "0 to 1000000000" },
	/* dust */
	{ "0 8192 dust 8:16 0 512", 0, 0, NULL, NULL },
	{ "0 8192 dust 8:16 0 0", 0, BP_SEVERITY_REFUSED, "block_bytes", "512 to 1073741824" },
	{ "0 8192 dust 8:16 0 1000", 0, BP_SEVERITY_REFUSED, "block_bytes", "power of two" },
	{ "0 8 dust 8:16 0 8192", 0, BP_SEVERITY_REFUSED, "block_bytes", "larger than the segment, 8 sectors" },
	/* log-writes */
	{ "0 2048 log-writes 8:16 8:32", 0, 0, NULL, NULL },
	{ "0 2048 log-writes 8:16 /dev/sdb", 0, BP_SEVERITY_WARNING, "log_dev", "it is dev as well" },
	{ "0 9999999 log-writes 8:16 8:32", 0, BP_SEVERITY_REFUSED, "dev", "too small" },
	/* unstriped */
	{ "0 1024 unstriped 2 256 1 8:16 0", 0, 0, NULL, NULL },
	{ "0 1024 unstriped 0 256 0 8:16 0", 0, BP_SEVERITY_REFUSED, "nr_stripes", "1 to" },
	{ "0 1024 unstriped 2 256 3 8:16 0", 0, BP_SEVERITY_REFUSED, "stripe", "0 to 1" },
	{ "0 1024 unstriped 2 256 2 8:16 0", 0, BP_SEVERITY_WARNING, "stripe", "does not mind" },
	{ "0 1024 unstriped 1 256 7 8:16 0", 0, BP_SEVERITY_WARNING, "stripe", "does not mind" },
	{ "0 1000 unstriped 2 256 0 8:16 0", 0, BP_SEVERITY_REFUSED, "length", "multiple of chunk_sectors, 256" },
	{ "0 1048832 unstriped 2 256 0 8:16 0", 0, BP_SEVERITY_WARNING, "dev", "too small for 2 stripes" },
	/* switch */
	{ "0 4096 switch 2 64 0 8:16 0 8:32 0", 0, 0, NULL, NULL },
	{ "0 4096 switch 0 64 0", 0, BP_SEVERITY_REFUSED, "nr_paths", "1 to" },
	{ "0 4096 switch 1 0 0 8:16 0", 0, BP_SEVERITY_REFUSED, "region_sectors", "1 to 4294967295" },
	{ "0 4096 switch 2 64 0 8:32 0 8:16 2097152", 0, BP_SEVERITY_REFUSED, "paths.1.dev", "too small" },
	/* ebs */
	{ "0 2048 ebs 8:48 8 1", 0, 0, NULL, NULL },
	{ "0 2048 ebs 8:16 0 3", 0, BP_SEVERITY_REFUSED, "emulated_sectors", "power of two" },
	{ "0 2048 ebs 8:16 0 16", 0, BP_SEVERITY_REFUSED, "emulated_sectors", "larger than a page, 8 sectors" },
	{ "0 2048 ebs 8:16 0 1 7", 0, BP_SEVERITY_REFUSED, "underlying_sectors", "power of two" },
	{ "0 2048 ebs 8:16 4 1 8", 0, BP_SEVERITY_REFUSED, "offset_sectors", "underlying block, 8 sectors" },
	{ "0 2048 ebs 8:48 4 1", 0, BP_SEVERITY_REFUSED, "offset_sectors", "underlying block, 8 sectors" },
	/* zoned */
	{ "0 2048 zoned", 0, BP_SEVERITY_REFUSED, "devs", "at least one device" },
	{ "0 2048 zoned 8:16", 0, BP_SEVERITY_UNKNOWN, "devs.0.dev", "was not looked at" },
	{ "0 2048 zoned 8:16 8:32 /dev/sdb", 0, BP_SEVERITY_REFUSED, "devs.2.dev", "given twice" },
};
/* clang-format on */

static void lines_have_values(void **state)
{
	(void)state;
	assert_line_values(tables, ARRAY_SIZE(tables));
}

static void statuses_have_values(void **state)
{
	(void)state;
	assert_status_values(statuses, ARRAY_SIZE(statuses));
}

static void messages_are_understood(void **state)
{
	(void)state;
	assert_messages(messages, ARRAY_SIZE(messages));
}

static void rules_are_checked(void **state)
{
	(void)state;
	assert_findings(findings, ARRAY_SIZE(findings));
}

/* What designated initialisers are written as: the number of words follows from what is set. */
static void structs_are_written(void **state)
{
	const struct bp_delay_path write = { "8:32", 6245, 702 }, flush = { "7:7", 27, 992 };
	const struct bp_delay one = { .read = { "7:7", 0, 961 } };
	const struct bp_delay two = { .read = one.read, .write = &write };
	const struct bp_delay three = { .read = one.read, .write = &write, .flush = &flush };
	const struct bp_flakey_corrupt corrupt = { 331, BP_FLAKEY_READ, 213, 0 };
	const struct bp_flakey flakey = {
		.dev = "8:16",
		.up_seconds = 46,
		.down_seconds = 75,
		.drop_writes = true,
		.corrupt_bio_byte = &corrupt,
	};
	const struct bp_flakey random = {
		.dev = "8:16",
		.up_seconds = 1,
		.random_read_corrupt_ppb = BP_SET(0),
		.random_write_corrupt_ppb = BP_SET(7),
	};
	const struct bp_switch_path paths[] = { { "8:16", 0 }, { "8:32", 64 } };
	const struct bp_zoned_dev devs[] = { { "8:16" }, { "8:32" } };
	const struct built cases[] = {
		{ "delay", &one, "7:7 0 961" },
		{ "delay", &two, "7:7 0 961 8:32 6245 702" },
		{ "delay", &three, "7:7 0 961 8:32 6245 702 7:7 27 992" },
		{ "flakey", &flakey,
		  "8:16 0 46 75 6 drop_writes corrupt_bio_byte 331 r 213 0" },
		{ "flakey", &random,
		  "8:16 0 1 0 4 random_read_corrupt 0 random_write_corrupt 7" },
		{ "flakey", &(struct bp_flakey){ .dev = "8:16", .up_seconds = 1 },
		  "8:16 0 1 0" },
		{ "dust", &(struct bp_dust){ "8:16", 8, 512 }, "8:16 8 512" },
		{ "log-writes", &(struct bp_log_writes){ "8:16", "8:32" }, "8:16 8:32" },
		{ "unstriped", &(struct bp_unstriped){ 3, 8, 2, "8:16", 0 }, "3 8 2 8:16 0" },
		{ "switch", &(struct bp_switch){ 64, paths, 2 }, "2 64 0 8:16 0 8:32 64" },
		{ "ebs", &(struct bp_ebs){ "8:16", 0, 1, BP_SET(8) }, "8:16 0 1 8" },
		{ "ebs", &(struct bp_ebs){ .dev = "8:16", .emulated_sectors = 1 }, "8:16 0 1" },
		{ "zoned", &(struct bp_zoned){ devs, 2 }, "8:16 8:32" },
	};

	(void)state;
	assert_built(cases, ARRAY_SIZE(cases));
}

/* A flush path needs a write path before it. */
static void flushes_need_writes(void **state)
{
	const struct bp_delay_path flush = { "7:7", 27, 992 };
	const struct bp_delay delay = { .read = { "7:7", 0, 961 }, .flush = &flush };
	struct bp_table *table;

	(void)state;
	assert_ok(bp_table_new(ctx, &table));
	assert_err(bp_table_append(ctx, table, 8, BP_PARAMS_DELAY(&delay)), EINVAL);
	assert_non_null(strstr(bp_errmsg(ctx), "argument 4 (write): must be given"));
	bp_table_free(table);
}

/* A line that was read has its values in the target's struct. */
static void lines_fill_structs(void **state)
{
	struct bp_table *table =
		lines_parse("0 8 flakey 7:0 8 30 1 6 error_writes "
			    "corrupt_bio_byte 32 r 1 0\n8 8 delay 7:0 0 1 7:1 2 3");
	const struct bp_flakey *flakey = bp_table_get(table, 0)->params;
	const struct bp_delay *delay = bp_table_get(table, 1)->params;

	(void)state;
	assert_true(flakey->error_writes);
	assert_false(flakey->drop_writes);
	assert_false(flakey->random_read_corrupt_ppb.is_set);
	assert_int_equal(flakey->corrupt_bio_byte->nth_byte, 32);
	assert_int_equal(flakey->corrupt_bio_byte->direction, BP_FLAKEY_READ);
	assert_int_equal(delay->write->delay_ms, 3);
	assert_null(delay->flush);
	bp_table_free(table);
}

/* Lengths come from the devices, in sectors, less the offsets into them. */
static void lengths_follow_from_devices(void **state)
{
	const struct bp_delay_path write = { "8:32", 64, 0 };
	const struct bp_switch_path paths[] = { { "8:16", 0 }, { "8:32", 6291456 - 99 } };
	const struct bp_zoned_dev dev = { "8:16" };
	bp_sector length;

	(void)state;
	assert_length("delay", &(struct bp_delay){ .read = { "8:16", 2, 0 } }, 2097150);
	assert_length("delay",
		      &(struct bp_delay){ .read = { "/dev/sdb", 2, 0 }, .write = &write },
		      2097150);
	assert_length("flakey", &(struct bp_flakey){ .dev = "8:48", .offset_sectors = 8 },
		      2097144);
	assert_length("dust", &(struct bp_dust){ .dev = "8:16" }, 2097152);
	assert_length("log-writes", &(struct bp_log_writes){ "8:16", "8:32" }, 2097152);
	assert_length("unstriped", &(struct bp_unstriped){ 3, 1000, 0, "8:16", 152 }, 699000);
	assert_length("switch", &(struct bp_switch){ 1, paths, 2 }, 99);
	assert_length("ebs", &(struct bp_ebs){ .dev = "8:16", .offset_sectors = 8 }, 2097144);
	assert_err(bp_target_length(ctx,
				    BP_PARAMS_UNSTRIPED(
					    &(struct bp_unstriped){ 2, 2097152, 0, "8:16", 0 }),
				    lines_lookup, NULL, &length),
		   ERANGE);
	assert_err(bp_target_length(ctx, BP_PARAMS_ZONED(&(struct bp_zoned){ &dev, 1 }),
				    lines_lookup, NULL, &length),
		   ENODATA);
	assert_err(bp_target_length(ctx, BP_PARAMS_SWITCH(&(struct bp_switch){ 1, NULL, 0 }),
				    lines_lookup, NULL, &length),
		   EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_have_values),
		cmocka_unit_test(statuses_have_values),
		cmocka_unit_test(messages_are_understood),
		cmocka_unit_test(rules_are_checked),
		cmocka_unit_test(structs_are_written),
		cmocka_unit_test(flushes_need_writes),
		cmocka_unit_test(lines_fill_structs),
		cmocka_unit_test(lengths_follow_from_devices),
	};

	return cmocka_run_group_tests(tests, lines_setup, lines_teardown);
}
