// SPDX-License-Identifier: MIT
/*
 * upgrade.c - the stages
 *
 *   CHECK    the binary is opened once and run with --check-upgrade: does it start with
 *            our rights, and does it speak our versions?  A refusal changes nothing.
 *   exec     the state goes to a memfd, its descriptors lose close-on-exec, and the
 *            same open file replaces this program.  Children stay children of the same
 *            process; they go on and see nothing of it.
 *   ROLL     worker by worker: it is told to finish, its sockets queue, the next one
 *            starts from the new binary.  The first that does not start ends the roll:
 *            the others keep working as they are.
 *   CONTROL  control is told how it went, answers the request, and makes way too.
 *
 * Old children and the new supervisor talk to each other meanwhile, which is why the
 * versions must be equal rather than merely known.
 *
 * The program that was checked is the one that runs: both are executed through one
 * descriptor, whatever is renamed meanwhile.
 */
#include "daemon/supervisor/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/clock.h"
#include "core/base/ipc.h"
#include "core/base/statpage.h"
#include "core/rules/snapshot.h"
#include "daemon/common/log.h"
#include "daemon/common/roles.h"
#include "daemon/common/upgrade_outcome.h"
#include "daemon/common/version.h"
#include "daemon/priv/drop.h"
#include "daemon/supervisor/child.h"
#include "daemon/supervisor/control_channel.h"
#include "daemon/supervisor/epoll_key.h"
#include "daemon/supervisor/handover.h"
#include "daemon/supervisor/state.h"

#define CHECK_NS      (UPGRADE_CHECK_S * NS_PER_S)
#define ROLL_DRAIN_NS (1 * NS_PER_S)    /* for a worker to finish */
#define LEAVE_NS      (500 * NS_PER_MS) /* for control to answer and go */

#define ARGUMENTS_MAX 64 /* of the command line that the new program gets, with its NULL */
#define ANSWER_MAX    (sizeof(((struct ipc_upgraded *)0)->theirs))

#define TEXT(x)  #x
#define VALUE(x) TEXT(x)

/* Two programs must agree on this to take over from each other, and to talk. */
static const char versions_format[] =
	"state" VALUE(SUPERVISOR_STATE_VERSION) "." VALUE(KERNEL_PATH_VERSION) ",ipc" VALUE(
		IPC_VERSION) ",snap" VALUE(SNAPSHOT_VERSION) ",arena" VALUE(ARENA_VERSION) ",page%"
											   "zu";

static void own_versions(char text[static ANSWER_MAX])
{
	snprintf(text, ANSWER_MAX, versions_format,
		 sizeof(struct worker_page) + sizeof(struct iface_page));
}

int supervisor_check_upgrade(const char *versions)
{
	char ours[ANSWER_MAX];

	own_versions(ours);
	printf("%s\n", ours);
	if (fflush(stdout) != 0 || strcmp(ours, versions) != 0)
		return 1;
	/* Rights that did not survive this exec would not survive the other. */
	return priv_check_rights() < 0;
}

void upgrade_init(struct supervisor *s)
{
	static const char deleted[] = " (deleted)";
	ssize_t n = readlink("/proc/self/exe", s->exe, sizeof(s->exe) - 1);
	struct stat st;
	char *end;

	s->upgrade = (struct upgrade){.exe_fd = -1, .checker_fd = -1, .answer = -1};
	s->exe[n < 0 ? 0 : n] = '\0';
	end = s->exe + strlen(s->exe) - (sizeof(deleted) - 1);
	/* Replaced before we came to look; the name is what counts. */
	if (end > s->exe && !strcmp(end, deleted) && stat(s->exe, &st) < 0)
		*end = '\0';
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void upgrade_abandon(struct supervisor *s)
{
	struct upgrade *u = &s->upgrade;

	if (u->checker > 0) {
		kill(u->checker, SIGKILL);
		waitpid(u->checker, NULL, 0);
	}
	u->checker = 0;
	close_fd(&u->checker_fd);
	close_fd(&u->answer);
	close_fd(&u->exe_fd);
	u->stage = UPGRADING_NOT;
}

static void log_outcome(const struct supervisor *s, const struct ipc_upgraded *how)
{
	const bool rolls = s->upgrade.stage == UPGRADING_ROLL;
	char text[sizeof(s->exe) + UPGRADE_OUTCOME_MAX];
	uint64_t ms = (monotonic_ns() - s->upgrade.begun_ns) / NS_PER_MS;

	if (how->outcome == UPGRADE_DONE)
		log_msg(SEV_NOTICE, FAC_SUPERVISOR,
			"upgrade done in %llu ms: %s, was %s; %u of %u workers rolled",
			(unsigned long long)ms, mcr_version, s->upgrade.from, how->rolled,
			s->workers);
	else
		log_msg(SEV_ERROR, FAC_SUPERVISOR, "upgrade %s: %s", rolls ? "stopped" : "refused",
			upgrade_outcome_text(how, s->exe, text, sizeof(text)));
}

/* It is over; control answers the request. */
static void conclude(struct supervisor *s, struct ipc_upgraded how)
{
	struct ipc_msg msg = {.type = IPC_UPGRADED};
	bool done = how.outcome == UPGRADE_DONE;

	how.rolled = (uint16_t)s->upgrade.rolled;
	log_outcome(s, &how);
	if (done)
		strncpy(how.theirs, mcr_version, sizeof(how.theirs) - 1);
	upgrade_abandon(s); /* before the answer, so that a next upgrade is not refused */
	msg.upgraded = how;
	/* A control that has started meanwhile is the new program, and has no request to answer. */
	if (!done || s->child[CONTROL_INDEX].pid == s->upgrade.control)
		control_channel_send(s, &msg, -1);
}

static void refuse(struct supervisor *s, enum ipc_upgrade_outcome outcome, int detail)
{
	conclude(s, (struct ipc_upgraded){.outcome = (uint16_t)outcome, .detail = detail});
}

/* --- CHECK --- */

static _Noreturn void run_checker(const struct upgrade *u, int answer)
{
	char ours[ANSWER_MAX], argument[ANSWER_MAX + sizeof(ARG_CHECK_UPGRADE)];
	char *argv[] = {"mcrd", argument, NULL};
	sigset_t none;

	own_versions(ours);
	snprintf(argument, sizeof(argument), "%s%s", ARG_CHECK_UPGRADE, ours);
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Its other descriptors close by themselves. */
	if (priv_carry_rights() == 0 && dup2(answer, STDOUT_FILENO) >= 0)
		syscall(SYS_execveat, u->exe_fd, "", argv, environ, AT_EMPTY_PATH);
	dprintf(STDERR_FILENO, "mcrd: exec of the binary on disk: %s\n", strerror(errno));
	_exit(EXIT_CANNOT_EXEC);
}

static int start_checker(struct supervisor *s)
{
	struct upgrade *u = &s->upgrade;
	int pair[2], ret = 0;

	if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	u->answer = pair[0];
	u->checker = fork();
	if (u->checker == 0)
		run_checker(u, pair[1]);
	if (u->checker < 0)
		ret = -errno;
	close(pair[1]);
	if (ret == 0) {
		u->checker_fd = (int)syscall(SYS_pidfd_open, u->checker, 0);
		if (u->checker_fd < 0 || epoll_watch(s->epoll, EPOLL_CTL_ADD, u->checker_fd,
						     EPOLLIN, epoll_key_of(SOURCE_CHECKER)) < 0)
			ret = -errno;
	}
	return ret;
}

int upgrade_begin(struct supervisor *s)
{
	struct upgrade *u = &s->upgrade;
	struct stat st;
	int ret = 0;

	if (u->stage != UPGRADING_NOT || s->phase != PHASE_RUN)
		return -EBUSY;
	u->stage = UPGRADING_CHECK;
	u->begun_ns = monotonic_ns();
	u->deadline_ns = u->begun_ns + CHECK_NS;
	u->rolled = 0;
	u->failed = 0;
	log_msg(SEV_NOTICE, FAC_SUPERVISOR, "upgrade: checking %s", s->exe);
	/* The answer to the request goes out before the outcome: see upgrade_advance(). */
	u->exe_fd = open(s->exe, O_PATH | O_CLOEXEC);
	if (u->exe_fd < 0 || fstat(u->exe_fd, &st) < 0)
		ret = -errno;
	else if (!S_ISREG(st.st_mode))
		ret = -EACCES;
	if (ret == 0)
		ret = start_checker(s);
	if (ret < 0) {
		upgrade_abandon(s);
		u->stage = UPGRADING_CHECK;
		u->failed = ret;
		u->deadline_ns = 0;
	}
	return 0;
}

static int become_binary(struct supervisor *s)
{
	char **argv = s->options->argv, *args[ARGUMENTS_MAX], resume[32];
	unsigned n = 0, at = 0;
	int fd = handover_save(s), ret = fd < 0 ? fd : priv_carry_rights();

	snprintf(resume, sizeof(resume), "%s%d", ARG_RESUME, fd);
	args[at++] = argv[0];
	args[at++] = resume;
	while (argv[++n] && at < ARGUMENTS_MAX - 1)
		args[at++] = argv[n];
	args[at] = NULL;
	if (argv[n])
		ret = -E2BIG;
	if (ret == 0) {
		syscall(SYS_execveat, s->upgrade.exe_fd, "", args, environ, AT_EMPTY_PATH);
		ret = -errno;
	}
	/* The exec failed: everything is as before. */
	if (fd >= 0)
		close(fd);
	close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
	return ret;
}

/* Its output and its status must both be right. */
void upgrade_checked(struct supervisor *s)
{
	struct ipc_upgraded how = {0};
	struct upgrade *u = &s->upgrade;
	char ours[ANSWER_MAX];
	ssize_t n;
	int status, ret;

	if (u->checker <= 0 || waitpid(u->checker, &status, WNOHANG) != u->checker)
		return;
	u->checker = 0;
	own_versions(ours);
	n = read(u->answer, how.theirs, sizeof(how.theirs) - 1);
	how.theirs[n < 0 ? 0 : n] = '\0';
	how.theirs[strcspn(how.theirs, "\n")] = '\0';
	for (char *p = how.theirs; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	if (strcmp(how.theirs, ours) != 0 && !strncmp(how.theirs, "state", 5)) {
		how.outcome = UPGRADE_VERSIONS;
		conclude(s, how);
	} else if (status != 0 || strcmp(how.theirs, ours) != 0) {
		refuse(s, UPGRADE_BROKEN, status);
	} else {
		/* Those stay behind; the new program begins with its own. */
		close_fd(&u->checker_fd);
		close_fd(&u->answer);
		ret = become_binary(s);
		refuse(s, UPGRADE_STATE, ret);
	}
}

/* --- ROLL --- */

void upgrade_resumed(struct supervisor *s)
{
	s->upgrade.stage = UPGRADING_ROLL;
	s->upgrade.control = s->child[CONTROL_INDEX].pid;
	/* Stand-ins are not handed over: a worker that is still away gets one anew. */
	for (unsigned i = 0; i < s->workers; i++)
		if (s->child[i].state != CHILD_READY)
			s->child[i].away_ns = monotonic_ns();
}

static void ask_to_go(struct supervisor *s, struct child *c)
{
	struct ipc_msg msg = {.type = IPC_DRAIN};

	c->ending = END_UPGRADE;
	c->due_ns = NEVER_NS;
	if (ipc_send(c->channel, &msg, -1) < 0)
		child_kill(s, c);
}

/* Return: the worker is through, one way or the other. */
static bool roll_worker(struct supervisor *s, struct child *c, uint64_t now_ns)
{
	struct upgrade *u = &s->upgrade;

	if (!u->asked) {
		/* A worker that is away comes back from the new binary anyhow. */
		if (c->pid == 0 || c->channel < 0)
			return true;
		u->asked = true;
		u->pid = c->pid;
		u->restarts = c->restarts;
		u->deadline_ns = now_ns + ROLL_DRAIN_NS;
		ask_to_go(s, c);
		return false;
	}
	if (c->pid == u->pid) {
		if (now_ns >= u->deadline_ns) {
			log_msg(SEV_WARNING, FAC_SUPERVISOR, "%s does not finish; killed", c->name);
			u->deadline_ns = now_ns + ROLL_DRAIN_NS;
			child_kill(s, c);
		}
		return false;
	}
	u->deadline_ns = NEVER_NS; /* child_timers() ends one that does not become ready */
	if (c->state == CHILD_READY) {
		u->rolled++;
		return true;
	}
	if (c->restarts != u->restarts)
		refuse(s, UPGRADE_WORKER, (int)c->index);
	return false;
}

static void roll(struct supervisor *s, uint64_t now_ns)
{
	struct child *control = &s->child[CONTROL_INDEX];
	struct upgrade *u = &s->upgrade;
	bool old;

	while (u->worker < s->workers && roll_worker(s, &s->child[u->worker], now_ns)) {
		u->worker++;
		u->asked = false;
	}
	if (u->stage != UPGRADING_ROLL || u->worker < s->workers)
		return;
	old = control->pid && control->pid == u->control && control->channel >= 0;
	if (old)
		control->ending = END_UPGRADE;
	conclude(s, (struct ipc_upgraded){.outcome = UPGRADE_DONE});
	if (old) {
		u->stage = UPGRADING_CONTROL;
		u->deadline_ns = now_ns + LEAVE_NS;
	}
}

uint64_t upgrade_advance(struct supervisor *s, uint64_t now_ns)
{
	struct upgrade *u = &s->upgrade;
	struct child *control = &s->child[CONTROL_INDEX];

	switch (u->stage) {
	case UPGRADING_NOT:
		return NEVER_NS;
	case UPGRADING_CHECK:
		if (now_ns >= u->deadline_ns)
			refuse(s, u->failed ? UPGRADE_NO_FILE : UPGRADE_TIMEOUT, u->failed);
		break;
	case UPGRADING_ROLL:
		roll(s, now_ns);
		break;
	case UPGRADING_CONTROL:
		if (control->pid != u->control)
			u->stage = UPGRADING_NOT;
		else if (now_ns >= u->deadline_ns) {
			child_kill(s, control);
			u->stage = UPGRADING_NOT;
		}
		break;
	}
	return u->stage == UPGRADING_NOT ? NEVER_NS : u->deadline_ns;
}
