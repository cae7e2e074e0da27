// SPDX-License-Identifier: MIT
/* Topologies: finding and reading their files. */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/jsonread.h"
#include "harness/topology.h"

#define MAX_FILE_BYTES (1 << 20)

static bool try_path(char path[static PATH_MAX], const char *directory, const char *below,
		     const char *name)
{
	return snprintf(path, PATH_MAX, "%s%s/%s.json", directory, below, name) < PATH_MAX &&
	       access(path, R_OK) == 0;
}

/* In the source tree the programs are in build/bin, when installed in bin beside share. */
static bool find_by_name(char path[static PATH_MAX], const char *name)
{
	static const char *const below[] = {"/../../harness/topologies",
					    "/../share/mcr/topologies"};
	const char *configured = getenv("MCR_TOPOLOGIES");
	char exe[PATH_MAX];
	ssize_t length;

	if (configured)
		return try_path(path, configured, "", name);
	length = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (length > 0) {
		exe[length] = '\0';
		dirname(exe);
		for (size_t i = 0; i < sizeof(below) / sizeof(*below); i++)
			if (try_path(path, exe, below[i], name))
				return true;
	}
	return try_path(path, ".", "/harness/topologies", name);
}

static int slurp(FILE *file, char *text)
{
	size_t length = fread(text, 1, MAX_FILE_BYTES, file);

	if (ferror(file))
		return -EIO;
	text[length] = '\0';
	return length == MAX_FILE_BYTES ? -EFBIG : 0;
}

static int read_file(FILE *file, char **text, const char *path, struct json_error *error)
{
	int ret;

	*text = malloc(MAX_FILE_BYTES + 1);
	ret = *text ? slurp(file, *text) : -ENOMEM;
	if (!ret)
		return 0;
	snprintf(error->text, sizeof(error->text), "%s: %s", path, strerror(-ret));
	free(*text);
	*text = NULL;
	return ret;
}

int topology_read(const char *what, char **text, char *path, struct json_error *error)
{
	size_t length = strlen(what);
	FILE *file;
	int ret;

	*error = (struct json_error){0};
	if (!strcmp(what, "-")) {
		snprintf(path, PATH_MAX, "standard input");
		return read_file(stdin, text, path, error);
	}
	if (strchr(what, '/') || (length > 5 && !strcmp(what + length - 5, ".json"))) {
		snprintf(path, PATH_MAX, "%s", what);
	} else if (!find_by_name(path, what)) {
		snprintf(error->text, sizeof(error->text), "there is no topology called '%s'",
			 what);
		return -ENOENT;
	}
	file = fopen(path, "re");
	if (!file) {
		ret = -errno;
		snprintf(error->text, sizeof(error->text), "%s: %s", path, strerror(errno));
		return ret;
	}
	ret = read_file(file, text, path, error);
	fclose(file);
	return ret;
}

int topology_load(struct topology *topo, const char *what, struct json_error *error)
{
	char path[PATH_MAX];
	char *text;
	int ret = topology_read(what, &text, path, error);

	if (ret)
		return ret;
	ret = topology_parse(topo, text, path, error);
	free(text);
	return ret;
}
