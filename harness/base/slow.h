/* SPDX-License-Identifier: MIT */
/*
 * One factor for every deadline of the harness and of the tests: the environment variable MCR_SLOW.
 *
 * A deadline says how long something may take at most on a machine that is not in trouble.  An
 * emulated processor is ten times slower, and nothing is wrong.  What is measured, the interval
 * between two looks, and time that is itself what was asked for are never scaled.
 */
#ifndef HARNESS_BASE_SLOW_H
#define HARNESS_BASE_SLOW_H

#include <stdint.h>
#include <stdlib.h>

#define SLOW_MAX 1000

/** slow_factor() - MCR_SLOW, a whole number from 1 to SLOW_MAX; 1 for anything else. */
static inline int64_t slow_factor(void)
{
	const char *text = getenv("MCR_SLOW");
	char *end = NULL;
	long factor = text ? strtol(text, &end, 10) : 1;

	if (text && (end == text || *end != '\0'))
		return 1;
	return factor >= 1 && factor <= SLOW_MAX ? factor : 1;
}

#endif
