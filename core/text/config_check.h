/* SPDX-License-Identifier: MIT */
/* config_check.h - every error of a configuration, not only the first */
#ifndef CORE_TEXT_CONFIG_CHECK_H
#define CORE_TEXT_CONFIG_CHECK_H

#include <stddef.h>

struct complaint;
struct config;

#define CONFIG_ERRORS_MAX 100u /* then it ends */

/* Told each error, with line and column. */
typedef void config_error_fn(void *ctx, const struct complaint *c);

/**
 * config_check() - read a configuration, and go on after errors
 * @text, @len: as in config_parse()
 * @fn:  called for each error, in the order in which they are found
 * @out: filled when there is none, to be released with config_fini()
 *
 * Of one value the first error is told.  After an error in the syntax there is no next one.
 *
 * Return: 0; the number of errors, up to CONFIG_ERRORS_MAX.
 */
unsigned config_check(const char *text, size_t len, config_error_fn *fn, void *ctx,
		      struct config *out);

#endif
