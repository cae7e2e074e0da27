/* SPDX-License-Identifier: MIT */
/*
 * cli.h - command lines of the tools
 *
 * One table says which options there are, where their values go, which values are allowed, and what
 * --help prints.  Words that are no options are read one after the other (struct cli_words).
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
 * cli_parse_mixed() - the same with options before, between and behind the other arguments
 * @options:   borrowed
 * @n_options: rows of @options
 * @usage:     first line of --help
 * @argc:      as for cli_parse()
 * @argv:      as for cli_parse()
 * @words:     filled with the arguments that are no options
 * @room:      of @words; more is an error of the user
 *
 * Return: how many words.
 */
unsigned cli_parse_mixed(const struct cli_option *options, size_t n_options, const char *usage,
			 int argc, char **argv, const char **words, unsigned room);

/**
 * struct cli_words - arguments that are read one after the other
 * @next:  the next one; NULL at the end of argv
 * @usage: where the user finds what is expected, such as "mcrlab fault"
 */
struct cli_words {
	char **next;
	const char *usage;
};

/**
 * cli_word() - take the next word, or die()
 * @words: at least one is expected
 *
 * Return: the word, borrowed from argv.
 */
const char *cli_word(struct cli_words *words);

/**
 * cli_end_of_words() - die() unless every word has been taken
 * @words: borrowed
 */
void cli_end_of_words(const struct cli_words *words);

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
 * cli_ms() - read a time such as 100ms, 2s or 1.5s, or die()
 * @text: as typed
 *
 * Return: milliseconds, 1 to 3,600,000.
 */
unsigned cli_ms(const char *text);

/**
 * cli_signal_ready() - write a byte to the descriptor of --ready-fd, and close it
 * @fd: -1: none was given
 */
void cli_signal_ready(int fd);

#endif
