// SPDX-License-Identifier: MIT
/*
 * completion.c - mcrctl completion: the table of commands as a function of bash or zsh
 *
 * Both shells get the same cases: the words of the command so far, and what may follow.
 */
#include "daemon/mcrctl/completion.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "daemon/mcrctl/args.h"

const char ctl_completion_notes[] =
	"bash: source <(mcrctl completion bash)\n"
	"zsh:  mcrctl completion zsh >DIRECTORY/_mcrctl, where DIRECTORY is in fpath\n";

static const char everywhere[] = "--json --socket-path --help";

/* How the shells differ. */
struct shell {
	const char *name;
	const char *head;   /* up to the words that are passed over with their values */
	const char *middle; /* behind those */
	const char *offer;  /* in front of the words that may follow */
	const char *end;    /* of a case */
	const char *tail;
};

static const struct shell shells[] = {
	{
		.name = "bash",
		.head = "_mcrctl()\n{\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} given=\"\" i\n\n"
			"\tCOMPREPLY=()\n"
			"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
			"\t\tcase ${COMP_WORDS[i]} in\n\t\t",
		.middle = ")\n\t\t\t((++i == COMP_CWORD)) && return ;; # a value: a file or "
			  "anything\n"
			  "\t\t-*) ;;\n\t\t*) given=\"$given ${COMP_WORDS[i]}\" ;;\n"
			  "\t\tesac\n\tdone\n\tcase $given in\n",
		.offer = "COMPREPLY=($(compgen -W '",
		.end = "' -- \"$cur\")) ;;\n",
		.tail = "\tesac\n}\ncomplete -o default -F _mcrctl mcrctl\n",
	},
	{
		.name = "zsh",
		.head = "#compdef mcrctl\n_mcrctl()\n{\n\tlocal given=\"\" i\n\n"
			"\tfor ((i = 2; i < CURRENT; i++)); do\n"
			"\t\tcase ${words[i]} in\n\t\t",
		.middle = ")\n\t\t\tif ((++i == CURRENT)); then _files; return; fi ;;\n"
			  "\t\t-*) ;;\n\t\t*) given=\"$given ${words[i]}\" ;;\n"
			  "\t\tesac\n\tdone\n\tcase $given in\n",
		.offer = "compadd -- ",
		.end = " ;;\n",
		.tail = "\tesac\n}\n_mcrctl \"$@\"\n",
	},
};
#define N_SHELLS (sizeof(shells) / sizeof(shells[0]))

/* Did an earlier command have this option, too? */
static bool is_repeated(const struct ctl_command *first, const struct ctl_command *c,
			const struct ctl_option *o)
{
	for (; first < c; first++)
		for (const struct ctl_option *p = first->options; p && p->name; p++)
			if (strcmp(p->name, o->name) == 0)
				return true;
	return false;
}

/* "--socket-path|--file|...": options with a value. */
static void print_valued(const struct ctl_command *commands)
{
	fputs("--socket-path", stdout);
	for (const struct ctl_command *c = commands; c->words; c++)
		for (const struct ctl_option *o = c->options; o && o->name; o++)
			if (o->arg && !is_repeated(commands, c, o))
				printf("|%s", o->name);
}

static size_t first_word(const char *words)
{
	return strcspn(words, " ");
}

/* Is it the first command that begins with this word? */
static bool is_first(const struct ctl_command *commands, const struct ctl_command *c)
{
	const size_t len = first_word(c->words);

	for (; commands < c; commands++)
		if (first_word(commands->words) == len && !strncmp(commands->words, c->words, len))
			return false;
	return true;
}

static void print_first_words(const struct shell *shell, const struct ctl_command *commands)
{
	printf("\t\"\") %s", shell->offer);
	for (const struct ctl_command *c = commands; c->words; c++)
		if (is_first(commands, c))
			printf("%.*s ", (int)first_word(c->words), c->words);
	printf("help %s --version%s", everywhere, shell->end);
}

static void print_second_words(const struct shell *shell, const struct ctl_command *commands,
			       const struct ctl_command *c)
{
	const size_t len = first_word(c->words);

	printf("\t\" %.*s\") %s", (int)len, c->words, shell->offer);
	for (const struct ctl_command *d = commands; d->words; d++)
		if (first_word(d->words) == len && !strncmp(d->words, c->words, len))
			printf("%s ", d->words + len + 1);
	printf("--help%s", shell->end);
}

static void print_options(const struct shell *shell, const struct ctl_command *c)
{
	printf("\t\" %s\" | \" %s \"*) %s", c->words, c->words, shell->offer);
	for (const struct ctl_option *o = c->options; o && o->name; o++)
		printf("%s ", o->name);
	printf("%s%s", everywhere, shell->end);
}

static void print_script(const struct shell *shell, const struct ctl_command *commands)
{
	fputs(shell->head, stdout);
	print_valued(commands);
	fputs(shell->middle, stdout);
	print_first_words(shell, commands);
	for (const struct ctl_command *c = commands; c->words; c++) {
		if (strchr(c->words, ' ') && is_first(commands, c))
			print_second_words(shell, commands, c);
		print_options(shell, c);
	}
	fputs(shell->tail, stdout);
}

enum ctl_status ctl_completion(const struct ctl *ctl)
{
	for (size_t i = 0; i < N_SHELLS; i++) {
		if (strcmp(ctl->operands[0], shells[i].name) != 0)
			continue;
		print_script(&shells[i], ctl->commands);
		return CTL_OK;
	}
	return ctl_usage_error(ctl, ctl->operands[0], "is neither bash nor zsh");
}
