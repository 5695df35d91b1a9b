/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For kernel cases that go through the targets: each test runs in a child of its own, on
 * scratch devices that hold zeros, and is reported as a line of TAP. Devices are created from
 * typed parameters, with all that must hold for any target checked on the way.
 */
#ifndef KERNEL_LIVE_H
#define KERNEL_LIVE_H

#include "kernel.h"

#define SCRATCH         8     /* devices */
#define SCRATCH_SECTORS 32768 /* of each */

struct live {
	const char *name; /* "cache: writeback, metadata2" */
	void (*run)(void);
};

/* A table that understands itself but that the kernel refuses. */
struct live_reject {
	const char *table;  /* @0 to @7: scratch devices */
	unsigned argument;  /* that the kernel's line and pre-flight lead to; 0: none */
	const char *log;    /* part of the kernel's line */
	bool kernel_only;   /* pre-flight can't know it */
	uint16_t since, to; /* kernel releases, 0xMMmm; 0: any */
};

extern struct bp_ctx *ctx;

/* Run all tests, report, and return main()'s value. */
int live_main(const struct live *tests, size_t nr_tests, const struct live_reject *rejects,
	      size_t nr_rejects);
#define LIVE_MAIN(tests, rejects)                                                              \
	int main(void)                                                                         \
	{                                                                                      \
		return live_main(tests, sizeof(tests) / sizeof((tests)[0]), rejects,           \
				 sizeof(rejects) / sizeof((rejects)[0]));                      \
	}

/* Scratch device @n as "MAJOR:MINOR", and its node. */
const char *dev(unsigned n);
const char *dev_path(unsigned n);
/* "/dev/mapper/NAME" and "MAJOR:MINOR" of a device. Lent for ever. */
const char *mapped_path(const char *name);
const char *mapped_dev(const char *name);

/* End the test as skipped. */
_Noreturn void live_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The running kernel, as 0xMMmm; skip where it is older, or has no such target. */
uint32_t live_release(void);
void need_release(uint32_t release);
void need_target(const char *target);

/*
 * A device of one segment: pre-flight has nothing against it, the kernel takes it, and its
 * table comes back typed, equal, and as long. Skips where the kernel has no such target.
 */
void live_create(const char *name, const char *target, bp_sector length_sectors,
		 const void *params);
void live_create_flags(const char *name, const char *target, bp_sector length_sectors,
		       const void *params, uint32_t flags);
/* The same by a reload of a live device. */
void live_reload(const char *name, const char *target, bp_sector length_sectors,
		 const void *params);
void live_suspend(const char *name);
void live_resume(const char *name);
void live_remove(const char *name);
/* Create, read back, remove. */
void live_once(const char *target, bp_sector length_sectors, const void *params);

/* A segment's parameters as the kernel prints them; keys too. */
const void *live_params(const char *name);
/* Its typed status, and its state where it is no more than that. Of this process' life. */
const void *live_status(const char *name);
const char *live_state(const char *name);

/* Send a message built from @params; its reply. */
const char *live_message(const char *name, const char *message, const void *params);
/* The same, refused. */
void live_message_refused(const char *name, const char *message, const void *params,
			  int errnum);

/* Write or read a sector, or fail to: 0 or -Exxx. */
int try_put(const char *path, uint64_t sector, const char *text);
int try_get(const char *path, uint64_t sector);

/* Wait until a condition holds, up to ten seconds. */
#define WAIT_UNTIL(cond)                                                                       \
	do {                                                                                   \
		int left_ = 100;                                                               \
		while (!(cond)) {                                                              \
			if (left_-- == 0)                                                      \
				FAIL("waited in vain for %s", #cond);                          \
			usleep(100000);                                                        \
		}                                                                              \
	} while (0)

#endif
