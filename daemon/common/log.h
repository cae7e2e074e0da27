/* SPDX-License-Identifier: MIT */
/*
 * log.h - log lines of every process of the daemon
 *
 * A line is one write to descriptor 2, so lines of several processes never mix.  A reader that
 * does not keep up costs lines, never time: the lost lines are counted, and the count is logged
 * later.
 *   text:  2026-01-31T12:00:00.123Z warning Ingress[worker 0]: message
 *   json:  {"time":..., "severity":"warning", "facility":"Ingress", "process":"worker 0", ...}
 *
 * Nothing is logged per packet; warnings that traffic can cause go through
 * log_limited(), which lets one line per call site through every ten seconds.
 */
#ifndef DAEMON_COMMON_LOG_H
#define DAEMON_COMMON_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_severity {
	SEV_EMERGENCY,
	SEV_ALERT,
	SEV_CRITICAL,
	SEV_ERROR,
	SEV_WARNING,
	SEV_NOTICE,
	SEV_INFO,
	SEV_DEBUG,
	SEVERITIES
};

enum log_facility {
	FAC_SUPERVISOR,
	FAC_RULE_DISPATCH,
	FAC_CONTROL_SOCKET,
	FAC_DATA_PLANE,
	FAC_INGRESS,
	FAC_EGRESS,
	FAC_BUFFER_POOL,
	FAC_PACKET_PARSER,
	FAC_STATS,
	FAC_SECURITY,
	FAC_NETWORK,
	FAC_TEST,
	FACILITIES
};

const char *log_severity_name(enum log_severity s);
const char *log_facility_name(enum log_facility f);

/**
 * log_init() - name this process in its log lines
 * @process: "supervisor", "control" or "worker N"; copied
 * @json:    write JSON lines
 *
 * Lines above SEV_INFO are left out.
 */
void log_init(const char *process, bool json);

/*
 * Opens standard error once more if it is a pipe or a terminal, so that this process and its
 * children can write without waiting, and the flags of other processes do not change.  The
 * supervisor calls it before it has children.
 */
void log_detach(void);

/* Writes a line of a child unchanged, cut at 2,000 bytes.  @line: without its newline. */
void log_forward(const char *line, size_t len);

/* Writes the rest of earlier lines and the count of lost ones; call it a few times a second. */
void log_catch_up(void);

void log_msg(enum log_severity s, enum log_facility f, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Writes the bare line, without time and severity, as existing log scrapers read it.  With JSON
 * lines it is the message of one.
 */
void log_raw(enum log_facility f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* State of one call site of log_limited() or log_burst(); @used: lines until @next_ns. */
struct log_limit {
	uint64_t next_ns;
	uint64_t suppressed;
	unsigned used;
};

/* Logs at most one line in ten seconds; says how many were left out. */
void log_limited(struct log_limit *l, uint64_t now_ns, enum log_severity s, enum log_facility f,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* The same with up to 100 lines in ten seconds, for requests of operators. */
void log_burst(struct log_limit *l, uint64_t now_ns, enum log_severity s, enum log_facility f,
	       const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Logs at critical and exits with status 1; for main files only. */
void die(enum log_facility f, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));

#endif
