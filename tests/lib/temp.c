/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "temp.h"

#include "unit.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/util.h"
#include "core/vec.h"

static VEC(char *) paths; /* that are still there */
static pid_t owner;       /* a child that ends leaves its parent's alone */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	remove(path);
	return 0; /* the rest all the same */
}

static void remove_all(void)
{
	if (getpid() != owner)
		return;
	for (size_t i = 0; i < paths.count; i++) {
		nftw(paths.items[i], remove_one, 16, FTW_DEPTH | FTW_PHYS);
		free(paths.items[i]);
	}
	vec_done(&paths);
}

void temp_later(const char *path)
{
	char *copy = strdup(path);

	if (!owner) {
		owner = getpid();
		assert_ok(atexit(remove_all));
	}
	assert_non_null(copy);
	assert_ok(vec_add(&paths, &copy));
}

void temp_dir(char *template)
{
	assert_non_null(mkdtemp(template));
	temp_later(template);
}

void temp_remove(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	for (size_t i = 0; i < paths.count; i++) {
		if (!streq(paths.items[i], path))
			continue;
		free(paths.items[i]);
		paths.items[i] = paths.items[--paths.count];
		return;
	}
}
