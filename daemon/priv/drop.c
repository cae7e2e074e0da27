// SPDX-License-Identifier: MIT
/*
 * drop.c - who a process is and what it may, given up step by step
 *
 *   supervisor  keeps CAP_NET_RAW (packet sockets) and, as far as they were granted,
 *               CAP_SETUID and CAP_SETGID (its children change user with them),
 *               CAP_NET_BIND_SERVICE (unicast inputs on ports below 1024), CAP_NET_ADMIN
 *               (GRO settings, large socket buffers) and CAP_IPC_LOCK (rings that do not
 *               count towards a limit).  Everything else leaves the permitted,
 *               inheritable, ambient and bounding sets.
 *   children    change user first, because the rights needed for that are the ones
 *               to be dropped.  A worker then enters an empty network namespace
 *               through a user namespace of its own: an unprivileged process may do
 *               that where the system lets it, and CAP_SYS_ADMIN is not kept for it.
 *
 * no_new_privs comes with the supervisor's seal and is inherited, so a child that
 * is still root can never hold more than its parent did.  It also makes what is
 * left in a child's bounding set (only CAP_SETPCAP could remove it) unreachable.
 */
#include "daemon/priv/drop.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define UNLISTED_FIRST 65520u
#define UNLISTED_LAST  65533u

/* user_namespaces(7): lines of inside, outside, length. */
static bool id_is_mapped(const char *map_path, unsigned id)
{
	FILE *f = fopen(map_path, "re");
	unsigned inside, outside, length;
	bool mapped = false;

	if (!f)
		return true; /* a kernel without user namespaces: every id exists */
	while (fscanf(f, "%u %u %u", &inside, &outside, &length) == 3)
		if (id >= inside && id - inside < length)
			mapped = true;
	fclose(f);
	return mapped;
}

static bool setgroups_is_denied(void)
{
	char word[8] = "";
	FILE *f = fopen("/proc/self/setgroups", "re");

	if (!f)
		return false;
	if (!fgets(word, sizeof(word), f))
		word[0] = '\0';
	fclose(f);
	return strncmp(word, "deny", 4) == 0;
}

static bool is_mapped(uid_t uid, gid_t gid)
{
	return id_is_mapped("/proc/self/uid_map", uid) && id_is_mapped("/proc/self/gid_map", gid);
}

static void become(struct priv_identity *id, enum priv_user user, const struct passwd *pw)
{
	id->user = user;
	id->uid = pw->pw_uid;
	id->gid = pw->pw_gid;
	snprintf(id->name, sizeof(id->name), "%s", pw->pw_name);
}

/*
 * A number between those that systemd gives out and nobody's, which distributions leave free
 * (https://systemd.io/UIDS-GIDS).  No process of another service runs under it, so none may
 * signal ours.
 */
static bool find_unlisted(struct priv_identity *id)
{
	for (unsigned n = UNLISTED_LAST; n >= UNLISTED_FIRST; n--) {
		if (getpwuid(n) || getgrgid(n) || !is_mapped(n, n))
			continue;
		id->user = PRIV_USER_UNLISTED;
		id->uid = id->gid = n;
		snprintf(id->name, sizeof(id->name), "uid %u", n);
		return true;
	}
	return false;
}

static int find_user(struct priv_identity *id)
{
	const struct passwd *pw = getpwnam("mcr");

	if (pw) {
		become(id, PRIV_USER_MCR, pw);
	} else if (!find_unlisted(id)) {
		pw = getpwnam("nobody");
		if (!pw)
			return -ENOENT;
		become(id, PRIV_USER_NOBODY, pw);
	}
	return id->uid == 0 ? -EINVAL : 0;
}

static bool may_change_user(void)
{
	return capng_get_caps_process() == 0 &&
	       capng_have_capability(CAPNG_EFFECTIVE, CAP_SETUID) &&
	       capng_have_capability(CAPNG_EFFECTIVE, CAP_SETGID);
}

static void keep_user(struct priv_identity *id, enum priv_user why)
{
	*id = (struct priv_identity){.uid = getuid(), .gid = getgid(), .user = why};
	snprintf(id->name, sizeof(id->name), "uid %u", (unsigned)id->uid);
}

int priv_identity_find(struct priv_identity *id)
{
	int ret;

	keep_user(id, PRIV_USER_OWN);
	if (geteuid() != 0)
		return 0;
	ret = find_user(id);
	if (ret < 0)
		return ret;
	if (!is_mapped(id->uid, id->gid) || setgroups_is_denied())
		keep_user(id, PRIV_USER_ONE_MAPPED);
	else if (!may_change_user())
		keep_user(id, PRIV_USER_NO_RIGHT);
	else
		id->change = true;
	return 0;
}

struct priv_identity priv_identity_of(uid_t uid, gid_t gid)
{
	return (struct priv_identity){
		.uid = uid, .gid = gid, .change = uid != getuid() || gid != getgid()};
}

int priv_check_rights(void)
{
	if (capng_get_caps_process() < 0)
		return -EIO;
	return capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_RAW) ? 0 : -EPERM;
}

void priv_raise_locked_memory(size_t bytes)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_cur >= bytes)
		return;
	if (limit.rlim_max < bytes) {
		const struct rlimit more = {bytes, bytes};

		if (setrlimit(RLIMIT_MEMLOCK, &more) == 0)
			return;
	}
	limit.rlim_cur = limit.rlim_max < bytes ? limit.rlim_max : bytes;
	setrlimit(RLIMIT_MEMLOCK, &limit);
}

/*
 * Applies what was selected with libcap-ng.  The bounding set needs CAP_SETPCAP, so it is applied
 * first; a process without that right cannot use the set either.
 */
static int apply_capabilities(bool may_bound)
{
	if (may_bound && capng_apply(CAPNG_SELECT_BOUNDS) != 0)
		return -EPERM;
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		return -EPERM;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

int priv_seal_supervisor(bool *have_net_admin)
{
	static const unsigned keep[] = {CAP_NET_RAW,   CAP_SETUID,   CAP_SETGID,
					CAP_NET_ADMIN, CAP_IPC_LOCK, CAP_NET_BIND_SERVICE};
	bool granted[sizeof(keep) / sizeof(keep[0])], may_bound;
	int ret;

	if (capng_get_caps_process() < 0)
		return -EIO;
	may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
		granted[i] = capng_have_capability(CAPNG_EFFECTIVE, keep[i]);
	*have_net_admin = granted[3];

	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
		if (granted[i])
			capng_update(CAPNG_ADD,
				     CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
				     keep[i]);
	ret = apply_capabilities(may_bound);
	if (ret < 0)
		return ret;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

int priv_carry_rights(void)
{
	if (geteuid() == 0)
		return 0;
	if (capng_get_caps_process() < 0)
		return -EIO;
	for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if (!capng_have_capability(CAPNG_PERMITTED, cap))
			continue;
		/* Only what is inheritable may be ambient. */
		capng_update(CAPNG_ADD, CAPNG_INHERITABLE, cap);
		if (capng_apply(CAPNG_SELECT_CAPS) != 0)
			return -EPERM;
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return -errno;
	}
	return 0;
}

static int change_user(const struct priv_identity *id)
{
	if (setgroups(0, NULL) < 0 || setresgid(id->gid, id->gid, id->gid) < 0 ||
	    setresuid(id->uid, id->uid, id->uid) < 0)
		return -errno;
	/* It is done only when there is no way back. */
	if (setresuid(0, 0, 0) == 0 || getuid() != id->uid || geteuid() != id->uid)
		return -EPERM;
	return 0;
}

int priv_seal_identity(const struct priv_identity *id, bool empty_netns, bool *netns)
{
	bool may_bound;
	int ret;

	if (id->change) {
		ret = change_user(id);
		if (ret < 0)
			return ret;
	}
	*netns = empty_netns && unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;

	/* In its own user namespace a worker may bound itself; control may not. */
	if (capng_get_caps_process() < 0)
		return -EIO;
	may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	capng_clear(CAPNG_SELECT_ALL);
	ret = apply_capabilities(may_bound);
	if (ret < 0)
		return ret;
	if (capng_get_caps_process() < 0 ||
	    capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE)
		return -EPERM;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

/*
 * CAP_KILL is not among the rights kept.  kill(2) also lets a process signal others of its own
 * user, and CAP_SETUID lets us become that user for one call.
 */
int priv_kill(int pidfd, int sig, const struct priv_identity *id)
{
	uid_t self = geteuid();
	int ret = 0;

	if (syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) == 0)
		return 0;
	ret = -errno;
	if (ret != -EPERM || !id->change)
		return ret;
	if (seteuid(id->uid) < 0)
		return -errno;
	ret = syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) == 0 ? 0 : -errno;
	if (seteuid(self) < 0)
		return -errno;
	return ret;
}
