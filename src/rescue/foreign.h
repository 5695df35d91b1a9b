/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a file or device is that is no pool's metadata and has no volumes of LVM. */
#ifndef RESCUE_FOREIGN_H
#define RESCUE_FOREIGN_H

#include "core/strbuf.h"
#include "io/probe.h"
#include "io/raw_image.h"

struct foreign {
	char type[40];    /* "qcow2", "vdo", "ext4" ... */
	const char *what; /* in a few words; NULL: the type says it */
	const char
		*hint; /* what to do with it, for foreign_add_hint(); NULL: nothing is known */
	bool metadata; /* of a cache or an era: blocks like a pool's are its own */
};

/* By what it begins with. 0, -ENODATA (nothing known), -ENOMEM. */
int foreign_look(const struct raw_image *image, struct foreign *ret);

/*
 * The same, of what @image has at @offset, as far as libblkid has no word for it: files of
 * programs, and devices below some targets. NULL in @ret->what: nothing known.
 */
void foreign_look_at(const struct raw_image *image, bp_bytes offset, struct foreign *ret);

/* The same by what libblkid has found: the type stands in any case. */
void foreign_signature(const struct probe_signature *sig, struct foreign *ret);

/* "a disk image of qemu: qcow2"; and what to do, with commands that can be pasted, or nothing. */
void foreign_add_what(const struct foreign *is, struct strbuf *s);
void foreign_add_hint(const struct foreign *is, const char *path, struct strbuf *s);

/*
 * Are there blocks of a pool's metadata, each where it says it is? Of the first 64 MiB: blocks are
 * handed out from the front. 1, 0, -ENOMEM.
 */
int foreign_has_blocks(const struct raw_image *image);

#endif
