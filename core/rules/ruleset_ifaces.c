// SPDX-License-Identifier: MIT
/* ruleset_ifaces.c - count the interfaces that rules name, to keep their limit */
#include "core/rules/ruleset_ifaces.h"

#include <errno.h>
#include <string.h>

#include "core/rules/ruleset_state.h"

static int use_iface(struct ruleset *s, const char *name)
{
	struct ruleset_iface *unused = NULL;

	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		struct ruleset_iface *f = &s->ifaces[i];

		if (f->users == 0) {
			unused = unused ? unused : f;
		} else if (strcmp(f->name, name) == 0) {
			f->users++;
			return 0;
		}
	}
	if (!unused)
		return -ENOSPC;
	memcpy(unused->name, name, strlen(name) + 1);
	unused->users = 1;
	return 0;
}

static void leave_iface(struct ruleset *s, const char *name)
{
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		struct ruleset_iface *f = &s->ifaces[i];

		if (f->users > 0 && strcmp(f->name, name) == 0) {
			f->users--;
			return;
		}
	}
}

/* The input's interface, and those of the first @n outputs. */
static void leave_first(struct ruleset *s, const struct rule *r, unsigned n)
{
	leave_iface(s, r->input.interface);
	for (unsigned i = 0; i < n; i++)
		leave_iface(s, r->outputs[i].interface);
}

int ruleset_use_ifaces(struct ruleset *s, const struct rule *r)
{
	int ret;

	ret = use_iface(s, r->input.interface);
	if (ret < 0)
		return ret;
	for (unsigned i = 0; i < r->n_outputs; i++) {
		ret = use_iface(s, r->outputs[i].interface);
		if (ret < 0) {
			leave_first(s, r, i);
			return ret;
		}
	}
	return 0;
}

void ruleset_leave_ifaces(struct ruleset *s, const struct rule *r)
{
	leave_first(s, r, r->n_outputs);
}

const char *ruleset_interface(const struct ruleset *s, unsigned i)
{
	return i < MCR_MAX_IFACES && s->ifaces[i].users > 0 ? s->ifaces[i].name : NULL;
}
