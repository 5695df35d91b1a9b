/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files and directories of tests. Promised: what was made by temp_dir() or named to temp_later() is gone
 * when its test removed it or, at the latest, when the process that made it ends; also where a test
 * failed half-way. Not where it is killed.
 */
#ifndef LIB_TEMP_H
#define LIB_TEMP_H

/* Make a directory; @template as for mkdtemp(). */
void temp_dir(char *template);
/* Let it go at the end. */
void temp_later(const char *path);
/* Let it go now, with all that lies in it. */
void temp_remove(const char *path);

#endif
