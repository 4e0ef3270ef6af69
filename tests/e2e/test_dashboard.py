"""The dashboard in a real browser: what it shows, what may be done on it, and what never happens on it."""

import gzip
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest

from bakeoff.standin.standin import Standin
from bakeoff_core.events.model import Event
from bakeoff_core.experiments.alerts import Alert, Signal
from bakeoff_core.stores.alerts import DynamoAlertStore
from tests.support import NOON

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.browser import Watched

EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'>&lt;b&gt;"
SHOP, DRAFT, SPARE = "dash_shop", "dash_draft", "dash_spare"
GROUPS = [
    {"name": "old", "weight": 0.5, "parameters": {"shop": "old"}, "description": EVIL},
    {"name": "new", "weight": 0.5, "parameters": {"shop": "new"}},
]
USERS = 800
DAYS = 3
MINUS = "\N{MINUS SIGN}"

Open = Callable[..., "Watched"]


def events(experiment: str, start: datetime) -> Iterator[Event]:
    """Users of two groups over three days; one in ten of the old group clicks, three in ten of the new."""
    for number in range(USERS):
        at = start + timedelta(minutes=1 + number * DAYS * 24 * 60 // (USERS + 10))
        group = ("old", "new")[number % 2]
        known: dict[str, Any] = {"user_id": f"{experiment}-{number}", "experiment_name": experiment}
        known |= {"timestamp": at, "received_at": at}
        exposed: dict[str, Any] = {"group_name": group, "config_version": 1}
        yield Event(event_id=f"{experiment}-x-{number}", event_type="exposure", **known, **exposed)
        if number // 2 % 10 < (1 if group == "old" else 3):
            yield Event(event_id=f"{experiment}-c-{number}", event_type="click", **known)


@pytest.fixture(scope="module")
def shop(standin: Standin, http: httpx.Client) -> dict[str, Any]:
    """A running experiment with a clear result, another one, and a draft; what the dashboard says of the first."""
    start = (datetime.now(UTC) - timedelta(days=DAYS)).replace(minute=0, second=0, microsecond=0)
    definition = {"groups": GROUPS, "metrics": ["click_rate"], "description": EVIL, "hypotheses": [EVIL]}
    for name in (SHOP, SPARE, DRAFT):
        created = {"name": name, "start_time": start.isoformat(), **definition}
        assert http.post("/ab_test/experiments", json=created).status_code == 201
        if name != DRAFT:
            assert http.post(f"/ab_test/experiments/{name}/start").status_code == 200
    lines: dict[str, list[bytes]] = {}
    for event in events(SHOP, start):
        lines.setdefault(event.received_at.strftime("dt=%Y-%m-%d/hour=%H"), []).append(event.to_line() + b"\n")
    s3 = standin.client("s3")
    for hour, content in lines.items():
        key = f"events/{hour}/{SHOP}-0-1.ndjson.gz"
        s3.put_object(Bucket=standin.resources["EventBucket"], Key=key, Body=gzip.compress(b"".join(content)))
    assert http.post(f"/ab_test/experiments/{SHOP}/reports").status_code == 201
    return line_of(http, SHOP)


def line_of(http: httpx.Client, name: str) -> dict[str, Any]:
    answer = http.get("/ab_test/dashboard", params={"name": name})
    assert answer.status_code == 200
    (line,) = answer.json()["experiments"]
    found: dict[str, Any] = line
    return found


@pytest.fixture(scope="module")
def contexts(browser: "Browser", standin: Standin) -> Callable[..., "BrowserContext"]:
    """Browsers as different people have them, each with its cookies and its cache."""
    known: dict[str, BrowserContext] = {}

    def context(scope: str | None, **options: Any) -> "BrowserContext":
        name = f"{scope} {options}"
        if scope is None or name not in known:
            opened = browser.new_context(base_url=standin.url, locale="de-DE", timezone_id="Asia/Kolkata", **options)
            if scope is not None:
                key = standin.keys[scope]  # type: ignore[index]  # a scope by its name
                opened.add_cookies([{"name": "bakeoff_key", "value": key, "url": standin.url, "sameSite": "Strict"}])
            known[name] = opened
        return known[name]

    return context


@pytest.fixture
def open_page(contexts: Callable[..., "BrowserContext"], standin: Standin) -> Iterator[Open]:
    """Opens pages; at the end, none has complained, asked for anything elsewhere, or popped anything up."""
    from tests.browser import watch  # noqa: PLC0415 - only these tests pay for the import

    opened: list[tuple[Watched, bool]] = []

    def open_page(path: str, *, scope: str | None = "admin", refused: bool = False, **options: Any) -> "Watched":
        watched = watch(contexts(scope, **options))
        opened.append((watched, refused))
        watched.page.goto(path)
        return watched

    yield open_page
    for watched, refused in opened:
        complaints = [each for each in watched.complaints if not (refused and "Failed to load resource" in each)]
        assert complaints == []
        assert watched.dialogs == []
        assert [url for url in watched.requests if not url.startswith(f"{standin.url}/")] == []
        watched.page.close()


def settled(page: "Page") -> "Page":
    page.wait_for_selector("#updated time")
    return page


def text(page: "Page", selector: str) -> str:
    return re.sub(r"\s+", " ", page.inner_text(selector)).strip()


def percent(share: float, digits: int = 2) -> str:
    return f"{100 * share:.{digits}f}%".replace("-", MINUS)


def points(share: float) -> str:
    return f"{'+' if share > 0 else ''}{100 * share:.2f} pp".replace("-", MINUS)


def test_the_list_shows_the_figures_of_the_api(shop: dict[str, Any], open_page: Open) -> None:
    page = settled(open_page("/dashboard").page)
    row = text(page, f"tr[data-key={SHOP}]")
    overview = shop["overview"]
    effect, decision = overview["effect"], overview["decision"]
    assert overview["users"] == USERS
    assert decision["verdict"] == "implement"
    low, high = effect["interval"]
    for shown in (
        "running",
        "800",
        f"+{percent(effect['relative_difference'], 1)} click_rate",
        f"new: {points(effect['difference'])} ({points(low)} to {points(high)})",
        decision["verdict"],
        decision["headline"],
        "none",
        "GMT+5:30",
    ):
        assert shown in row, (shown, row)
    draft = text(page, f"tr[data-key={DRAFT}]")
    assert "draft" in draft
    assert "no look yet" in draft


def test_the_page_of_an_experiment_shows_its_statistics(
    shop: dict[str, Any], open_page: Open, http: httpx.Client
) -> None:
    page = settled(open_page(f"/dashboard/experiments/{SHOP}").page)
    statistics = http.get(f"/ab_test/experiments/{SHOP}/stats").json()
    assert statistics["computed_at"] == shop["overview"]["computed_at"]
    for name, group in statistics["groups"].items():
        row = text(page, f"#groups tr:has-text('{name}') >> nth=-1")
        value = group["metrics"]["click_rate"]
        low, high = value["interval"]
        assert f"{group['n']}" in row
        assert percent(value["rate"]) in row
        assert f"{percent(low)} to {percent(high)}" in row
    comparison = statistics["comparisons"]["new"]["click_rate"]
    row = text(page, "#comparisons tbody tr")
    for bounds in (comparison["interval"], comparison["always_valid_interval"]):
        assert f"{points(bounds[0])} to {points(bounds[1])}" in row
    assert points(comparison["difference"]) in row
    decision = text(page, "#decision")
    assert statistics["decision"]["explanation"] in decision
    assert all(step in decision for step in statistics["decision"]["next_steps"])
    assert "GMT+5:30" in text(page, "#head")
    charts_draw_the_same_figures_and_have_a_table_each(page, statistics)


def charts_draw_the_same_figures_and_have_a_table_each(page: "Page", statistics: dict[str, Any]) -> None:
    drawn = page.evaluate("[...document.querySelectorAll('.plot')].map((plot) => plot.data.map(({x, y}) => ({x, y})))")
    rates = dict(zip(drawn[0][0]["y"], drawn[0][0]["x"], strict=True))
    assert rates == {name: group["metrics"]["click_rate"]["rate"] for name, group in statistics["groups"].items()}
    daily = [[point["users"] for point in group["daily"]] for group in statistics["groups"].values()]
    assert [trace["y"] for trace in drawn[-1]] == daily
    figures = page.locator("#charts figure")
    assert figures.count() == len(drawn) >= 2
    for number in range(figures.count()):
        figure = figures.nth(number)
        assert figure.locator("[role=img]").get_attribute("aria-label")
        figure.locator("summary").click()
        assert figure.locator("tbody tr").first.is_visible()


def test_an_action_is_explained_confirmed_and_done(shop: dict[str, Any], open_page: Open, http: httpx.Client) -> None:
    assert shop["actions"]
    page = settled(open_page(f"/dashboard/experiments/{SPARE}").page)
    pause = page.get_by_role("button", name="Pause")
    pause.click()
    dialog = page.get_by_role("dialog")
    assert f"{SPARE} stops to assign users until it is resumed; everybody gets old meanwhile." in dialog.inner_text()
    dialog.get_by_role("button", name="Cancel").click()
    assert not dialog.is_visible()
    assert line_of(http, SPARE)["status"] == "running"

    pause.click()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    pause.click()
    dialog.get_by_role("button", name="Pause").click()
    page.wait_for_selector("#done:has-text('is paused')")
    assert line_of(http, SPARE)["status"] == "paused"
    resume = page.get_by_role("button", name="Resume")
    resume.wait_for()
    assert text(page, "#head .badge >> nth=0") == "paused"
    resume.click()
    dialog.get_by_role("button", name="Resume").click()
    page.wait_for_selector("#head .badge.running")
    actions = [entry["action"] for entry in http.get(f"/ab_test/experiments/{SPARE}/history").json()]
    assert actions[-2:] == ["pause", "resume"]


def test_a_refusal_is_shown_in_the_api_s_own_words(shop: dict[str, Any], open_page: Open, http: httpx.Client) -> None:
    assert shop["actions"]
    page = settled(open_page(f"/dashboard/experiments/{SPARE}", refused=True).page)
    page.get_by_role("button", name="Pause").click()
    assert http.post(f"/ab_test/experiments/{SPARE}/pause").status_code == 200
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    error = page.locator("#confirmation-error")
    error.wait_for()
    assert error.inner_text() == "status: cannot pause an experiment that is paused, only one that is running"
    page.keyboard.press("Escape")
    assert http.post(f"/ab_test/experiments/{SPARE}/resume").status_code == 200


def test_an_alert_is_shown_and_acknowledged(
    shop: dict[str, Any], open_page: Open, http: httpx.Client, standin: Standin
) -> None:
    assert shop["alerts"] == []
    alert = Alert(
        alert_id="a1",
        experiment=SPARE,
        kind="NO_EVENTS",
        message=EVIL,
        config_version=1,
        opened_at=NOON,
        last_seen_at=NOON,
    )
    tables = boto3.resource("dynamodb", endpoint_url=standin.endpoint_url)
    store = DynamoAlertStore(tables.Table(standin.resources["AlertsTable"]))
    watch = store.watch(SPARE)
    store.record(watch.model_copy(update={"signals": (Signal(kind=alert.kind, alert_id="a1"),)}), [alert])
    page = settled(open_page("/dashboard").page)
    assert "1 open NO_EVENTS" in text(page, f"tr[data-key={SPARE}]")
    page.get_by_role("link", name=SPARE).click()
    settled(page)
    assert f"NO_EVENTS {EVIL}" in text(page, "#alerts")
    page.get_by_role("button", name="Acknowledge NO_EVENTS").click()
    page.get_by_role("dialog").get_by_role("button", name="Acknowledge").click()
    page.wait_for_selector("#alerts:has-text('acknowledged by')")
    (kept,) = line_of(http, SPARE)["alerts"]
    assert kept["acknowledged_by"] == standin.keys["admin"].split("_")[1]
    assert page.get_by_role("button", name="Acknowledge NO_EVENTS").count() == 0


def test_a_report_is_made_and_linked(shop: dict[str, Any], open_page: Open, http: httpx.Client) -> None:
    page = settled(open_page(f"/dashboard/experiments/{SHOP}").page)
    page.get_by_role("button", name="Make a report now").click()
    page.wait_for_selector("#done:has-text('The report is made.')")
    made = http.get(f"/ab_test/experiments/{SHOP}/reports").json()["reports"][0]
    assert made["report_id"] > shop["overview"]["report_id"]
    page.wait_for_selector(f"#reports a[href$='{made['links']['executive.html']}']")
    assert line_of(http, SHOP)["overview"]["report_id"] == made["report_id"]


def test_a_reader_is_offered_nothing_that_changes_an_experiment(
    shop: dict[str, Any], open_page: Open, standin: Standin
) -> None:
    page = settled(open_page(f"/dashboard/experiments/{SHOP}", scope="read").page)
    assert shop["overview"]["decision"]["headline"] in text(page, "#decision")
    assert page.locator("[data-action]").all_inner_texts() == ["Make a report now"]
    # The API would refuse as well.
    headers = {"X-API-Key": standin.keys["read"]}
    assert httpx.post(f"{standin.url}/ab_test/experiments/{SHOP}/pause", headers=headers).status_code == 403


def test_people_sign_in_with_a_key_and_out_again(shop: dict[str, Any], open_page: Open, standin: Standin) -> None:
    assert shop["name"] == SHOP
    page = open_page("/", scope=None, refused=True).page
    key = page.get_by_label("API key")
    key.fill("bk_000000000000_" + "0" * 48)
    page.get_by_role("button", name="Sign in").click()
    error = page.locator("#error")
    error.wait_for()
    assert "unknown" in error.inner_text()
    assert page.context.cookies() == []

    key.fill(f" {standin.keys['read']} ")
    page.keyboard.press("Enter")
    page.wait_for_url("**/dashboard")
    settled(page)
    (cookie,) = page.context.cookies()
    assert (cookie.get("name"), cookie.get("value")) == ("bakeoff_key", standin.keys["read"])
    assert (cookie.get("sameSite"), cookie.get("path")) == ("Strict", "/")
    assert 0 < cookie.get("expires", 0) - datetime.now(UTC).timestamp() <= 12 * 3_600

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in").wait_for()
    assert page.context.cookies() == []


def test_a_session_that_is_over_leads_to_the_sign_in(shop: dict[str, Any], open_page: Open) -> None:
    assert shop["name"] == SHOP
    page = settled(open_page("/dashboard", refused=True, reduced_motion="reduce").page)
    page.context.clear_cookies()
    page.get_by_role("button", name="Refresh now").click()
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("API key").wait_for()


def test_what_users_wrote_stays_text(shop: dict[str, Any], open_page: Open) -> None:
    assert shop["description"] == EVIL
    for path in ("/dashboard", f"/dashboard/experiments/{SHOP}"):
        page = settled(open_page(path).page)
        assert EVIL in (page.text_content("main") or "")
        assert page.locator("img, main script, main b").count() == 0


def test_filters_and_sorting_stay_with_the_address(shop: dict[str, Any], open_page: Open) -> None:
    assert shop["name"] == SHOP
    page = settled(open_page("/dashboard").page)
    rows = page.locator("#rows tr")
    page.get_by_role("searchbox").fill("dash_")
    assert rows.count() == 3
    page.get_by_label("Decision").select_option("implement")
    assert [rows.nth(0).get_attribute("data-key"), rows.count()] == [SHOP, 1]
    page.get_by_label("Decision").select_option("")
    page.get_by_role("button", name="Users").click()
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("Users")
    assert rows.nth(0).get_attribute("data-key") == SHOP
    page.reload()
    settled(page)
    assert (page.get_by_role("searchbox").input_value(), rows.count()) == ("dash_", 3)
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("Users")
    page.get_by_role("searchbox").fill("")
    for direction in (1, -1):
        page.get_by_role("button", name="Experiment").click()
        keys = page.eval_on_selector_all("#rows tr", "rows => rows.map((row) => row.dataset.key)")
        assert keys == sorted(keys)[::direction]
        assert page.locator("#rows th a").all_inner_texts() == keys
    page.get_by_role("searchbox").fill("dash_")
    page.get_by_label("Needs attention").check()
    assert page.locator(f"tr[data-key={SHOP}]").count() == 1
    assert page.locator(f"tr[data-key={DRAFT}]").count() == 0


def test_refreshing_takes_nothing_out_of_anybody_s_hands(
    shop: dict[str, Any], open_page: Open, http: httpx.Client
) -> None:
    assert shop["name"] == SHOP
    page = settled(open_page("/dashboard").page)
    link = page.get_by_role("link", name=SPARE)
    link.focus()
    page.evaluate("document.activeElement.marked = true")
    assert http.post(f"/ab_test/experiments/{SPARE}/pause").status_code == 200
    try:
        # What the page does by itself after a while, and whenever it is looked at again.
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for_selector(f"tr[data-key={SPARE}] .badge.paused")
        assert page.evaluate("document.activeElement.marked") is True
    finally:
        assert http.post(f"/ab_test/experiments/{SPARE}/resume").status_code == 200
    page.get_by_label("Refresh by itself").uncheck()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(300)
    assert page.locator(f"tr[data-key={SPARE}] .badge.paused").count() == 1


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (375, "dark"),
        pytest.param(375, "light", marks=pytest.mark.slow),
        pytest.param(1_440, "dark", marks=pytest.mark.slow),
        pytest.param(1_440, "light", marks=pytest.mark.slow),
    ],
)
def test_everybody_can_read_it_everywhere(shop: dict[str, Any], open_page: Open, width: int, scheme: str) -> None:
    from tests.browser import overflow, serious_faults  # noqa: PLC0415 - only these tests pay for the import

    assert shop["name"] == SHOP
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    page = open_page("/", scope=None, **options).page
    assert (overflow(page), serious_faults(page)) == (0, [])
    for path in ("/dashboard", f"/dashboard/experiments/{SHOP}"):
        page = settled(open_page(path, **options).page)
        assert (overflow(page), serious_faults(page)) == (0, [])
    page.get_by_role("button", name="Pause").click()
    assert (overflow(page), serious_faults(page)) == (0, [])


def test_the_whole_job_is_done_with_the_keyboard(shop: dict[str, Any], open_page: Open) -> None:
    assert shop["name"] == SHOP
    page = settled(open_page("/dashboard").page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the experiments"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.get_by_role("link", name=SHOP).focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/dashboard/experiments/{SHOP}")
    settled(page)
    page.get_by_role("button", name="Stop").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('dialog') !== null")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.textContent") == "Stop"


def test_programs_get_json_where_people_get_a_page(standin: Standin) -> None:
    with httpx.Client(base_url=standin.url) as client:
        assert json.loads(client.get("/").text)["service"] == "bakeoff"
        page = client.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert client.get("/dashboard").status_code in {401, 403}


def test_ending_says_who_serves_from_then_on(shop: dict[str, Any], open_page: Open, http: httpx.Client) -> None:
    assert shop["serving_group"] == "old"
    page = settled(open_page(f"/dashboard/experiments/{SPARE}").page)
    page.get_by_role("button", name="Stop").click()
    dialog = page.get_by_role("dialog")
    assert "This cannot be undone." in dialog.inner_text()
    assert dialog.get_by_label("Group that everybody gets").input_value() == "old"
    dialog.get_by_label("Group that everybody gets").select_option("new")
    dialog.get_by_role("button", name="Stop").click()
    page.wait_for_selector("#head:has-text('everybody gets new')")
    line = line_of(http, SPARE)
    assert (line["status"], line["serving_group"], line["actions"]) == ("stopped", "new", ["promote"])


def test_the_winner_is_promoted(shop: dict[str, Any], open_page: Open, http: httpx.Client) -> None:
    assert shop["overview"]["decision"]["group"] == "new"
    page = settled(open_page(f"/dashboard/experiments/{SHOP}").page)
    page.get_by_role("button", name="Promote").click()
    dialog = page.get_by_role("dialog")
    # The group that the decision names is suggested.
    assert dialog.get_by_label("Group that everybody gets").input_value() == "new"
    dialog.get_by_role("button", name="Promote").click()
    page.wait_for_selector("#head .badge.completed")
    assert text(page, "#done") == f"Everybody gets new of {SHOP}."
    line = line_of(http, SHOP)
    assert (line["status"], line["serving_group"]) == ("completed", "new")
    assigned = http.post("/ab_test/assign", json={"user_id": "anybody", "experiment_name": SHOP}).json()
    assert (assigned["assigned"], assigned["parameters"]) == (False, {"shop": "new"})
