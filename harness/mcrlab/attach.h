/* SPDX-License-Identifier: MIT */
/*
 * The commands of mcrlab.  They belong to its main file and may die().  Each gets argv from its own
 * name on and returns the exit status.
 */
#ifndef HARNESS_MCRLAB_ATTACH_H
#define HARNESS_MCRLAB_ATTACH_H

struct lab;
struct topology;

int labcmd_capture(int argc, char **argv);
int labcmd_check(int argc, char **argv);
int labcmd_fault(int argc, char **argv);
int labcmd_impair(int argc, char **argv);
int labcmd_record(int argc, char **argv);

/**
 * labcmd_attach() - get hold of the lab that the user names, or die.
 *
 * Return: the lab; there is one per run of the program.
 */
struct lab *labcmd_attach(const char *name);

/** labcmd_enter() - move into a node for as long as the program runs, or die. */
void labcmd_enter(const char *lab, const char *node);

/** labcmd_node() - the node that the user names, or die.  Return: its index. */
unsigned int labcmd_node(const struct lab *lab, const char *name);

/** labcmd_end() - the end of a link that the user names, or die.  Return: the link's index. */
unsigned int labcmd_end(const struct lab *lab, const char *node, const char *interface,
			unsigned int *end);

/** labcmd_ms() - a time such as 100ms, 2s or 1.5s, or die.  Return: milliseconds. */
unsigned int labcmd_ms(const char *text);

#endif
