// SPDX-License-Identifier: LGPL-2.1-or-later
/* Waiting for events: of one device, or of all. */
#include "commands/common.h"

#include <inttypes.h>
#include <poll.h>
#include <time.h>

struct args {
	const char *name;
	uint64_t event_nr, count; /* of events to print; UINT64_MAX: no end */
	int64_t timeout_ms;
};

/* clang-format off */
static const struct cmd_opt wait_opts[] = {
	OPT_OPERAND(name, "NAME", DEVICE_HELP),
	OPT_OPERAND_NUMBER_OPTIONAL(event_nr, 0, UINT32_MAX, "EVENT", "wait until its number is another than this; without it: than now"),
	OPT_TIMEOUT(timeout_ms),
	OPT_END
};

static const struct cmd_opt events_opts[] = {
	OPT_TIME(timeout_ms, 0, "timeout", "TIME", "end after this long; without it, only --count ends it"),
	OPT_NUMBER(count, 0, "count", "NUMBER", "end after so many events"),
	OPT_END
};
/* clang-format on */

/* clang-format off */
static const struct out_column wait_columns[] = {
	COL_TEXT(struct bp_device_info, name, OUT_DEFAULT, "name of the device"),
	COL_NUMBER(struct bp_device_info, event_nr, OUT_DEFAULT, "number of its last event"),
	OUT_COLUMNS_END
};
static const struct out_schema wait_schema = {
	.name = "bedplate.wait", .columns = wait_columns, .flags = OUT_ONE,
};
static const char *const event_words[] = { "created", "removed", "event", NULL };
static const struct out_column event_columns[] = {
	DOC_WORD("event", event_words, "what happened"),
	DOC("name", OUT_TEXT, "name of the device"),
	DOC("major", OUT_NUMBER, "major number"),
	DOC("minor", OUT_NUMBER, "minor number"),
	DOC("event_nr", OUT_NUMBER, "number of its last event"),
	OUT_COLUMNS_END
};
static const struct out_schema event_schema = {
	.name = "bedplate.event", .columns = event_columns, .flags = OUT_STREAM,
};
/* clang-format on */

static int run_wait(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_selector which = device_named(args->name);
	uint32_t event_nr = (uint32_t)args->event_nr;
	struct bp_device_info info;
	struct out *out;
	int r = 0;

	if (!cli_given(cli, "EVENT")) {
		r = bp_device_info(cli->ctx, &which, &info);
		event_nr = r < 0 ? 0 : info.event_nr;
	}
	if (r >= 0)
		r = bp_device_wait(cli->ctx, &which, event_nr, args->timeout_ms, &info);
	if (r < 0)
		return cli_fail(cli, args->name, r);
	if (!cli->json) {
		fprintf(cli->out, "%" PRIu32 "\n", info.event_nr);
		return EXIT_OK;
	}
	r = out_open(cli, NULL, &wait_schema, &out);
	if (r)
		return r;
	out_add(out, NULL, &info);
	return out_print(out);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The entry of the same device, or NULL: it was not there. */
static const struct bp_device_entry *find(const struct bp_device_list *list,
					  const struct bp_device_entry *entry)
{
	for (size_t i = 0; list && i < bp_device_list_count(list); i++) {
		const struct bp_device_entry *other = bp_device_list_get(list, i);

		if (other->major == entry->major && other->minor == entry->minor &&
		    streq(other->name, entry->name))
			return other;
	}
	return NULL;
}

/* One line of JSON, or of text, as soon as it is known: readers wait for it. */
static void print_event(struct cli *cli, const char *what, const struct bp_device_entry *entry)
{
	struct bp_json *json;

	if (!cli->json) {
		cli_print(cli, "%s %s %" PRIu32 "\n", what, entry->kernel_name,
			  entry->event_nr);
	} else if (cli_json_start(cli, &event_schema, &json) == 0) {
		bp_json_string(json, "event", what);
		bp_json_string(json, "name", entry->name);
		bp_json_uint(json, "major", entry->major);
		bp_json_uint(json, "minor", entry->minor);
		bp_json_uint(json, "event_nr", entry->event_nr);
		cli_json_line(json);
	}
}

/* Print what is different. Return: how many events that were. */
static uint64_t compare(struct cli *cli, const struct bp_device_list *old,
			const struct bp_device_list *new)
{
	uint64_t events = 0;

	for (size_t i = 0; i < bp_device_list_count(old); i++) {
		const struct bp_device_entry *entry = bp_device_list_get(old, i);

		if (!find(new, entry)) {
			print_event(cli, "removed", entry);
			events++;
		}
	}
	for (size_t i = 0; i < bp_device_list_count(new); i++) {
		const struct bp_device_entry *entry = bp_device_list_get(new, i);
		const struct bp_device_entry *before = find(old, entry);

		if (before && before->event_nr == entry->event_nr)
			continue;
		print_event(cli, before ? "event" : "created", entry);
		events++;
	}
	fflush(cli->out);
	return events;
}

/* Arm, list and compare, wait: in this order nothing is lost. Return: 0 or -errno. */
static int watch(struct cli *cli, const struct args *args, int fd, struct bp_device_list **list)
{
	int64_t end = args->timeout_ms > 0 ? now_ms() + args->timeout_ms : INT64_MAX;
	uint64_t seen = 0;

	for (;;) {
		struct bp_device_list *now;
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		int64_t left;
		int r = bp_event_arm(cli->ctx);

		if (r >= 0)
			r = bp_device_list(cli->ctx, &now);
		if (r < 0)
			return r;
		seen += compare(cli, *list, now);
		bp_device_list_free(*list);
		*list = now;
		left = end - now_ms();
		if (seen >= args->count || left <= 0 || ferror(cli->out))
			return 0;
		if (poll(&poll_fd, 1,
			 end == INT64_MAX   ? -1
			 : left > INT32_MAX ? INT32_MAX
					    : (int)left) < 0 &&
		    errno != EINTR)
			return -errno;
	}
}

static int run_events(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_device_list *list = NULL;
	int fd, r = bp_event_fd(cli->ctx, &fd);

	if (r >= 0)
		r = bp_event_arm(cli->ctx);
	if (r >= 0)
		r = bp_device_list(cli->ctx, &list);
	if (r >= 0)
		r = watch(cli, args, fd, &list);
	bp_device_list_free(list);
	return r < 0 ? cli_fail(cli, NULL, r) : EXIT_OK;
}

static const struct args no_end = { .count = UINT64_MAX };

const struct cmd cmd_wait = {
	.name = "wait",
	.group = "Devices",
	.summary = "Wait for an event of a device and print its number.",
	.opts = wait_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&wait_schema),
	.run = run_wait,
};

const struct cmd cmd_events = {
	.name = "events",
	.group = "Devices",
	.summary = "Print a line for each event, creation and removal of any device.",
	.opts = events_opts,
	.args_size = sizeof(struct args),
	.defaults = &no_end,
	.flags = CMD_READS,
	.schemas = SCHEMAS(&event_schema),
	.run = run_events,
};
