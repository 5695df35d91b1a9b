/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See tree_picture.h. Boxes stand in levels, one below all that use it, and in a level as near
 * below these as there is room: from left to right by the mean of their places.
 */
#include "commands/tree_picture.h"

#include "commands/svg.h"
#include "core/util.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

/* In pixels. */
#define BOX_WIDTH  192u
#define BOX_HEIGHT 58u
#define GAP        16u  /* between boxes of a level */
#define LEVEL      104u /* from one level to the next */
#define LINE       16u
#define TEXT_WIDTH (BOX_WIDTH - 16u)

/* Where a box is put. Those that wait for a place are sorted by level, then by @wanted. */
struct place {
	size_t box, level;
	uint64_t wanted; /* mean of the middles of its users' boxes; 0: nothing uses it */
	uint64_t x;      /* of its left edge */
	uint64_t users, middles; /* how many have a place already, and the sum of these */
};

/* Those above it push what lies below box @i down; is there one that moved? */
static bool push_down(const struct tree_box *boxes, struct place *places, size_t i)
{
	bool changed = false;

	for (size_t j = 0; j < boxes[i].nr_next; j++) {
		size_t next = boxes[i].next[j], level = places[i].level + 1;

		if (boxes[i].in_cycle && boxes[next].in_cycle)
			continue;
		changed = changed || places[next].level < level;
		places[next].level = MAX(places[next].level, level);
	}
	return changed;
}

/*
 * A box is below all that have it as their next, but for cycles: what lies in one, lies in one
 * level with the others, and without these edges there is an end.
 */
static void find_levels(const struct tree_box *boxes, struct place *places, size_t count)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (size_t i = 0; i < count; i++)
			changed |= push_down(boxes, places, i);
	}
}

/* Within a level by where its neighbours are, so that few lines cross. */
static int by_level(const void *a, const void *b)
{
	const struct place *x = *(struct place *const *)a, *y = *(struct place *const *)b;

	if (x->level != y->level)
		return x->level < y->level ? -1 : 1;
	if (x->wanted != y->wanted)
		return x->wanted < y->wanted ? -1 : 1;
	return x->box < y->box ? -1 : x->box > y->box;
}

/* The middle of a box is known: those below it want to be near. */
static void pull(const struct tree_box *box, const struct place *place, struct place *places)
{
	for (size_t i = 0; i < box->nr_next; i++) {
		struct place *next = &places[box->next[i]];

		if (next->level <= place->level)
			continue;
		next->users++;
		next->middles += place->x + BOX_WIDTH / 2;
		next->wanted = next->middles / next->users;
	}
}

/* How many of the @count at @order want the same place as the first. */
static size_t same_place(struct place *const *order, size_t count)
{
	size_t n = 1;

	while (n < count && order[n]->wanted == order[0]->wanted)
		n++;
	return n;
}

/* Those that want one place stand around it together; what is to the left of them stays. */
static void put_level(struct place **order, size_t count)
{
	uint64_t x = GAP;

	for (size_t i = 0, n; i < count; i += n) {
		uint64_t half;

		n = same_place(order + i, count - i);
		half = (n * (BOX_WIDTH + GAP) - GAP) / 2;
		if (order[i]->wanted > x + half)
			x = order[i]->wanted - half;
		for (size_t j = i; j < i + n; j++, x += BOX_WIDTH + GAP)
			order[j]->x = x;
	}
}

/* @order: the places by level. Return: how wide all is. */
static uint64_t put_all(const struct tree_box *boxes, struct place *places,
			struct place **order, size_t count)
{
	uint64_t width = BOX_WIDTH + 2 * GAP;

	qsort(order, count, sizeof(*order), by_level);
	for (size_t i = 0, n; i < count; i += n) {
		for (n = 1; i + n < count && order[i + n]->level == order[i]->level;)
			n++;
		/* Once more: what its boxes want is known now. */
		qsort(order + i, n, sizeof(*order), by_level);
		put_level(order + i, n);
		for (size_t j = i; j < i + n; j++)
			pull(&boxes[order[j]->box], order[j], places);
		width = MAX(width, order[i + n - 1]->x + BOX_WIDTH + GAP);
	}
	return width;
}

static uint64_t top_of(const struct place *place)
{
	return GAP + (uint64_t)place->level * LEVEL;
}

/* From the lower edge of a box to the upper of another; in a cycle both may be one level. */
static void print_line(FILE *f, const struct place *from, const struct place *to)
{
	uint64_t y = top_of(from) + BOX_HEIGHT, x = from->x + BOX_WIDTH / 2;
	uint64_t end_y = top_of(to), end_x = to->x + BOX_WIDTH / 2;
	uint64_t bend = (LEVEL - BOX_HEIGHT) / 2;

	fprintf(f,
		"<path d=\"M%ju,%ju C%ju,%ju %ju,%ju %ju,%ju\" fill=\"none\" "
		"stroke=\"#777\"/>\n",
		(uintmax_t)x, (uintmax_t)y, (uintmax_t)x, (uintmax_t)(y + bend),
		(uintmax_t)end_x, (uintmax_t)(end_y > bend ? end_y - bend : 0),
		(uintmax_t)end_x, (uintmax_t)end_y);
}

/* A group, so that the title is the text's too. What is no mapped device is grey. */
static void print_box(FILE *f, const struct tree_box *box, const struct place *place)
{
	const char *fill = box->mapped ? "#dde9f7" : "#eee";
	size_t x = (size_t)place->x, y = (size_t)top_of(place);

	fputs("<g><title>", f);
	for (size_t i = 0; i < TREE_LINES; i++) {
		svg_escaped(f, box->lines[i] ? box->lines[i] : "");
		fputs(i < TREE_LINES - 1 ? "\n" : "", f);
	}
	fprintf(f,
		"</title><rect x=\"%zu\" y=\"%zu\" width=\"%u\" height=\"%u\" rx=\"4\" "
		"fill=\"%s\" "
		"stroke=\"%s\"/>\n",
		x, y, BOX_WIDTH, BOX_HEIGHT, fill, box->in_cycle ? "#c00" : "#777");
	for (size_t i = 0; i < TREE_LINES; i++)
		if (box->lines[i])
			svg_text_cut(f, x + 8, y + (i + 1) * LINE, box->lines[i], TEXT_WIDTH);
	fputs("</g>\n", f);
}

static void print_all(FILE *f, const struct tree_box *boxes, const struct place *places,
		      size_t count, uint64_t width)
{
	size_t height = 0;

	for (size_t i = 0; i < count; i++)
		height = MAX(height, (size_t)top_of(&places[i]) + BOX_HEIGHT);
	svg_begin(f, (size_t)width, height + GAP, "devices, and what they lie on");
	if (count == 0)
		svg_text(f, GAP, GAP, "no devices");
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < boxes[i].nr_next; j++)
			print_line(f, &places[i], &places[boxes[i].next[j]]);
	/* Behind the lines: a long one passes below a box, not over its text. */
	for (size_t i = 0; i < count; i++)
		print_box(f, &boxes[i], &places[i]);
	svg_end(f);
}

/* Levels first, then places within them, then the drawing. */
int tree_print_svg(FILE *f, const struct tree_box *boxes, size_t count)
{
	_cleanup_(freep) struct place *places = calloc(count + 1, sizeof(*places));
	_cleanup_(freep) struct place **order = calloc(count + 1, sizeof(*order));

	if (!places || !order)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		places[i].box = i;
		order[i] = &places[i];
	}
	find_levels(boxes, places, count);
	print_all(f, boxes, places, count, put_all(boxes, places, order, count));
	return 0;
}
