"""Draw docs/images/flash-sale.svg from .local/flash_sale.json; only matplotlib and the standard library are needed."""

from __future__ import annotations

import json

from draw import BLUE, GREEN, INK, ORANGE, ROOT, STYLE, labelled, save, tidy
from matplotlib import pyplot

LOOKS = {"neither": (INK, ":"), "shards": (ORANGE, "--"), "grouping": (BLUE, "-."), "both": (GREEN, "-")}
SECONDS = 20.0


def main() -> None:
    """Draw the units sold and the buyers answered, by the time since the buyers came."""
    given = json.loads((ROOT / ".local/flash_sale.json").read_text())
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(1, 2, figsize=(10.5, 3.6))
        for axis, what, title in zip(
            axes, ("sales", "answers"), ("units sold", "buyers answered"), strict=True
        ):
            for sale in given["sales"]:
                colour, line = LOOKS[sale["name"]]
                moments, counts = zip((0.0, 0), *sale[what], strict=True)
                axis.plot(moments, counts, line, color=colour, linewidth=1.8, label=sale["name"])
            labelled(axis, title, "seconds since the buyers came", "")
            axis.set_xlim(0, SECONDS)
        save(tidy(figure, axes[0]), "flash-sale")


if __name__ == "__main__":
    main()
