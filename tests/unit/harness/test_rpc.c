// SPDX-License-Identifier: MIT
/*
 * test_rpc.c - the JSON-RPC client, before a server that answers as it is told
 *
 * Links: harness/base/rpc.c harness/base/wait.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/base/rpc.h"

#define VERSION_OK "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n"

/* A server of one connection, in a child. */
struct server {
	char dir[32];
	char path[64];
	pid_t pid;
};

/*
 * Reads a request, then writes the next answer, in two parts.  Behind an unfinished line it closes
 * the connection; otherwise the client does.
 */
static void serve(int listen_fd, const char *const *answers)
{
	FILE *file = fdopen(accept(listen_fd, NULL, NULL), "r+");
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, file) > 0) {
		const char *answer = *answers ? *answers++ : "";
		size_t half = strlen(answer) / 2;

		if (write(fileno(file), answer, half) < 0 ||
		    write(fileno(file), answer + half, strlen(answer) - half) < 0 ||
		    (*answer && answer[strlen(answer) - 1] != '\n'))
			break;
	}
	_exit(0);
}

static void start(struct server *server, const char *const *answers)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(server->dir, "/tmp/test_rpc.XXXXXX");
	assert_non_null(mkdtemp(server->dir));
	snprintf(server->path, sizeof(server->path), "%s/socket", server->dir);
	strcpy(at.sun_path, server->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	server->pid = fork();
	if (server->pid == 0)
		serve(fd, answers);
	close(fd);
}

static void stop(struct server *server)
{
	waitpid(server->pid, NULL, 0);
	unlink(server->path);
	rmdir(server->dir);
}

static int ask_once(const char *answer, struct rpc *rpc, cJSON **result)
{
	const char *const answers[] = {VERSION_OK, answer, NULL};
	struct server server;
	int ret;

	start(&server, answers);
	*result = NULL;
	ret = rpc_open(rpc, server.path, deadline_in_ms(5000));
	if (ret == 0)
		ret = rpc_call(rpc, "ListRules", NULL, deadline_in_ms(5000), result);
	rpc_close(&(struct rpc){.fd = rpc->fd, .input = rpc->input});
	stop(&server);
	return ret;
}

static void result_is_taken_out(void **state)
{
	struct rpc rpc;
	cJSON *result;

	/* A member of the result that is called "error" is no error. */
	assert_int_equal(ask_once("{\"id\":1,\"result\":{\"error\":3}}\n", &rpc, &result), 0);
	assert_int_equal(cJSON_GetObjectItemCaseSensitive(result, "error")->valueint, 3);
	cJSON_Delete(result);
}

static void refusal_has_the_message(void **state)
{
	struct rpc rpc;
	cJSON *result;

	assert_int_equal(
		ask_once("{\"id\":1,\"error\":{\"code\":-1,\"message\":\"no such rule\"}}\n", &rpc,
			 &result),
		-EPROTO);
	assert_null(result);
	assert_string_equal(rpc.error, "ListRules: no such rule");
}

static void malformed_answer_is_an_error(void **state)
{
	static const char *const lines[] = {"{\n", "[]\n", "\n", "{\"error\":7}\n", "null\n"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct rpc rpc;
		cJSON *result;

		assert_int_equal(ask_once(lines[i], &rpc, &result), -EPROTO);
		assert_string_equal(rpc.error, "ListRules: no answer");
	}
}

static void closed_connection(void **state)
{
	struct rpc rpc;
	cJSON *result;

	assert_int_equal(ask_once("half a li", &rpc, &result), -EPIPE);
	assert_string_equal(rpc.error, "ListRules: Broken pipe");
}

static void long_answer_and_the_next(void **state)
{
	const size_t n = 300000;
	char *text = malloc(n + 64);
	const char *answers[] = {VERSION_OK, text, NULL};
	struct server server;
	struct rpc rpc;
	cJSON *result;

	strcpy(text, "{\"result\":\"");
	memset(text + 11, 'x', n);
	strcpy(text + 11 + n, "\"}\n{\"result\":2}\n");
	start(&server, answers);
	assert_int_equal(rpc_open(&rpc, server.path, deadline_in_ms(5000)), 0);
	assert_int_equal(rpc.peer_pid, getpid());
	assert_int_equal(rpc_call(&rpc, "A", NULL, deadline_in_ms(5000), &result), 0);
	assert_int_equal(strlen(result->valuestring), n);
	cJSON_Delete(result);
	/* Its answer is there already, behind the first. */
	assert_int_equal(rpc_call(&rpc, "B", NULL, deadline_in_ms(5000), &result), 0);
	assert_int_equal(result->valueint, 2);
	cJSON_Delete(result);
	rpc_close(&rpc);
	stop(&server);
	free(text);
}

static void nobody_listens(void **state)
{
	char path[200];
	struct rpc rpc;

	assert_int_equal(rpc_open(&rpc, "/nonexistent/socket", deadline_in_ms(0)), -ENOENT);
	assert_string_equal(rpc.error, "/nonexistent/socket: No such file or directory");
	rpc_close(&rpc);
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(rpc_open(&rpc, path, deadline_in_ms(0)), -ENAMETOOLONG);
	rpc_close(&rpc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(result_is_taken_out),
		cmocka_unit_test(refusal_has_the_message),
		cmocka_unit_test(malformed_answer_is_an_error),
		cmocka_unit_test(closed_connection),
		cmocka_unit_test(long_answer_and_the_next),
		cmocka_unit_test(nobody_listens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
