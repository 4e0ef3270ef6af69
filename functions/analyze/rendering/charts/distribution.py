"""How users' values are spread, by group."""

from itertools import pairwise

from bakeoff_core.experiments.metrics import Metric
from rendering.blocks import Chart, JsonObject, Table
from rendering.formatting import count, percent, plain
from rendering.plotly import line, over, style
from results import Distribution, Results


def distribution_chart(results: Results, metric: Metric) -> Chart | None:
    """The share of each group's users in each bin of values."""
    found = {
        name: group.distributions[metric.name]
        for name, group in results.groups.items()
        if metric.name in group.distributions and group.distributions[metric.name].n
    }
    if not found:
        return None
    bins = _bins(next(iter(found.values())))
    return Chart(
        f"{metric.name}: distribution of users' values, by group",
        " ".join(f"{name}: {_finding(each)}." for name, each in found.items()),
        tuple(_trace(name, each, at) for at, (name, each) in enumerate(found.items())),
        over(f"{metric.name} of a user", "Share of the group's users", y_suffix="%"),
        Table(
            f"{metric.name}: users by value",
            "Users in each range of values; a range holds its lower end, the last one both.",
            ("Value", *(heading for name in found for heading in (name, f"{name}, share"))),
            tuple(
                (
                    written,
                    *(cell for each in found.values() for cell in (count(_all(each)[at]), _share(each, at))),
                )
                for at, written in enumerate(bins)
                if any(_all(each)[at] for each in found.values())
            ),
        ),
    )


def _trace(name: str, each: Distribution, at: int) -> JsonObject:
    """A line that steps at the edges of the bins."""
    counts = [*each.counts, each.counts[-1]]
    ranges = [*_bins(each)[1:-1], _bins(each)[-2]]
    look = style(at)
    trace = line(
        each.edges,
        [100 * n / each.n for n in counts],
        hover=[
            f"{name}, {written}: {count(n)} users, {percent(n / each.n)}"
            for n, written in zip(counts, ranges, strict=True)
        ],
        look=look,
        name=name,
        markers=False,
    )
    return trace | {"line": {"color": look.colour, "dash": look.dash, "width": 2.5, "shape": "hv"}}


def _finding(each: Distribution) -> str:
    largest = max(range(len(_all(each))), key=_all(each).__getitem__)
    outside = each.below + each.above
    beyond = f", {count(outside)} users lie outside the chart" if outside else ""
    return f"{_share(each, largest)} of users have {_bins(each)[largest]}, more than any other range{beyond}"


def _all(each: Distribution) -> list[int]:
    return [each.below, *each.counts, each.above]


def _share(each: Distribution, at: int) -> str:
    return percent(_all(each)[at] / each.n)


def _bins(each: Distribution) -> list[str]:
    edges = [plain(edge) for edge in each.edges]
    return [f"below {edges[0]}", *(f"{low} to {high}" for low, high in pairwise(edges)), f"above {edges[-1]}"]
