// SPDX-License-Identifier: MIT
/* hold.c - serves the requests of an abstract Unix socket */
#include "harness/lab/hold.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/fdpass.h"
#include "harness/base/wait.h"
#include "harness/lab/name.h"
#include "harness/lab/tun.h"
#include "harness/lab/watch.h"
#include "harness/topology/find.h"

#define REQUEST_SIZE 256
#define BACKLOG      64
#define CLIENT_MS    1000

int lab_hold_listen(const char *name)
{
	struct lab_name_address address;
	int fd = lab_name_socket(&address, name);
	int ret;

	if (fd < 0)
		return fd;
	if (bind(fd, (const struct sockaddr *)&address.sun, address.length) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

static void answer(int client, const char *text, const int *fds, size_t n_fds)
{
	/* A client that has closed its socket needs no answer. */
	fdpass_send(client, text, strlen(text) + 1, fds, n_fds);
}

/* No other client is served before this one has entered: "down" would end the node under it. */
static void wait_entered(int client)
{
	char request[REQUEST_SIZE];
	size_t length = sizeof(request) - 1;
	size_t n_fds = 0;

	if (wait_readable(client, deadline_in_ms(CLIENT_MS)) == 0 &&
	    fdpass_recv(client, request, &length, NULL, &n_fds) == 0 && length > 0)
		answer(client, "ok", NULL, 0);
}

static void answer_node(const struct lab *lab, int client, const char *name)
{
	int node = topology_node(lab->topo, name);
	int fds[2];
	size_t n_fds = 0;

	if (node < 0) {
		answer(client, "error the lab has no such node", NULL, 0);
		return;
	}
	if (lab->userns_fd >= 0)
		fds[n_fds++] = lab->userns_fd;
	fds[n_fds++] = lab->netns_fds[node];
	answer(client, "ok", fds, n_fds);
	wait_entered(client);
}

static void answer_all(const struct lab_hold *hold, int client)
{
	const struct lab *lab = hold->lab;
	int fds[TOPO_MAX_NODES + 3];
	size_t n_fds = 0;

	fds[n_fds++] = hold->topology_fd;
	if (lab->userns_fd >= 0)
		fds[n_fds++] = lab->userns_fd;
	for (unsigned i = 0; i < lab->n_netns; i++)
		fds[n_fds++] = lab->netns_fds[i];
	if (lab->wires_fd >= 0)
		fds[n_fds++] = lab->wires_fd;
	answer(client, hold->all_wires ? "all 1" : "all 0", fds, n_fds);
}

static void answer_info(const struct lab *lab, int client)
{
	char text[LAB_NAME_ANSWER_SIZE];
	int used = snprintf(text, sizeof(text), "%d %s", getpid(), lab->topo->name);

	for (unsigned i = 0; i < lab->topo->n_nodes; i++)
		used += snprintf(text + used, sizeof(text) - (size_t)used, " %s",
				 lab->topo->nodes[i].name);
	answer(client, text, NULL, 0);
}

/* Return: whether the lab is to go down. */
static bool serve_client(const struct lab_hold *hold, int client)
{
	const struct lab *lab = hold->lab;
	char request[REQUEST_SIZE];
	size_t length = sizeof(request) - 1;
	size_t n_fds = 0;

	if (!lab_name_peer_is_allowed(client)) {
		answer(client, "error the lab belongs to another user", NULL, 0);
		return false;
	}
	if (wait_readable(client, deadline_in_ms(CLIENT_MS)) ||
	    fdpass_recv(client, request, &length, NULL, &n_fds))
		return false;
	request[length] = '\0';
	if (!strncmp(request, "node ", 5))
		answer_node(lab, client, request + 5);
	else if (!strcmp(request, "all"))
		answer_all(hold, client);
	else if (!strcmp(request, "info"))
		answer_info(lab, client);
	else if (!strcmp(request, "down"))
		return true;
	else
		answer(client, "error unknown request", NULL, 0);
	return false;
}

static bool accept_client(const struct lab_hold *hold)
{
	int client = accept4(hold->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	bool down;

	if (client < 0)
		return false;
	down = serve_client(hold, client);
	if (down)
		answer(client, "ok", NULL, 0);
	close(client);
	return down;
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static bool stdin_closed(void)
{
	char ignored[256];

	return read(STDIN_FILENO, ignored, sizeof(ignored)) <= 0;
}

/* A lab must not run without its watcher: programs could outlive it. */
static int restart_helper(struct lab *lab, const struct lab_helper *helper)
{
	if (helper == &lab->watcher) {
		lab_watch_stop(lab);
		return lab_watch_start(lab);
	}
	lab_tun_stop(lab);
	return lab_tun_start(lab);
}

int lab_hold_serve(const struct lab_hold *hold)
{
	struct lab *lab = hold->lab;
	struct pollfd fds[] = {
		{.fd = open_signals(), .events = POLLIN},
		{.fd = hold->listen_fd, .events = POLLIN},
		{.fd = hold->with_stdin ? STDIN_FILENO : -1, .events = POLLIN},
		{.events = POLLIN},
		{.events = POLLIN},
	};
	int ret = 0;

	if (fds[0].fd < 0)
		return -errno;
	while (!ret) {
		fds[3].fd = lab->watcher.pid ? lab->watcher.pidfd : -1;
		fds[4].fd = lab->carrier.pid ? lab->carrier.pidfd : -1;
		if (poll(fds, sizeof(fds) / sizeof(*fds), -1) < 0) {
			ret = -errno;
			break;
		}
		if (fds[0].revents || (fds[2].revents && stdin_closed()))
			break;
		if (fds[3].revents)
			ret = restart_helper(lab, &lab->watcher);
		else if (fds[4].revents)
			ret = restart_helper(lab, &lab->carrier);
		else if (fds[1].revents && accept_client(hold))
			break;
	}
	close(fds[0].fd);
	return ret;
}
