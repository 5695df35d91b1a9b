/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * multipath #FEATURES [FEATURE...] #HANDLER [HANDLER [ARG...]] #GROUPS FIRST [GROUP...], a
 * group being SELECTOR #ARGS [ARG...] #PATHS #PATH_ARGS (DEV [PATH_ARG...])... Source: Linux,
 * drivers/md/dm-mpath.c and the path selectors dm-ps-*.c.
 */
#include "targets/grammar/condition.h"
#include "targets/grammar/judge.h"

#include "core/number.h"

#include <stdio.h>

static const struct arg_word queue_modes[] = {
	{ "rq", BP_MULTIPATH_RQ },
	{ "mq", BP_MULTIPATH_RQ },
	{ "bio", BP_MULTIPATH_BIO },
	{ NULL },
};

static const struct arg features[] = {
	ARG_FLAG(struct bp_multipath, queue_if_no_path, "hold I/O while no path is left"),
	ARG_MAYBE(struct bp_multipath, pg_init_retries, 1, 50,
		  "how often a group's initialisation is tried again"),
	ARG_MAYBE(struct bp_multipath, pg_init_delay_ms, 0, 60000,
		  "how long before it is tried again", .word = "pg_init_delay_msecs"),
	ARG_FLAG(struct bp_multipath, retain_attached_hw_handler,
		 "keep the hardware handler that a path has", .flags = ARG_CHOSEN),
	ARG_CHOICE(struct bp_multipath, queue_mode, queue_modes, "how I/O is passed on",
		   .def = "rq", .flags = ARG_NOCASE),
	ARG_END,
};

static const struct arg path_args[] = {
	ARG_DEV(struct bp_multipath_path, dev, "device of the path"),
	ARG_WORDS_UP(struct bp_multipath_path, args, struct bp_multipath_group, nr_path_args,
		     "the selector's: repeat count, throughput, CPU mask", .flags = ARG_CHOSEN),
	ARG_END,
};

static const struct arg group_args[] = {
	ARG_TEXT(struct bp_multipath_group, selector,
		 "how a path is chosen: round-robin, queue-length, service-time, "
		 "historical-service-time, io-affinity"),
	ARG_COUNT(struct bp_multipath_group, nr_selector_args, 0, 1024),
	ARG_WORDS(struct bp_multipath_group, selector_args, nr_selector_args,
		  "the selector's own", .flags = ARG_CHOSEN),
	ARG_COUNT(struct bp_multipath_group, nr_paths, 1, UINT32_MAX),
	ARG_COUNT(struct bp_multipath_group, nr_path_args, 0, 1024),
	ARG_EACH(struct bp_multipath_group, paths, nr_paths, path_args, "paths of the group"),
	ARG_END,
};

static const struct arg args[] = {
	ARG_OPTIONS(features, .max = 8, .flags = ARG_NOCASE),
	ARG_COUNT(struct bp_multipath, nr_hw_handler, 0, 1024),
	ARG_WORDS(struct bp_multipath, hw_handler, nr_hw_handler,
		  "the paths' hardware handler (alua, emc, rdac, hp_sw) and its arguments",
		  .flags = ARG_CHOSEN),
	ARG_COUNT(struct bp_multipath, nr_groups, 0, 1024),
	ARG_NUMBER(struct bp_multipath, first_group, 0, UINT32_MAX,
		   "the group to begin with, from 1"),
	ARG_EACH(struct bp_multipath, groups, nr_groups, group_args, "groups, best first"),
	ARG_END,
};

/* --- status --- */

static const struct arg_word group_states[] = {
	{ "A", BP_MULTIPATH_GROUP_ACTIVE },
	{ "E", BP_MULTIPATH_GROUP_ENABLED },
	{ "D", BP_MULTIPATH_GROUP_DISABLED },
	{ NULL },
};

static const struct arg_word path_states[] = {
	{ "A", BP_MULTIPATH_PATH_ACTIVE },
	{ "F", BP_MULTIPATH_PATH_FAILED },
	{ NULL },
};

static const struct arg path_status[] = {
	ARG_DEV(struct bp_multipath_path_status, dev, "device of the path"),
	ARG_CHOICE(struct bp_multipath_path_status, state, path_states, "A active, F failed"),
	ARG_NUMBER(struct bp_multipath_path_status, fail_count, 0, UINT32_MAX,
		   "how often it has failed"),
	ARG_WORDS_UP(struct bp_multipath_path_status, info, struct bp_multipath_group_status,
		     nr_info, "what the selector says of it"),
	ARG_END,
};

static const struct arg group_status[] = {
	ARG_CHOICE(struct bp_multipath_group_status, state, group_states,
		   "A active, E enabled, D disabled"),
	ARG_COUNT(struct bp_multipath_group_status, nr_selector_info, 0, UINT32_MAX),
	ARG_WORDS(struct bp_multipath_group_status, selector_info, nr_selector_info,
		  "what the selector says of the group"),
	ARG_COUNT(struct bp_multipath_group_status, nr_paths, 1, UINT32_MAX),
	ARG_COUNT(struct bp_multipath_group_status, nr_info, 0, UINT32_MAX),
	ARG_EACH(struct bp_multipath_group_status, paths, nr_paths, path_status,
		 "paths of the group"),
	ARG_END,
};

static const struct arg queue_status[] = {
	ARG_NUMBER(struct bp_multipath_status, queue_io, 0, UINT32_MAX,
		   "1 while I/O is held back"),
	ARG_NUMBER(struct bp_multipath_status, pg_init_count, 0, UINT32_MAX,
		   "initialisations tried"),
	ARG_END,
};

static const struct arg status[] = {
	ARG_GROUP(queue_status, queue_status),
	ARG_COUNT(struct bp_multipath_status, nr_hw_handler_info, 0, UINT32_MAX),
	ARG_WORDS(struct bp_multipath_status, hw_handler_info, nr_hw_handler_info,
		  "what the hardware handler says"),
	ARG_COUNT(struct bp_multipath_status, nr_groups, 0, UINT32_MAX),
	ARG_NUMBER(struct bp_multipath_status, next_group, 0, UINT32_MAX,
		   "the group in use, or next in use, from 1"),
	ARG_EACH(struct bp_multipath_status, groups, nr_groups, group_status, "groups"),
	ARG_END,
};

static const struct arg message_path[] = {
	ARG_DEV(struct bp_multipath_message_path, dev, "device of the path"),
	ARG_END,
};

static const struct arg message_group[] = {
	ARG_NUMBER(struct bp_multipath_message_group, group, 1, UINT32_MAX,
		   "number of the group, from 1"),
	ARG_END,
};

static const struct target_message messages[] = {
	{ "queue_if_no_path", "", "hold I/O while no path is left", 0, NULL },
	{ "fail_if_no_path", "", "fail I/O while no path is left", 0, NULL },
	{ "fail_path", "DEV", "use a path no more", sizeof(struct bp_multipath_message_path),
	  message_path },
	{ "reinstate_path", "DEV", "use a failed path again",
	  sizeof(struct bp_multipath_message_path), message_path },
	{ "disable_group", "GROUP", "use a group in need only",
	  sizeof(struct bp_multipath_message_group), message_group },
	{ "enable_group", "GROUP", "use a disabled group again",
	  sizeof(struct bp_multipath_message_group), message_group },
	{ "switch_group", "GROUP", "use this group from now on",
	  sizeof(struct bp_multipath_message_group), message_group },
	{ NULL },
};

/* --- rules --- */

/* What a selector takes, and which text of the kernel complains. */
struct selector {
	const char *name;
	uint16_t since; /* as in struct arg */
	size_t group_args_max, path_args_min, path_args_max;
	const char *count_text;
	/* Of the first path argument: a number, or with hex a mask; and of the second. */
	bool hex;
	const char *first_text, *second_text;
};

static const struct selector selectors[] = {
	{ "round-robin", 0, 0, 0, 1, "round-robin ps: incorrect number of arguments", false,
	  "round-robin ps: invalid repeat count", NULL },
	{ "queue-length", 0, 0, 0, 1, "queue-length ps: incorrect number of arguments", false,
	  "queue-length ps: invalid repeat count", NULL },
	{ "service-time", 0, 0, 0, 2, "service-time ps: incorrect number of arguments", false,
	  "service-time ps: invalid repeat count",
	  "service-time ps: invalid relative_throughput value" },
	{ "historical-service-time", 0x0508, 2, 0, 1,
	  "historical-service-time ps: incorrect number of arguments", false,
	  "historical-service-time ps: invalid repeat count", NULL },
	{ "io-affinity", 0x050b, 0, 1, 1, "io-affinity ps: invalid number of arguments", true,
	  "io-affinity ps: invalid cpumask", NULL },
};

static const struct selector *selector_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(selectors); i++)
		if (streq(selectors[i].name, name))
			return &selectors[i];
	return NULL;
}

/* Hex digits, in groups parted by commas. */
static bool is_mask(const char *text)
{
	return *text && text[strspn(text, "0123456789abcdefABCDEF,")] == '\0';
}

/* Texts and bounds are each selector's own: its row says them. */
static void check_path(struct check *c, const struct selector *selector,
		       const struct bp_multipath_path *path, size_t nr_args, const char *name)
{
	uint64_t number = 1;

	if (nr_args >= 1 &&
	    !(selector->hex ? is_mask(path->args[0])
			    : number_parse(path->args[0], UINT32_MAX, &number) == 0))
		check_rule(c, name, NULL, selector->first_text);
	else if (nr_args >= 1 && !selector->hex && number > 1)
		check_found(c, BP_SEVERITY_WARNING, name, "1",
			    "kernels since 4.6 take each repeat count for 1");
	if (nr_args >= 2 && selector->second_text &&
	    number_parse(path->args[1], 100, &number) < 0)
		check_rule(c, name, NULL, selector->second_text);
}

/* Counts are said once a group, for all of its paths. */
static void check_selector(struct check *c, const struct selector *selector,
			   const struct bp_multipath_group *group, const char *prefix)
{
	char name[64];

	if (group->nr_selector_args > selector->group_args_max) {
		snprintf(name, sizeof(name), "%s.nr_selector_args", prefix);
		check_rule(c, name, NULL, "path selector constructor failed");
	}
	if (group->nr_path_args < selector->path_args_min ||
	    group->nr_path_args > selector->path_args_max) {
		snprintf(name, sizeof(name), "%s.nr_path_args", prefix);
		check_rule(c, name, NULL, selector->count_text);
		return;
	}
	for (size_t i = 0; i < group->nr_paths; i++) {
		snprintf(name, sizeof(name), "%s.paths.%zu.args", prefix, i);
		check_path(c, selector, &group->paths[i], group->nr_path_args, name);
	}
}

/*
 * A selector that isn't known here may be a module: kernels refuse it only if they can't
 * load it.
 */
static void check_group(struct check *c, const struct bp_multipath_group *group, size_t index)
{
	const struct selector *selector;
	char prefix[32], name[64];

	snprintf(prefix, sizeof(prefix), "groups.%zu", index);
	snprintf(name, sizeof(name), "%s.selector", prefix);
	selector = group->selector ? selector_find(group->selector) : NULL;
	if (!selector)
		check_rule(c, name, NULL, "unknown path selector type");
	else if (selector->since && check_release(c, selector->since) == BP_ANSWER_NO)
		check_refuse(c, name, "round-robin, queue-length or service-time",
			     "only kernels from %u.%u on have this selector",
			     selector->since >> 8, selector->since & 0xff);
	if (selector)
		check_selector(c, selector, group, prefix);
	for (size_t i = 0; i < group->nr_paths; i++) {
		snprintf(name, sizeof(name), "%s.paths.%zu.dev", prefix, i);
		check_range(c, name, group->paths[i].dev, 0, c->length_sectors);
	}
}

/* Source: Linux, drivers/md/dm-mpath.c, parse_priority_group() and multipath_ctr(). */
static void check(struct check *c, const void *params)
{
	const struct bp_multipath *multipath = params;
	char right[32];

	snprintf(right, sizeof(right), multipath->nr_groups ? "1 to %zu" : "%zu",
		 multipath->nr_groups);
	if (!multipath->first_group != !multipath->nr_groups)
		check_rule(c, NULL, right, "invalid initial priority group");
	else if (multipath->first_group > multipath->nr_groups)
		check_found(c, BP_SEVERITY_WARNING, "first_group", right,
			    "there is no such group: the kernel begins with the first");
	if (multipath->nr_hw_handler)
		check_found(
			c, BP_SEVERITY_UNKNOWN, "hw_handler", NULL,
			"whether the paths can have a hardware handler was not checked: only "
			"SCSI disks have one");
	for (size_t i = 0; i < multipath->nr_groups; i++)
		check_group(c, &multipath->groups[i], i);
}

/* --- comparing --- */

/*
 * What kernels make of a group's words: a repeat count above 1 becomes 1;
 * historical-service-time prints 0 for whatever was given.
 */
static int canonical_group(struct bp_multipath_group *group, struct arena *arena)
{
	const struct selector *selector =
		group->selector ? selector_find(group->selector) : NULL;
	struct bp_multipath_path *paths;

	if (!selector || selector->hex || !group->nr_path_args)
		return 0;
	if (selector->group_args_max) {
		group->nr_path_args = 0;
		return 0;
	}
	paths = arena_array(arena, group->nr_paths, sizeof(*paths));
	if (!paths)
		return -ENOMEM;
	for (size_t i = 0; i < group->nr_paths; i++) {
		const char **words = arena_array(arena, group->nr_path_args, sizeof(*words));

		if (!words)
			return -ENOMEM;
		memcpy(words, group->paths[i].args, group->nr_path_args * sizeof(*words));
		words[0] = "1";
		paths[i].dev = group->paths[i].dev;
		paths[i].args = words;
	}
	group->paths = paths;
	return 0;
}

/* What kernels take and print in another form: a first group that isn't there is 1. */
static int canonical(void *params, struct arena *arena)
{
	struct bp_multipath *multipath = params;
	struct bp_multipath_group *groups;

	if (multipath->first_group > multipath->nr_groups)
		multipath->first_group = 1;
	groups = arena_array(arena, multipath->nr_groups, sizeof(*groups));
	if (!groups)
		return -ENOMEM;
	for (size_t i = 0; i < multipath->nr_groups; i++) {
		int r;

		groups[i] = multipath->groups[i];
		r = canonical_group(&groups[i], arena);
		if (r < 0)
			return r;
	}
	multipath->groups = groups;
	return 0;
}

/* All paths lead to the same device: the first one says how long it is. */
static int length(const struct length_query *query, const void *params, bp_sector *ret)
{
	const struct bp_multipath *multipath = params;

	for (size_t i = 0; i < multipath->nr_groups; i++)
		if (multipath->groups[i].nr_paths)
			return length_of(query, multipath->groups[i].paths[0].dev, 0, ret);
	return length_of(query, NULL, 0, ret);
}

/* clang-format off */
#define SELECTOR_COUNT(text, takes) \
	{ text, "groups.nr_path_args", "the selector takes another number of words a path", takes }
#define SELECTOR_REPEAT(text) \
	{ text, "groups.paths.args", "the repeat count must be a number", "1" }

static const struct rule rules[] = {
	RULE_COUNT("invalid number of path selector args", "groups.nr_selector_args"),
	{ "unknown path selector type", "groups.selector", "this kernel has no such path selector",
	  "round-robin, queue-length, service-time, historical-service-time or io-affinity" },
	{ "path selector constructor failed", "groups.selector_args",
	  "the selector does not take these words", "none, or historical-service-time's two" },
	{ "error attaching hardware handler", "hw_handler",
	  "the path's device can't have this hardware handler: only SCSI disks have one", "0" },
	{ "unable to set hardware handler parameters", "hw_handler",
	  "the hardware handler does not take these words", NULL },
	{ "no device given", "groups.paths.dev", "a path must have a device", "DEV" },
	RULE_NO_DEVICE("error getting device", "groups.paths.dev"),
	{ "invalid number of paths", "groups.nr_paths", "a group has one path or more",
	  "1 or more" },
	RULE_COUNT("invalid number of selector args", "groups.nr_path_args"),
	{ "not enough priority group arguments", "groups",
	  "a group must have a selector, its counts and its paths, and nothing may follow the last",
	  "as many groups as were announced" },
	RULE_NO_MEMORY("couldn't allocate priority group"),
	{ "not enough path parameters", "groups.nr_paths",
	  "there are fewer words than the paths need", "as many paths as were announced" },
	RULE_COUNT("invalid number of hardware handler args", "nr_hw_handler"),
	RULE_NO_MEMORY("memory allocation failed"),
	RULE_COUNT("invalid number of feature args", "#features"),
	{ "pg_init_retries must be between 1 and 50", "pg_init_retries", "it is out of range",
	  "1 to 50" },
	{ "pg_init_delay_msecs must be between 0 and 60000", "pg_init_delay_ms", "it is out of range",
	  "0 to 60000" },
	{ "Unknown 'queue_mode' requested", "queue_mode", "there are three modes",
	  "bio, rq or mq" },
	{ "Unrecognised multipath feature request", "#features", "the word is none of the features",
	  "queue_if_no_path, pg_init_retries N, pg_init_delay_msecs N, retain_attached_hw_handler "
	  "or queue_mode MODE" },
	RULE_COUNT("invalid number of priority groups", "nr_groups"),
	{ "invalid initial priority group number", "first_group", "it must be a number",
	  "1 to the number of groups" },
	RULE_NO_MEMORY("can't allocate multipath"),
	{ "invalid initial priority group", "first_group",
	  "it must be 0 where there are no groups, and 1 or more where there are some", NULL },
	{ "priority group count mismatch", "nr_groups", "there are fewer groups than announced",
	  "the number of groups that follow" },
	SELECTOR_COUNT("round-robin ps: incorrect number of arguments", "0 or 1"),
	SELECTOR_REPEAT("round-robin ps: invalid repeat count"),
	RULE_NO_MEMORY("round-robin ps: Error allocating path context"),
	SELECTOR_COUNT("queue-length ps: incorrect number of arguments", "0 or 1"),
	SELECTOR_REPEAT("queue-length ps: invalid repeat count"),
	RULE_NO_MEMORY("queue-length ps: Error allocating path information"),
	SELECTOR_COUNT("service-time ps: incorrect number of arguments", "0 to 2"),
	SELECTOR_REPEAT("service-time ps: invalid repeat count"),
	{ "service-time ps: invalid relative_throughput value", "groups.paths.args",
	  "the relative throughput is out of range", "0 to 100" },
	RULE_NO_MEMORY("service-time ps: Error allocating path context"),
	SELECTOR_COUNT("historical-service-time ps: incorrect number of arguments", "0 or 1"),
	SELECTOR_REPEAT("historical-service-time ps: invalid repeat count"),
	RULE_NO_MEMORY("historical-service-time ps: Error allocating path context"),
	SELECTOR_COUNT("io-affinity ps: invalid number of arguments", "1"),
	RULE_NO_MEMORY("io-affinity ps: Error allocating path context"),
	RULE_NO_MEMORY("io-affinity ps: Error allocating cpumask context"),
	{ "io-affinity ps: invalid cpumask", "groups.paths.args", "the mask must be in hex",
	  "hex digits, a bit a CPU" },
	{ "io-affinity ps: No new/valid CPU mapping found", "groups.paths.args",
	  "each path must have a CPU that exists and no path before it has", "another mask" },
	RULE_NO_MEMORY("error allocating handler name"),
	{ NULL },
};
/* clang-format on */

/* clang-format off */
/* What kernels say while it is in use, and its states. */
static const struct rule log_lines[] = {
	LOG_ACT("Failing path *",
		"a path is no longer used; I/O goes by the others",
		"look at the path: cable, switch, port; multipathd brings it back when it works"),
	LOG_HARMLESS("Reinstating path *",
		"a path is used again"),
	LOG_ACT("Could not failover*",
		"the array could not be told to use the other side",
		"look at the array's controllers"),
	LOG_STOP("queue_if_no_path timeout on *, failing queued IO",
		"no path came back in time: I/O that waited fails",
		"look at the paths; then bring them back with reinstate_path"),
	LOG_HARMLESS("repeat_count > 1 is deprecated, using 1 instead",
		"a repeat count is taken for 1, whatever it is"),
	LOG_ACT("message: error getting device *",
		"a message names a path that the device does not have",
		NULL),
	LOG_ACT("Unrecognised multipath message received: *",
		"the target has no such message",
		"bedplate targets multipath shows those it has"),
	LOG_ACT("Invalid multipath message arguments*",
		"a message has too many or too few words",
		"bedplate targets multipath shows what each takes"),
	LOG_ACT("invalid PG number supplied to *",
		"there is no path group of this number",
		"bedplate status NAME"),
	LOG_ACT("bio-based multipath doesn't allow hardware handler args",
		"a hardware handler needs queue_mode mq",
		"queue_mode mq, or no handler"),
	LOG_HARMLESS("* QIFNP disabled but saved as enabled*",
		"a setting that was saved is not saved again"),
	LOG_STOP("* returning EIO; *",
		"no path works and I/O is not to wait for one: it fails",
		"look at the paths; bedplate status NAME"),
	LOG_HARMLESS("* finished; QIFNP = *",
		"how it is kept whether I/O waits for a path"),
	LOG_HARMLESS("* changes; QIFNP = *",
		"how it is kept whether I/O waits for a path"),
	LOG_HARMLESS("* f_queue_if_no_path=* save_old_value=*",
		"how it is kept whether I/O waits for a path"),
	LOG_ACT("hardware handlers are only allowed for SCSI devices",
		"a path of the table has a hardware handler, and is no SCSI device",
		"0 in place of the handler"),
	LOG_HARMLESS("retaining handler on device *",
		"the path keeps the handler that it has"),
	{ NULL },
};
/* clang-format on */

static const char *const log_names[] = {
	"multipath round-robin",  "multipath queue-length",
	"multipath service-time", "multipath historical-service-time",
	"multipath io-affinity",  NULL
};

/* With no path left I/O waits or fails, by queue_if_no_path. */
static void judge(struct judge *j, const void *p)
{
	const struct bp_multipath_status *s = p;
	size_t all = 0, failed = 0;

	for (size_t g = 0; g < s->nr_groups; g++)
		for (size_t i = 0; i < s->groups[g].nr_paths; i++) {
			all++;
			failed += s->groups[g].paths[i].state == BP_MULTIPATH_PATH_FAILED;
		}
	if (failed && failed == all)
		judge_say(j, BP_VERDICT_STOP, "look at the paths: cables, switches, the array",
			  "all %zu paths have failed: I/O waits or fails", all);
	if (failed)
		judge_say(j, BP_VERDICT_ACT, "look at the failed paths: cable, switch, port",
			  "%zu of %zu paths have failed; I/O goes by the others", failed, all);
	judge_say(j, BP_VERDICT_HARMLESS, NULL, "all %zu paths work", all);
}

/* One for each failed path, by its device: it comes and goes by itself. */
static void conditions(struct conditions *c, const struct bp_status *now, const void *p)
{
	const struct bp_multipath_status *s = now->values;
	size_t all = 0, failed = 0;

	(void)p;
	for (size_t g = 0; s && g < s->nr_groups; g++)
		for (size_t i = 0; i < s->groups[g].nr_paths; i++) {
			const struct bp_multipath_path_status *path = &s->groups[g].paths[i];

			all++;
			if (path->state != BP_MULTIPATH_PATH_FAILED)
				continue;
			failed++;
			condition_add(c, BP_EVENT_PATH_FAILED, path->dev, "path %s has failed",
				      path->dev);
		}
	if (failed && failed == all)
		condition_add(c, BP_EVENT_NO_PATH, NULL, "all %zu paths have failed", all);
}

const struct bp_target target_multipath = {
	.name = "multipath",
	.summary = "several paths to one device, in groups of which one is in use",
	.reprint = "repeat counts, retain_attached_hw_handler and the hardware handler may be "
		   "printed otherwise than given",
	.module = "dm-multipath",
	.since = "2.6.13",
	.flags = BP_TARGET_SINGLETON | BP_TARGET_IMMUTABLE,
	.size = sizeof(struct bp_multipath),
	.args = args,
	.status_size = sizeof(struct bp_multipath_status),
	.status = status,
	.messages = messages,
	.canonical = canonical,
	.check = check,
	.length = length,
	.rules = rules,
	.log_names = log_names,
	.log = BP_RESCUE ? NULL : log_lines,
	.judge = judge,
	.conditions = conditions,
};
