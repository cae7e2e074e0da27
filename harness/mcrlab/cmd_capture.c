// SPDX-License-Identifier: MIT
/*
 * cmd_capture.c - mcrlab capture (one interface) and mcrlab record (every link, saved on request)
 */
#include "harness/mcrlab/cmd_capture.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "harness/base/cli.h"
#include "harness/base/decimal.h"
#include "harness/base/wait.h"
#include "harness/capture/capture.h"
#include "harness/capture/capture_ring.h"
#include "harness/lab/ask.h"
#include "harness/lab/state.h"
#include "harness/mcrlab/cmd.h"

#define SNAPLEN_MAX    65535
#define BUFFER_BYTES   (16 << 20)
#define RECORD_SNAPLEN 128
#define SETTLE_MS      60

static int open_signals(int also)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (also)
		sigaddset(&set, also);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd < 0)
		die("signalfd: %s", strerror(errno));
	return fd;
}

static void die_with_parent(pid_t parent)
{
	/* After the namespace was entered: a change of credentials clears it. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
}

static int ready_fd = -1;

/* A program gets a byte on its descriptor, a person a word on standard error. */
static void say_ready(void)
{
	if (ready_fd < 0)
		fputs("ready\n", stderr);
	cli_signal_ready(ready_fd);
}

int cmd_capture(int argc, char **argv)
{
	uint64_t count = 0;
	uint32_t snaplen_bytes = SNAPLEN_MAX;
	const char *filter = NULL;
	const struct cli_option table[] = {
		{"count", "N", CLI_U64, &count, 1, UINT64_MAX, "end after N packets"},
		{"filter", "EXPRESSION", CLI_TEXT, &filter, .help = "as of tcpdump"},
		{"snaplen", "BYTES", CLI_U32, &snaplen_bytes, 1, SNAPLEN_MAX, "of each packet"},
		{"ready-fd", "FD", CLI_FD, &ready_fd, .help = "gets a byte when capturing"},
	};
	const char *names[4];
	char error[CAPTURE_ERROR_SIZE];
	struct capture_result result;
	pid_t parent = getppid();
	struct pcap *pcap;
	unsigned n;
	int stop_fd;

	n = cli_parse_mixed(table, sizeof(table) / sizeof(*table),
			    "mcrlab capture LAB NODE IF FILE [options]", argc, argv, names, 4);
	if (n < 4)
		die("usage: mcrlab capture LAB NODE IF FILE [--count N] [--filter EXPRESSION]");
	cmd_enter(names[0], names[1]);
	die_with_parent(parent);
	stop_fd = open_signals(0);
	pcap = capture_open(names[2], (int)snaplen_bytes, BUFFER_BYTES, filter, error);
	if (!pcap)
		die("%s: %s", names[1], error);
	if (capture_to_file(pcap, names[3], count, stop_fd, say_ready, &result, error))
		die("%s", error);
	pcap_close(pcap);
	printf("%" PRIu64 " packets, %" PRIu64 " dropped\n", result.packets, result.dropped);
	return 0;
}

/*
 * Opens one end of each link.  Sockets stay in the namespace in which they were made.  Afterwards
 * the process leaves the lab if it can, so that it is not one of the lab's processes.
 */
static void record_all(const struct lab *lab, struct capture_ring *rings)
{
	int own_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	char error[CAPTURE_ERROR_SIZE];

	if (lab->userns_fd >= 0 && setns(lab->userns_fd, CLONE_NEWUSER) < 0)
		die("cannot enter the lab: %s", strerror(errno));
	for (unsigned i = 0; i < lab->topo->n_links; i++) {
		const struct topo_interface *iface = &lab->topo->links[i].ends[0];
		const char *node = lab->topo->nodes[iface->node].name;

		if (setns(lab->netns_fds[iface->node], CLONE_NEWNET) < 0)
			die("cannot enter node '%s': %s", node, strerror(errno));
		if (capture_ring_open(&rings[i], iface->name, RECORD_SNAPLEN, error))
			die("%s: %s", node, error);
	}
	if (lab->userns_fd < 0 && setns(own_netns, CLONE_NEWNET) < 0)
		die("cannot leave the lab: %s", strerror(errno));
	close(own_netns);
}

static void save_all(const struct lab *lab, struct capture_ring *rings, const char *directory)
{
	struct deadline deadline = deadline_in_ms(SETTLE_MS);

	/* The kernel hands packets over within a few milliseconds. */
	while (!deadline_passed(deadline)) {
		for (unsigned i = 0; i < lab->topo->n_links; i++)
			capture_ring_take(&rings[i]);
		wait_ms(5);
	}
	for (unsigned i = 0; i < lab->topo->n_links; i++) {
		const struct topo_interface *iface = &lab->topo->links[i].ends[0];
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s-%s.pcap", directory,
			 lab->topo->nodes[iface->node].name, iface->name);
		if (capture_ring_save(&rings[i], path))
			die("%s: cannot be written", path);
	}
}

static int open_holder(const char *name)
{
	char answer[LAB_NAME_ANSWER_SIZE];
	size_t n_fds = 0;
	const char *rest;
	uint64_t pid;
	int fd;

	if (lab_ask(name, "info", answer, NULL, &n_fds) < 0 ||
	    decimal_read(answer, INT_MAX, &pid, &rest) < 0)
		die("no lab called '%s' is up; see mcrlab list", name);
	fd = pidfd_open((pid_t)pid, 0);
	if (fd < 0)
		die("lab '%s': %s", name, strerror(errno));
	return fd;
}

int cmd_record(int argc, char **argv)
{
	static struct capture_ring rings[TOPO_MAX_LINKS];
	struct pollfd fds[TOPO_MAX_LINKS + 2];
	struct signalfd_siginfo info;
	pid_t parent = getppid();
	const struct lab *lab;
	unsigned n;
	int holder_pidfd;

	if (argc != 3)
		die("usage: mcrlab record LAB DIRECTORY");
	/* An error at the time of writing would come too late. */
	if (access(argv[2], W_OK | X_OK) < 0)
		die("%s: %s", argv[2], strerror(errno));
	/* The sockets keep the namespaces of a lab alive, so this ends with its holder. */
	holder_pidfd = open_holder(argv[1]);
	lab = cmd_attach(argv[1]);
	n = lab->topo->n_links;
	record_all(lab, rings);
	die_with_parent(parent);
	for (unsigned i = 0; i < n; i++)
		fds[i] = (struct pollfd){.fd = capture_ring_fd(&rings[i]), .events = POLLIN};
	fds[n] = (struct pollfd){.fd = open_signals(SIGUSR1), .events = POLLIN};
	fds[n + 1] = (struct pollfd){.fd = holder_pidfd, .events = POLLIN};
	puts("recording");
	fflush(stdout);
	do {
		if (poll(fds, n + 2, -1) < 0 && errno != EINTR)
			die("poll: %s", strerror(errno));
		for (unsigned i = 0; i < n; i++)
			if (fds[i].revents && capture_ring_take(&rings[i]) < 0)
				fds[i].fd = -1; /* deleted; its last packets can still be saved */
	} while (!fds[n].revents && !fds[n + 1].revents);
	if (fds[n].revents && read(fds[n].fd, &info, sizeof(info)) == sizeof(info) &&
	    info.ssi_signo == SIGUSR1)
		save_all(lab, rings, argv[2]);
	return 0;
}
