/* SPDX-License-Identifier: MIT */
/*
 * slow.h - one factor for every deadline of the harness and of the tests: MCR_SLOW
 *
 * A deadline says how long something may take at most on a machine that is not in trouble.  An
 * emulated processor is ten times slower, and nothing is wrong.  Three times are never scaled: a
 * measured time, the pause between two looks, and a time that was itself asked for.
 *
 * All of it is in this header, so that unit tests and experiments need no library for it.
 */
#ifndef HARNESS_BASE_SLOW_H
#define HARNESS_BASE_SLOW_H

#include <stdint.h>
#include <stdlib.h>

#define SLOW_MAX 1000

/**
 * slow_factor() - read the environment variable MCR_SLOW
 *
 * Return: its value, a whole number from 1 to SLOW_MAX; 1 for anything else.
 */
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
