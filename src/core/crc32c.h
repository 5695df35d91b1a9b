/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CRC-32C (Castagnoli; RFC 3720 appendix B.4), reflected. Register in, register out: no
 * inversion at either end. ISA-L's code where it was built in and the processor has the
 * instruction, else tables (slicing by eight).
 */
#ifndef CORE_CRC32C_H
#define CORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t reg, const void *data, size_t len);
/* The table code, which crc32c() must agree with. */
uint32_t crc32c_table(uint32_t reg, const void *data, size_t len);
/* "isa-l" or "table": what crc32c() uses on this machine. */
const char *crc32c_method(void);

#endif
