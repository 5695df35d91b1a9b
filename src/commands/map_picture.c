/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See map_picture.h. Colours are not needed to read either: SVG has titles and a legend. */
#include "commands/map_picture.h"

#include "commands/svg.h"
#include "core/util.h"

#include <bedplate/units.h>

#include <inttypes.h>
#include <string.h>

#define ROW_CELLS 64u /* characters of a row behind its label of ten */

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
#define NR_LETTERS (sizeof(letters) - 1)

enum map_kind map_kind(const struct bp_thin_cell *cell)
{
	if (cell->exclusive_dblocks + cell->shared_dblocks == 0)
		return MAP_FREE;
	return cell->shared_dblocks >= cell->exclusive_dblocks ? MAP_SHARED : MAP_OWNED;
}

static bp_dblock used(const struct bp_thin_cell *cell)
{
	return cell->exclusive_dblocks + cell->shared_dblocks;
}

/* Index of the cell's device among the owners; nr_owners: it is none. */
static size_t owner_of(const struct map_picture *p, const struct bp_thin_cell *cell)
{
	size_t i = 0;

	while (i < p->nr_owners && p->owners[i].id != cell->device)
		i++;
	return i;
}

/* --- terminal --- */

/* Of one volume half filled cells have a sign of their own; of a pool the owner counts more. */
static char letter_of(const struct map_picture *p, const struct bp_thin_cell *cell)
{
	size_t owner;

	switch (map_kind(cell)) {
	case MAP_FREE:
		return '.';
	case MAP_SHARED:
		return '+';
	case MAP_OWNED:
		break;
	}
	if (p->of_volume)
		return used(cell) * 2 < cell->dblocks ? ':' : '#';
	owner = owner_of(p, cell);
	return owner < NR_LETTERS ? letters[owner] : '*';
}

/* Each row begins with the address of its first cell. */
static void print_rows(FILE *f, const struct map_picture *p)
{
	char size[BP_SIZE_TEXT];

	for (size_t i = 0; i < p->nr_cells; i++) {
		if (i % ROW_CELLS == 0)
			fprintf(f, "%10s ",
				bp_size_format(p->cells[i].begin * p->block_bytes, size));
		fputc(letter_of(p, &p->cells[i]), f);
		if (i % ROW_CELLS == ROW_CELLS - 1 || i == p->nr_cells - 1)
			fputc('\n', f);
	}
}

static void print_owner(FILE *f, const struct map_owner *owner, char letter)
{
	char size[BP_SIZE_TEXT + 32];

	snprintf(size, sizeof(size), "%" PRIu64 " cell%s", owner->cells,
		 owner->cells == 1 ? "" : "s");
	fprintf(f, "  %c  mostly of volume %" PRIu64 "%s%s: %s\n", letter, owner->id,
		owner->name ? " " : "", owner->name ? owner->name : "", size);
}

/* Only signs that can occur. */
static void print_legend(FILE *f, const struct map_picture *p)
{
	if (p->of_volume) {
		fputs("  #  mapped by nothing else   :  the same, less than half of the cell\n",
		      f);
		fputs("  +  mostly shared            .  not mapped\n", f);
		return;
	}
	for (size_t i = 0; i < p->nr_owners && i < NR_LETTERS; i++)
		print_owner(f, &p->owners[i], letters[i]);
	if (p->nr_owners > NR_LETTERS)
		fprintf(f, "  *  mostly of one of %zu other volumes\n",
			p->nr_owners - NR_LETTERS);
	fputs("  +  mostly shared            .  free\n", f);
}

/* The sentence above either picture: without what a cell is worth the squares say nothing. */
static const char *say_total(const struct map_picture *p, char *ret, size_t size)
{
	char cell[BP_SIZE_TEXT], exclusive[BP_SIZE_TEXT], shared[BP_SIZE_TEXT], runs[40] = "";
	struct bp_thin_cell sum = { 0 };

	for (size_t i = 0; i < p->nr_cells; i++) {
		sum.exclusive_dblocks += p->cells[i].exclusive_dblocks;
		sum.shared_dblocks += p->cells[i].shared_dblocks;
		sum.fragments += p->cells[i].fragments;
	}
	if (p->of_volume)
		snprintf(runs, sizeof(runs), ", in %" PRIu64 " run%s", sum.fragments,
			 sum.fragments == 1 ? "" : "s");
	snprintf(ret, size, "%zu cells of %s, %s mapped once, %s shared%s", p->nr_cells,
		 bp_size_format(p->nr_cells ? p->cells[0].dblocks * p->block_bytes : 0, cell),
		 bp_size_format(sum.exclusive_dblocks * p->block_bytes, exclusive),
		 bp_size_format(sum.shared_dblocks * p->block_bytes, shared), runs);
	return ret;
}

void map_print(FILE *f, const struct map_picture *picture)
{
	char total[200];

	fprintf(f, "%s\n%s\n", picture->title, say_total(picture, total, sizeof(total)));
	print_rows(f, picture);
	print_legend(f, picture);
}

/* --- SVG --- */

/* In pixels. */
#define SIDE      12u  /* of a cell */
#define MAX_CHARS 100u /* of 12 pixels that fit the width */
#define TOP       42u  /* where cells begin, below two lines of text */

/* Neighbours in the list are far from each other on the circle of hues. */
static unsigned hue_of(size_t owner)
{
	return (unsigned)(owner * 137 % 360);
}

/* The fuller a cell, the stronger its colour: 0.35 to 0.99. */
static void print_fill(FILE *f, const struct map_picture *p, const struct bp_thin_cell *cell)
{
	enum map_kind kind = map_kind(cell);

	if (kind == MAP_FREE)
		fputs("fill=\"#eee\"", f);
	else if (kind == MAP_SHARED)
		fputs("fill=\"#777\"", f);
	else
		fprintf(f, "fill=\"hsl(%u,70%%,45%%)\"", hue_of(owner_of(p, cell)));
	if (kind != MAP_FREE)
		fprintf(f, " fill-opacity=\"0.%02u\"",
			(unsigned)(35 + used(cell) * 64 / cell->dblocks));
}

/* The title is what browsers show under the pointer. */
static void print_cell(FILE *f, const struct map_picture *p, size_t i)
{
	const struct bp_thin_cell *cell = &p->cells[i];

	fprintf(f, "<rect x=\"%zu\" y=\"%zu\" width=\"%u\" height=\"%u\" ",
		i % ROW_CELLS * SIDE, TOP + i / ROW_CELLS * SIDE, SIDE - 1, SIDE - 1);
	print_fill(f, p, cell);
	fprintf(f,
		"><title>blocks %" PRIu64 " to %" PRIu64 ": %" PRIu64 " mapped once, %" PRIu64
		" shared, %" PRIu64 " %s</title></rect>\n",
		cell->begin, cell->begin + cell->dblocks - 1, cell->exclusive_dblocks,
		cell->shared_dblocks, cell->dblocks - MIN(used(cell), cell->dblocks),
		p->of_volume ? "not mapped" : "free");
}

/* A line of the legend: a square in the cells' colour, and a text. */
static void print_key(FILE *f, size_t y, const char *fill, const char *text)
{
	fprintf(f, "<rect x=\"0\" y=\"%zu\" width=\"%u\" height=\"%u\" fill=\"%s\"/>", y,
		SIDE - 1, SIDE - 1, fill);
	svg_text_cut(f, 18, y + 10, text, MAX_CHARS);
}

static void print_owner_key(FILE *f, size_t y, size_t i, const struct map_owner *owner)
{
	char fill[32], text[300]; /* a longer name is cut */

	snprintf(fill, sizeof(fill), "hsl(%u,70%%,45%%)", hue_of(i));
	snprintf(text, sizeof(text), "volume %" PRIu64 " %s", owner->id,
		 owner->name ? owner->name : "");
	print_key(f, y, fill, text);
}

static void print_keys(FILE *f, const struct map_picture *p, size_t y)
{
	for (size_t i = 0; i < p->nr_owners; i++, y += 18)
		print_owner_key(f, y, i, &p->owners[i]);
	print_key(f, y, "#777", "shared");
	print_key(f, y + 18, "#eee", p->of_volume ? "not mapped" : "free");
}

/* Cells, and the legend below them. */
void map_print_svg(FILE *f, const struct map_picture *picture)
{
	size_t legend = TOP + 12 + DIV_UP(picture->nr_cells, ROW_CELLS) * SIDE;
	char total[200];

	svg_begin(f, (size_t)ROW_CELLS * SIDE, legend + (picture->nr_owners + 2) * 18,
		  picture->title);
	svg_text_cut(f, 0, 14, picture->title, MAX_CHARS);
	svg_text(f, 0, 32, say_total(picture, total, sizeof(total)));
	for (size_t i = 0; i < picture->nr_cells; i++)
		print_cell(f, picture, i);
	print_keys(f, picture, legend);
	svg_end(f);
}
