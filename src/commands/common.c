/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the device verbs share: naming devices, plans, results; see common.h. */
#include "commands/common.h"

#include "core/near.h"

#include <ctype.h>

#define LOG_MAX_BYTES ((size_t)256 << 20)

const char *const udev_policies[] = {
	[BP_UDEV_PUBLIC] = "public",
	[BP_UDEV_PRIVATE] = "private",
	[BP_UDEV_NONE] = "none",
	NULL,
};

struct bp_selector device_named(const char *text)
{
	struct bp_selector which;

	bp_selector_parse(text, &which);
	return which;
}

const char *selector_text(const struct bp_selector *which)
{
	return which->name ? which->name : which->path ? which->path : which->uuid;
}

/* clang-format off */
static const struct out_column step_columns[] = {
	COL_TEXT(struct bp_plan_step, verb, OUT_DEFAULT, "what would be done"),
	COL_TEXT(struct bp_plan_step, device, OUT_DEFAULT, "to which device"),
	COL_TEXT(struct bp_plan_step, detail, OUT_DEFAULT, "table, message, new name"),
	OUT_COLUMNS_END
};
/* clang-format on */
const struct out_schema plan_schema = {
	.name = "bedplate.plan",
	.help = "What would be done, by --dry-run.",
	.columns = step_columns,
};

static void print_step(struct cli *cli, const struct bp_plan_step *step)
{
	const char *detail = step->detail ? step->detail : "";
	size_t len = strcspn(detail, "\n");

	cli_print(cli, "would %s %s", step->verb, step->device);
	/* One line goes behind, several below. */
	if (*detail && (!detail[len] || !detail[len + 1]))
		cli_print(cli, ": %.*s\n", (int)len, detail);
	else
		cli_print(cli, "\n");
	while (detail[len] && detail[len + 1]) {
		cli_print(cli, "  %.*s\n", (int)len, detail);
		detail += len + 1;
		len = strcspn(detail, "\n");
		if (!detail[len] || !detail[len + 1])
			cli_print(cli, "  %.*s\n", (int)len, detail);
	}
}

/* Text step by step, JSON in the envelope. */
static int print_plan(struct cli *cli, const struct bp_plan *plan)
{
	struct out *out;
	int r = out_open(cli, NULL, &plan_schema, &out);

	if (r)
		return r;
	for (size_t i = 0; i < bp_plan_count(plan); i++) {
		if (cli->json)
			out_add(out, NULL, bp_plan_get(plan, i));
		else
			print_step(cli, bp_plan_get(plan, i));
	}
	return out_print(out);
}

int change_begin(struct cli *cli)
{
	int r = cli->dry_run ? bp_plan_start(cli->ctx) : 0;

	return r < 0 ? cli_fail(cli, NULL, r) : EXIT_OK;
}

/* What a dry run would have asked of the kernel, taken from the context. */
static int plan_end(struct cli *cli)
{
	struct bp_plan *plan;
	int r = bp_plan_take(cli->ctx, &plan);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	r = print_plan(cli, plan);
	bp_plan_free(plan);
	return r;
}

static void drop_plan(struct cli *cli)
{
	struct bp_plan *plan;

	if (cli->dry_run && bp_plan_take(cli->ctx, &plan) == 0)
		bp_plan_free(plan);
}

const char *devno_text(char *buf, uint32_t major, uint32_t minor)
{
	snprintf(buf, DEVNO_TEXT, "%u:%u", major, minor);
	return buf;
}

void device_unknown(struct cli *cli, uint32_t major, uint32_t minor, int r)
{
	if (r < 0 && r != -ENXIO)
		cli_warn(cli, "%u:%u: %s", major, minor, bp_errmsg(cli->ctx));
}

/*
 * Unknown is said as that: the device may be gone meanwhile. @ret->targets are names once
 * each, as many as fit.
 */
void device_about(struct cli *cli, uint32_t major, uint32_t minor, struct device_about *ret)
{
	struct bp_selector which = { .major = major, .minor = minor };
	struct bp_device_info info;
	struct bp_table *table;
	size_t len = 0;
	int r;

	*ret = (struct device_about){ .size_bytes = OUT_UNKNOWN };
	r = bp_device_info(cli->ctx, &which, &info);
	if (r == 0)
		memcpy(ret->path, info.path, sizeof(ret->path));
	device_unknown(cli, major, minor, r);
	r = bp_device_table(cli->ctx, &which, 0, &table);
	device_unknown(cli, major, minor, r);
	if (r < 0)
		return;
	ret->size_bytes = bp_sector_to_bytes(bp_table_length(table));
	for (size_t i = 0; i < bp_table_count(table); i++) {
		const char *target = bp_table_get(table, i)->target;
		size_t more = strlen(target);
		bool seen = false;

		for (size_t j = 0; j < i; j++)
			seen = seen || streq(bp_table_get(table, j)->target, target);
		if (seen || len + more + 2 > sizeof(ret->targets))
			continue;
		len += (size_t)sprintf(ret->targets + len, "%s%s", len ? "," : "", target);
	}
	bp_table_free(table);
}

struct change {
	const char *device, *result;
};
/* clang-format off */
const struct out_column change_columns[] = {
	COL_TEXT(struct change, device, OUT_DEFAULT, "the device as it was named"),
	COL_TEXT(struct change, result, OUT_DEFAULT, "what was done to it"),
	OUT_COLUMNS_END
};
/* clang-format on */

/* What was done is told to programs only: people see that there was no error. */
static void add_result(struct cli *cli, struct out *out, const char *device, const char *done)
{
	if (cli->json)
		out_add(out, NULL, &(struct change){ device, done });
}

/* A dry run's plan is printed only where nothing failed. */
int change_done(struct cli *cli, const char *subject, int r, const char *done)
{
	struct out *out;

	if (r < 0) {
		r = cli_fail(cli, subject, r);
		drop_plan(cli);
		return r;
	}
	if (cli->dry_run)
		return plan_end(cli);
	r = out_open(cli, NULL, cli->cmd->schemas[0], &out);
	if (r)
		return r;
	add_result(cli, out, subject, done);
	return out_print(out);
}

int changes_begin(struct cli *cli, const struct cli_list *names, struct changes *ret)
{
	int r = change_begin(cli);

	*ret = (struct changes){ .cli = cli, .names = names };
	return r ? r : out_open(cli, NULL, cli->cmd->schemas[0], &ret->out);
}

void changes_add(struct changes *changes, size_t index, int r, const char *done)
{
	const char *name = changes->names->words[index];

	if (r < 0)
		changes->worst = cli_fail(changes->cli, name, r);
	else
		add_result(changes->cli, changes->out, name, done);
}

/* The worst status of all, after all of them were told. */
int changes_end(struct changes *changes)
{
	int r;

	if (changes->cli->dry_run) {
		out_freep(&changes->out);
		r = plan_end(changes->cli);
	} else {
		r = out_print(changes->out);
	}
	return changes->worst ? changes->worst : r;
}

/* One that fails doesn't keep the others from being tried. */
int change_each(struct cli *cli, const struct cli_list *names, const void *args,
		int (*one)(struct cli *cli, const void *args, const struct bp_selector *which,
			   const char **ret_done))
{
	struct changes changes;
	int r = changes_begin(cli, names, &changes);

	if (r)
		return r;
	for (size_t i = 0; i < names->count; i++) {
		struct bp_selector which = device_named(names->words[i]);
		const char *done = NULL;

		r = one(cli, args, &which, &done);
		changes_add(&changes, i, r, done);
	}
	return changes_end(&changes);
}

/* No names mean all devices. */
int devices_init(struct cli *cli, const struct cli_list *names, struct devices *ret)
{
	int r;

	*ret = (struct devices){ .names = names };
	if (names->count)
		return EXIT_OK;
	r = bp_device_list(cli->ctx, &ret->list);
	return r < 0 ? cli_fail(cli, NULL, r) : EXIT_OK;
}

void devices_done(struct devices *devices)
{
	bp_device_list_free(devices->list);
	devices->list = NULL;
}

size_t devices_count(const struct devices *devices)
{
	return devices->list ? bp_device_list_count(devices->list) : devices->names->count;
}

struct bp_selector devices_get(const struct devices *devices, size_t index)
{
	if (devices->list)
		return (struct bp_selector){
			.name = bp_device_list_get(devices->list, index)->name,
		};
	return device_named(devices->names->words[index]);
}

bool devices_went(const struct devices *devices, int r)
{
	return r == -ENXIO && devices->list;
}

/* Failures are told at once and remembered, the rest goes on. */
static int add_each(struct cli *cli, const struct devices *devices,
		    int (*add)(struct cli *cli, const struct bp_selector *which, void *user),
		    void *user)
{
	int worst = EXIT_OK, r;

	for (size_t i = 0; i < devices_count(devices); i++) {
		struct bp_selector which = devices_get(devices, i);

		r = add(cli, &which, user);
		if (r < 0 && !devices_went(devices, r))
			worst = cli_fail(cli, selector_text(&which), r);
	}
	return worst;
}

int ask_each(struct cli *cli, const struct cli_list *names,
	     int (*add)(struct cli *cli, const struct bp_selector *which, void *user),
	     void *user)
{
	_cleanup_(devices_donep) struct devices devices = { 0 };
	int r = devices_init(cli, names, &devices);

	return r ? r : add_each(cli, &devices, add, user);
}

/* What could be read is printed, even where something could not. */
int print_each(struct cli *cli, const struct cli_list *names, struct out **out,
	       int (*add)(struct cli *cli, const struct bp_selector *which, void *user),
	       void *user)
{
	_cleanup_(devices_donep) struct devices devices = { 0 };
	int r = devices_init(cli, names, &devices), worst;

	if (r)
		return r;
	worst = add_each(cli, &devices, add, user);
	r = out_print(steal(*out));
	return worst ? worst : r;
}

/*
 * A text with a NUL byte is a file that lost its end, or no text: what stands behind would go
 * unheeded.
 */
static int fail_nul(struct cli *cli, const char *path, size_t at)
{
	return cli_failf(cli, streq(path, "-") ? NULL : path,
			 "zeros in a file are often what a crash left of its end",
			 "byte %zu is NUL: this is no text", at);
}

/* All up to the first NUL byte, which is told by @ret_nul. */
static int read_piece(FILE *f, char **ret, size_t *ret_len, bool *ret_nul)
{
	size_t size = 0;
	ssize_t n;

	errno = 0;
	n = getdelim(ret, &size, '\0', f);
	if (n < 0 && !feof(f)) /* ferror() does not know that there was no memory */
		return errno ? -errno : -EIO;
	/* Nothing read leaves a buffer in which nothing was written, not even its end. */
	if (n < 0) {
		free(*ret);
		*ret = strdup("");
		n = 0;
	}
	*ret_nul = n > 0 && !(*ret)[n - 1];
	*ret_len = (size_t)n;
	return *ret ? 0 : -ENOMEM;
}

/* A NUL would cut the text unseen: it is refused, with its place. */
int read_text(struct cli *cli, const char *path, char **ret)
{
	FILE *f = streq(path, "-") ? stdin : fopen(path, "re");
	_cleanup_(freep) char *text = NULL;
	size_t len = 0;
	bool nul = false;
	int r;

	if (!f)
		return cli_fail(cli, path, -errno);
	r = read_piece(f, &text, &len, &nul);
	if (f != stdin)
		fclose(f);
	if (r < 0)
		return cli_fail(cli, path, r);
	if (nul)
		return fail_nul(cli, path, len - 1);
	*ret = steal(text);
	return EXIT_OK;
}

/* All of a stream, in a buffer that doubles. */
static int read_whole(FILE *f, char **text, size_t *ret_len)
{
	size_t size = 0, len = 0, n = 1;

	while (n) {
		if (len + 1 >= size) {
			char *more = realloc(*text, size = size ? 2 * size : 65536);

			if (!more)
				return -ENOMEM;
			*text = more;
		}
		n = fread(*text + len, 1, size - len - 1, f);
		len += n;
		if (len > LOG_MAX_BYTES)
			return -EFBIG;
	}
	(*text)[len] = '\0';
	*ret_len = len;
	return ferror(f) ? -EIO : 0;
}

/* Logs of a kernel may hold anything: NULs become spaces. */
int read_log(struct cli *cli, const char *path, char **ret)
{
	FILE *f = streq(path, "-") ? stdin : fopen(path, "re");
	_cleanup_(freep) char *text = NULL;
	size_t len = 0;
	int r;

	if (!f)
		return cli_fail(cli, path, -errno);
	r = read_whole(f, &text, &len);
	if (f != stdin)
		fclose(f);
	if (r < 0)
		return cli_fail(cli, path, r);
	for (size_t i = 0; i < len; i++)
		if (!text[i])
			text[i] = ' ';
	*ret = steal(text);
	return EXIT_OK;
}

/* A number and blanks at @text: what is behind them, or NULL. */
static const char *skip_number(const char *text)
{
	size_t digits = strspn(text, "0123456789"), blanks = strspn(text + digits, " \t");

	return digits && blanks ? text + digits + blanks : NULL;
}

/*
 * "[NAME:] START LENGTH TARGET ...": two numbers and a word make it one, a name of a device
 * does not.
 */
bool pasted_line(const char *text, struct pasted *ret)
{
	const char *at = text + strspn(text, " \t\n");
	size_t len = strcspn(at, " \t\n");
	struct pasted p = { 0 };

	if (len > 1 && at[len - 1] == ':') {
		p.name = at;
		p.name_len = len - 1;
		at += len + strspn(at + len, " \t");
	}
	p.line = at;
	at = skip_number(at);
	at = at ? skip_number(at) : NULL;
	if (!at || !isalpha((unsigned char)*at))
		return false;
	if (ret)
		*ret = p;
	return true;
}

bool is_pasted(const struct cli_list *operands)
{
	return operands->count == 1 &&
	       (streq(operands->words[0], "-") || pasted_line(operands->words[0], NULL));
}

/* "-" reads from standard input. */
int pasted_text(struct cli *cli, const struct cli_list *operands, const char *text,
		const char *file, char **ret)
{
	const char *operand = is_pasted(operands) ? operands->words[0] : NULL;

	if (operand && streq(operand, "-"))
		return read_text(cli, "-", ret);
	if (file && !operand)
		return read_text(cli, file, ret);
	*ret = strdup(operand ? operand : text);
	return *ret ? EXIT_OK : cli_fail(cli, NULL, -ENOMEM);
}

/* Failures in a word need no subject: the message quotes it. */
int table_given(struct cli *cli, const char *text, const char *file, uint32_t flags,
		struct bp_table **ret)
{
	_cleanup_(freep) char *content = NULL;
	int r = 0;

	if (!text)
		r = read_text(cli, file, &content);
	if (r)
		return r;
	r = bp_table_parse(cli->ctx, text ? text : content, flags, ret);
	return r < 0 ? cli_fail(cli, text ? NULL : file, r) : EXIT_OK;
}

/* One character of JSON to @to, an escaped one with its backslash; returns where the next goes. */
static char *copy_char(const char **p, bool *in_string, char *to)
{
	if (*in_string && **p == '\\')
		*to++ = *(*p)++;
	else if (**p == '"')
		*in_string = !*in_string;
	*to++ = **p;
	return to;
}

/* JSON without its line breaks and indents, which would not fit where it is put. */
static char *compact(const char *json)
{
	char *copy = calloc(strlen(json) + 1, 1), *to = copy;
	bool in_string = false;

	for (const char *p = json; copy && *p; p++)
		if (!in_string && *p == '\n')
			p += strspn(p + 1, " ");
		else
			to = copy_char(&p, &in_string, to);
	return copy;
}

/* One value as compact text, for a field of a row. */
int json_of(int (*write)(const void *user, struct bp_json *json), const void *user, char **ret)
{
	struct bp_json *json;
	int r = bp_json_new(NULL, NULL, &json);

	if (r < 0)
		return r;
	r = write(user, json);
	if (r >= 0)
		r = bp_json_end(json);
	if (r >= 0) {
		*ret = compact(bp_json_text(json, NULL));
		r = *ret ? 0 : -ENOMEM;
	}
	bp_json_free(json);
	return r;
}

static const char *next_target(void *user)
{
	const struct bp_target *target;

	return bp_target_next(user, &target) == 0 ? bp_target_name(target) : NULL;
}

/* Known here or by the running kernel: a module that isn't loaded yet may be either. */
int target_exists(struct cli *cli, const char *name)
{
	_cleanup_(freep) char *hint = NULL;
	struct bp_kernel_target entry;
	const char *near;
	size_t it = 0;

	if (bp_target_get(name) || bp_kernel_target_version(cli->ctx, name, &entry) == 0)
		return 0;
	near = near_word(name, next_target, &it);
	if (near && asprintf(&hint, "did you mean '%s'?", near) < 0)
		hint = NULL;
	return cli_usage_hint(cli, hint ? hint : "'bedplate targets' lists them",
			      "--target: there is no target '%s'", name);
}
