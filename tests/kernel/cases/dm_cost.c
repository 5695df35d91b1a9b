/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A query on a warm context is one ioctl and no other system call: counted by strace. */
#include "kernel.h"

static const char *const queries[] = { "info", "list", "table", "status", "deps", "targets" };
#define NR_QUERIES (sizeof(queries) / sizeof(queries[0]))

/* A system call that strace shows, and that does nothing: it parts the queries. */
static void mark(const char *what)
{
	if (access(what, F_OK) == 0)
		FAIL("there is a file '%s'", what);
}

static void ask(struct bp_ctx *ctx, size_t which)
{
	struct bp_selector x = { .name = "x" };
	struct bp_device_status *status = NULL;
	struct bp_kernel_target_list *targets;
	struct bp_device_list *list = NULL;
	struct bp_table *table = NULL;
	struct bp_device_info info;
	struct bp_device_deps *deps;

	switch (which) {
	case 0:
		OK(bp_device_info(ctx, &x, &info));
		break;
	case 1:
		OK(bp_device_list(ctx, &list));
		bp_device_list_free(list);
		break;
	case 2:
		OK(bp_device_table(ctx, &x, 0, &table));
		bp_table_free(table);
		break;
	case 3:
		OK(bp_device_status(ctx, &x, 0, &status));
		bp_device_status_free(status);
		break;
	case 4:
		OK(bp_device_deps(ctx, &x, 0, &deps));
		bp_device_deps_free(deps);
		break;
	default:
		OK(bp_kernel_target_list(ctx, &targets));
		bp_kernel_target_list_free(targets);
		break;
	}
}

static int traced(void)
{
	struct bp_ctx *ctx;

	CHECK(bp_ctx_new(&ctx) == 0);
	for (size_t i = 0; i < NR_QUERIES; i++)
		ask(ctx, i);
	for (size_t i = 0; i < NR_QUERIES; i++) {
		mark(queries[i]);
		ask(ctx, i);
		mark("end");
	}
	bp_ctx_free(ctx);
	return 0;
}

static void count(const char *query)
{
	char begin[64], line[4096];
	unsigned ioctls = 0, others = 0;
	FILE *f = fopen("trace", "r");
	int in = 0;

	CHECK(f);
	snprintf(begin, sizeof(begin), "access(\"%s\"", query);
	while (fgets(line, sizeof(line), f)) {
		if (strstr(line, begin))
			in = 1;
		else if (in && strstr(line, "access(\"end\""))
			break;
		else if (in && strncmp(line, "ioctl(", 6) == 0)
			ioctls++;
		else if (in && strncmp(line, "brk(", 4) != 0) /* memory may grow */
			others++;
	}
	fclose(f);
	printf("%s: %u ioctl, %u other calls\n", query, ioctls, others);
	CHECK(in && ioctls == 1 && others == 0);
}

int main(int argc, char **argv)
{
	struct bp_ctx *ctx;
	char command[4096];
	ssize_t n;

	(void)argv;
	if (argc > 1)
		return traced();
	if (system("command -v strace > /dev/null") != 0) {
		puts("strace is not installed");
		return 77;
	}
	CHECK(bp_ctx_new(&ctx) == 0);
	snprintf(command, sizeof(command), "0 8 linear %s 0\n", disk(0));
	OK(create_from(ctx, "x", command, NULL));
	n = snprintf(command, sizeof(command), "strace -o trace ");
	CHECK(readlink("/proc/self/exe", command + n, sizeof(command) - (size_t)n - 16) > 0);
	strcat(command, " traced");
	CHECK(system(command) == 0);
	for (size_t i = 0; i < NR_QUERIES; i++)
		count(queries[i]);
	remove_named(ctx, "x");
	bp_ctx_free(ctx);
	return 0;
}
