// SPDX-License-Identifier: MIT
/* file.c - read(2) up to a bound, rename(2) over the old file */
#include "daemon/mcrctl/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/mcrctl/args.h"

static bool is_standard_input(const char *path)
{
	return strcmp(path, "-") == 0;
}

const char *file_label(const char *path)
{
	return is_standard_input(path) ? "standard input" : path;
}

char *file_read(const char *path, size_t max, size_t *len)
{
	FILE *f = is_standard_input(path) ? fdopen(dup(STDIN_FILENO), "r") : fopen(path, "re");
	char *text = malloc(max + 2);

	path = file_label(path);
	if (!f || !text) {
		ctl_say("%s: %s", path, strerror(errno));
		goto fail;
	}
	*len = fread(text, 1, max + 1, f);
	if (ferror(f)) {
		ctl_say("%s: %s", path, strerror(errno));
		goto fail;
	}
	if (*len > max) {
		ctl_say("%s: is longer than %zu bytes", path, max);
		goto fail;
	}
	text[*len] = '\0';
	fclose(f);
	return text;
fail:
	if (f)
		fclose(f);
	free(text);
	return NULL;
}

static int write_all(int fd, const char *text, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* Mode and owner of @target, or what a new file would get. */
static int copy_mode(int fd, const char *target)
{
	mode_t mask = umask(0);
	struct stat old;

	umask(mask);
	if (stat(target, &old) < 0)
		return fchmod(fd, 0644 & ~mask) < 0 ? -errno : 0;
	/* Only root may give a file away; others keep what is their own. */
	if (fchown(fd, old.st_uid, old.st_gid) < 0 && errno != EPERM)
		return -errno;
	return fchmod(fd, old.st_mode & 07777) < 0 ? -errno : 0;
}

/* The name is safe on disk only when its directory is. */
static int sync_directory(const char *path)
{
	char *copy = strdup(path);
	int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int ret = fd < 0 || fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	free(copy);
	return ret;
}

static int replace(const char *target, const char *text, size_t len)
{
	char *temporary;
	int fd, ret;

	if (asprintf(&temporary, "%s.XXXXXX", target) < 0)
		return -ENOMEM;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		ret = -errno;
		goto out;
	}
	ret = copy_mode(fd, target);
	if (!ret)
		ret = write_all(fd, text, len);
	if (close(fd) < 0 && !ret)
		ret = -errno;
	if (!ret && rename(temporary, target) < 0)
		ret = -errno;
	if (ret < 0)
		unlink(temporary);
	else
		ret = sync_directory(target);
out:
	free(temporary);
	return ret;
}

bool file_replace(const char *path, const char *text, size_t len)
{
	char *target = realpath(path, NULL);
	int ret = replace(target ? target : path, text, len);

	free(target);
	if (ret < 0)
		ctl_say("%s: %s", path, strerror(-ret));
	return ret == 0;
}
