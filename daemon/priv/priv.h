/* SPDX-License-Identifier: MIT */
/*
 * priv.h - every privileged or identity-changing call of the daemon
 *
 * Implemented by priv_*.c only.  Those for the supervisor make the objects that
 * need a right; those named priv_seal_* give rights up, in each process after its
 * last use of them.  A step that fails is fatal for the caller, never skipped.
 */
#ifndef DAEMON_PRIV_PRIV_H
#define DAEMON_PRIV_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/ipc.h"

struct addr;
struct sock_fprog;

/* --- identity and rights (drop.c) --- */

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
 * struct priv_identity - who the children become
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
/* In a child, of what the supervisor found: no database of users is read twice. */
struct priv_identity priv_identity_of(uid_t uid, gid_t gid);

/* -EPERM when CAP_NET_RAW is missing: nothing can be done without. */
int priv_check_rights(void);

/*
 * Let this user's programs lock @bytes of memory, or as much as may be had: up to the hard
 * limit, beyond it with CAP_SYS_RESOURCE.
 */
void priv_raise_locked_memory(size_t bytes);

/*
 * Supervisor: keep NET_RAW, and of SETUID, SETGID, NET_BIND_SERVICE, NET_ADMIN, IPC_LOCK what
 * was granted; drop and bound the rest; no_new_privs.
 */
int priv_seal_supervisor(bool *have_net_admin);

/*
 * Before an exec that keeps the supervisor's rights: root keeps them by itself, another
 * user takes them along as ambient capabilities, which priv_seal_supervisor() clears.
 */
int priv_carry_rights(void);

/*
 * Child: change user, in a worker move to an empty network namespace (through a
 * user namespace of its own) where the system permits one (*netns says), drop and
 * bound every capability, no_new_privs, not dumpable.
 */
int priv_seal_identity(const struct priv_identity *id, bool empty_netns, bool *netns);

/*
 * Signal a child that may run as @id already.  CAP_KILL is not kept, so this takes
 * its user for the one call.
 */
int priv_kill(int pidfd, int sig, const struct priv_identity *id);

/* --- files (file.c) --- */

/*
 * As ourselves; where that is not permitted, as the user who owns the file, or the directory
 * that keeps us from it.  Return: descriptor or negative errno; 0 or negative errno.
 */
int priv_open_to_read(const char *path);
int priv_unlink(const char *path);

/* --- system calls (seccomp.c) --- */

/*
 * Filters outlive an exec and pile up, so a supervisor that comes from an upgrade
 * installs its own only when the one in force has another revision.
 */
#define PRIV_FILTERS_REVISION 2
int priv_seal_syscalls_supervisor(void);
int priv_seal_syscalls_control(void);
int priv_seal_syscalls_worker(void);

/* --- calls that wait for the kernel (at_once.c) --- */

/* @fn with each of @fds, at the same time.  Return: 0, or the first that is not. */
int priv_at_once(int (*fn)(int fd), const int *fds, unsigned n);

/* --- sockets (socket.c) --- */

/* A packet socket with PACKET_VNET_HDR that receives nothing yet.  Return: descriptor or -errno. */
int priv_packet_socket(void);
/*
 * @n of them begin to receive: bound to @ifindex, ETH_P_ALL or, with @after_tc, ETH_P_IP;
 * outgoing frames ignored, filter that refuses all until priv_set_filter().  Frames that they send
 * go nowhere.
 */
int priv_packet_start(const int *socks, unsigned n, unsigned ifindex, bool after_tc);
/* Closes @n packet sockets. */
void priv_packet_close(const int *socks, unsigned n);

/*
 * A fan-out group of @n sockets of one interface, numbered in this order; one more, which
 * gets the next number; and the program that chooses, steer_fanout().  @member, @sock: any
 * socket of the group.
 */
int priv_fanout(const int *socks, unsigned n, bool defrag);
int priv_fanout_add(int member, int sock);
int priv_steer(int sock, enum steering steering, const uint8_t *members, unsigned n);
/* Give one socket the filter that another has. */
int priv_copy_filter(int from, int to);
/* Throw away what waits in a packet socket whose filter lets nothing in.  Return: frames. */
uint32_t priv_empty_queue(int sock);

/* Unread counting socket on ETH_P_ALL with the smallest receive buffer. */
int priv_counting_socket(unsigned ifindex);
/* Put STEER_COUNTS of them into a fan-out group whose program is steer_counting(). */
int priv_counting_group(const int *socks, unsigned n);
/* The device a packet socket is bound to; -1 when that has gone, or negative errno. */
int priv_packet_ifindex(int sock);
int priv_set_filter(int sock, const struct sock_fprog *prog);

/*
 * PACKET_STATISTICS since the last call: frames that passed the filter (those lost
 * included), and those of them that were lost.
 */
int priv_packet_stats(int sock, uint32_t *passed, uint32_t *lost);

/* Unconnected UDP socket that sends through @ifindex only (see core/README.md for its options). */
int priv_egress_socket(unsigned ifindex);

/**
 * priv_own_egress_socket() - the same, for one output or for those to one host
 * @as:        passed ipc_parse()
 * @from_be:   filled when it is connected: the source address that the kernel chose
 * @connected: EGRESS_SOCKET_OWN: the kernel took the destination.  It does not where it has no way
 *             there at all just now; then sends must name it, and fail as they would anyway
 */
int priv_own_egress_socket(const struct ipc_egress_socket *as, uint32_t *from_be, bool *connected);

/* An unread helper socket; and its memberships. -ENOBUFS: the socket is full, take another. */
int priv_helper_socket(void);
int priv_join(int sock, const struct ipc_join *j);
int priv_leave(int sock, const struct ipc_join *j);
/* Unread UDP socket bound to j->group, j->port on j->ifindex (unicast input). */
int priv_bind_unread(const struct ipc_join *j);

/* A NETLINK_ROUTE socket subscribed to @groups (RTMGRP_*); the large buffer is tried. */
int priv_netlink_socket(unsigned groups);

/* --- neighbours (neigh.c) --- */

/**
 * priv_probe_neighbour() - make the kernel ask the network who has @host
 *
 * A resolved neighbour is left alone.  With CAP_NET_ADMIN the kernel is told to use the
 * entry (NTF_USE), which sends nothing but the ARP request.  Without, an ICMP echo request
 * goes to it, which the kernel holds back until the neighbour answers.
 *
 * Return: 0; -EPERM where a packet filter forbids it; other negative errno.
 */
int priv_probe_neighbour(unsigned ifindex, const struct addr *host, bool net_admin);
/*
 * A listening socket at @path with @mode, of group @group unless that is -1.  A
 * socket file that nobody serves is replaced.  -EADDRINUSE: somebody serves it;
 * -ENOTSOCK: something else is there; -ENAMETOOLONG; other negative errno.
 */
int priv_unix_listener(const char *path, mode_t mode, gid_t group);

/* --- UDP GRO of an interface (gro.c), by ETHTOOL ioctls --- */
struct priv_gro_state {
	bool gro, udp_forwarding; /* as found, to be restored */
	bool fraglist;            /* rx-gro-list: read, never set */
};
int priv_gro_get(unsigned ifindex, struct priv_gro_state *st);
int priv_gro_set(unsigned ifindex, const struct priv_gro_state *st);

#endif
