/* SPDX-License-Identifier: MIT */
/* cmd_check.h - mcrlab check */
#ifndef HARNESS_MCRLAB_CMD_CHECK_H
#define HARNESS_MCRLAB_CMD_CHECK_H

/**
 * cmd_check() - compare the figures of a running relay with the kernel and its rules
 * @argc: from "check" on
 * @argv: likewise
 *
 * Return: exit status, 1 when there are faults.
 */
int cmd_check(int argc, char **argv);

#endif
