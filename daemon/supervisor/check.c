// SPDX-License-Identifier: MIT
/* check.c - what must be there before the daemon can start, one clear line each */
#include "daemon/supervisor/check.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/io_uring.h>
#include <net/if.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "daemon/common/log.h"
#include "daemon/common/roles.h"
#include "daemon/priv/drop.h"
#include "daemon/priv/file.h"
#include "daemon/priv/socket.h"
#include "daemon/supervisor/state.h"

#define DEFAULT_DIR "/run/mcr"

static bool kernel_is_older(const char *release, int major, int minor)
{
	int have_major = 0, have_minor = 0;

	if (sscanf(release, "%d.%d", &have_major, &have_minor) != 2)
		return false;
	return have_major < major || (have_major == major && have_minor < minor);
}

bool check_reads_supers(void)
{
	struct utsname u;

	return uname(&u) < 0 || !kernel_is_older(u.release, 6, 2);
}

int check_kernel(void)
{
	struct utsname u;

	if (uname(&u) < 0)
		return -errno;
	if (kernel_is_older(u.release, 6, 1)) {
		log_msg(SEV_CRITICAL, FAC_SUPERVISOR,
			"Linux %s is too old: mcrd needs 6.1 or newer", u.release);
		return -ENOSYS;
	}
	if (kernel_is_older(u.release, 6, 2))
		log_msg(SEV_NOTICE, FAC_SUPERVISOR,
			"Linux %s delivers no super-datagrams of UDP to packet sockets (6.2 or "
			"newer "
			"does): UDP GRO stays off on inputs, and what local programs send with "
			"UDP_SEGMENT is counted as unreadable",
			u.release);
	return 0;
}

static int io_uring_disabled(void)
{
	FILE *f = fopen("/proc/sys/kernel/io_uring_disabled", "re");
	int value = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%d", &value) != 1)
		value = 0;
	fclose(f);
	return value;
}

/*
 * The raw call, because it alone tells "not built in" from "forbidden".  Made after
 * the supervisor has given up its rights.  Whether there is memory is found out when
 * the rings are made.
 */
int check_io_uring(void)
{
	struct io_uring_params params = {0};
	int fd = (int)syscall(SYS_io_uring_setup, 1, &params);
	int ret = fd < 0 ? -errno : 0;

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (ret == -ENOMEM)
		return 0;
	if (ret == -ENOSYS)
		log_msg(SEV_CRITICAL, FAC_SUPERVISOR, "this kernel was built without io_uring");
	else if (ret == -EPERM && io_uring_disabled())
		log_msg(SEV_CRITICAL, FAC_SUPERVISOR,
			"io_uring is disabled: run sysctl kernel.io_uring_disabled=0 (it is %d)",
			io_uring_disabled());
	else if (ret == -EPERM)
		log_msg(SEV_CRITICAL, FAC_SUPERVISOR,
			"io_uring is refused: the seccomp profile of this container or service "
			"must allow it");
	else
		log_msg(SEV_CRITICAL, FAC_SUPERVISOR, "io_uring_setup: %s", strerror(-ret));
	return ret;
}

int check_interfaces(const struct options *options)
{
	for (unsigned i = 0; i < options->n_interfaces; i++)
		if (!if_nametoindex(options->interfaces[i]))
			log_msg(SEV_WARNING, FAC_NETWORK,
				"--interface %s: no such interface yet; it is opened when it "
				"appears",
				options->interfaces[i]);
	return 0;
}

int check_open_config(const char *path)
{
	int fd = priv_open_to_read(path);
	struct stat st;

	if (fd < 0) {
		log_msg(SEV_CRITICAL, FAC_SUPERVISOR, "configuration %s: %s", path, strerror(-fd));
		return fd;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		log_msg(SEV_CRITICAL, FAC_SUPERVISOR, "configuration %s: not a regular file", path);
		close(fd);
		return -EINVAL;
	}
	return fd;
}

static int open_listener(const char *path, gid_t group)
{
	int fd = priv_unix_listener(path, 0660, group);

	if (fd == -EADDRINUSE)
		log_msg(SEV_CRITICAL, FAC_CONTROL_SOCKET,
			"another mcrd serves %s; stop it or choose another --control-socket-path",
			path);
	else if (fd == -ENOTSOCK)
		log_msg(SEV_CRITICAL, FAC_CONTROL_SOCKET,
			"%s exists and is not a socket; choose another --control-socket-path",
			path);
	else if (fd == -EACCES)
		log_msg(SEV_CRITICAL, FAC_CONTROL_SOCKET,
			"control socket %s: %s; uid %u must be able to write its directory, or "
			"choose another --control-socket-path",
			path, strerror(-fd), (unsigned)geteuid());
	else if (fd < 0)
		log_msg(SEV_CRITICAL, FAC_CONTROL_SOCKET, "control socket %s: %s", path,
			strerror(-fd));
	return fd;
}

/* control.sock -> status.sock beside it; any other name gets ".status". */
static int derive_status_path(const char *control, char *status, size_t size)
{
	static const char usual[] = "control.sock";
	size_t len = strlen(control), dir = len - (sizeof(usual) - 1);
	int n;

	if (len >= sizeof(usual) - 1 && !strcmp(control + dir, usual) &&
	    (dir == 0 || control[dir - 1] == '/'))
		n = snprintf(status, size, "%.*sstatus.sock", (int)dir, control);
	else
		n = snprintf(status, size, "%s.status", control);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

int check_status_path(struct supervisor *s)
{
	const char *path = s->options->control_path;

	if (derive_status_path(path, s->status_path, sizeof(s->status_path)) == 0)
		return 0;
	log_msg(SEV_CRITICAL, FAC_CONTROL_SOCKET,
		"--control-socket-path %s: longer than a socket address can be", path);
	return -ENAMETOOLONG;
}

int check_open_listeners(struct supervisor *s)
{
	const char *path = s->options->control_path;
	gid_t group = s->identity.user == PRIV_USER_MCR ? s->identity.gid : (gid_t)-1;

	if (check_status_path(s) < 0)
		return -ENAMETOOLONG;
	if (!strncmp(path, DEFAULT_DIR "/", sizeof(DEFAULT_DIR)) && mkdir(DEFAULT_DIR, 0755) < 0 &&
	    errno != EEXIST) {
		int ret = -errno;

		log_msg(SEV_CRITICAL, FAC_CONTROL_SOCKET,
			DEFAULT_DIR
			" cannot be made: %s; make it for this user (RuntimeDirectory=mcr "
			"of the service, or install -d -o USER " DEFAULT_DIR
			"), or choose another --control-socket-path",
			strerror(-ret));
		return ret;
	}
	s->control_listener = open_listener(path, group);
	if (s->control_listener < 0)
		return s->control_listener;
	s->status_listener = open_listener(s->status_path, group);
	return s->status_listener < 0 ? s->status_listener : 0;
}
