/* SPDX-License-Identifier: MIT */
/*
 * cmd.h - arguments that the commands of mcrlab share
 *
 * These functions belong to a main file: they die() with a message when an argument is wrong.
 */
#ifndef HARNESS_MCRLAB_CMD_H
#define HARNESS_MCRLAB_CMD_H

struct lab;

/**
 * cmd_attach() - attach to a lab
 * @name: of the lab
 *
 * Return: the lab; there is one per run of the program.
 */
struct lab *cmd_attach(const char *name);

/**
 * cmd_enter() - move into a node for as long as the program runs
 * @lab:  name of the lab
 * @node: name of the node
 */
void cmd_enter(const char *lab, const char *node);

/**
 * cmd_node() - find a node
 * @lab:  from cmd_attach()
 * @name: of the node
 *
 * Return: its index.
 */
unsigned cmd_node(const struct lab *lab, const char *name);

/**
 * cmd_end() - find the link that ends at an interface
 * @lab:       from cmd_attach()
 * @node:      name of the node
 * @interface: name of the interface
 * @end:       filled with 0 or 1
 *
 * Return: the link's index.
 */
unsigned cmd_end(const struct lab *lab, const char *node, const char *interface, unsigned *end);

#endif
