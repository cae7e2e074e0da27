// SPDX-License-Identifier: MIT
/*
 * mcrlab.c - bring up a lab of connected network namespaces, run programs in it, take it down
 *
 * `up` leaves a holder process behind that owns the namespaces and answers by name; everything
 * else asks it.  See harness/lab/hold.h for how it is found, harness/lab/lab.h for what it owns.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/cli.h"
#include "harness/base/jsonread.h"
#include "harness/base/wait.h"
#include "harness/lab/ask.h"
#include "harness/lab/hold.h"
#include "harness/lab/lab.h"
#include "harness/lab/members.h"
#include "harness/lab/orphan.h"
#include "harness/mcrlab/cmd.h"
#include "harness/mcrlab/cmd_capture.h"
#include "harness/mcrlab/cmd_check.h"
#include "harness/mcrlab/cmd_fault.h"
#include "harness/mcrlab/cmd_impair.h"
#include "harness/topology/draw.h"
#include "harness/topology/file.h"
#include "harness/topology/svg.h"
#include "harness/topology/topology.h"
#include "harness/topology/wires.h"

#define DOWN_MS       10000
#define NOT_PERMITTED 77 /* the exit status that test runners take for "skipped" */

/* About a megabyte, and one per run of this program. */
static struct topology topology;

static char *topology_text;

static void load_topology(const char *what)
{
	static struct json_error error;
	static char path[PATH_MAX];

	if (topology_read(what, &topology_text, path, &error) ||
	    topology_parse(&topology, topology_text, path, &error))
		die("%s", error.text);
}

/* Clients of the holder get the text that was parsed. */
static int topology_file(void)
{
	size_t length = strlen(topology_text);
	int fd = memfd_create("topology", MFD_CLOEXEC);

	if (fd < 0 || write(fd, topology_text, length) != (ssize_t)length)
		die("topology: %s", strerror(errno));
	return fd;
}

static void print_ready(const struct lab *lab, const char *name)
{
	cJSON *json = cJSON_CreateObject();
	cJSON *nodes;
	char *text;

	cJSON_AddStringToObject(json, "name", name);
	cJSON_AddNumberToObject(json, "pid", getpid());
	nodes = cJSON_AddObjectToObject(json, "nodes");
	for (unsigned i = 0; i < lab->n_netns; i++) {
		cJSON *node = cJSON_AddObjectToObject(nodes, topology.nodes[i].name);
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), lab->netns_fds[i]);
		cJSON_AddStringToObject(node, "ns", path);
	}
	text = cJSON_PrintUnformatted(json);
	puts(text);
	fflush(stdout);
	cJSON_free(text);
	cJSON_Delete(json);
}

/* Claims the name first: a lab that could not be found must not be built. */
static int claim(const char *name)
{
	int fd = lab_hold_listen(name);

	if (fd == -EADDRINUSE)
		die("a lab called '%s' is up already", name);
	if (fd == -EINVAL)
		die("'%s' cannot be the name of a lab", name);
	if (fd < 0)
		die("cannot listen for '%s': %s", name, strerror(-fd));
	return fd;
}

static void build(struct lab *lab)
{
	struct lab_error error;
	int ret = lab_up(lab, &topology, &error);

	if (ret == 0)
		return;
	fprintf(stderr, "mcrlab: %s\n", *error.text ? error.text : strerror(-ret));
	exit(error.not_permitted ? NOT_PERMITTED : 2);
}

static int up_foreground(const char *name, bool all_wires, pid_t parent)
{
	struct lab lab;
	struct lab_hold hold = {.lab = &lab, .with_stdin = true, .all_wires = all_wires};
	int ret;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		return 1;
	hold.listen_fd = claim(name);
	hold.topology_fd = topology_file();
	build(&lab);
	print_ready(&lab, name);
	ret = lab_hold_serve(&hold);
	lab_down(&lab);
	return ret < 0 ? 1 : 0;
}

/* The holder closes what it inherited, so that no reader of its pipes waits for it. */
static void detach(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (chdir("/") < 0 || null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
}

static int hold_in_background(const char *name, bool all_wires, int ready_fd)
{
	struct lab lab;
	struct lab_hold hold = {.lab = &lab, .all_wires = all_wires};
	int ret;

	hold.listen_fd = claim(name);
	hold.topology_fd = topology_file();
	build(&lab);
	detach();
	cli_signal_ready(ready_fd);
	ret = lab_hold_serve(&hold);
	lab_down(&lab);
	return ret < 0 ? 1 : 0;
}

static int up_background(const char *name, bool all_wires)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		die("pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid == 0) {
		close(ready[0]);
		exit(hold_in_background(name, all_wires, ready[1]));
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1) {
		int status;

		/* The child has said why. */
		return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
									    : 1;
	}
	puts(name);
	return 0;
}

static int command_up(int argc, char **argv)
{
	const char *topology_name = NULL;
	const char *name = NULL;
	bool foreground = false;
	bool all_wires = false;
	char own_name[LAB_NAME_SIZE];
	pid_t parent = getppid();
	const struct cli_option table[] = {
		{"name", "NAME", CLI_TEXT, &name,
		 .help = "the topology's name and a number unless given"},
		{"foreground", NULL, CLI_FLAG, &foreground,
		 .help = "stay, print a line of JSON, end with standard input or the parent"},
		{"wires", NULL, CLI_FLAG, &all_wires,
		 .help = "give every link a wire, so that it can be impaired"},
	};

	cli_parse_mixed(table, sizeof(table) / sizeof(*table), "mcrlab up TOPOLOGY [options]", argc,
			argv, &topology_name, 1);
	if (!topology_name)
		die("which topology?  usage: mcrlab up TOPOLOGY [--name NAME] [--foreground]");
	load_topology(topology_name);
	if (all_wires)
		topology_add_wires(&topology);
	if (!name) {
		snprintf(own_name, sizeof(own_name), "%s-%d", topology.name, getpid());
		name = own_name;
	}
	return foreground ? up_foreground(name, all_wires, parent) : up_background(name, all_wires);
}

static void ask(const char *name, const char *request, char answer[static LAB_NAME_ANSWER_SIZE],
		int *fds, size_t *n_fds)
{
	int ret = lab_ask(name, request, answer, fds, n_fds);

	if (ret == -ENOENT)
		die("no lab called '%s' is up; see mcrlab list", name);
	if (ret < 0)
		die("lab '%s': %s", name, strerror(-ret));
	if (!strncmp(answer, "error ", 6))
		die("lab '%s': %s", name, answer + 6);
}

/* Marks the process with the name of its lab, so that it can be found should it outlive it. */
static void become(const char *lab, char **argv, pid_t parent)
{
	setenv(LAB_ORPHAN_VARIABLE, lab, 1);
	/* Set after the namespaces were entered: a change of credentials clears it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		exit(1);
	execvp(argv[0], argv);
	die("%s: %s", argv[0], strerror(errno));
}

static int command_exec(int argc, char **argv)
{
	pid_t parent = getppid();
	int first = 3;

	if (argc > first && !strcmp(argv[first], "--"))
		first++;
	if (argc <= first)
		die("usage: mcrlab exec LAB NODE [--] COMMAND...");
	cmd_enter(argv[1], argv[2]);
	become(argv[1], argv + first, parent);
	return 1;
}

static char only_lab_name[LAB_NAME_SIZE];
static unsigned n_labs;

static void note_lab(const char *name)
{
	char answer[LAB_NAME_ANSWER_SIZE];
	int fds[2];
	size_t n_fds = 2;

	/* A lab of another user, or one that goes down at this moment, cannot be entered. */
	if (lab_ask(name, "info", answer, fds, &n_fds) || !strncmp(answer, "error ", 6))
		return;
	n_labs++;
	snprintf(only_lab_name, sizeof(only_lab_name), "%s", name);
}

static const char *only_lab(void)
{
	lab_ask_list(note_lab);
	if (n_labs == 0)
		die("no lab is up");
	if (n_labs > 1)
		die("%u labs are up; say which: mcrlab shell LAB NODE", n_labs);
	return only_lab_name;
}

static int command_shell(int argc, char **argv)
{
	pid_t parent = getppid();
	char prompt[256];
	char *shell[] = {getenv("SHELL"), NULL};
	const char *name;

	if (argc != 2 && argc != 3)
		die("usage: mcrlab shell [LAB] NODE");
	name = argc == 3 ? argv[1] : only_lab();
	if (!shell[0])
		shell[0] = "/bin/sh";
	snprintf(prompt, sizeof(prompt), "[%s:%s] $ ", name, argv[argc - 1]);
	setenv("PS1", prompt, 1);
	cmd_enter(name, argv[argc - 1]);
	/* Start-up files of a shell often set a prompt of their own. */
	fprintf(stderr, "node '%s' of lab '%s'; exit leaves it\n", argv[argc - 1], name);
	become(name, shell, parent);
	return 1;
}

/* Return: whether there were any. */
static bool end_orphans(const char *name)
{
	struct deadline deadline = deadline_in_ms(DOWN_MS);
	int n = lab_orphan_list(name, lab_orphan_kill);

	if (n <= 0)
		return false;
	/* A process that forked meanwhile has left a child, which the next list has. */
	while (lab_orphan_list(name, lab_orphan_kill) > 0)
		if (deadline_passed(deadline))
			die("what is left of lab '%s' did not end within %d ms", name, DOWN_MS);
	return true;
}

static int command_down(int argc, char **argv)
{
	char answer[LAB_NAME_ANSWER_SIZE];
	int fds[2];
	size_t n_fds = 2;

	if (argc != 2)
		die("usage: mcrlab down LAB");
	if (lab_ask(argv[1], "info", answer, fds, &n_fds) == -ENOENT && end_orphans(argv[1]))
		return 0;
	n_fds = 2;
	ask(argv[1], "down", answer, fds, &n_fds);
	if (lab_ask_wait_ended(argv[1], deadline_in_ms(DOWN_MS)))
		die("lab '%s' did not go down within %d ms", argv[1], DOWN_MS);
	return 0;
}

static void print_lab(const char *name)
{
	char answer[LAB_NAME_ANSWER_SIZE];
	int fds[2];
	size_t n_fds = 2;

	/* A lab that goes down at this moment, or another user's, is not listed. */
	if (lab_ask(name, "info", answer, fds, &n_fds) == 0 && strncmp(answer, "error ", 6))
		printf("%-24s pid %s\n", name, answer);
}

static void print_orphan(const char *name, pid_t pid)
{
	char program[64];

	lab_member_name(pid, program, sizeof(program));
	printf("%-24s gone, but pid %d runs on: %s\n", name, pid, program);
}

static int command_list(int argc, char **argv)
{
	int ret;

	if (argc > 1)
		die("unexpected argument '%s'", argv[1]);
	ret = lab_ask_list(print_lab);
	if (ret < 0)
		die("/proc/net/unix: %s", strerror(-ret));
	ret = lab_orphan_list(NULL, print_orphan);
	if (ret < 0)
		die("/proc: %s", strerror(-ret));
	return 0;
}

static void print_topology(const char *name)
{
	static struct json_error error;
	int ret = topology_load(&topology, name, &error);

	printf("%-12s %s\n", name, ret ? error.text : topology.description);
}

static int command_topologies(int argc, char **argv)
{
	if (argc > 1)
		die("unexpected argument '%s'", argv[1]);
	if (topology_list(print_topology) < 0)
		die("no directory of topologies is found; MCR_TOPOLOGIES can name one");
	return 0;
}

static int command_draw(int argc, char **argv)
{
	const char *what = NULL;
	bool svg = false;
	const struct cli_option table[] = {
		{"svg", NULL, CLI_FLAG, &svg, .help = "as an SVG picture instead of ASCII"},
	};

	cli_parse_mixed(table, 1, "mcrlab draw TOPOLOGY [--svg]", argc, argv, &what, 1);
	if (!what)
		die("usage: mcrlab draw TOPOLOGY [--svg]");
	load_topology(what);
	if (svg)
		topology_draw_svg(&topology);
	else
		topology_draw(&topology);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"up", command_up, "up TOPOLOGY [--name NAME] [--wires] [--foreground]   bring a lab up"},
	{"exec", command_exec, "exec LAB NODE [--] COMMAND...   run a command in a node"},
	{"shell", command_shell,
	 "shell [LAB] NODE   a shell in a node; of the only lab, if one is up"},
	{"down", command_down, "down LAB   take a lab down, with all that runs in it"},
	{"list", command_list,
	 "list   the labs that are up: name, pid of the holder, topology, nodes"},
	{"topologies", command_topologies,
	 "topologies   those that come with the harness, a line each"},
	{"draw", command_draw, "draw TOPOLOGY [--svg]   draw a topology"},
	{"capture", cmd_capture,
	 "capture LAB NODE IF FILE [--count N] [--filter EXPRESSION]   a pcap, until SIGTERM"},
	{"record", cmd_record,
	 "record LAB DIRECTORY   keep the last packets of all links; write them on SIGUSR1"},
	{"impair", cmd_impair,
	 "impair LAB NODE IF loss|every|dup|rate|flap|show|clear ...   what arrives there"},
	{"fault", cmd_fault, "fault LAB NODE VERB ...   what goes wrong in life; alone lists all"},
	{"check", cmd_check,
	 "check --socket-path PATH [--lab LAB --node NODE]   does a relay say and do what it "
	 "should"},
};

#define N_COMMANDS (sizeof(commands) / sizeof(*commands))

static void print_usage(FILE *file)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(file, "%s mcrlab %s\n", i ? "      " : "usage:", commands[i].help);
	fputs("TOPOLOGY is the name of one that comes with the harness, a file, or - for standard "
	      "input.\n",
	      file);
}

int main(int argc, char **argv)
{
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))) {
		print_usage(stdout);
		return 0;
	}
	for (size_t i = 0; argc > 1 && i < N_COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	if (argc > 1)
		die("there is no command '%s'; see mcrlab --help", argv[1]);
	print_usage(stderr);
	return 2;
}
