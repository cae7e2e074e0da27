// SPDX-License-Identifier: MIT
/* rivals.c - start recv_send, socat, smcrouted and nft, and wait until each is ready */
#include "harness/bench/rivals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/bench/program.h"

#define NET_FILE_MAX 65536
#define POLL_MS      5
#define CTL_MS       5000

/* Waits until a file of the relay's /proc/PID/net holds the text. */
static int wait_for_text(const struct bench_run *run, const char *file, const char *text)
{
	const struct deadline deadline = deadline_in_ms(BENCH_READY_MS);
	char path[64], content[NET_FILE_MAX];

	snprintf(path, sizeof(path), "/proc/%d/net/%s", run->relay.pid, file);
	while (!deadline_passed(deadline)) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, content, sizeof(content) - 1);

		if (fd >= 0)
			close(fd);
		if (n > 0) {
			content[n] = '\0';
			if (strstr(content, text))
				return 0;
		}
		/* The kernel announces no event but the end of the relay. */
		if (wait_readable(run->relay.pidfd, deadline_after_ms(POLL_MS)) == 0)
			return -ECHILD;
	}
	return -ETIMEDOUT;
}

/* One receive per packet; says "ready" on its standard output. */
int bench_recv_send_start(struct bench_run *run, struct lab_error *error)
{
	char program[512], in_port[8], out_port[8], outputs[8];
	const char *argv[] = {program,         "eth0",   BENCH_IN_GROUP, in_port, "eth1",
			      BENCH_OUT_GROUP, out_port, outputs,        NULL};
	int ret;

	bench_program(BENCH_RECV_SEND_PROGRAM, program);
	snprintf(in_port, sizeof(in_port), "%u", BENCH_IN_PORT);
	snprintf(out_port, sizeof(out_port), "%u", BENCH_OUT_PORT);
	snprintf(outputs, sizeof(outputs), "%u", run->scenario->fanout);
	ret = bench_run_spawn(run, argv, true);
	if (ret < 0)
		return bench_fail(error, -ret, "recv-send (make experiments)");
	ret = wait_readable(run->relay.out_fd, deadline_in_ms(BENCH_READY_MS));
	return ret < 0 ? bench_fail(error, -ret, "recv-send does not get ready") : 0;
}

int bench_socat_start(struct bench_run *run, struct lab_error *error)
{
	char from[128], to[128], listening[16];
	const char *argv[] = {"socat", "-u", "-b", "65536", from, to, NULL};
	int ret;

	snprintf(from, sizeof(from), "UDP4-RECV:%u,ip-add-membership=%s:eth0,rcvbuf=4194304",
		 BENCH_IN_PORT, BENCH_IN_GROUP);
	snprintf(to, sizeof(to),
		 "UDP4-DATAGRAM:%s:%u,ip-multicast-if=" BENCH_OUT_ADDRESS ",ip-multicast-ttl=8",
		 bench_out_group(run), BENCH_OUT_PORT);
	snprintf(listening, sizeof(listening), ":%04X ", BENCH_IN_PORT);
	ret = bench_run_spawn(run, argv, false);
	if (ret < 0)
		return bench_fail(error, -ret, "socat");
	ret = wait_for_text(run, "udp", listening);
	return ret < 0 ? bench_fail(error, -ret, "socat does not get ready") : 0;
}

static int write_smcroute_config(const struct bench_run *run)
{
	char path[96];
	FILE *file;

	bench_run_path(run, "smcroute.conf", path);
	file = fopen(path, "we");
	if (!file)
		return -errno;
	if (!run->no_rule) {
		fprintf(file,
			"mgroup from eth0 group " BENCH_IN_GROUP "\n"
			"mroute from eth0 source " BENCH_SOURCE " group " BENCH_IN_GROUP " to");
		for (uint32_t i = 1; i <= bench_interfaces(run); i++)
			fprintf(file, " eth%u", i);
		fputc('\n', file);
	}
	return fclose(file) ? -errno : 0;
}

int bench_kernel_start(struct bench_run *run, struct lab_error *error)
{
	char config[96], pidfile[96], control[96];
	const char *argv[] = {"smcrouted", "-n", "-f", config, "-P", pidfile, "-u", control, NULL};
	int ret;

	bench_run_path(run, "smcroute.conf", config);
	bench_run_path(run, "smcroute.pid", pidfile);
	bench_run_path(run, "smcroute.sock", control);
	ret = write_smcroute_config(run);
	if (ret == 0)
		ret = bench_run_spawn(run, argv, false);
	if (ret < 0)
		return bench_fail(error, -ret, "smcrouted");
	/* With a route: 239.1.1.1, as the kernel prints it.  Without: its interfaces. */
	ret = run->no_rule ? wait_for_text(run, "ip_mr_vif", "eth1")
			   : wait_for_text(run, "ip_mr_cache", "010101EF");
	return ret < 0 ? bench_fail(error, -ret, "smcrouted does not get ready") : 0;
}

/* @verb: of smcroutectl, "add" or "remove". */
static int kernel_route(struct bench_run *run, const char *verb, struct lab_error *error)
{
	char control[96];
	const char *add[] = {"smcroutectl", "-u",           control, verb, "eth0",
			     BENCH_SOURCE,  BENCH_IN_GROUP, "eth1",  NULL};
	struct proc_spec spec = PROC_SPEC_INIT;
	struct proc ctl = {0};
	int status = 0;
	int ret;

	bench_run_path(run, "smcroute.sock", control);
	spec.argv = add;
	spec.userns_fd = run->lab.userns_fd;
	spec.netns_fd = bench_run_node(run, "relay");
	ret = proc_spawn(&ctl, &spec);
	if (ret < 0)
		return bench_fail(error, -ret, "smcroutectl");
	ret = proc_wait(&ctl, deadline_in_ms(CTL_MS), &status);
	if (ret < 0)
		proc_stop(&ctl, SIGKILL, deadline_in_ms(CTL_MS), &status);
	if (ret == 0 && status)
		ret = -EPROTO;
	return ret < 0 ? bench_fail(error, -ret, "smcroutectl") : 0;
}

int bench_kernel_rule_add(struct bench_run *run, struct lab_error *error)
{
	return kernel_route(run, "add", error);
}

int bench_kernel_rule_remove(struct bench_run *run, struct lab_error *error)
{
	return kernel_route(run, "remove", error);
}

static int write_ruleset(const char *path)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return -errno;
	fprintf(file,
		"table netdev relay {\n"
		"chain in { type filter hook ingress device eth0 priority 0;\n"
		"ip daddr " BENCH_IN_GROUP " udp dport %u ip daddr set " BENCH_SINK_ADDRESS
		" udp dport set %u fwd ip to " BENCH_SINK_ADDRESS " device eth1\n"
		"}\n}\n",
		BENCH_IN_PORT, BENCH_OUT_PORT);
	return fclose(file) ? -errno : 0;
}

/* The rule lives as long as the shell does, so that a run without the relay is one without it. */
int bench_nftables_start(struct bench_run *run, struct lab_error *error)
{
	static const char script[] = "nft -f \"$1\" || exit 1\n"
				     "trap 'nft delete table netdev relay; kill $!; exit' TERM\n"
				     "sleep infinity >/dev/null &\n"
				     "echo ready\n"
				     "wait\n";
	char ruleset[96], word;
	const char *argv[] = {"sh", "-c", script, "sh", ruleset, NULL};
	int ret;

	bench_run_path(run, "relay.nft", ruleset);
	ret = write_ruleset(ruleset);
	if (ret == 0)
		ret = bench_run_spawn(run, argv, true);
	if (ret < 0)
		return bench_fail(error, -ret, "nft");
	ret = wait_readable(run->relay.out_fd, deadline_in_ms(BENCH_READY_MS));
	/* Its output ends without a word when nft refuses the rule. */
	if (ret == 0 && read(run->relay.out_fd, &word, 1) != 1)
		ret = -ECHILD;
	return ret < 0 ? bench_fail(error, -ret, "nft does not get ready") : 0;
}
