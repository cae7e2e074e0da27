// SPDX-License-Identifier: MIT
/* decimal.c - the one reader of decimal numbers */
#include "core/base/decimal.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

int decimal_parse(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	bool overflow = false;
	uint64_t n = 0;

	if (!text[0])
		return -EINVAL;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9')
			return -EINVAL;
		overflow |= __builtin_mul_overflow(n, 10, &n) ||
			    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n);
	}
	if (overflow || n < min || n > max)
		return -ERANGE;
	*value = n;
	return 0;
}
