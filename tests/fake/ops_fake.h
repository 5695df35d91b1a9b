/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A kernel in memory, for tests: mapped devices with their tables, the targets linear, striped, cache,
 * zero, error, delay, flakey, snapshot, log-writes, thin-pool, thin and vdo with the real one's rules and words, block devices, nodes, a
 * log; and faults at any call.
 */
#ifndef FAKE_OPS_FAKE_H
#define FAKE_OPS_FAKE_H

#include "dm/kernel/ops.h"

struct fake;

/* Whom it names as following a request that was left. */
#define FAKE_FOLLOWER 4711

/* Kinds of calls besides enum dm_op, for faults and counts. */
enum {
	FAKE_NODE = OPS, /* making and removing nodes; not looking at them */
	FAKE_BDEV_READ,
	FAKE_BDEV_WRITE,
	FAKE_BDEV_DISCARD, /* of a thin volume: nothing of it is mapped then */
	FAKE_THIN_DEVICES,
	FAKE_ATTR_SET,
	FAKE_LOOP_ATTACH,
	FAKE_LOOP_RESIZE,
	FAKE_LOOP_DETACH,
	FAKE_LOOP_LIST,
	FAKE_KINDS,
	FAKE_ANY = FAKE_KINDS,
};

/* A new fake kernel, plugged into @ctx. It lives as long as the last context that has it. */
int fake_new(struct bp_ctx *ctx, struct fake **ret);
/* The same kernel for another context, perhaps of another thread. */
int fake_share(struct bp_ctx *ctx, struct fake *fake);

int fake_add_bdev(struct fake *fake, const char *path, uint32_t major, uint32_t minor,
		  bp_bytes size_bytes);
int fake_resize_bdev(struct fake *fake, const char *path, bp_bytes size_bytes);
/* What the first 4096 bytes of a block device hold. */
void fake_fill_bdev(struct fake *fake, const char *path, unsigned char with);

/*
 * Let the @nth call of @kind from now on (1: the next) fail with @errnum, once, doing nothing.
 * nth 0: none.
 */
void fake_fail(struct fake *fake, int kind, unsigned nth, int errnum);
/* All calls of @kind from now on fail. */
void fake_fail_from(struct fake *fake, int kind, int errnum);
/* The same for a kernel that also logs @lines, each but the last ended by a newline. Lent. */
void fake_refuse(struct fake *fake, int kind, unsigned nth, int errnum, const char *lines);
/* Has the fault happened? */
bool fake_failed(const struct fake *fake);
/* Which kind of call that was. */
int fake_failed_kind(const struct fake *fake);
unsigned fake_count(const struct fake *fake, int kind);
/* RQ_ flags of the last request of a kind. */
uint32_t fake_flags(const struct fake *fake, enum dm_op op);

/* A signal comes right after the @nth request from now on; nth 0: none. */
void fake_signal(struct fake *fake, unsigned nth, int number);
/*
 * The @nth request from now on that may wait, and has a limit, is over it and can't be interrupted:
 * it is left, and ends when it is waited for, having been carried out or not. nth 0: none.
 */
void fake_linger(struct fake *fake, unsigned nth, bool carried_out);
/* Has it happened? Of the last of both. */
bool fake_disturbed(const struct fake *fake);

/* Somebody opens a device (by @delta more) and says who: a holder of @kind. */
void fake_open(struct fake *fake, const char *name, int delta, enum bp_holder_kind kind);
/* An event of a device. */
void fake_event(struct fake *fake, const char *name);
/* A thin pool's state: "rw", "ro", "out_of_data_space", "Fail". */
void fake_pool_mode(struct fake *fake, const char *name, const char *mode);
/* A thin volume's device has been written to, up to a sector. */
void fake_written(struct fake *fake, const char *name, bp_sector sectors);
/* A request goes through a device's statistics, and takes so long. */
void fake_io(struct fake *fake, const char *name, bool write, bp_sector sector,
	     bp_sector sectors, uint64_t ns);
/* Caches have so many dirty blocks; under the policy cleaner @step less after each status. */
void fake_cache_dirty(struct fake *fake, unsigned dirty, unsigned step);
/* What vdo volumes answer to "stats" and "config"; copied. */
void fake_vdo(struct fake *fake, const char *stats, const char *config);
/* A device's status is this, whatever its target would say (copied); NULL: what that says. */
void fake_says(struct fake *fake, const char *name, const char *status);
/* The logs of log-writes are full, or not. */
void fake_log_full(struct fake *fake, bool full);
/* The control node can't be opened, which fails with @errnum; 0: it can. */
void fake_absent(struct fake *fake, int errnum);
/* Stores of snapshots were full: from now on their status says so, or not. */
void fake_snapshots_lost(struct fake *fake, bool lost);
/* udev's answer to the probe. */
void fake_udev(struct fake *fake, const char *why_not);
/* Where udev runs, its rules answer a cookie at once; or never. */
void fake_udev_silent(struct fake *fake, bool silent);
/* A name that the kernel took from a program that did not mangle it. */
void fake_alien(struct fake *fake, const char *kernel_name);

/* How many loop devices have a file. */
size_t fake_loops(const struct fake *fake);

/* All state as text, for comparing before and after; free() it. NULL: no memory. */
char *fake_dump(struct fake *fake);

#endif
