// SPDX-License-Identifier: MIT
/* lab.c - bring a lab up and take it down */
#include "harness/lab/lab.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/fdpass.h"
#include "harness/lab/build.h"
#include "harness/lab/members.h"
#include "harness/lab/tun.h"
#include "harness/lab/watch.h"

static int take(struct lab *lab, const struct topology *topo, const struct lab_build_result *result,
		const int *fds, size_t n_fds)
{
	*lab = (struct lab){.topo = topo, .userns_fd = -1, .wires_fd = -1};
	if (n_fds != topo->n_nodes + result->with_userns + result->with_wires + result->n_tun_fds)
		return -EPROTO;
	if (result->with_userns)
		lab->userns_fd = *fds++;
	for (; lab->n_netns < topo->n_nodes; lab->n_netns++)
		lab->netns_fds[lab->n_netns] = *fds++;
	if (result->with_wires)
		lab->wires_fd = *fds++;
	for (; lab->n_tun_fds < result->n_tun_fds; lab->n_tun_fds++)
		lab->tun_fds[lab->n_tun_fds] = *fds++;
	return 0;
}

static int start_helpers(struct lab *lab)
{
	int ret = lab_watch_start(lab);

	if (ret == 0)
		ret = lab_tun_start(lab);
	if (ret < 0)
		lab_down(lab);
	return ret;
}

int lab_up(struct lab *lab, const struct topology *topo, struct lab_error *error)
{
	struct lab_build_result result = {0};
	size_t length = sizeof(result);
	int fds[FDPASS_MAX];
	size_t n_fds = FDPASS_MAX;
	int sockets[2];
	pid_t pid;
	int ret;

	*error = (struct lab_error){0};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		_exit(lab_build_child(topo, sockets[1]));
	ret = pid < 0 ? -errno : 0;
	close(sockets[1]);
	if (ret == 0)
		ret = fdpass_recv(sockets[0], &result, &length, fds, &n_fds);
	close(sockets[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	*error = result.error;
	if (ret == 0 && length != sizeof(result)) {
		ret = -ECHILD;
		snprintf(error->text, sizeof(error->text), "the builder died");
	}
	if (ret == 0)
		ret = result.ret;
	if (ret == 0)
		ret = take(lab, topo, &result, fds, n_fds);
	return ret < 0 ? ret : start_helpers(lab);
}

void lab_close(struct lab *lab)
{
	for (unsigned i = 0; i < lab->n_netns; i++)
		close(lab->netns_fds[i]);
	for (unsigned i = 0; i < lab->n_tun_fds; i++)
		close(lab->tun_fds[i]);
	if (lab->userns_fd >= 0)
		close(lab->userns_fd);
	if (lab->wires_fd >= 0)
		close(lab->wires_fd);
	lab->n_netns = 0;
	lab->n_tun_fds = 0;
	lab->userns_fd = -1;
	lab->wires_fd = -1;
}

void lab_down(struct lab *lab)
{
	lab_members_kill(lab);
	lab_watch_stop(lab);
	lab_tun_stop(lab);
	lab_close(lab);
}
