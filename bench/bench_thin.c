/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clang-format off */
/*
 * For bench/compare: thin pools of any size as XML, and what nothing can beat.
 *
 *	bench_thin singles N	    one device, N mappings that don't continue each other
 *	bench_thin range N	    one device, one range of N blocks
 *	bench_thin snapshots N S    N single mappings shared by S snapshots, each a little changed
 *	bench_thin devices D N	    D devices with N blocks each
 *	bench_thin read METADATA    read all that is no hole once and checksum it
 *	bench_thin write METADATA OUT	checksum as many blocks and write them to OUT
 *
 * The last two print seconds and processor seconds.
 */
/* clang-format on */
#include "core/number.h"
#include "formats/thin/xml.h"
#include "formats/xml/write.h"
#include "io/behind.h"
#include "io/io.h"
#include "pdata/block.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static struct xml_writer w;

static int to_stdout(void *user, const char *text, size_t len)
{
	(void)user;
	return fwrite(text, 1, len, stdout) == len ? 0 : -EIO;
}

static void put(unsigned depth, enum thin_xml element, const void *values)
{
	xml_write_element(&w, depth, &thin_xml_elements[element], values);
}

static void put_end(unsigned depth, enum thin_xml element)
{
	xml_write_close(&w, depth, &thin_xml_elements[element], true);
}

static void superblock(uint64_t nr_data_blocks)
{
	const struct thin_xml_superblock sb = {
		.time = 1,
		.version = 2,
		.data_block_size = 128,
		.nr_data_blocks = nr_data_blocks,
	};

	put(0, THIN_XML_SUPERBLOCK, &sb);
}

static void device(uint64_t id, uint64_t mapped)
{
	const struct thin_xml_device device = { .dev_id = id, .mapped_blocks = mapped };

	put(1, THIN_XML_DEVICE, &device);
}

static void single(uint64_t virtual_block, uint64_t data_block)
{
	const struct thin_xml_single single = { virtual_block, data_block, 0 };

	put(2, THIN_XML_SINGLE, &single);
}

static void singles(uint64_t nr, uint64_t unused)
{
	(void)unused;
	superblock(2 * nr);
	device(1, nr);
	for (uint64_t i = 0; i < nr; i++)
		single(2 * i, i * 7919 % (2 * nr));
	put_end(1, THIN_XML_DEVICE);
}

static void range(uint64_t nr, uint64_t unused)
{
	const struct thin_xml_range range = { 0, 0, nr, 0 };

	(void)unused;
	superblock(nr);
	device(1, nr);
	put(2, THIN_XML_RANGE, &range);
	put_end(1, THIN_XML_DEVICE);
}

/*
 * The origin's mappings lie in parts of 1260: five full leaves. Each snapshot has all parts
 * from defs, but one that is its own.
 */
#define PART 1260u
static void snapshots(uint64_t nr, uint64_t nr_snapshots)
{
	uint64_t parts = DIV_UP(nr, PART);

	superblock(2 * parts * PART + nr_snapshots * PART);
	for (uint64_t p = 0; p < parts; p++) {
		char name[20];
		const struct thin_xml_name def = { { name, number_format(name, p) } };

		put(1, THIN_XML_DEF, &def);
		for (uint64_t i = p * PART; i < (p + 1) * PART; i++)
			single(2 * i, 2 * i);
		put_end(1, THIN_XML_DEF);
	}
	for (uint64_t s = 0; s < nr_snapshots; s++) {
		device(s, parts * PART);
		for (uint64_t p = 0; p < parts; p++) {
			char name[20];
			const struct thin_xml_name ref = { { name, number_format(name, p) } };

			if (p != s % parts) {
				put(2, THIN_XML_REF, &ref);
				continue;
			}
			for (uint64_t i = 0; i < PART; i++)
				single(2 * (p * PART + i), 2 * parts * PART + s * PART + i);
		}
		put_end(1, THIN_XML_DEVICE);
	}
}

static void devices(uint64_t nr_devices, uint64_t nr)
{
	superblock(2 * nr_devices * nr);
	for (uint64_t d = 0; d < nr_devices; d++) {
		device(d, nr);
		for (uint64_t i = 0; i < nr; i++)
			single(3 * i, 2 * (d * nr + i));
		put_end(1, THIN_XML_DEVICE);
	}
}

static const struct {
	const char *name;
	void (*make)(uint64_t a, uint64_t b);
} kinds[] = {
	{ "singles", singles },
	{ "range", range },
	{ "snapshots", snapshots },
	{ "devices", devices },
};

static int sum_block(void *user, unsigned worker, size_t index, bp_mblock block,
		     const void *data, int error)
{
	(void)user, (void)worker, (void)index, (void)block;
	if (error)
		return error;
	(void)block_kind_of(data); /* computes the checksum */
	return 0;
}

static double seconds_between(const struct timespec *before, const struct timespec *after)
{
	return (double)(after->tv_sec - before->tv_sec) +
	       (double)(after->tv_nsec - before->tv_nsec) / 1e9;
}

/* All threads of this process. */
static double cpu_seconds(void)
{
	struct rusage usage;
	struct timeval cpu;

	getrusage(RUSAGE_SELF, &usage);
	timeradd(&usage.ru_utime, &usage.ru_stime, &cpu);
	return (double)cpu.tv_sec + (double)cpu.tv_usec / 1e6;
}

/* The blocks that are not in a hole of the file. */
static int find_data(struct io *io, struct bits *ret)
{
	bp_mblock begin, end = 0;
	int r = bits_init(ret, io->nr_blocks);

	while (r == 0 && end < io->nr_blocks) {
		r = io_data_next(io, end, &begin, &end);
		for (bp_mblock b = begin; r == 0 && b < end; b++)
			bits_set(ret, b);
	}
	return r;
}

static int read_once(struct io *io)
{
	struct bits wanted;
	int r = find_data(io, &wanted);

	if (r == 0)
		r = io_stream(io, &wanted, 0, sum_block, NULL);
	bits_done(&wanted);
	return r;
}

/* Checksum and write @nr blocks of anything. */
static int write_blocks(struct io *io, uint64_t nr)
{
	struct io_behind *behind;
	int r = io_behind_new(io, &behind);

	if (r < 0)
		return r;
	for (uint64_t first = 0, count; r == 0 && first < nr; first += count) {
		uint8_t *buf = io_behind_buffer(behind);

		count = MIN(nr - first, IO_BEHIND_BLOCKS);
		for (uint64_t i = 0; i < count; i++)
			block_seal(buf + i * IO_BLOCK, BLOCK_NODE, first + i);
		r = io_behind_write(behind, first, count);
	}
	if (r == 0)
		r = io_behind_wait(behind);
	io_behind_free(behind);
	return r < 0 ? r : io_flush(io);
}

static int write_once(struct bp_ctx *ctx, struct io *like, const char *path)
{
	struct bits data;
	struct io *io;
	int r = io_open(ctx, path, IO_WRITE | IO_OUTPUT, &io);

	if (r < 0)
		return r;
	r = find_data(like, &data);
	if (r == 0)
		r = write_blocks(io, bits_weight(&data));
	bits_done(&data);
	io_close(io);
	return r;
}

static int measure(struct bp_ctx *ctx, const char *path, const char *out)
{
	struct timespec before, after;
	struct io *io;
	int r = io_open(ctx, path, 0, &io);

	if (r < 0)
		return r;
	clock_gettime(CLOCK_MONOTONIC, &before);
	r = out ? write_once(ctx, io, out) : read_once(io);
	clock_gettime(CLOCK_MONOTONIC, &after);
	printf("%.6f %.6f\n", seconds_between(&before, &after), cpu_seconds());
	io_close(io);
	return r;
}

/* A small parent: what a large one's child is charged with for memory is its parent's at first.
 */
static int run(char **argv)
{
	struct timespec before, after;
	struct rusage usage;
	struct timeval cpu;
	int status;
	pid_t pid;

	clock_gettime(CLOCK_MONOTONIC, &before);
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		for (int fd = 0; fd < 3; fd++)
			dup2(null, fd);
		execv(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
		return -errno;
	clock_gettime(CLOCK_MONOTONIC, &after);
	timeradd(&usage.ru_utime, &usage.ru_stime, &cpu);
	printf("%.6f %ld.%06ld %ld %d\n", seconds_between(&before, &after), (long)cpu.tv_sec,
	       (long)cpu.tv_usec, usage.ru_maxrss,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}

static int make(const char *kind, uint64_t a, uint64_t b)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int r;

		if (!streq(kinds[i].name, kind))
			continue;
		r = xml_writer_init(&w, to_stdout, NULL);
		if (r < 0)
			return r;
		kinds[i].make(a, b);
		put_end(0, THIN_XML_SUPERBLOCK);
		r = xml_writer_flush(&w);
		xml_writer_done(&w);
		return r;
	}
	return -EINVAL;
}

int main(int argc, char **argv)
{
	struct bp_ctx *ctx;
	int r = bp_ctx_new(&ctx);

	if (r == 0 && argc == 3 && streq(argv[1], "read"))
		r = measure(ctx, argv[2], NULL);
	else if (r == 0 && argc == 4 && streq(argv[1], "write"))
		r = measure(ctx, argv[2], argv[3]);
	else if (r == 0 && argc >= 3 && streq(argv[1], "run"))
		r = run(argv + 2);
	else if (r == 0 && argc >= 3)
		r = make(argv[1], strtoull(argv[2], NULL, 10),
			 argc > 3 ? strtoull(argv[3], NULL, 10) : 0);
	else
		r = -EINVAL;
	if (r < 0)
		fprintf(stderr, "bench_thin: %s %s\n", strerror(-r), bp_errmsg(ctx));
	bp_ctx_free(ctx);
	return r < 0;
}
