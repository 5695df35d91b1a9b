/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * LVM2 on a physical volume: its label, the areas it names, and the texts in them.
 * Source: LVM2, lib/label/label.c, lib/format_text/{layout.h,text_label.c,format-text.c}.
 */
#ifndef LVM_LABEL_H
#define LVM_LABEL_H

#include "core/vec.h"
#include "io/raw_image.h"

#define LVM_UUID_SIZE   39   /* six to four characters in seven groups, dashes and NUL */
#define LVM_LABEL_BYTES 2048 /* the first four sectors: a label is in one of them */
#define LVM_AREAS_MAX   8
#define LVM_MDAS_MAX    2

struct lvm_area {
	bp_bytes offset, size; /* from the start of the PV; size 0: to the end */
};

/* A metadata area: a header, and a ring of texts. */
struct lvm_mda {
	struct lvm_area area; /* as the label has it */
	bool valid;           /* its header has the right checksum, magic, place */
	bp_bytes header_size; /* of the area, as its header has it */
	bool ignored;         /* LVM does not keep it up to date */
	bool text_valid;      /* there is a current text and its checksum is right */
	bool wrapped;
	bp_bytes text_offset, text_size; /* from the area's start; 0: no volume group */
	uint32_t text_checksum;
};

struct lvm_label {
	char uuid[LVM_UUID_SIZE];
	unsigned sector;
	bp_bytes device_size;
	uint32_t ext_version, ext_flags;
	unsigned nr_data, nr_mdas, nr_bootloader;
	struct lvm_area data[LVM_AREAS_MAX], bootloader[LVM_AREAS_MAX];
	struct lvm_mda mdas[LVM_MDAS_MAX];
};

/* The checksum of labels, headers and texts. */
uint32_t lvm_crc(const void *data, size_t len);

/* "AAAAAA-BBBB-...": @id is 32 characters. False where they can't be those of an id. */
bool lvm_uuid_format(const char *id, char ret[LVM_UUID_SIZE]);

/* Is there something that says it is a label in these bytes, whatever else is wrong with it? */
bool lvm_label_seen(const void *data, size_t len);

/* Decode a label from LVM_LABEL_BYTES bytes: 0, or -ENODATA where there is no valid one. */
int lvm_label_decode(const void *data, size_t len, struct lvm_label *ret);

/* Decode the header of an area from its first 512 bytes into @mda, whose area is set. */
void lvm_mda_decode(const void *data, struct lvm_mda *mda);

/*
 * Look for a PV at @offset of an image: label, then headers of areas and checksums of texts.
 * 0, -ENODATA: none; or an error of reading.
 */
int lvm_label_read(const struct raw_image *image, bp_bytes offset, struct lvm_label *ret);

/* What is called for each PV found, with the byte where it begins; non-zero stops and is returned. */
struct lvm_lost_visitor {
	int (*found)(void *user, bp_bytes offset);
	void *user;
};

/* Search a disk for PVs wherever they may begin. 0, what @visitor returned, -ENOMEM. */
int lvm_lost_search(const struct raw_image *image, const struct lvm_lost_visitor *visitor);

/* Copies the text at @offset (from the area's start), @size bytes, around the ring's end. */
int lvm_text_read(const struct raw_image *image, bp_bytes pv_offset, const struct lvm_mda *mda,
		  bp_bytes offset, bp_bytes size, char *buf);

/* A ring's texts lie behind its header, whose size is also the step at which they begin. */
#define LVM_RING_BEGIN UINT64_C(512)

/* Where a text begins in a ring, and whether it is a whole one. */
struct lvm_old_text {
	bp_bytes offset; /* from the area's start */
	char *text;      /* ended by NUL */
	size_t size;
	uint64_t seqno;
};
typedef VEC(struct lvm_old_text) lvm_old_texts;

/*
 * All texts that are whole in a ring, by rising number; with several of one number the first
 * in the ring. Reads the area once, holds it and the texts. Free with lvm_old_texts_done().
 */
int lvm_ring_read(const struct raw_image *image, bp_bytes pv_offset, const struct lvm_mda *mda,
		  lvm_old_texts *ret);
void lvm_old_texts_done(lvm_old_texts *texts);

#endif
