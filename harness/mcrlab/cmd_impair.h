/* SPDX-License-Identifier: MIT */
/* cmd_impair.h - mcrlab impair */
#ifndef HARNESS_MCRLAB_CMD_IMPAIR_H
#define HARNESS_MCRLAB_CMD_IMPAIR_H

/**
 * cmd_impair() - change, show or clear the impairments of a link
 * @argc: from "impair" on
 * @argv: likewise
 *
 * Return: exit status.
 */
int cmd_impair(int argc, char **argv);

#endif
