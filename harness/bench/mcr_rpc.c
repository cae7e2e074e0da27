// SPDX-License-Identifier: MIT
/* mcr_rpc.c - connect, ask, and wait for the answer */
#include "harness/bench/mcr_rpc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX 65536

static int send_all(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t n = send(fd, text, left, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			left -= (size_t)n;
		}
	}
	return 0;
}

/* Reads one line.  Return: as bench_control_call(). */
static int read_answer(int fd, struct lab_error *error)
{
	char *text = malloc(ANSWER_MAX);
	size_t length = 0;
	int ret = text ? 0 : -ENOMEM;

	while (!ret && (!length || text[length - 1] != '\n')) {
		ssize_t n = -1;

		ret = wait_readable(fd, deadline_in_ms(BENCH_READY_MS));
		if (ret == 0)
			n = read(fd, text + length, ANSWER_MAX - 1 - length);
		if (ret == 0 && n <= 0)
			ret = -EPIPE;
		length += n > 0 ? (size_t)n : 0;
	}
	if (ret < 0) {
		bench_fail(error, -ret, "control socket of mcrd");
	} else {
		text[length - 1] = '\0';
		if (strstr(text, "\"error\"")) {
			snprintf(error->text, sizeof(error->text), "mcrd answers %.200s", text);
			ret = -EPROTO;
		} else if (strstr(text, "\"in_sync\":false")) {
			ret = 1;
		}
	}
	free(text);
	return ret;
}

int bench_control_call(int fd, const char *method, cJSON *params, struct lab_error *error)
{
	cJSON *request = cJSON_CreateObject();
	char *text;
	int ret;

	cJSON_AddStringToObject(request, "jsonrpc", "2.0");
	cJSON_AddNumberToObject(request, "id", 1);
	cJSON_AddStringToObject(request, "method", method);
	cJSON_AddItemToObject(request, "params", params);
	text = cJSON_PrintUnformatted(request);
	ret = text ? send_all(fd, text) : -ENOMEM;
	if (ret == 0)
		ret = send_all(fd, "\n");
	ret = ret ? bench_fail(error, -ret, method) : read_answer(fd, error);
	cJSON_free(text);
	cJSON_Delete(request);
	return ret;
}

int bench_control_open(const struct bench_run *run, struct lab_error *error)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	cJSON *version = cJSON_CreateObject();
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ret;

	bench_run_path(run, "control.sock", to.sun_path);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0) {
		ret = bench_fail(error, errno, "control socket of mcrd");
		cJSON_Delete(version);
		goto fail;
	}
	cJSON_AddStringToObject(version, "version", "1");
	ret = bench_control_call(fd, "VersionCheck", version, error);
	if (ret < 0)
		goto fail;
	return fd;
fail:
	if (fd >= 0)
		close(fd);
	return ret;
}
