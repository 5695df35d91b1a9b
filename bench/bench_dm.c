/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The control plane's cost: a cycle of ten operations on one device (create, info, table,
 *status, suspend, resume, message, deps, list, remove), done in three ways: the bare ioctls on
 *a held descriptor, this library, and "sh -c dmsetup ..." for each. Run as root, in the lab:
 *
 *	bedplate lab run -- build/bench/bench_dm [CYCLES [SHELL_CYCLES]]
 *	bedplate lab run --kernel qemu -- build/bench/bench_dm teardown [ROUNDS]
 *
 * The second removes 64 devices, one after the other and with bp_device_remove_many().
 *
 * Prints medians in microseconds, and the ratios that matter.
 */
#include <bedplate/bedplate.h>

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define CYCLES_MAX 2000
#define QUERIES    100 /* in a row, as of a program that watches a device */
#define NAME       "bench"

enum op {
	CREATE,
	INFO,
	TABLE,
	STATUS,
	SUSPEND,
	RESUME,
	MESSAGE,
	DEPS,
	LIST,
	REMOVE,
	OPS,
};

static const char *const names[OPS] = {
	"create", "info",    "table", "status", "suspend",
	"resume", "message", "deps",  "list",   "remove",
};

struct way {
	const char *name;
	void (*run)(enum op op);
	double us[OPS][CYCLES_MAX];
	double median[OPS], cycle;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* --- bare ioctls --- */

static int control;
static union {
	struct dm_ioctl h;
	char bytes[16384];
} raw;

static void raw_ioctl(unsigned long cmd, uint32_t flags, size_t size)
{
	raw.h.version[0] = DM_VERSION_MAJOR;
	raw.h.data_size = (uint32_t)size;
	raw.h.data_start = sizeof(raw.h);
	raw.h.flags = flags;
	strcpy(raw.h.name, NAME);
	if (ioctl(control, cmd, &raw) < 0)
		die("ioctl");
}

static void raw_clear(void)
{
	memset(&raw, 0, sizeof(raw.h) + 64);
}

static void raw_create(void)
{
	struct dm_target_spec *spec = (struct dm_target_spec *)(raw.bytes + sizeof(raw.h));

	raw_ioctl(DM_DEV_CREATE, 0, sizeof(raw.h));
	raw_clear();
	raw.h.target_count = 1;
	spec->length = 1024;
	spec->next = sizeof(*spec) + 8;
	strcpy(spec->target_type, "zero");
	raw_ioctl(DM_TABLE_LOAD, 0, sizeof(raw.h) + sizeof(*spec) + 8);
	raw_clear();
	raw_ioctl(DM_DEV_SUSPEND, 0, sizeof(raw.h));
}

static void raw_run(enum op op)
{
	struct dm_target_msg *msg = (struct dm_target_msg *)(raw.bytes + sizeof(raw.h));

	raw_clear();
	switch ((int)op) {
	case CREATE:
		raw_create();
		break;
	case INFO:
		raw_ioctl(DM_DEV_STATUS, 0, sizeof(raw.h));
		break;
	case TABLE:
		raw_ioctl(DM_TABLE_STATUS, DM_STATUS_TABLE_FLAG | DM_NOFLUSH_FLAG, sizeof(raw));
		break;
	case STATUS:
		raw_ioctl(DM_TABLE_STATUS, DM_NOFLUSH_FLAG, sizeof(raw));
		break;
	case SUSPEND:
		raw_ioctl(DM_DEV_SUSPEND, DM_SUSPEND_FLAG, sizeof(raw.h));
		break;
	case RESUME:
		raw_ioctl(DM_DEV_SUSPEND, 0, sizeof(raw.h));
		break;
	case MESSAGE:
		strcpy(msg->message, "@stats_list");
		raw_ioctl(DM_TARGET_MSG, 0, sizeof(raw));
		break;
	case DEPS:
		raw_ioctl(DM_TABLE_DEPS, 0, sizeof(raw));
		break;
	case LIST:
		raw_ioctl(DM_LIST_DEVICES, 0, sizeof(raw));
		break;
	default:
		raw_ioctl(DM_DEV_REMOVE, 0, sizeof(raw.h));
		break;
	}
}

/* --- the library --- */

static struct bp_ctx *ctx;
static struct bp_table *table;

static void must(int r)
{
	if (r == 0)
		return;
	fprintf(stderr, "%s\n", bp_errmsg(ctx));
	exit(1);
}

static void lib_ask(enum op op, const struct bp_selector *which)
{
	struct bp_device_status *status;
	struct bp_device_list *list;
	struct bp_device_info info;
	struct bp_device_deps *deps;
	struct bp_table *read;

	if (op == INFO) {
		must(bp_device_info(ctx, which, &info));
	} else if (op == TABLE) {
		must(bp_device_table(ctx, which, 0, &read));
		bp_table_free(read);
	} else if (op == STATUS) {
		must(bp_device_status(ctx, which, 0, &status));
		bp_device_status_free(status);
	} else if (op == DEPS) {
		must(bp_device_deps(ctx, which, 0, &deps));
		bp_device_deps_free(deps);
	} else {
		must(bp_device_list(ctx, &list));
		bp_device_list_free(list);
	}
}

static void lib_run(enum op op)
{
	struct bp_selector which = { .name = NAME };
	char *reply;

	if (op == CREATE) {
		must(bp_device_create(ctx, NAME, table, NULL, NULL));
	} else if (op == SUSPEND) {
		must(bp_device_suspend(ctx, &which, NULL));
	} else if (op == RESUME) {
		must(bp_device_resume(ctx, &which, NULL));
	} else if (op == MESSAGE) {
		must(bp_device_message(ctx, &which, 0, "@stats_list", 0, &reply));
		free(reply);
	} else if (op == REMOVE) {
		must(bp_device_remove(ctx, &which, NULL, NULL));
	} else {
		lib_ask(op, &which);
	}
}

/* --- a shell and dmsetup --- */

static void shell_run(enum op op)
{
	static const char *const commands[OPS] = {
		"dmsetup create " NAME " --table '0 1024 zero' > /dev/null",
		"dmsetup info " NAME " > /dev/null",
		"dmsetup table " NAME " > /dev/null",
		"dmsetup status " NAME " > /dev/null",
		"dmsetup suspend " NAME " > /dev/null",
		"dmsetup resume " NAME " > /dev/null",
		"dmsetup message " NAME " 0 @stats_list > /dev/null",
		"dmsetup deps " NAME " > /dev/null",
		"dmsetup ls > /dev/null",
		"dmsetup remove " NAME " > /dev/null",
	};

	if (system(commands[op]) != 0)
		die(commands[op]);
}

/* --- measuring --- */

static struct way ways[] = {
	{ .name = "ioctl", .run = raw_run },
	{ .name = "libbedplate", .run = lib_run },
	{ .name = "sh -c dmsetup", .run = shell_run },
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static bool is_query(int op)
{
	return op == INFO || op == TABLE || op == STATUS || op == DEPS || op == LIST;
}

static void one_cycle(struct way *way, int cycle)
{
	for (int op = 0; op < OPS; op++) {
		int times = way->run != shell_run && is_query(op) ? QUERIES : 1;
		double start = now_us();

		for (int i = 0; i < times; i++)
			way->run((enum op)op);
		way->us[op][cycle] = (now_us() - start) / times;
	}
}

static void sum_up(struct way *way, int cycles)
{
	for (int op = 0; op < OPS; op++) {
		qsort(way->us[op], (size_t)cycles, sizeof(double), by_value);
		way->median[op] = way->us[op][cycles / 2];
		way->cycle += way->median[op];
	}
}

static void print(void)
{
	double raw_queries = 0, lib_queries = 0;

	printf("%-10s", "median us");
	for (size_t w = 0; w < WAYS; w++)
		printf(" %14s", ways[w].name);
	printf("\n");
	for (int op = 0; op < OPS; op++) {
		printf("%-10s", names[op]);
		for (size_t w = 0; w < WAYS; w++)
			printf(" %14.1f", ways[w].median[op]);
		printf("\n");
		if (is_query(op)) {
			raw_queries += ways[0].median[op];
			lib_queries += ways[1].median[op];
		}
	}
	printf("%-10s", "cycle");
	for (size_t w = 0; w < WAYS; w++)
		printf(" %14.1f", ways[w].cycle);
	printf("\nqueries: %.2f x the bare ioctl; cycle: %.1f x faster than a shell with "
	       "dmsetup\n",
	       lib_queries / raw_queries, ways[2].cycle / ways[1].cycle);
}

/* --- many devices --- */

#define MANY 64

static void make_many(struct bp_selector *which, char (*node_names)[32])
{
	for (int i = 0; i < MANY; i++) {
		snprintf(node_names[i], sizeof(node_names[i]), "many%d", i);
		which[i] = (struct bp_selector){ .name = node_names[i] };
		must(bp_device_create(ctx, node_names[i], table, NULL, NULL));
	}
}

static int teardown(int rounds)
{
	struct bp_selector which[MANY];
	char node_names[MANY][32];
	static double us[2][CYCLES_MAX];

	for (int i = 0; i < rounds; i++) {
		double start;

		make_many(which, node_names);
		start = now_us();
		for (int k = 0; k < MANY; k++)
			must(bp_device_remove(ctx, &which[k], NULL, NULL));
		us[0][i] = now_us() - start;
		make_many(which, node_names);
		start = now_us();
		must(bp_device_remove_many(ctx, which, MANY, NULL, NULL, NULL));
		us[1][i] = now_us() - start;
	}
	for (int w = 0; w < 2; w++)
		qsort(us[w], (size_t)rounds, sizeof(double), by_value);
	printf("%d devices removed, median of %d: serial %.1f ms, parallel %.1f ms: %.1f x\n",
	       MANY, rounds, us[0][rounds / 2] / 1e3, us[1][rounds / 2] / 1e3,
	       us[0][rounds / 2] / us[1][rounds / 2]);
	return 0;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: bench_dm [CYCLES [SHELL_CYCLES]] | bench_dm teardown [ROUNDS], each 1 "
		"to "
		"%d\n",
		CYCLES_MAX);
	return 64;
}

int main(int argc, char **argv)
{
	bool many = argc > 1 && strcmp(argv[1], "teardown") == 0;
	int rounds = many && argc > 2 ? atoi(argv[2]) : 5;
	int cycles = argc > 1 && !many ? atoi(argv[1]) : 200,
	    shells = argc > 2 && !many ? atoi(argv[2]) : 20;

	if (cycles < 1 || cycles > CYCLES_MAX || shells < 1 || shells > CYCLES_MAX ||
	    rounds < 1 || rounds > CYCLES_MAX)
		return usage();
	control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		die("/dev/mapper/control");
	if (bp_ctx_new(&ctx) < 0)
		return 1;
	must(bp_table_parse(ctx, "0 1024 zero\n", 0, &table));
	if (many)
		return teardown(rounds);
	/* One round to warm up; then each way goes first in turn: what a removal leaves for the
	 * kernel to do falls on the next creation. */
	for (int i = -1; i < cycles; i++) {
		one_cycle(&ways[i & 1], i < 0 ? 0 : i);
		one_cycle(&ways[~i & 1], i < 0 ? 0 : i);
	}
	for (int i = 0; i < shells; i++)
		one_cycle(&ways[2], i);
	for (size_t w = 0; w < WAYS; w++)
		sum_up(&ways[w], w == 2 ? shells : cycles);
	print();
	bp_table_free(table);
	bp_ctx_free(ctx);
	return 0;
}
