/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* "bedplate --schemas": every document that the program prints, as its commands declare them. */
#include "cli/internal.h"
#include "cli/out_data.h"

/* clang-format off */
static const char *const types[] = { "text", "number", "boolean", "object", "list", NULL };
static const char *const shapes[] = { "list", "object", "value", "stream", "null", NULL };

static const struct out_column member_columns[] = {
	DOC("name", OUT_TEXT, "name of the member"),
	DOC_WORD("type", types, "what it is; any may be null: not known, or none"),
	DOC("unit", OUT_TEXT, "what a number counts"),
	DOC("optional", OUT_BOOL, "not there where it does not apply"),
	DOC_LIST("words", NULL, "all that a text may be; null: any"),
	DOC_LIST("members", NULL, "the same of an object's, or of a list's objects; null: not declared"),
	DOC("help", OUT_TEXT, "what it tells"),
	OUT_COLUMNS_END
};
static const struct out_column schema_columns[] = {
	DOC("name", OUT_TEXT, "the document's \"schema\""),
	DOC("version", OUT_NUMBER, "the document's \"version\": another one where a member goes or changes"),
	DOC_WORD("shape", shapes, "what \"data\" is"),
	DOC_LIST("verbs", NULL, "names of the verbs that print it"),
	DOC("nested", OUT_BOOL, "each object has \"children\", objects like itself"),
	DOC("help", OUT_TEXT, "what it is"),
	DOC_LIST("members", member_columns, "of the object, of each of the list, or of a stream's line"),
	OUT_COLUMNS_END
};
/* clang-format on */
static const struct out_schema schemas_schema = {
	.name = "bedplate.schemas",
	.help = "This list.",
	.columns = schema_columns,
};

/* The types of JSON. */
const char *schema_type(const struct out_column *column)
{
	switch (column->kind) {
	case OUT_TEXT:
		return "text";
	case OUT_NUMBER:
	case OUT_SIZE:
	case OUT_PERCENT:
		return "number";
	case OUT_BOOL:
		return "boolean";
	case OUT_JSON:
		break;
	}
	return column->flags & OUT_MANY ? "list" : "object";
}

/* What the end of a member's name says of its unit. */
static const char *const units[] = { "bytes",   "sectors", "percent", "ms",
				     "dblocks", "mblocks", "s" };

/* The unit is part of the name: "size_bytes". NULL: a bare number. */
static const char *unit_of(const struct out_column *column)
{
	const char *tail = strrchr(column->name, '_');

	if (!streq(schema_type(column), "number"))
		return NULL;
	for (size_t i = 0; tail && i < ARRAY_SIZE(units); i++)
		if (streq(tail + 1, units[i]))
			return units[i];
	return NULL;
}

static const char *shape_of(const struct out_schema *schema)
{
	return !schema->columns             ? "null"
	       : schema->flags & OUT_STREAM ? "stream"
	       : schema->flags & OUT_ONE    ? "object"
	       : schema->flags & OUT_PLAIN  ? "value"
					    : "list";
}

/* Nested members likewise, to any depth the table has. */
static void members_json(const struct out_column *columns, struct bp_json *json)
{
	for (; columns && columns->name; columns++) {
		bp_json_object(json, NULL);
		bp_json_string(json, "name", columns->name);
		bp_json_string(json, "type", schema_type(columns));
		bp_json_string(json, "unit", unit_of(columns));
		bp_json_bool(json, "optional", columns->flags & OUT_OPTIONAL);
		if (columns->words)
			bp_json_array(json, "words");
		else
			bp_json_null(json, "words");
		for (size_t i = 0; columns->words && columns->words[i]; i++)
			bp_json_string(json, NULL, columns->words[i]);
		if (columns->words)
			bp_json_array_close(json);
		if (columns->members)
			bp_json_array(json, "members");
		else
			bp_json_null(json, "members");
		members_json(columns->members, json);
		if (columns->members)
			bp_json_array_close(json);
		bp_json_string(json, "help", columns->help);
		bp_json_object_close(json);
	}
}

static void member_text(const struct out_column *column, unsigned depth, FILE *to)
{
	const char *unit = unit_of(column);
	char left[96];

	snprintf(left, sizeof(left), "%*s%s %s%s%s", (int)(2 * depth), "", column->name,
		 schema_type(column), unit ? ", " : "", unit ? unit : "");
	cli_explain(to, left, column->help);
}

static void members_text(const struct out_column *columns, unsigned depth, FILE *to)
{
	for (; columns && columns->name; columns++) {
		member_text(columns, depth, to);
		members_text(columns->members, depth + 1, to);
	}
}

/* A command without schemas prints the empty document. */
static bool prints(const struct cmd *cmd, const struct out_schema *schema)
{
	char name[64];

	if (!cmd->schemas)
		return streq(schema_of(cmd, name, sizeof(name)), schema->name);
	for (size_t i = 0; cmd->schemas && cmd->schemas[i]; i++)
		if (streq(cmd->schemas[i]->name, schema->name))
			return true;
	return false;
}

/* The verbs that print it are found, not listed. */
static void schema_json(const struct out_schema *schema, const char *help, struct bp_json *json)
{
	bp_json_object(json, NULL);
	bp_json_string(json, "name", schema->name);
	bp_json_uint(json, "version", 1);
	bp_json_string(json, "shape", shape_of(schema));
	bp_json_array(json, "verbs");
	for (size_t i = 0; commands[i]; i++)
		if (prints(commands[i], schema))
			bp_json_string(json, NULL, commands[i]->name);
	bp_json_array_close(json);
	bp_json_bool(json, "nested", schema->flags & OUT_NESTED);
	bp_json_string(json, "help", schema->help ? schema->help : help);
	bp_json_array(json, "members");
	members_json(schema->columns, json);
	bp_json_array_close(json);
	bp_json_object_close(json);
}

static void schema_text(const struct out_schema *schema, const char *help, FILE *to)
{
	fprintf(to, "%s (%s): %s\n", schema->name, shape_of(schema),
		schema->help ? schema->help : help);
	members_text(schema->columns, 0, to);
	fputc('\n', to);
}

/* Was it told with an earlier command? */
static bool told(const struct out_schema *schema, size_t command, size_t index)
{
	for (size_t i = 0; i < command; i++)
		if (prints(commands[i], schema))
			return true;
	for (size_t i = 0; i < index; i++)
		if (streq(commands[command]->schemas[i]->name, schema->name))
			return true;
	return false;
}

static void tell(struct cli *cli, const struct out_schema *schema, const char *help,
		 struct bp_json *json)
{
	if (json)
		schema_json(schema, help, json);
	else
		schema_text(schema, help, cli->out);
}

/* A schema that several verbs print is told once. */
static void tell_command(struct cli *cli, size_t number, struct bp_json *json)
{
	const struct cmd *cmd = commands[number];
	char name[64];
	const struct out_schema none = { .name = schema_of(cmd, name, sizeof(name)) };

	if (!cmd->schemas)
		tell(cli, &none, cmd->summary, json);
	for (size_t j = 0; cmd->schemas && cmd->schemas[j]; j++)
		if (!told(cmd->schemas[j], number, j))
			tell(cli, cmd->schemas[j], cmd->summary, json);
}

/* Two of its own are in it as well: it describes itself. */
int schemas_print(struct cli *cli)
{
	struct bp_json *json = NULL;
	int r = cli->json ? cli_json_start(cli, &schemas_schema, &json) : 0;

	if (r < 0)
		return cli_fail(cli, NULL, r);
	if (json)
		bp_json_array(json, "data");
	for (size_t i = 0; commands[i]; i++)
		tell_command(cli, i, json);
	tell(cli, &columns_schema, NULL, json);
	tell(cli, &schemas_schema, NULL, json);
	if (!json)
		return EXIT_OK;
	bp_json_array_close(json);
	return cli_json_end(cli, json);
}
