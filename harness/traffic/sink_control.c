// SPDX-License-Identifier: MIT
/*
 * sink_control.c - the sink's control channel
 *
 * One request per line, on a stream socket:
 *   progress          answered by one line {"received": N}
 *   report            answered by one line, the whole report so far
 *   finish N QUIET    no answer: end once N datagrams have arrived and then QUIET ms of silence
 * Anything else is answered by {"error": ...}.
 */
#include "harness/traffic/sink_control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/decimal.h"
#include "harness/base/slow.h"
#include "harness/base/wait.h"
#include "harness/traffic/sink.h"
#include "harness/traffic/sink_report.h"

static void answer(const struct sink *sink, const char *text)
{
	size_t length = strlen(text);

	while (length) {
		ssize_t n = send(sink->config.control_fd, text, length, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			text += n;
			length -= (size_t)n;
		}
	}
}

static void answer_report(const struct sink *sink)
{
	char *text = sink_report_json(sink);

	if (text) {
		answer(sink, text);
		answer(sink, "\n");
	}
	sink_report_free(text);
}

/* "finish COUNT QUIET_MS" */
static bool read_finish(const char *line, uint64_t *count, uint64_t *quiet_ms)
{
	static const char verb[] = "finish ";
	const char *rest;

	return !strncmp(line, verb, strlen(verb)) &&
	       decimal_read(line + strlen(verb), UINT64_MAX, count, &rest) == 0 && *rest == ' ' &&
	       decimal_whole(rest + 1, 0, UINT32_MAX, quiet_ms) == 0;
}

static void serve_line(struct sink *sink, const char *line)
{
	uint64_t count;
	uint64_t quiet_ms;
	char text[64];

	if (!strcmp(line, "progress")) {
		snprintf(text, sizeof(text), "{\"received\": %" PRIu64 "}\n",
			 sink->account.arrivals.count);
		answer(sink, text);
	} else if (!strcmp(line, "report")) {
		answer_report(sink);
	} else if (read_finish(line, &count, &quiet_ms)) {
		sink->config.count = count;
		sink->quiet_ms = quiet_ms * (uint64_t)slow_factor();
		sink->quiet_since_ns = monotonic_ns();
		sink->finishing = true;
	} else {
		answer(sink, "{\"error\": \"unknown request\"}\n");
	}
}

bool sink_control_input(struct sink *sink)
{
	char *line = sink->control_line;
	ssize_t n = read(sink->config.control_fd, line + sink->control_length,
			 sizeof(sink->control_line) - 1 - sink->control_length);
	char *end;

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (n == 0)
		return false;
	sink->control_length += (unsigned)n;
	line[sink->control_length] = '\0';
	while ((end = strchr(line, '\n'))) {
		*end = '\0';
		serve_line(sink, line);
		sink->control_length -= (unsigned)(end + 1 - line);
		memmove(line, end + 1, sink->control_length + 1);
	}
	/* A line that does not fit is no request of ours. */
	return sink->control_length < sizeof(sink->control_line) - 1;
}
