from datetime import UTC, datetime
from typing import Any

from model_documents import Drift, Latency, ModelResult, ShadowResult
from rendering.blocks import Prose, Section, Table
from rendering.documents import to_html, to_markdown
from rendering.models import models_section
from tests.unit.analyze.rendering.test_documents import results

AT = datetime(2026, 1, 10, tzinfo=UTC)


def drift(variable: str = "age", **changes: Any) -> Drift:
    known: dict[str, Any] = {
        "variable": variable,
        "kind": "feature",
        "values": 1_200,
        "cuts": (40.0,),
        "reference": (500, 500),
        "counts": (200, 1_000),
        "psi": 0.5127,
        "psi_by_chance": 0.004,
        "level": "large",
        "ks": 1 / 3,
        "ks_p_value": 1e-30,
    }
    return Drift.model_validate(known | changes)


def model(**changes: Any) -> ModelResult:
    known: dict[str, Any] = {
        "group": "short",
        "model_name": "ranking",
        "model_version": "v2",
        "predictions": 1_200,
        "fallbacks": 0,
        "latency_ms": Latency(p50=1.25, p95=3.5, p99=12.25),
        "first": AT,
        "last": AT,
        "drift": (drift(),),
    }
    return ModelResult.model_validate(known | changes)


def section_of(one: ModelResult) -> Section:
    return models_section([one]).sections[0]


def prose(section: Section) -> list[str]:
    return [block.text for block in section.blocks if isinstance(block, Prose)]


def table(section: Section) -> Table:
    return next(block for block in section.blocks if isinstance(block, Table))


def test_a_model_is_described_with_its_latency_and_drift() -> None:
    section = section_of(model())
    assert section.title == "ranking:v2 in short"
    assert prose(section)[0] == (
        "1,200 predictions, latency 1.250 ms at the median, 3.500 ms at the 95th and 12.25 ms at the 99th percentile."
    )
    assert table(section).rows == (("age", "1,200", "0.513", "large drift", "0.333", "< 0.0001"),)
    assert len(prose(section)) == 1


def test_fallbacks_units_outside_and_missing_values_are_said() -> None:
    constant = drift(psi=None, level=None, ks=None, ks_p_value=None, reason="no values")
    section = section_of(model(group=None, fallbacks=7, latency_ms=None, drift=(constant,)))
    assert section.title == "ranking:v2 outside the groups"
    assert prose(section) == ["1,200 predictions, 7 of them as a fallback for the group's own model."]
    assert table(section).rows == (("age", "1,200", "\N{EN DASH}", "no values", "\N{EN DASH}", "\N{EN DASH}"),)


def test_shadows_are_said() -> None:
    latency = Latency(p50=1.0, p95=2.5, p99=3.0)
    known: dict[str, Any] = {"model_name": "ranking", "model_version": "v3", "latency_ms": latency}
    shadow = ShadowResult(compared=1_000, failed=7, same=0.971, mean_difference=0.0123, **known)
    said = (
        "Shadow ranking:v3: 1,000 predictions beside these, 97.10% of them the same, mean difference 0.01230, "
        "latency 2.500 ms at the 95th percentile, 7 not made"
    )
    section = section_of(model(shadows=(shadow,)))
    assert prose(section)[1] == f"{said}."
    document = results().model_copy(update={"models": (model(shadows=(shadow,)),)})
    assert f"<p>{said}.</p>" in to_html(document)
    assert said.replace("_", "\\_") in to_markdown(document)


def test_a_shadow_that_made_nothing_says_so() -> None:
    silent = ShadowResult(
        model_name="ranking", model_version=None, compared=0, failed=4, same=None, mean_difference=None, latency_ms=None
    )
    section = section_of(model(shadows=(silent,)))
    assert prose(section)[1] == "Shadow ranking: 0 predictions beside these, 4 not made."


def test_where_no_drift_is_known_it_says_why() -> None:
    section = section_of(model(drift=(), reason="the version is not registered any more"))
    assert prose(section)[1] == "No drift is known: the version is not registered any more."


def test_of_many_variables_those_that_moved_most_are_shown() -> None:
    section = section_of(model(drift=tuple(drift(f"f{number}") for number in range(25))))
    assert len(table(section).rows) == 20
    assert table(section).about.endswith("5 variables that moved less are left out here.")


def test_both_documents_show_models_and_neither_does_without_any() -> None:
    with_models = results().model_copy(update={"models": (model(drift=(drift("a<ge"),)),)})
    html, markdown = to_html(with_models), to_markdown(with_models)
    assert ">ranking:v2 in short</h3>" in html
    assert '<th scope="row">a&lt;ge</th><td class="number">1,200</td><td class="number">0.513</td>' in html
    assert "### ranking:v2 in short" in markdown
    assert "| a\\<ge | 1,200 | 0.513 | large drift | 0.333 | \\< 0.0001 |" in markdown
    assert ">Models</h2>" not in to_html(results())
    assert "## Models" not in to_markdown(results())
