// SPDX-License-Identifier: MIT
/* file.c - find and read the file of a topology */
#include "harness/topology/file.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/jsonread.h"
#include "harness/topology/topology.h"

#define MAX_FILE_BYTES (1 << 20)

/*
 * Where they are: in the source tree the programs are in build/bin, when installed in bin beside
 * share.  Return: whether there is an @i'th place.
 */
static bool place(char directory[static PATH_MAX], unsigned i)
{
	static const char *const below[] = {"/../../harness/topologies",
					    "/../share/mcr/topologies"};
	const unsigned n_below = sizeof(below) / sizeof(*below);
	const char *configured = getenv("MCR_TOPOLOGIES");
	char exe[PATH_MAX] = "";

	if (configured || i >= n_below) {
		snprintf(directory, PATH_MAX, "%s", configured ? configured : "harness/topologies");
		return i == (configured ? 0 : n_below);
	}
	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
		*exe = '\0';
	return snprintf(directory, PATH_MAX, "%s%s", dirname(exe), below[i]) < PATH_MAX;
}

static bool find_by_name(char path[static PATH_MAX], const char *name)
{
	char directory[PATH_MAX];

	for (unsigned i = 0; place(directory, i); i++)
		if (snprintf(path, PATH_MAX, "%s/%s.json", directory, name) < PATH_MAX &&
		    access(path, R_OK) == 0)
			return true;
	return false;
}

static int is_topology(const struct dirent *entry)
{
	const size_t length = strlen(entry->d_name);

	return length > 5 && !strcmp(entry->d_name + length - 5, ".json");
}

int topology_list(void (*found)(const char *name))
{
	char directory[PATH_MAX];
	struct dirent **entries = NULL;
	int n = -ENOENT;

	for (unsigned i = 0; n < 0 && place(directory, i); i++)
		n = scandir(directory, &entries, is_topology, alphasort);
	for (int i = 0; i < n; i++) {
		entries[i]->d_name[strlen(entries[i]->d_name) - 5] = '\0';
		found(entries[i]->d_name);
		free(entries[i]);
	}
	if (n < 0)
		return -ENOENT;
	free(entries);
	return n;
}

static int read_whole(FILE *file, char *text)
{
	size_t length = fread(text, 1, MAX_FILE_BYTES, file);

	if (ferror(file))
		return errno ? -errno : -EIO;
	text[length] = '\0';
	return length == MAX_FILE_BYTES ? -EFBIG : 0;
}

static int read_file(FILE *file, char **text, const char *path, struct json_error *error)
{
	int ret;

	*text = malloc(MAX_FILE_BYTES + 1);
	ret = *text ? read_whole(file, *text) : -ENOMEM;
	if (ret == 0)
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
		snprintf(error->text, sizeof(error->text),
			 "there is no topology called '%s'; mcrlab topologies lists them", what);
		return -ENOENT;
	}
	file = fopen(path, "re");
	if (!file) {
		ret = -errno;
		snprintf(error->text, sizeof(error->text), "%s: %s", path, strerror(errno));
		return ret;
	}
	/* The path of a passed descriptor would tell the user nothing. */
	if (!strncmp(path, "/proc/self/fd/", 14) || !strncmp(path, "/dev/fd/", 8))
		snprintf(path, PATH_MAX, "the topology");
	ret = read_file(file, text, path, error);
	fclose(file);
	return ret;
}

int topology_load(struct topology *topo, const char *what, struct json_error *error)
{
	char path[PATH_MAX];
	char *text;
	int ret = topology_read(what, &text, path, error);

	if (ret < 0)
		return ret;
	ret = topology_parse(topo, text, path, error);
	free(text);
	return ret;
}
