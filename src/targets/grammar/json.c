/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A struct as a JSON object, by the names of the grammar; what is not given is left out. */
#include "targets/grammar/secret.h"

#include <bedplate/json.h>

static void json_arg(const struct arg *arg, const void *base, const void *up, bool secrets,
		     struct bp_json *json);

/* A secret is null, not left out: whoever reads it sees that there is one. */
static void json_text(const struct arg *arg, const void *base, bool secrets,
		      struct bp_json *json)
{
	const char *text = arg_pointer_get(arg, base);

	if (!text)
		return;
	if (!secrets && part_hides(arg, text))
		bp_json_null(json, arg->name);
	else
		bp_json_string(json, arg->name, text);
}

/* An empty list is [] and not null: programs loop over it. */
static void json_words(const struct arg *arg, const void *base, const void *up,
		       struct bp_json *json)
{
	const char *const *words = arg_pointer_get(arg, base);
	size_t nr = words ? arg_list_count(arg, base, up) : 0;

	bp_json_array(json, arg->name);
	for (size_t i = 0; i < nr; i++)
		bp_json_string(json, NULL, words[i]);
	bp_json_array_close(json);
}

/* A list of structs, or of plain numbers. */
static void json_list(const struct arg *arg, const void *base, const void *up, bool secrets,
		      struct bp_json *json)
{
	const char *items = arg_pointer_get(arg, base);
	size_t nr = items ? arg_list_count(arg, base, up) : 0;
	const bool plain = args_count(arg->args) == 1 && arg->args->kind == KIND_NUMBER &&
			   arg->args->size == arg->size;

	bp_json_array(json, arg->name);
	for (size_t i = 0; i < nr; i++) {
		const void *item = items + i * arg->size;

		if (plain) {
			bp_json_uint(json, NULL, arg_number_get(arg->args, item));
			continue;
		}
		bp_json_object(json, NULL);
		args_json(arg->args, item, base, secrets, json);
		bp_json_object_close(json);
	}
	bp_json_array_close(json);
}

static void json_struct(const struct arg *arg, const void *item, const void *base, bool secrets,
			struct bp_json *json)
{
	if (!item)
		return;
	bp_json_object(json, arg->name);
	args_json(arg->args, item, base, secrets, json);
	bp_json_object_close(json);
}

/* The word of a choice; nothing where it is not given. */
static void json_choice(const struct arg *arg, const void *base, struct bp_json *json)
{
	const char *word = arg_choice_word(arg, arg_choice_get(arg, base));

	if (word)
		bp_json_string(json, arg->name, word);
}

static void json_maybe(const struct arg *arg, const void *base, struct bp_json *json)
{
	const struct bp_number *number = arg_at_const(arg, base);

	if (number->is_set)
		bp_json_uint(json, arg->name, number->value);
}

/*
 * The document's shape is the struct's: words of the line that only structure it (counts,
 * literals) are not in it.
 */
static void json_arg(const struct arg *arg, const void *base, const void *up, bool secrets,
		     struct bp_json *json)
{
	switch (arg->kind) {
	case KIND_DEV:
	case KIND_TEXT:
		json_text(arg, base, secrets, json);
		break;
	case KIND_NUMBER:
		bp_json_uint(json, arg->name, arg_number_get(arg, base));
		break;
	case KIND_MAYBE:
		json_maybe(arg, base, json);
		break;
	case KIND_SIGNED:
		if (arg_is_set(arg, base))
			bp_json_int(json, arg->name, arg_choice_get(arg, base));
		break;
	case KIND_CHOICE:
		json_choice(arg, base, json);
		break;
	case KIND_FLAG:
		bp_json_bool(json, arg->name, arg_is_set(arg, base));
		break;
	case KIND_EACH:
	case KIND_PAIRS:
		json_list(arg, base, up, secrets, json);
		break;
	case KIND_WORDS:
		json_words(arg, base, up, json);
		break;
	case KIND_RECORD:
		json_struct(arg, arg_at_const(arg, base), base, secrets, json);
		break;
	case KIND_POINTER:
		json_struct(arg, arg_pointer_get(arg, base), base, secrets, json);
		break;
	case KIND_WHEN:
		if (!arg_when(arg, base))
			break;
		args_json(arg->args, base, up, secrets, json);
		break;
	case KIND_GROUP:
	case KIND_OPTIONS:
	case KIND_SPLIT:
		args_json(arg->args, base, up, secrets, json);
		break;
	case KIND_END:
	case KIND_LITERAL:
	case KIND_COUNT:
	case KINDS:
		break;
	}
}

void args_json(const struct arg *args, const void *base, const void *up, bool secrets,
	       struct bp_json *json)
{
	for (const struct arg *arg = args; arg->kind != KIND_END; arg++)
		json_arg(arg, base, up, secrets, json);
}
