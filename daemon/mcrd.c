// SPDX-License-Identifier: MIT
/*
 * mcrd.c - command line, and which of the three processes this is
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/base/decimal.h"
#include "core/base/limits.h"
#include "daemon/common/log.h"
#include "daemon/common/roles.h"
#include "daemon/common/version.h"

#define DEFAULT_CONTROL_PATH "/run/mcr/control.sock"
#define EXIT_USAGE           2
#define MARK_BIT_DEFAULT     26
#define MARK_BIT_MAX         31
#define PIN_DIR_LENGTH       256

#ifdef MCR_SANITIZED
/* LeakSanitizer needs ptrace(2), which a sealed process may not call. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

static const struct argument {
	const char *name, *value, *help;
} arguments[] = {
	{"config", "FILE", "rules and settings to start with, read again on SIGHUP"},
	{"control-socket-path", "PATH",
	 "control socket (" DEFAULT_CONTROL_PATH "); status.sock is made beside it"},
	{"interface", "NAME", "take input from this interface from the start (repeatable)"},
	{"num-workers", "N", "packet processes, 1 to 64 (default: one per CPU)"},
	{"log-format", "text|json", "form of the log lines on standard error (text)"},
	{"path", "auto|user", "who relays: the kernel where it can, or workers (user)"},
	{"mark-bit", "N", "bit of the mark of frames that the kernel has relayed, 0 to 31 (26)"},
	{"attach", "auto|tcx|clsact",
	 "how interfaces get its program: tcx from Linux 6.6 on (auto)"},
	{"pin", "DIR|none",
	 "pin the kernel path there: it outlives a crash (below /sys/fs/bpf/mcr)"},
	{"detach", NULL, "remove what a crashed mcrd left of the kernel path, and exit"},
	{"help", NULL, "print this and exit (-h)"},
	{"version", NULL, "print the version and exit"},
};
#define ARGUMENTS (sizeof(arguments) / sizeof(arguments[0]))

enum {
	ARG_CONFIG,
	ARG_CONTROL_PATH,
	ARG_INTERFACE,
	ARG_WORKERS,
	ARG_LOG,
	ARG_PATH,
	ARG_MARK_BIT,
	ARG_ATTACH,
	ARG_PIN,
	ARG_DETACH,
	ARG_HELP,
	ARG_VERSION
};

static void print_usage(FILE *to)
{
	fprintf(to,
		"Usage: mcrd [supervisor] [OPTION]...\n"
		"Relay multicast UDP between networks, by rules that change while it runs.\n\n");
	for (size_t i = 0; i < ARGUMENTS; i++) {
		char left[48];

		snprintf(left, sizeof(left), "--%s %s", arguments[i].name,
			 arguments[i].value ? arguments[i].value : "");
		fprintf(to, "  %-28s %s\n", left, arguments[i].help);
	}
	fprintf(to, "\nmcrctl(1) adds and removes rules; mcrd(8) says the rest.\n");
}

/* Errors of the command line are JSON, too, if --log-format=json stands anywhere in it. */
static bool json_usage;

static bool asks_for_json(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--log-format=json") ||
		    (!strcmp(argv[i], "--log-format") && i + 1 < argc &&
		     !strcmp(argv[i + 1], "json")))
			return true;
	return false;
}

static _Noreturn void usage_error(const char *what, const char *value)
{
	if (json_usage)
		log_msg(SEV_CRITICAL, FAC_SUPERVISOR, "%s%s%s; mcrd --help lists the options", what,
			value ? ": " : "", value ? value : "");
	else
		fprintf(stderr, "mcrd: %s%s%s\nmcrd --help lists the options\n", what,
			value ? ": " : "", value ? value : "");
	exit(EXIT_USAGE);
}

static unsigned parse_workers(const char *text)
{
	uint64_t n;

	if (decimal_parse(text, 1, MCR_MAX_WORKERS, &n) < 0)
		usage_error("--num-workers takes a number from 1 to 64", text);
	return (unsigned)n;
}

static bool parse_log_format(const char *text)
{
	if (strcmp(text, "json") && strcmp(text, "text"))
		usage_error("--log-format takes text or json", text);
	return text[0] == 'j';
}

static bool parse_path(const char *text)
{
	if (strcmp(text, "auto") && strcmp(text, "user"))
		usage_error("--path takes auto or user", text);
	return text[0] == 'a';
}

static unsigned parse_mark_bit(const char *text)
{
	uint64_t n;

	if (decimal_parse(text, 0, MARK_BIT_MAX, &n) < 0)
		usage_error("--mark-bit takes a number from 0 to 31", text);
	return (unsigned)n;
}

static enum attach_mode parse_attach(const char *text)
{
	static const char *const modes[] = {
		[ATTACH_AUTO] = "auto", [ATTACH_TCX] = "tcx", [ATTACH_CLSACT] = "clsact"};

	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(text, modes[i]))
			return (enum attach_mode)i;
	usage_error("--attach takes auto, tcx or clsact", text);
}

static void add_interface(struct options *o, const char *name)
{
	if (!*name || strlen(name) >= IFNAMSIZ)
		usage_error("--interface takes a name of 1 to 15 characters", name);
	if (o->n_interfaces == MCR_MAX_START_IFACES)
		usage_error("--interface is given too often (16 at most)", NULL);
	o->interfaces[o->n_interfaces++] = name;
}

static void take_argument(struct options *o, int which, const char *value)
{
	switch (which) {
	case ARG_CONFIG:
		o->config_path = value;
		break;
	case ARG_CONTROL_PATH:
		o->control_path = value;
		break;
	case ARG_INTERFACE:
		add_interface(o, value);
		break;
	case ARG_WORKERS:
		o->workers = parse_workers(value);
		break;
	case ARG_LOG:
		o->json_log = parse_log_format(value);
		break;
	case ARG_PATH:
		o->path_auto = parse_path(value);
		break;
	case ARG_MARK_BIT:
		o->mark_bit = parse_mark_bit(value);
		break;
	case ARG_ATTACH:
		o->attach = parse_attach(value);
		break;
	case ARG_PIN:
		o->pin_dir = value;
		break;
	case ARG_DETACH:
		o->detach = true;
		break;
	case ARG_HELP:
		print_usage(stdout);
		exit(0);
	case ARG_VERSION:
		printf("mcrd %s%s\n", mcr_version, mcr_version_lacks);
		exit(0);
	default: /* getopt_long() has printed the error, unless it was told not to */
		if (json_usage)
			usage_error("unknown option, or its value is missing", value);
		fprintf(stderr, "mcrd --help lists the options\n");
		exit(EXIT_USAGE);
	}
}

/* Only mcrd itself gives this option, at an upgrade. */
static int parse_resume(const char *text)
{
	uint64_t fd;

	if (decimal_parse(text, STDERR_FILENO + 1, INT_MAX, &fd) < 0)
		usage_error(ARG_RESUME " is not for use from the command line", text);
	return (int)fd;
}

static void parse_options(struct options *o, int argc, char **argv)
{
	struct option known[ARGUMENTS + 1] = {0};
	int which;

	*o = (struct options){.control_path = DEFAULT_CONTROL_PATH,
			      .mark_bit = MARK_BIT_DEFAULT,
			      .resume_fd = -1,
			      .argv = argv};
	if (argc > 1 && !strncmp(argv[1], ARG_RESUME, strlen(ARG_RESUME))) {
		o->resume_fd = parse_resume(argv[1] + strlen(ARG_RESUME));
		argc--;
		memmove(&argv[1], &argv[2], (size_t)argc * sizeof(argv[0]));
	}
	for (size_t i = 0; i < ARGUMENTS; i++)
		known[i] = (struct option){arguments[i].name,
					   arguments[i].value ? required_argument : no_argument,
					   NULL, (int)i};
	opterr = !json_usage;
	while ((which = getopt_long(argc, argv, "h", known, NULL)) != -1)
		take_argument(o, which == 'h' ? ARG_HELP : which,
			      which == '?' ? argv[optind - 1] : optarg);
	if (optind < argc && !strcmp(argv[optind], "supervisor"))
		optind++;
	if (optind < argc)
		usage_error("unexpected argument", argv[optind]);
	if (o->pin_dir && (!*o->pin_dir || strlen(o->pin_dir) >= PIN_DIR_LENGTH))
		usage_error("--pin takes a directory of up to 255 bytes, or none", o->pin_dir);
	if (o->config_path && !*o->config_path)
		usage_error("--config takes a file name", NULL);
	if (!*o->control_path)
		usage_error("--control-socket-path takes a path", NULL);
}

/* daemon/common/roles.h has the arguments; supervisor/child.c makes them. */
static int run_child(int argc, char **argv)
{
	const bool control = !strcmp(argv[1], ROLE_CONTROL);
	char name[32];

	if (argc != 4 || (!control && strcmp(argv[1], ROLE_WORKER) != 0))
		usage_error("a role is not for use from the command line", argv[1]);
	/* The kernel's name of the process is "exe" otherwise, from /proc/self/exe. */
	prctl(PR_SET_NAME, argv[0], 0, 0, 0);
	snprintf(name, sizeof(name), control ? "control" : "worker %s", argv[2]);
	log_init(name, !strcmp(argv[3], ARG_LOG_JSON));
	return control ? control_main(argv[2]) : worker_main();
}

/*
 * A descriptor 0, 1 or 2 that is not open would be taken by the first socket, and
 * log lines written into it.  Standard input is not read by any process.
 */
static void secure_standard_descriptors(void)
{
	int fd = open("/dev/null", O_RDWR);

	while (fd >= 0 && fd <= 2)
		fd = dup(fd);
	if (fd < 0)
		exit(1);
	dup2(fd, STDIN_FILENO);
	close(fd);
}

int main(int argc, char **argv)
{
	struct options options;

	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && !strncmp(argv[1], "--role=", 7))
		return run_child(argc, argv);
	if (argc > 1 && !strncmp(argv[1], ARG_CHECK_UPGRADE, strlen(ARG_CHECK_UPGRADE)))
		return supervisor_check_upgrade(argv[1] + strlen(ARG_CHECK_UPGRADE));
	secure_standard_descriptors();
	json_usage = asks_for_json(argc, argv);
	log_init("mcrd", json_usage);
	parse_options(&options, argc, argv);
	return supervisor_main(&options);
}
