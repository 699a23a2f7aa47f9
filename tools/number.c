// SPDX-License-Identifier: GPL-2.0
/* Strict numbers: decimal digits only, no sign, no space, no overflow. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "number.h"

/* The digits of [text, end); an empty run of digits is not a number. */
static int parse_digits(const char *text, const char *end, uint64_t max,
			uint64_t *ret)
{
	uint64_t number = 0;

	if (text == end)
		return -EINVAL;
	for (; text < end; text++) {
		unsigned int digit = *text - '0';

		if (*text < '0' || *text > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, digit, &number))
			return -ERANGE;
	}
	if (number > max)
		return -ERANGE;
	*ret = number;
	return 0;
}

/**
 * number_parse() - Read a whole text as a decimal number
 * @text: the text
 * @max: the greatest number to accept
 * @ret: receives the number
 *
 * Context: Any.
 * Return: 0, -EINVAL if @text is not a number, -ERANGE if it is too great.
 */
int number_parse(const char *text, uint64_t max, uint64_t *ret)
{
	return parse_digits(text, text + strlen(text), max, ret);
}

/**
 * number_parse_pair() - Read "N" or "N<separator>M"
 * @text: the text
 * @separator: what stands between the numbers
 * @max_first: the greatest first number to accept
 * @max_second: the greatest second number to accept
 * @ret_first: receives the first number
 * @ret_second: receives the second number, which is the first if there is none
 *
 * Context: Any.
 * Return: 0, -EINVAL if @text is something else, -ERANGE if a number is too
 * great.
 */
int number_parse_pair(const char *text, char separator, uint64_t max_first,
		      uint64_t max_second, uint64_t *ret_first,
		      uint64_t *ret_second)
{
	const char *middle = strchr(text, separator);
	int r;

	r = parse_digits(text, middle ?: text + strlen(text), max_first,
			 ret_first);
	if (r < 0)
		return r;
	if (!middle) {
		*ret_second = *ret_first;
		return 0;
	}
	return number_parse(middle + 1, max_second, ret_second);
}

/**
 * number_parse_scaled() - Read a number with an optional K, M, G or T
 * @text: the text
 * @base: what one step of the suffix multiplies by: 1000 for rates, 1024 for
 *	sizes
 * @ret: receives the number
 *
 * Context: Any.
 * Return: 0, -EINVAL if @text is not such a number, -ERANGE if it exceeds 63
 * bits, which is what JSON readers can be trusted with.
 */
int number_parse_scaled(const char *text, unsigned int base, uint64_t *ret)
{
	static const char suffixes[] = "KMGT";
	size_t n = strlen(text);
	unsigned int steps = 0;
	uint64_t number;
	int r;

	if (n) {
		char last = text[n - 1];
		const char *suffix;

		suffix = strchr(suffixes, last == 'k' ? 'K' : last);
		if (suffix) {
			steps = suffix - suffixes + 1;
			n--;
		}
	}
	r = parse_digits(text, text + n, INT64_MAX, &number);
	if (r < 0)
		return r;
	while (steps--)
		if (__builtin_mul_overflow(number, base, &number) ||
		    number > INT64_MAX)
			return -ERANGE;
	*ret = number;
	return 0;
}

/**
 * number_format_scaled() - Write a number with the greatest exact suffix
 * @number: the number
 * @base: 1000 for rates, 1024 for sizes
 *
 * Context: Any.
 * Return: the text, which number_parse_scaled() reads back, or NULL without
 * memory. The caller frees it.
 */
char *number_format_scaled(uint64_t number, unsigned int base)
{
	static const char *const suffixes[] = { "", "K", "M", "G", "T" };
	unsigned int i = 0;
	char *text;

	while (i < 4 && number && number % base == 0) {
		number /= base;
		i++;
	}
	if (asprintf(&text, "%" PRIu64 "%s", number, suffixes[i]) < 0)
		return NULL;
	return text;
}
