// SPDX-License-Identifier: MIT
/*
 * file.c - files that root may reach at the start and not any more
 *
 * Root reads and removes any file by CAP_DAC_OVERRIDE, which the supervisor gives up.  A
 * configuration of another user with mode 0600, or a socket in another user's directory,
 * would be out of its reach afterwards.  The owner of that file or directory may still reach it,
 * and CAP_SETUID lets us become that user for the one call.
 */
#include "daemon/priv/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Finds the owner of the file (@itself), or of the deepest directory on the way to it that
 * stat() reaches: that one refuses to be searched or changed.  Return: 0 or a negative errno.
 */
static int find_owner(const char *path, bool itself, uid_t *owner)
{
	char at[PATH_MAX];
	struct stat st;
	char *slash;

	if (strlen(path) >= sizeof(at))
		return -ENAMETOOLONG;
	strcpy(at, path);
	while (!itself || stat(at, &st) < 0) {
		itself = true;
		slash = strrchr(at, '/');
		if (!slash)
			strcpy(at, ".");
		else if (slash == at)
			strcpy(at, "/");
		else
			*slash = '\0';
		if (!strcmp(at, ".") || !strcmp(at, "/")) {
			if (stat(at, &st) < 0)
				return -errno;
			break;
		}
	}
	*owner = st.st_uid;
	return 0;
}

/* @call once more as @owner.  @refused: what it returned as ourselves. */
static int as_owner(uid_t owner, int (*call)(const char *path), const char *path, int refused)
{
	const uid_t self = geteuid();
	int ret;

	if (owner == self || seteuid(owner) < 0)
		return refused;
	ret = call(path);
	/* A supervisor that stays another user is worse than none. */
	if (seteuid(self) < 0)
		_exit(1);
	return ret;
}

/* O_NONBLOCK: a FIFO must not stop the daemon. */
static int open_to_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

static int remove_file(const char *path)
{
	return unlink(path) < 0 ? -errno : 0;
}

static int reach(const char *path, bool itself, int (*call)(const char *path))
{
	int ret = call(path);
	uid_t owner;

	if ((ret != -EACCES && ret != -EPERM) || find_owner(path, itself, &owner) < 0)
		return ret;
	return as_owner(owner, call, path, ret);
}

int priv_open_to_read(const char *path)
{
	return reach(path, true, open_to_read);
}

int priv_unlink(const char *path)
{
	return reach(path, false, remove_file);
}
