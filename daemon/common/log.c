// SPDX-License-Identifier: MIT
/*
 * log.c - log lines, one write each, which never block
 *
 * A line is composed in a buffer on the stack and written at once, because several
 * processes share descriptor 2 and must not mix their lines.  Nothing here opens a
 * file or allocates after log_init(), so that a sealed process can log; the one
 * call that would (gmtime_r() reads the time zone on its first use) is made there.
 *
 * Standard error may be a pipe that nobody reads.  O_NONBLOCK is a property of the open
 * description, which others share: it is not set on theirs.  The supervisor opens the pipe
 * or terminal once more (log_detach()), and its children inherit that description.  A
 * socket is written with MSG_DONTWAIT.  Where a pipe cannot be opened again, because it is
 * another user's, poll(2) is asked before each line; a line is shorter than PIPE_BUF, so it fits
 * if poll(2) says so, unless another process takes that room first.
 *
 * A line for which there is no room is lost and counted; the count is written when there is room.
 */
#include "daemon/common/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"

#define LINE_BYTES    2048
#define MESSAGE_BYTES 1024
#define LIMIT_NS      (10 * NS_PER_S)
#define BURST_LINES   100

static_assert(LINE_BYTES <= PIPE_BUF, "a line is written whole or not at all");

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

/* How a line gets out without waiting. */
static enum { OUT_WRITE, OUT_SOCKET, OUT_POLL } log_out = OUT_POLL;

static uint64_t log_lost;         /* lines, not reported yet */
static char log_rest[LINE_BYTES]; /* rest of a line of which only the beginning was written */
static size_t log_rest_len;

const char *log_severity_name(enum log_severity s)
{
	return (unsigned)s < SEVERITIES ? severity_names[s] : "unknown";
}

const char *log_facility_name(enum log_facility f)
{
	return (unsigned)f < FACILITIES ? facility_names[f] : "unknown";
}

/* A regular file never blocks, and a descriptor with O_NONBLOCK returns EAGAIN. */
static void find_out(void)
{
	int flags = fcntl(STDERR_FILENO, F_GETFL);
	struct stat st;

	if (fstat(STDERR_FILENO, &st) < 0)
		return;
	if (S_ISSOCK(st.st_mode))
		log_out = OUT_SOCKET;
	else if (S_ISREG(st.st_mode) || (flags >= 0 && flags & O_NONBLOCK))
		log_out = OUT_WRITE;
	else
		log_out = OUT_POLL;
}

void log_init(const char *process, bool json)
{
	time_t zero = 0;
	struct tm tm;

	snprintf(log_process, sizeof(log_process), "%s", process);
	log_json = json;
	gmtime_r(&zero, &tm);
	find_out();
}

void log_detach(void)
{
	struct stat st;
	int fd;

	if (fstat(STDERR_FILENO, &st) < 0 || !(S_ISFIFO(st.st_mode) || isatty(STDERR_FILENO)))
		return;
	fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return;
	dup2(fd, STDERR_FILENO);
	close(fd);
	find_out();
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

/* Bytes of the UTF-8 sequence at @p (RFC 3629, without its bounds), 1 for a byte that begins none.
 */
static unsigned sequence(const char *p)
{
	const unsigned char first = (unsigned char)*p;
	unsigned n = first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 1;

	for (unsigned i = 1; i < n; i++)
		if (((unsigned char)p[i] & 0xc0) != 0x80)
			return 1;
	return n;
}

/* RFC 8259, section 7.  Bytes that are no UTF-8 become U+FFFD.  Cuts between characters. */
static size_t append_json(char *buf, size_t size, size_t len, const char *text)
{
	for (unsigned n; *text; text += n) {
		const unsigned char ch = (unsigned char)*text;
		char one[8];

		n = sequence(text);
		if (ch == '"' || ch == '\\')
			snprintf(one, sizeof(one), "\\%c", ch);
		else if (ch < 0x20 || ch == 0x7f)
			snprintf(one, sizeof(one), "\\u%04x", ch);
		else if (ch >= 0x80 && n == 1)
			snprintf(one, sizeof(one), "\\ufffd");
		else
			snprintf(one, sizeof(one), "%.*s", (int)n, text);
		if (len + strlen(one) > size - 1)
			break;
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

/* Return: bytes written, perhaps not all; negative: none. */
static ssize_t give(const char *text, size_t len)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};

	if (log_out == OUT_SOCKET)
		return send(STDERR_FILENO, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (log_out == OUT_POLL && (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT)))
		return -EAGAIN;
	return write(STDERR_FILENO, text, len);
}

/* Return: whether it was written, or its rest is kept; else nothing of it was written. */
static bool put(const char *line, size_t len)
{
	ssize_t n = give(line, len);

	if (n < 0)
		return false;
	log_rest_len = len - (size_t)n;
	memcpy(log_rest, line + n, log_rest_len);
	return true;
}

/* Return: length. */
static size_t compose(char line[static LINE_BYTES], enum log_severity s, enum log_facility f,
		      const char *message)
{
	char when[80];
	size_t len = 0;

	format_time(when, sizeof(when));
	if (log_json) {
		/* Room for the closing '"}' and newline whatever the message holds. */
		size_t room = LINE_BYTES - 3;

		snprintf(line, room,
			 "{\"time\":\"%s\", \"severity\":\"%s\", \"facility\":\"%s\", "
			 "\"process\":\"",
			 when, log_severity_name(s), log_facility_name(f));
		len = append_json(line, room, strlen(line), log_process);
		len = append(line, room, len, "\", \"message\":\"");
		len = append_json(line, room, len, message);
		return append(line, LINE_BYTES, len, "\"}\n");
	}
	snprintf(line, LINE_BYTES - 1, "%s %s %s[%s]: ", when, log_severity_name(s),
		 log_facility_name(f), log_process);
	len = append(line, LINE_BYTES - 1, strlen(line), message);
	/* Text from outside must not forge a line. */
	for (size_t i = 0; i < len; i++)
		if (line[i] == '\n' || line[i] == '\r')
			line[i] = ' ';
	return append(line, LINE_BYTES, len, "\n");
}

/* Writes the rest of earlier lines.  Return: whether there is room for another line. */
static bool put_earlier(void)
{
	char line[LINE_BYTES], message[80];

	if (log_rest_len) {
		char rest[LINE_BYTES];
		const size_t len = log_rest_len;

		memcpy(rest, log_rest, len);
		if (!put(rest, len) || log_rest_len)
			return false;
	}
	if (log_lost) {
		snprintf(message, sizeof(message),
			 "%llu lines of the log were lost: nobody read it",
			 (unsigned long long)log_lost);
		if (!put(line, compose(line, SEV_WARNING, FAC_SUPERVISOR, message)))
			return false;
		log_lost = 0;
	}
	return !log_rest_len;
}

static void put_line(const char *line, size_t len)
{
	if (!put_earlier() || !put(line, len))
		log_lost++;
}

void log_forward(const char *text, size_t len)
{
	char line[LINE_BYTES];

	if (len > sizeof(line) - 1)
		len = sizeof(line) - 1;
	memcpy(line, text, len);
	line[len] = '\n';
	put_line(line, len + 1);
}

void log_catch_up(void)
{
	if (log_rest_len || log_lost)
		put_earlier();
}

static void log_line(enum log_severity s, enum log_facility f, const char *message)
{
	char line[LINE_BYTES];

	put_line(line, compose(line, s, f, message));
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

void log_raw(enum log_facility f, const char *fmt, ...)
{
	char line[LINE_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (log_json)
		log_line(SEV_INFO, f, line);
	else
		put_line(line, append(line, sizeof(line), strlen(line), "\n"));
}

static void log_within(struct log_limit *l, uint64_t now_ns, unsigned most, enum log_severity s,
		       enum log_facility f, const char *fmt, va_list ap)
{
	char message[MESSAGE_BYTES];

	if (now_ns >= l->next_ns) {
		l->next_ns = now_ns + LIMIT_NS;
		l->used = 0;
	}
	if (l->used == most) {
		l->suppressed++;
		return;
	}
	l->used++;
	vsnprintf(message, sizeof(message), fmt, ap);
	if (l->suppressed)
		log_msg(s, f, "%s (%llu more like this were left out)", message,
			(unsigned long long)l->suppressed);
	else
		log_msg(s, f, "%s", message);
	l->suppressed = 0;
}

void log_limited(struct log_limit *l, uint64_t now_ns, enum log_severity s, enum log_facility f,
		 const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_within(l, now_ns, 1, s, f, fmt, ap);
	va_end(ap);
}

void log_burst(struct log_limit *l, uint64_t now_ns, enum log_severity s, enum log_facility f,
	       const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_within(l, now_ns, BURST_LINES, s, f, fmt, ap);
	va_end(ap);
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
