// SPDX-License-Identifier: MIT
/* rpc.c - send a line, read a line, take the result out of it */
#include "harness/base/rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CHUNK_BYTES 65536u
#define LINE_MAX    (256u << 20) /* statistics of thousands of rules are megabytes */

static int fail(struct rpc *rpc, int ret, const char *what, const char *reason)
{
	snprintf(rpc->error, sizeof(rpc->error), "%.120s: %s", what, reason);
	return ret;
}

static int connect_to(struct rpc *rpc, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	rpc->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (rpc->fd < 0)
		return -errno;
	if (connect(rpc->fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    getsockopt(rpc->fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return -errno;
	rpc->peer_pid = peer.pid;
	return 0;
}

static int send_all(int fd, const char *text, size_t left)
{
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

static int send_request(struct rpc *rpc, const char *method, cJSON *params)
{
	cJSON *request = cJSON_CreateObject();
	char *text;
	int ret = -ENOMEM;

	cJSON_AddStringToObject(request, "jsonrpc", "2.0");
	cJSON_AddNumberToObject(request, "id", 1);
	cJSON_AddStringToObject(request, "method", method);
	cJSON_AddItemToObject(request, "params", params ? params : cJSON_CreateObject());
	text = cJSON_PrintUnformatted(request);
	if (text)
		ret = send_all(rpc->fd, text, strlen(text));
	if (ret == 0)
		ret = send_all(rpc->fd, "\n", 1);
	cJSON_free(text);
	cJSON_Delete(request);
	return ret;
}

static int receive(struct rpc *rpc, struct deadline deadline)
{
	int ret = wait_readable(rpc->fd, deadline);
	char *larger;
	ssize_t n;

	if (ret < 0)
		return ret;
	if (rpc->length > LINE_MAX)
		return -EMSGSIZE;
	larger = realloc(rpc->input, rpc->length + CHUNK_BYTES + 1);
	if (!larger)
		return -ENOMEM;
	rpc->input = larger;
	n = recv(rpc->fd, rpc->input + rpc->length, CHUNK_BYTES, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -EPIPE;
	rpc->length += (size_t)n;
	return 0;
}

/* Reads one line and parses it.  Return: 0 with @answer, NULL when it is not JSON; or -errno. */
static int read_answer(struct rpc *rpc, struct deadline deadline, cJSON **answer)
{
	size_t looked = 0;
	char *end = NULL;

	for (;;) {
		int ret;

		if (rpc->length > looked)
			end = memchr(rpc->input + looked, '\n', rpc->length - looked);
		if (end)
			break;
		looked = rpc->length;
		ret = receive(rpc, deadline);
		if (ret < 0)
			return ret;
	}
	*answer = cJSON_ParseWithLength(rpc->input, (size_t)(end - rpc->input));
	rpc->length -= (size_t)(end + 1 - rpc->input);
	memmove(rpc->input, end + 1, rpc->length);
	return 0;
}

int rpc_call(struct rpc *rpc, const char *method, cJSON *params, struct deadline deadline,
	     cJSON **result)
{
	cJSON *answer = NULL;
	const cJSON *message;
	int ret = send_request(rpc, method, params);

	*result = NULL;
	if (ret == 0)
		ret = read_answer(rpc, deadline, &answer);
	if (ret < 0)
		return fail(rpc, ret, method, strerror(-ret));
	*result = cJSON_DetachItemFromObjectCaseSensitive(answer, "result");
	if (!*result) {
		message = cJSON_GetObjectItemCaseSensitive(
			cJSON_GetObjectItemCaseSensitive(answer, "error"), "message");
		ret = fail(rpc, -EPROTO, method,
			   cJSON_IsString(message) ? message->valuestring : "no answer");
	}
	cJSON_Delete(answer);
	return ret;
}

int rpc_open(struct rpc *rpc, const char *path, struct deadline deadline)
{
	cJSON *params, *version;
	int ret;

	*rpc = (struct rpc){.fd = -1};
	ret = connect_to(rpc, path);
	if (ret < 0)
		return fail(rpc, ret, path, strerror(-ret));
	params = cJSON_CreateObject();
	cJSON_AddStringToObject(params, "version", "1");
	ret = rpc_call(rpc, "VersionCheck", params, deadline, &version);
	cJSON_Delete(version);
	return ret;
}

void rpc_close(struct rpc *rpc)
{
	if (rpc->fd >= 0)
		close(rpc->fd);
	free(rpc->input);
	*rpc = (struct rpc){.fd = -1};
}
