"""How a bandit moved its users between groups."""

from rendering.blocks import Chart, Table
from rendering.formatting import count, moment, percent
from rendering.plotly import line, over_days, style
from results import Results


def weights_chart(results: Results) -> Chart | None:
    """The weight of each group from epoch to epoch."""
    epochs = results.epochs
    if not epochs:
        return None
    last = epochs[-1]
    names = [name for name in results.groups if name in last.weights]
    heaviest = max(names, key=lambda name: last.weights[name])
    # The last weights are in force until now.
    times = [*(epoch.computed_at.isoformat() for epoch in epochs), max(results.as_of, last.computed_at).isoformat()]
    traces = []
    for at, name in enumerate(names):
        weights = [epoch.weights.get(name, 0.0) for epoch in (*epochs, last)]
        look = style(at)
        trace = line(
            times,
            [100 * weight for weight in weights],
            hover=[f"{name}: {percent(weight)}" for weight in weights],
            look=look,
            name=name,
            markers=False,
        )
        traces.append(trace | {"line": {"color": look.colour, "dash": look.dash, "width": 2.5, "shape": "hv"}})
    layout = over_days("Weight", times, suffix="%", from_zero=True)
    return Chart(
        "Weights of the bandit over time, by group",
        f"Since {moment(last.computed_at)}, epoch {count(last.number)}: "
        + ", ".join(f"{name} {percent(last.weights[name])}" for name in names)
        + f". {heaviest} has most.",
        tuple(traces),
        layout
        | {
            "xaxis": layout["xaxis"]
            | {"title": {"text": "Time (UTC)"}, "tickformat": "%-d %b\n%H:%M", "hoverformat": "%-d %b %Y, %H:%M UTC"}
        },
        Table(
            "Epochs of the bandit",
            "When the weights were computed, from what, and what they became.",
            (
                "Computed",
                "Epoch",
                *(
                    heading
                    for name in names
                    for heading in (f"{name}, weight", f"{name}, exposures", f"{name}, rewards")
                ),
            ),
            tuple(
                (
                    moment(epoch.computed_at),
                    count(epoch.number),
                    *(
                        cell
                        for name in names
                        for cell in (
                            percent(epoch.weights.get(name, 0.0)),
                            count(epoch.exposures.get(name, 0)),
                            count(epoch.rewards.get(name, 0)),
                        )
                    ),
                )
                for epoch in epochs
            ),
        ),
    )
