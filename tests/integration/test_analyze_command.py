"""`bakeoff analyze` on real and small files: the published figures, both shapes of rows, and what is wrong in words."""

import gzip
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from bakeoff.main import app
from stats.means import Moments, welch
from stats.paired import PairedMoments
from tests.conftest import PROJECT_ROOT
from tests.support import experiment

COOKIE_CATS = ["--unit", "userid", "--group", "version", "--control", "gate_30"]
OWN = ["--unit", "user", "--group", "variant", "--control", "old"]
ROWS = [
    ("a", "old", "DE", "1", "10.5", "1", "3"),
    ("b", "old", "DE", "0", "0", "0", "1"),
    ("c", "old", "AT", "TRUE", "4", "2", "2"),
    ("d", "new one", "DE", "false", "7.25", "1", "2"),
    ("e", "new one", "AT", "yes", "NA", "3", "4"),
    ("f", "new one", "", "1", "-1", "", "5"),
]
HEADER = "user,variant,country,bought,spent,orders,visits before"


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["analyze", *arguments])


def analyzed(*arguments: str) -> dict[str, Any]:
    result = run(*arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


@pytest.fixture
def own(tmp_path: Path) -> str:
    path = tmp_path / "own data.csv"
    path.write_text("\n".join([HEADER, *(",".join(row) for row in ROWS)]) + "\n")
    return str(path)


def test_cookie_cats(shared_data: Path) -> None:
    metrics = ["--metric", "retention_7:conversion", "--metric", "retention_1:conversion"]
    document = analyzed(
        str(shared_data / "cookie_cats.csv.gz"), *COOKIE_CATS, *metrics, "--metric", "sum_gamerounds:mean"
    )
    assert {name: group["n"] for name, group in document["groups"].items()} == {"gate_30": 44_700, "gate_40": 45_489}
    ratio = document["sample_ratio"]
    assert (round(ratio["statistic"], 3), round(ratio["p_value"], 5), ratio["alarm"]) == (6.902, 0.00861, False)
    compared = document["comparisons"]["gate_40"]
    week, day, rounds = compared["retention_7"], compared["retention_1"], compared["sum_gamerounds"]
    assert (round(100 * week["control"], 3), round(100 * week["treatment"], 3)) == (19.020, 18.200)
    assert round(week["p_value"], 8) == 0.00155425
    assert (round(100 * day["control"], 3), round(100 * day["treatment"], 3)) == (44.819, 44.228)
    assert round(day["p_value"], 7) == 0.0744097
    assert (round(rounds["control"], 3), round(rounds["treatment"], 3)) == (52.456, 51.299)
    assert round(rounds["p_value"], 4) == 0.3759
    assert week["always_valid_interval"] == week["always_valid"]["interval"]
    assert week["always_valid_interval"][0] < week["interval"][0] < week["difference"] < week["interval"][1]
    assert {"adjusted_p_value", "relative_difference", "relative_interval", "method"} <= week.keys()
    assert document["decision"]["verdict"] == "reject"
    assert document["decision"]["basis"] == "planned_horizon"


def test_weights_and_looks_count(shared_data: Path) -> None:
    document = analyzed(
        *(str(shared_data / "cookie_cats.csv.gz"), *COOKIE_CATS, "--metric", "retention_7:conversion"),
        *("--weight", "gate_30=0.6", "--weight", "gate_40=0.4", "--always-valid", "--level", "0.9"),
    )
    assert document["sample_ratio"]["alarm"]
    assert document["decision"]["verdict"] == "invalid"
    assert document["decision"]["basis"] == "always_valid"
    assert document["analysis"]["confidence_level"] == 0.9


def test_a_row_an_event_with_times(shared_data: Path) -> None:
    document = analyzed(
        *(str(shared_data / "ab_data.csv.gz"), "--unit", "user_id", "--group", "group", "--control", "control"),
        *("--metric", "converted:conversion", "--time", "timestamp"),
    )
    assert document["table"]["rows"] == 294_478
    assert document["table"]["units"] == 290_584
    assert document["table"]["rows_are_events"]
    assert sum(group["n"] for group in document["groups"].values()) + document["crossovers"] == 290_584
    assert document["window"]["first_exposure"].startswith("2017-01-02")
    # At the rate of the 22 days that it ran for, and not of all the time since then.
    needed = document["decision"]["still_needed"]
    assert (needed["more_users"], needed["days"]) == (1_270_773, 97)
    daily = document["groups"]["control"]["daily"]
    assert (daily[0]["date"], daily[-1]["date"]) == ("2017-01-02", "2017-01-24")
    assert sum(day["users"] for day in daily) == document["groups"]["control"]["n"]
    assert sum(day["value"] for day in daily) == document["groups"]["control"]["metrics"]["converted"]["conversions"]


def test_every_kind_of_metric_and_missing_values(own: str) -> None:
    metrics = ["bought:conversion", "spent:mean", "orders:count", "spent/orders:ratio", "spent:quantile:0.5"]
    with pytest.raises(AssertionError, match="'spent' is there twice"):
        analyzed(own, *OWN, *(part for metric in metrics for part in ("--metric", metric)))
    document = analyzed(own, *OWN, *(part for metric in metrics[:4] for part in ("--metric", metric)))
    new = document["groups"]["new_one"]["metrics"]
    assert (new["bought"]["conversions"], new["bought"]["n"]) == (2, 3)
    assert (new["spent"]["sum"], new["spent"]["n"]) == (6.25, 2)
    assert (new["orders"]["sum"], new["orders"]["n"]) == (4, 2)
    assert new["spent_orders"]["ratio"] == 7.25
    assert document["table"]["missing_values"] == {"orders": 1, "spent": 1}
    compared = welch(Moments.of([10.5, 0, 4]), Moments.of([7.25, -1]))
    assert document["comparisons"]["new_one"]["spent"]["difference"] == pytest.approx(compared.estimate)  # type: ignore[union-attr]
    result = run(own, *OWN, "--metric", "spent:mean")
    assert "spent: 1 values are missing, left out of that metric" in result.stderr


def test_quantile_retention_direction_and_winsorisation(own: str) -> None:
    document = analyzed(
        *(own, *OWN, "--metric", "visits before:quantile:0.5", "--metric", "bought:retention:7"),
        *("--metric", "orders:mean", "--winsorize", "orders=0.6", "--decrease", "orders"),
    )
    old = document["groups"]["old"]["metrics"]
    assert old["visits_before"]["value"] == 2
    assert old["bought"]["kind"] == "retention"
    assert old["bought"]["conversions"] == 2
    orders = document["groups"]["new_one"]["metrics"]["orders"]
    assert (orders["cap"], orders["sum"], orders["uncut_mean"]) == (1, 2, 2)
    assert document["comparisons"]["new_one"]["orders"]["direction"] == "decrease"


def test_covariates_and_segments(own: str) -> None:
    document = analyzed(
        *(own, *OWN, "--metric", "orders:mean", "--covariate", "orders=visits before", "--segment", "country"),
    )
    pooled = PairedMoments.of([(1, 3), (0, 1), (2, 2), (1, 2), (3, 4)])
    comparison = document["comparisons"]["new_one"]["orders"]
    assert comparison["covariate"]["theta"] == pytest.approx(pooled.comoment / pooled.m2_x)
    assert comparison["covariate"]["unadjusted"]["difference"] == pytest.approx(1)
    assert "country" in json.dumps(document["segments"])


def test_a_unit_in_two_groups_is_left_out_and_rows_without_names_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    lines = ["user,variant,spent", "a,old,1", "a,old,2", "b,new,3", "b,old,4", "c,new,", "d,,5", ",new,6"]
    path.write_text("\n".join(lines))
    document = analyzed(str(path), *OWN, "--metric", "spent:mean")
    assert document["crossovers"] == 1
    assert {name: group["metrics"]["spent"]["sum"] for name, group in document["groups"].items()} == {
        "old": 3,
        "new": 0,
    }
    assert (document["table"]["without_unit"], document["table"]["without_group"]) == (1, 1)


def test_none_is_a_name_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "units.csv"
    path.write_text("user,variant,spent\na,none,1\nb,none,null\nc,None,3\nd,NA,4\n")
    document = analyzed(
        str(path), "--unit", "user", "--group", "variant", "--control", "none", "--metric", "spent:mean"
    )
    assert {name: group["n"] for name, group in document["groups"].items()} == {"none": 2, "None": 1}
    assert document["groups"]["none"]["metrics"]["spent"]["n"] == 1


@pytest.mark.parametrize("ending", ["csv.gz", "parquet"])
def test_other_files_come_to_the_same(own: str, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"own data.{ending}"
    if ending == "parquet":
        duckdb.read_csv(own, na_values=["", "NA"]).write_parquet(str(path))
    else:
        path.write_bytes(gzip.compress(Path(own).read_bytes()))
    asked = (*OWN, "--metric", "spent:mean", "--metric", "bought:conversion", "--segment", "country")
    documents = [analyzed(file, *asked) for file in (own, str(path))]
    for document in documents:
        for moment in ("computed_at", "as_of", "window", "description"):
            del document[moment]
    assert documents[0] == documents[1]


@pytest.mark.parametrize(
    ("output", "begin"), [("markdown", "# "), ("html", "<!doctype html>"), ("table", "own_data: b")]
)
def test_other_formats(own: str, output: str, begin: str) -> None:
    result = run(own, *OWN, "--metric", "bought:conversion", "--format", output)
    assert result.exit_code == 0
    assert result.stdout.lower().startswith(begin)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--metric", "nothing:mean"), "nothing: is no column of own data.csv, which has user, variant, country"),
        (("--metric", "country:mean"), "country: 5 values are no numbers, such as 'AT'"),
        (("--metric", "spent:average"), "--metric: must read COLUMN:kind with kind one of conversion, mean"),
        (("--metric", "spent:ratio"), "--metric: a ratio must read NUMERATOR/DENOMINATOR:ratio, got 'spent'"),
        (("--metric", "spent:mean:3"), "--metric: a mean takes no parameter, got '3'"),
        (("--metric", "spent:quantile:high"), "--metric: must be a number, got 'high'"),
        (
            ("--metric", "spent:mean", "--control", "older"),
            "--control: 'older' is no group of 'variant', which has new_one",
        ),
        (("--metric", "spent:mean", "--weight", "old=1"), "--weight: is missing for new_one"),
        (("--metric", "spent:mean", "--weight", "x=1"), "--weight: 'x' is no group, which are"),
        (("--metric", "spent:mean", "--weight", "old"), "--weight: must read group=share, got 'old'"),
        (("--metric", "spent:mean", "--covariate", "x=y"), "--covariate: 'x' is no metric, which are spent"),
        (("--metric", "spent:mean", "--decrease", "x"), "--decrease: 'x' is no metric, which are spent"),
        (("--metric", "spent:mean", "--group", "user"), "--control: 'old' is no group of 'user'"),
        (("--metric", "spent:mean", "--time", "country"), "country: 6 rows have no time, or one that cannot be read"),
    ],
)
def test_what_is_wrong_is_said(own: str, arguments: tuple[str, ...], message: str) -> None:
    result = run(own, *OWN, *arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("bakeoff: ")
    assert message in result.stderr


def test_one_group_only_and_too_many(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text("user,variant,spent\n" + "".join(f"u{number},old,1\n" for number in range(60)))
    result = run(str(path), *OWN, "--metric", "spent:mean")
    assert "variant: has only the group old; a comparison needs two" in result.stderr
    result = run(str(path), "--unit", "user", "--group", "user", "--control", "u1", "--metric", "spent:mean")
    assert "user: has 60 different values, too many to be the groups of a test" in result.stderr


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("no.csv", None, "no.csv: there is no such file"),
        ("bad.parquet", b"?", "bad.parquet: cannot be read as Parquet"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str, body: bytes | None, message: str) -> None:
    if body is not None:
        (tmp_path / name).write_bytes(body)
    result = run(str(tmp_path / name), *OWN, "--metric", "spent:mean")
    assert result.exit_code == 1
    assert message in result.stderr


def test_the_documented_metrics_are_metrics() -> None:
    text = (PROJECT_ROOT / "docs" / "analysis.md").read_text()
    block = text[text.index('"metrics": [') :].split("\n```", 1)[0]
    metrics = experiment(**json.loads(f"{{{block}}}")).metrics
    assert [metric.kind for metric in metrics] == ["conversion", "mean", "count", "ratio", "quantile", "retention"]


@pytest.mark.parametrize(("kind", "said"), [("executive", "Executive report"), ("dashboard", "Dashboard, computed")])
@pytest.mark.parametrize("output", ["markdown", "html"])
def test_each_report_is_printed(own: str, output: str, kind: str, said: str) -> None:
    result = run(own, *OWN, "--metric", "bought:conversion", "--format", output, "--report", kind)
    assert result.exit_code == 0, result.output
    assert said in result.stdout


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_report_is_for_people_alone(own: str, output: str) -> None:
    result = run(own, *OWN, "--metric", "bought:conversion", "--format", output, "--report", "executive")
    assert result.exit_code == 2
    assert "a report is markdown or html" in result.stderr
