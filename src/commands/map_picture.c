/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See map_picture.h. Colours are not needed to read either: SVG has titles and a legend. */
#include "commands/map_picture.h"

#include "commands/svg.h"
#include "core/utf8.h"
#include "core/util.h"

#include <bedplate/units.h>

#include <inttypes.h>
#include <string.h>

#define ROW_CELLS 64u /* characters of a row behind its label of ten */
#define COLUMNS   80u /* of the whole picture */

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
#define NR_LETTERS (sizeof(letters) - 1)
#define OWNER_TEXT 640u /* of LVM's names all characters, however many bytes each has */

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

/* The name is last: it may be cut. */
static const char *say_owner(const struct map_owner *owner, char *ret, size_t size)
{
	snprintf(ret, size, "%" PRIu64 " cell%s mostly of volume %" PRIu64 "%s%s", owner->cells,
		 owner->cells == 1 ? "" : "s", owner->id, owner->name ? " " : "",
		 owner->name ? owner->name : "");
	return ret;
}

/* A line, no longer than @max characters. */
static void print_cut(FILE *f, const char *text, size_t max)
{
	if (utf8_head(text, max) == strlen(text))
		fprintf(f, "%s\n", text);
	else
		fprintf(f, "%.*s...\n", (int)utf8_head(text, max - 3), text);
}

static void print_owner(FILE *f, const struct map_owner *owner, char letter)
{
	char text[OWNER_TEXT];

	fprintf(f, "  %c  ", letter);
	print_cut(f, say_owner(owner, text, sizeof(text)), COLUMNS - 5);
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

/* Broken behind a comma where one line is too short for it. */
static void print_total(FILE *f, const struct map_picture *p)
{
	char total[200], *comma;

	say_total(p, total, sizeof(total));
	comma = strrchr(total, ',');
	if (strlen(total) > COLUMNS && comma)
		fprintf(f, "%.*s\n%s\n", (int)(comma + 1 - total), total, comma + 2);
	else
		fprintf(f, "%s\n", total);
}

void map_print(FILE *f, const struct map_picture *picture)
{
	print_cut(f, picture->title, COLUMNS);
	print_total(f, picture);
	print_rows(f, picture);
	print_legend(f, picture);
}

/* --- SVG --- */

/* In pixels. */
#define SIDE  12u /* of a cell */
#define TOP   42u /* where cells begin, below two lines of text */
#define WIDTH ((size_t)ROW_CELLS * SIDE)
#define KEY   18u /* a line of the legend */

/*
 * Neighbours in the list are far from each other on the circle of hues; after eight, as these come
 * near to each other, the next are darker, then lighter. Those without a letter share one.
 */
static void print_colour(FILE *f, size_t owner)
{
	static const unsigned lightness[] = { 45, 28, 65 };

	if (owner >= NR_LETTERS)
		fputs("fill=\"#222\"", f);
	else
		fprintf(f, "fill=\"hsl(%zu,70%%,%u%%)\"", owner * 137 % 360,
			lightness[owner / 8 % ARRAY_SIZE(lightness)]);
}

/* The fuller a cell, the stronger its colour, to 0.99. What is nearly black never gets grey. */
static void print_fill(FILE *f, const struct map_picture *p, const struct bp_thin_cell *cell)
{
	enum map_kind kind = map_kind(cell);
	bool black = kind == MAP_OWNED && owner_of(p, cell) >= NR_LETTERS;
	unsigned least = black ? 75 : 35;

	if (kind == MAP_FREE)
		fputs("fill=\"#eee\"", f);
	else if (kind == MAP_SHARED)
		fputs("fill=\"#777\"", f);
	else
		print_colour(f, owner_of(p, cell));
	if (kind != MAP_FREE)
		fprintf(f, " fill-opacity=\"0.%02u\"",
			(unsigned)(least + used(cell) * (99 - least) / cell->dblocks));
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
		" shared, %" PRIu64 " %s",
		cell->begin, cell->begin + cell->dblocks - 1, cell->exclusive_dblocks,
		cell->shared_dblocks, cell->dblocks - MIN(used(cell), cell->dblocks),
		p->of_volume ? "not mapped" : "free");
	if (!p->of_volume && map_kind(cell) == MAP_OWNED)
		fprintf(f, "; mostly of volume %" PRIu64, cell->device);
	fputs("</title></rect>\n", f);
}

/* A line of the legend: a square, whose colour the caller prints between these, and a text. */
static void begin_key(FILE *f, size_t y)
{
	fprintf(f, "<rect x=\"0\" y=\"%zu\" width=\"%u\" height=\"%u\" ", y, SIDE - 1,
		SIDE - 1);
}

static void end_key(FILE *f, size_t y, const char *text)
{
	fputs("/>", f);
	svg_text_cut(f, 18, y + 10, text, WIDTH - 18);
}

static void print_owner_key(FILE *f, size_t y, size_t i, const char *text)
{
	begin_key(f, y);
	print_colour(f, i);
	end_key(f, y, text);
}

static void print_key(FILE *f, size_t y, const char *fill, const char *text)
{
	begin_key(f, y);
	fprintf(f, "fill=\"%s\"", fill);
	end_key(f, y, text);
}

/* As many as there are letters on a terminal: nobody tells more colours from each other. */
static size_t owner_keys(const struct map_picture *p)
{
	return MIN(p->nr_owners, NR_LETTERS + 1);
}

static void print_owner_keys(FILE *f, const struct map_picture *p, size_t y)
{
	char text[OWNER_TEXT];

	for (size_t i = 0; i < owner_keys(p); i++, y += KEY) {
		if (p->of_volume)
			snprintf(text, sizeof(text), "mapped by nothing else");
		else if (i == NR_LETTERS)
			snprintf(text, sizeof(text), "mostly of one of %zu other volumes",
				 p->nr_owners - NR_LETTERS);
		else
			say_owner(&p->owners[i], text, sizeof(text));
		print_owner_key(f, y, i, text);
	}
}

static void print_keys(FILE *f, const struct map_picture *p, size_t y)
{
	print_owner_keys(f, p, y);
	y += owner_keys(p) * KEY;
	print_key(f, y, "#777", "mostly shared");
	print_key(f, y + KEY, "#eee", p->of_volume ? "not mapped" : "free");
	svg_text(f, 0, y + 2 * KEY + 10, "The paler a cell, the less of it is mapped.");
}

/* Cells, and the legend below them. */
void map_print_svg(FILE *f, const struct map_picture *picture)
{
	size_t legend = TOP + 12 + DIV_UP(picture->nr_cells, ROW_CELLS) * SIDE;
	char total[200];

	svg_begin(f, WIDTH, legend + (owner_keys(picture) + 3) * KEY, picture->title);
	svg_text_cut(f, 0, 14, picture->title, WIDTH);
	svg_text(f, 0, 32, say_total(picture, total, sizeof(total)));
	for (size_t i = 0; i < picture->nr_cells; i++)
		print_cell(f, picture, i);
	print_keys(f, picture, legend);
	svg_end(f);
}
