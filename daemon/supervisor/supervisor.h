/* SPDX-License-Identifier: MIT */
/*
 * supervisor.h - what the supervisor knows, shared by its own files only
 *
 *   supervisor.c          event loop, signals, shutdown
 *   start.c    what is made, taken over and given up before the loop
 *   check.c    prerequisites, each with its one clear line
 *   child.c    fork, exec, kill, reap, restart with back-off
 *   health.c   heartbeats: who hangs
 *   control_channel.c  what control is given, and its messages
 *   budget.c   how many messages control may send
 *   worker_channel.c   what a worker is given, and its messages
 *   ring.c     the rings of the workers, and how much memory they lock
 *   standin.c  workers that read the sockets of one that cannot run
 *   request.c  control's requests, one function each
 *   limit.c    how fast control may ask for what is dear
 *   iface.c    inputs and outputs: the sockets of an interface
 *   egress_socket.c   egress sockets of single outputs
 *   membership.c     unread helper sockets that hold group memberships
 *   probe.c    probes of neighbours
 *   verify.c   is what we hold still what the kernel has?
 *   stats.c    PACKET_STATISTICS into the interface page
 *   upgrade.c  the binary on disk: check it, become it, roll the workers
 *   handover.c    everything below to a memfd, and back after the exec
 *
 * One process, one thread, one epoll.  Everything from a child is distrusted: it
 * has passed ipc_parse(), and each request checks the rest (slots in use, workers
 * that exist, seals) before anything changes.
 */
#ifndef DAEMON_SUPERVISOR_SUPERVISOR_H
#define DAEMON_SUPERVISOR_SUPERVISOR_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/clock.h"
#include "core/base/ipc.h"
#include "core/base/statpage.h"
#include "core/relay/ring.h"
#include "daemon/common/roles.h"
#include "daemon/priv/priv.h"

#define CONTROL_INDEX MCR_MAX_WORKERS /* workers are 0..MCR_MAX_WORKERS-1 */
#define CHILDREN      (MCR_MAX_WORKERS + 1)

/*
 * Descriptors that inputs, outputs and memberships leave free: a channel, a pidfd and
 * the state of each child, and what an upgrade, a reload and a message in the hand take.
 */
#define SUPERVISOR_RESERVE(workers) (32 + 3 * ((workers) + 1))

/* Status of a process whose exec failed, as a shell has it. */
#define EXIT_CANNOT_EXEC 126

/**
 * struct child - one child process
 * @pid:        0 when it is not running
 * @pidfd:      its exit makes this readable; -1 when it is not running
 * @stat_fd:    its /proc/PID/stat, opened before it was another user: a /proc with hidepid
 *              (proc(5)) does not show it afterwards; -1: it is not to be had
 * @channel:    our end of its SOCK_SEQPACKET pair; -1 when it is not running or was killed
 * @ready:      it has sent IPC_READY
 * @backoff_ms: how long the next restart waits
 * @failing_ns: since when it fails before it has served; 0: it does not
 * @away_ns:    since when there is no worker that is ready; 0: there is, or never was
 * @out:        that lasts: it waits for its next start, or does not become ready
 * @at_once_ns: when all restarts without a wait will be saved up again
 * @restart_ns: when to start it again, 0 when that is not planned
 * @overdue_ns: when to give up waiting for IPC_READY, 0 when not waiting
 * @ending:     why it is being ended; END_NONE: it is not, or it ends by itself
 * @last_...:   how its last process ended, see struct ipc_worker_state
 * @cpu_ns:     CPU time it had used when it was last looked at, at @looked_ns
 * @silent_cpu_ns: CPU time it has used since its heartbeat was found too old
 */
struct child {
	char name[16];
	unsigned index;
	pid_t pid;
	int pidfd;
	int stat_fd;
	int channel;
	bool ready;
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
	uint64_t restart_ns;
	uint64_t overdue_ns;
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

/**
 * struct worker - what belongs to a worker beside its process
 * @cpu:           -1: not pinned
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
 * @snapshot_sent: serial of the last snapshot that it was given
 * @stand_in:      1 + the worker that reads its sockets, 0 for none
 * @returning:     that one has been told to give them back
 * @return_mark:   when it has handled so many messages, it has; 0: not all have been sent
 * @return_ns:     when to wait for it no longer
 * @lent_sent:     incarnation of its input in each slot that the stand-in has, 0 for none
 * @sent:          messages that its process was sent since it became ready
 * @behind:        its channel was full; worker_sync() goes on when it has room
 */
struct worker {
	int cpu;
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
	unsigned stand_in;
	bool returning;
	uint64_t return_mark, return_ns;
	uint64_t lent_sent[MCR_MAX_IFACES];
	bool behind;
};

/**
 * struct input - the sockets of one input interface
 * @incarnation: tells one opening of the slot from the next; 0 when closed
 * @round:       the last control that asked for it
 * @sock:        packet socket per worker, -1 for workers that never served it
 * @member:      its number in the fan-out group
 * @members:     sockets in that group; 0: there is none, with one worker
 * @ipv4_udp:    counts all untagged IPv4 UDP
 * @unclaimed:   of that, frames that passed no prefilter and are not in the page yet;
 *               negative while the counting socket has not been read
 * @vlan:        counts frames with a VLAN tag
 * @foreign:     counts everything else
 * @gro_found:   settings to put back when @gro_changed
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
 * @as:          what control asked for; @as.connected says what became of it
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

struct helper;
struct membership;
#define JOIN_BUCKETS 4096
/* One for each rule, and as many for the rules that they replace: new ones are made first. */
#define JOINS_MAX (2 * MCR_MAX_RULES)

/* Memberships by hash of their key, and the sockets that hold them. */
struct join_table {
	unsigned round; /* as in struct supervisor */
	unsigned n;     /* memberships and bound sockets, at most JOINS_MAX */
	struct membership *bucket[JOIN_BUCKETS];
	struct helper *helpers;
};

enum upgrade_stage {
	UPGRADING_NOT,
	UPGRADING_CHECK,   /* the binary on disk shows that it starts, and what it speaks */
	UPGRADING_ROLL,    /* we are it; workers give way one by one */
	UPGRADING_CONTROL, /* control answers whoever asked, and goes */
};

/**
 * struct upgrade - one upgrade
 * @exe_fd:      the binary, opened once: what is checked is what runs
 * @checker:     the process that shows it, @checker_fd its pidfd, @answer its output
 * @deadline_ns: of the stage, or of the worker that is rolled
 * @worker:      the one that is rolled
 * @told:        it has been asked to go, @pid then, @restarts then
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
	bool told;
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
	PHASE_RUN,
	PHASE_DRAIN,    /* workers were told to finish */
	PHASE_FAREWELL, /* control was told to say its last words */
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
	bool announced; /* control was ready once */

	int epoll, signals, notify;
	int control_listener, status_listener;
	char status_path[108]; /* sizeof(sun_path) */
	int config_fd;
	bool reload_due;      /* control has not said yet that it has dealt with the last SIGHUP: */
	uint64_t reload_mark; /* its page still counts this many */

	unsigned round; /* which control this is: counts them */
	struct child child[CHILDREN];
	struct worker worker[MCR_MAX_WORKERS];
	unsigned workers; /* 0 until IPC_CONFIGURE */
	uint32_t worker_flags;
	uint32_t busy_poll_us;
	enum ring_size ring_size;
	bool supers_unreadable; /* see check_reads_supers() */
	bool spawned;           /* IPC_SPAWN was asked for */
	bool spawn_pending;     /* and is not answered yet; control's channel waits */
	uint32_t spawn_seq;
	bool channel_parked; /* control's channel is not watched for reading */

	char exe[4096];       /* the binary's path as it was started */
	unsigned filters_rev; /* of the system call filter that is in force */
	struct upgrade upgrade;

	uint64_t health_ns; /* when to look at the heartbeats next */
	int heartbeat_fd;   /* control's */
	struct heartbeat_page *heartbeat;
	uint64_t probes_ns; /* since when @probes are counted */
	unsigned probes;
	unsigned budget; /* messages that control may still send */
	uint64_t budget_ns;
	uint64_t limit_whole_ns[LIMITS];

	int applied;   /* eventfd */
	int limits_fd; /* struct limit_page, for the workers */
	int iface_page_fd;
	struct iface_page *iface_page; /* we are its only writer */
	uint64_t verified_ns;          /* when verify() looked last, for which control */
	unsigned verified_round;
	uint64_t stats_ns; /* when to read PACKET_STATISTICS next */

	uint64_t next_incarnation;
	struct input input[MCR_MAX_IFACES];
	struct output output[MCR_MAX_IFACES];
	struct opened_egress_socket egress_socket[MCR_MAX_EGRESS_SOCKETS];
	unsigned egress_socket_sockets; /* of all of them */
	struct join_table joins;

	int snapshot_fd; /* the last one published, -1 for none */
	struct ipc_publish snapshot;
	uint64_t snapshot_serial;
};

/* --- supervisor.c --- */
/* A start that cannot succeed: one line has been logged, the loop ends. */
void supervisor_fail(struct supervisor *s);
/* Control is configured and listening. */
void supervisor_announce(struct supervisor *s);

/* epoll's data: a child's channel, CHILDREN + its pidfd, and these. */
#define EVENT_SIGNALS (2 * CHILDREN)
#define EVENT_CHECKER (2 * CHILDREN + 1)

/* --- start.c --- */
/* No interface has a socket, which is -1 and not the 0 of fresh memory. */
static inline void supervisor_no_sockets(struct supervisor *s)
{
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		s->input[i].ipv4_udp = s->input[i].vlan = s->input[i].foreign = -1;
		for (unsigned k = 0; k < MCR_MAX_WORKERS; k++)
			s->input[i].sock[k] = s->output[i].sock[k] = -1;
	}
}
/* Owns nothing yet; free() it.  @options: borrowed for its life.  NULL: out of memory. */
struct supervisor *supervisor_new(const struct options *options);
/*
 * Everything before the loop: as a first program, which starts control at the end, or
 * (options->resume_fd) as the successor of one.  Return: 0; a negative errno, and a line
 * has been logged.
 */
int supervisor_start(struct supervisor *s);

/* --- check.c: each logs its line and returns a negative errno --- */
/* -ENOSYS: the kernel is older than 6.1. */
int check_kernel(void);
/* Can a packet socket deliver a super-datagram of UDP?  Since Linux 6.2. */
bool check_reads_supers(void);
/* May we have a ring at all? */
int check_io_uring(void);
/* Names those of --interface that do not exist; never fails, for they may come. */
int check_interfaces(const struct options *options);
/* The configuration file, open for reading; must be a regular file. */
int check_open_config(const char *path);
/* Listeners for control and status, at options->control_path and s->status_path. */
int check_open_listeners(struct supervisor *s);
/* s->status_path, from options->control_path. */
int check_status_path(struct supervisor *s);

/* --- child.c --- */
/* @c: filled, with its name; @index: as in struct supervisor, CONTROL_INDEX for control. */
void child_init(struct child *c, unsigned index);
/* Starts it now and watches it.  Return: 0 or a negative errno. */
int child_start(struct supervisor *s, struct child *c);
/* SIGKILL, and not a word more from it; child_exited() follows.  It may have ended already. */
void child_kill(struct supervisor *s, struct child *c);
/* The same, and why; the first reason counts.  @ms: see struct ipc_worker_state. */
void child_end(struct supervisor *s, struct child *c, enum ipc_ending why, unsigned ms);
/* It has closed its channel. */
void child_hung_up(struct supervisor *s, struct child *c);
/* It has exited: reap, log, and plan the restart unless the daemon ends. */
void child_exited(struct supervisor *s, struct child *c);
/* Restarts and kills that are due.  Return: the next time something will be, or UINT64_MAX. */
uint64_t child_timers(struct supervisor *s, uint64_t now_ns);
/* Take up a child of the process that we were before an exec.  Return: 0 or a negative errno. */
int child_resume(struct supervisor *s, struct child *c);
/* Watch the channel for reading, for room, both or neither. */
void child_watch(struct supervisor *s, struct child *c, bool readable, bool writable);
/* @size bytes of zeroed memory whose size is sealed.  Return: descriptor or negative errno. */
int child_memfd(const char *name, size_t size);
/* The same memory, for a reader.  Return: descriptor or negative errno. */
int child_reader_fd(int fd);

/* --- budget.c --- */
/**
 * struct control_budget - messages that control may send
 * @most:  at once; a multiple of @per_s
 * @per_s: for long, each second
 */
extern const struct control_budget {
	unsigned most;
	unsigned per_s;
} control_budget;

/* --- control_channel.c --- */
/* Sends to control; kills it when it does not take it, so that it starts afresh. */
void control_send(struct supervisor *s, struct ipc_msg *msg, int fd);
/* First messages of a fresh control; a restarted one gets what its predecessor left. */
void control_begin(struct supervisor *s);
/* Serves what has come, a bounded number of requests; ends a control that misbehaves. */
void control_readable(struct supervisor *s);
/* That worker's status page, to read. */
void control_give_page(struct supervisor *s, unsigned worker);
/* How that worker is. */
void control_worker_state(struct supervisor *s, unsigned worker);
/* Answers the pending IPC_SPAWN. */
void control_spawn_done(struct supervisor *s, int status, uint64_t value);

/*
 * A message to a worker that is ready; it counts those that it has handled.
 * Return: as ipc_send().
 */
static inline int worker_message(struct supervisor *s, unsigned worker, struct ipc_msg *msg, int fd)
{
	const int ret = ipc_send(s->child[worker].channel, msg, fd);

	if (ret == 0)
		s->worker[worker].sent++;
	return ret;
}

/* --- worker_channel.c --- */
/* Pages and arenas of all workers.  Return: 0 or a negative errno. */
int worker_make_memory(struct supervisor *s, unsigned workers);
/* Map w->page_fd at w->page.  Return: 0 or a negative errno. */
int worker_map_page(struct worker *w);
/* First messages of a fresh worker; forgets what its predecessor was given. */
void worker_begin(struct supervisor *s, unsigned worker);
/* Takes its IPC_READY; ends a worker that says anything else. */
void worker_readable(struct supervisor *s, unsigned worker);
/*
 * Bring a worker up to date: close, open, then the snapshot.  Never blocks; what does
 * not fit into the channel follows when there is room.  Return: it has everything.
 */
bool worker_sync(struct supervisor *s, unsigned worker);
/* Return: mask of workers that are not up to date. */
uint64_t worker_sync_all(struct supervisor *s);
/*
 * An input's message: @sock is that of @owner, -1 when @worker is to close it.
 * Return: as ipc_send().
 */
int worker_send_input(struct supervisor *s, unsigned worker, unsigned slot, unsigned owner,
		      int sock);
/* Returns when the workers that run have handled what they were sent, at most 100 ms later. */
void worker_await(struct supervisor *s);

/* --- ring.c --- */
/* Neither ring, and no number yet. */
void rings_init(struct worker *w);
/*
 * A ring for each worker, as large as the memory lets them be that the user may lock; says
 * it where that is less than the full size.  Return: 0 or a negative errno, -ENOMEM when
 * even the smallest are too much: a line has been logged.
 */
int rings_make_all(struct supervisor *s, unsigned workers);
/* A fresh ring at w->ring, unless there is one.  Return: 0 or a negative errno. */
int rings_prepare(struct supervisor *s, unsigned worker);
/* A memfd with struct ring_file of what the worker inherits.  Return: descriptor or -errno. */
int rings_describe(const struct worker *w);
/* The worker is ready: its ring is the last in use, the one before is not needed any more. */
void rings_in_use(struct worker *w);
/* Both go. */
void rings_close(struct worker *w);

/* --- standin.c --- */
/*
 * @by reads the sockets of @worker until that is ready again.  Return: 0; -ERANGE: no such
 * worker; -EALREADY: it is not out; -EAGAIN: @by is not ready.
 */
int stand_in_begin(struct supervisor *s, unsigned worker, unsigned by);
/* @worker is ready: its sockets are asked back, and it gets them when they are. */
void stand_in_return(struct supervisor *s, unsigned worker);
/* A new process of @by has nothing of what its predecessor stood in for. */
void stand_in_forget(struct supervisor *s, unsigned by);
/* What @by has of others, up to date.  Return: as ipc_send(). */
int stand_in_sync(struct supervisor *s, unsigned by);
/* Whatever is next.  Return: when it is to be called again, or UINT64_MAX. */
uint64_t stand_in_timers(struct supervisor *s, uint64_t now_ns);

/* --- health.c --- */
/* End those that hang.  Return: when to look again. */
uint64_t health_check(struct supervisor *s, uint64_t now_ns);

/* --- upgrade.c --- */
/* Nothing is under way; s->exe: the path that we were started from. */
void upgrade_init(struct supervisor *s);
/* Begin; how it goes is logged and told to control.  Return: 0; -EBUSY: one is under way. */
int upgrade_begin(struct supervisor *s);
/* The checker has exited. */
void upgrade_checked(struct supervisor *s);
/* Whatever is next.  Return: when it is to be called again, or UINT64_MAX. */
uint64_t upgrade_advance(struct supervisor *s, uint64_t now_ns);
/* The daemon ends, or the supervisor does: nothing is to be upgraded any more. */
void upgrade_abandon(struct supervisor *s);
/* After the exec: the workers are to be rolled. */
void upgrade_resumed(struct supervisor *s);

/* --- handover.c --- */
#define SUPERVISOR_STATE_VERSION 3
/*
 * Everything that must outlive an exec, sealed; the descriptors named in it lose
 * close-on-exec.  Return: descriptor or negative errno.
 */
int state_save(const struct supervisor *s);
/*
 * Fill @s, fresh from supervisor_new(), from what state_save() wrote.  Every number,
 * range and kind of descriptor is checked.  @fd: taken.  Return: 0 or a negative errno.
 */
int state_restore(struct supervisor *s, int fd);

/* --- request.c --- */
/**
 * request_serve() - carry out one request of control
 * @m:     passed ipc_parse()
 * @fd:    descriptor that came along, or -1; set to -1 when it is kept
 * @value: 0, or filled as struct ipc_reply.value says
 *
 * Return: what struct ipc_reply.status is to be; 1 for IPC_SPAWN that is answered later.
 */
int request_serve(struct supervisor *s, const struct ipc_msg *m, int *fd, uint64_t *value);

/* --- limit.c --- */
/* One more of that kind now?  false: control asks for them faster than it may. */
bool limit_take(struct supervisor *s, enum limit_kind kind);

/* --- iface.c: 0 or a negative errno --- */
/*
 * What is open for the same device is changed in place; another device's is closed first.
 * -EEXIST (it is open as asked for), -ERANGE (no such worker), -EBUSY (see
 * limit.c), -ENETDOWN, errno of the calls.
 */
int iface_open_input(struct supervisor *s, const struct ipc_iface *iface);
/* -ENOENT when it is not open. */
int iface_close_input(struct supervisor *s, unsigned slot);
/* Lets nothing more in, and counts what its queues hold and no worker has taken. */
void iface_end_input(struct supervisor *s, unsigned slot);
/* *coarse: the kernel refused the exact programs for their size. */
int iface_set_filter(struct supervisor *s, unsigned slot, int fd, bool *coarse);
/* -EEXIST (it is open), -EINVAL (no workers yet), errno of the calls. */
int iface_open_output(struct supervisor *s, const struct ipc_iface *iface);
/* -ENOENT when it is not open. */
int iface_close_output(struct supervisor *s, unsigned slot);
/* Close what an earlier control asked for and this one did not.  Return: how many. */
unsigned iface_drop_others(struct supervisor *s);
/* Put GRO settings back and close everything. */
void iface_fini(struct supervisor *s);

/* --- egress_socket.c --- */
/* How many sockets all egress sockets may have: a quarter of the descriptors,
 * MCR_MAX_EGRESS_SOCKETS at most. */
unsigned egress_socket_budget(void);
/*
 * In place of what was open under its id.  -EEXIST (it is open as asked for), -ERANGE (no
 * such worker), -ENOENT (the output of its interface is not open), -ENOSPC (beyond the
 * budget), -EAGAIN (too many in too short a time), -ENOMEM, errno of the calls.
 */
int egress_socket_open(struct supervisor *s, const struct ipc_egress_socket *as);
/* -ENOENT when it is not open. */
int egress_socket_close(struct supervisor *s, unsigned id);
/* Close what an earlier control asked for and this one did not.  Return: how many. */
unsigned egress_socket_drop_others(struct supervisor *s);
/* Its socket for that worker, -1 for none. */
static inline int egress_socket_socket(const struct opened_egress_socket *o, unsigned worker)
{
	const uint64_t bit = 1ull << worker;

	if (!o->incarnation || !(o->as.worker_mask & bit))
		return -1;
	return o->sock[__builtin_popcountll(o->as.worker_mask & (bit - 1))];
}
/* A fresh worker has been given none yet. */
void egress_socket_forget(struct supervisor *s, unsigned worker);
/* Part of worker_sync().  Return: 0 or a negative errno of ipc_send(). */
int egress_socket_sync(struct supervisor *s, unsigned worker);
void egress_socket_fini(struct supervisor *s);

/* --- membership.c --- */
/* Is there a membership like this, or (@bind) such a bound socket? */
bool join_has(struct join_table *t, const struct ipc_join *j, bool bind);
/*
 * 0 also when it is joined already; -EDQUOT beyond JOINS_MAX; -EMFILE when only the reserve
 * of descriptors is left; errno of the calls.
 */
int join_add(struct join_table *t, const struct ipc_join *j, bool bind);
/* -ENOENT when it is not joined. */
int join_remove(struct join_table *t, const struct ipc_join *j, bool bind);
/* Leave what an earlier control asked for and this one did not.  Return: how many. */
unsigned join_drop_others(struct join_table *t);
struct igmp_list;
/* How many memberships the kernel does not have, as @have says. */
unsigned join_count_lost(const struct join_table *t, const struct igmp_list *have);
/* Forgets those that are in neither list, and gives up their place.  Return: how many. */
unsigned join_drop_lost(struct join_table *t, const struct igmp_list *first,
			const struct igmp_list *second);
/* Closes everything, which leaves every group.  @t: may be zeroed. */
void join_fini(struct join_table *t);
struct state_writer;
struct state_reader;
/* The part of the state that is the memberships; errors stick to @w and @r. */
void join_save(const struct join_table *t, struct state_writer *w);
void join_restore(struct join_table *t, struct state_reader *r);

/* --- probe.c --- */
/* -ENODEV: it is behind no output; -EAGAIN: too many in this second; errno of the calls. */
int probe_neighbour(struct supervisor *s, const struct ipc_probe *p);
/* --- verify.c --- */
/*
 * Drop inputs whose sockets have lost their device and memberships that the kernel does not
 * have, at most ten times a second.  Return: how many.
 */
uint64_t verify(struct supervisor *s, uint64_t now_ns);

/* --- stats.c --- */
/* Reads what the kernel counted for every input since the last time, which resets it. */
void stats_refresh(struct supervisor *s);
/* The same for one. */
void stats_refresh_input(struct supervisor *s, unsigned slot);
/* So many frames of a worker, counted as delivered, were thrown away: socket_queue. */
void stats_left_in_queue(struct supervisor *s, unsigned slot, unsigned worker, uint64_t frames);

#endif
