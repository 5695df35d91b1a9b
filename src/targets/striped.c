/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* striped #LEGS CHUNK (DEV OFFSET)... Source: Linux, drivers/md/dm-stripe.c. */
#include "targets/grammar/condition.h"
#include "targets/grammar/judge.h"

#include <inttypes.h>
#include <stdio.h>

static const struct arg leg_args[] = {
	ARG_DEV(struct bp_striped_leg, dev, "the leg's device"),
	ARG_NUMBER(struct bp_striped_leg, offset_sectors, 0, UINT64_MAX,
		   "where in it to begin"),
	ARG_END,
};

static const struct arg args[] = {
	ARG_COUNT(struct bp_striped, nr_legs, 1, UINT32_MAX, .flags = ARG_PLUS),
	ARG_NUMBER(struct bp_striped, chunk_sectors, 1, UINT32_MAX,
		   "how much lies on one leg before the next one's turn", .flags = ARG_PLUS),
	ARG_EACH(struct bp_striped, legs, nr_legs, leg_args, "the devices, in turn"),
	ARG_END,
};

static const struct arg status[] = {
	ARG_COUNT(struct bp_striped_status, nr_devs, 1, UINT32_MAX),
	ARG_WORDS(struct bp_striped_status, devs, nr_devs, "the legs' devices"),
	ARG_LITERAL("1"),
	ARG_TEXT(struct bp_striped_status, health,
		 "a letter a leg: A alive, D has had I/O errors"),
	ARG_END,
};

/* The length is whole chunks on each leg, which must hold it. */
static void check(struct check *c, const void *params)
{
	const struct bp_striped *striped = params;
	bp_sector width, each;

	if (!striped->nr_legs || !striped->chunk_sectors)
		return;
	if (mul_overflow(striped->chunk_sectors, striped->nr_legs, &width) ||
	    c->length_sectors % width)
		check_refuse(c, "length", NULL,
			     "must be a multiple of %zu legs of %" PRIu64 " sectors",
			     striped->nr_legs, striped->chunk_sectors);
	each = c->length_sectors / striped->nr_legs;
	for (size_t i = 0; i < striped->nr_legs; i++) {
		char name[40];

		snprintf(name, sizeof(name), "legs.%zu.dev", i);
		check_range(c, name, striped->legs[i].dev, striped->legs[i].offset_sectors,
			    each);
	}
}

/* Whole chunks on the smallest leg, times the legs. */
static int length(const struct length_query *query, const void *params, bp_sector *ret)
{
	const struct bp_striped *striped = params;
	bp_sector least = UINT64_MAX, total;

	for (size_t i = 0; i < striped->nr_legs; i++) {
		bp_sector room;
		int r = length_of(query, striped->legs[i].dev, striped->legs[i].offset_sectors,
				  &room);

		if (r < 0)
			return r;
		least = MIN(least, room);
	}
	if (!striped->nr_legs || !striped->chunk_sectors || least < striped->chunk_sectors)
		return length_none(query, "no leg holds a chunk");
	least -= least % striped->chunk_sectors;
	if (mul_overflow(least, striped->nr_legs, &total))
		return length_none(query, "too large");
	*ret = total;
	return 0;
}

/* clang-format off */
static const struct rule rules[] = {
	{ "Not enough arguments", NULL, "striped has three arguments at least",
	  "#STRIPES CHUNK (DEV OFFSET)..." },
	RULE_COUNT("Invalid stripe count", "nr_legs"),
	{ "Invalid chunk_size", "chunk_sectors", "a chunk must be a number of sectors", "1 to 4294967295" },
	{ "Target length not divisible by number of stripes", "length",
	  "the length must be the same number of sectors on each stripe",
	  "a multiple of the number of stripes" },
	{ "Target length not divisible by chunk size", "length",
	  "the length of each stripe must be whole chunks",
	  "a multiple of number of stripes times chunk" },
	{ "Not enough destinations specified", "nr_legs", "each stripe is a device and an offset",
	  "as many pairs of device and offset as were announced" },
	RULE_NO_MEMORY("Memory allocation for striped context failed"),
	{ "Couldn't parse stripe destination", "legs",
	  "each device must exist and be free, each offset be a number of sectors", "DEV OFFSET" },
	{ NULL },
};
/* clang-format on */

/* A letter a leg: A works, D has failed. */
static void judge(struct judge *j, const void *p)
{
	const struct bp_striped_status *s = p;

	if (s->health && strchr(s->health, 'D'))
		judge_say(j, BP_VERDICT_STOP, "look at the device; the kernel's log says more",
			  "a leg had I/O errors, and no other one has its data");
	judge_say(j, BP_VERDICT_HARMLESS, NULL, "all legs work");
}

static void conditions(struct conditions *c, const struct bp_status *now, const void *p)
{
	const struct bp_striped_status *s = now->values;

	(void)p;
	if (s)
		conditions_of_legs(c, s->health, "A");
}

static const struct brief brief[] = {
	{ "stripes", "health", NULL },
	{ NULL },
};

const struct bp_target target_striped = {
	.name = "striped",
	.summary = "spread chunks over several devices in turn (RAID-0)",
	.module = "dm-mod",
	.since = "2.6.0",
	.size = sizeof(struct bp_striped),
	.args = args,
	.status_size = sizeof(struct bp_striped_status),
	.status = status,
	.brief = brief,
	.check = check,
	.length = length,
	.rules = rules,
	.judge = judge,
	.conditions = conditions,
};
