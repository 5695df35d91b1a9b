/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting for udev. The protocol is that of the system's rules (95-dm-notify.rules and the
 * dmsetup they call): a semaphore set of one, its key 0x0d4d in the upper half and a random
 * lower half; it begins at 1, gains 1 before each request and loses 1 when the rules of the
 * request's uevent have run; who waits takes the first 1 away and waits for 0. The request's
 * cookie has the key's lower half, and flags for the rules in the upper.
 */
#include <bedplate/udev.h>

#include "core/opts.h"
#include "core/strbuf.h"
#include "dm/device/nodes.h"

#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/random.h>
#include <sys/sem.h>
#include <time.h>

#define COOKIE_MAGIC 0x0d4du
#define COOKIE_TRIES 64
#define LOOK_MS      20 /* how soon a signal is seen */

enum {
	UDEV_DISABLE_DM_RULES = 0x0001,
	UDEV_DISABLE_SUBSYSTEM_RULES = 0x0002,
	UDEV_DISABLE_DISK_RULES = 0x0004,
	UDEV_DISABLE_OTHER_RULES = 0x0008,
	UDEV_LOW_PRIORITY = 0x0010,
	UDEV_DISABLE_LIBRARY_FALLBACK = 0x0020,
	UDEV_PRIMARY_SOURCE = 0x0040,
};

static const struct {
	uint32_t flag;
	const char *name;
} flag_names[] = {
	{ UDEV_DISABLE_DM_RULES, "DISABLE_DM_RULES" },
	{ UDEV_DISABLE_SUBSYSTEM_RULES, "DISABLE_SUBSYSTEM_RULES" },
	{ UDEV_DISABLE_DISK_RULES, "DISABLE_DISK_RULES" },
	{ UDEV_DISABLE_OTHER_RULES, "DISABLE_OTHER_RULES" },
	{ UDEV_LOW_PRIORITY, "LOW_PRIORITY" },
	{ UDEV_DISABLE_LIBRARY_FALLBACK, "DISABLE_LIBRARY_FALLBACK" },
	{ UDEV_PRIMARY_SOURCE, "PRIMARY_SOURCE" },
};

union semun {
	int val;
	struct semid_ds *buf;
	struct seminfo *info;
};

static int sem_add(int semid, short by)
{
	struct sembuf op = { .sem_op = by, .sem_flg = IPC_NOWAIT };

	return semop(semid, &op, 1) < 0 ? -errno : 0;
}

/*
 * Wait for 0: 0, -ETIMEDOUT, -EINTR (a signal of @stop, NULL: none), or another -errno; that it
 * was destroyed counts as 0.
 */
static int sem_wait_zero(int semid, int64_t deadline, const struct signals *stop)
{
	struct sembuf op = { .sem_op = 0 };

	for (;;) {
		int left = deadline_left(deadline);
		int wait = stop && (left < 0 || left > LOOK_MS) ? LOOK_MS : left;
		struct timespec t = { .tv_sec = wait / 1000,
				      .tv_nsec = wait % 1000 * 1000000L };
		int r = semtimedop(semid, &op, 1, wait < 0 ? NULL : &t) < 0 ? -errno : 0;

		if (r == -EIDRM || r == -EINVAL)
			return 0;
		if (r != -EINTR && r != -EAGAIN)
			return r;
		if (stop && signals_waiting(stop))
			return -EINTR;
		if (deadline_left(deadline) == 0)
			return -ETIMEDOUT;
	}
}

static void sem_destroy_set(int semid)
{
	semctl(semid, 0, IPC_RMID);
}

/* A new set, at 1. @ret_value: its key. */
static int sem_create(int *ret_semid, uint32_t *ret_value)
{
	for (int i = 0; i < COOKIE_TRIES; i++) {
		union semun one = { .val = 1 };
		uint16_t base;
		int semid;

		if (getrandom(&base, sizeof(base), 0) != sizeof(base))
			return -errno;
		if (!base)
			continue;
		*ret_value = COOKIE_MAGIC << 16 | base;
		semid = semget((key_t)*ret_value, 1, 0600 | IPC_CREAT | IPC_EXCL);
		if (semid < 0 && errno == EEXIST)
			continue;
		if (semid < 0)
			return -errno;
		if (semctl(semid, 0, SETVAL, one) < 0) {
			int r = -errno;

			sem_destroy_set(semid);
			return r;
		}
		*ret_semid = semid;
		return 0;
	}
	return -EEXIST;
}

/* --- for the calls of device.h --- */

/* The upper half of a cookie, as udev's rules read it (DM_UDEV_...). */
static uint32_t policy_flags(uint32_t policy)
{
	if (policy == BP_UDEV_PUBLIC)
		return 0;
	if (policy == BP_UDEV_PRIVATE)
		return UDEV_DISABLE_SUBSYSTEM_RULES | UDEV_DISABLE_DISK_RULES |
		       UDEV_DISABLE_OTHER_RULES;
	return UDEV_DISABLE_DM_RULES | UDEV_DISABLE_SUBSYSTEM_RULES | UDEV_DISABLE_DISK_RULES |
	       UDEV_DISABLE_OTHER_RULES | UDEV_DISABLE_LIBRARY_FALLBACK;
}

static void probe(struct dm *dm)
{
	if (dm->udev_probed)
		return;
	dm->udev_why_not = dm->ops->udev_why_not(dm->self);
	dm->udev_probed = true;
}

bool udev_runs(struct dm *dm)
{
	probe(dm);
	return !dm->udev_why_not;
}

static int find_set(struct bp_ctx *ctx, uint32_t value, int *ret_semid);
static int fail_cookie(struct bp_ctx *ctx, int r, uint32_t value, const char *why);

/* One more to be answered on the caller's own cookie. */
static int join(struct bp_ctx *ctx, uint32_t value, uint32_t flags, struct cookie *ret)
{
	int r = find_set(ctx, value, &ret->semid);

	if (r < 0)
		return r;
	r = sem_add(ret->semid, 1);
	if (r < 0)
		return fail_cookie(ctx, r, value, strerrordesc_np(-r));
	ret->joined = true;
	ret->value = flags << 16 | (value & 0xffff);
	return 0;
}

void cookie_unjoin(const struct cookie *cookie)
{
	sem_add(cookie->semid, -1);
}

/* For this context, from here on. */
int bp_udev_use(struct bp_ctx *ctx, const struct bp_udev_opts *opts)
{
	struct bp_udev_opts known;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r == 0)
		r = opts_read(ctx, &known, sizeof(known), opts);
	if (r == 0)
		dm->udev = known;
	return r;
}

/* A semaphore at 1: the request brings it to 2, udev back to 1, our wait to 0. */
static int make_own(struct bp_ctx *ctx, uint32_t flags, struct cookie *ret)
{
	uint32_t key;
	int r = sem_create(&ret->semid, &key);

	if (r == 0 && (r = sem_add(ret->semid, 1)) < 0)
		sem_destroy_set(ret->semid);
	if (r < 0) {
		bp_fail(ctx, r, "can't make a semaphore to wait for udev: %s",
			strerrordesc_np(-r));
		error_set_code(ctx, BP_E_UDEV);
		if (r == -ENOSPC)
			error_set_hint(ctx, "all semaphores are taken: destroy old cookies");
		return r;
	}
	ret->waiting = true;
	ret->value = flags << 16 | (key & 0xffff);
	return 0;
}

/*
 * Without udev the flags alone. What is taken back is so also where no cookie is to be had, the
 * caller's being gone or all semaphores taken: nobody waits for udev then.
 */
int udev_begin(struct bp_ctx *ctx, struct dm *dm, uint32_t policy, struct cookie *ret)
{
	uint32_t flags = policy_flags(policy) | dm->udev.rule_flags;
	int r;

	*ret = (struct cookie){ .semid = -1 };
	if (planning(dm))
		return 0;
	probe(dm);
	if (dm->udev_why_not || policy == BP_UDEV_NONE) {
		/* Should rules run after all, they keep out of what we do ourselves. */
		ret->value = (policy_flags(BP_UDEV_NONE) | flags) << 16;
		return 0;
	}
	flags |= UDEV_PRIMARY_SOURCE;
	ret->left = dm->udev.no_wait || dm->udev.cookie;
	if (flags & UDEV_DISABLE_DM_RULES)
		ret->left = false;
	if (dm->udev.no_wait) {
		ret->value = flags << 16;
		return 0;
	}
	r = dm->udev.cookie ? join(ctx, dm->udev.cookie, flags, ret)
			    : make_own(ctx, flags, ret);
	if (r == 0 || !dm->tx.undoing)
		return r;
	*ret = (struct cookie){ .semid = -1, .value = flags << 16 };
	return 0;
}

/*
 * EIDRM and EINVAL: somebody else destroyed it, as "dmsetup udevcomplete_all" does: it is
 * over.
 */
int cookie_wait(struct bp_ctx *ctx, struct dm *dm, struct cookie *cookie, bool uevent,
		int64_t deadline)
{
	int r = sem_add(cookie->semid, -1);

	/* Where the kernel sent no uevent nobody answers for it. */
	if (r == 0 && !uevent)
		r = sem_add(cookie->semid, -1);
	if (r == 0)
		r = sem_wait_zero(cookie->semid, deadline, tx_stop(dm));
	sem_destroy_set(cookie->semid);
	cookie->waiting = false;
	if (r == -EIDRM || r == -EINVAL)
		r = 0;
	if (r == -ETIMEDOUT) {
		bp_warn(ctx,
			"udev did not answer within the time limit; gave up waiting for it");
		dm->udev_why_not = "it did not answer before";
	}
	return r;
}

/* Asked once a context; why_not says what is missing. */
int bp_udev_probe(struct bp_ctx *ctx, struct bp_udev_state *ret)
{
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r < 0)
		return r;
	probe(dm);
	*ret = (struct bp_udev_state){ .runs = !dm->udev_why_not, .why = dm->udev_why_not };
	return 0;
}

/* --- cookies by hand --- */

static int fail_cookie(struct bp_ctx *ctx, int r, uint32_t value, const char *why)
{
	bp_fail(ctx, r, "cookie 0x%08x: %s", value, why);
	if (r == -ETIMEDOUT)
		error_set_code(ctx, BP_E_UDEV);
	return r;
}

/* The magic in the upper half guards foreign semaphores. */
static int find_set(struct bp_ctx *ctx, uint32_t value, int *ret_semid)
{
	if (value >> 16 != COOKIE_MAGIC)
		return fail_cookie(ctx, -EINVAL, value, "not a cookie: they are 0x0d4dXXXX");
	*ret_semid = semget((key_t)value, 1, 0);
	if (*ret_semid < 0)
		return fail_cookie(ctx, -errno, value,
				   errno == ENOENT ? "no such cookie" : strerrordesc_np(errno));
	return 0;
}

int bp_cookie_create(struct bp_ctx *ctx, uint32_t *ret_value)
{
	int semid, r = sem_create(&semid, ret_value);

	return r < 0 ? bp_fail(ctx, r, "can't make a cookie: %s", strerrordesc_np(-r)) : 0;
}

/* What a udev rule does at its end. */
int bp_cookie_complete(struct bp_ctx *ctx, uint32_t value)
{
	int semid, r = find_set(ctx, value, &semid);

	if (r < 0)
		return r;
	r = sem_add(semid, -1);
	return r < 0 ? fail_cookie(ctx, r, value,
				   r == -EAGAIN ? "nothing of it is left to complete"
						: strerrordesc_np(-r))
		     : 0;
}

/* Waits for those who still have to answer, then destroys. */
int bp_cookie_release(struct bp_ctx *ctx, uint32_t value, int64_t timeout_ms)
{
	int semid, r = find_set(ctx, value, &semid);

	if (r < 0)
		return r;
	r = sem_add(semid, -1);
	if (r == 0)
		r = sem_wait_zero(semid, dm_deadline(timeout_ms), NULL);
	sem_destroy_set(semid);
	if (r == -ETIMEDOUT)
		return fail_cookie(ctx, r, value, "udev did not answer within the time limit");
	return r < 0 ? fail_cookie(ctx, r, value, strerrordesc_np(-r)) : 0;
}

struct bp_cookie_list {
	VEC(struct bp_cookie) cookies;
};

static void cookie_list_freep(struct bp_cookie_list **list)
{
	bp_cookie_list_free(*list);
}

/*
 * What lies at one index of the kernel's table of semaphore sets: it may be empty, or not a cookie.
 * A set that goes between the two calls is told with a count of 0.
 */
static bool cookie_at(int index, struct bp_cookie *ret)
{
	struct semid_ds ds;
	union semun stat = { .buf = &ds };
	int semid = semctl(index, 0, SEM_STAT, stat);

	if (semid < 0 || (uint32_t)ds.sem_perm.__key >> 16 != COOKIE_MAGIC)
		return false;
	*ret = (struct bp_cookie){
		.value = (uint32_t)ds.sem_perm.__key,
		.semid = semid,
		.count = (uint32_t)MAX(semctl(semid, 0, GETVAL), 0),
		.changed_s = ds.sem_otime,
		.made_s = ds.sem_ctime,
		.age_s = MAX(time(NULL) - MAX(ds.sem_otime, ds.sem_ctime), (int64_t)0),
	};
	return true;
}

/* Looks through all semaphores of the system: cookies are in no list. */
int bp_cookie_list(struct bp_ctx *ctx, struct bp_cookie_list **ret)
{
	_cleanup_(cookie_list_freep) struct bp_cookie_list *list = calloc(1, sizeof(*list));
	union semun arg = { .info = &(struct seminfo){ 0 } };
	int last = semctl(0, 0, SEM_INFO, arg);

	if (!list)
		return bp_fail_memory(ctx);
	if (last < 0 && errno != ENOSYS) /* a kernel without semaphores has no cookies */
		return bp_fail(ctx, -errno, "cannot look through the semaphores: %s",
			       strerrordesc_np(errno));
	for (int i = 0; i <= last; i++) {
		struct bp_cookie cookie;

		if (cookie_at(i, &cookie) && vec_add(&list->cookies, &cookie) < 0)
			return bp_fail_memory(ctx);
	}
	*ret = steal(list);
	return 0;
}

size_t bp_cookie_list_count(const struct bp_cookie_list *list)
{
	return list->cookies.count;
}

const struct bp_cookie *bp_cookie_list_get(const struct bp_cookie_list *list, size_t index)
{
	return index < list->cookies.count ? &list->cookies.items[index] : NULL;
}

void bp_cookie_list_free(struct bp_cookie_list *list)
{
	if (list)
		vec_done(&list->cookies);
	free(list);
}

/* @min_age_s guards those that are waited for right now. */
int bp_cookie_destroy_old(struct bp_ctx *ctx, int64_t min_age_s, size_t *ret_count)
{
	_cleanup_(cookie_list_freep) struct bp_cookie_list *list = NULL;
	size_t destroyed = 0;
	int r = bp_cookie_list(ctx, &list);

	for (size_t i = 0; r == 0 && i < bp_cookie_list_count(list); i++) {
		const struct bp_cookie *cookie = bp_cookie_list_get(list, i);

		if (cookie->age_s < min_age_s)
			continue;
		if (semctl(cookie->semid, 0, IPC_RMID) == 0)
			destroyed++;
		else if (errno != EIDRM && errno != EINVAL)
			r = fail_cookie(ctx, -errno, cookie->value, strerrordesc_np(errno));
	}
	if (ret_count)
		*ret_count = destroyed;
	return r;
}

/* As in dmsetup udevflags: names of the lower byte, numbers of the upper. */
int bp_udev_flags_text(struct bp_ctx *ctx, uint32_t cookie, char **ret)
{
	struct strbuf s = { 0 };
	int r;

	for (unsigned bit = 0; bit < 16; bit++) {
		const char *name = NULL;

		if (!(cookie >> (16 + bit) & 1))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++)
			if (flag_names[i].flag == 1u << bit)
				name = flag_names[i].name;
		strbuf_add(&s, s.len ? " " : "");
		/* The upper eight belong to whoever makes the device: LVM, crypt ... */
		if (name)
			strbuf_add(&s, name);
		else
			strbuf_addf(&s, "%s%u", bit < 8 ? "FLAG" : "SUBSYSTEM_FLAG",
				    bit < 8 ? bit : bit - 8);
	}
	r = strbuf_take(&s, ret);
	return r < 0 ? bp_fail_memory(ctx) : 0;
}

/* The cookie goes with the request; a failed one needs no answer. */
int udev_order(struct bp_ctx *ctx, struct dm *dm, const char *verb, const struct which *which,
	       struct dm_request *rq, uint32_t policy, struct cookie *ret_cookie,
	       struct dm_state *ret, struct undo *undo)
{
	int r = udev_begin(ctx, dm, policy, ret_cookie);

	if (r < 0)
		return r;
	rq->cookie = ret_cookie->value;
	r = undo ? tx_order(ctx, verb, which, rq, ret, undo)
		 : dm_order(ctx, verb, which, rq, ret);
	if (r < 0)
		udev_end(ctx, dm, ret_cookie, NULL, NULL, rq->deadline);
	return r;
}
