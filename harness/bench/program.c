// SPDX-License-Identifier: MIT
/* program.c - search PATH and the directory of this program */
#include "harness/bench/program.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEEDS_MAX    2
#define DEFAULT_PATH "/bin:/usr/bin" /* of execvp(3), when there is no PATH */

static const struct {
	bool ours; /* else it is looked up in PATH */
	const char *programs[NEEDS_MAX];
} needs[] = {
	[BENCH_MCR] = {true, {"mcrd"}},
	[BENCH_PER_PACKET] = {true, {"mcrd"}},
	[BENCH_RECV_SEND] = {true, {BENCH_RECV_SEND_PROGRAM}},
	[BENCH_SOCAT] = {false, {"socat"}},
	[BENCH_MCR_KERNEL] = {true, {"mcrd"}},
	[BENCH_KERNEL] = {false, {"smcrouted", "smcroutectl"}},
	[BENCH_NFTABLES] = {false, {"nft"}},
};
static_assert(sizeof(needs) / sizeof(*needs) == BENCH_BACKENDS, "what every relay needs");

static bool can_execute(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK);
}

void bench_program(const char *name, char path[static 512])
{
	char beside[400], in_sbin[512];
	ssize_t n = readlink("/proc/self/exe", beside, sizeof(beside) - 1);
	char *slash;

	beside[n > 0 ? n : 0] = '\0';
	slash = strrchr(beside, '/');
	if (slash)
		slash[1] = '\0';
	snprintf(path, 512, "%s%.100s", beside, name);
	snprintf(in_sbin, sizeof(in_sbin), "%s../sbin/%.100s", beside, name);
	if (!can_execute(path) && can_execute(in_sbin))
		strcpy(path, in_sbin);
}

static bool is_in_path(const char *name)
{
	const char *rest = getenv("PATH");

	if (!rest)
		rest = DEFAULT_PATH;
	while (true) {
		size_t length = strcspn(rest, ":");
		char path[PATH_MAX];

		/* An empty entry is the current directory. */
		snprintf(path, sizeof(path), "%.*s/%s", length ? (int)length : 1,
			 length ? rest : ".", name);
		if (can_execute(path))
			return true;
		if (!rest[length])
			return false;
		rest += length + 1;
	}
}

static bool is_beside(const char *name)
{
	char path[512];

	bench_program(name, path);
	return can_execute(path);
}

const char *bench_program_missing(enum bench_backend id)
{
	for (int i = 0; i < NEEDS_MAX; i++) {
		const char *name = needs[id].programs[i];

		if (name && !(needs[id].ours ? is_beside(name) : is_in_path(name)))
			return name;
	}
	return NULL;
}
