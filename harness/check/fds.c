// SPDX-License-Identifier: MIT
/*
 * fds.c - counts /proc/PID/fd and compares it with the sum of all needs
 *
 * Of N workers each input interface needs N packet sockets and three that only count, each output
 * interface N sockets to send by, each output whose "socket" is "own" one for each worker of its
 * rule, and the memberships of an interface at least one socket for 20 groups.  How memberships
 * spread over sockets depends on their history, and which outputs to a host share one is not said,
 * so for those there are bounds; everything else is exact.
 */
#include "harness/check/fds.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/decimal.h"

#define GROUPS_OF_A_SOCKET 20
#define COUNTING_SOCKETS   3
#define MAX_SOCKETS        16384
#define MAX_NAMES          256

/* The open descriptors of the supervisor. */
struct held {
	uint64_t *sockets; /* inodes; owned */
	unsigned n_sockets;
	unsigned pidfds;
	unsigned arenas;
	unsigned pages;
	unsigned unknown; /* sockets that are in none of the kernel's tables: not bound */
	unsigned packet;
	unsigned bound; /* UDP */
};

/* The descriptors that its rules need. */
struct needed {
	char inputs[MAX_NAMES][IF_NAMESIZE];
	unsigned n_inputs;
	char outputs[MAX_NAMES][IF_NAMESIZE];
	unsigned n_outputs;
	unsigned memberships;
	unsigned unicast;
	unsigned own; /* sockets of single outputs */
	unsigned own_or_shared;
};

static void note_fd(const char *target, struct held *held)
{
	static const char socket[] = "socket:[";
	const char *rest;
	uint64_t inode;

	if (!strncmp(target, socket, strlen(socket)) &&
	    decimal_read(target + strlen(socket), UINT64_MAX, &inode, &rest) == 0) {
		if (held->n_sockets < MAX_SOCKETS)
			held->sockets[held->n_sockets++] = inode;
	} else if (!strcmp(target, "anon_inode:[pidfd]")) {
		held->pidfds++;
	} else if (strstr(target, ":mcr-arena")) {
		held->arenas++;
	} else if (strstr(target, ":mcr-worker-page")) {
		held->pages++;
	}
}

static int read_fds(pid_t pid, struct held *held)
{
	char directory[64];
	const struct dirent *entry;
	DIR *dir;

	snprintf(directory, sizeof(directory), "/proc/%d/fd", pid);
	dir = opendir(directory);
	if (!dir)
		return -1;
	/* cppcheck-suppress readdirCalled */
	while ((entry = readdir(dir))) {
		char path[sizeof(directory) + sizeof(entry->d_name) + 1];
		char target[256];
		ssize_t length;

		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		length = readlink(path, target, sizeof(target) - 1);
		if (length > 0) {
			target[length] = '\0';
			note_fd(target, held);
		}
	}
	closedir(dir);
	return 0;
}

/* Which of the sockets stand in one of the kernel's tables; @column counts from 0. */
static unsigned count_in(pid_t pid, const char *table, unsigned column, struct held *held)
{
	char path[64];
	char line[1024];
	unsigned n = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/net/%s", pid, table);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		char *save = NULL;
		const char *word = strtok_r(line, " \t\n", &save);
		uint64_t inode = 0;

		for (unsigned i = 0; i < column && word; i++)
			word = strtok_r(NULL, " \t\n", &save);
		/* The heading of the table is no number, and socket 0 is none. */
		if (!word || decimal_whole(word, 0, UINT64_MAX, &inode) < 0)
			continue;
		for (unsigned i = 0; inode && i < held->n_sockets; i++)
			if (held->sockets[i] == inode) {
				held->sockets[i] = 0; /* known now */
				n++;
			}
	}
	if (file)
		fclose(file);
	return n;
}

static void classify(pid_t pid, struct held *held)
{
	held->packet = count_in(pid, "packet", 8, held);
	held->bound = count_in(pid, "udp", 9, held);
	count_in(pid, "unix", 6, held);
	count_in(pid, "netlink", 9, held);
	for (unsigned i = 0; i < held->n_sockets; i++)
		held->unknown += held->sockets[i] != 0;
}

static void add_name(char (*names)[IF_NAMESIZE], unsigned *n, const char *name)
{
	for (unsigned i = 0; i < *n; i++)
		if (!strcmp(names[i], name))
			return;
	if (*n < MAX_NAMES)
		snprintf(names[(*n)++], IF_NAMESIZE, "%s", name);
}

static bool same_input(const cJSON *a, const cJSON *b, bool with_port)
{
	return !strcmp(check_text(a, "interface"), check_text(b, "interface")) &&
	       !strcmp(check_text(a, "group"), check_text(b, "group")) &&
	       !strcmp(check_text(a, "source"), check_text(b, "source")) &&
	       (!with_port || check_number(a, "port") == check_number(b, "port"));
}

/* Several rules may share a membership. */
static bool is_first(const cJSON *rules, const cJSON *rule, bool with_port)
{
	const cJSON *other;

	cJSON_ArrayForEach(other, rules) {
		if (other == rule)
			return true;
		if (!strcmp(check_text(other, "state"), "active") &&
		    same_input(cJSON_GetObjectItemCaseSensitive(other, "input"),
			       cJSON_GetObjectItemCaseSensitive(rule, "input"), with_port))
			return false;
	}
	return true;
}

/* A rule that is not active may have sockets all the same: those that were open before. */
static void note_senders(const cJSON *rule, bool active, struct needed *needed)
{
	const cJSON *output;
	unsigned workers =
		(unsigned)cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(rule, "workers"));

	cJSON_ArrayForEach(output, cJSON_GetObjectItemCaseSensitive(rule, "outputs")) {
		const char *socket = check_text(output, "socket");

		if (active && !strcmp(socket, "own"))
			needed->own += workers;
		else if (!strcmp(socket, "own") || !strcmp(socket, "host"))
			needed->own_or_shared += workers;
	}
}

static void note_need(const cJSON *rules, const cJSON *rule, struct needed *needed)
{
	const cJSON *input = cJSON_GetObjectItemCaseSensitive(rule, "input");
	struct in_addr group;
	const cJSON *output;
	bool multicast, active = !strcmp(check_text(rule, "state"), "active");

	note_senders(rule, active, needed);
	if (!active)
		return;
	multicast = inet_pton(AF_INET, check_text(input, "group"), &group) == 1 &&
		    IN_MULTICAST(ntohl(group.s_addr));
	if (is_first(rules, rule, !multicast)) {
		needed->memberships += multicast;
		needed->unicast += !multicast;
	}
	add_name(needed->inputs, &needed->n_inputs, check_text(input, "interface"));
	cJSON_ArrayForEach(output, cJSON_GetObjectItemCaseSensitive(rule, "outputs")) {
		add_name(needed->outputs, &needed->n_outputs, check_text(output, "interface"));
	}
}

/* Was the relay started with "--interface @name"? */
static bool is_argument(const char *args, size_t length, const char *name)
{
	static const char option[] = "--interface";
	bool next = false;

	for (size_t at = 0; at < length; at += strlen(args + at) + 1) {
		const char *word = args + at;

		if (next && !strcmp(word, name))
			return true;
		next = !strcmp(word, option);
		if (!strncmp(word, option, sizeof(option) - 1) && word[sizeof(option) - 1] == '=' &&
		    !strcmp(word + sizeof(option), name))
			return true;
	}
	return false;
}

/* Fills @args, which always ends in two zeros.  Return: bytes, the last zero not counted. */
static size_t read_arguments(pid_t pid, char *args, size_t size)
{
	char path[64];
	size_t length;
	FILE *file;

	memset(args, 0, size);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	length = fread(args, 1, size - 2, file);
	fclose(file);
	return length;
}

static void find_needed(const struct check_relay *relay, struct needed *needed)
{
	const cJSON *rules = cJSON_GetObjectItemCaseSensitive(relay->rules, "rules");
	const cJSON *rule;
	const cJSON *interface;
	char args[4096];
	size_t length = read_arguments(relay->pid, args, sizeof(args));

	cJSON_ArrayForEach(rule, rules) {
		note_need(rules, rule, needed);
	}
	/*
	 * Inputs that are open without a rule: those that the command line named, if they exist.
	 * The statistics also list those that were open once.
	 */
	cJSON_ArrayForEach(interface,
			   cJSON_GetObjectItemCaseSensitive(relay->stats, "interfaces")) {
		const char *name = check_text(interface, "name");

		if (is_argument(args, length, name))
			add_name(needed->inputs, &needed->n_inputs, name);
	}
}

static void expect(const char *what, unsigned is, unsigned low, unsigned high,
		   struct check_faults *faults)
{
	if (is < low || is > high)
		check_fault(faults,
			    low == high ? "descriptors: %u %s, should be %u"
					: "descriptors: %u %s, should be %u to %u",
			    is, what, low, high);
}

static void compare(const struct held *held, const struct needed *needed, unsigned workers,
		    struct check_faults *faults)
{
	unsigned senders = needed->n_outputs * workers;
	unsigned least = (needed->memberships + GROUPS_OF_A_SOCKET - 1) / GROUPS_OF_A_SOCKET;

	expect("packet sockets", held->packet, needed->n_inputs * (workers + COUNTING_SOCKETS),
	       needed->n_inputs * (workers + COUNTING_SOCKETS), faults);
	/* A socket that has sent is bound, one that has not yet is not. */
	expect("UDP sockets", held->bound + held->unknown,
	       needed->unicast + senders + needed->own + least,
	       needed->unicast + senders + needed->own + needed->own_or_shared +
		       needed->memberships,
	       faults);
	expect("arenas", held->arenas, workers, workers, faults);
	expect("worker pages", held->pages, workers, workers, faults);
	expect("pidfds", held->pidfds, workers + 1, workers + 1, faults);
}

void check_descriptors(const struct check_relay *relay, struct check_faults *faults)
{
	struct needed *needed = calloc(1, sizeof(*needed));
	struct held held = {.sockets = calloc(MAX_SOCKETS, sizeof(*held.sockets))};

	if (!needed || !held.sockets) {
		check_fault(faults, "descriptors: no memory");
	} else if (read_fds(relay->pid, &held)) {
		check_fault(faults, "descriptors: those of process %d cannot be read", relay->pid);
	} else {
		classify(relay->pid, &held);
		find_needed(relay, needed);
		compare(&held, needed,
			(unsigned)cJSON_GetArraySize(
				cJSON_GetObjectItemCaseSensitive(relay->workers, "workers")),
			faults);
	}
	free(held.sockets);
	free(needed);
}
