/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the typed parameters of several targets are made of. */
#ifndef BEDPLATE_TARGET_VALUES_H
#define BEDPLATE_TARGET_VALUES_H

#include <bedplate/bdev.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A number that may be missing, told apart from zero. BP_SET(7) initialises one. */
struct bp_number {
	uint64_t value;
	bool is_set;
};
/* clang-format off */
#define BP_SET(number) { (number), true }
/* clang-format on */

/* A word and its value, where a target takes such pairs. */
struct bp_pair {
	const char *key, *value;
};

/* For options that are on or off; 0: not given. */
enum bp_on_off {
	BP_ON = 1,
	BP_OFF = 2,
};

#define BP_DEV_TEXT 24
/* bp_dev_format() - Write "MAJOR:MINOR" at @buf, at least BP_DEV_TEXT bytes. Return: @buf. */
BP_API const char *bp_dev_format(const struct bp_bdev *bdev, char *buf);

#ifndef __cplusplus
/* A block device as a word of a table; lives as long as the enclosing block. */
#define BP_DEV(bdev) bp_dev_format((bdev), (char[BP_DEV_TEXT]){ 0 })
#endif

#ifdef __cplusplus
}
#endif

#endif
