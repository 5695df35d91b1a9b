/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages to targets: checked against what the target takes, unless told not to; the reply as it
 * came.
 */
#include "commands/common.h"

struct args {
	const char *name;
	uint64_t sector;
	struct cli_list words;
	bool no_check;
	int64_t timeout_ms;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(name, "NAME", DEVICE_HELP),
	OPT_OPERAND_NUMBER(sector, 0, UINT64_MAX, "SECTOR", "whose segment's target it is for; 0 in most tables"),
	OPT_FLAG(no_check, 0, "no-check", "send it even where the target is known not to understand it"),
	OPT_TIMEOUT(timeout_ms),
	OPT_REST(words, "MESSAGE", "the message, one word or several"),
	OPT_ANY("MESSAGE"),
	OPT_END
};
/* clang-format on */

/* The kernel takes one string: words are joined by a space each. */
static int join(const struct cli_list *words, char **ret)
{
	size_t len;
	FILE *f = open_memstream(ret, &len);

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < words->count; i++)
		fprintf(f, "%s%s", i ? " " : "", words->words[i]);
	return cli_text_end(f, ret) ? 0 : -ENOMEM;
}

/*
 * The target of the segment at a sector; "" for messages to the device itself ("@stats_...")
 * and where there is none.
 */
static const char *target_at(const struct bp_table *table, bp_sector sector, const char *text)
{
	for (size_t i = 0; text[0] != '@' && i < bp_table_count(table); i++) {
		const struct bp_segment *segment = bp_table_get(table, i);

		if (sector >= segment->start_sectors &&
		    sector - segment->start_sectors < segment->length_sectors)
			return segment->target;
	}
	return "";
}

/* What the ioctl takes, checked by the target's own list of messages. */
static int prepare(struct cli *cli, const struct args *args, const struct bp_selector *which,
		   const char *text, char **ret)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	int r = bp_device_table(cli->ctx, which, 0, &table);

	if (r < 0)
		return r;
	return bp_message_check(cli->ctx,
				args->no_check ? "" : target_at(table, args->sector, text),
				text, ret);
}

/* clang-format off */
static const struct out_column columns[] = {
	DOC("device", OUT_TEXT, "the device as it was named"),
	DOC("reply", OUT_TEXT, "what the target answered; most don't"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.message", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

/* A reply ends with a newline, whatever the target sent. */
static int print_reply(struct cli *cli, const struct args *args, const char *reply)
{
	struct bp_json *json;
	int r;

	if (!cli->json) {
		size_t len = strlen(reply);

		cli_print(cli, "%s%s", reply, len && reply[len - 1] != '\n' ? "\n" : "");
		return EXIT_OK;
	}
	r = cli_json_start(cli, &schema, &json);
	if (r < 0)
		return cli_fail(cli, args->name, r);
	bp_json_object(json, "data");
	bp_json_string(json, "device", args->name);
	bp_json_string(json, "reply", reply);
	bp_json_object_close(json);
	return cli_json_end(cli, json);
}

/* Few messages have a reply; without one nothing is printed. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(freep) char *text = NULL, *message = NULL, *reply = NULL;
	struct bp_selector which = device_named(args->name);
	int r = join(&args->words, &text);

	if (r >= 0)
		r = prepare(cli, args, &which, text, &message);
	if (r < 0)
		return cli_fail(cli, args->name, r);
	r = change_begin(cli);
	if (r)
		return r;
	r = bp_device_message(cli->ctx, &which, args->sector, message, args->timeout_ms,
			      &reply);
	if (r < 0 || cli->dry_run)
		return change_done(cli, args->name, r, "sent");
	return print_reply(cli, args, reply ? reply : "");
}

const struct cmd cmd_message = {
	.name = "message",
	.group = "Devices",
	.summary = "Send a message to a target and print its reply.",
	.examples = "  bedplate message pool 0 create_thin 7\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMAS(&schema, &plan_schema),
	.run = run,
};
