/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_NUMBER_H
#define _NITRO_NUMBER_H

#include <stdint.h>

int number_parse(const char *text, uint64_t max, uint64_t *ret);
int number_parse_pair(const char *text, char separator, uint64_t max_first,
		      uint64_t max_second, uint64_t *ret_first,
		      uint64_t *ret_second);
int number_parse_scaled(const char *text, unsigned int base, uint64_t *ret);
char *number_format_scaled(uint64_t number, unsigned int base);

#endif
