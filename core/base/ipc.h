/* SPDX-License-Identifier: MIT */
/*
 * ipc.h - messages between supervisor, control and workers
 *
 * Each child has one SOCK_SEQPACKET channel to the supervisor, on its descriptor 3.
 * A message is one struct ipc_msg of fixed size and at most one descriptor
 * (SCM_RIGHTS).  Everything larger (snapshot, filter programs, configuration text,
 * counters) travels as a memfd.  Both sides distrust each other: ipc_parse() is
 * the one place where received bytes become a message, and it checks length, type,
 * direction, index ranges and whether a descriptor must be there.
 *
 *   supervisor -> child     enum ipc_to_new_child: what it starts with, IPC_START at the end
 *   control -> supervisor   enum ipc_request: each is answered by one IPC_REPLY with its seq,
 *                           in order
 *   supervisor -> control   enum ipc_to_control
 *   supervisor -> worker    enum ipc_to_worker
 *   worker -> supervisor    enum ipc_from_worker
 *
 * A type belongs to one direction.  A reader that has named its direction to ipc_recv() casts
 * the type to the enum of that direction and switches over all of it, so the compiler finds a
 * message that is forgotten (-Wswitch).
 */
#ifndef CORE_BASE_IPC_H
#define CORE_BASE_IPC_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/iface.h"
#include "core/base/limits.h"

#define IPC_MAGIC   0x4d435249 /* "IRCM" in memory */
#define IPC_VERSION 5          /* of these messages: an upgrade goes only to an equal one */

/* Sender and receiver of a message. */
enum ipc_peer {
	IPC_FROM_CONTROL,
	IPC_FROM_WORKER,
	IPC_TO_NEW_CONTROL, /* until IPC_START */
	IPC_TO_NEW_WORKER,
	IPC_TO_CONTROL,
	IPC_TO_WORKER,
	IPC_PEERS
};

/* Requests of control. */
enum ipc_request {
	IPC_CONFIGURE = 0x100, /* workers, flags: once, before IPC_SPAWN */
	IPC_PIN,               /* worker, cpu: before IPC_SPAWN */
	IPC_SPAWN,        /* start the workers; the reply comes when all are sealed and ready */
	IPC_OPEN_INPUT,   /* iface: packet sockets, fan-out and counting sockets of an interface */
	IPC_CLOSE_INPUT,  /* iface.slot */
	IPC_SET_FILTER,   /* iface.slot + sealed memfd holding a struct filter_file */
	IPC_OPEN_OUTPUT,  /* iface: one egress socket per worker */
	IPC_CLOSE_OUTPUT, /* iface.slot */
	IPC_OPEN_EGRESS_SOCKET,  /* egress_socket: for one output, or for those to one host */
	IPC_CLOSE_EGRESS_SOCKET, /* egress_socket.id */
	IPC_JOIN,                /* join: membership held by an unread helper socket */
	IPC_LEAVE,               /* join */
	IPC_BIND,          /* join: unread socket for a unicast input (group is the address) */
	IPC_UNBIND,        /* join */
	IPC_PUBLISH,       /* publish + sealed memfd: keep it, pass it to every worker */
	IPC_REFRESH_STATS, /* read PACKET_STATISTICS into the interface page */
	IPC_PROBE,         /* probe: ask the network for a neighbour behind an output's interface */
	IPC_VERIFY,   /* drop what the kernel has dropped with its device; the reply has how much */
	IPC_STAND_IN, /* stand_in: a worker that runs reads the sockets of one that cannot run */
	IPC_RESTART_WORKER, /* pin.worker: it does what it should not; kill it, start it anew */
	IPC_UPGRADE,        /* go over to the binary on disk; IPC_UPGRADED says how that ended */
	IPC_READY,          /* configured, listening */
	IPC_LAST_REQUEST = IPC_READY
};

enum ipc_from_worker {
	IPC_WORKER_READY = 0x200, /* sealed and armed */
	IPC_LAST_FROM_WORKER = IPC_WORKER_READY
};

/* Start-up messages to a child (daemon/common/startup.h). */
enum ipc_to_new_child {
	IPC_PASS_FD = 0x300, /* pass_fd + descriptor */
	IPC_INTERFACE,       /* control: interface: an input whether a rule names it or not */
	IPC_START,           /* start: the last of them */
	IPC_LAST_TO_NEW_CHILD = IPC_START
};

enum ipc_to_control {
	IPC_REPLY = 0x400, /* reply, seq of the request */
	IPC_WORKER_PAGE,   /* pin.worker + its struct worker_page, to read */
	IPC_WORKER_STATE,  /* worker exited or is running again */
	IPC_RELOAD,        /* SIGHUP, + configuration file */
	IPC_UPGRADED,      /* upgraded: refused, failed, or done: then control is to exit */
	IPC_SHUTDOWN,      /* finish, say the last words, exit */
	IPC_LAST_TO_CONTROL = IPC_SHUTDOWN
};

enum ipc_to_worker {
	IPC_INPUT = 0x500,       /* input + packet socket */
	IPC_INPUT_CLOSE,         /* input.slot */
	IPC_OUTPUT,              /* input.slot is the interface slot, + egress socket */
	IPC_OUTPUT_CLOSE,        /* input.slot */
	IPC_EGRESS_SOCKET,       /* egress_socket, + the socket */
	IPC_EGRESS_SOCKET_CLOSE, /* egress_socket.id */
	IPC_SNAPSHOT,            /* publish + sealed memfd */
	IPC_DRAIN,               /* relay what the sockets hold, and exit */
	IPC_LAST_TO_WORKER = IPC_DRAIN
};

enum passed_fd {
	PASSED_CONTROL_LISTENER = 1, /* listening AF_UNIX stream socket */
	PASSED_STATUS_LISTENER,      /* the same, for read-only methods */
	PASSED_NETLINK,              /* NETLINK_ROUTE socket, links and IPv4 addresses subscribed */
	PASSED_ROUTES,               /* another: neighbours, IPv4 routes, rules, next hops */
	PASSED_CONFIG,               /* configuration file, open for reading */
	PASSED_SNAPSHOT,             /* last published snapshot (a restarted control): the whole
					one, then its changes if there are */
	PASSED_WORKER_PAGE,          /* control: index: worker; struct worker_page */
	PASSED_IFACE_PAGE,           /* struct iface_page */
	PASSED_APPLIED,              /* eventfd: a worker has swapped in a snapshot */
	PASSED_ARENA,                /* worker: memfd for buffers and journal */
	PASSED_HEARTBEAT,            /* control: struct heartbeat_page, to be written */
	PASSED_LIMITS,               /* worker: struct limit_page, shared by all of them */
	PASSED_RINGS,           /* worker: memfd with struct ring_file of the rings inherited */
	PASSED_KERNEL_RULES,    /* maps of the kernel path (core/rules/kernel_path_map.h) */
	PASSED_KERNEL_BLOCKS,   /* likewise */
	PASSED_KERNEL_COUNTERS, /* index: lanes - 1 */
	PASSED_FDS
};

/* struct ipc_start.flags and struct ipc_configure.flags */
#define IPC_FLAG_PER_PACKET 0x1 /* no GRO, no GSO, no gathering: for benchmarks */

/* Mask of workers 0..@workers-1. */
static inline uint64_t worker_mask_all(unsigned workers)
{
	return workers >= MCR_MAX_WORKERS ? UINT64_MAX : (1ull << workers) - 1;
}

struct ipc_configure {
	uint32_t workers; /* 1..MCR_MAX_WORKERS */
	uint32_t flags;
	uint32_t busy_poll_us; /* 0..MCR_BUSY_POLL_MAX_US */
};

struct ipc_pin {
	uint32_t worker;
	int32_t cpu; /* -1: not pinned */
};

struct ipc_pass_fd {
	uint32_t what; /* enum passed_fd */
	uint32_t index;
};

struct ipc_interface {
	char name[MCR_IFNAME_MAX]; /* NUL-terminated, zeroes behind */
};

struct ipc_start {
	uint32_t worker;  /* own number; control: 0 */
	uint32_t workers; /* control: as the command line says, 0: it says nothing */
	int32_t cpu;
	uint32_t flags;
	uint64_t started_ns; /* CLOCK_MONOTONIC of the supervisor's start */
	uint32_t busy_poll_us;
	uint32_t egress_sockets; /* control: how many IPC_OPEN_EGRESS_SOCKET may ask for in all */
	uint32_t uid, gid;       /* to become */
	uint32_t mark;           /* control: bit of frames that the kernel path has relayed, or 0 */
	uint8_t kernel_path;     /* control: enum kernel_path_reason: why there is none, or 0 */
	uint8_t reserved[3];
};

struct ipc_iface {
	uint32_t slot;
	uint32_t ifindex;
	uint32_t mtu;
	uint8_t steering;    /* enum steering */
	uint8_t gro;         /* enum gro_setting */
	uint8_t supers;      /* the device may hand over super-datagrams whatever GRO says */
	uint8_t link;        /* enum link_layer */
	uint8_t defrag;      /* the kernel reassembles fragments */
	uint8_t kernel_path; /* an input gets the tc program, and its sockets come after it */
	uint8_t reserved[6];
	uint64_t worker_mask;
};

struct ipc_join {
	uint32_t ifindex;
	struct addr group;
	struct addr source;
	uint16_t port;
	uint16_t reserved;
};

/*
 * PROBE_RESOLVE: unless it is resolved.  PROBE_KEEP: and keep the entry fresh from then on.
 * PROBE_RELEASE: not any more.
 */
enum probe_kind { PROBE_RESOLVE, PROBE_KEEP, PROBE_RELEASE, PROBE_KINDS };

/* @kind: enum probe_kind */
struct ipc_probe {
	uint32_t ifindex;
	struct addr host;
	uint32_t kind;
};

/**
 * struct ipc_publish - a snapshot (core/rules/snapshot.h)
 * @base:    generation of the whole snapshot that it changes; 0: it is whole
 * @changes: to workers: its changes follow in the next message, and belong to it
 */
struct ipc_publish {
	uint64_t generation;
	uint64_t size_bytes;
	uint64_t base;
	uint32_t changes;
	uint32_t reserved;
};

struct ipc_input {
	uint32_t slot;
	uint32_t ifindex;
	uint8_t link;      /* enum link_layer */
	uint8_t buf_class; /* enum buf_class */
	uint8_t worker;    /* whose socket it is: another's, for which the receiver stands in */
	uint8_t reserved;
};

struct ipc_stand_in {
	uint32_t worker; /* cannot run */
	uint32_t by;     /* another */
};

/**
 * struct ipc_egress_socket - an egress socket beside those of the interfaces
 * @worker_mask: the workers that get one
 * @id:          0..MCR_MAX_EGRESS_SOCKETS-1
 * @iface:       slot of the interface, whose output is open
 * @ifindex:     of it
 * @to_be, @port: destination, network and host order; EGRESS_SOCKET_HOST has port 0
 * @source_be:   source address to send from; 0: the kernel's choice
 * @source_port: port to send from, host order, which sockets of outputs share; 0: the kernel's
 * choice
 * @serial:      another value opens a new socket in place of the one that is open
 * @kind:        EGRESS_SOCKET_HOST or EGRESS_SOCKET_OWN
 * @ttl, @dscp:  EGRESS_SOCKET_OWN: of the output, 1..255 and 0..63
 * @connected:   to workers: it is connected to @to_be and @port, has @ttl and @dscp
 */
struct ipc_egress_socket {
	uint64_t worker_mask;
	uint32_t id;
	uint32_t iface;
	uint32_t ifindex;
	uint32_t to_be;
	uint32_t source_be;
	uint32_t serial;
	uint16_t port;
	uint8_t kind;
	uint8_t ttl;
	uint8_t dscp;
	uint8_t connected;
	uint16_t source_port;
};

#define OPENED_GRO         1u
#define OPENED_KERNEL_PATH 2u
#define OPENED_FRAGLIST    4u /* rx-gro-list is on */

/**
 * struct ipc_reply - what became of a request
 * @status: 0 or a negative errno
 * @value:  IPC_OPEN_EGRESS_SOCKET: source address of the connected socket, network order, or 0;
 *          IPC_OPEN_INPUT: OPENED_*, as it is; IPC_PUBLISH: mask of
 * workers that were busy; IPC_VERIFY: how many inputs and memberships are to be asked for again
 */
struct ipc_reply {
	int32_t status;
	uint32_t request; /* enum ipc_request */
	uint64_t value;
};

/* Why the last process of a child ended. */
enum ipc_ending {
	END_NONE,         /* none has ended yet */
	END_ITSELF,       /* it exited, or somebody killed it: see the status */
	END_HANG,         /* no heartbeat for some milliseconds */
	END_PAGE,         /* its status page cannot be what it is */
	END_MESSAGE,      /* it sent what it may not */
	END_FLOOD,        /* it sent more than it may */
	END_CHANNEL_FULL, /* it did not take its messages */
	END_LATE,         /* it did not become ready in some milliseconds */
	END_DRIFT,        /* control asked for it */
	END_UPGRADE,      /* it made way for a new binary */
	ENDINGS
};

/**
 * struct ipc_worker_state - a worker came or went
 * @ending:      enum ipc_ending of its last process
 * @exit_status: of its last process, as waitpid() gives it
 * @ending_ms:   END_HANG, END_LATE: for how long
 * @health_check_failures: how often it was ended for END_HANG or END_PAGE
 * @out:         it cannot run for now: it waits for its next start, or does not become ready
 */
struct ipc_worker_state {
	uint32_t worker;
	uint32_t running;
	uint32_t restarts;
	int32_t exit_status;
	int32_t pid;
	int32_t cpu;
	uint32_t ending;
	uint32_t ending_ms;
	uint32_t health_check_failures;
	uint32_t out;
};

enum ipc_upgrade_outcome {
	UPGRADE_DONE,
	UPGRADE_RUNNING,  /* another upgrade is under way, or the daemon is not ready */
	UPGRADE_NO_FILE,  /* the binary cannot be opened or executed: errno in detail */
	UPGRADE_BROKEN,   /* it did not pass its check: status of waitpid() in detail */
	UPGRADE_TIMEOUT,  /* it did not answer in time */
	UPGRADE_VERSIONS, /* it speaks other versions */
	UPGRADE_STATE,    /* descriptors could not be handed over: errno in detail */
	UPGRADE_WORKER,   /* a new worker did not start: its number in detail */
	UPGRADE_OUTCOMES
};

/**
 * struct ipc_upgraded - how an upgrade ended
 * @outcome: enum ipc_upgrade_outcome
 * @rolled:  workers that run the new binary
 * @theirs:  UPGRADE_VERSIONS: what the binary speaks, NUL-terminated
 */
struct ipc_upgraded {
	uint16_t outcome;
	uint16_t rolled;
	int32_t detail;
	char theirs[40];
};

struct ipc_msg {
	uint32_t magic;
	uint16_t type; /* of the enum of its direction */
	uint16_t has_fd;
	uint32_t seq;
	uint32_t reserved;
	union {
		struct ipc_configure configure;
		struct ipc_pin pin;
		struct ipc_pass_fd pass_fd;
		struct ipc_interface interface;
		struct ipc_start start;
		struct ipc_iface iface;
		struct ipc_join join;
		struct ipc_probe probe;
		struct ipc_publish publish;
		struct ipc_input input;
		struct ipc_egress_socket egress_socket;
		struct ipc_stand_in stand_in;
		struct ipc_reply reply;
		struct ipc_worker_state worker;
		struct ipc_upgraded upgraded;
		uint8_t bytes[48];
	};
};
static_assert(sizeof(struct ipc_msg) == 64, "inter-process message format");

/**
 * struct filter_file - content of the memfd of IPC_SET_FILTER
 *
 * Followed by @n struct sock_filter: the prefilter of the packet sockets.
 */
struct filter_file {
	uint32_t n; /* 1..BPF_MAXINSNS */
	uint32_t reserved;
};

/**
 * ipc_parse() - turn received bytes into a message
 * @buf:    untrusted bytes
 * @len:    how many were received
 * @n_fds:  how many descriptors came along
 * @from:   who may have sent it: a type that this peer may not send is refused
 * @out:    filled on success
 *
 * Return: 0; -EBADMSG for a wrong length or magic, or a descriptor too many or missing;
 * -EPROTO for a type this peer may not send; -ERANGE for an index or enum out of range.
 */
int ipc_parse(const void *buf, size_t len, unsigned n_fds, enum ipc_peer from, struct ipc_msg *out);

/**
 * ipc_send() - send one message, never blocking
 * @sock: channel
 * @msg:  magic and has_fd are filled in
 * @fd:   descriptor to pass (borrowed), or -1
 *
 * Return: 0; -EAGAIN when the peer does not take it; other negative errno of sendmsg(2).
 */
int ipc_send(int sock, struct ipc_msg *msg, int fd);

/**
 * ipc_recv() - receive one message, never blocking
 * @msg: filled when 1 or -EMFILE is returned
 * @fd:  filled with the descriptor that came along (close-on-exec, owned by the caller), or -1
 *
 * Surplus descriptors are closed.
 * Return: 1; 0 when the peer has closed; -EAGAIN when there is none; -EMFILE when the message
 * is right and this process has no number free for its descriptor, which is lost; -EBADMSG,
 * -EPROTO, -ERANGE from ipc_parse(); other negative errno of recvmsg(2).
 */
int ipc_recv(int sock, enum ipc_peer from, struct ipc_msg *msg, int *fd);

#endif
