/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Damage on purpose, to a block of any metadata. Which blocks there are is each format's. */
#ifndef BEDPLATE_SPOIL_H
#define BEDPLATE_SPOIL_H

#include <bedplate/units.h>

#ifdef __cplusplus
extern "C" {
#endif

/* enum bp_spoil_how - What is done to a block. */
enum bp_spoil_how {
	BP_SPOIL_ZERO = 0,
	BP_SPOIL_FLIP = 1,     /* one bit is turned over */
	BP_SPOIL_NOISE = 2,    /* all of it is random */
	BP_SPOIL_CHECKSUM = 3, /* its checksum alone is wrong */
	BP_SPOIL_NUMBER = 4,   /* it says that it is another block; its checksum is right */
};
/* "zero", "flip" ...; NULL past the last. */
BP_API const char *bp_spoil_how_name(enum bp_spoil_how how);

#ifdef __cplusplus
}
#endif

#endif
