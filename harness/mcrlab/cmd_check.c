// SPDX-License-Identifier: MIT
/* cmd_check.c - mcrlab check: the figures of a running relay against the kernel and its rules */
#include "harness/mcrlab/cmd_check.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/cli.h"
#include "harness/base/wait.h"
#include "harness/check/fds.h"
#include "harness/check/igmp.h"
#include "harness/check/relay.h"
#include "harness/lab/enter.h"
#include "harness/lab/state.h"
#include "harness/mcrlab/cmd.h"

#define DEADLINE_MS 3000
#define PAUSE_MS    20

static void enter(const char *lab_name, const char *node, pid_t pid)
{
	char path[64];
	int ret;
	int fd;

	if (lab_name) {
		const struct lab *lab = cmd_attach(lab_name);

		ret = lab_enter(lab->userns_fd, lab->netns_fds[cmd_node(lab, node)]);
		if (ret < 0)
			die("cannot enter node '%s': %s", node, strerror(-ret));
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		die("cannot enter the network namespace of process %d: %s", pid, strerror(errno));
	close(fd);
}

static void check_once(const char *path, bool alone, struct check_faults *faults)
{
	struct check_relay relay;
	char error[CHECK_TEXT_SIZE];

	faults->n = 0;
	if (check_relay_ask(path, &relay, error))
		die("%s", error);
	check_conservation(&relay, faults);
	check_agreement(&relay, faults);
	check_memberships(&relay, alone, faults);
	check_descriptors(&relay, faults);
	check_relay_free(&relay);
}

int cmd_check(int argc, char **argv)
{
	static struct check_faults faults;
	const char *path = "/run/mcr/control.sock";
	const char *lab = NULL;
	const char *node = NULL;
	uint32_t deadline_ms = DEADLINE_MS;
	const struct cli_option table[] = {
		{"socket-path", "PATH", CLI_TEXT, &path, .help = "of the control socket"},
		{"lab", "LAB", CLI_TEXT, &lab, .help = "where the relay runs, with --node"},
		{"node", "NODE", CLI_TEXT, &node, .help = "where nothing else has joined groups"},
		{"deadline-ms", "MS", CLI_U32, &deadline_ms, 0, 3600000,
		 "for what is on its way to be counted and applied"},
	};
	struct check_relay relay;
	char error[CHECK_TEXT_SIZE];
	struct deadline deadline;
	int used = cli_parse(table, 4, "mcrlab check [options]", NULL, argc, argv);

	if (used < argc)
		die("unexpected argument '%s'", argv[used]);
	if (!lab != !node)
		die("--lab and --node belong together");
	if (check_relay_ask(path, &relay, error))
		die("%s", error);
	enter(lab, node, relay.pid);
	check_relay_free(&relay);
	deadline = deadline_in_ms(deadline_ms);
	for (;;) {
		check_once(path, lab, &faults);
		if (!faults.n || deadline_passed(deadline))
			break;
		wait_ms(PAUSE_MS);
	}
	for (unsigned i = 0; i < faults.n && i < CHECK_MAX_FAULTS; i++)
		puts(faults.texts[i]);
	if (faults.n > CHECK_MAX_FAULTS)
		printf("and %u more\n", faults.n - CHECK_MAX_FAULTS);
	return faults.n ? 1 : 0;
}
