"""`bakeoff power`: how many users an experiment needs, or what it can show with those that it gets."""

import json
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from bakeoff.analysis_code import make_importable
from bakeoff.commands.failures import failures_in_words
from bakeoff.errors import UsageError

if TYPE_CHECKING:
    from bakeoff.planning import Need, Question

Format = Literal["table", "json"]

_NOTHING = "-"


def power(  # noqa: PLR0913 - every option of the command
    *,
    baseline: Annotated[float, typer.Option(help="The control's conversion rate, such as 0.12; with --sd, its mean.")],
    sd: Annotated[float | None, typer.Option(help="For a mean: the standard deviation of one user's value.")] = None,
    effect: Annotated[float | None, typer.Option(help="The absolute difference to find, such as 0.006.")] = None,
    relative: Annotated[float | None, typer.Option(help="The relative difference to find, such as 0.05.")] = None,
    users: Annotated[int | None, typer.Option(min=1, help="Users expected in all groups: what can they show?")] = None,
    users_per_day: Annotated[float | None, typer.Option(min=0, help="New users a day in all groups.")] = None,
    groups: Annotated[int, typer.Option(min=2, max=50, help="Groups, the control among them.")] = 2,
    alpha: Annotated[float, typer.Option(min=1e-6, max=0.5, help="Probability of a false finding.")] = 0.05,
    target: Annotated[
        float, typer.Option("--power", min=0.5, max=0.9999, help="Probability of finding the effect.")
    ] = 0.8,
    one_sided: Annotated[bool, typer.Option("--one-sided", help="Test in the direction of the effect alone.")] = False,
    output: Annotated[Format, typer.Option("--format", help="What to print.")] = "table",
) -> None:
    """Plan an experiment: users needed, effects that can be detected, days that it takes."""
    with failures_in_words():
        make_importable()
        from bakeoff.planning import Question, detectable, need, needs  # noqa: PLC0415 - importable from here on
        from stats.power import Design  # noqa: PLC0415

        if effect is not None and relative is not None:
            raise UsageError("--effect and --relative say the same in two ways: give one of them")
        design = Design(alpha=alpha, power=target, sides=1 if one_sided else 2, treatments=groups - 1)
        question = Question(design, baseline, sd, users_per_day)
        asked = relative * abs(baseline) if relative is not None else effect
        answers = {
            "effect": None if asked is None else need(question, asked),
            "users": None if users is None else detectable(question, users),
        }
        table = needs(question)
    if output == "json":
        document = {name: None if answer is None else answer.to_json() for name, answer in answers.items()}
        typer.echo(json.dumps(document | {"table": [row.to_json() for row in table]}, indent=2))
        return
    for name, answer in answers.items():
        if answer is not None:
            typer.echo(_sentence(name, answer, question))
    Console().print(_table(table, question))


def _sentence(name: str, answer: "Need", question: "Question") -> str:
    if answer.reason is not None:
        return f"{answer.reason}."
    days = "" if answer.days is None else f", {answer.days:,} days"
    who = f"{answer.users:,} users, {answer.users_per_group:,} in each of {question.groups} groups{days}"
    if name == "effect":
        return f"A difference of {_effect(answer, question)} takes {who}."
    return f"With {who}, the smallest difference that is found is {_effect(answer, question)}."


def _effect(answer: "Need", question: "Question") -> str:
    absolute = f"{100 * answer.effect:+.3g} points" if question.sd is None else f"{answer.effect:+.4g}"
    return absolute if answer.relative is None else f"{absolute} ({100 * answer.relative:+.3g}%)"


def _table(rows: "list[Need]", question: "Question") -> Table:
    design = question.design
    baseline = f"{100 * question.baseline:g}%" if question.sd is None else f"{question.baseline:g} ± {question.sd:g}"
    title = f"baseline {baseline}, alpha {design.alpha:g}, power {100 * design.power:g}%, {question.groups} groups"
    table = Table(title=title, title_justify="left", title_style="bold")
    for heading in ("relative", "difference", "users a group", "users"):
        table.add_column(heading, justify="right")
    if question.users_per_day is not None:
        table.add_column("days", justify="right")
    for row in rows:
        relative = _NOTHING if row.relative is None else f"{100 * row.relative:+.3g}%"
        difference = f"{100 * row.effect:+.3g} points" if question.sd is None else f"{row.effect:+.4g}"
        numbers = [row.users_per_group, row.users, *(() if question.users_per_day is None else (row.days,))]
        table.add_row(relative, difference, *(_NOTHING if number is None else f"{number:,}" for number in numbers))
    return table
