/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cookies: how device-mapper programs wait for udev. A cookie is a System V semaphore that
 * counts the operations whose udev rules have not ended yet. The calls of device.h do this by
 * themselves; these are for scripts, and for clearing up after other programs.
 */
#ifndef BEDPLATE_UDEV_H
#define BEDPLATE_UDEV_H

#include <bedplate/context.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bp_udev_state - Whether udev will answer, and why not.
 * @runs: it will, as far as can be told without asking it.
 * @why: the reason where it won't; lent, static.
 */
struct bp_udev_state {
	bool runs;
	const char *why;
};

/**
 * bp_udev_probe() - Whether it does. Return: 0, or why device-mapper can't be asked.
 */
BP_API int bp_udev_probe(struct bp_ctx *ctx, struct bp_udev_state *ret);

/**
 * enum bp_udev_rule_flags - What udev's rules shall leave out, as the upper half of a cookie says
 * it.
 * @BP_UDEV_NO_DM_RULES: nodes and links in the mapper directory: we make them.
 * @BP_UDEV_NO_SUBSYSTEM_RULES: what the maker's own rules do (LVM's, cryptsetup's ...).
 * @BP_UDEV_NO_DISK_RULES: scanning of contents, and links by what was found.
 * @BP_UDEV_NO_OTHER_RULES: everything else.
 * @BP_UDEV_NO_FALLBACK: nothing; it says that nobody puts nodes right behind udev. dmsetup says so by default.
 */
enum bp_udev_rule_flags {
	BP_UDEV_NO_DM_RULES = 1 << 0,
	BP_UDEV_NO_SUBSYSTEM_RULES = 1 << 1,
	BP_UDEV_NO_DISK_RULES = 1 << 2,
	BP_UDEV_NO_OTHER_RULES = 1 << 3,
	BP_UDEV_NO_FALLBACK = 1 << 5,
};

/**
 * struct bp_udev_opts - How the calls of a context deal with udev.
 * @rule_flags: enum bp_udev_rule_flags, beside what the policy of a call says.
 * @cookie: what udev has to answer is counted on this one (of bp_cookie_create()), and who made it
 *	waits, by bp_cookie_release(). 0: each call makes, awaits and destroys one of its own.
 * @no_wait: nobody waits.
 *
 * Where udev runs and a call does not wait for it, nodes are left to udev: they may not be there
 * yet, or be there still, when the call returns.
 */
struct bp_udev_opts {
	size_t size;
	uint32_t rule_flags;
	uint32_t cookie;
	bool no_wait;
};

/**
 * bp_udev_use() - From here on, in all calls of this context. NULL: as in the beginning.
 *
 * Return: 0, -EINVAL (a size or policy that makes no sense), -E2BIG (members that this library
 *	does not know).
 */
BP_API int bp_udev_use(struct bp_ctx *ctx, const struct bp_udev_opts *opts);

/**
 * struct bp_cookie - A cookie that exists.
 * @value: its number, 0x0d4dXXXX.
 * @semid: its semaphore set.
 * @count: operations not answered yet; 1 more while its maker has not begun to wait.
 * @changed_s: when it was last changed, seconds since 1970; 0: never since it was made.
 * @age_s: seconds since that or since it was made.
 * @made_s: when it was made, or given a value at once, seconds since 1970.
 */
struct bp_cookie {
	uint32_t value;
	int semid;
	uint32_t count;
	int64_t changed_s, age_s, made_s;
};

/**
 * bp_cookie_list() - All cookies of this IPC namespace, whoever made them.
 * @ret: free it with bp_cookie_list_free(). Cookies are lent by it.
 *
 * Return: 0, -ENOMEM.
 */
struct bp_cookie_list;
BP_API int bp_cookie_list(struct bp_ctx *ctx, struct bp_cookie_list **ret);
BP_API size_t bp_cookie_list_count(const struct bp_cookie_list *list);
BP_API const struct bp_cookie *bp_cookie_list_get(const struct bp_cookie_list *list,
						  size_t index);
BP_API void bp_cookie_list_free(struct bp_cookie_list *list);

/**
 * bp_cookie_create() - Make one. Complete it and wait for it with bp_cookie_release().
 *
 * Return: 0, -ENOSPC (no more semaphores), -ENOMEM.
 */
BP_API int bp_cookie_create(struct bp_ctx *ctx, uint32_t *ret_value);

/**
 * bp_cookie_complete() - Say that one operation of it is done, as udev rules do.
 * Return: 0, -ENOENT (no such cookie), -EINVAL (not a cookie's number).
 */
BP_API int bp_cookie_complete(struct bp_ctx *ctx, uint32_t value);

/**
 * bp_cookie_release() - Complete our part, wait for the rest, destroy it.
 * Return: 0, -ENOENT, -ETIMEDOUT (BP_E_UDEV; destroyed all the same).
 */
BP_API int bp_cookie_release(struct bp_ctx *ctx, uint32_t value, int64_t timeout_ms);

/**
 * bp_cookie_destroy_old() - Destroy cookies that nobody touched for a time. Whoever still
 * waits for one goes on.
 * @min_age_s: only those at least this old.
 * @ret_count: how many; may be NULL.
 *
 * Return: 0, -EACCES (somebody else's), -ENOMEM; @ret_count is set in each case.
 */
BP_API int bp_cookie_destroy_old(struct bp_ctx *ctx, int64_t min_age_s, size_t *ret_count);

/**
 * bp_udev_flags_text() - What the flags in the upper half of a cookie value mean.
 * @ret: words, separated by a blank ("DISABLE_DM_RULES PRIMARY_SOURCE"); free() it.
 *
 * Return: 0, -ENOMEM.
 */
BP_API int bp_udev_flags_text(struct bp_ctx *ctx, uint32_t cookie, char **ret);

#ifdef __cplusplus
}
#endif

#endif
