// SPDX-License-Identifier: MIT
/* join.c - join and leave delay of rules, and how many groups are carried */
#include "harness/bench/join.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JOIN_PPS         20000.0 /* so the delays are exact to 50 microseconds */
#define BEFORE_MS        100
#define BETWEEN_MS       300
#define JOIN_TRAFFIC_MS  1000
#define MEMBER_MS        2000
#define CAPACITY_PPS     20000.0
#define CAPACITY_REPEATS 3u
#define IGMP_FILE_MAX    65536

/* A thread of its own looks for the membership, so that the request for the rule is not delayed. */
struct watcher {
	pthread_t thread;
	pid_t pid;
	uint64_t seen_ns; /* 0: not seen */
	char text[IGMP_FILE_MAX];
};

static void *watch_membership(void *argument)
{
	const struct deadline deadline = deadline_in_ms(MEMBER_MS);
	struct watcher *watcher = argument;
	char path[64], group[12];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/net/igmp", watcher->pid);
	snprintf(group, sizeof(group), "%08X", inet_addr(BENCH_IN_GROUP));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && !deadline_passed(deadline)) {
		n = pread(fd, watcher->text, sizeof(watcher->text) - 1, 0);
		watcher->text[n > 0 ? n : 0] = '\0';
		if (strstr(watcher->text, group)) {
			watcher->seen_ns = monotonic_ns();
			break;
		}
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* Lets traffic flow for a while.  Return: -ECHILD when the generator ended before. */
static int let_flow(const struct proc *gen, int64_t ms)
{
	return wait_readable(gen->pidfd, deadline_after_ms(ms)) == -ETIMEDOUT ? 0 : -ECHILD;
}

static int read_arrivals(const char *text, double *first_ns, double *last_ns)
{
	cJSON *json = text ? cJSON_Parse(text) : NULL;
	const cJSON *first = cJSON_GetObjectItemCaseSensitive(json, "first_ns");
	const cJSON *last = cJSON_GetObjectItemCaseSensitive(json, "last_ns");
	int ret = -EPROTO;

	if (cJSON_IsNumber(first) && cJSON_IsNumber(last) && first->valuedouble > 0) {
		*first_ns = first->valuedouble;
		*last_ns = last->valuedouble;
		ret = 0;
	}
	cJSON_Delete(json);
	return ret;
}

struct moments {
	uint64_t add_ns;
	uint64_t remove_ns;
	uint64_t member_ns;
};

static int add_and_remove(struct bench_run *run, struct proc *gen, struct moments *at,
			  struct lab_error *error)
{
	struct watcher *watcher = calloc(1, sizeof(*watcher));
	bool joins = run->kind->user_space; /* the kernel has no process that joins */
	int ret;

	if (!watcher)
		return bench_fail(error, ENOMEM, "join");
	proc_go(gen);
	ret = let_flow(gen, BEFORE_MS);
	watcher->pid = run->relay.pid;
	joins = joins && ret == 0 &&
		!pthread_create(&watcher->thread, NULL, watch_membership, watcher);
	at->add_ns = monotonic_ns();
	if (ret == 0)
		ret = run->kind->rule_add(run, error);
	if (ret == 0)
		ret = let_flow(gen, BETWEEN_MS);
	if (joins)
		pthread_join(watcher->thread, NULL);
	at->member_ns = watcher->seen_ns;
	free(watcher);
	at->remove_ns = monotonic_ns();
	if (ret == 0)
		ret = run->kind->rule_remove(run, error);
	return ret;
}

int bench_join_run(struct bench_run *run, struct bench_delays *delays, struct lab_error *error)
{
	const struct bench_traffic traffic = {
		.rate_pps = JOIN_PPS,
		.count = (uint64_t)JOIN_PPS * JOIN_TRAFFIC_MS / 1000,
		.flows = 1,
		.group = BENCH_IN_GROUP,
		.port = BENCH_IN_PORT,
		.segment = 1,
	};
	struct proc gen = {0}, sink = {0};
	struct moments at = {0};
	double first_ns = 0, last_ns = 0;
	char *text;
	int ret = bench_start_sink(run, 0, 1, &sink, error);

	if (ret == 0)
		ret = bench_start_gen(run, &traffic, &gen, error);
	if (ret == 0)
		ret = add_and_remove(run, &gen, &at, error);
	if (ret < 0) {
		bench_abandon(&gen);
		bench_abandon(&sink);
		return ret;
	}
	free(bench_collect(&gen));
	kill(sink.pid, SIGTERM);
	text = bench_collect(&sink);
	if (read_arrivals(text, &first_ns, &last_ns))
		ret = bench_fail(error, EPROTO, "nothing arrived while the rule was there");
	free(text);
	if (ret < 0)
		return ret;
	delays->join_ms = (first_ns - (double)at.add_ns) / 1e6;
	delays->leave_ms = (last_ns - (double)at.remove_ns) / 1e6;
	delays->member_ms = at.member_ns ? (double)(at.member_ns - at.add_ns) / 1e6 : -1;
	/* The last one may leave before the request does: the two are 50 microseconds apart. */
	if (delays->leave_ms < 0)
		delays->leave_ms = 0;
	if (delays->join_ms < 0)
		return bench_fail(error, EPROTO, "datagrams arrived before there was a rule");
	return 0;
}

int bench_capacity_try(const struct bench_run *run, struct lab_error *error)
{
	struct in_addr first = {.s_addr = htonl(BENCH_IDLE_GROUP)};
	char group[INET_ADDRSTRLEN];
	const struct bench_traffic traffic = {
		.rate_pps = CAPACITY_PPS,
		.count = (uint64_t)run->groups * CAPACITY_REPEATS,
		.flows = run->groups,
		.group = inet_ntop(AF_INET, &first, group, sizeof(group)),
		.port = BENCH_IN_PORT,
		.flow_groups = true,
		.segment = 1,
	};
	struct report_sink report = {0};
	struct proc gen = {0}, sink = {0};
	char *text;
	int ret = bench_start_sink(run, traffic.count, 1, &sink, error);

	if (ret == 0)
		ret = bench_start_gen(run, &traffic, &gen, error);
	if (ret < 0) {
		bench_abandon(&sink);
		return ret;
	}
	proc_go(&gen);
	free(bench_collect(&gen));
	text = bench_collect(&sink);
	if (!text || report_read_sink(&report, text))
		ret = bench_fail(error, EPROTO, "the sink gave no report");
	free(text);
	return ret < 0 ? ret : report.unique == traffic.count;
}
