/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one document of --json: schema, version, data, what failed, warnings. It is printed whatever
 * happens, by the command or, where that came to no data, by cli_main(); a stream (OUT_STREAM)
 * ends in a line of it where it failed.
 */
#include "cli/internal.h"
#include "cli/out_data.h"

void warnings_free(struct cli *cli)
{
	for (size_t i = 0; i < cli->nr_warnings; i++)
		free(cli->warnings[i]);
	free(cli->warnings);
	cli->warnings = NULL;
	cli->nr_warnings = 0;
}

void errors_free(struct cli *cli)
{
	for (size_t i = 0; i < cli->nr_errors; i++) {
		free(cli->errors[i].subject);
		free(cli->errors[i].json);
	}
	free(cli->errors);
	cli->errors = NULL;
	cli->nr_errors = 0;
}

/* A failure that can't be kept is told all the same, at the end. */
void errors_add(struct cli *cli, const char *subject, const char *json)
{
	struct cli_error *more =
		reallocarray(cli->errors, cli->nr_errors + 1, sizeof(*cli->errors));
	struct cli_error *e;

	cli->errors = more ? more : cli->errors;
	if (!more || !json) {
		cli_lost(cli);
		return;
	}
	e = &more[cli->nr_errors];
	e->subject = subject ? strdup(subject) : NULL;
	e->json = strdup(json);
	if (e->json)
		cli->nr_errors++;
	else
		free(e->subject);
	cli->lost = cli->lost || !e->json || (subject && !e->subject);
}

/* "error" is the first, which mostly is the only one; "errors" are all where there are several. */
static void errors_json(const struct cli *cli, struct bp_json *json)
{
	if (!cli->nr_errors)
		return;
	bp_json_string(json, "verb", cli->cmd ? cli->cmd->name : NULL);
	bp_json_string(json, "subject", cli->errors[0].subject);
	bp_json_raw(json, "error", cli->errors[0].json);
	if (cli->nr_errors == 1)
		return;
	bp_json_array(json, "errors");
	for (size_t i = 0; i < cli->nr_errors; i++) {
		bp_json_object(json, NULL);
		bp_json_string(json, "subject", cli->errors[i].subject);
		bp_json_raw(json, "error", cli->errors[i].json);
		bp_json_object_close(json);
	}
	bp_json_array_close(json);
}

static void warnings_json(struct cli *cli, struct bp_json *json)
{
	bp_json_array(json, "warnings");
	for (size_t i = 0; i < cli->nr_warnings; i++)
		bp_json_string(json, NULL, cli->warnings[i]);
	for (size_t i = 0; cli->ctx && i < bp_warnings_count(cli->ctx); i++)
		bp_json_string(json, NULL, bp_warning_get(cli->ctx, i));
	bp_json_array_close(json);
}

static int write_out(void *user, const char *text, size_t len)
{
	struct cli *cli = user;

	errno = 0;
	if (fwrite(text, 1, len, cli->out) == len)
		return 0;
	return errno ? -errno : -EIO;
}

/* "flat" documents have one line a record, for those who read while it is written. */
static int begin(struct cli *cli, const char *schema, bool flat, struct bp_json **ret)
{
	int r = bp_json_new(write_out, cli, ret);

	if (r < 0)
		return r;
	cli->json_begun = true;
	if (flat)
		bp_json_flat(*ret);
	bp_json_object(*ret, NULL);
	bp_json_string(*ret, "schema", schema);
	bp_json_uint(*ret, "version", 1);
	return 0;
}

int cli_json_start(struct cli *cli, const struct out_schema *schema, struct bp_json **ret)
{
	return begin(cli, schema->name, schema->flags & OUT_STREAM, ret);
}

static int end(struct cli *cli, struct bp_json *json)
{
	int r;

	bp_json_object_close(json);
	r = bp_json_end(json);
	bp_json_free(json);
	/* Failed writes are told once, when main finds the stream in error. */
	if (r == -ENOMEM)
		cli_lost(cli);
	return r < 0 ? EXIT_FAILED : EXIT_OK;
}

int cli_json_end(struct cli *cli, struct bp_json *json)
{
	errors_json(cli, json);
	warnings_json(cli, json);
	return end(cli, json);
}

int cli_json_fail(struct cli *cli, struct bp_json *json, const char *subject, int r)
{
	cli_fail(cli, subject, r);
	bp_json_unwind(json, 1);
	cli_json_end(cli, json);
	return EXIT_FAILED;
}

int cli_json_line(struct cli *cli, struct bp_json *json)
{
	return end(cli, json);
}

/* A verb without a schema is called bedplate.VERB. */
const char *schema_of(const struct cmd *cmd, char *buf, size_t size)
{
	if (cmd && cmd->schemas)
		return cmd->schemas[0]->name;
	snprintf(buf, size, "bedplate.%s", cmd ? cmd->name : "error");
	for (char *c = buf; *c; c++)
		if (*c == ' ')
			*c = '.';
	return buf;
}

/* Something must stand in the output under --json, also where the verb printed nothing. */
int envelope_empty(struct cli *cli)
{
	const struct out_schema *schema =
		cli->cmd && cli->cmd->schemas ? cli->cmd->schemas[0] : NULL;
	char name[64];
	struct bp_json *json;

	if (begin(cli, schema_of(cli->cmd, name, sizeof(name)),
		  schema && schema->flags & OUT_STREAM, &json) < 0) {
		cli_lost(cli);
		return EXIT_FAILED;
	}
	bp_json_null(json, "data");
	return cli_json_end(cli, json);
}
