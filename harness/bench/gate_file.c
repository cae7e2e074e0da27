// SPDX-License-Identifier: MIT
/* gate_file.c - find and read the file of the reference */
#include "harness/bench/gate_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/bench/gate.h"
#include "harness/bench/program.h"

#define MAX_FILE_BYTES (256 << 10)

/* In the source tree the programs are in build/bin, when installed in bin beside share. */
static void find_file(char path[static PATH_MAX])
{
	static const char *const places[] = {"../../harness/bench-reference.json",
					     "../share/mcr/bench-reference.json"};
	const char *configured = getenv("MCR_BENCH_REFERENCE");
	char found[512];

	for (unsigned i = 0; !configured && i < sizeof(places) / sizeof(*places); i++) {
		bench_program(places[i], found);
		if (!access(found, R_OK)) {
			snprintf(path, PATH_MAX, "%s", found);
			return;
		}
	}
	snprintf(path, PATH_MAX, "%s", configured ? configured : "harness/bench-reference.json");
}

/* Return: 0 with @text filled and NUL-terminated; negative errno. */
static int read_file(const char *path, char text[static MAX_FILE_BYTES + 1])
{
	FILE *file = fopen(path, "re");
	size_t n;
	int ret = 0;

	if (!file)
		return -errno;
	n = fread(text, 1, MAX_FILE_BYTES + 1, file);
	if (ferror(file) || !n)
		ret = -EIO;
	else if (n > MAX_FILE_BYTES)
		ret = -EFBIG;
	else
		text[n] = '\0';
	fclose(file);
	return ret;
}

int bench_gates_load(struct bench_gates *gates, const char *path, const char *profile,
		     struct lab_error *error)
{
	char *text = malloc(MAX_FILE_BYTES + 1);
	struct lab_error inner = {""};
	char found[PATH_MAX];
	int ret;

	if (path)
		snprintf(found, sizeof(found), "%s", path);
	else
		find_file(found);
	ret = text ? read_file(found, text) : -ENOMEM;
	if (ret < 0)
		snprintf(inner.text, sizeof(inner.text), "%s", strerror(-ret));
	else
		ret = bench_gates_parse(gates, text, profile, &inner);
	free(text);
	if (ret < 0)
		snprintf(error->text, sizeof(error->text), "%.100s: %.140s", found, inner.text);
	return ret;
}
