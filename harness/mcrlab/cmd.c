// SPDX-License-Identifier: MIT
/* cmd.c - attach to a lab by name, and read common arguments */
#include "harness/mcrlab/cmd.h"

#include <errno.h>
#include <string.h>

#include "harness/base/cli.h"
#include "harness/lab/ask.h"
#include "harness/lab/state.h"
#include "harness/topology/find.h"

struct lab *cmd_attach(const char *name)
{
	static struct topology topology; /* about a megabyte */
	static struct lab lab;
	int ret = lab_ask_attach(name, &lab, &topology);

	if (ret == -ENOENT)
		die("no lab called '%s' is up; see mcrlab list", name);
	if (ret < 0)
		die("lab '%s': %s", name, strerror(-ret));
	return &lab;
}

void cmd_enter(const char *lab, const char *node)
{
	int ret = lab_ask_enter(lab, node);

	if (ret == -ENOENT)
		die("no lab called '%s' is up; see mcrlab list", lab);
	if (ret == -ESRCH)
		die("lab '%s': the lab has no such node '%s'", lab, node);
	if (ret < 0)
		die("cannot enter node '%s' of lab '%s': %s", node, lab, strerror(-ret));
}

unsigned cmd_node(const struct lab *lab, const char *name)
{
	int node = topology_node(lab->topo, name);

	if (node < 0)
		die("the lab has no node '%s'; see mcrlab list", name);
	return (unsigned)node;
}

unsigned cmd_end(const struct lab *lab, const char *node, const char *interface, unsigned *end)
{
	int link = topology_link(lab->topo, cmd_node(lab, node), interface, end);

	if (link < 0)
		die("no link of the topology ends at %s:%s", node, interface);
	return (unsigned)link;
}
