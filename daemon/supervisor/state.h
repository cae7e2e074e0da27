/* SPDX-License-Identifier: MIT */
/*
 * state.h - the state of the supervisor: the types that its files share
 *
 * The functions of each file are in its own header:
 *
 *   supervisor.c       event loop
 *   lifecycle.c        ready, reload, shutdown
 *   start.c            makes, takes over and gives up things before the loop
 *   check.c            prerequisites, each with its one clear line
 *   child.c            fork, exec, kill, reap, restart with back-off
 *   child_log.c        the output of a child, read at a bounded rate
 *   role.c             differences between control and the workers as children
 *   health.c           heartbeats: which child hangs
 *   control_channel.c  messages to control
 *   budget.c           how many messages control may send
 *   worker_channel.c   messages to a worker
 *   worker_ready.c     the one message of a worker: it is ready
 *   worker_memory.c    the memory of the workers that outlives their processes
 *   rings.c            the rings of the workers, and how much memory they lock
 *   stand_in.c         workers that read the sockets of one that cannot run
 *   request.c          control's requests: read, checked, carried out
 *   limit.c            how fast control may ask for what costs much
 *   iface.c            inputs and outputs: the sockets of an interface
 *   kernel_path.c      the tc program and its maps
 *   kernel_attach.c    which inputs have that program
 *   prefilter.c        the program that lets only frames for rules into an input
 *   egress_socket.c    egress sockets of single outputs
 *   membership.c       unread helper sockets that hold group memberships
 *   igmp_list.c        the memberships that the kernel has
 *   probe.c            probes of neighbours
 *   verify.c           compares what is held here with what the kernel has
 *   stats.c            PACKET_STATISTICS into the interface page
 *   upgrade.c          the binary on disk: check it, become it, roll the workers
 *   handover.c         the state to a memfd, and back after the exec: the head here, the rest
 *                      in handover_child.c, handover_socket.c and membership.c; fields by
 *                      handover_field.c
 *   notify.c           messages to the service manager
 *   descriptor_reserve.c  keeps the last free descriptors for children, upgrades and messages
 *
 * One process, one thread, one epoll.  Everything from a child is distrusted: it
 * has passed ipc_parse(), and each request checks the rest (slots in use, workers
 * that exist, seals) before anything changes.
 */
#ifndef DAEMON_SUPERVISOR_STATE_H
#define DAEMON_SUPERVISOR_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/ipc.h"
#include "core/base/join_table.h"
#include "core/base/limits.h"
#include "core/base/ring.h"
#include "core/rules/kernel_path.h"
#include "daemon/common/log.h"
#include "daemon/priv/bpf.h"
#include "daemon/priv/bpf_pin.h"
#include "daemon/priv/drop.h"
#include "daemon/priv/gro.h"

struct heartbeat_page;
struct iface_page;
struct options;
struct supervisor;
struct worker_page;

#define CONTROL_INDEX MCR_MAX_WORKERS /* workers are 0..MCR_MAX_WORKERS-1 */
#define CHILDREN      (MCR_MAX_WORKERS + 1)

/*
 * Descriptors that inputs, outputs and memberships leave free: a channel, a pidfd and
 * the state and the log of each child, and those for an upgrade, a reload and a message that is
 * being read.
 */
#define SUPERVISOR_RESERVE(workers) (33 + 4 * ((workers) + 1))

/* Descriptors that a child may inherit beside its channel: CHILD_RING_FD, CHILD_LAST_RING_FD. */
#define CHILD_FDS 2

/* Status of a process whose exec failed, as a shell has it. */
#define EXIT_CANNOT_EXEC 126

/**
 * struct child_role - differences between the kinds of children; see role.c
 * @name:     in messages
 * @numbered: there are several: the number is part of the name, and an argument
 * @argument: the first one
 * @operand:  the second one, unless @numbered
 * @start_limit_ns: from the start until it must be ready
 * @killed_ends_start: before the daemon is ready one that is killed is a failed start, as one
 *            that exits is
 * @prepare:  descriptors to inherit beside the channel, into @fds, or NULL.  Return: 0 or a
 *            negative errno
 * @begin:    first messages
 * @served:   has the process, which was ready, done its work?  Then its restart does not wait.
 *            NULL: every restart counts as a failure
 * @ended:    called when its process has exited; or NULL
 * @failed:   called when its process has exited before the daemon was ready; or NULL
 * @changed:  called when its state or @out has changed; NULL: not called, and it is never out
 */
struct child_role {
	const char *name;
	bool numbered;
	const char *argument;
	const char *(*operand)(const struct supervisor *s);
	uint64_t start_limit_ns;
	bool killed_ends_start;
	int (*prepare)(struct supervisor *s, unsigned index, int fds[static CHILD_FDS]);
	void (*begin)(struct supervisor *s, unsigned index);
	bool (*served)(const struct supervisor *s, unsigned index);
	void (*ended)(struct supervisor *s);
	void (*failed)(struct supervisor *s, unsigned index);
	void (*changed)(struct supervisor *s, unsigned index);
};

enum child_state {
	CHILD_AWAY,     /* no process, and none is planned */
	CHILD_PLANNED,  /* no process; one is started at @due_ns */
	CHILD_STARTING, /* not ready yet; ended at @due_ns */
	CHILD_READY,
	CHILD_ENDING, /* its channel is closed, its exit follows */
	CHILD_STATES
};

/**
 * struct child_log - the output of a child; see child_log.h
 * @fd:    our end of the pipe, -1: none
 * @len:   of @text, the beginning of a line
 * @bytes: that may be read now, filled up at @refilled_ns
 * @paused_until_ns: it is not read before; 0: it is
 */
struct child_log {
	int fd;
	size_t len;
	uint64_t bytes, refilled_ns, paused_until_ns;
	struct log_limit limit;
	char text[2000];
};

/**
 * struct child - one child process
 * @cpu:        that it is pinned to, -1: none
 * @due_ns:     of CHILD_PLANNED and CHILD_STARTING
 * @served:     child_role.served() of its process when that left CHILD_READY
 * @pid:        0 when there is no process
 * @pidfd:      its exit makes this readable; -1 when there is no process
 * @stat_fd:    its /proc/PID/stat, opened before it was another user: a /proc with hidepid
 *              (proc(5)) does not show it afterwards; -1: it is not to be had
 * @channel:    our end of its SOCK_SEQPACKET pair; -1 unless it is starting or ready
 * @log:        its standard output and standard error
 * @backoff_ms: how long the next restart waits
 * @failing_ns: since when its starts fail; 0: the last one did not
 * @away_ns:    since when there is no process that is ready; 0: there is, or never was
 * @out:        it waits for its next start, or has not become ready within a second
 * @at_once_ns: when all restarts without a wait will be saved up again
 * @ending:     why it is being ended; END_NONE: it is not, or it ends by itself
 * @last_...:   how its last process ended, see struct ipc_worker_state
 * @cpu_ns:     CPU time it had used when it was last looked at, at @looked_ns
 * @silent_cpu_ns: CPU time it has used since its heartbeat was found too old
 */
struct child {
	const struct child_role *role;
	char name[16];
	unsigned index;
	int cpu;
	enum child_state state;
	uint64_t due_ns;
	bool served;
	pid_t pid;
	int pidfd;
	int stat_fd;
	int channel;
	struct child_log log;
	enum ipc_ending ending;
	unsigned ending_ms;
	enum ipc_ending last_ending;
	int last_status;
	unsigned last_ms;
	unsigned health_check_failures;
	uint64_t cpu_ns, looked_ns, silent_cpu_ns;
	unsigned restarts;
	unsigned backoff_ms;
	uint64_t failing_ns;
	uint64_t away_ns;
	bool out;
	uint64_t at_once_ns;
	uint64_t started_ns;
};

/**
 * struct worker_ring - a ring that a worker inherits
 * @fd:    -1: there is none
 * @given: a process has inherited it, and no other may use it
 */
struct worker_ring {
	int fd;
	bool given;
	struct ring_info info;
};

/* Whether another worker reads a worker's sockets; see stand_in.c. */
enum lending {
	LENDING_NONE,
	LENDING_LENT,
	LENDING_RETURNING, /* the stand-in has been told to close them, and nobody reads them */
};

/**
 * struct worker_record - the supervisor's record of a worker, beside its process
 * @page_fd:       its struct worker_page, kept over restarts; mapped at @page
 * @arena_fd:      its buffers and journal, kept over restarts
 * @ring:          of the process that is being started, until it is ready
 * @last:          of the last process that was ready; its successor reads it.  Without a
 *                 descriptor it had to be given up
 * @rings:         that have been made: their numbers
 * @input_sent:    incarnation of the input it was given in each slot, 0 for none
 * @output_sent:   the same for outputs
 * @egress_socket_sent:   the same for egress sockets, by id
 * @egress_socket_due:    egress sockets that may differ from what it was given, a bit each
 * @snapshot_sent: serial of the last snapshot that it was given, whole or changes
 * @lending:       whether another worker reads its sockets, which is @stand_in
 * @return_mark:   LENDING_RETURNING: the stand-in has given them back when it has handled so many
 *                 messages; 0: not all have been sent
 * @return_ns:     when to wait for it no longer
 * @lent_sent:     incarnation of its input in each slot that the stand-in has, 0 for none
 * @sent:          messages that its process was sent since it became ready
 * @behind:        its channel was full; worker_channel_sync() goes on when it has room
 */
struct worker_record {
	int page_fd;
	int arena_fd;
	struct worker_ring ring, last;
	uint64_t rings;
	struct worker_page *page;
	uint64_t input_sent[MCR_MAX_IFACES];
	uint64_t output_sent[MCR_MAX_IFACES];
	uint64_t egress_socket_sent[MCR_MAX_EGRESS_SOCKETS];
	uint64_t egress_socket_due[MCR_MAX_EGRESS_SOCKETS / 64];
	uint64_t snapshot_sent;
	uint64_t sent;
	enum lending lending;
	unsigned stand_in;
	uint64_t return_mark, return_ns;
	uint64_t lent_sent[MCR_MAX_IFACES];
	bool behind;
};

/**
 * struct kernel_path_attachment - the program of the kernel path at an input
 * @link:      its tcx link; -1: it has none
 * @filter:    it is a filter of a clsact qdisc
 * @own_qdisc: which mcrd made
 */
struct kernel_path_attachment {
	int link;
	bool filter;
	bool own_qdisc;
};
#define KERNEL_PATH_DETACHED ((struct kernel_path_attachment){.link = -1})

/**
 * struct input - the sockets of one input interface
 * @incarnation: tells one opening of the slot from the next; 0 when closed
 * @round:       the last control that asked for it
 * @sock:        packet socket per worker, -1 for workers that never served it
 * @member:      its number in the fan-out group
 * @members:     sockets in that group; 0: there is none, with one worker
 * @ipv4_udp:    counts all untagged IPv4 UDP, without what the kernel path has relayed
 * @unclaimed:   of that, frames that passed no prefilter and are not in the page yet;
 *               negative while the counting socket has not been read
 * @vlan:        counts frames with a VLAN tag
 * @foreign:     counts everything else
 * @gro_found:   settings to put back when @gro_changed
 * @attached:    the program of the kernel path, or not
 * @mark:        0, or the sockets come after tc ingress, where the program marks what it
 *               has relayed with this bit
 */
struct input {
	uint64_t incarnation;
	unsigned round;
	struct ipc_iface iface;
	enum buf_class buf_class;
	bool gro_on;
	bool gro_changed;
	struct priv_gro_state gro_found;
	int sock[MCR_MAX_WORKERS];
	uint8_t member[MCR_MAX_WORKERS];
	unsigned members;
	int ipv4_udp;
	int64_t unclaimed;
	int vlan;
	int foreign;
	struct kernel_path_attachment attached;
	uint32_t mark;
};

struct output {
	uint64_t incarnation;
	unsigned round;
	uint32_t ifindex;
	int sock[MCR_MAX_WORKERS];
};

/**
 * struct opened_egress_socket - an egress socket beside those of an interface
 * @incarnation: as in struct input
 * @as:          as control asked for it; @as.connected: it could be connected
 * @from_be:     source address that they are connected from, 0 for none
 * @sock:        one for each worker of @as.worker_mask, from the lowest
 */
struct opened_egress_socket {
	uint64_t incarnation;
	unsigned round;
	struct ipc_egress_socket as;
	uint32_t from_be;
	int *sock;
};

/* As many as the kernel's table of neighbours holds by default (gc_thresh3, arp(7)). */
#define MANAGED_NEIGHBOURS_MAX 1024

/**
 * struct managed_neighbour - an entry that the kernel asks for by itself (probe.c)
 * @round: of the control that asked for it last
 */
struct managed_neighbour {
	uint32_t ifindex;
	struct addr host;
	uint64_t round;
};

struct helper;
/* One for each rule, and as many for the rules that they replace: new ones are made first. */
#define MEMBERSHIPS_MAX (2 * MCR_MAX_RULES)

/* Memberships, and the sockets that hold them. */
struct membership_table {
	unsigned round;          /* as in struct supervisor */
	struct join_table joins; /* memberships and bound sockets, at most MEMBERSHIPS_MAX */
	struct helper *helpers;
};

enum upgrade_stage {
	UPGRADING_NOT,
	UPGRADING_CHECK,   /* the binary on disk is run once: it starts, and names its versions */
	UPGRADING_ROLL,    /* the new program runs; workers give way one by one */
	UPGRADING_CONTROL, /* control answers the request, and goes */
};

/**
 * struct upgrade - one upgrade
 * @exe_fd:      the binary, opened once: the program that is checked is the one that runs
 * @checker:     the process that runs the check, @checker_fd its pidfd, @answer its output
 * @deadline_ns: of the stage, or of the worker that is rolled
 * @worker:      the one that is rolled
 * @asked:       it has been asked to go, @pid then, @restarts then
 * @rolled:      how many run the new binary
 * @control:     the control that is to go at the end
 * @failed:      the check could not even begin: negative errno
 */
struct upgrade {
	enum upgrade_stage stage;
	int exe_fd;
	pid_t checker;
	int checker_fd, answer;
	uint64_t begun_ns;
	uint64_t deadline_ns;
	unsigned worker;
	bool asked;
	pid_t pid;
	unsigned restarts;
	unsigned rolled;
	pid_t control;
	int failed;
	char from[64]; /* version of the binary before */
};

/* See limit.c. */
enum limit_kind {
	LIMIT_MEMBERSHIPS,
	LIMIT_INPUTS,
	LIMIT_EGRESS_SOCKETS,
	LIMIT_RESTARTS,
	LIMIT_UPGRADES,
	LIMITS
};

enum phase {
	PHASE_CONFIGURE, /* control reads the configuration; no worker was started */
	PHASE_SPAWN,     /* IPC_SPAWN was asked for */
	PHASE_RUN,       /* control was ready once */
	PHASE_DRAIN,     /* workers were told to finish */
	PHASE_FAREWELL,  /* control was told to log its final statistics */
	PHASE_END
};

struct supervisor {
	const struct options *options;
	struct priv_identity identity;
	bool have_net_admin;
	uint64_t started_ns;
	enum phase phase;
	uint64_t phase_end_ns; /* deadline of PHASE_DRAIN and PHASE_FAREWELL */
	int exit_status;

	int epoll, signals, notify;
	int control_listener, status_listener;
	char status_path[108]; /* sizeof(sun_path) */
	int config_fd;
	bool reload_due;      /* control has not said yet that it has dealt with the last SIGHUP: */
	uint64_t reload_mark; /* its page still counts this many */

	unsigned round; /* which control this is: counts them */
	struct child child[CHILDREN];
	struct worker_record worker[MCR_MAX_WORKERS];
	unsigned workers; /* 0 until IPC_CONFIGURE */
	uint32_t worker_flags;
	uint32_t busy_poll_us;
	enum ring_size ring_size;
	bool supers_unreadable; /* see check_reads_supers() */
	bool spawn_pending;     /* IPC_SPAWN is not answered yet: no request is read meanwhile */
	uint32_t spawn_seq;

	char exe[4096];       /* the binary's path as it was started */
	unsigned filters_rev; /* of the system call filter that is in force */
	struct upgrade upgrade;

	uint64_t health_ns; /* when to look at the heartbeats next */
	int heartbeat_fd;   /* control's */
	struct heartbeat_page *heartbeat;
	uint64_t probes_ns; /* since when @probes are counted */
	unsigned probes;
	unsigned n_managed;
	struct managed_neighbour managed[MANAGED_NEIGHBOURS_MAX];
	unsigned budget; /* messages that control may still send */
	uint64_t budget_ns;
	uint64_t limit_whole_ns[LIMITS];

	int applied;   /* eventfd */
	int limits_fd; /* struct limit_page, for the workers */
	int iface_page_fd;
	struct iface_page *iface_page; /* we are its only writer */
	uint64_t verified_ns;          /* when verify_drop_lost() looked last, for which control */
	unsigned verified_round;
	uint64_t stats_ns; /* when to read PACKET_STATISTICS next */

	uint64_t next_incarnation;
	struct input input[MCR_MAX_IFACES];
	struct output output[MCR_MAX_IFACES];
	struct opened_egress_socket egress_socket[MCR_MAX_EGRESS_SOCKETS];
	unsigned egress_sockets_open; /* of all of them */
	struct membership_table memberships;

	int snapshot_fd; /* the last whole one published, -1 for none */
	int changes_fd;  /* its last changes, -1 for none */
	struct ipc_publish snapshot, changes;
	uint64_t snapshot_serial, whole_serial; /* of the last publication, and of the whole one */

	struct priv_bpf bpf; /* no program: there is no kernel path */
	enum kernel_path_reason no_kernel_path;
	struct priv_pins pins;
	int mark_lock;
	bool clsact;      /* inputs get the program as a filter of a clsact qdisc */
	bool adopted;     /* from the pins of an earlier mcrd */
	bool others_left; /* what an earlier mcrd attached may be there until control is ready */
};

/* A start that cannot succeed: one line has been logged, the loop ends. */
static inline void supervisor_fail(struct supervisor *s)
{
	s->exit_status = 1;
	s->phase = PHASE_END;
}

/* No interface has a socket, which is -1 and not the 0 of fresh memory. */
static inline void supervisor_no_sockets(struct supervisor *s)
{
	s->bpf = PRIV_BPF_NONE;
	s->pins = PRIV_PINS_NONE;
	s->mark_lock = -1;
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		s->input[i].ipv4_udp = s->input[i].vlan = s->input[i].foreign = -1;
		s->input[i].attached = KERNEL_PATH_DETACHED;
		for (unsigned k = 0; k < MCR_MAX_WORKERS; k++)
			s->input[i].sock[k] = s->output[i].sock[k] = -1;
	}
}

/* Its socket for that worker, -1 for none. */
static inline int egress_socket_fd(const struct opened_egress_socket *o, unsigned worker)
{
	const uint64_t bit = 1ull << worker;

	if (!o->incarnation || !(o->as.worker_mask & bit))
		return -1;
	return o->sock[__builtin_popcountll(o->as.worker_mask & (bit - 1))];
}

/* Nobody has told the daemon to end. */
static inline bool supervisor_is_up(const struct supervisor *s)
{
	return s->phase < PHASE_DRAIN;
}

#endif
