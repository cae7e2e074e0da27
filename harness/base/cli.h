/* SPDX-License-Identifier: MIT */
/*
 * Command lines of the tools: one table says which options there are, where their values go,
 * which values are allowed, and what --help prints.
 */
#ifndef HARNESS_BASE_CLI_H
#define HARNESS_BASE_CLI_H

#include <stddef.h>
#include <stdint.h>

enum cli_kind {
	CLI_FLAG,  /* bool, no value */
	CLI_TEXT,  /* const char *, borrowed from argv */
	CLI_U8,    /* uint8_t ... CLI_U64: a decimal number from low to high */
	CLI_U16,   /* uint16_t */
	CLI_U32,   /* uint32_t */
	CLI_U64,   /* uint64_t */
	CLI_MILLI, /* uint64_t thousandths; given with up to three decimal places */
	CLI_IPV4,  /* struct in_addr */
	CLI_FD,    /* int, an open descriptor; it is made close-on-exec */
	CLI_CPU,   /* no target: the calling thread is kept on that CPU at once */
};

struct cli_option {
	const char *name;  /* without the dashes */
	const char *value; /* its name in --help; NULL for a flag */
	enum cli_kind kind;
	void *target;
	uint64_t low;
	uint64_t high;
	const char *help;
};

/** die() - print "tool: message" to stderr and exit with status 2.  For main files only. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/**
 * cli_parse() - read argv into the targets of a table.
 * @options: @n_options entries; targets keep their value when the option is not given
 * @usage: first line of --help
 * @notes: last line of --help, or NULL
 *
 * Stops at the first argument that is not an option, or after "--".  Exits with status 0 on
 * --help, and with status 2 and the option's name on anything it does not understand.
 *
 * Return: index of the first argument left in @argv.
 */
int cli_parse(const struct cli_option *options, size_t n_options, const char *usage,
	      const char *notes, int argc, char **argv);

/** cli_u64() - a decimal number from @low to @high, or die() naming the option. */
uint64_t cli_u64(const char *option, const char *text, uint64_t low, uint64_t high);

/** cli_number() - the same of a word that is no option: @what is named as it stands. */
uint64_t cli_number(const char *what, const char *text, uint64_t low, uint64_t high);

/** cli_signal_ready() - tell whoever holds the other end of @fd that this program is ready. */
void cli_signal_ready(int fd);

#endif
