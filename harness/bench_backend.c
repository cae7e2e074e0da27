// SPDX-License-Identifier: MIT
/*
 * bench_backend.c - starting each relay in the middle node of a lab
 *
 *   gen eth0 ---- eth0 relay eth1 ---- eth0 sink
 *
 * The relay's egress keeps UDP segmentation, as a network card with the offload does;
 * the generator's is off, so that single packets arrive at the relay.  rp_filter is off
 * and the source is routable, because the rivals are subject to the RPF check.
 */
#include "harness/bench.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness/jsonread.h"

#define READY_MS 5000
#define STOP_MS	 3000
#define MAX_ARGS 24

static const char *const names[] = {"mcr", "mcr-per-packet", "recv-send", "socat", "kernel"};
static_assert(sizeof(names) / sizeof(*names) == BENCH_BACKENDS, "a name for every backend");

const char *bench_backend_name(enum bench_backend_id id)
{
	return names[id];
}

const char *bench_out_group(enum bench_backend_id id)
{
	return id == BENCH_KERNEL ? BENCH_IN_GROUP : BENCH_OUT_GROUP;
}

uint16_t bench_out_port(enum bench_backend_id id)
{
	return id == BENCH_KERNEL ? BENCH_IN_PORT : BENCH_OUT_PORT;
}

static int fail(struct lab_error *error, int err, const char *what)
{
	snprintf(error->text, sizeof(error->text), "%.200s: %s", what, strerror(err));
	return -err;
}

static struct topology *make_topology(const struct bench_scenario *scenario, bool gro,
				      struct lab_error *error)
{
	struct topology *topo = malloc(sizeof(*topo));
	struct json_error json;
	char text[1024];

	snprintf(text, sizeof(text),
		 "{\"name\": \"bench\", \"nodes\": {\"gen\": {}, \"relay\": {\"rp_filter\": 0, "
		 "\"forwarding\": true}, \"sink\": {\"rp_filter\": 0}}, \"links\": ["
		 "{\"ends\": [{\"at\": \"gen:eth0\", \"addresses\": [\"10.20.0.2/24\"]%s},"
		 "{\"at\": \"relay:eth0\", \"addresses\": [\"10.20.0.1/24\"], \"gro\": %s%s}]},"
		 "{\"ends\": [{\"at\": \"relay:eth1\", \"addresses\": [\"10.90.1.1/24\"], "
		 "\"uso\": true%s}, {\"at\": \"sink:eth0\", \"addresses\": [\"10.90.1.2/24\"]%s}]}"
		 "]}",
		 scenario->payload_bytes > 1472 ? ", \"mtu\": 9000" : "", gro ? "true" : "false",
		 scenario->payload_bytes > 1472 ? ", \"mtu\": 9000" : "",
		 scenario->payload_bytes > 1472 ? ", \"mtu\": 9000" : "",
		 scenario->payload_bytes > 1472 ? ", \"mtu\": 9000" : "");
	if (topo && topology_parse(topo, text, "bench", &json) == 0)
		return topo;
	fail(error, topo ? EINVAL : ENOMEM, "topology");
	free(topo);
	return NULL;
}

/* --- files of a run --- */

static void path_of(const struct bench_run *run, const char *name, char path[static 96])
{
	snprintf(path, 96, "%s/%s", run->dir, name);
}

static FILE *open_file(const struct bench_run *run, const char *name)
{
	char path[96];

	path_of(run, name, path);
	return fopen(path, "we");
}

/* Each stream a rule, its outputs on consecutive ports. */
static int write_mcr_config(const struct bench_run *run)
{
	const struct bench_scenario *s = run->scenario;
	const bool per_packet = run->backend == BENCH_PER_PACKET;
	FILE *f = open_file(run, "config.json");

	if (!f)
		return -errno;
	fprintf(f, "{\"workers\": 1, \"per_packet\": %s, \"gro\": {\"eth0\": %s}, \"rules\": [\n",
		per_packet ? "true" : "false", s->gro && !per_packet ? "true" : "false");
	for (uint32_t i = 0; i < s->flows; i++) {
		fprintf(f,
			"{\"input\": {\"interface\": \"eth0\", \"group\": \"%s\", \"port\": %u}, "
			"\"outputs\": [",
			BENCH_IN_GROUP, BENCH_IN_PORT + i);
		for (uint32_t o = 0; o < s->fanout; o++)
			fprintf(f,
				"%s{\"interface\": \"eth1\", \"group\": \"%s\", \"port\": %u, "
				"\"ttl\": 8}",
				o ? ", " : "", BENCH_OUT_GROUP, BENCH_OUT_PORT + i * s->fanout + o);
		fprintf(f, "]}%s\n", i + 1 < s->flows ? "," : "");
	}
	fprintf(f, "]}\n");
	return fclose(f) ? -errno : 0;
}

static int write_smcroute_config(const struct bench_run *run)
{
	FILE *f = open_file(run, "smcroute.conf");

	if (!f)
		return -errno;
	fprintf(f, "mgroup from eth0 group %s\nmroute from eth0 source 10.20.0.2 group %s to eth1\n",
		BENCH_IN_GROUP, BENCH_IN_GROUP);
	return fclose(f) ? -errno : 0;
}

/* --- starting, and knowing that it is ready --- */

static int start(struct bench_run *run, const char *const *argv, bool capture)
{
	struct proc_spec spec = PROC_SPEC_INIT;
	char log[96];

	path_of(run, "log", log);
	spec.argv = argv;
	spec.userns_fd = run->lab.userns_fd;
	spec.netns_fd = run->lab.netns_fds[topology_node(run->topo, "relay")];
	spec.capture = capture;
	spec.stderr_path = log;
	return proc_spawn(&run->relay, &spec);
}

static void program_path(const char *name, char path[static 512])
{
	ssize_t n = readlink("/proc/self/exe", path, 400);
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	snprintf(slash ? slash + 1 : path, 100, "%s", name);
}

static int start_mcr(struct bench_run *run, struct lab_error *error)
{
	char mcrd[512], config[96], control[96];
	struct sockaddr_un ready = {.sun_family = AF_UNIX};
	const char *argv[] = {mcrd,	  "--config", config, "--control-socket-path",
			      control,	  "--num-workers", "1", NULL};
	int sock, ret;

	program_path("mcrd", mcrd);
	path_of(run, "config.json", config);
	path_of(run, "control.sock", control);
	snprintf(ready.sun_path, sizeof(ready.sun_path), "%s/notify", run->dir);
	ret = write_mcr_config(run);
	if (ret < 0)
		return fail(error, -ret, "config.json");
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return fail(error, errno, "socket");
	if (bind(sock, (void *)&ready, sizeof(ready)) < 0) {
		ret = fail(error, errno, "readiness socket");
		goto out;
	}
	setenv("NOTIFY_SOCKET", ready.sun_path, 1);
	ret = start(run, argv, false);
	unsetenv("NOTIFY_SOCKET");
	if (ret < 0) {
		fail(error, -ret, mcrd);
		goto out;
	}
	ret = wait_readable(sock, deadline_in_ms(READY_MS));
	if (ret < 0)
		fail(error, -ret, "mcrd does not get ready");
out:
	close(sock);
	return ret;
}

/* One receive per packet: says "ready" on its standard output. */
static int start_recv_send(struct bench_run *run, struct lab_error *error)
{
	char program[512], in_port[8], out_port[8], outputs[8];
	const char *argv[] = {program, "eth0",	 BENCH_IN_GROUP, in_port, "eth1",
			      BENCH_OUT_GROUP, out_port, outputs, NULL};
	int ret;

	program_path("../experiments/poc_relay_recv_send/relay", program);
	snprintf(in_port, sizeof(in_port), "%u", BENCH_IN_PORT);
	snprintf(out_port, sizeof(out_port), "%u", BENCH_OUT_PORT);
	snprintf(outputs, sizeof(outputs), "%u", run->scenario->fanout);
	ret = start(run, argv, true);
	if (ret < 0)
		return fail(error, -ret, program);
	ret = wait_readable(run->relay.out_fd, deadline_in_ms(READY_MS));
	return ret < 0 ? fail(error, -ret, "recv-send does not get ready") : 0;
}

/* Does a file of /proc/PID/net hold the text?  Asked again until it does. */
static int wait_for_text(const struct bench_run *run, const char *file, const char *text)
{
	const struct deadline deadline = deadline_in_ms(READY_MS);
	char path[64], content[65536];

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
		/* Its end is the only event there is to wait for; 5 ms is the polling interval. */
		if (wait_readable(run->relay.pidfd, deadline_in_ms(5)) == 0)
			return -ECHILD;
	}
	return -ETIMEDOUT;
}

static int start_socat(struct bench_run *run, struct lab_error *error)
{
	char from[128], to[128];
	const char *argv[] = {"socat", "-u", "-b", "65536", from, to, NULL};
	int ret;

	snprintf(from, sizeof(from), "UDP4-RECV:%u,ip-add-membership=%s:eth0,rcvbuf=4194304",
		 BENCH_IN_PORT, BENCH_IN_GROUP);
	snprintf(to, sizeof(to), "UDP4-DATAGRAM:%s:%u,ip-multicast-if=10.90.1.1,ip-multicast-ttl=8",
		 BENCH_OUT_GROUP, BENCH_OUT_PORT);
	ret = start(run, argv, false);
	if (ret < 0)
		return fail(error, -ret, "socat");
	ret = wait_for_text(run, "udp", ":1388 "); /* 5000 in hexadecimal */
	return ret < 0 ? fail(error, -ret, "socat does not get ready") : 0;
}

static int start_kernel(struct bench_run *run, struct lab_error *error)
{
	char config[96], pidfile[96], control[96];
	const char *argv[] = {"smcrouted", "-n", "-f", config, "-P", pidfile, "-u", control, NULL};
	int ret;

	path_of(run, "smcroute.conf", config);
	path_of(run, "smcroute.pid", pidfile);
	path_of(run, "smcroute.sock", control);
	ret = write_smcroute_config(run);
	if (!ret)
		ret = start(run, argv, false);
	if (ret < 0)
		return fail(error, -ret, "smcrouted");
	ret = wait_for_text(run, "ip_mr_cache", "010101EF"); /* 239.1.1.1 */
	return ret < 0 ? fail(error, -ret, "smcrouted does not get ready") : 0;
}

static int start_backend(struct bench_run *run, struct lab_error *error)
{
	switch (run->backend) {
	case BENCH_MCR:
	case BENCH_PER_PACKET:
		return start_mcr(run, error);
	case BENCH_RECV_SEND:
		return start_recv_send(run, error);
	case BENCH_SOCAT:
		return start_socat(run, error);
	case BENCH_KERNEL:
		return start_kernel(run, error);
	case BENCH_BACKENDS:
		break;
	}
	return -EINVAL;
}

int bench_run_start(struct bench_run *run, const struct bench_scenario *scenario,
		    enum bench_backend_id backend, struct lab_error *error)
{
	int ret;

	memset(run, 0, sizeof(*run));
	run->scenario = scenario;
	run->backend = backend;
	snprintf(run->dir, sizeof(run->dir), "/tmp/mcrbench.XXXXXX");
	if (!mkdtemp(run->dir)) {
		run->dir[0] = '\0';
		return fail(error, errno, "temporary directory");
	}
	run->topo = make_topology(scenario, scenario->gro && backend != BENCH_PER_PACKET, error);
	if (!run->topo)
		return -EINVAL;
	ret = lab_up(&run->lab, run->topo, error);
	if (ret < 0)
		return ret;
	run->lab_is_up = true;
	return start_backend(run, error);
}

static void remove_files(const struct bench_run *run)
{
	static const char *const files[] = {"config.json",  "control.sock",  "control.sock.status",
					    "status.sock",  "notify",	     "log",
					    "smcroute.conf", "smcroute.pid", "smcroute.sock"};
	char path[96];

	for (unsigned int i = 0; i < sizeof(files) / sizeof(*files); i++) {
		path_of(run, files[i], path);
		unlink(path);
	}
	rmdir(run->dir);
}

void bench_run_stop(struct bench_run *run)
{
	int status;

	if (run->relay.pid)
		proc_stop(&run->relay, SIGTERM, deadline_in_ms(STOP_MS), &status);
	if (run->lab_is_up)
		lab_down(&run->lab);
	free(run->topo);
	if (run->dir[0])
		remove_files(run);
	memset(run, 0, sizeof(*run));
}
