/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What lies on what, as SVG: a box a device, however many use it, and a line for each use. The same
 * tree is drawn the same way each time. Not the best drawing: lines may cross. Nothing is asked of
 * the kernel.
 */
#ifndef COMMANDS_TREE_PICTURE_H
#define COMMANDS_TREE_PICTURE_H

#include <stdbool.h>
#include <stdio.h>

#define TREE_LINES 3

/*
 * A device. Its lines, NULL where there is none, are cut to fit; they are whole when it is pointed
 * at.
 */
struct tree_box {
	char *lines[TREE_LINES];
	bool mapped, in_cycle;
	const size_t *next; /* numbers of the boxes drawn below it */
	size_t nr_next;
};

/* A whole document. Return: 0 or -ENOMEM. */
int tree_print_svg(FILE *f, const struct tree_box *boxes, size_t count);

#endif
