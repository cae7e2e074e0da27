// SPDX-License-Identifier: MIT
/*
 * netlab - bring up a lab of connected network namespaces, run programs in it, take it down.
 *
 * `up` leaves a holder process behind that owns the namespaces and answers by name; everything
 * else asks it.  See harness/labhold.h for how it is found, harness/lab.h for what it owns.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "harness/cli.h"
#include "harness/jsonread.h"
#include "harness/lab.h"
#include "harness/labhold.h"
#include "harness/wait.h"

#define DOWN_MS 10000

/* About a megabyte, and one per run of this program. */
static struct topology topology;

static void load_topology(const char *what)
{
	static struct json_error error;

	if (topology_load(&topology, what, &error))
		die("%s", error.text);
}

static void print_ready(const struct lab *lab, const char *name)
{
	cJSON *json = cJSON_CreateObject();
	cJSON *nodes;
	char *text;

	cJSON_AddStringToObject(json, "name", name);
	cJSON_AddNumberToObject(json, "pid", getpid());
	nodes = cJSON_AddObjectToObject(json, "nodes");
	for (unsigned int i = 0; i < lab->n_netns; i++) {
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

/* Claims the name first: a lab that cannot be found is not built. */
static int claim(const char *name)
{
	int fd = labhold_listen(name);

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

	if (ret)
		die("%s", *error.text ? error.text : strerror(-ret));
}

static int up_foreground(const char *name, pid_t parent)
{
	struct lab lab;
	int listen_fd;
	int ret;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		return 1;
	listen_fd = claim(name);
	build(&lab);
	print_ready(&lab, name);
	ret = labhold_serve(&lab, listen_fd, true);
	lab_down(&lab);
	return ret ? 1 : 0;
}

/* The holder lets go of everything it was started with, so that nobody waits for its pipes. */
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

static int hold_in_background(const char *name, int ready_fd)
{
	int listen_fd = claim(name);
	struct lab lab;
	int ret;

	build(&lab);
	detach();
	cli_signal_ready(ready_fd);
	ret = labhold_serve(&lab, listen_fd, false);
	lab_down(&lab);
	return ret ? 1 : 0;
}

static int up_background(const char *name)
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
		exit(hold_in_background(name, ready[1]));
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		return 1; /* the child has said why */
	puts(name);
	return 0;
}

static int command_up(int argc, char **argv)
{
	const char *topology_name = NULL;
	const char *name = NULL;
	bool foreground = false;
	char own_name[LABHOLD_NAME_SIZE];
	pid_t parent = getppid();
	const struct cli_option table[] = {
		{"name", "NAME", CLI_TEXT, &name,
		 .help = "the topology's name and a number unless given"},
		{"foreground", NULL, CLI_FLAG, &foreground,
		 .help = "stay, print a line of JSON, end with standard input or the parent"},
	};

	/* Options may stand before and behind the topology. */
	while (argc > 1) {
		int used = cli_parse(table, 2, "netlab up TOPOLOGY [options]", NULL, argc, argv);

		if (used < argc && topology_name)
			die("unexpected argument '%s'", argv[used]);
		if (used < argc)
			topology_name = argv[used];
		argc -= used;
		argv += used;
	}
	if (!topology_name)
		die("which topology?  usage: netlab up TOPOLOGY [--name NAME] [--foreground]");
	load_topology(topology_name);
	if (!name) {
		snprintf(own_name, sizeof(own_name), "%s-%d", topology.name, getpid());
		name = own_name;
	}
	return foreground ? up_foreground(name, parent) : up_background(name);
}

static void ask(const char *name, const char *request, char answer[static LABHOLD_ANSWER_SIZE],
		int fds[static 2], size_t *n_fds)
{
	int ret = labhold_ask(name, request, answer, fds, n_fds);

	if (ret == -ENOENT)
		die("no lab called '%s' is up; see netlab list", name);
	if (ret)
		die("lab '%s': %s", name, strerror(-ret));
	if (!strncmp(answer, "error ", 6))
		die("lab '%s': %s", name, answer + 6);
}

static void enter(const char *name, const char *node)
{
	char answer[LABHOLD_ANSWER_SIZE];
	char request[128];
	int fds[2] = {-1, -1};
	size_t n_fds;
	int ret;

	snprintf(request, sizeof(request), "node %s", node);
	ask(name, request, answer, fds, &n_fds);
	if (n_fds == 0)
		die("lab '%s' sent no namespace", name);
	ret = n_fds == 2 ? lab_enter(fds[0], fds[1]) : lab_enter(-1, fds[0]);
	if (ret)
		die("cannot enter node '%s': %s", node, strerror(-ret));
}

static void become(char **argv, pid_t parent)
{
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
		die("usage: netlab exec LAB NODE [--] COMMAND...");
	enter(argv[1], argv[2]);
	become(argv + first, parent);
	return 1;
}

static int command_shell(int argc, char **argv)
{
	pid_t parent = getppid();
	char prompt[256];
	char *shell[] = {getenv("SHELL"), NULL};

	if (argc != 3)
		die("usage: netlab shell LAB NODE");
	if (!shell[0])
		shell[0] = "/bin/sh";
	snprintf(prompt, sizeof(prompt), "[%s:%s] $ ", argv[1], argv[2]);
	setenv("PS1", prompt, 1);
	enter(argv[1], argv[2]);
	become(shell, parent);
	return 1;
}

static int command_down(int argc, char **argv)
{
	char answer[LABHOLD_ANSWER_SIZE];
	int fds[2];
	size_t n_fds;

	if (argc != 2)
		die("usage: netlab down LAB");
	ask(argv[1], "down", answer, fds, &n_fds);
	if (labhold_wait_gone(argv[1], deadline_in_ms(DOWN_MS)))
		die("lab '%s' did not go down within %d ms", argv[1], DOWN_MS);
	return 0;
}

static void print_lab(const char *name)
{
	char answer[LABHOLD_ANSWER_SIZE];
	int fds[2];
	size_t n_fds;

	/* One that goes down at this moment, or another user's, is no news. */
	if (labhold_ask(name, "info", answer, fds, &n_fds) == 0 && strncmp(answer, "error ", 6))
		printf("%-24s pid %s\n", name, answer);
}

static int command_list(int argc, char **argv)
{
	int ret = labhold_list(print_lab);

	if (ret)
		die("/proc/net/unix: %s", strerror(-ret));
	return 0;
}

static int command_draw(int argc, char **argv)
{
	if (argc != 2)
		die("usage: netlab draw TOPOLOGY");
	load_topology(argv[1]);
	topology_draw(&topology);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"up", command_up, "up TOPOLOGY [--name NAME] [--foreground]   bring a lab up"},
	{"exec", command_exec, "exec LAB NODE [--] COMMAND...   run a command in a node"},
	{"shell", command_shell, "shell LAB NODE   a shell in a node"},
	{"down", command_down, "down LAB   take a lab down, with all that runs in it"},
	{"list", command_list,
	 "list   the labs that are up: name, pid of the holder, topology, nodes"},
	{"draw", command_draw, "draw TOPOLOGY   draw a topology"},
};

#define N_COMMANDS (sizeof(commands) / sizeof(*commands))

static void print_usage(FILE *file)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(file, "%s netlab %s\n", i ? "      " : "usage:", commands[i].help);
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
	print_usage(stderr);
	return 2;
}
