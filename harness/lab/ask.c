// SPDX-License-Identifier: MIT
/* ask.c - a lab that other processes can find by name: the client's side */
#include "harness/lab/ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/fdpass.h"
#include "harness/base/jsonread.h"
#include "harness/base/wait.h"
#include "harness/lab/enter.h"
#include "harness/lab/hold.h"
#include "harness/topology/topology.h"
#include "harness/topology/wires.h"

#define ANSWER_MS 5000

static int connect_to(const char *name)
{
	struct lab_name_address address;
	int fd = lab_name_socket(&address, name);
	int ret;

	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)&address.sun, address.length) < 0) {
		ret = errno == ECONNREFUSED ? -ENOENT : -errno;
		close(fd);
		return ret;
	}
	if (!lab_name_peer_is_allowed(fd)) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

/* One request and its answer on a connection. */
static int exchange(int fd, const char *request, char answer[static LAB_NAME_ANSWER_SIZE], int *fds,
		    size_t *n_fds)
{
	size_t length = LAB_NAME_ANSWER_SIZE - 1;
	int ret = fdpass_send(fd, request, strlen(request), NULL, 0);

	if (ret == 0)
		ret = wait_readable(fd, deadline_in_ms(ANSWER_MS));
	if (ret == 0)
		ret = fdpass_recv(fd, answer, &length, fds, n_fds);
	if (ret < 0)
		*n_fds = 0;
	answer[ret ? 0 : length] = '\0';
	return !ret && length == 0 ? -ECONNRESET : ret;
}

int lab_ask(const char *name, const char *request, char answer[static LAB_NAME_ANSWER_SIZE],
	    int *fds, size_t *n_fds)
{
	int fd = connect_to(name);
	int ret;

	if (fd < 0) {
		*n_fds = 0;
		return fd;
	}
	ret = exchange(fd, request, answer, fds, n_fds);
	close(fd);
	return ret;
}

static int enter_with(const char *answer, const int *fds, size_t n_fds)
{
	int ret = strcmp(answer, "ok") ? -EPERM : -EPROTO;

	if (!strncmp(answer, "error the lab has no", 20))
		ret = -ESRCH;
	else if (n_fds)
		ret = lab_enter(n_fds == 2 ? fds[0] : -1, fds[n_fds - 1]);
	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
	return ret;
}

int lab_ask_enter(const char *name, const char *node)
{
	char answer[LAB_NAME_ANSWER_SIZE];
	char request[128];
	int fds[2];
	size_t n_fds = 2;
	int fd = connect_to(name);
	int ret;

	if (fd < 0)
		return fd;
	snprintf(request, sizeof(request), "node %s", node);
	ret = exchange(fd, request, answer, fds, &n_fds);
	if (ret == 0)
		ret = enter_with(answer, fds, n_fds);
	n_fds = 0;
	if (ret == 0)
		ret = exchange(fd, "entered", answer, NULL, &n_fds);
	close(fd);
	return ret;
}

static int parse_from(struct topology *topo, int fd)
{
	static struct json_error error;
	struct stat st;
	char *text;
	int ret = -EPROTO;

	if (fstat(fd, &st) < 0)
		return -errno;
	text = calloc(1, (size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	if (pread(fd, text, (size_t)st.st_size, 0) == st.st_size)
		ret = topology_parse(topo, text, "the lab's topology", &error);
	free(text);
	return ret;
}

static int take_all(struct lab *lab, const struct topology *topo, const int *fds, size_t n_fds)
{
	const bool with_wires = topology_has_wires(topo);

	*lab = (struct lab){.topo = topo, .userns_fd = -1, .wires_fd = -1};
	if (n_fds < topo->n_nodes + with_wires || n_fds > topo->n_nodes + with_wires + 1u)
		return -EPROTO;
	if (n_fds == topo->n_nodes + with_wires + 1u)
		lab->userns_fd = *fds++;
	for (; lab->n_netns < topo->n_nodes; lab->n_netns++)
		lab->netns_fds[lab->n_netns] = *fds++;
	if (with_wires)
		lab->wires_fd = *fds;
	return 0;
}

int lab_ask_attach(const char *name, struct lab *lab, struct topology *topo)
{
	char answer[LAB_NAME_ANSWER_SIZE];
	int fds[FDPASS_MAX];
	size_t n_fds = FDPASS_MAX;
	int ret = lab_ask(name, "all", answer, fds, &n_fds);

	if (ret < 0)
		return ret;
	if (n_fds == 0)
		return -EPERM;
	ret = parse_from(topo, fds[0]);
	if (ret == 0 && !strcmp(answer, "all 1"))
		topology_add_wires(topo);
	if (ret == 0)
		ret = take_all(lab, topo, fds + 1, n_fds - 1);
	close(fds[0]);
	for (size_t i = 1; ret && i < n_fds; i++)
		close(fds[i]);
	return ret;
}

int lab_ask_wait_ended(const char *name, struct deadline deadline)
{
	int fd = connect_to(name);
	int ret;

	/*
	 * Waiting to be accepted: a connection queued at a listening socket is hung up when that
	 * socket closes, which is when the holder ends.
	 */
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	ret = wait_readable(fd, deadline);
	close(fd);
	return ret;
}

int lab_ask_list(void (*found)(const char *name))
{
	FILE *file = fopen("/proc/net/unix", "re");
	char line[512];

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		/* Connections of clients carry the name, too: flags 00010000 is who listens. */
		const char *name = strstr(line, " @" LAB_NAME_PREFIX);

		line[strcspn(line, "\n")] = '\0';
		if (name && strstr(line, " 00010000 "))
			found(name + sizeof(" @" LAB_NAME_PREFIX) - 1);
	}
	fclose(file);
	return 0;
}
