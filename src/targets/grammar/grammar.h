/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clang-format off */
/*
 * The grammar of table lines, status lines and messages: const data that says which words
 * follow one another and which member of a public struct each of them is. From it come
 * reading, writing, access by name, explaining, checking of ranges, comparing, JSON and help.
 *
 * A grammar is an array of struct arg, ended by ARG_END, read in order. Each macro below makes
 * one entry; behind its last parameter more members of struct arg can be set (.flags, .word,
 * .def, .since, .step, .valid). Every value has a help text. Units come from the member's name
 * (offset_sectors, delay_ms).
 *
 * One word each:
 *   ARG_DEV(struct bp_linear, dev, "help")                const char *: "8:16" or a path
 *   ARG_TEXT(struct bp_crypt, cipher, "help")             const char *: any word
 *   ARG_NUMBER(struct bp_linear, offset_sectors, 0, UINT64_MAX, "help")   uint8_t to uint64_t
 *   ARG_MAYBE(struct bp_ebs, underlying_sectors, 1, 65535, "help", .flags = ARG_OPTIONAL)
 *                                                         struct bp_number: may be missing
 *   ARG_SIGNED(struct bp_raid, delta_disks, 253, "help")  int32_t, -253 to 253; 0: not given
 *   ARG_CHOICE(struct bp_snapshot, store, stores, "help") an enum; its words are an array of
 *                                                         struct arg_word; 0: not given
 *   ARG_FLAG(struct bp_thin_pool, read_only, "help")      bool: the word is there or not
 *   ARG_LITERAL("0")                                      always this word
 *
 * Lists; nr is the size_t member that holds their length:
 *   ARG_COUNT(struct bp_striped, nr_legs, 1, UINT32_MAX)  the word that says how many follow
 *   ARG_EACH(struct bp_striped, legs, nr_legs, leg_args, "help")  structs, by a sub-grammar each
 *   ARG_NUMBERS(struct bp_raid, rebuild, nr_rebuild, uint32_t, 0, 252, "help")  const uint32_t *
 *   ARG_WORDS(struct bp_x, devs, nr_devs, "help")         const char *const *
 *   ARG_PAIRS(struct bp_cache, policy_args, nr_policy_args, "help")  const struct bp_pair *
 *       A list is as long as its ARG_COUNT, in front of it, says. With ARG_REST it goes to the
 *       end of its span: the line, or the counted group it is in.
 *   ARG_WORDS_UP(struct bp_path, args, struct bp_group, nr_path_args, "help")
 *       One count for the lists of several structs: nr is in the struct that encloses them.
 *
 * Structure:
 *   ARG_RECORD(struct bp_delay, read, path_args)          a struct within the struct
 *   ARG_POINTER(struct bp_delay, write, path_args, "help")  a struct by pointer; NULL: not given.
 *       With ARG_OPTIONAL it is read if words are left, with ARG_EXACT too only if exactly as
 *       many words are left as it has entries.
 *   ARG_GROUP(log_args, sub)          a count of words, and so many words, read in order by sub
 *   ARG_OPTIONS(features)             a count of words, and so many words in any order, see below
 *   ARG_OPTIONS_REST(options)         the same without a count, to the end of the span
 *   ARG_SPLIT('/', sub)               one word in parts: "12/1024"; the last part takes the rest
 *   ARG_WHEN(struct bp_mirror, log_type, BP_MIRROR_CORE, sub)   sub, where an enum has that value
 *
 * Entries of ARG_OPTIONS, told apart by their first word (.word, else the member's name):
 *   ARG_FLAG                          that word alone: read_only
 *   any of one word, ARG_POINTER      the word, then the value: pg_init_retries 5
 *   ... with ARG_JOINED               in one word: sector_size:4096, integrity:28:aead
 *   ARG_CHOICE with ARG_BARE          each of its words is an option itself: writeback
 *   ARG_EACH, ARG_NUMBERS, ARG_WORDS  may be given again, each adds one: rebuild 0 rebuild 1
 *   ARG_PAIRS                         takes what no other entry knows, with one value each
 * Options are written in the order they were given in, those from a struct in the order of the
 * grammar, which should be the kernel's. max of
 * ARG_OPTIONS and ARG_GROUP is the most words their count may announce (0: any number).
 *
 * Reading checks form, counts, words and whether numbers fit their member. Ranges (min, max,
 * step, ARG_POWER_OF_2) are rules of bp_table_check(): what a builder or a line gives is kept
 * and judged there.
 */
/* clang-format on */
#ifndef TARGETS_GRAMMAR_H
#define TARGETS_GRAMMAR_H

#include <bedplate/targets.h>

#include "core/vec.h"
#include "targets/grammar/words.h"

enum arg_kind {
	KIND_END,
	KIND_DEV,
	KIND_TEXT,
	KIND_NUMBER,
	KIND_MAYBE,
	KIND_SIGNED,
	KIND_CHOICE,
	KIND_FLAG,
	KIND_LITERAL,
	KIND_COUNT,
	KIND_EACH,
	KIND_WORDS,
	KIND_PAIRS,
	KIND_RECORD,
	KIND_POINTER,
	KIND_GROUP,
	KIND_OPTIONS,
	KIND_SPLIT,
	KIND_WHEN,
	KINDS,
};

/* clang-format off */
enum arg_flags {
	ARG_OPTIONAL = 1 << 0,   /* the line may end here, if all that follows may be missing too */
	ARG_DASH = 1 << 1,       /* "-" is written for a value that is not given */
	ARG_NOCASE = 1 << 2,     /* words match and compare ignoring case; in ARG_OPTIONS: all of them */
	ARG_HEX = 1 << 3,        /* hex digits: compared ignoring case */
	ARG_SECRET = 1 << 4,     /* a key, or a reference into the keyring: keys are not shown */
	ARG_PLUS = 1 << 5,       /* the kernel's strict parser: takes one '+' in front */
	ARG_JOINED = 1 << 6,     /* option and value are one word, parted by ':' */
	ARG_REPEAT = 1 << 7,     /* options given again are no error, the last one counts */
	ARG_ALWAYS = 1 << 8,     /* a count of zero is written too; ARG_SIGNED: 0 is a value */
	ARG_CHOSEN = 1 << 9,     /* where none is given, or a plain number is 0, the kernel chooses
				    and prints one */
	ARG_EXACT = 1 << 10,     /* see ARG_POINTER */
	ARG_PEEK = 1 << 11,      /* a choice or flag that is not there if the word is none of its
				    own; a choice has .value then */
	ARG_REST = 1 << 12,      /* a list to the end of its span */
	ARG_BARE = 1 << 13,      /* see ARG_CHOICE above */
	ARG_NOT_COMPARED = 1 << 14, /* kernels don't print it back */
	ARG_HEX_NUMBER = 1 << 15,   /* a number in hexadecimal, without prefix */
	ARG_POWER_OF_2 = 1 << 16,   /* a number must be one, or 0 if its range allows that */
	ARG_DEFAULT = 1 << 17,   /* a choice that is not given is written as .def; ARG_WHEN: and where
				    the enum is not given */
	ARG_HIDDEN = 1 << 18,    /* a flag that kernels count but don't print: set without a word;
				    ARG_GROUP: it has one such, so one word fewer is there */
	ARG_ONLY_READ = 1 << 20, /* a device that the target does not write */
	ARG_KEY_NAME = 1 << 19,  /* the name of a key: not shown where it could be the key itself */
};
/* clang-format on */

/* A word of a choice. The first with a value is the one that is written. */
struct arg_word {
	const char *word; /* NULL ends the array */
	int value;        /* 0: known to be wrong, also where ARG_PEEK would pass it by */
	bool prefix;      /* longer words that begin with it match as well */
};

struct arg {
	enum arg_kind kind;
	uint32_t flags;
	const char *name; /* the member's, or of a group what its count is called by */
	const char *word; /* of a literal; of an option where it is not the member's name */
	size_t offset,
		size;     /* of the member: list elements and pointed-to structs: size of one */
	size_t nr_offset; /* of a list's length */
	uint64_t min, max, step; /* step: a number must be a multiple of it; 0: any */
	char separator;          /* of ARG_SPLIT */
	bool uncounted;          /* of ARG_OPTIONS_REST */
	bool up;                 /* of ARG_WORDS_UP */
	const struct arg *args;  /* sub-grammar */
	const struct arg_word *words;
	int value; /* of ARG_WHEN, ARG_PEEK */
	const char
		*def; /* what the kernel takes where none is given; compares as equal to none */
	/* What options by name put for a number or text that must be given and is not; NULL: nothing.
	 * "%size:dev": the size of that device, in the argument's unit. */
	const char *usual;
	uint16_t since;  /* kernel release that brought this option, 0xMMmm; 0: as old as the
			    target */
	uint16_t absent; /* newest release known to be without it, where that is not .since - 1
			  */
	bool (*valid)(const char *word); /* of ARG_TEXT, ARG_WORDS: as .help says? NULL: any */
	const char *help;
};

/* clang-format off */
#define ARG_TYPED_(type, member, ...) \
	(0 * sizeof(char[_Generic(((type *)0)->member, __VA_ARGS__)]))
#define ARG_SIZE_OF_(type, member) sizeof(((type *)0)->member)
#define ARG_TARGET_SIZE_(type, member) sizeof(*((type *)0)->member)
#define ARG_LIST_(type, list, nr) \
	.name = #list, .offset = offsetof(type, list), \
	.nr_offset = offsetof(type, nr) + ARG_TYPED_(type, nr, size_t: 1)

#define ARG_END { KIND_END }

#define ARG_STRING_(k, type, member, text, ...) \
	{ .kind = k, .name = #member, .help = text, .size = sizeof(char *), \
	  .offset = offsetof(type, member) + ARG_TYPED_(type, member, const char *: 1), __VA_ARGS__ }
#define ARG_DEV(type, member, text, ...) ARG_STRING_(KIND_DEV, type, member, text, __VA_ARGS__)
#define ARG_TEXT(type, member, text, ...) ARG_STRING_(KIND_TEXT, type, member, text, __VA_ARGS__)

#define ARG_NUMBER(type, member, lo, hi, text, ...) \
	{ .kind = KIND_NUMBER, .name = #member, .help = text, .min = lo, .max = hi, \
	  .size = ARG_SIZE_OF_(type, member), .offset = offsetof(type, member) + \
	  ARG_TYPED_(type, member, uint8_t: 1, uint16_t: 1, uint32_t: 1, uint64_t: 1), __VA_ARGS__ }
#define ARG_MAYBE(type, member, lo, hi, text, ...) \
	{ .kind = KIND_MAYBE, .name = #member, .help = text, .min = lo, .max = hi, \
	  .size = sizeof(struct bp_number), .offset = offsetof(type, member) + \
	  ARG_TYPED_(type, member, struct bp_number: 1), __VA_ARGS__ }
#define ARG_SIGNED(type, member, most, text, ...) \
	{ .kind = KIND_SIGNED, .name = #member, .help = text, .max = most, .size = sizeof(int32_t), \
	  .offset = offsetof(type, member) + ARG_TYPED_(type, member, int32_t: 1), __VA_ARGS__ }
#define ARG_CHOICE(type, member, list, text, ...) \
	{ .kind = KIND_CHOICE, .name = #member, .help = text, .words = list, .size = sizeof(int), \
	  .offset = offsetof(type, member) + \
	  0 * sizeof(char[ARG_SIZE_OF_(type, member) == sizeof(int) ? 1 : -1]), __VA_ARGS__ }
#define ARG_FLAG(type, member, text, ...) \
	{ .kind = KIND_FLAG, .name = #member, .help = text, .size = sizeof(bool), \
	  .offset = offsetof(type, member) + ARG_TYPED_(type, member, bool: 1), __VA_ARGS__ }
#define ARG_LITERAL(text, ...) { .kind = KIND_LITERAL, .word = text, __VA_ARGS__ }

#define ARG_COUNT(type, nr, lo, hi, ...) \
	{ .kind = KIND_COUNT, .name = #nr, .min = lo, .max = hi, .size = sizeof(size_t), \
	  .offset = offsetof(type, nr) + ARG_TYPED_(type, nr, size_t: 1), __VA_ARGS__ }
#define ARG_EACH(type, list, nr, sub, text, ...) \
	{ .kind = KIND_EACH, ARG_LIST_(type, list, nr), .args = sub, .help = text, \
	  .size = ARG_TARGET_SIZE_(type, list), __VA_ARGS__ }
#define ARG_NUMBERS(type, list, nr, integer, lo, hi, text, ...) \
	{ .kind = KIND_EACH, ARG_LIST_(type, list, nr), .help = text, \
	  .size = sizeof(integer) + ARG_TYPED_(type, list, const integer *: 1), \
	  .args = (const struct arg[]){ { .kind = KIND_NUMBER, .name = "value", .help = text, \
	  .min = lo, .max = hi, .size = sizeof(integer) }, ARG_END }, __VA_ARGS__ }
#define ARG_WORDS(type, list, nr, text, ...) \
	{ .kind = KIND_WORDS, ARG_LIST_(type, list, nr), .help = text, \
	  .size = sizeof(char *) + ARG_TYPED_(type, list, const char *const *: 1), __VA_ARGS__ }
/* The length is in struct @outer, whose list holds structs of this type. */
#define ARG_WORDS_UP(type, list, outer, nr, text, ...) \
	{ .kind = KIND_WORDS, .up = true, .name = #list, .help = text, \
	  .offset = offsetof(type, list), .nr_offset = offsetof(outer, nr) + \
	  ARG_TYPED_(outer, nr, size_t: 1), \
	  .size = sizeof(char *) + ARG_TYPED_(type, list, const char *const *: 1), __VA_ARGS__ }
#define ARG_PAIRS(type, list, nr, text, ...) \
	{ .kind = KIND_PAIRS, ARG_LIST_(type, list, nr), .help = text, \
	  .size = sizeof(struct bp_pair) + ARG_TYPED_(type, list, const struct bp_pair *: 1), \
	  .args = arg_pair, __VA_ARGS__ }

#define ARG_RECORD(type, member, sub, ...) \
	{ .kind = KIND_RECORD, .name = #member, .args = sub, .offset = offsetof(type, member), \
	  .size = ARG_SIZE_OF_(type, member), __VA_ARGS__ }
#define ARG_POINTER(type, member, sub, text, ...) \
	{ .kind = KIND_POINTER, .name = #member, .help = text, .args = sub, \
	  .offset = offsetof(type, member), .size = ARG_TARGET_SIZE_(type, member), __VA_ARGS__ }
#define ARG_GROUP(called, sub, ...) \
	{ .kind = KIND_GROUP, .name = #called, .args = sub, __VA_ARGS__ }
#define ARG_OPTIONS(list, ...) \
	{ .kind = KIND_OPTIONS, .name = #list, .args = list, __VA_ARGS__ }
#define ARG_OPTIONS_REST(list, ...) \
	{ .kind = KIND_OPTIONS, .uncounted = true, .name = #list, .args = list, __VA_ARGS__ }
#define ARG_SPLIT(by, sub, ...) \
	{ .kind = KIND_SPLIT, .separator = by, .args = sub, __VA_ARGS__ }
#define ARG_WHEN(type, in, is, sub, ...) \
	{ .kind = KIND_WHEN, .args = sub, .value = is, .offset = offsetof(type, in), __VA_ARGS__ }
/* clang-format on */

extern const struct arg arg_pair[];

/* --- what both directions use --- */

/* A member of a struct. */
static inline void *arg_at(const struct arg *arg, void *base)
{
	return (char *)base + arg->offset;
}

static inline const void *arg_at_const(const struct arg *arg, const void *base)
{
	return (const char *)base + arg->offset;
}

/* The word that begins this option. */
static inline const char *arg_word(const struct arg *arg)
{
	return arg->word ? arg->word : arg->name;
}

uint64_t arg_number_get(const struct arg *arg, const void *base);
void arg_number_set(const struct arg *arg, void *base, uint64_t value);
/* The pointer member of a string, list or ARG_POINTER. */
const void *arg_pointer_get(const struct arg *arg, const void *base);
void arg_pointer_set(const struct arg *arg, void *base, const void *value);
/* The same pointer, to what is the struct's own. */
void *arg_items(const struct arg *arg, const void *base);
/* A list's length; @up is the enclosing struct. */
size_t arg_list_count(const struct arg *arg, const void *base, const void *up);
int arg_choice_get(const struct arg *arg, const void *base);
/* The word to write for a value; NULL: none of this choice. */
const char *arg_choice_word(const struct arg *arg, int value);
/* The entry of a choice that @word is; NULL: none. */
const struct arg_word *arg_choice_find(const struct arg *arg, const char *word, bool nocase);
/* Does the enum have the value that this ARG_WHEN is for? */
bool arg_when(const struct arg *arg, const void *base);
/*
 * A member that is set in @base, but has no place where the enums have the values they have;
 * NULL: none. *@ret_when: what it would need.
 */
const struct arg *args_stray(const struct arg *args, const void *base,
			     const struct arg **ret_when);
/* Is there something to write for this option? */
bool arg_is_set(const struct arg *arg, const void *base);
/* "sectors" for "offset_sectors"; NULL: the name has no unit. */
const char *arg_unit(const struct arg *arg);
/* A list of arguments under the same struct: groups, options, splits, cases. */
bool arg_is_transparent(const struct arg *arg);
/* How long this grammar is without ARG_END. */
size_t args_count(const struct arg *args);

/*
 * Options in the order they were given, so that they are written in it again. Owned by an
 * arena.
 */
struct arg_order {
	const struct arg **items;
	size_t count, size;
};
/* At the end, unless it is there already: 0 or -ENOMEM. */
int arg_order_add(struct arg_order *order, const struct arg *arg, struct arena *arena);
void arg_order_remove(struct arg_order *order, const struct arg *arg);
bool arg_order_has(const struct arg_order *order, const struct arg *arg);

/* --- what a struct points to --- */

/* Called for each text of a struct, where it is kept; non-zero ends the walk and is returned. */
typedef int text_fn(void *user, const struct arg *arg, const char **text);
int args_texts(const struct arg *args, void *base, const void *up, text_fn *fn, void *user);

/*
 * Copy all that a struct points to into the arena; @base itself is a copy already. 0 or
 * -ENOMEM, with @base half of one and half of the other.
 */
int args_own(const struct arg *args, void *base, const void *up, struct arena *arena);

/* --- reading: words into a struct --- */

/*
 * Read @words into @base, a zeroed struct, as @args says. What it comes to point to is owned by
 * the arena. @order takes the options as they come, and may be NULL. *@ret_used: how many words
 * were taken; the rest is for the caller to judge.
 * -EINVAL with argument, name and value in the error; -ENOMEM.
 */
int args_read(struct bp_ctx *ctx, const struct arg *args, const struct words *words,
	      struct arena *arena, void *base, struct arg_order *order, size_t *ret_used);

/*
 * Read the value of one argument, all of @words, as bp_segment_set() takes it. @append: to the
 * end of the list it is. @base is left as it was where that fails.
 */
int arg_read_value(struct bp_ctx *ctx, const struct arg *arg, const struct words *words,
		   bool append, struct arena *arena, void *base, const void *up);

/* --- writing: a struct into words --- */

enum written_role {
	WRITTEN_VALUE,
	WRITTEN_OPTION, /* the word that begins an option, or is all of it (a flag) */
	WRITTEN_COUNT,  /* of a list or group */
	WRITTEN_LITERAL,
};

/* One word of a line, and where it comes from. */
struct written {
	enum written_role role;
	const char *text, *name; /* name: "legs.0.dev"; "#features" of a count */
	const struct arg *arg;
	size_t place; /* in the line, while they are sorted */
};

struct written_list {
	VEC(struct written) list;
};

/* Its value alone, where that is joined to the option's word: "7:2" of "meta_device:7:2". */
const char *written_value(const struct written *word);

enum write_flags {
	/* Members that must be given may be missing: they are left out. */
	WRITE_HALF_MADE = 1 << 0,
	/* Other words follow: counts of empty groups are not left out. */
	WRITE_FOLLOWED = 1 << 1,
	/* For people to read, not for a table: texts need not be words of one. */
	WRITE_ANY_TEXT = 1 << 2,
};

/*
 * Write @base as words, options as @order says (NULL: as the grammar does), into @ret (empty;
 * the caller frees it with vec_done(&ret->list)); texts are owned by the arena. -EINVAL with
 * argument and name in the error; -ENOMEM.
 */
int args_write(struct bp_ctx *ctx, const struct arg *args, const void *base,
	       const struct arg_order *order, uint32_t flags, struct arena *arena,
	       struct written_list *ret);

/* The value of one argument alone, without the word that begins an option. */
int arg_write_value(struct bp_ctx *ctx, const struct arg *arg, const void *base, const void *up,
		    struct arena *arena, struct written_list *ret);

/* --- by name --- */

/* An argument found by name, and the structs it is in (NULL where an unset pointer is passed).
 */
struct place {
	const struct arg *arg;
	void *base;
	const void *up;
};

/*
 * Find "legs.1.dev". With an arena, all that lies behind pointers on the way is copied (or
 * made, where it is not there) so that the place can be written to without changing what @base
 * pointed to before. -ENOENT, -EINVAL (index too large), -ENOMEM.
 */
int args_find(struct bp_ctx *ctx, const struct arg *args, void *base, const char *name,
	      struct arena *arena, struct place *ret);

/*
 * A value by name, as text: freed by the caller; NULL where it is not given. -ENOENT, -ENOMEM.
 */
int args_get(struct bp_ctx *ctx, const struct arg *args, void *base, const char *name,
	     char **ret);

/* A number by name; unset: it is not given. -ENOENT, -EINVAL (no number), -ENOMEM. */
int args_number(struct bp_ctx *ctx, const struct arg *args, void *base, const char *name,
		struct bp_number *ret);

/* All options of a grammar, flat; texts are owned by the arena, the list by the caller. */
struct option_list {
	VEC(struct bp_option) list;
};
int args_options(const struct arg *args, struct arena *arena, struct option_list *ret);
/* "DEV OFFSET_SECTORS": the words of a record. NULL: no memory. */
const char *args_form(const struct arg *args, struct arena *arena);

/* --- JSON --- */

/* Members of the struct into the object that is open. @secrets: written too. */
void args_json(const struct arg *args, const void *base, const void *up, bool secrets,
	       struct bp_json *json);

/* --- comparing --- */

/*
 * Do two structs mean the same? @same_dev decides on devices, and may be NULL. 0 with the
 * answer in @ret, or an error of writing.
 */
int args_equal(struct bp_ctx *ctx, const struct arg *args, const void *a, const void *b,
	       bool (*same_dev)(void *user, const char *a, const char *b), void *user,
	       bool *ret);

#endif
