# SPDX-License-Identifier: MIT
"""Plain text for a terminal of 80 columns or more; colours only where there is one."""

import shlex
import sys
import textwrap

WIDTH = 92
BOLD, RED, GREEN, DIM = "1", "31", "32", "2"


class Closed(Exception):
    """Nobody reads what we print."""


def coloured(text, code):
    return f"\033[{code}m{text}\033[0m" if sys.stdout.isatty() else text


def say(text=""):
    try:
        print(text, flush=True)
    except BrokenPipeError as error:
        raise Closed from error


def heading(text):
    say()
    say(coloured(text, BOLD))


def paragraph(text):
    say(textwrap.fill(" ".join(text.split()), WIDTH, initial_indent="  ",
                      subsequent_indent="  "))


def fact(name, value, bad=False):
    """One measured thing: a name and what was measured."""
    say(f"  {name:<41} {coloured(value, RED) if bad else value}")


def block(text):
    """Print the output of a program, indented."""
    for line in text.rstrip().splitlines():
        say(f"    {line}")


def _with_values(words):
    """Options together with their values; the rest word by word."""
    groups = []
    for word in words:
        if groups and groups[-1].startswith("--") and not word.startswith("--"):
            groups[-1] += f" {word}"
        else:
            groups.append(word)
    return groups


def command(node, argv):
    """A command line that was run, in a shape that can be pasted; node "" is this machine."""
    words = [word if word.startswith(("$", "SOCKET=")) else shlex.quote(word)
             for word in map(str, argv)]
    lines = [f"  {node}$"]
    for group in _with_values(words):
        if len(lines[-1]) + 1 + len(group) <= WIDTH - 2:
            lines[-1] += f" {group}"
        else:
            lines[-1] += " \\"
            lines.append(f"      {group}")
    for line in lines:
        say(coloured(line, BOLD))


def _columns(cells):
    return f"  {cells[0]:>6}" + "".join(f"{cell:>14}" for cell in cells[1:])


def titles(cells):
    say(coloured(_columns(cells), DIM))


def row(cells, bad=False):
    """A line of a table under its titles."""
    say(coloured(_columns(cells), RED) if bad else _columns(cells))


def error(text):
    print(f"demo: {text}", file=sys.stderr, flush=True)
