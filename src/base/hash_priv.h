/* SPDX-License-Identifier: Apache-2.0
 *
 * The portable CRC-32C, so that a test can hold the machine's instruction against it.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* As crc32c (hash.h), always by the table. */
uint32_t crc32c_by_table(uint32_t crc, const void *ptr, size_t len);
