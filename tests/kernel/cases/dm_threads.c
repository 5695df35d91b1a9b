/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two threads with a context each create, ask for and remove 200 devices; and 64 removed by as
 * many threads as the library likes.
 */
#include "kernel.h"

#include <pthread.h>

#define DEVICES 100 /* of each thread */

static void *work(void *arg)
{
	const char *prefix = arg;
	struct bp_ctx *ctx;
	char name[32];

	CHECK(bp_ctx_new(&ctx) == 0);
	for (int i = 0; i < DEVICES; i++) {
		struct bp_selector which = { .name = name };
		struct bp_device_info info;
		struct bp_table *table;

		snprintf(name, sizeof(name), "%s %d", prefix, i);
		OK(create_from(ctx, name, "0 8 zero\n", &info));
		OK(bp_device_table(ctx, &which, 0, &table));
		CHECK(bp_table_count(table) == 1);
		bp_table_free(table);
		CHECK(access(info.path, F_OK) == 0);
		if (i >= 5) {
			snprintf(name, sizeof(name), "%s %d", prefix, i - 5);
			remove_named(ctx, name);
		}
	}
	for (int i = DEVICES - 5; i < DEVICES; i++) {
		snprintf(name, sizeof(name), "%s %d", prefix, i);
		remove_named(ctx, name);
	}
	CHECK(bp_warnings_count(ctx) == 0);
	bp_ctx_free(ctx);
	return NULL;
}

#define MANY 64

static void tell(void *user, size_t index, int r, enum bp_removed removed)
{
	int *failed = user;

	CHECK(removed == BP_REMOVED);
	if (r < 0)
		failed[index] = r;
}

/* In pairs of a lower device and one on it; one of them is open. */
static void many(void)
{
	struct bp_selector which[MANY];
	char names[MANY][32], text[64];
	int failed[MANY] = { 0 }, fd;
	struct bp_ctx *ctx;
	size_t left;

	CHECK(bp_ctx_new(&ctx) == 0);
	for (size_t i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "many%zu", i);
		snprintf(text, sizeof(text), "0 8 linear /dev/mapper/many%zu 0\n", i - i % 2);
		OK(create_from(ctx, names[i], i % 2 ? text : "0 8 zero\n", NULL));
		which[i] = (struct bp_selector){ .name = names[i] };
	}
	fd = open("/dev/mapper/many9", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	ERR(bp_device_remove_many(ctx, which, MANY, NULL, tell, failed), EBUSY);
	HAS(bp_error_get(ctx)->device, "many8");
	HAS(bp_error_get(ctx)->cause, "mapped device 'many9'");
	for (int i = 0; i < MANY; i++) {
		CHECK(failed[i] == (i == 8 || i == 9 ? -EBUSY : 0));
		snprintf(text, sizeof(text), "/dev/mapper/many%d", i);
		CHECK((access(text, F_OK) == 0) == (i == 8 || i == 9));
	}
	close(fd);
	OK(bp_device_remove_all(ctx, NULL, &left));
	CHECK(left == 0 && bp_warnings_count(ctx) == 0);
	bp_ctx_free(ctx);
}

int main(void)
{
	char one[] = "one", two[] = "two";
	pthread_t a, b;

	CHECK(pthread_create(&a, NULL, work, one) == 0);
	CHECK(pthread_create(&b, NULL, work, two) == 0);
	CHECK(pthread_join(a, NULL) == 0);
	CHECK(pthread_join(b, NULL) == 0);
	many();
	HAS(shell("dmsetup ls"), "No devices found");
	HAS(shell("ls /dev/mapper"), "control");
	return 0;
}
