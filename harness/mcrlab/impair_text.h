/* SPDX-License-Identifier: MIT */
/* impair_text.h - impairments as text: 1%, 10mbit */
#ifndef HARNESS_MCRLAB_IMPAIR_TEXT_H
#define HARNESS_MCRLAB_IMPAIR_TEXT_H

#include <stdint.h>

/**
 * impair_parse_percent() - read a probability
 * @text:       a decimal number from 0 to 100 with a '%' behind it, or 0 alone
 * @millionths: filled on success with 0 to 1000000, rounded
 *
 * Return: 0; -ERANGE when it is less than one in a million, but not 0; -EINVAL for anything else.
 */
int impair_parse_percent(const char *text, uint32_t *millionths);

/**
 * impair_parse_rate() - read a rate
 * @text:        a decimal number with bit, kbit, mbit or gbit (a second) behind it, or 0 alone
 * @bytes_per_s: filled on success with 0, or 1000 to UINT32_MAX
 *
 * Return: 0; -EINVAL for anything else.
 */
int impair_parse_rate(const char *text, uint64_t *bytes_per_s);

#endif
