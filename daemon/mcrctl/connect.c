// SPDX-License-Identifier: MIT
/*
 * connect.c - mcrctl's connection to the daemon
 *
 * The process behind the path may be no mcrd, or a sick one: every wait has a deadline, the
 * answer a bound, and bytes that are no JSON-RPC answer get an error of their own.
 */
#include "daemon/mcrctl/connect.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/text/json_text.h"
#include "core/text/request.h"
#include "daemon/mcrctl/args.h"
#include "daemon/mcrctl/result.h"

#define ANSWER_MS        10000
#define ANSWER_MAX_BYTES (64u * 1024u * 1024u) /* eight times the longest of an mcrd */

static void say_unreachable(const char *path, int err)
{
	if (err == ENOENT || err == ECONNREFUSED)
		ctl_say("cannot connect to %s: %s: start mcrd, or name its socket with "
			"--socket-path",
			path, strerror(err));
	else if (err == EACCES || err == EPERM)
		ctl_say("cannot connect to %s: %s: run as root or as a member of the socket's "
			"group",
			path, strerror(err));
	else if (err == EAGAIN)
		ctl_say("cannot connect to %s: mcrd does not accept connections", path);
	else
		ctl_say("cannot connect to %s: %s", path, strerror(err));
}

static enum ctl_status open_connection(struct ctl_session *c, const char *path)
{
	struct timeval limit = {.tv_sec = ANSWER_MS / 1000};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	c->path = path;
	c->fd = -1;
	if (strlen(path) >= sizeof(addr.sun_path)) {
		say_unreachable(path, ENAMETOOLONG);
		return CTL_UNREACHABLE;
	}
	strcpy(addr.sun_path, path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* Bounds connect(2), which waits while the backlog is full, and send(2). */
	if (c->fd < 0 || setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
	    connect(c->fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		say_unreachable(path, errno);
		return CTL_UNREACHABLE;
	}
	return CTL_OK;
}

void ctl_session_close(struct ctl_session *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->data);
}

static enum ctl_status no_answer(const struct ctl_session *c, const char *why)
{
	ctl_say("mcrd at %s %s", c->path, why);
	return CTL_UNREACHABLE;
}

/*
 * A daemon that refuses a request (too long, too many clients) answers and closes before all of
 * it was sent.  So the answer is read after a send that failed, too.
 */
static void send_all(const struct ctl_session *c, const char *text, size_t len)
{
	ssize_t n;

	while (len) {
		n = send(c->fd, text, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static bool grow(struct ctl_session *c)
{
	size_t room = c->room ? c->room * 2 : 65536;
	char *data;

	if (c->len < c->room)
		return true;
	data = c->room < ANSWER_MAX_BYTES ? realloc(c->data, room) : NULL;
	if (!data)
		return false;
	c->data = data;
	c->room = room;
	return true;
}

/* Waits until @c->data holds a line, and gives its length without the newline. */
static enum ctl_status receive_line(struct ctl_session *c, size_t *line)
{
	const uint64_t until_ns = monotonic_ns() + (uint64_t)c->answer_ms * NS_PER_MS;
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	size_t searched = 0;
	const char *newline;
	int left_ms;
	ssize_t n;

	for (;;) {
		newline = c->len > searched ? memchr(c->data + searched, '\n', c->len - searched)
					    : NULL;
		if (newline) {
			*line = (size_t)(newline - c->data);
			return CTL_OK;
		}
		searched = c->len;
		if (!grow(c))
			return no_answer(c, "sends an endless answer");
		left_ms = timeout_ms(&until_ns, 1, monotonic_ns());
		if (left_ms == 0 || poll(&p, 1, left_ms) == 0)
			return no_answer(c, c->answer_ms == ANSWER_MS ? "did not answer within 10 s"
								      : "did not answer in time");
		n = recv(c->fd, c->data + c->len, c->room - c->len, MSG_DONTWAIT);
		if (n == 0)
			return no_answer(c, c->len ? "closed the connection in the middle of an "
						     "answer"
						   : "closed the connection without an answer");
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return no_answer(c, strerror(errno));
		if (n > 0)
			c->len += (size_t)n;
	}
}

/* Takes @params. */
static char *format_request(int id, const char *method, cJSON *params)
{
	cJSON *o = cJSON_CreateObject();
	char *text = NULL;

	if (cJSON_AddStringToObject(o, "jsonrpc", "2.0") && cJSON_AddNumberToObject(o, "id", id) &&
	    cJSON_AddStringToObject(o, "method", method) &&
	    (!params || cJSON_AddItemToObject(o, "params", params))) {
		params = NULL;
		text = cJSON_PrintUnformatted(o);
	}
	cJSON_Delete(params);
	cJSON_Delete(o);
	return text;
}

static void read_refusal(const cJSON *error, struct complaint *c)
{
	const cJSON *data = ctl_member(error, "data");
	const char *reason = ctl_text(data, "reason");

	if (reason[0])
		complain(c, ctl_text(data, "field"), "%s", reason);
	else
		complain(c, "", "%s", ctl_text(error, "message"));
	c->line = (unsigned)ctl_number(data, "line");
	c->column = (unsigned)ctl_number(data, "column");
}

static int error_code(const cJSON *error)
{
	const cJSON *code = ctl_member(error, "code");

	return cJSON_IsNumber(code) ? code->valueint : 0;
}

static enum ctl_status read_answer(const struct ctl_session *c, size_t len, int id,
				   struct ctl_reply *reply)
{
	struct json_place place;
	const cJSON *error, *answer_id;

	if (json_text_parse(c->data, len, JSON_STRICT, &reply->json, NULL) < 0 ||
	    !cJSON_IsObject(reply->json))
		return no_answer(c, "sent something that is not a JSON-RPC answer");
	error = ctl_member(reply->json, "error");
	answer_id = ctl_member(reply->json, "id");
	if (cJSON_IsObject(error) && cJSON_IsString(ctl_member(error, "message"))) {
		read_refusal(error, &reply->refusal);
		reply->code = error_code(error);
		return CTL_REFUSED;
	}
	reply->result = ctl_member(reply->json, "result");
	if (!cJSON_IsNumber(answer_id) || answer_id->valueint != id ||
	    !cJSON_IsObject(reply->result) || !json_text_find(c->data, len, "result", &place))
		return no_answer(c, "sent something that is not a JSON-RPC answer");
	reply->text = strndup(c->data + place.value, place.end - place.value);
	return CTL_OK;
}

static enum ctl_status exchange(struct ctl_session *c, int id, const char *method, cJSON *params,
				struct ctl_reply *reply)
{
	char *text = format_request(id, method, params);
	enum ctl_status ret;
	size_t len;

	if (!text) {
		ctl_say("out of memory");
		return CTL_UNREACHABLE;
	}
	len = strlen(text);
	text[len] = '\n'; /* in place of the NUL: from here on only the length counts */
	send_all(c, text, len + 1);
	cJSON_free(text);
	ret = receive_line(c, &len);
	if (ret != CTL_OK)
		return ret;
	ret = read_answer(c, len, id, reply);
	c->len -= len + 1;
	memmove(c->data, c->data + len + 1, c->len);
	return ret;
}

static enum ctl_status check_version(struct ctl_session *c, struct ctl_reply *reply)
{
	cJSON *params = cJSON_CreateObject();
	enum ctl_status ret;

	cJSON_AddStringToObject(params, "version", PROTOCOL_VERSION);
	ret = exchange(c, 0, "VersionCheck", params, reply);
	if (ret == CTL_OK && strcmp(ctl_text(reply->result, "version"), PROTOCOL_VERSION) != 0)
		ret = no_answer(c,
				"does not say that it speaks protocol version " PROTOCOL_VERSION);
	if (ret == CTL_OK)
		ctl_reply_fini(reply);
	return ret;
}

enum ctl_status ctl_session_open(const struct ctl *ctl, struct ctl_session *c,
				 struct ctl_reply *reply)
{
	enum ctl_status ret;

	memset(reply, 0, sizeof(*reply));
	*c = (struct ctl_session){.answer_ms = ctl->answer_ms ? ctl->answer_ms : ANSWER_MS};
	ret = open_connection(c, ctl->socket_path);
	return ret == CTL_OK ? check_version(c, reply) : ret;
}

enum ctl_status ctl_session_call(struct ctl_session *c, const char *method, cJSON *params,
				 struct ctl_reply *reply)
{
	memset(reply, 0, sizeof(*reply));
	return exchange(c, ++c->calls, method, params, reply);
}

enum ctl_status ctl_call(const struct ctl *ctl, const char *method, cJSON *params,
			 struct ctl_reply *reply)
{
	struct ctl_session c;
	enum ctl_status ret = ctl_session_open(ctl, &c, reply);

	if (ret == CTL_OK)
		ret = ctl_session_call(&c, method, params, reply);
	else
		cJSON_Delete(params);
	ctl_session_close(&c);
	return ret;
}

void ctl_reply_fini(struct ctl_reply *r)
{
	cJSON_Delete(r->json);
	free(r->text);
	memset(r, 0, sizeof(*r));
}

/* {"error":{"code","field","reason"}}, for programs; on stderr, as other errors. */
static void say_refusal(const struct ctl_reply *reply, const char *field)
{
	cJSON *o = cJSON_CreateObject();
	cJSON *error = cJSON_AddObjectToObject(o, "error");
	char *text;

	cJSON_AddNumberToObject(error, "code", reply->code);
	cJSON_AddStringToObject(error, "field", field);
	cJSON_AddStringToObject(error, "reason", reply->refusal.reason);
	text = cJSON_PrintUnformatted(o);
	fprintf(stderr, "%s\n", text ? text : "{\"error\":{}}");
	cJSON_free(text);
	cJSON_Delete(o);
}

void ctl_report(const struct ctl *ctl, enum ctl_status status, const struct ctl_reply *reply,
		ctl_print_fn *print)
{
	const char *field = reply->refusal.field;

	/* The user has typed options and no params, and did not choose the method. */
	if (strncmp(field, "params.", 7) == 0)
		field += 7;
	else if (strcmp(field, "method") == 0)
		field = "";
	if (status == CTL_REFUSED && ctl->json)
		say_refusal(reply, field);
	else if (status == CTL_REFUSED)
		ctl_say("%s%s%s", field, field[0] ? ": " : "", reply->refusal.reason);
	else if (status == CTL_OK && ctl->json)
		puts(reply->text ? reply->text : "{}");
	else if (status == CTL_OK && print)
		print(ctl, reply->result);
}

enum ctl_status ctl_run(const struct ctl *ctl, const char *method, cJSON *params,
			ctl_print_fn *print)
{
	struct ctl_reply reply;
	enum ctl_status ret = ctl_call(ctl, method, params, &reply);

	ctl_report(ctl, ret, &reply, print);
	ctl_reply_fini(&reply);
	return ret;
}
