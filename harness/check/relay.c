// SPDX-License-Identifier: MIT
/* relay.c - ask a relay for its workers, rules and statistics */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness/base/slow.h"
#include "harness/check/relay.h"

#define ANSWER_S 5

static FILE *connect_to(const char *path, pid_t *pid, char *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval patience = {.tv_sec = ANSWER_S * slow_factor()};
	struct ucred peer;
	socklen_t length = sizeof(peer);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) {
		snprintf(error, CHECK_TEXT_SIZE, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	/* Whoever made the socket listen, which is the supervisor. */
	*pid = peer.pid;
	return fdopen(fd, "r");
}

/* The result of one request, without what surrounds it. */
static cJSON *call(FILE *file, const char *method, const char *params, char *error)
{
	cJSON *answer = NULL;
	cJSON *result = NULL;
	char *line = NULL;
	size_t room = 0;

	dprintf(fileno(file), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}\n",
		method, params);
	if (getline(&line, &room, file) > 0)
		answer = cJSON_Parse(line);
	free(line);
	result = cJSON_DetachItemFromObjectCaseSensitive(answer, "result");
	if (!result) {
		const cJSON *problem = cJSON_GetObjectItemCaseSensitive(answer, "error");

		snprintf(error, CHECK_TEXT_SIZE, "%s: %s", method,
			 problem ? check_text(problem, "message") : "no answer");
	}
	cJSON_Delete(answer);
	return result;
}

int check_relay_ask(const char *path, struct check_relay *relay, char *error)
{
	FILE *file;
	cJSON *version;

	*relay = (struct check_relay){0};
	file = connect_to(path, &relay->pid, error);
	if (!file)
		return -1;
	version = call(file, "VersionCheck", "{\"version\":\"1\"}", error);
	if (version)
		relay->workers = call(file, "ListWorkers", "{}", error);
	if (relay->workers)
		relay->rules = call(file, "ListRules", "{}", error);
	if (relay->rules)
		relay->stats = call(file, "GetStats", "{}", error);
	cJSON_Delete(version);
	fclose(file);
	if (relay->stats)
		return 0;
	check_relay_free(relay);
	return -1;
}

void check_relay_free(struct check_relay *relay)
{
	cJSON_Delete(relay->stats);
	cJSON_Delete(relay->rules);
	cJSON_Delete(relay->workers);
	*relay = (struct check_relay){0};
}
