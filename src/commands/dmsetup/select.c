/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Selections: FIELD OPERATOR VALUE, joined by && or "," and || or "#", grouped by parentheses,
 * negated by "!(". Numbers compare by = != < <= > >=, strings by = and !=, both by the regular
 * expressions of =~ and !~ (POSIX extended ones).
 */
#include "commands/dmsetup/report.h"

#include <ctype.h>
#include <regex.h>

enum op {
	OP_MATCH,
	OP_NO_MATCH,
	OP_EQUAL,
	OP_NOT_EQUAL,
	OP_AT_LEAST,
	OP_MORE,
	OP_AT_MOST,
	OP_LESS
};

static const struct {
	const char *text;
	enum op op;
	const char *about;
} ops[] = {
	{ "=~", OP_MATCH, "matches a regular expression" },
	{ "!~", OP_NO_MATCH, "does not match it" },
	{ "!=", OP_NOT_EQUAL, "is another" },
	{ ">=", OP_AT_LEAST, "at least (numbers)" },
	{ "<=", OP_AT_MOST, "at most (numbers)" },
	{ "=", OP_EQUAL, "is the same" },
	{ ">", OP_MORE, "more (numbers)" },
	{ "<", OP_LESS, "less (numbers)" },
};

enum node_kind { NODE_TEST, NODE_AND, NODE_OR };

struct node {
	enum node_kind kind;
	bool negated;
	struct node *left, *right; /* of NODE_AND, NODE_OR */
	const struct field *field;
	enum op op;
	char *value;
	regex_t regex;
	bool has_regex;
};

struct selection {
	struct node *root;
};

struct parser {
	struct front *f;
	const char *at;
	unsigned depth; /* of parentheses */
};

enum { MAX_PARENTHESES = 100 };

/* As deep as parentheses were, or long as the text. NOLINTNEXTLINE(misc-no-recursion) */
static void node_free(struct node *node)
{
	if (!node)
		return;
	node_free(node->left);
	node_free(node->right);
	if (node->has_regex)
		regfree(&node->regex);
	free(node->value);
	free(node);
}

static void node_freep(struct node **node)
{
	node_free(*node);
}

static void skip_space(struct parser *p)
{
	while (isspace((unsigned char)*p->at))
		p->at++;
}

static bool accept(struct parser *p, const char *word)
{
	skip_space(p);
	if (strncmp(p->at, word, strlen(word)) != 0)
		return false;
	p->at += strlen(word);
	return true;
}

static void list_operators(const struct front *f)
{
	fputs("Operators:\n", f->err);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		fprintf(f->err, "  %-4s %s\n", ops[i].text, ops[i].about);
	fputs("  && or ,  both    || or #  one of both    !( )  not    ( )  first this\n\n",
	      f->err);
}

/* --- one test --- */

/* The list of fields is the answer to an unknown one. */
static int parse_field(struct parser *p, struct node *node)
{
	size_t len;

	skip_space(p);
	len = strspn(p->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
	node->field = field_find(p->at, len);
	if (!node->field) {
		fields_list(p->f, true);
		return say(p->f, "Unrecognised selection field: %.*s", (int)len, p->at);
	}
	p->at += len;
	return 0;
}

/* Longer operators stand first in the table: ">=" is not ">". */
static int parse_op(struct parser *p, const char *from, struct node *node)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(ops) && !accept(p, ops[i].text))
		i++;
	if (i == ARRAY_SIZE(ops)) {
		list_operators(p->f);
		return say(p->f, "Unrecognised comparison operator: %s", p->at);
	}
	node->op = ops[i].op;
	if (node->op >= OP_AT_LEAST && !node->field->number) {
		list_operators(p->f);
		return say(p->f,
			   "Operator can be used only with number, size, time or percent "
			   "fields: %s",
			   from);
	}
	return 0;
}

/*
 * How long a value without quotes is: up to a blank, an operator, or the parenthesis it stands in.
 */
static size_t bare_length(const char *s)
{
	unsigned open = 0;
	size_t n = 0;

	for (; s[n] && !isspace((unsigned char)s[n]); n++) {
		if (strchr(",#", s[n]) || strncmp(s + n, "&&", 2) == 0 ||
		    strncmp(s + n, "||", 2) == 0)
			break;
		if (s[n] == ')' && !open)
			break;
		open += s[n] == '(';
		open -= s[n] == ')';
	}
	return n;
}

/* In quotes, or up to the next blank or operator. */
static int take_value(struct parser *p, struct node *node)
{
	char quote;
	size_t len;

	skip_space(p);
	quote = *p->at == '"' || *p->at == '\'' ? *p->at : '\0';
	if (!quote) {
		len = bare_length(p->at);
		node->value = strndup(p->at, len);
		p->at += len;
		return node->value ? 0 : say(p->f, "no memory");
	}
	len = strcspn(p->at + 1, (char[]){ quote, '\0' });
	if (!p->at[1 + len])
		return say(p->f, "Failed to parse string value for selection field %s.",
			   node->field->id);
	node->value = strndup(p->at + 1, len);
	p->at += len + 2;
	return node->value ? 0 : say(p->f, "no memory");
}

/* A regular expression is compiled once, here. */
static int parse_value(struct parser *p, struct node *node)
{
	if (take_value(p, node) < 0)
		return -1;
	if (node->op == OP_MATCH || node->op == OP_NO_MATCH) {
		if (regcomp(&node->regex, node->value, REG_EXTENDED | REG_NOSUB) != 0)
			return say(p->f, "Failed to parse regular expression '%s'.",
				   node->value);
		node->has_regex = true;
		return 0;
	}
	if (node->field->number &&
	    (!node->value[0] || node->value[strspn(node->value, "0123456789")]))
		return say(p->f, "Failed to parse numeric value for selection field %s.",
			   node->field->id);
	return 0;
}

static int parse_test(struct parser *p, struct node **ret)
{
	_cleanup_(node_freep) struct node *node = calloc(1, sizeof(*node));
	const char *from = p->at;

	if (!node)
		return say(p->f, "no memory");
	if (parse_field(p, node) < 0 || parse_op(p, from, node) < 0 || parse_value(p, node) < 0)
		return -1;
	*ret = steal(node);
	return 0;
}

/* --- tests joined --- */

static int parse_or(struct parser *p, struct node **ret);

/* As deep as MAX_PARENTHESES. NOLINTNEXTLINE(misc-no-recursion) */
static int parse_unit(struct parser *p, struct node **ret)
{
	bool negated = accept(p, "!");

	if (!accept(p, "("))
		return negated ? say(p->f, "Syntax error: left parenthesis expected at '%s'",
				     p->at)
			       : parse_test(p, ret);
	if (++p->depth > MAX_PARENTHESES || parse_or(p, ret) < 0)
		return -1;
	p->depth--;
	if (!accept(p, ")"))
		return say(p->f, "Syntax error: right parenthesis expected at '%s'", p->at);
	(*ret)->negated ^= negated;
	return 0;
}

/* Owns both sides from here on, also where it fails. */
static int join(struct parser *p, enum node_kind kind, struct node **left, struct node *right)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node) {
		node_free(right);
		return say(p->f, "no memory");
	}
	node->kind = kind;
	node->left = *left;
	node->right = right;
	*left = node;
	return 0;
}

/* See parse_unit(). NOLINTNEXTLINE(misc-no-recursion) */
static int parse_and(struct parser *p, struct node **ret)
{
	int r = parse_unit(p, ret);

	while (r == 0 && (accept(p, "&&") || accept(p, ","))) {
		struct node *right = NULL;

		r = parse_unit(p, &right);
		if (r == 0)
			r = join(p, NODE_AND, ret, right);
		else
			node_free(right);
	}
	return r;
}

/* See parse_unit(). NOLINTNEXTLINE(misc-no-recursion) */
static int parse_or(struct parser *p, struct node **ret)
{
	int r = parse_and(p, ret);

	while (r == 0 && (accept(p, "||") || accept(p, "#"))) {
		struct node *right = NULL;

		r = parse_and(p, &right);
		if (r == 0)
			r = join(p, NODE_OR, ret, right);
		else
			node_free(right);
	}
	return r;
}

/* 1: help was asked for and printed. Two lines at an error, as the other tool has them. */
int selection_parse(struct front *f, const char *text, struct selection **ret)
{
	struct parser p = { .f = f, .at = text };
	struct node *root = NULL;
	int r;

	if (streq(text, "help") || streq(text, "?")) {
		fields_list(f, true);
		list_operators(f);
		return 1;
	}
	r = parse_or(&p, &root);
	skip_space(&p);
	if (r == 0 && *p.at)
		r = -1;
	*ret = r == 0 ? calloc(1, sizeof(**ret)) : NULL;
	if (*ret) {
		(*ret)->root = root;
		return 0;
	}
	node_free(root);
	say(f, "Selection syntax error at '%s'.", text);
	return say(f, "Use 'help' for selection to get more help.");
}

void selection_free(struct selection *selection)
{
	if (!selection)
		return;
	node_free(selection->root);
	free(selection);
}

/* See node_free(). NOLINTNEXTLINE(misc-no-recursion) */
static bool needs(const struct node *node, enum field_part part)
{
	if (node->kind == NODE_TEST)
		return node->field->part == part;
	return needs(node->left, part) || needs(node->right, part);
}

bool selection_needs(const struct selection *selection, enum field_part part)
{
	return selection && needs(selection->root, part);
}

/* One place for numbers; text knows only equal and not. */
static bool compares(enum op op, long long a, long long b)
{
	if (op == OP_AT_LEAST)
		return a >= b;
	if (op == OP_MORE)
		return a > b;
	if (op == OP_AT_MOST)
		return a <= b;
	if (op == OP_LESS)
		return a < b;
	return (a == b) == (op == OP_EQUAL);
}

/* -1: the field can't be read, which is no "no". */
static int test(const struct node *node, const struct subject *s)
{
	struct strbuf text = { 0 };
	int r = node->field->get(s, &text), found = 0;
	const char *value;
	bool yes;

	value = strbuf_text(&text);
	if (r == 0 && node->has_regex)
		found = regexec(&node->regex, value, 0, NULL, 0);
	if (r < 0 || text.error || (found != 0 && found != REG_NOMATCH)) {
		strbuf_done(&text);
		if (r == 0)
			cli_lost(s->f->cli);
		return -1;
	}
	if (node->has_regex)
		yes = (found == 0) == (node->op == OP_MATCH);
	else if (node->field->number)
		yes = compares(node->op, strtoll(value, NULL, 10),
			       strtoll(node->value, NULL, 10));
	else
		yes = streq(value, node->value) == (node->op == OP_EQUAL);
	strbuf_done(&text);
	return yes;
}

/* See node_free(). NOLINTNEXTLINE(misc-no-recursion) */
static int matches(const struct node *node, const struct subject *s)
{
	int r;

	if (node->kind == NODE_TEST) {
		r = test(node, s);
	} else {
		r = matches(node->left, s);
		if (r >= 0 && r == (node->kind == NODE_AND))
			r = matches(node->right, s);
	}
	return r < 0 ? r : r != node->negated;
}

int selection_matches(const struct selection *selection, const struct subject *s)
{
	return selection ? matches(selection->root, s) : 1;
}
