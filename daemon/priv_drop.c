// SPDX-License-Identifier: MIT
/*
 * priv_drop.c - who a process is and what it may, given up step by step
 *
 *   supervisor  keeps CAP_NET_RAW (packet sockets), CAP_SETUID and CAP_SETGID (its
 *               children change user with them), and if they were granted CAP_NET_ADMIN
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
#include "daemon/priv.h"

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

int priv_identity_find(struct priv_identity *id)
{
	struct passwd *pw = getpwnam("mcr");

	memset(id, 0, sizeof(*id));
	id->uid = getuid();
	id->gid = getgid();
	snprintf(id->name, sizeof(id->name), "uid %u", (unsigned)id->uid);
	if (geteuid() != 0)
		return 0;
	if (!pw)
		pw = getpwnam("nobody");
	if (!pw)
		return -ENOENT;
	if (pw->pw_uid == 0)
		return -EINVAL;
	if (!id_is_mapped("/proc/self/uid_map", pw->pw_uid) ||
	    !id_is_mapped("/proc/self/gid_map", pw->pw_gid) || setgroups_is_denied()) {
		id->one_user = true;
		return 0;
	}
	id->uid = pw->pw_uid;
	id->gid = pw->pw_gid;
	id->change = true;
	snprintf(id->name, sizeof(id->name), "%s", pw->pw_name);
	return 0;
}

int priv_check_rights(const struct priv_identity *id)
{
	if (capng_get_caps_process() < 0)
		return -EIO;
	if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_RAW))
		return -EPERM;
	if (id->change && (!capng_have_capability(CAPNG_EFFECTIVE, CAP_SETUID) ||
			   !capng_have_capability(CAPNG_EFFECTIVE, CAP_SETGID)))
		return -EPERM;
	return 0;
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
 * Applies what was selected with libcap-ng.  The bounding set needs CAP_SETPCAP,
 * so it goes first; who does not have that right cannot use the set either.
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
	static const unsigned keep[] = {CAP_NET_RAW, CAP_SETUID, CAP_SETGID, CAP_NET_ADMIN,
					CAP_IPC_LOCK};
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
	/* Believe it only when there is no way back. */
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
 * CAP_KILL is not among the rights kept.  kill(2) also lets a process signal
 * another whose user it is, and CAP_SETUID lets us be that for one call.
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
