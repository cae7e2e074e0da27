# SPDX-License-Identifier: MIT
"""Report of bench-faults: medians and worst cases, and tables of them for people."""

import statistics


def spread(values):
    """Median and worst, which is the most."""
    return {"median": round(statistics.median(values), 2), "worst": max(values)}


def summary(trials, fields):
    return {name: spread([one[name] for one in trials]) for name in fields}


def _number(value):
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _pair(one):
    return f"{_number(one['median'])} / {_number(one['worst'])}"


def table(title, columns, rows):
    """Text: `rows` are (name, description, summary), `columns` are (heading, field)."""
    cells = [[title] + [heading for heading, _ in columns]]
    cells += [[f"{name}: {what}"] + [_pair(found[field]) if field in found else "-"
                                     for _, field in columns] for name, what, found in rows]
    widths = [max(len(row[n]) for row in cells) for n in range(len(cells[0]))]
    return "\n".join("  ".join(cell.ljust(width) if n == 0 else cell.rjust(width)
                               for n, (cell, width) in enumerate(zip(row, widths)))
                     for row in cells)
