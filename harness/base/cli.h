/* SPDX-License-Identifier: MIT */
/*
 * cli.h - command lines of the tools
 *
 * One table says which options there are, where their values go, which values are allowed, and what
 * --help prints.
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
	CLI_CPU,   /* no target: the calling thread is pinned to that CPU at once */
};

/**
 * struct cli_option - a row of a table of options
 * @name:   without the dashes
 * @value:  its name in --help; NULL for a flag
 * @kind:   what it is
 * @target: of the type that @kind says; keeps its value when the option is not given
 * @low:    smallest number allowed
 * @high:   largest number allowed
 * @help:   one line
 */
struct cli_option {
	const char *name;
	const char *value;
	enum cli_kind kind;
	void *target;
	uint64_t low;
	uint64_t high;
	const char *help;
};

/**
 * die() - print "tool: message" to stderr and exit with status 2
 * @format: as printf()
 *
 * For main files and the commands that belong to them only.
 */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/**
 * cli_parse() - read argv into the targets of a table
 * @options:   borrowed
 * @n_options: rows of @options
 * @usage:     first line of --help
 * @notes:     last lines of --help, or NULL
 * @argc:      of main(), or of a command from its own name on
 * @argv:      likewise
 *
 * Stops at the first argument that is not an option, or behind "--".  Exits with status 0 on
 * --help, and with status 2 and the option's name on anything it does not understand.
 *
 * Return: index of the first argument left in @argv.
 */
int cli_parse(const struct cli_option *options, size_t n_options, const char *usage,
	      const char *notes, int argc, char **argv);

/**
 * cli_u64() - read the number of an option, or die()
 * @option: its name without the dashes, for the message
 * @text:   as typed
 * @low:    smallest number allowed
 * @high:   largest number allowed
 *
 * Return: the number.
 */
uint64_t cli_u64(const char *option, const char *text, uint64_t low, uint64_t high);

/**
 * cli_number() - read a number that belongs to no option, or die()
 * @what: its name, for the message
 * @text: as typed
 * @low:  smallest number allowed
 * @high: largest number allowed
 *
 * Return: the number.
 */
uint64_t cli_number(const char *what, const char *text, uint64_t low, uint64_t high);

/**
 * cli_signal_ready() - write a byte to the descriptor of --ready-fd, and close it
 * @fd: -1: none was given
 */
void cli_signal_ready(int fd);

#endif
