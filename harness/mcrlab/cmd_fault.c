// SPDX-License-Identifier: MIT
/* cmd_fault.c - mcrlab fault: one verb for each kind of fault */
#include "harness/mcrlab/cmd_fault.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "harness/base/cli.h"
#include "harness/fault/client.h"
#include "harness/fault/link.h"
#include "harness/fault/memory.h"
#include "harness/fault/process.h"
#include "harness/lab/call.h"
#include "harness/lab/links.h"
#include "harness/mcrlab/cmd.h"
#include "harness/topology/topology.h"

#define USAGE                                                                                 \
	"usage: mcrlab fault LAB NODE VERB ...\n"                                             \
	"  kill | stop | continue WHO\n"                                                      \
	"  corrupt WHO at ADDRESS BYTES            overwrite\n"                               \
	"  corrupt WHO find BYTES BYTES [private|shared]   in writable memory, everywhere\n"  \
	"  limit WHO nofile|as|data|memlock N      soft limit\n"                              \
	"  hog WHO | hog cpu N                     use up the CPU that WHO is pinned to\n"    \
	"  stall-client PATH | flood-client PATH   of a control socket; never reads\n"        \
	"  down | up | delete | recreate IF;  rename IF NAME;  readdress IF ADDRESS/BITS\n"   \
	"WHO is supervisor, control, worker N or pid N; BYTES are hexadecimal.  hog and the " \
	"clients\n"                                                                           \
	"go on until SIGTERM; each says ready on a line of its own."

/* The rest of the command line, and where it applies. */
struct job {
	const struct lab *lab;
	const char *lab_name;
	const char *node_name;
	unsigned node;
	struct cli_words words;
};

static pid_t read_who(struct job *job)
{
	const char *role = cli_word(&job->words);
	unsigned number = 0;
	pid_t pid;

	if (!strcmp(role, "pid")) {
		pid = (pid_t)cli_number("pid", cli_word(&job->words), 1, INT32_MAX);
		if (!fault_belongs(job->lab, job->node, pid))
			die("process %d is not in node '%s'", pid, job->node_name);
		return pid;
	}
	if (strcmp(role, "supervisor") && strcmp(role, "control") && strcmp(role, "worker"))
		die("'%s' is not supervisor, control, worker N or pid N", role);
	if (!strcmp(role, "worker"))
		number = (unsigned)cli_number("worker", cli_word(&job->words), 0, 1023);
	pid = fault_find(job->lab, job->node, role, number);
	if (pid == -EEXIST)
		die("node '%s' has more than one relay: give a pid", job->node_name);
	if (pid < 0)
		die("node '%s' has no such process: %s%s%.0u", job->node_name, role,
		    number ? " " : "", number);
	return pid;
}

static size_t read_bytes(const char *text, unsigned char *bytes, size_t room)
{
	size_t length = strlen(text) / 2;

	if (strlen(text) % 2 || length == 0 || length > room ||
	    strspn(text, "0123456789abcdefABCDEF") != strlen(text))
		die("'%s' is not bytes in hexadecimal, two digits each", text);
	for (size_t i = 0; i < length; i++) {
		const char digits[] = {text[2 * i], text[2 * i + 1], '\0'};

		bytes[i] = (unsigned char)strtoul(digits, NULL, 16);
	}
	return length;
}

static int do_signal(struct job *job, int signo)
{
	pid_t pid = read_who(job);

	cli_end_of_words(&job->words);
	return fault_signal(pid, signo);
}

static int do_kill(struct job *job)
{
	return do_signal(job, SIGKILL);
}

static int do_stop(struct job *job)
{
	return do_signal(job, SIGSTOP);
}

static int do_continue(struct job *job)
{
	return do_signal(job, SIGCONT);
}

static int overwrite(struct job *job, pid_t pid)
{
	static unsigned char bytes[4096];
	const char *text = cli_word(&job->words);
	char *end;
	uint64_t address = strtoull(text, &end, 16);
	size_t length;
	int ret;

	if (!isxdigit((unsigned char)*text) || *end)
		die("'%s' is not an address in hexadecimal", text);
	length = read_bytes(cli_word(&job->words), bytes, sizeof(bytes));
	cli_end_of_words(&job->words);
	ret = fault_write(pid, address, bytes, length);
	if (ret == -EIO)
		die("corrupt: process %d has no %zu bytes of memory at 0x%" PRIx64, pid, length,
		    address);
	return ret;
}

static int replace(struct job *job, pid_t pid)
{
	static unsigned char pattern[4096];
	static unsigned char replacement[4096];
	size_t length = read_bytes(cli_word(&job->words), pattern, sizeof(pattern));
	enum fault_maps maps = FAULT_MAPS_ALL;
	uint64_t first = 0;
	ssize_t places;

	if (read_bytes(cli_word(&job->words), replacement, sizeof(replacement)) != length)
		die("the two are not of the same length");
	if (*job->words.next) {
		const char *which = cli_word(&job->words);

		if (strcmp(which, "private") && strcmp(which, "shared"))
			die("'%s' is not private or shared", which);
		maps = *which == 'p' ? FAULT_MAPS_PRIVATE : FAULT_MAPS_SHARED;
	}
	cli_end_of_words(&job->words);
	places = fault_replace(pid, maps, pattern, replacement, length, &first);
	if (places < 0)
		return (int)places;
	if (!places)
		die("corrupt: process %d has these %zu bytes nowhere in its writable memory", pid,
		    length);
	printf("{\"places\":%zd,\"first\":\"%" PRIx64 "\"}\n", places, first);
	return 0;
}

static int do_corrupt(struct job *job)
{
	pid_t pid = read_who(job);
	const char *how = cli_word(&job->words);

	if (!strcmp(how, "at"))
		return overwrite(job, pid);
	if (!strcmp(how, "find"))
		return replace(job, pid);
	die("'%s' is not at or find", how);
}

static int set_limit(pid_t pid, const char *name, int resource, uint64_t limit)
{
	int ret = fault_limit(pid, resource, limit);

	if (ret == -EPERM)
		die("limit: process %d runs as another user: CAP_SYS_RESOURCE is missing", pid);
	if (ret == -EINVAL)
		die("limit: %s %" PRIu64 " is above the hard limit of process %d", name, limit,
		    pid);
	return ret;
}

static int do_limit(struct job *job)
{
	static const struct {
		const char *name;
		int resource;
	} limits[] = {{"nofile", RLIMIT_NOFILE},
		      {"as", RLIMIT_AS},
		      {"data", RLIMIT_DATA},
		      {"memlock", RLIMIT_MEMLOCK}};
	pid_t pid = read_who(job);
	const char *name = cli_word(&job->words);

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		if (!strcmp(name, limits[i].name)) {
			uint64_t limit = cli_number(name, cli_word(&job->words), 0, UINT64_MAX);

			cli_end_of_words(&job->words);
			return set_limit(pid, name, limits[i].resource, limit);
		}
	die("there is no limit '%s' here: nofile, as, data or memlock", name);
}

/* A fault that goes on runs in the node, and dies with its parent. */
static int stay(const struct job *job, pid_t parent)
{
	sigset_t set;
	int fd;

	cmd_enter(job->lab_name, job->node_name);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		exit(1);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd < 0)
		die("signalfd: %s", strerror(errno));
	return fd;
}

static void say_ready(void)
{
	puts("ready");
	fflush(stdout);
}

static int do_hog(struct job *job)
{
	pid_t parent = getppid();
	int cpu;

	if (*job->words.next && !strcmp(*job->words.next, "cpu")) {
		cli_word(&job->words);
		cpu = (int)cli_number("cpu", cli_word(&job->words), 0, 1023);
	} else {
		cpu = fault_cpu_of(read_who(job));
		if (cpu == -ENOTUNIQ)
			die("it may run on more than one CPU; say hog cpu N");
		if (cpu < 0)
			return cpu;
	}
	cli_end_of_words(&job->words);
	return fault_hog((unsigned)cpu, stay(job, parent), say_ready);
}

static int be_client(struct job *job, bool flood)
{
	pid_t parent = getppid();
	struct fault_client_result result;
	const char *path = cli_word(&job->words);
	int ret;

	cli_end_of_words(&job->words);
	ret = fault_client(path, flood, stay(job, parent), say_ready, &result);
	if (ret == 0)
		printf("{\"requests\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"closed\":%s}\n",
		       result.requests, result.bytes, result.closed ? "true" : "false");
	return ret;
}

static int do_stall_client(struct job *job)
{
	return be_client(job, false);
}

static int do_flood_client(struct job *job)
{
	return be_client(job, true);
}

/* The interface's name, and what goes with it, in a child in the node. */
struct link_call {
	const char *interface;
	const char *name;
	const struct topo_address *address;
};

static int call_down(void *arg)
{
	return fault_link_down(((const struct link_call *)arg)->interface);
}

static int call_up(void *arg)
{
	return fault_link_up(((const struct link_call *)arg)->interface);
}

static int call_delete(void *arg)
{
	return fault_link_delete(((const struct link_call *)arg)->interface);
}

static int call_rename(void *arg)
{
	const struct link_call *call = arg;

	return fault_link_rename(call->interface, call->name);
}

static int call_readdress(void *arg)
{
	const struct link_call *call = arg;

	return fault_link_readdress(call->interface, call->address);
}

static int in_node(struct job *job, int (*function)(void *), struct link_call *call)
{
	int ret;

	cli_end_of_words(&job->words);
	ret = lab_call(job->lab, job->lab->netns_fds[job->node], function, call);
	if (ret == -ENODEV)
		die("node '%s' has no interface '%s'", job->node_name, call->interface);
	return ret;
}

static int do_down(struct job *job)
{
	return in_node(job, call_down, &(struct link_call){.interface = cli_word(&job->words)});
}

static int do_up(struct job *job)
{
	return in_node(job, call_up, &(struct link_call){.interface = cli_word(&job->words)});
}

static int do_delete(struct job *job)
{
	return in_node(job, call_delete, &(struct link_call){.interface = cli_word(&job->words)});
}

static int do_rename(struct job *job)
{
	struct link_call call = {.interface = cli_word(&job->words)};

	call.name = cli_word(&job->words);
	if (!*call.name || strlen(call.name) >= IF_NAMESIZE)
		die("'%s' cannot be the name of an interface", call.name);
	return in_node(job, call_rename, &call);
}

static int do_readdress(struct job *job)
{
	struct link_call call = {.interface = cli_word(&job->words)};
	const char *text = cli_word(&job->words);
	struct topo_address address;

	if (topology_parse_address(&address, text, true))
		die("'%s' is not an address with its prefix length, such as 10.0.0.1/24", text);
	call.address = &address;
	return in_node(job, call_readdress, &call);
}

struct recreate_call {
	const struct lab *lab;
	unsigned link;
};

static int call_recreate(void *arg)
{
	const struct recreate_call *call = arg;
	struct lab_error error = {0};
	int ret = lab_link_recreate(call->lab, call->link, &error);

	if (ret < 0)
		fprintf(stderr, "mcrlab: %s\n", error.text);
	return ret;
}

static int do_recreate(struct job *job)
{
	struct recreate_call call = {.lab = job->lab};
	unsigned end;

	call.link = cmd_end(job->lab, job->node_name, cli_word(&job->words), &end);
	cli_end_of_words(&job->words);
	if (job->lab->topo->links[call.link].kind == TOPO_TUN)
		die("a tun link cannot be made once more: its devices belong to the lab's holder");
	return lab_call(job->lab, job->lab->netns_fds[job->node], call_recreate, &call);
}

static const struct {
	const char *verb;
	int (*run)(struct job *job);
} verbs[] = {
	{"kill", do_kill},
	{"stop", do_stop},
	{"continue", do_continue},
	{"corrupt", do_corrupt},
	{"limit", do_limit},
	{"hog", do_hog},
	{"down", do_down},
	{"up", do_up},
	{"delete", do_delete},
	{"recreate", do_recreate},
	{"rename", do_rename},
	{"readdress", do_readdress},
	{"stall-client", do_stall_client},
	{"flood-client", do_flood_client},
};

int cmd_fault(int argc, char **argv)
{
	struct job job;

	if (argc < 4)
		die(USAGE);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		int ret;

		if (strcmp(argv[3], verbs[i].verb))
			continue;
		job = (struct job){
			.lab = cmd_attach(argv[1]),
			.lab_name = argv[1],
			.node_name = argv[2],
			.words = {argv + 4, "mcrlab fault"},
		};
		job.node = cmd_node(job.lab, argv[2]);
		ret = verbs[i].run(&job);
		if (ret < 0)
			die("%s: %s", argv[3], strerror(-ret));
		return 0;
	}
	die("there is no fault '%s'; mcrlab fault lists them", argv[3]);
}
