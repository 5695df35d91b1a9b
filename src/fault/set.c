/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Putting faults in and taking them away: the public calls, each one change (change.c). */
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "core/opts.h"
#include "fault/fault.h"

/* A machine whose root file system fails does not get far enough to heal it. */
static int refuse_root(struct bp_ctx *ctx, const struct fault_change *c)
{
	struct bp_devno root;
	bool lies = false;
	struct stat st;
	int r;

	if (c->opts.flags & BP_FAULT_SYSTEM || stat("/", &st) < 0 || !major(st.st_dev))
		return 0;
	root = (struct bp_devno){ major(st.st_dev), minor(st.st_dev) };
	r = bp_device_lies_on(ctx, &root, &c->dev, &lies);
	if (r < 0 || !lies)
		return r;
	bp_fail(ctx, -EBUSY, "device '%s': the root file system lies on it", c->info.name);
	error_set_code(ctx, BP_E_BUSY);
	error_set_hint(ctx, "with --yes it is done");
	return -EBUSY;
}

/* The newest kernels' own words are not enough where it is a feature that is missing. */
static void explain_feature(struct bp_ctx *ctx, const struct fault_record *f)
{
	if (f->kind != BP_FAULT_ERROR || f->io != BP_FAULT_READS)
		return;
	error_set_code(ctx, BP_E_UNKNOWN_FEATURE);
	error_set_hint(ctx, "reads alone fail by flakey's error_reads, which came with Linux "
			    "6.5; without --reads all I/O fails, bad-sectors fails single "
			    "blocks; nothing was changed");
}

/*
 * Up to Linux 6.3 flakey takes the word for reads and changes none: its driver's interface is 4.47.
 */
#define READS_CORRUPTED_MINOR 48

/* By the kernel's version, as flakey takes the words and does nothing. */
static int refuse_unable(struct bp_ctx *ctx, const struct fault_record *f)
{
	struct bp_dm_version version;
	int r;

	if (f->kind != BP_FAULT_CORRUPT || f->io != BP_FAULT_READS)
		return 0;
	r = bp_dm_version(ctx, &version);
	if (r < 0 || version.major > 4 || version.minor >= READS_CORRUPTED_MINOR)
		return r;
	bp_fail(ctx, -ENOTSUP, "corrupt: this kernel's flakey changes no reads");
	error_set_code(ctx, BP_E_UNKNOWN_FEATURE);
	error_set_hint(ctx, "--writes changes what is written, and stays on the disk");
	return -ENOTSUP;
}

/* The id is the device's own, counted up. */
static int add_record(struct bp_ctx *ctx, struct fault_change *c, const struct bp_fault *fault,
		      struct fault_record **ret)
{
	struct fault_record record;
	int r = fault_record_init(ctx, fault, bp_table_length(c->live), &record);

	if (r < 0)
		return r;
	record.id = c->state.next_id++;
	r = refuse_unable(ctx, &record);
	if (r == 0 && vec_add(&c->state.faults, &record) < 0)
		r = bp_fail_memory(ctx);
	if (r < 0) {
		fault_record_done(&record);
		return r;
	}
	*ret = &c->state.faults.items[c->state.faults.count - 1];
	return 0;
}

/* The state is written, then the table changes: see fault_change_apply(). */
int bp_fault_set(struct bp_ctx *ctx, const struct bp_devno *dev, const struct bp_fault *fault,
		 const struct bp_fault_opts *opts, uint64_t *ret_id)
{
	struct fault_record *record;
	struct fault_change c;
	struct bp_fault f;
	int r = opts_read(ctx, &f, sizeof(f), fault);

	if (r < 0)
		return r;
	r = fault_change_begin(ctx, dev, opts, &c);
	fault_change_settle(&c);
	if (r == 0)
		r = refuse_root(ctx, &c);
	if (r == 0)
		r = add_record(ctx, &c, &f, &record);
	if (r == 0) {
		r = fault_change_apply(ctx, &c, f.for_ms, bp_fault_kind_name(f.kind), record);
		if (r == -EINVAL)
			explain_feature(ctx, record);
	}
	if (r == 0 && ret_id)
		*ret_id = record->id;
	fault_change_end(&c);
	return r;
}

/*
 * @id 0: all. A state file with nothing left goes. What a killed change has left half done is done in any case: by a
 * keeper that comes for another fault too.
 */
int fault_heal_one(struct bp_ctx *ctx, const struct bp_devno *dev, uint64_t id,
		   int64_t since_ms, const struct bp_fault_opts *opts, size_t *ret_healed)
{
	struct fault_change c;
	size_t healed = 0, removed;
	int r = fault_change_begin(ctx, dev, opts, &c);

	if (r == 0) {
		if (c.unfinished)
			healed = fault_state_count(&c.state, id);
		fault_change_settle(&c);
		removed = fault_state_remove(&c.state, id, since_ms);
		healed = MAX(removed, healed);
		if (healed || c.unfinished)
			r = fault_change_apply(ctx, &c, 0, "heal", NULL);
		else if (c.kept && c.found == FAULT_LIVE_OWN)
			r = fault_state_unlink(ctx, c.path);
	}
	fault_change_end(&c);
	if (r == 0 && ret_healed)
		*ret_healed = healed;
	return r;
}

int bp_fault_heal(struct bp_ctx *ctx, const struct bp_devno *dev, uint64_t id,
		  const struct bp_fault_opts *opts, size_t *ret_healed)
{
	return fault_heal_one(ctx, dev, id, 0, opts, ret_healed);
}

/* For tables that others have put right: only the state is removed. */
int bp_fault_forget(struct bp_ctx *ctx, const struct bp_devno *dev,
		    const struct bp_fault_opts *opts)
{
	struct bp_fault_opts o;
	char path[4096];
	int lock = -1, r = fault_opts_read(ctx, opts, &o);

	if (r == 0)
		r = fault_dir_make(ctx, o.state_dir);
	if (r == 0)
		r = fault_lock(ctx, o.state_dir, dev,
			       o.timeout_ms ? o.timeout_ms : BP_TIMEOUT_DEFAULT_MS, &lock);
	if (r < 0)
		return r;
	fault_state_path(o.state_dir, dev->major, dev->minor, path, sizeof(path));
	r = fault_state_unlink(ctx, path);
	close(lock);
	return r;
}

/* A device that is gone leaves nothing to heal. */
static int expire_one(struct bp_ctx *ctx, const struct bp_devno *dev,
		      const struct bp_fault_opts *opts, size_t *healed)
{
	struct fault_change c;
	size_t n;
	int r = fault_change_begin(ctx, dev, opts, &c);

	if (r == -ENXIO || (r == 0 && !c.kept)) {
		r = fault_state_unlink(ctx, c.path);
	} else if (r == 0) {
		fault_change_settle(&c);
		n = fault_state_remove_overdue(&c.state, fault_clock_ms());
		if (n || c.unfinished)
			r = fault_change_apply(ctx, &c, 0, "heal", NULL);
		else if (c.found == FAULT_LIVE_OWN) /* killed after it was healed */
			r = fault_state_unlink(ctx, c.path);
		if (r == 0)
			*healed += n;
	}
	fault_change_end(&c);
	return r;
}

/* Heals what is overdue on all devices; the first failure is told, the others are tried. */
int bp_fault_expire(struct bp_ctx *ctx, const struct bp_fault_opts *opts, size_t *ret_healed)
{
	_cleanup_(freep) struct bp_devno *devs = NULL;
	struct error_state *first = NULL;
	size_t count = 0, healed = 0;
	struct bp_fault_opts o;
	int worst, r = fault_opts_read(ctx, opts, &o);

	if (r == 0)
		r = fault_state_scan(ctx, o.state_dir, &devs, &count);
	worst = r;
	for (size_t i = 0; r == 0 && i < count; i++) {
		int one = expire_one(ctx, &devs[i], opts, &healed);

		if (one < 0 && worst == 0) {
			worst = one;
			first = error_save(ctx);
		}
	}
	if (first)
		error_restore(ctx, first);
	if (ret_healed)
		*ret_healed = healed;
	return worst;
}
