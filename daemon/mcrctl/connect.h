/* SPDX-License-Identifier: MIT */
/* connect.h - one connection, one answer */
#ifndef DAEMON_MCRCTL_CONNECT_H
#define DAEMON_MCRCTL_CONNECT_H

#include <stddef.h>

#include "core/base/complaint.h"
#include "daemon/mcrctl/ctl.h"

struct cJSON;

/**
 * struct ctl_reply - what the daemon answered
 * @json:    the whole message, owned
 * @result:  in it, when the call succeeded
 * @text:    the result as it came, for --json; owned
 * @refusal: why not, when the status is CTL_REFUSED
 * @code:    of the refusal, an enum rpc_error
 */
struct ctl_reply {
	struct cJSON *json;
	const struct cJSON *result;
	char *text;
	struct complaint refusal;
	int code;
};

void ctl_reply_fini(struct ctl_reply *r);

/**
 * ctl_call() - connect, check the version, call one method
 * @params: taken, NULL for none
 * @reply:  filled, for ctl_reply_fini() whatever the status
 *
 * Return: CTL_OK; CTL_REFUSED with @reply->refusal, nothing printed yet;
 * CTL_UNREACHABLE, printed.
 */
enum ctl_status ctl_call(const struct ctl *ctl, const char *method, struct cJSON *params,
			 struct ctl_reply *reply);

/**
 * struct ctl_session - a connection for several calls, for connect.c alone
 * @data: received on it and not yet taken
 */
struct ctl_session {
	const char *path;
	int fd;
	unsigned answer_ms;
	int calls;
	char *data;
	size_t len, room;
};

/* Connect and check the version; ctl_session_close() whatever is returned.  As ctl_call(). */
enum ctl_status ctl_session_open(const struct ctl *ctl, struct ctl_session *c,
				 struct ctl_reply *reply);
enum ctl_status ctl_session_call(struct ctl_session *c, const char *method, struct cJSON *params,
				 struct ctl_reply *reply);
void ctl_session_close(struct ctl_session *c);

/* Prints a result for people. */
typedef void ctl_print_fn(const struct ctl *ctl, const struct cJSON *result);

/*
 * Prints the outcome of ctl_call(): a refusal; with --json the result as it came; else by @print.
 */
void ctl_report(const struct ctl *ctl, enum ctl_status status, const struct ctl_reply *reply,
		ctl_print_fn *print);

/* ctl_call() and ctl_report(): most commands need no more. */
enum ctl_status ctl_run(const struct ctl *ctl, const char *method, struct cJSON *params,
			ctl_print_fn *print);

#endif
