/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parser of LVM2's text. Promises to stay within the bytes given, to need no more depth than
 * TEXT_DEPTH_MAX, and time linear in the text. It does not know what keys mean.
 */
#include "lvm/text.h"

#include "core/number.h"

/*
 * The grammar: entries "key = value" and sections "key { ... }"; a value is a string, a number or a
 * list of these in brackets; '#' begins a comment that ends with the line. What is not LVM2's but
 * harmless is taken (commas left out or doubled in a list), since damaged copies are read by this
 * too. Source: lvm.conf(5), and metadata areas as LVM2 writes them.
 */
struct parser {
	struct arena *arena;
	const char *at, *end;
	unsigned line;
	const char *what; /* why it failed */
};

static int fail(struct parser *p, const char *what)
{
	if (!p->what)
		p->what = what;
	return -EINVAL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Comments go to the end of the line. Lines are counted for messages. */
static void skip_blanks(struct parser *p)
{
	for (; p->at < p->end; p->at++) {
		if (*p->at == '#')
			while (p->at < p->end && *p->at != '\n')
				p->at++;
		if (p->at == p->end || !is_blank(*p->at))
			return;
		p->line += *p->at == '\n';
	}
}

/* The next byte that means something, or NUL at the end. */
static char peek(struct parser *p)
{
	skip_blanks(p);
	return p->at < p->end ? *p->at : '\0';
}

/* A string in double quotes (\" and \\ are escapes) or single ones (none). */
static int quoted(struct parser *p, const char **ret)
{
	const char quote = *p->at++, *begin = p->at;
	size_t len = 0;
	char *text;

	while (p->at < p->end && *p->at != quote) {
		p->line += *p->at == '\n';
		if (quote == '"' && *p->at == '\\' && p->at + 1 < p->end)
			p->at++;
		p->at++;
	}
	if (p->at >= p->end)
		return fail(p, "a string that does not end");
	text = arena_strndup(p->arena, begin, (size_t)(p->at - begin));
	if (!text)
		return -ENOMEM;
	for (const char *from = text; *from; from++) {
		if (quote == '"' && *from == '\\' && (from[1] == '"' || from[1] == '\\'))
			from++;
		text[len++] = *from;
	}
	text[len] = '\0';
	p->at++;
	*ret = text;
	return 0;
}

/* A word without quotes, to a blank or a byte that means something where it stands. */
static int bare(struct parser *p, const char *stop, const char **ret)
{
	const char *begin = p->at;

	while (p->at < p->end && !is_blank(*p->at) && !strchr(stop, *p->at))
		p->at++;
	if (p->at == begin)
		return fail(p, "a word is missing");
	*ret = arena_strndup(p->arena, begin, (size_t)(p->at - begin));
	return *ret ? 0 : -ENOMEM;
}

/* A bare word is a number where it looks like one, else a string. */
static int scalar(struct parser *p, struct text_node *node)
{
	const char *digits;
	uint64_t number;
	int r;

	if (*p->at == '"' || *p->at == '\'') {
		node->kind = TEXT_STRING;
		return quoted(p, &node->string);
	}
	r = bare(p, "#,]={}[\"", &node->string);
	if (r < 0)
		return r;
	digits = node->string + (*node->string == '-' || *node->string == '+');
	node->kind = TEXT_STRING;
	if (number_parse(digits, INT64_MAX, &number) == 0) {
		node->kind = TEXT_NUMBER;
		node->number = *node->string == '-' ? -(int64_t)number : (int64_t)number;
	}
	return 0;
}

/*
 * To the end of the list that @tail stands at: appending costs the same for the ten-thousandth
 * entry of a section as for the first.
 */
static struct text_node *add_node(struct parser *p, const struct text_node ***tail)
{
	struct text_node *node = arena_alloc(p->arena, sizeof(*node));

	if (node) {
		node->key = "";
		**tail = node;
		*tail = &node->next;
	}
	return node;
}

/* Commas are taken as blanks: one too many does no harm. */
static int list(struct parser *p, struct text_node *node)
{
	const struct text_node **tail = &node->child;

	node->kind = TEXT_LIST;
	p->at++;
	for (;;) {
		struct text_node *item;
		char c = peek(p);
		int r;

		if (c == ']') {
			p->at++;
			return 0;
		}
		if (c == '\0')
			return fail(p, "a list that does not end");
		if (c == ',') {
			p->at++;
			continue;
		}
		item = add_node(p, &tail);
		r = item ? scalar(p, item) : -ENOMEM;
		if (r < 0)
			return r;
	}
}

/* A single value has itself as its only item, for those who expect a list. */
static int value(struct parser *p, struct text_node *node)
{
	struct text_node *item;
	char c = peek(p);
	int r;

	if (c == '[')
		return list(p, node);
	if (c == '\0')
		return fail(p, "a value is missing");
	r = scalar(p, node);
	if (r < 0)
		return r;
	item = arena_copy(p->arena, node, sizeof(*node));
	if (!item)
		return -ENOMEM;
	item->key = "";
	node->child = item;
	return 0;
}

static int key(struct parser *p, struct text_node *node)
{
	return *p->at == '"' || *p->at == '\'' ? quoted(p, &node->key)
					       : bare(p, "#={}", &node->key);
}

/* One entry: "key = value", or "key {", which becomes the innermost section. */
static int entry(struct parser *p, const struct text_node **tails[], unsigned *depth)
{
	struct text_node *node = add_node(p, &tails[*depth]);
	int r = node ? key(p, node) : -ENOMEM;
	char c;

	if (r < 0)
		return r;
	c = peek(p);
	if (c == '=') {
		p->at++;
		return value(p, node);
	}
	if (c != '{')
		return fail(p, "neither '=' nor '{' behind a key");
	if (*depth + 1 >= TEXT_DEPTH_MAX)
		return fail(p, "too many sections in one another");
	p->at++;
	node->kind = TEXT_SECTION;
	tails[++*depth] = &node->child;
	return 0;
}

/*
 * A stack of our own instead of recursion: each open section has the place where its next entry
 * goes. Depth is bounded by the array, not by the text.
 */
static int entries(struct parser *p, struct text_node *top)
{
	const struct text_node **tails[TEXT_DEPTH_MAX] = { &top->child };
	unsigned depth = 0;
	int r = 0;

	while (r == 0) {
		char c = peek(p);

		if (c == '\0')
			return depth ? fail(p, "a section that does not end") : 0;
		if (c != '}') {
			r = entry(p, tails, &depth);
			continue;
		}
		if (depth == 0)
			return fail(p, "'}' without a section");
		depth--;
		p->at++;
	}
	return r;
}

/*
 * A NUL ends the text: metadata areas are read in whole sectors, and what lies behind may be the
 * rest of an older, longer text.
 */
int text_parse(struct arena *arena, const char *text, size_t len, const struct text_node **ret,
	       size_t *ret_used, struct text_error *error)
{
	const char *nul = memchr(text, '\0', len);
	struct text_node *top = arena_alloc(arena, sizeof(*top));
	struct parser p = {
		.arena = arena,
		.at = text,
		.end = nul ? nul : text + len,
		.line = 1,
	};
	int r;

	if (!top)
		return -ENOMEM;
	top->key = "";
	top->kind = TEXT_SECTION;
	r = entries(&p, top);
	if (error)
		*error = (struct text_error){ p.line, p.what };
	if (r < 0)
		return r;
	if (ret_used)
		*ret_used = (size_t)(p.end - text);
	*ret = top;
	return 0;
}

const struct text_node *text_find(const struct text_node *section, const char *key)
{
	if (!section)
		return NULL;
	for (const struct text_node *n = section->child; n; n = n->next)
		if (streq(n->key, key))
			return n;
	return NULL;
}

const struct text_node *text_section(const struct text_node *section, const char *key)
{
	const struct text_node *n = text_find(section, key);

	return n && n->kind == TEXT_SECTION ? n : NULL;
}

const char *text_string(const struct text_node *section, const char *key)
{
	const struct text_node *n = text_find(section, key);

	return n && n->kind == TEXT_STRING ? n->string : NULL;
}

uint64_t text_number(const struct text_node *section, const char *key, uint64_t otherwise)
{
	const struct text_node *n = text_find(section, key);

	return n && n->kind == TEXT_NUMBER && n->number >= 0 ? (uint64_t)n->number : otherwise;
}

const struct text_node *text_items(const struct text_node *section, const char *key)
{
	const struct text_node *n = text_find(section, key);

	return n && n->kind != TEXT_SECTION ? n->child : NULL;
}

bool text_has(const struct text_node *section, const char *key, const char *word)
{
	for (const struct text_node *n = text_items(section, key); n; n = n->next)
		if (n->kind == TEXT_STRING && streq(n->string, word))
			return true;
	return false;
}
