/* SPDX-License-Identifier: MIT */
/* place.h - arguments to members of a request; what is wrong is said with its place */
#ifndef DAEMON_MCRCTL_PLACE_H
#define DAEMON_MCRCTL_PLACE_H

#include <stdbool.h>
#include <stdint.h>

struct cJSON;
struct ctl;

/**
 * struct place - where an argument stands in the command
 * @option: or operand
 * @output: text of the output that it is a part of, NULL for other options
 */
struct place {
	const struct ctl *ctl;
	const char *option;
	const char *output;
};

/* Says that @text is not @wanted.  Return: false. */
bool place_refuse(const struct place *at, const char *what, const char *text, const char *wanted);

/* Each adds @text as a member, or refuses it.  Return: false: refused, or out of memory. */
bool place_add_number(struct cJSON *o, const char *name, const struct place *at, const char *text,
		      uint64_t min, uint64_t max);
/* With k, M or G behind it, for a thousand, a million and a thousand millions. */
bool place_add_large(struct cJSON *o, const char *name, const struct place *at, const char *text);
bool place_add_address(struct cJSON *o, const char *name, const struct place *at, const char *text);
bool place_add_interface(struct cJSON *o, const struct place *at, const char *text);

#endif
