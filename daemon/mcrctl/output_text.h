/* SPDX-License-Identifier: MIT */
/* output_text.h - outputs as words of a command line */
#ifndef DAEMON_MCRCTL_OUTPUT_TEXT_H
#define DAEMON_MCRCTL_OUTPUT_TEXT_H

#include <stdbool.h>

struct cJSON;
struct ctl;

#define OUTPUT_TEXT_MAX 160

/**
 * output_from_text() - A:P:IF[:ttl=N|decrement][:source=A][:sport=P][:dscp=N]
 * @o:      gets the members of an output
 * @option: or operand, for complaints
 *
 * Return: false when it cannot be read, said on stderr.
 */
bool output_from_text(struct cJSON *o, const struct ctl *ctl, const char *option, const char *text);

/* An output of ListRules, as output_from_text() takes it. */
const char *output_to_text(const struct cJSON *o, char buf[static OUTPUT_TEXT_MAX]);

#endif
