"""Draw docs/images/growth-*.svg from .local/growth.json; only matplotlib and the standard library are needed.

Only counts are drawn: the same figures give the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs/images"
# Okabe and Ito's colours, told apart with any colour vision; each line has a mark of its own as well.
BLUE, ORANGE, GREEN, INK, FAINT = "#0072B2", "#D55E00", "#007A5E", "#222222", "#DDDDDD"
STYLE = {
    "svg.hashsalt": "souk",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "figure.facecolor": "white",
}


def main() -> None:
    """Draw all three."""
    rows = json.loads((ROOT / ".local/growth.json").read_text())
    with pyplot.rc_context(STYLE):
        save(by_size(rows["sizes"]), "growth-size")
        save(by_lines(rows["lines"]), "growth-lines")
        save(by_batch(rows["batches"]), "growth-batch")


def by_size(sizes: dict[str, Any]) -> Figure:
    """One row for each operation, one ring for each size of the shop: rings in one place mean no growth."""
    operations = list(next(iter(sizes.values())))
    parts = (
        ("read_units", "read units", 1),
        ("write_units", "write units", 1),
        ("aws_calls", "AWS calls", 1),
        ("python_calls", "Python calls, thousands", 1000),
    )
    figure, axes = pyplot.subplots(
        1, len(parts), figsize=(10.5, 6.4), sharey=True, width_ratios=(2, 1.6, 1.6, 1.6)
    )
    rings = zip(sizes, (BLUE, ORANGE, GREEN), (4.0, 7.5, 11.0), strict=True)
    for size, colour, width in rings:
        for axis, (what, _, by) in zip(axes, parts, strict=True):
            values = [sizes[size][name][what] / by for name in operations]
            axis.plot(
                values,
                range(len(operations)),
                "o",
                markersize=width,
                markerfacecolor="none",
                color=colour,
                label=f"{int(size):,} of each",
            )
    for axis, (_, label, _) in zip(axes, parts, strict=True):
        axis.set_xlabel(label)
        axis.set_xlim(left=-0.04 * axis.get_xlim()[1])
    axes[0].set_yticks(range(len(operations)), operations)
    axes[0].invert_yaxis()
    figure.suptitle(
        "What an operation takes, in shops of three sizes (products, customers and orders)", x=0.01, ha="left"
    )
    figure.legend(*axes[0].get_legend_handles_labels(), loc="upper left", bbox_to_anchor=(0, 0.965), ncols=3)
    figure.tight_layout(rect=(0, 0, 1, 0.95))
    return figure


def by_lines(lines: dict[str, Any]) -> Figure:
    """Units by the number of lines: of the order, of one more put into its cart, of its quote."""
    titles = {
        "order, placed to confirmed": "order, placed to confirmed",
        "put into the cart": "one put into such a cart",
        "quote": "quote of such a cart",
    }
    figure, axes = pyplot.subplots(1, 3, figsize=(10.5, 3.2))
    for axis, (name, title) in zip(axes, titles.items(), strict=True):
        for what, colour, mark in (("write_units", BLUE, "o-"), ("read_units", ORANGE, "s--")):
            axis.plot(
                [int(number) for number in lines],
                [costs[name][what] for costs in lines.values()],
                mark,
                color=colour,
                markersize=4,
                label=what.replace("_", " "),
            )
        labelled(axis, title, "lines", "units")
    return tidy(figure, axes[0])


def by_batch(batches: dict[str, Any]) -> Figure:
    """What an order takes to be captured, by how many events are handed over at once."""
    parts = (
        (
            "requests and calls",
            "number an order",
            1,
            (
                ("aws_calls", "AWS calls", BLUE, "o-"),
                ("sqs_requests", "SQS requests", ORANGE, "s--"),
                ("invocations", "invocations", GREEN, "^:"),
            ),
        ),
        (
            "units",
            "units an order",
            1,
            (
                ("write_units", "write units", BLUE, "o-"),
                ("read_units", "read units", ORANGE, "s--"),
            ),
        ),
        ("logs", "kilobytes an order", 1000, (("log_bytes", "log", BLUE, "o-"),)),
    )
    figure, axes = pyplot.subplots(1, 3, figsize=(10.5, 3.2))
    for axis, (title, label, by, drawn) in zip(axes, parts, strict=True):
        for what, name, colour, mark in drawn:
            values = [cost[what] / by for cost in batches.values()]
            axis.plot(
                [int(number) for number in batches], values, mark, color=colour, markersize=4, label=name
            )
        labelled(axis, title, "events handed over at once, at most", label)
        if len(drawn) > 1:
            axis.legend()
    return tidy(figure)


def labelled(axis: Axes, title: str, x: str, y: str) -> None:
    """Name an axis' parts and have it begin at zero."""
    axis.set_title(title)
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    axis.set_xlim(left=0)
    axis.set_ylim(bottom=0)


def tidy(figure: Figure, legend_of: Axes | None = None) -> Figure:
    """Return the figure with its parts in place."""
    if legend_of is not None:
        legend_of.legend()
    figure.tight_layout()
    return figure


def save(figure: Figure, name: str) -> None:
    """Write a picture that has no date in it."""
    figure.savefig(IMAGES / f"{name}.svg", metadata={"Date": None, "Title": name.replace("-", " ")})
    pyplot.close(figure)
    print(f"docs/images/{name}.svg")


if __name__ == "__main__":
    main()
