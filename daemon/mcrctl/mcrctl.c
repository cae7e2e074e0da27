// SPDX-License-Identifier: MIT
/*
 * mcrctl.c - the command that talks to mcrd
 *
 * The usage is printed from the table of commands, so it cannot name one that is
 * not there.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/common/version.h"
#include "daemon/mcrctl/add.h"
#include "daemon/mcrctl/args.h"
#include "daemon/mcrctl/completion.h"
#include "daemon/mcrctl/config.h"
#include "daemon/mcrctl/ctl.h"
#include "daemon/mcrctl/list.h"
#include "daemon/mcrctl/rules.h"
#include "daemon/mcrctl/stats.h"
#include "daemon/mcrctl/workers.h"

static const struct ctl_command commands[] = {
	{"add", NULL, "add a relay rule", NULL, ctl_add_options, ctl_add},
	{"remove", "[RULE]", "remove a rule", "RULE is its id or its name.\n", ctl_remove_options,
	 ctl_remove},
	{"output add", "RULE OUTPUT", "add an output to a rule", ctl_output_notes, NULL,
	 ctl_output_add},
	{"output set", "RULE OUTPUT", "change how an output of a rule is sent to", ctl_output_notes,
	 NULL, ctl_output_set},
	{"output remove", "RULE OUTPUT", "remove an output of a rule", ctl_output_notes, NULL,
	 ctl_output_remove},
	{"rename", "RULE NAME", "give a rule another name", ctl_rule_notes, NULL, ctl_rename},
	{"enable", "RULE", "a disabled rule takes its input again", ctl_rule_notes, NULL,
	 ctl_enable},
	{"disable", "RULE", "a rule takes nothing, and stays in the list", ctl_rule_notes, NULL,
	 ctl_disable},
	{"list", NULL, "list the rules", NULL, ctl_list_options, ctl_list},
	{"list-rules", NULL, "another name of list", NULL, ctl_list_options, ctl_list},
	{"stats", NULL, "counters and rates: totals, workers, interfaces, rules", NULL,
	 ctl_stats_options, ctl_stats},
	{"list-workers", NULL, "the worker processes", NULL, ctl_list_workers_options,
	 ctl_list_workers},
	{"ping", NULL, "ask whether mcrd answers", NULL, NULL, ctl_ping},
	{"upgrade", NULL, "go over to the mcrd binary on disk, losing nothing",
	 "The binary is checked first; one that does not start, or speaks other versions, is\n"
	 "refused and nothing changes.  Clients are disconnected when it is done.\n",
	 NULL, ctl_upgrade},
	{"version", NULL, "versions of mcrctl and mcrd", NULL, NULL, ctl_version},
	{"sync", NULL, "publish all rules to the workers again", NULL, NULL, ctl_sync},
	{"config show", NULL, "print the running configuration", NULL, NULL, ctl_config_show},
	{"config check", NULL, "check a configuration file",
	 "The file is checked by mcrctl itself, with the caller's rights; no mcrd is needed.\n",
	 ctl_config_file_options, ctl_config_check},
	{"config diff", NULL, "say what a configuration file would change",
	 "As 'config load --replace --dry-run': rules that run and are not in it come first.\n",
	 ctl_config_file_options, ctl_config_diff},
	{"config load", NULL, "apply a configuration file, all of it or nothing",
	 "Its rules join those that run; one that conflicts with another is an error.\n",
	 ctl_config_load_options, ctl_config_load},
	{"config save", NULL, "write the running configuration",
	 "The file is replaced at once: temporary file, fsync, rename.\n", ctl_config_save_options,
	 ctl_config_save},
	{"completion", "SHELL", "write completions for bash or zsh", ctl_completion_notes, NULL,
	 ctl_completion},
	{NULL},
};

static void print_options(const struct ctl_option *o)
{
	for (; o && o->name; o++)
		printf(o->required ? " %s%s%s" : " [%s%s%s]", o->name, o->arg ? " " : "",
		       o->arg ? o->arg : "");
}

static void print_command_help(const struct ctl_command *c)
{
	char left[64];

	printf("Usage: mcrctl [--socket-path PATH] [--json] %s%s%s", c->words,
	       c->operands ? " " : "", c->operands ? c->operands : "");
	print_options(c->options);
	printf("\n\n%s\n", c->summary);
	if (c->notes)
		fputs(c->notes, stdout);
	for (const struct ctl_option *o = c->options; o && o->name; o++) {
		snprintf(left, sizeof(left), "%s%s%s", o->name, o->arg ? " " : "",
			 o->arg ? o->arg : "");
		printf("%s  %-29s %s\n", o == c->options ? "\n" : "", left, o->help);
	}
}

static void print_help(void)
{
	puts("Usage: mcrctl [--socket-path PATH] [--json] COMMAND [OPTION...]\n");
	for (const struct ctl_command *c = commands; c->words; c++)
		printf("  %-14s %s\n", c->words, c->summary);
	puts("  help COMMAND   options of a command\n\n"
	     "  --socket-path PATH  the control socket of mcrd (default " CTL_SOCKET_PATH ")\n"
	     "  --json              print the result as one line of JSON\n"
	     "  --help              print this, or the options of the command, and exit (-h)\n"
	     "  --version           print the version of mcrctl and exit\n\n"
	     "The first two may stand before or after the command.\n"
	     "Exit status: 0 done; 1 refused; 2 bad arguments; 3 mcrd cannot be reached.");
}

/* Output that could not be written is a failure: a full disk must not look like success. */
static int finish(enum ctl_status status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	ctl_say("standard output: %m");
	return status == CTL_OK ? CTL_REFUSED : status;
}

int main(int argc, char **argv)
{
	enum ctl_status status;
	struct ctl ctl;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("mcrctl %s\n", mcr_version);
		return finish(CTL_OK);
	}
	status = ctl_args_parse(&ctl, argc, argv, commands);
	if (status != CTL_OK)
		return status;
	if (!ctl.help)
		return finish(ctl.command->run(&ctl));
	if (ctl.command)
		print_command_help(ctl.command);
	else
		print_help();
	return finish(CTL_OK);
}
