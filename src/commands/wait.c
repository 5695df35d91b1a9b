/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting for an event of one device. What happens to all: events.c. */
#include "commands/common.h"

#include <inttypes.h>

struct args {
	const char *name;
	uint64_t event_nr;
	int64_t timeout_ms;
	bool no_flush;
};

/* clang-format off */
static const struct cmd_opt wait_opts[] = {
	OPT_OPERAND(name, "NAME", DEVICE_HELP),
	OPT_OPERAND_NUMBER_OPTIONAL(event_nr, 0, UINT32_MAX, "EVENT", "wait until its number is another than this; without it: than now"),
	OPT_TIMEOUT(timeout_ms),
	OPT_FLAG(no_flush, 0, "noflush", "don't let targets commit first: the default, and the only way of this verb"),
	OPT_SYNONYM("no-flush", "noflush"),
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
/* clang-format on */

/* Without a number, the next event from now on. */
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

const struct cmd cmd_wait = {
	.name = "wait",
	.group = "Devices",
	.summary = "Wait for an event of a device and print its number.",
	.examples = "  bedplate wait pool --timeout 1min\n",
	.opts = wait_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&wait_schema),
	.run = run_wait,
};
