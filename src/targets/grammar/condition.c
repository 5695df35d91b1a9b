/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Conditions of segments: gathered from typed statuses, compared by kind and name. */
#include "targets/grammar/condition.h"

#include "core/context.h"
#include "targets/grammar/target.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const names[EVENT_KINDS] = {
	[BP_EVENT_CREATED] = "created",
	[BP_EVENT_REMOVED] = "removed",
	[BP_EVENT_REMOVED_DEFERRED] = "removed-deferred",
	[BP_EVENT_RENAMED] = "renamed",
	[BP_EVENT_OTHER] = "event",
	[BP_EVENT_POOL_LOW_WATER] = "pool-low-water",
	[BP_EVENT_POOL_METADATA_LOW] = "pool-metadata-low",
	[BP_EVENT_POOL_NO_SPACE] = "pool-no-space",
	[BP_EVENT_POOL_NO_METADATA] = "pool-no-metadata",
	[BP_EVENT_POOL_NEEDS_CHECK] = "pool-needs-check",
	[BP_EVENT_POOL_READ_ONLY] = "pool-read-only",
	[BP_EVENT_POOL_FAILED] = "pool-failed",
	[BP_EVENT_VOLUME_FAILED] = "volume-failed",
	[BP_EVENT_SNAPSHOT_OVERFLOW] = "snapshot-overflow",
	[BP_EVENT_SNAPSHOT_INVALID] = "snapshot-invalid",
	[BP_EVENT_SNAPSHOT_MERGE_FAILED] = "snapshot-merge-failed",
	[BP_EVENT_PATH_FAILED] = "path-failed",
	[BP_EVENT_NO_PATH] = "no-path",
	[BP_EVENT_RAID_DEGRADED] = "raid-degraded",
	[BP_EVENT_RAID_MISMATCH] = "raid-mismatch",
	[BP_EVENT_VDO_READ_ONLY] = "vdo-read-only",
	[BP_EVENT_VDO_RECOVERING] = "vdo-recovering",
	[BP_EVENT_CACHE_READ_ONLY] = "cache-read-only",
	[BP_EVENT_CACHE_NEEDS_CHECK] = "cache-needs-check",
	[BP_EVENT_CACHE_FAILED] = "cache-failed",
	[BP_EVENT_CACHE_MODE] = "cache-mode",
	[BP_EVENT_CLONE_READ_ONLY] = "clone-read-only",
	[BP_EVENT_CLONE_DONE] = "clone-done",
	[BP_EVENT_TARGET_ERROR] = "target-error",
	[BP_EVENT_CORRUPTION] = "corruption",
};

const char *bp_event_name(enum bp_event_kind kind)
{
	return (unsigned)kind < EVENT_KINDS ? names[kind] : NULL;
}

void conditions_done(struct conditions *c)
{
	vec_done(&c->list);
	arena_done(&c->arena);
	*c = (struct conditions){ 0 };
}

/* Texts are copied, cut at 255 bytes: the status they come from goes. */
void condition_add(struct conditions *c, enum bp_event_kind kind, const char *about,
		   const char *fmt, ...)
{
	struct condition new = { .kind = kind, .start = c->start };
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	new.target = arena_strdup(&c->arena, c->target);
	new.about = arena_strdup(&c->arena, about ? about : "");
	new.what = arena_strdup(&c->arena, text);
	if (!new.target || !new.about || !new.what || vec_add(&c->list, &new) < 0)
		c->no_memory = true;
}

/* One letter a leg, as raid and mirror print it; @good are the letters without a failure. */
void conditions_of_legs(struct conditions *c, const char *health, const char *good)
{
	for (size_t i = 0; health && health[i]; i++) {
		char leg[24];

		if (strchr(good, health[i]))
			continue;
		snprintf(leg, sizeof(leg), "%zu", i);
		condition_add(c, BP_EVENT_RAID_DEGRADED, leg, "leg %zu has failed (%c)", i,
			      health[i]);
	}
}

/* False: events of it are told without saying what. */
bool conditions_known(const char *target)
{
	const struct bp_target *type = bp_target_get(target);

	return type && type->conditions;
}

/* A status that can't be parsed has no conditions: that is told by the parse alone. */
int conditions_of(struct bp_ctx *ctx, const char *target, bp_sector start, const char *text,
		  const void *params, struct conditions *ret)
{
	const struct bp_target *type = bp_target_get(target);
	struct bp_status *status;
	int r;

	if (!type || !type->conditions)
		return 0;
	r = bp_status_parse(ctx, target, text, &status);
	if (r < 0)
		return r;
	ret->target = target;
	ret->start = start;
	if (status->values || status->state)
		type->conditions(ret, status, params);
	bp_status_free(status);
	ret->target = NULL;
	return ret->no_memory ? bp_fail_memory(ctx) : 0;
}

/* What happened there is one condition as long as these agree; the words may change. */
bool condition_same(const struct condition *a, const struct condition *b)
{
	return a->kind == b->kind && a->start == b->start && streq(a->target, b->target) &&
	       streq(a->about, b->about);
}

bool condition_ends(enum bp_event_kind kind)
{
	return kind != BP_EVENT_CACHE_MODE;
}
