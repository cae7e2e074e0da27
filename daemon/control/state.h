/* SPDX-License-Identifier: MIT */
/*
 * state.h - the state of the control process: types only
 *
 * Control is unprivileged and the only process that parses operator input.  It holds the
 * rules, knows the links, and brings the actual state to the desired one:
 *
 *   clients --> method ---------.                  .--> supervisor_channel --> supervisor
 *   netlink --> netif, reach ---+--> reconcile() --+
 *   timer   --------------------'                  '--> publish --> workers
 *
 * Every event that matters sets @dirty; one reconcile() per turn of the loop acts on it, so
 * that changes which arrive together share one publication.
 *
 * The functions of x.c are in x.h.  Large subjects have their types in headers of their own:
 * client_state.h, egress_socket_state.h, netif_state.h, publish_state.h, reach_state.h,
 * wait_state.h.
 */
#ifndef DAEMON_CONTROL_STATE_H
#define DAEMON_CONTROL_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/clock.h"
#include "core/base/iface.h"
#include "core/base/ipc.h"
#include "core/base/join_table.h"
#include "core/base/limits.h"
#include "core/base/statpage.h"
#include "core/rules/division.h"
#include "core/rules/kernel_path.h"
#include "core/rules/wiring.h"
#include "core/text/config.h"
#include "daemon/common/log.h"
#include "daemon/control/client_state.h"
#include "daemon/control/egress_socket_state.h"
#include "daemon/control/kernel_watch_state.h"
#include "daemon/control/netif_state.h"
#include "daemon/control/publish_state.h"
#include "daemon/control/reach_state.h"
#include "daemon/control/sampler_state.h"
#include "daemon/control/wait_state.h"

struct control;
struct control_notice;
struct kernel_map;
struct ruleset;
struct ruleset_entry;

#define RULE_CHANGES_MAX 256  /* of one turn that are acted on one by one */
#define IFACE_NAMES      4096 /* a power of two, several times the names of all */
#define REASON_MAX       256  /* room for a reason or a warning with its NUL */
#define HANDOVER_NS      (2 * NS_PER_S)
/* Interfaces of the rules that are there and of a configuration that is checked. */
#define WIRING_NAMES_MAX (2 * MCR_MAX_IFACES)

/* --- the supervisor (supervisor_channel.c) --- */

/**
 * typedef request_done_fn - takes the answer to a request
 * @ctx:     as given with the request
 * @request: the request as it was sent
 * @status:  0 or a negative errno
 * @value:   struct ipc_reply.value
 */
typedef void request_done_fn(void *ctx, const struct ipc_msg *request, int status, uint64_t value);

struct pending_request {
	struct ipc_msg msg;
	int fd;
	request_done_fn *done;
	void *ctx;
};

/**
 * struct control_supervisor - the channel
 * @failed:    0, or the negative errno that ended it; control cannot go on then
 * @last_seq:  of the request queued last
 * @acked_seq: of the request answered last
 * @ring:      requests not yet answered: @sent of them on their way, then @queued
 */
struct control_supervisor {
	int sock;
	int failed;
	uint32_t last_seq;
	uint32_t acked_seq;
	struct pending_request *ring;
	size_t cap;
	size_t head;
	size_t sent;
	size_t queued;
};

/* --- workers --- */

/**
 * struct control_drift - a worker whose rules differ, or differed lately
 * @since_ns:    when it was first seen to differ, 0: it does not
 * @detected_ns: when that was taken for drift, 0: it was not, or is repaired
 * @step_ns:     when the next step is due, if its heartbeat is younger
 * @right_ns:    when it was last seen in order after a repair
 * @steps:       taken
 */
struct control_drift {
	uint64_t since_ns;
	uint64_t detected_ns;
	uint64_t step_ns;
	uint64_t right_ns;
	unsigned steps;
};

/**
 * struct control_worker - state of a worker, as the supervisor last reported it
 * @ending:  how its last process ended; @exit_status, @ending_ms: as in struct ipc_worker_state
 * @running_ns: since when it runs
 * @health_check_failures: how often the supervisor ended it because it hung
 * @out:      it cannot run for now
 * @stand_in: 1 + the worker that is to have its rules and sockets meanwhile, 0 for none
 * @asked:    the supervisor was asked to give the stand-in its sockets
 * @lent_to:  workers that have its rules beside it: the stand-in, and those that stood in
 * @lent_until_ns: when those that stood in lose them; 0: none did, or some do not run
 */
struct control_worker {
	bool running;
	uint32_t restarts;
	int32_t pid;
	int32_t cpu;
	uint32_t health_check_failures;
	enum ipc_ending ending;
	int32_t exit_status;
	uint32_t ending_ms;
	uint64_t running_ns;
	bool out;
	unsigned stand_in;
	bool asked;
	uint64_t lent_to;
	uint64_t lent_until_ns;
	struct control_drift drift;
};

/* --- interfaces, memberships, filters (reconcile.c) --- */

/**
 * struct control_join - one membership or bound address
 * @held:   asked for, and not refused
 * @users:  rules that want it
 * @error:  why it was refused last, negative; 0
 */
struct control_join {
	struct join_entry entry;
	bool held;
	uint32_t users;
	int error;
};

/* A (group, port) that a filter lets in, and the number of rules that want it. */
struct filter_want {
	uint32_t group; /* host order */
	uint16_t port;
	uint32_t users;
};

/**
 * struct rec_iface - an interface that is or was needed; its place is its slot
 * @deleted:    the link was deleted; what is open is to be closed
 * @has_addr:   it has an IPv4 address
 * @header:     the MAC header of its frames; @mac is its own address in an Ethernet header
 * @is_port:    of a bridge or bond
 * @serial:     of the link, 0: taken from a snapshot, not known yet
 * @alt:        its alternative names
 * @in_as:      how the input was opened
 * @changing:   it is to be another way, once the workers know the rules for it
 * @before:     until @handover_ns, not 0: how it was, so that workers keep the rules of what
 *              lies in their queues
 * @in_error, @out_error, @filter_error: 0, or why the supervisor refused, negative
 * @gro_refused: GRO was asked for and is not on
 * @fraglist: rx-gro-list was on when the input was opened
 * @workers, @steering: that serve it, how
 * @inputs, @outputs: how many of its rules, and options of the start, want it so
 * @wants:      what the filter that was set lets in, sorted
 * @wants_changed: since it was set
 * @all_udp:    the filter that was set is the one that lets in all UDP
 * @coarse:     the exact filter was too long for the kernel
 */
struct rec_iface {
	bool used, deleted, up, supers, arp;
	bool has_addr;
	bool in_open, out_open, filter_set;
	bool is_port;
	enum kernel_path_header header;
	uint8_t mac[6];
	bool gro_refused, fraglist, coarse, all_udp, wants_changed;
	uint32_t inputs, outputs;
	uint64_t workers;
	enum steering steering;
	enum link_layer link;
	uint64_t serial;
	uint32_t ifindex;
	uint32_t mtu;
	char name[MCR_IFNAME_MAX];
	char alt[NETIF_ALT_NAMES][MCR_IFNAME_MAX];
	bool changing;
	struct ipc_iface in_as, before;
	uint64_t handover_ns;
	int in_error, out_error, filter_error;
	struct filter_want *wants;
	size_t n_wants, room;
};

/* A name of an interface and its slot; an empty name: the place is free. */
struct iface_name {
	char name[MCR_IFNAME_MAX];
	uint32_t slot;
};

/**
 * struct control_reconcile - the actual state
 * @publish: rules or interfaces have changed since the last publication
 * @failed:  something was refused and is to be tried again
 * @names:   of all interfaces that have a slot
 */
struct control_reconcile {
	bool publish;
	bool failed;
	struct rec_iface iface[MCR_MAX_IFACES];
	struct iface_name names[IFACE_NAMES];
	struct join_table joins;
};

/* --- rules with their interfaces (rule_change.c) --- */

/**
 * struct resolved_rule - the interfaces and workers of a rule, by its slot
 * @entry:   NULL: there is no rule, or it is not resolved yet
 * @workers: that serve it
 * @in_slot: of its input's interface, MCR_NO_SLOT when that does not exist
 * @asks:    the way to some of its outputs depends on routes or neighbours
 */
struct resolved_rule {
	const struct ruleset_entry *entry;
	uint64_t incarnation;
	uint64_t workers;
	uint32_t in_slot;
	bool asks;
};

/* @out_slot: interface of each output slot, MCR_NO_SLOT; @hold: as it was published last */
struct control_resolved {
	struct resolved_rule rule[MCR_MAX_RULES];
	uint32_t out_slot[MCR_MAX_OUTPUTS];
	uint8_t hold[MCR_MAX_OUTPUTS];
};

/**
 * struct control_rule_changes - changes that concern single rules, until they are acted on
 * @slots:  of rules that are new, gone, or have another hold
 * @holds:  routes or neighbours have changed, which may hold outputs or not any more
 * @left:   memberships that may have no user any more
 * @closed: the same for egress sockets, by id
 */
struct control_rule_changes {
	unsigned n_slots, n_left, n_closed;
	bool holds;
	uint32_t slots[RULE_CHANGES_MAX];
	struct ipc_join left[RULE_CHANGES_MAX];
	uint32_t closed[RULE_CHANGES_MAX];
};

/* --- closed ports (closed_port.c) --- */

#define CLOSED_PORTS_MAX    1024 /* what is beyond is counted and not shown */
#define CLOSED_PORT_BUCKETS 1024

/**
 * struct closed_port - a destination that has refused datagrams
 * @closed:   as far as is known; false: it is remembered for its @wait_ns
 * @slot, @incarnation, @output: an output to it, and its counters when it was looked at last
 * @since_ns: when @refused grew last, or when it was found open
 * @wait_ns:  until it counts as open
 * @next:     in its bucket, place + 1
 */
struct closed_port {
	uint32_t host_be;
	uint16_t port;
	uint16_t next;
	bool closed;
	uint32_t slot;
	unsigned output;
	uint64_t incarnation;
	uint64_t refused, sent;
	uint64_t since_ns, wait_ns;
};

struct control_closed_ports {
	unsigned n;
	struct closed_port at[CLOSED_PORTS_MAX];
	uint16_t bucket[CLOSED_PORT_BUCKETS];
};

/* --- circles (wiring.c, loop.c) --- */

/**
 * struct control_wiring
 * @remade: @wiring is newer than the last control_loop_update()
 * @stale: links or addresses have changed since @wiring was made
 * @names: the interfaces for which it was made
 */
struct control_wiring {
	bool stale;
	bool remade;
	struct wiring wiring;
	size_t n_names;
	char names[WIRING_NAMES_MAX][MCR_IFNAME_MAX];
};

/**
 * struct control_loop
 * @circles:   by rule slot: it closes a circle
 * @n_circles: how many do
 * @guarded:   times that workers have held a rule, as far as it was logged
 */
struct control_loop {
	uint64_t circles[MCR_MAX_RULES / 64];
	size_t n_circles;
	uint64_t guarded;
};

/* --- counters (stats.c) --- */

/* A page as it is mapped: read-only, shared. */
struct stats_page {
	const volatile void *mem;
	size_t size_bytes;
};

/**
 * struct stats_reading - counters of all workers, each read between two of its datagrams
 * @settled:  workers whose counters obey the law in @worker, or cannot be read
 * @until_ns: when the others are taken as they are; 0: reading has not begun
 */
struct stats_reading {
	uint64_t settled;
	uint64_t until_ns;
	struct worker_summary worker[MCR_MAX_WORKERS];
};

/**
 * struct control_stats - pages, and the line for scrapers
 * @interval_ns: of the line, 0: none
 * @next_ns:  when it is due, or looked at again
 * @due_ns:   when the one after it is
 * @reading:  of the line, while @reading_line
 */
struct control_stats {
	struct stats_page worker[MCR_MAX_WORKERS];
	struct stats_page iface;
	uint64_t interval_ns;
	uint64_t next_ns, due_ns;
	bool reading_line;
	struct stats_reading reading;
};

/* --- the kernel path (kernel_path.c) --- */

/* WRITTEN_OTHER: the maps have another rule's element for its frames. */
enum kernel_path_written { WRITTEN_NOT_YET, WRITTEN_OTHER, WRITTEN_REFUSED };

/**
 * struct control_kernel_path
 * @unavailable: why there is none; KERNEL_PATH_FITS: there is
 * @mark:        the bit that its program sets in the mark of a frame
 * @deferred:    the maps stay as they are until workers have the rules
 * @generation:  of the rules that are in the maps; 0: not known
 * @map:         NULL: there is none
 * @divisions:   of rules that are divided between both paths, or were
 * @dividing:    by rule slot: its division waits for the workers, or for one of before to rest
 * @told:        rule slots: the log has that "path": "kernel" of the rule is in vain
 * @written:     by rule slot, enum kernel_path_written: what became of the last attempt
 */
struct control_kernel_path {
	enum kernel_path_reason unavailable;
	uint32_t mark;
	bool deferred;
	uint64_t generation;
	struct kernel_map *map;
	struct control_kernel_watch watch;
	struct divisions divisions;
	uint64_t dividing[MCR_MAX_RULES / 64];
	uint64_t told[MCR_MAX_RULES / 64];
	uint8_t written[MCR_MAX_RULES];
};

/* --- all of it --- */

/* control.c says what belongs to each phase. */
enum control_phase { PHASE_SPAWN, PHASE_SETTLE, PHASE_RUNNING };

/**
 * struct control - the state of the process
 * @started_ns:  CLOCK_MONOTONIC of the supervisor's start
 * @cpus:        CPU numbers of this host are below it
 * @settings:    interface settings of the configuration; its rules are in @rules
 * @interfaces:  names given with --interface: inputs whether a rule names them or not
 * @dirty:       reconcile() is due
 * @heartbeat:   page shared with the supervisor; outlives this process
 */
struct control {
	int epoll;
	uint64_t started_ns;
	enum control_phase phase;
	bool dirty;
	bool shutdown;
	bool per_packet;
	unsigned busy_poll_us;
	unsigned workers;
	unsigned cpus;
	struct control_worker worker[MCR_MAX_WORKERS];
	struct config settings;
	char interfaces[MCR_MAX_START_IFACES][MCR_IFNAME_MAX];
	unsigned n_interfaces;
	struct ruleset *rules;
	struct control_supervisor supervisor;
	struct control_netif netif;
	struct control_wiring wiring;
	struct control_loop loop;
	struct control_reach reach;
	struct control_clients clients;
	struct control_reconcile rec;
	struct control_resolved resolved;
	struct control_rule_changes changes;
	struct control_egress_sockets egress_sockets;
	struct control_closed_ports closed_ports;
	struct control_publish pub;
	struct control_kernel_path kernel_path;
	struct control_waits waits;
	struct control_upgrade upgrade;
	struct control_stats stats;
	struct control_sampler sampler;
	struct heartbeat_page *heartbeat;
	struct control_notice *notice; /* NULL: none */
	struct log_limit log_changes, log_ifaces;
};

#endif
