// SPDX-License-Identifier: MIT
/* decimal.c - digits first, then the range */
#include "harness/base/decimal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int decimal_read(const char *text, uint64_t high, uint64_t *value, const char **rest)
{
	unsigned long long number;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || number > high)
		return -ERANGE;
	*value = number;
	*rest = end;
	return 0;
}

int decimal_whole(const char *text, uint64_t low, uint64_t high, uint64_t *value)
{
	uint64_t number;
	const char *rest;
	int ret = decimal_read(text, high, &number, &rest);

	if (ret < 0)
		return ret;
	if (*rest)
		return -EINVAL;
	if (number < low)
		return -ERANGE;
	*value = number;
	return 0;
}

int decimal_fraction(const char *text, double *value, const char **rest)
{
	size_t length = strspn(text, "0123456789.");
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	*value = strtod(text, &end);
	if (end != text + length)
		return -EINVAL;
	*rest = end;
	return 0;
}
