/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices in numbers, on the kernel in memory. */
#include "lib/fake_ctx.h"

#include <stdio.h>

struct world {
	struct bp_ctx *ctx;
	struct fake *fake;
	char text[32768];
	size_t len;
};

static const struct fake_disk disks[] = {
	{ "/dev/meta", 4 * MIB },
	{ "/dev/data", 64 * MIB },
	{ NULL, 0 },
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct bp_pool *pool;

	assert_non_null(w);
	fake_ctx(&w->ctx, &w->fake, disks);
	assert_ok(bp_pool_create(w->ctx, "pool", "/dev/meta", "/dev/data", NULL, &pool));
	assert_ok(bp_pool_create_volume(pool, "a \"b\"\\\xff", 2048, NULL, NULL));
	bp_pool_close(pool);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	bp_ctx_free(w->ctx);
	free(w);
	return 0;
}

static int take(void *user, const char *text, size_t len)
{
	struct world *w = user;

	assert_true(w->len + len < sizeof(w->text));
	memcpy(w->text + w->len, text, len);
	w->len += len;
	w->text[w->len] = '\0';
	return 0;
}

static void assert_has(const struct world *w, const char *line)
{
	if (!strstr(w->text, line))
		fail_msg("missing: %s\n%s", line, w->text);
}

/* Families come once, each sample is under its own; the last line is the end. */
static void assert_format(char *text)
{
	char family[128] = "", seen[8192] = "\n", mark[130], *line, *rest = text;

	while ((line = strsep(&rest, "\n")) && *line && !streq(line, "# EOF")) {
		if (strncmp(line, "# TYPE ", 7) == 0) {
			snprintf(family, sizeof(family), "%.*s", (int)strcspn(line + 7, " "),
				 line + 7);
			snprintf(mark, sizeof(mark), "\n%s\n", family);
			assert_null(strstr(seen, mark));
			strcat(seen, mark);
		} else if (line[0] != '#') {
			assert_memory_equal(line, family, strlen(family));
		}
	}
	assert_non_null(line);
	assert_string_equal(line, "# EOF");
	assert_string_equal(rest, "");
}

static const char *const lines[] = {
	"# TYPE bedplate_device info\n",
	"\nbedplate_device_info{device=\"pool\",uuid=\"\"} 1\n",
	"\nbedplate_device_size_bytes{device=\"pool\"} 67108864\n",
	/* The kernel in memory counts 1, 2, 3 ... */
	"# TYPE bedplate_device_reads counter\n",
	"\nbedplate_device_reads_total{device=\"pool\"} 1\n",
	"\nbedplate_device_read_bytes_total{device=\"pool\"} 1536\n",
	"\nbedplate_device_read_seconds_total{device=\"pool\"} 0.004\n",
	"\nbedplate_device_written_bytes_total{device=\"pool\"} 3584\n",
	"\nbedplate_device_in_flight{device=\"pool\"} 9\n",
	"\nbedplate_device_discarded_bytes_total{device=\"pool\"} 7168\n",
	"\nbedplate_device_flushes_total{device=\"pool\"} 16\n",
	"\nbedplate_thin_pool_data_block_bytes{device=\"pool\",segment=\"0\"} 65536\n",
	"\nbedplate_thin_pool_total_data_dblocks{device=\"pool\",segment=\"0\"} 1024\n",
	"\nbedplate_thin_pool_total_metadata_bytes{device=\"pool\",segment=\"0\"} 4194304\n",
	"\nbedplate_thin_pool_mode{device=\"pool\",segment=\"0\",bedplate_thin_pool_mode="
	"\"rw\"} 1\n"
	"bedplate_thin_pool_mode{device=\"pool\",segment=\"0\",bedplate_thin_pool_mode=\"ro\"} "
	"0\n",
	"\nbedplate_thin_pool_needs_check{device=\"pool\",segment=\"0\"} 0\n",
	"{device=\"a \\\"b\\\"\\\\\\\\xff\",segment=\"0\"} 0\n",
};

static void all(void **state)
{
	struct world *w = *state;

	assert_ok(bp_metrics(w->ctx, NULL, take, w));
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_has(w, lines[i]);
	assert_format(w->text);
}

static void named(void **state)
{
	const char *const names[] = { "pool", "none" };
	struct bp_metrics_opts opts = { .size = sizeof(opts), .names = names, .nr_names = 1 };
	struct world *w = *state;

	assert_ok(bp_metrics(w->ctx, &opts, take, w));
	assert_has(w, "device=\"pool\"");
	assert_null(strstr(w->text, "bedplate_thin_mapped_bytes"));
	opts.nr_names = 2;
	assert_err(bp_metrics(w->ctx, &opts, take, w), ENXIO);
}

static void nothing(void **state)
{
	struct bp_ctx *ctx;
	struct fake *fake;
	struct world *w = *state;

	assert_ok(bp_ctx_new(&ctx));
	assert_ok(fake_new(ctx, &fake));
	assert_ok(bp_metrics(ctx, NULL, take, w));
	assert_string_equal(w->text, "# EOF\n");
	bp_ctx_free(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all, setup, teardown),
		cmocka_unit_test_setup_teardown(named, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
