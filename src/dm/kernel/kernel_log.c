/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's own words about a failure. Read only after one: on some kernels a look into the
 * log takes milliseconds.
 */
#include "dm/kernel/engine.h"

#include <stdio.h>
#include <string.h>

/*
 * The log's clock and ours were started at different times of the boot, and printing takes
 * time: how much a line may seem to be too early. 40 ms were seen on an emulated machine.
 */
#define SLACK_US   500000
#define MOST_LINES 32

struct filter {
	struct bp_ctx *ctx;
	struct dm *dm;
	uint32_t major, minor;
	unsigned lines;
};

/* A line "... table: MAJOR:MINOR: ..." of another device is somebody else's failure. */
static bool of_other_device(const struct filter *f, const char *line)
{
	const char *at = strstr(line, "table: ");
	unsigned major, minor;

	return f->major && at && sscanf(at, "table: %u:%u:", &major, &minor) == 2 &&
	       (major != f->major || minor != f->minor);
}

/*
 * Only lines that are new, of device-mapper and not of another device by its number: others
 * write at the same time.
 */
static void take_line(void *user, uint64_t number, const char *line)
{
	struct filter *f = user;

	if (number <= f->dm->log_seen || !strstr(line, "device-mapper") ||
	    of_other_device(f, line) || f->lines >= MOST_LINES)
		return;
	f->dm->log_seen = number;
	f->lines++;
	error_add_kernel_line(f->ctx, line);
}

void kernel_log_attach(struct bp_ctx *ctx, struct dm *dm, int64_t since_us, uint32_t major,
		       uint32_t minor)
{
	struct filter f = { .ctx = ctx, .dm = dm, .major = major, .minor = minor };

	/* Where the log can't be read the error is told without it. */
	dm->ops->log(dm->self, since_us - SLACK_US, take_line, &f);
}
