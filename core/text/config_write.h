/* SPDX-License-Identifier: MIT */
/* config_write.h - a configuration as text */
#ifndef CORE_TEXT_CONFIG_WRITE_H
#define CORE_TEXT_CONFIG_WRITE_H

#include <stddef.h>

struct config;

/**
 * config_format() - write a configuration that config_parse() reads back to the same
 * Return: malloc()ed text, NULL when out of memory.
 */
char *config_format(const struct config *c);

/**
 * config_format_part() - the same in parts, which together are the text
 * @first: rules that earlier parts have; with 0 the part begins with the settings
 * @bytes: the part ends with the first rule that makes it at least this long
 * @next:  filled with the @first of the next part; more than c->n_rules: this was the last
 *
 * Return: malloc()ed text, NULL when out of memory.
 */
char *config_format_part(const struct config *c, size_t first, size_t bytes, size_t *next);

#endif
