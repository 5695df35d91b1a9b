/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mirror, raid, multipath, crypt, integrity and verity on the real kernel: what pre-flight
 * passes it takes; what it prints means what it was given; its status is understood; and what
 * it refuses is explained.
 */
#include "kernel.h"

static struct bp_ctx *ctx;

#define KEY32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define LEG   "/dev/mapper/leg"

/* Legs of 8 MiB each, from one disk. */
#define LEGS        5
#define LEG_SECTORS 16384

/* What one target leaves on them must not be met by the next. */
static void wipe_legs(void)
{
	for (int i = 0; i < LEGS; i++) {
		char path[32];

		snprintf(path, sizeof(path), LEG "%d", i);
		wipe_start(path, 16);
	}
}

static void make_legs(void)
{
	for (int i = 0; i < LEGS; i++) {
		struct bp_device_info info;
		char name[16], text[128];

		snprintf(name, sizeof(name), "leg%d", i);
		snprintf(text, sizeof(text), "0 %d linear %s %d\n", LEG_SECTORS, disk(0),
			 i * LEG_SECTORS);
		OK(create_from(ctx, name, text, &info));
	}
	wipe_legs();
}

static void remove_legs(void)
{
	for (int i = 0; i < LEGS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "leg%d", i);
		remove_named(ctx, name);
	}
}

/* Does the kernel have, or can it load, the target of this line? */
static bool has_target(const struct bp_table *table)
{
	struct bp_kernel_target entry;

	return bp_kernel_target_version(ctx, bp_table_get(table, 0)->target, &entry) == 0;
}

static int lookup(void *user, const char *dev, struct bp_bdev *ret)
{
	(void)user;
	return bp_bdev_get(ctx, dev, ret);
}

static void same_table(const struct bp_selector *which, const struct bp_table *given)
{
	struct bp_table *printed;
	bool equal;

	OK(bp_device_table(ctx, which, BP_TABLE_SHOW_KEYS, &printed));
	OK(bp_table_equal(ctx, given, printed, lookup, NULL, &equal));
	printf("  %s\n", bp_table_get(printed, 0)->args);
	CHECK(!bp_table_get(printed, 0)->problem);
	CHECK(equal);
	bp_table_free(printed);
}

static void status_is_understood(const struct bp_selector *which)
{
	struct bp_device_status *lines;
	struct bp_status *status;

	OK(bp_device_status(ctx, which, 0, &lines));
	for (size_t i = 0; i < bp_device_status_count(lines); i++) {
		const struct bp_status_line *line = bp_device_status_get(lines, i);

		OK(bp_status_parse(ctx, line->target, line->text, &status));
		printf("  %s\n", status->text);
		CHECK(!status->problem && !status->extra);
		bp_status_free(status);
	}
	bp_device_status_free(lines);
}

static const struct {
	const char *table;
	uint32_t flags;
	const char *message; /* sent, unless NULL */
} taken[] = {
	{ "0 8192 mirror core 2 512 nosync 2 " LEG "0 0 " LEG "1 8 2 handle_errors keep_log" },
	{ "0 8192 mirror disk 3 " LEG "2 512 nosync 2 " LEG "0 0 " LEG "1 0 1 handle_errors" },
	{ "0 8192 raid raid1 10 0 region_size 1024 max_write_behind 512 write_mostly 1 "
	  "daemon_sleep 1000 nosync 2 " LEG "2 " LEG "0 " LEG "3 " LEG "1" },
	{ "0 8192 raid raid1 1 0 2 - " LEG "0 - -" },
	{ "0 16384 raid raid5_ls 1 64 3 - " LEG "0 - " LEG "1 - " LEG "2" },
	{ "0 8192 raid raid10 5 64 raid10_format far raid10_copies 2 2 " LEG "2 " LEG "0 " LEG
	  "3 " LEG "1" },
	{ "0 8192 raid raid10 4 64 raid10_format far raid10_use_near_sets 2 " LEG "2 " LEG
	  "0 " LEG "3 " LEG "1" },
	{ "0 8192 multipath 2 queue_mode bio 0 2 1 round-robin 0 1 1 " LEG
	  "0 1000 service-time 0 2 0 " LEG "1 " LEG "2",
	  0, "queue_if_no_path" },
	{ "0 8192 crypt aes-cbc-essiv:sha256 " KEY32 " 0 " LEG "0 8 1 allow_discards" },
	{ "0 8192 crypt aes-cbc-plain64 " KEY32 " 8 " LEG
	  "0 0 2 sector_size:4096 iv_large_sectors" },
	{ "0 8192 integrity " LEG "4 0 - J 2 journal_sectors:1024 internal_hash:crc32c" },
	{ "0 2048 verity 1 " LEG "0 " LEG "1 4096 4096 256 1 sha256 " KEY32
	  " aabb 2 ignore_zero_blocks ignore_corruption",
	  BP_CREATE_READ_ONLY },
};

static void tables_that_are_taken(void)
{
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		const struct bp_selector which = { .name = "x" };
		const struct bp_create_opts opts = { .size = sizeof(opts),
						     .flags = taken[i].flags };
		struct bp_table *table = table_of(ctx, taken[i].table);
		struct bp_findings *findings;

		printf("%s\n", taken[i].table);
		if (!has_target(table)) {
			printf("  (not in this kernel)\n");
			bp_table_free(table);
			continue;
		}
		OK(bp_device_check_table(ctx, table, NULL, taken[i].flags, &findings));
		for (size_t f = 0; f < bp_findings_count(findings); f++)
			printf("  %s\n", bp_findings_get(findings, f)->message);
		CHECK(bp_findings_severity(findings) < BP_SEVERITY_REFUSED);
		bp_findings_free(findings);
		OK(bp_device_create(ctx, "x", table, &opts, NULL));
		same_table(&which, table);
		status_is_understood(&which);
		if (taken[i].message)
			OK(bp_device_message(ctx, &which, 0, taken[i].message, 0, NULL));
		remove_named(ctx, "x");
		bp_table_free(table);
		wipe_legs();
	}
}

/* The line that the kernel logs leads to this argument. */
static const struct {
	const char *table, *argument, *value;
	uint32_t flags;
} refused[] = {
	{ "0 8192 mirror core 1 512 2 " LEG "0 0 " LEG "1 0 1 keep_log", "keep_log",
	  "keep_log" },
	{ "0 8192 raid raid1 3 0 region_size 1000 2 " LEG "2 " LEG "0 " LEG "3 " LEG "1",
	  "region_sectors", "1000" },
	{ "0 8192 multipath 2 pg_init_retries 51 0 1 1 round-robin 0 1 0 " LEG "0",
	  "pg_init_retries", "51" },
	{ "0 8192 crypt aes-xts " KEY32 " 0 " LEG "0 0", "cipher", "aes-xts" },
	{ "0 8192 integrity " LEG "4 0 - J 0", "tag_bytes", "-" },
	{ "0 2048 verity 1 " LEG "0 " LEG "1 4096 4096 1 0 sha256 " KEY32 " -",
	  "nr_data_blocks", "1", BP_CREATE_READ_ONLY },
};

/* The last line of a log that can be explained. */
static struct bp_explanation *explain_log(const char *log, const struct bp_table *table)
{
	struct bp_explanation *found = NULL, *e;
	char *copy = strdup(log ? log : ""), *rest = copy;

	CHECK(copy);
	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
		if (bp_explain_kernel_line(ctx, line, table, &e) != 0)
			continue;
		if (found && !e->argument_name) {
			bp_explanation_free(e);
			continue;
		}
		bp_explanation_free(found);
		found = e;
	}
	free(copy);
	return found;
}

static void lines_that_are_explained(void)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const struct bp_create_opts opts = { .size = sizeof(opts),
						     .flags = refused[i].flags };
		struct bp_table *table = table_of(ctx, refused[i].table);
		struct bp_explanation *e;
		char *log;

		printf("%s\n", refused[i].table);
		if (!has_target(table)) {
			bp_table_free(table);
			continue;
		}
		CHECK(bp_device_create(ctx, "bad", table, &opts, NULL) < 0);
		log = strdup(bp_error_get(ctx)->kernel_log ? bp_error_get(ctx)->kernel_log
							   : "");
		printf("  %s\n", log);
		e = explain_log(log, table);
		CHECK(e && e->segment == 0 && e->argument_name && e->value);
		printf("  %s '%s': %s (%s)\n", e->argument_name, e->value, e->rule,
		       e->expected ? e->expected : "");
		CHECK(strcmp(e->argument_name, refused[i].argument) == 0);
		CHECK(strcmp(e->value, refused[i].value) == 0);
		bp_explanation_free(e);
		bp_table_free(table);
		free(log);
	}
}

int main(void)
{
	CHECK(bp_ctx_new(&ctx) == 0);
	make_legs();
	tables_that_are_taken();
	lines_that_are_explained();
	remove_legs();
	bp_ctx_free(ctx);
	return 0;
}
