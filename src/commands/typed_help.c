/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What there is to type: options of targets as help, and what was meant by an unknown word. */
#include "commands/typed.h"

#include "commands/typed_names.h"

#include "core/near.h"

/* --- how an option is best typed --- */

static const char *best_text(struct cli *cli, const struct bp_target *target,
			     const struct bp_option *option, const char **ret_value,
			     char buf[TYPED_NAME_MAX * 2])
{
	size_t len = typed_best_name(target, option, ret_value);
	char name[TYPED_NAME_MAX];

	snprintf(name, sizeof(name), "%.*s", (int)len, option->name);
	for (char *c = name; *c; c++)
		*c = *c == '_' ? '-' : *c;
	/* The command's own option goes first: then the target's name must stand in front. */
	snprintf(buf, TYPED_NAME_MAX * 2, "%s%s%s",
		 cli_has_option(cli, name) ? bp_target_name(target) : "",
		 cli_has_option(cli, name) ? "-" : "", name);
	return buf;
}

/* "--offset=SIZE", "--legs='DEV OFFSET_SECTORS'". */
static void add_option(struct cli *cli, const struct bp_target *target,
		       const struct bp_option *option, FILE *to)
{
	char name[TYPED_NAME_MAX * 2];
	const char *value;

	fprintf(to, "--%s", best_text(cli, target, option, &value, name));
	if (value)
		fprintf(to, option->form ? "='%s'" : "=%s", value);
}

/* --- what was meant --- */

static const char *next_target(void *user)
{
	const struct bp_target *target;

	return bp_target_next(user, &target) == 0 ? bp_target_name(target) : NULL;
}

static bool takes_device(const struct bp_option *option)
{
	return option->kind == BP_OPTION_DEVICE ||
	       (option->form && strstr(option->form, "DEV"));
}

/* "--legs='DEV OFFSET_SECTORS'": the options by which a target gets its devices. NULL: none. */
static char *device_options(struct cli *cli, const struct bp_target *target)
{
	_cleanup_(freep) char *text = NULL;
	struct bp_option_iter *iter;
	struct bp_option option;
	unsigned nr = 0;
	size_t size;
	FILE *f;

	if (bp_option_iter_new(target, &iter) < 0)
		return NULL;
	f = open_memstream(&text, &size);
	while (f && bp_option_next(iter, &option) == 0) {
		if (!takes_device(&option) || !option.required)
			continue;
		fputs(nr++ ? " and " : "", f);
		add_option(cli, target, &option, f);
	}
	bp_option_iter_free(iter);
	return cli_text_end(f, &text) && nr ? steal(text) : NULL;
}

/* A device or a number behind a target is meant to be one of its arguments. */
static int not_by_name(struct cli *cli, const char *target, const char *word)
{
	_cleanup_(freep) char *hint = NULL, *devices = NULL;
	bool device = *word == '/' || strchr(word, ':');

	if (device && bp_target_get(target))
		devices = device_options(cli, bp_target_get(target));
	if (asprintf(
		    &hint,
		    "--help behind '%s' lists them; --table takes a line as the kernel has it: "
		    "'START LENGTH %s ...'",
		    target, target) < 0)
		hint = NULL;
	return cli_usage_hint(cli, hint, "'%s': options of %s are given by name, such as %s",
			      word, target, devices ? devices : "--size=SIZE");
}

/* Digits and slashes behind a target are most likely operands of the old kind. */
int typed_no_target(struct cli *cli, const struct cli_list *targets, size_t index)
{
	const char *name = targets->words[index], *near;
	_cleanup_(freep) char *hint = NULL;
	size_t it = 0;

	if (index && strspn(name, "/0123456789"))
		return not_by_name(cli, targets->words[index - 1], name);
	near = near_word(name, next_target, &it);
	if (near && asprintf(&hint, "did you mean '%s'?", near) < 0)
		hint = NULL;
	return cli_usage_hint(cli,
			      hint ? hint
				   : "'bedplate targets' lists the targets; --table and "
				     "--table-file take whole tables",
			      "unknown target '%s'", name);
}

/* The names of a target's options as typed, for near_word(). */
struct spellings {
	char (*names)[TYPED_NAME_MAX * 2];
	size_t count, next;
};

static const char *next_spelling(void *user)
{
	struct spellings *s = user;

	return s->next < s->count ? s->names[s->next++] : NULL;
}

/* For near words only: what memory has no room for is not suggested. */
static void spell_all(struct cli *cli, const struct bp_target *target, struct spellings *s)
{
	struct bp_option_iter *iter;
	struct bp_option option;
	const char *value;

	if (bp_option_iter_new(target, &iter) < 0)
		return;
	while (bp_option_next(iter, &option) == 0) {
		void *more = reallocarray(s->names, s->count + 1, sizeof(*s->names));

		if (!more)
			break;
		s->names = more;
		best_text(cli, target, &option, &value, s->names[s->count++]);
	}
	bp_option_iter_free(iter);
}

/* "dev", "device", "metadata-dev": is a device meant? */
static bool means_device(const char *name)
{
	const char *last = strrchr(name, '-');

	last = last ? last + 1 : name;
	return streq(last, "dev") || streq(last, "device") || streq(last, "devices") ||
	       streq(last, "disk") || streq(last, "path");
}

/* What to type instead of @name. NULL: nothing near. */
static char *meant_instead(struct cli *cli, const struct bp_target *target, const char *name)
{
	struct spellings spellings = { 0 };
	_cleanup_(freep) char *devices = NULL;
	const char *near = NULL;
	char *hint = NULL;
	int r = 0;

	spell_all(cli, target, &spellings);
	near = near_word(name, next_spelling, &spellings);
	if (!near && means_device(name))
		devices = device_options(cli, target);
	if (near)
		r = asprintf(&hint, "did you mean '--%s'?", near);
	else if (devices)
		r = asprintf(&hint, "%s has %s", bp_target_name(target), devices);
	else
		r = asprintf(&hint, "--help behind '%s' lists its options",
			     bp_target_name(target));
	free(spellings.names);
	return r < 0 ? NULL : hint;
}

/* 0: no target at all, so the general message does. */
int typed_unknown(struct cli *cli, const struct cli_list *targets, const char *name)
{
	const struct bp_target *target;
	_cleanup_(freep) char *hint = NULL;

	for (size_t i = 0; i < targets->count; i++)
		if (!bp_target_get(targets->words[i]))
			return typed_no_target(cli, targets, i);
	if (!targets->count)
		return 0;
	target = bp_target_get(targets->words[targets->count - 1]);
	hint = meant_instead(cli, target, name);
	return cli_usage_hint(cli, hint, "unknown option '--%s' of %s", name,
			      bp_target_name(target));
}

/* --- help --- */

/* What it is, its words, its default: from the target's description alone. */
static void print_option(struct cli *cli, const struct bp_target *target,
			 const struct bp_option *option)
{
	_cleanup_(freep) char *left = NULL, *help = NULL;
	size_t left_size, help_size;
	FILE *f = open_memstream(&left, &left_size);

	if (f) {
		fputs("    ", f);
		add_option(cli, target, option, f);
	}
	if (!cli_text_end(f, &left)) {
		cli_lost(cli);
		return;
	}
	f = open_memstream(&help, &help_size);
	if (!f) {
		cli_lost(cli);
		return;
	}
	fprintf(f, "%s", option->help ? option->help : "");
	for (size_t i = 0; option->choices && option->choices[i]; i++)
		fprintf(f, "%s%s", i ? ", " : ": ", option->choices[i]);
	if (option->default_value)
		fprintf(f, "; default %s", option->default_value);
	if (option->usual_value && option->usual_value[0] == '%')
		fprintf(f, "; default: the size of %s", strchr(option->usual_value, ':') + 1);
	else if (option->required && option->usual_value)
		fprintf(f, "; default %s", option->usual_value);
	else
		fprintf(f, "%s", option->required ? " (needed)" : "");
	if (cli_text_end(f, &help))
		cli_explain(cli->out, left, help);
	else
		cli_lost(cli);
}

/* Without a target the list of them. */
void typed_help(struct cli *cli, const struct cli_list *targets)
{
	const char *name = targets->count ? targets->words[targets->count - 1] : NULL;
	const struct bp_target *target = name ? bp_target_get(name) : NULL;
	struct bp_option_iter *iter;
	struct bp_option option;
	size_t it = 0;

	if (!target) {
		fprintf(cli->out, "\nTargets ('--help' behind one tells its options):\n");
		while (bp_target_next(&it, &target) == 0)
			cli_explain(cli->out, bp_target_name(target),
				    bp_target_summary(target));
		return;
	}
	fprintf(cli->out, "\nOptions of %s (%s):\n", name, bp_target_summary(target));
	cli_explain(cli->out, "    --size=SIZE",
		    "length of the segment; without it, what its devices have");
	cli_explain(cli->out, "    --start=SIZE",
		    "where it begins; without it, behind the last one");
	if (bp_option_iter_new(target, &iter) < 0)
		return;
	while (bp_option_next(iter, &option) == 0)
		print_option(cli, target, &option);
	bp_option_iter_free(iter);
}
