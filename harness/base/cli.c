// SPDX-License-Identifier: MIT
/* cli.c - options, help and refusals of the tools */
#include "harness/base/cli.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/decimal.h"

#define MAX_DESCRIPTOR (1 << 20)
#define MAX_CPU        1023
#define MAX_MS         3600000

void die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

static uint64_t read_number(const char *dashes, const char *what, const char *text, uint64_t low,
			    uint64_t high)
{
	uint64_t value;

	if (decimal_whole(text, low, high, &value) < 0)
		die("%s%s: '%s' is not a number from %" PRIu64 " to %" PRIu64, dashes, what, text,
		    low, high);
	return value;
}

uint64_t cli_u64(const char *option, const char *text, uint64_t low, uint64_t high)
{
	return read_number("--", option, text, low, high);
}

uint64_t cli_number(const char *what, const char *text, uint64_t low, uint64_t high)
{
	return read_number("", what, text, low, high);
}

unsigned cli_ms(const char *text)
{
	const char *unit = "";
	double value = 0;
	bool good = decimal_fraction(text, &value, &unit) == 0;

	if (!strcmp(unit, "s"))
		value *= 1000;
	else
		good = good && !strcmp(unit, "ms");
	if (!good || value < 1 || value > MAX_MS)
		die("'%s' is not a time from 1ms to 3600s", text);
	return (unsigned)(value + 0.5);
}

static uint64_t read_milli(const char *option, const char *text)
{
	const char *rest;
	double value;

	if (decimal_fraction(text, &value, &rest) < 0 || *rest || value > 1e9)
		die("--%s: '%s' is not a number from 0 to 1000000000", option, text);
	return (uint64_t)(value * 1000 + 0.5);
}

static int read_fd(const char *option, const char *text)
{
	int fd = (int)cli_u64(option, text, 0, MAX_DESCRIPTOR);

	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		die("--%s: file descriptor %d is not open", option, fd);
	return fd;
}

static void pin(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("--cpu: cannot run on CPU %u: %s", cpu, strerror(errno));
}

static void store(const struct cli_option *option, const char *text)
{
	const char *name = option->name;

	switch (option->kind) {
	case CLI_FLAG:
		*(bool *)option->target = true;
		break;
	case CLI_TEXT:
		*(const char **)option->target = text;
		break;
	case CLI_U8:
		*(uint8_t *)option->target =
			(uint8_t)cli_u64(name, text, option->low, option->high);
		break;
	case CLI_U16:
		*(uint16_t *)option->target =
			(uint16_t)cli_u64(name, text, option->low, option->high);
		break;
	case CLI_U32:
		*(uint32_t *)option->target =
			(uint32_t)cli_u64(name, text, option->low, option->high);
		break;
	case CLI_U64:
		*(uint64_t *)option->target = cli_u64(name, text, option->low, option->high);
		break;
	case CLI_MILLI:
		*(uint64_t *)option->target = read_milli(name, text);
		break;
	case CLI_IPV4:
		if (inet_pton(AF_INET, text, option->target) != 1)
			die("--%s: '%s' is not an IPv4 address", name, text);
		break;
	case CLI_FD:
		*(int *)option->target = read_fd(name, text);
		break;
	case CLI_CPU:
		pin((unsigned)cli_u64(name, text, 0, MAX_CPU));
		break;
	}
}

static void print_help(const struct cli_option *options, size_t n_options, const char *usage,
		       const char *notes)
{
	printf("usage: %s\n", usage);
	for (size_t i = 0; i < n_options; i++) {
		char left[40];

		snprintf(left, sizeof(left), "--%s %s", options[i].name,
			 options[i].value ? options[i].value : "");
		printf("  %-20s %s\n", left, options[i].help);
	}
	if (notes)
		printf("%s\n", notes);
}

static const struct cli_option *find(const struct cli_option *options, size_t n_options,
				     const char *name, size_t length)
{
	for (size_t i = 0; i < n_options; i++)
		if (strlen(options[i].name) == length && !strncmp(options[i].name, name, length))
			return &options[i];
	die("no option --%.*s; see --help", (int)length, name);
}

int cli_parse(const struct cli_option *options, size_t n_options, const char *usage,
	      const char *notes, int argc, char **argv)
{
	int i = 1;

	while (i < argc && !strncmp(argv[i], "--", 2)) {
		const char *name = argv[i++] + 2;
		const char *equals = strchrnul(name, '=');
		const struct cli_option *option;

		if (!*name)
			break;
		if (!strcmp(name, "help")) {
			print_help(options, n_options, usage, notes);
			exit(0);
		}
		option = find(options, n_options, name, (size_t)(equals - name));
		if (option->kind == CLI_FLAG && *equals)
			die("--%s takes no value", option->name);
		if (option->kind != CLI_FLAG && !*equals && i == argc)
			die("--%s needs a value", option->name);
		if (option->kind == CLI_FLAG)
			store(option, NULL);
		else
			store(option, *equals ? equals + 1 : argv[i++]);
	}
	return i;
}

unsigned cli_parse_mixed(const struct cli_option *options, size_t n_options, const char *usage,
			 int argc, char **argv, const char **words, unsigned room)
{
	unsigned n = 0;

	while (argc > 1) {
		int used = cli_parse(options, n_options, usage, NULL, argc, argv);

		if (used < argc && n == room)
			die("unexpected argument '%s'", argv[used]);
		if (used < argc)
			words[n++] = argv[used];
		argc -= used;
		argv += used;
	}
	return n;
}

const char *cli_word(struct cli_words *words)
{
	if (!*words->next)
		die("an argument is missing; see %s", words->usage);
	return *words->next++;
}

void cli_end_of_words(const struct cli_words *words)
{
	if (*words->next)
		die("unexpected argument '%s'", *words->next);
}

void cli_signal_ready(int fd)
{
	if (fd < 0)
		return;
	if (write(fd, "\n", 1) != 1)
		die("--ready-fd: cannot write to %d: %s", fd, strerror(errno));
	close(fd);
}
