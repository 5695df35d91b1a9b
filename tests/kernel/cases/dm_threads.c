/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two threads with a context each create, ask for and remove 200 devices. */
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

int main(void)
{
	char one[] = "one", two[] = "two";
	pthread_t a, b;

	CHECK(pthread_create(&a, NULL, work, one) == 0);
	CHECK(pthread_create(&b, NULL, work, two) == 0);
	CHECK(pthread_join(a, NULL) == 0);
	CHECK(pthread_join(b, NULL) == 0);
	HAS(shell("dmsetup ls"), "No devices found");
	HAS(shell("ls /dev/mapper"), "control");
	return 0;
}
