/* SPDX-License-Identifier: MIT */
/*
 * decimal.h - the one reader of decimal numbers in text
 */
#ifndef CORE_BASE_DECIMAL_H
#define CORE_BASE_DECIMAL_H

#include <stdint.h>

/**
 * decimal_parse() - text to a number
 * @text:  digits and nothing else: no sign, no space
 * @max:   the largest that is right
 * @value: filled on success
 *
 * Return: 0; -EINVAL when it is empty or holds anything but digits; -ERANGE when it is less
 * than @min or more than @max.
 */
int decimal_parse(const char *text, uint64_t min, uint64_t max, uint64_t *value);

#endif
