/* SPDX-License-Identifier: MIT */
/*
 * decimal.h - the one reader of decimal numbers in text
 *
 * strtoul() alone takes spaces, signs, and numbers that do not fit; strtod() alone takes
 * hexadecimal, exponents and nan.
 */
#ifndef HARNESS_BASE_DECIMAL_H
#define HARNESS_BASE_DECIMAL_H

#include <stdint.h>

/**
 * decimal_read() - read the digits at the beginning of a text
 * @text:  NUL-terminated; borrowed
 * @high:  the largest number allowed
 * @value: filled on success
 * @rest:  filled on success: the first character behind the digits
 *
 * Return: 0; -EINVAL when @text does not begin with a digit; -ERANGE above @high.
 */
int decimal_read(const char *text, uint64_t high, uint64_t *value, const char **rest);

/**
 * decimal_whole() - read a text that is a number and nothing else
 * @text:  NUL-terminated; borrowed
 * @low:   the smallest number allowed
 * @high:  the largest number allowed
 * @value: filled on success
 *
 * Return: 0; -EINVAL when @text is anything else; -ERANGE outside @low to @high.
 */
int decimal_whole(const char *text, uint64_t low, uint64_t high, uint64_t *value);

/**
 * decimal_fraction() - read the digits and the point at the beginning of a text
 * @text:  NUL-terminated, such as "1.5mbit"; borrowed
 * @value: filled on success, 0 or more
 * @rest:  filled on success: the first character behind the number
 *
 * Return: 0; -EINVAL when @text does not begin with a digit, has a second point, or an exponent.
 */
int decimal_fraction(const char *text, double *value, const char **rest);

#endif
