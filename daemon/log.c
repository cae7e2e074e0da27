// SPDX-License-Identifier: MIT
/*
 * log.c - log lines, one write(2) each
 *
 * A line is composed in a buffer on the stack and written at once, because several
 * processes share descriptor 2 and must not mix their lines.  Nothing here opens a
 * file or allocates after log_init(), so that a sealed process can log; the one
 * call that would (gmtime_r() reads the time zone on its first use) is made there.
 */
#include "daemon/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"

#define LINE_BYTES    2048
#define MESSAGE_BYTES 1024
#define LIMIT_NS      (10 * NS_PER_S)

static const char *const severity_names[] = {"emergency", "alert",  "critical", "error",
					     "warning",   "notice", "info",     "debug"};
static_assert(sizeof(severity_names) / sizeof(severity_names[0]) == SEVERITIES,
	      "a name for every severity");

static const char *const facility_names[] = {
	"Supervisor", "RuleDispatch", "ControlSocket", "DataPlane", "Ingress", "Egress",
	"BufferPool", "PacketParser", "Stats",         "Security",  "Network", "Test"};
static_assert(sizeof(facility_names) / sizeof(facility_names[0]) == FACILITIES,
	      "a name for every facility");

static char log_process[32] = "mcrd";
static bool log_json;
static enum log_severity log_level = SEV_INFO;

const char *log_severity_name(enum log_severity s)
{
	return (unsigned)s < SEVERITIES ? severity_names[s] : "unknown";
}

const char *log_facility_name(enum log_facility f)
{
	return (unsigned)f < FACILITIES ? facility_names[f] : "unknown";
}

void log_init(const char *process, bool json)
{
	time_t zero = 0;
	struct tm tm;

	snprintf(log_process, sizeof(log_process), "%s", process);
	log_json = json;
	gmtime_r(&zero, &tm);
}

/* Cuts at the end of the buffer: a truncated line is better than none. */
static size_t append(char *buf, size_t size, size_t len, const char *text)
{
	size_t n = strlen(text);

	if (n > size - 1 - len)
		n = size - 1 - len;
	memcpy(buf + len, text, n);
	buf[len + n] = '\0';
	return len + n;
}

/* RFC 8259, section 7; bytes outside ASCII pass as they are. */
static size_t append_json(char *buf, size_t size, size_t len, const char *text)
{
	for (const char *p = text; *p; p++) {
		unsigned char ch = (unsigned char)*p;
		char one[8];

		if (ch == '"' || ch == '\\')
			snprintf(one, sizeof(one), "\\%c", ch);
		else if (ch < 0x20 || ch == 0x7f)
			snprintf(one, sizeof(one), "\\u%04x", ch);
		else
			snprintf(one, sizeof(one), "%c", ch);
		len = append(buf, size, len, one);
	}
	return len;
}

static void format_time(char *buf, size_t size)
{
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	snprintf(buf, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		 now.tv_nsec / (long)NS_PER_MS);
}

/* A log that cannot be written has nobody to be told. */
static void put(const char *line, size_t len)
{
	if (write(STDERR_FILENO, line, len) < 0)
		return;
}

static void log_line(enum log_severity s, enum log_facility f, const char *message)
{
	char line[LINE_BYTES], when[80];
	size_t len = 0;

	format_time(when, sizeof(when));
	if (log_json) {
		/* Room for the closing '"}' and newline whatever the message holds. */
		size_t room = sizeof(line) - 3;

		snprintf(line, room,
			 "{\"time\":\"%s\", \"severity\":\"%s\", \"facility\":\"%s\", "
			 "\"process\":\"",
			 when, log_severity_name(s), log_facility_name(f));
		len = append_json(line, room, strlen(line), log_process);
		len = append(line, room, len, "\", \"message\":\"");
		len = append_json(line, room, len, message);
		len = append(line, sizeof(line), len, "\"}\n");
	} else {
		snprintf(line, sizeof(line) - 1, "%s %s %s[%s]: ", when, log_severity_name(s),
			 log_facility_name(f), log_process);
		len = append(line, sizeof(line) - 1, strlen(line), message);
		/* What came from outside must not forge a line. */
		for (size_t i = 0; i < len; i++)
			if (line[i] == '\n' || line[i] == '\r')
				line[i] = ' ';
		len = append(line, sizeof(line), len, "\n");
	}
	put(line, len);
}

void log_msg(enum log_severity s, enum log_facility f, const char *fmt, ...)
{
	char message[MESSAGE_BYTES];
	va_list ap;

	if (s > log_level)
		return;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	log_line(s, f, message);
}

void log_raw(const char *fmt, ...)
{
	char line[LINE_BYTES];
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	len = append(line, sizeof(line), strlen(line), "\n");
	put(line, len);
}

void log_limited(struct log_limit *l, uint64_t now_ns, enum log_severity s, enum log_facility f,
		 const char *fmt, ...)
{
	char message[MESSAGE_BYTES];
	va_list ap;

	if (now_ns < l->next_ns) {
		l->suppressed++;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (l->suppressed)
		log_msg(s, f, "%s (%llu more like this were left out)", message,
			(unsigned long long)l->suppressed);
	else
		log_msg(s, f, "%s", message);
	l->next_ns = now_ns + LIMIT_NS;
	l->suppressed = 0;
}

void die(enum log_facility f, const char *fmt, ...)
{
	char message[MESSAGE_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	log_line(SEV_CRITICAL, f, message);
	exit(1);
}
