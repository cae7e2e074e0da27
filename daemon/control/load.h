/* SPDX-License-Identifier: MIT */
/*
 * load.h - take a whole configuration into the running state, or nothing of it
 */
#ifndef DAEMON_CONTROL_LOAD_H
#define DAEMON_CONTROL_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/control/state.h"

struct complaint;

/**
 * control_load() - apply a configuration
 * @cfg:     checked, borrowed
 * @replace: rules and interface settings that are not in it go, rules that differ
 *           give way; else a rule that is in the way is an error
 * @counts:  filled on success
 * @cpl:     field and reason on failure; nothing has changed then
 *
 * Return: 0, or what ruleset_add() returned; -EINVAL for what this host cannot do: a CPU that it
 * does not have, a broadcast address of one of its interfaces.
 */
int control_load(struct control *c, const struct config *cfg, bool replace,
		 size_t counts[static LOAD_COUNTS], struct complaint *cpl);

/*
 * Can the kernel relay each rule that asks for it?  For a request such a rule is an error.  A file
 * is loaded all the same: at boot one rule must not keep back the others.  Workers relay that
 * rule then, and one line says so (control_kernel_path_update()).
 * Return: 0; -EINVAL.
 */
int control_load_check_paths(const struct control *c, const struct config *cfg,
			     struct complaint *cpl);

/*
 * The set of rules that control_load() would make, to be freed; nothing changes.
 * Return: as control_load().
 */
int control_load_try(struct control *c, const struct config *cfg, bool replace,
		     size_t counts[static LOAD_COUNTS], struct ruleset **set,
		     struct complaint *cpl);

/*
 * Check whether this host could take it, and its rules do not conflict.  @c: for the links.
 * Return: as control_load().
 */
int control_load_check(struct control *c, const struct config *cfg, struct complaint *cpl);

/* Take over interface settings.  Return: 0 or -ENOMEM. */
int control_settings_merge(struct control *c, const struct config *cfg, bool replace);

/* A part of the running state as configuration text; as config_format_part(). */
char *control_config_part(const struct control *c, size_t first, size_t bytes, size_t *next);

#endif
