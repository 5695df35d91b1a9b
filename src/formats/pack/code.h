/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One metadata block as instructions of a small machine, which has one 64-bit register, 0 at
 * first. "emit" appends the register, little-endian. An instruction is a byte: what to do in the
 * high four bits, n in the low ones; operands follow. W is a little-endian number of n bytes (1,
 * 2, 4 or 8), b one byte.
 *
 *	 0  set            W       register = W; emit
 *	 1  add                    register += n; emit
 *	 2  add wide       W       register += W; emit
 *	 3  subtract               register -= n; emit
 *	 4  subtract wide  W       register -= W; emit
 *	 5  repeat                 emit n times
 *	 6  repeat wide    b       emit n * 256 + b times
 *	 7  times                  the next instruction (0 to 4) n times
 *	 8  times wide     b       the next instruction n * 256 + b times
 *	 9  literal                the n bytes that follow
 *	10  literal wide   W       the W bytes that follow
 *	11  shifted        b       with c = n * 256 + b: instructions that make c numbers, then
 *				   such that make c numbers more; emits first[i] << 24 | second[i]
 *
 * Source: thin-provisioning-tools' pack files, taken apart.
 */
#ifndef FORMATS_PACK_CODE_H
#define FORMATS_PACK_CODE_H

#include "pdata/block.h"

/* More than any block takes, whatever is in it. */
#define CODE_MAX 16384u

/* Encode @data, of @kind; @to has CODE_MAX bytes. Returns how many were used. */
size_t code_encode(const void *data, enum block_kind kind, uint8_t *to);

/*
 * Decode one block to @data (4096 bytes) from at most @len bytes. Returns how many were used; 0:
 * there is no block in these bytes, or less than all of it. @data may be NULL where only that is
 * asked: it takes a fraction of the time.
 */
size_t code_decode(const uint8_t *from, size_t len, void *data);

#endif
