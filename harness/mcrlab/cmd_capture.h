/* SPDX-License-Identifier: MIT */
/* cmd_capture.h - mcrlab capture and mcrlab record */
#ifndef HARNESS_MCRLAB_CMD_CAPTURE_H
#define HARNESS_MCRLAB_CMD_CAPTURE_H

/**
 * cmd_capture() - capture the packets of one interface in a file
 * @argc: from "capture" on
 * @argv: likewise
 *
 * Return: exit status.
 */
int cmd_capture(int argc, char **argv);

/**
 * cmd_record() - keep the last packets of every link in memory, and write them on SIGUSR1
 * @argc: from "record" on
 * @argv: likewise
 *
 * Return: exit status.
 */
int cmd_record(int argc, char **argv);

#endif
