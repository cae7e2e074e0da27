// SPDX-License-Identifier: MIT
/* mcrlab check: does a running relay say and do what its rules demand? */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/cli.h"
#include "harness/base/wait.h"
#include "harness/check/check.h"
#include "harness/lab/lab.h"
#include "harness/mcrlab/attach.h"

#define DEADLINE_MS 3000
#define PAUSE_MS    20

static void enter(const char *lab_name, const char *node, pid_t pid)
{
	char path[64];
	int ret;
	int fd;

	if (lab_name) {
		const struct lab *lab = labcmd_attach(lab_name);

		ret = lab_enter(lab->userns_fd, lab->netns_fds[labcmd_node(lab, node)]);
		if (ret)
			die("cannot enter node '%s': %s", node, strerror(-ret));
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		die("cannot enter the network namespace of process %d: %s", pid, strerror(errno));
	close(fd);
}

static void check_once(const char *path, bool alone, struct labcheck_faults *faults)
{
	struct labcheck_relay relay;
	char error[LABCHECK_TEXT_SIZE];

	faults->n = 0;
	if (labcheck_ask(path, &relay, error))
		die("%s", error);
	labcheck_conservation(&relay, faults);
	labcheck_agreement(&relay, faults);
	labcheck_memberships(&relay, alone, faults);
	labcheck_descriptors(&relay, faults);
	labcheck_forget(&relay);
}

int labcmd_check(int argc, char **argv)
{
	static struct labcheck_faults faults;
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
	struct labcheck_relay relay;
	char error[LABCHECK_TEXT_SIZE];
	struct deadline deadline;
	int used = cli_parse(table, 4, "mcrlab check [options]", NULL, argc, argv);

	if (used < argc)
		die("unexpected argument '%s'", argv[used]);
	if (!lab != !node)
		die("--lab and --node belong together");
	if (labcheck_ask(path, &relay, error))
		die("%s", error);
	enter(lab, node, relay.pid);
	labcheck_forget(&relay);
	deadline = deadline_in_ms(deadline_ms);
	for (;;) {
		check_once(path, lab, &faults);
		if (!faults.n || deadline_passed(deadline))
			break;
		wait_ms(PAUSE_MS);
	}
	for (unsigned int i = 0; i < faults.n && i < LABCHECK_MAX_FAULTS; i++)
		puts(faults.texts[i]);
	if (faults.n > LABCHECK_MAX_FAULTS)
		printf("and %u more\n", faults.n - LABCHECK_MAX_FAULTS);
	return faults.n ? 1 : 0;
}
