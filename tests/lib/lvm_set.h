/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The disk images of volume groups in tests/data/lvm, and the facts that belong to them. */
#ifndef LIB_LVM_SET_H
#define LIB_LVM_SET_H

#include "unit.h"

#include "lvm/scan.h"

/* The images of one set, unpacked, and searched. */
struct lvm_set {
	struct bp_ctx *ctx;
	char *paths[8];
	size_t nr;
	struct lvm_scan *scan;
};

extern const char *const lvm_sets[];
extern const size_t nr_lvm_sets;

void lvm_set_open(struct lvm_set *set, const char *name);
void lvm_set_done(struct lvm_set *set);

/* Lines that jq makes of a set's facts, each given to @line. Returns how many there were. */
size_t lvm_facts(const char *name, const char *filter, void (*line)(void *user, char *text),
		 void *user);

/* @p, which has to be there: said in a way that the compiler sees. */
const void *there(const void *p, const char *what);

#endif
