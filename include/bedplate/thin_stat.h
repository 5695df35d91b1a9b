/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How often data and metadata blocks are referenced, and how long the runs of data are. */
#ifndef BEDPLATE_THIN_STAT_H
#define BEDPLATE_THIN_STAT_H

#include <bedplate/thin.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum bp_thin_stat_what
 * @BP_THIN_STAT_DATA_BLOCKS: reference counts of data blocks, as the space map has them.
 * @BP_THIN_STAT_METADATA_BLOCKS: the same of metadata blocks.
 * @BP_THIN_STAT_DATA_RUNS: lengths of the runs in which data blocks rise with virtual blocks, each
 *	shared leaf once.
 */
enum bp_thin_stat_what {
	BP_THIN_STAT_DATA_BLOCKS = 0,
	BP_THIN_STAT_METADATA_BLOCKS = 1,
	BP_THIN_STAT_DATA_RUNS = 2,
};

/* struct bp_thin_stat_row - @times blocks have @value references, or runs that length. */
struct bp_thin_stat_row {
	uint64_t value, times;
};

/**
 * bp_thin_stat() - Call @row for each value there is, rising.
 * @meta: opened. A metadata snapshot has no counts: -EINVAL but for BP_THIN_STAT_DATA_RUNS.
 * @row: values of 0 are not told. Non-zero ends it and is returned.
 *
 * Memory: 16 bytes for each different value, and 60 bytes a bitmap; for runs as bp_thin_dump().
 *
 * Return: 0; -EINVAL; -EBADMSG, -EUCLEAN, -EIO where anything of it is damaged; -ENOMEM.
 */
BP_API int bp_thin_stat(struct bp_thin_meta *meta, enum bp_thin_stat_what what,
			int (*row)(void *user, const struct bp_thin_stat_row *row), void *user);

#ifdef __cplusplus
}
#endif

#endif
