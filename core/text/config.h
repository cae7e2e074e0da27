/* SPDX-License-Identifier: MIT */
/*
 * config.h - the configuration file
 *
 * JSON with comments and trailing commas.  Parsing is all or nothing: what comes
 * out is complete and checked, and an error names line, column and field.
 */
#ifndef CORE_TEXT_CONFIG_H
#define CORE_TEXT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/iface.h"
#include "core/rules/rule.h"

struct cJSON;
struct complaint;

/*
 * Bytes; longer text is refused.  As many rules and outputs as there may be, all members
 * given and names of the greatest length, take 29 MB: 1,152 bytes a rule and 160 an output.
 */
#define CONFIG_TEXT_MAX (32u * 1024u * 1024u)

/**
 * struct config_iface - settings of one interface
 * @steering: enum steering
 * @defrag:   the kernel reassembles fragments before they reach a worker
 * @gro:      enum gro_setting: true switches it on, false off, absent leaves it alone
 * @cpus:     "pinning": the CPUs whose workers serve this interface; empty: all workers
 */
struct config_iface {
	char name[MCR_IFNAME_MAX];
	enum steering steering;
	enum gro_setting gro;
	bool defrag;
	unsigned n_cpus;
	int cpus[MCR_MAX_WORKERS];
};

/**
 * struct config - a checked configuration
 * @workers:    0 when not given
 * @per_packet: "per_packet": no GRO, no GSO, no gathering, for benchmarks
 * @busy_poll_us: "busy_poll_us": how long an idle worker looks for input before it sleeps,
 *              microseconds, 0..MCR_BUSY_POLL_MAX_US; 0 when not given
 * @ifaces:     every interface that "steering", "gro", "defrag" or "pinning" names
 * @rules:      checked with rule_check(); ids filled in; no two with the same id
 */
struct config {
	unsigned workers;
	bool per_packet;
	unsigned busy_poll_us;
	size_t n_ifaces;
	struct config_iface *ifaces;
	size_t n_rules;
	struct rule *rules;
};

void config_fini(struct config *c);

/**
 * config_parse() - read a configuration
 * @text: need not be NUL-terminated
 * @len:  bytes
 * @out:  filled on success, to be released with config_fini()
 * @c:    filled with line, column, field and reason on failure
 *
 * Unknown fields, wrong types, values out of range and duplicate keys are errors.
 *
 * Return: 0; -EINVAL; -E2BIG when longer than CONFIG_TEXT_MAX; -ENOMEM.
 */
int config_parse(const char *text, size_t len, struct config *out, struct complaint *c);

/* The two steps of config_parse(): the tree, for cJSON_Delete(); and what is in it. */
int config_text_parse(const char *text, size_t len, struct cJSON **json, struct complaint *c);
/* A complaint has no line and column. */
int config_from_json(const struct cJSON *json, struct config *out, struct complaint *c);

const struct config_iface *config_find_iface(const struct config *c, const char *name);

#endif
