/* SPDX-License-Identifier: MIT */
/*
 * drop.h - users and rights of the processes
 *
 * Functions named priv_seal_* give rights up, in each process after its last use of them.
 * A step that fails is fatal for the caller, never skipped.
 */
#ifndef DAEMON_PRIV_DROP_H
#define DAEMON_PRIV_DROP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * enum priv_user - which user the children are, and why
 * @PRIV_USER_OWN:        that of the supervisor, which was not started as root
 * @PRIV_USER_MCR:        "mcr"
 * @PRIV_USER_UNLISTED:   there is no "mcr": a number that no account has
 * @PRIV_USER_NOBODY:     accounts have all those numbers: "nobody", as other services
 * @PRIV_USER_ONE_MAPPED: root, because no other user is mapped (user_namespaces(7))
 * @PRIV_USER_NO_RIGHT:   root, because CAP_SETUID or CAP_SETGID is missing
 */
enum priv_user {
	PRIV_USER_OWN,
	PRIV_USER_MCR,
	PRIV_USER_UNLISTED,
	PRIV_USER_NOBODY,
	PRIV_USER_ONE_MAPPED,
	PRIV_USER_NO_RIGHT
};

/**
 * struct priv_identity - the user that the children become
 * @change: they are another user than the supervisor
 */
struct priv_identity {
	uid_t uid;
	gid_t gid;
	bool change;
	enum priv_user user;
	char name[32];
};

/* In the supervisor.  -ENOENT: there is no user to become; -EINVAL: "mcr" is root. */
int priv_identity_find(struct priv_identity *id);
/* The same in a child, from the ids that the supervisor found: the user database is read once. */
struct priv_identity priv_identity_of(uid_t uid, gid_t gid);

/* Return: 0; -EPERM when CAP_NET_RAW is missing, without which nothing works. */
int priv_check_rights(void);

/*
 * Lets this user's programs lock @bytes of memory, or as much as the hard limit allows;
 * CAP_SYS_RESOURCE raises that one, too.
 */
void priv_raise_locked_memory(size_t bytes);

/*
 * Supervisor: keep NET_RAW, and of SETUID, SETGID, NET_BIND_SERVICE, NET_ADMIN, IPC_LOCK what
 * was granted; drop and bound the rest; no_new_privs.
 */
int priv_seal_supervisor(bool *have_net_admin);

/*
 * Before an exec that keeps the supervisor's rights.  Root keeps them anyway; another user's are
 * made ambient capabilities, which priv_seal_supervisor() clears afterwards.
 */
int priv_carry_rights(void);

/*
 * Child: change user, in a worker move to an empty network namespace (through a
 * user namespace of its own) where the system permits one (*netns says), drop and
 * bound every capability, no_new_privs, not dumpable.
 */
int priv_seal_identity(const struct priv_identity *id, bool empty_netns, bool *netns);

/*
 * Signals a child that may run as @id already.  CAP_KILL is not kept, so the caller becomes that
 * user for the one call.
 */
int priv_kill(int pidfd, int sig, const struct priv_identity *id);

#endif
