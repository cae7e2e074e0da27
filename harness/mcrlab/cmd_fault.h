/* SPDX-License-Identifier: MIT */
/* cmd_fault.h - mcrlab fault */
#ifndef HARNESS_MCRLAB_CMD_FAULT_H
#define HARNESS_MCRLAB_CMD_FAULT_H

/**
 * cmd_fault() - do one fault
 * @argc: from "fault" on
 * @argv: likewise
 *
 * Return: exit status.
 */
int cmd_fault(int argc, char **argv);

#endif
