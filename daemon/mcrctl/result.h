/* SPDX-License-Identifier: MIT */
/* result.h - members of a result */
#ifndef DAEMON_MCRCTL_RESULT_H
#define DAEMON_MCRCTL_RESULT_H

struct cJSON;

/* A member that is missing reads as 0, "" or NULL. */
double ctl_number(const struct cJSON *object, const char *name);
const char *ctl_text(const struct cJSON *object, const char *name);
const struct cJSON *ctl_member(const struct cJSON *object, const char *name);

#define CTL_LIST_MAX 512

/* "name N, name N" of the members that are not zero, "-" when all are. */
const char *ctl_nonzero(const struct cJSON *object, char buf[static CTL_LIST_MAX]);

/*
 * "generation 7 applied on 2 of 2 workers" and the pending workers on stdout; warnings on stderr.
 */
void ctl_print_applied(const struct cJSON *result);

#endif
