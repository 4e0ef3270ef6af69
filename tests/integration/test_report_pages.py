"""Reports in a real browser: offline, on a phone and on a desk, light and dark, printed, and under attack."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from rendering.documents import in_words, to_html
from rendering.kinds import KINDS, Kind
from rendering.plotly import label
from tests.browser import Watched, overflow, serious_faults, watch
from tests.unit.analyze.rendering.hostile import ALL_AT_ONCE, ATTACKS, attacked
from tests.unit.analyze.rendering.samples import full_results

PHONE: dict[str, Any] = {"viewport": {"width": 375, "height": 800}, "is_mobile": True, "has_touch": True}
INK, INK_IN_THE_DARK = "rgb(28, 35, 48)", "rgb(230, 233, 239)"
DESK: dict[str, Any] = {"viewport": {"width": 1_440, "height": 900}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    for kind in KINDS:
        folder.joinpath(f"{kind}.html").write_text(to_html(full_results(), kind))
    return folder


@contextmanager
def opened(browser: Browser, file: Path, *, charts: bool = True, **options: Any) -> Iterator[Watched]:
    context = browser.new_context(**options)
    context.set_offline(True)
    try:
        watched = watch(context)
        watched.page.goto(file.as_uri())
        if charts:
            watched.page.locator("html[data-charts=ready]").wait_for()
        yield watched
    finally:
        context.close()


def draw_all(page: Page) -> int:
    """Scroll past every chart."""
    plots = page.locator(".plot")
    for at in range(plots.count()):
        plots.nth(at).scroll_into_view_if_needed()
        plots.nth(at).locator(".main-svg").first.wait_for()
    return plots.count()


def check(browser: Browser, folder: Path, kind: Kind, screen: dict[str, Any], scheme: str) -> None:
    file = folder / f"{kind}.html"
    with opened(browser, file, color_scheme=scheme, **screen) as watched:
        assert draw_all(watched.page) == len(in_words(full_results(), kind).charts)
        assert overflow(watched.page) == 0
        assert serious_faults(watched.page) == []
        assert watched.complaints == []
        assert watched.requests == [file.as_uri()]


@pytest.mark.parametrize(
    ("kind", "screen", "scheme"), [("executive", PHONE, "light"), ("dashboard", DESK, "dark")], ids=["phone", "desk"]
)
def test_a_report_is_whole_by_itself(
    browser: Browser, folder: Path, kind: Kind, screen: dict[str, Any], scheme: str
) -> None:
    check(browser, folder, kind, screen, scheme)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_report_is_whole_on_every_screen(
    browser: Browser, folder: Path, kind: Kind, screen: dict[str, Any], scheme: str
) -> None:
    check(browser, folder, kind, screen, scheme)


def test_charts_tell_their_numbers_and_can_be_searched(browser: Browser, folder: Path) -> None:
    with opened(browser, folder / "executive.html", **DESK) as watched:
        page = watched.page
        draw_all(page)
        page.locator("#plot-1 .points path").nth(1).hover(force=True)
        page.locator("#plot-1 .hoverlayer .hovertext").wait_for()
        assert page.locator("#plot-1 .hoverlayer").text_content() == "short: 12.04% (11.42% to 12.69%)"
        before = page.evaluate("document.getElementById('plot-2').layout.yaxis.range")
        page.locator("#plot-2 [data-title='Zoom in']").focus()
        assert page.locator("#plot-2 .modebar").evaluate("bar => getComputedStyle(bar).opacity") == "1"
        page.keyboard.press("Enter")
        after = page.evaluate("document.getElementById('plot-2').layout.yaxis.range")
        assert before[0] < after[0] < after[1] < before[1]
        assert watched.complaints == []


def test_charts_follow_the_colour_scheme_and_the_paper(browser: Browser, folder: Path) -> None:
    with opened(browser, folder / "executive.html", color_scheme="light", **DESK) as watched:
        page = watched.page
        draw_all(page)
        title = page.locator("#plot-1 .xtitle")
        expect(title).to_have_css("fill", INK)
        page.emulate_media(color_scheme="dark")
        expect(title).to_have_css("fill", INK_IN_THE_DARK)
        assert page.locator("details[open]").count() == 0
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        expect(title).to_have_css("fill", INK)
        assert page.locator("details:not([open])").count() == 0
        assert (
            page.evaluate("Math.max(...[...document.querySelectorAll('.main-svg')].map(each => each.clientWidth))")
            <= 660
        )
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        expect(title).to_have_css("fill", INK_IN_THE_DARK)
        assert page.locator("details[open]").count() == 0


def test_without_scripts_the_tables_hold_the_numbers(browser: Browser, folder: Path) -> None:
    with opened(browser, folder / "executive.html", charts=False, java_script_enabled=False, **PHONE) as watched:
        page = watched.page
        page.get_by_text("The charts cannot be drawn here").wait_for()
        assert page.get_by_role("cell", name="11.42% to 12.69%").is_visible()


def test_no_name_is_too_long_for_a_phone(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(to_html(attacked("w" * 128), "dashboard"))
    with opened(browser, file, **PHONE) as watched:
        assert overflow(watched.page) == 0
        watched.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert overflow(watched.page) == 0


def test_what_people_wrote_stays_text_in_the_page_and_its_charts(browser: Browser, tmp_path: Path) -> None:
    resist(browser, tmp_path, "dashboard", ALL_AT_ONCE)


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS)
def test_every_attack_stays_text_where_most_text_is(browser: Browser, tmp_path: Path, attack: str) -> None:
    resist(browser, tmp_path, "technical", attack)


def resist(browser: Browser, folder: Path, kind: Kind, attack: str) -> None:
    file = folder / "report.html"
    file.write_text(to_html(attacked(attack), kind))
    with opened(browser, file, **DESK) as watched:
        page = watched.page
        draw_all(page)
        assert page.title().split() == f"{attack}: Implement short".split()
        assert page.locator("h1").text_content() == attack
        assert attack in page.locator("table td, table th").all_text_contents()
        ticks = page.locator("#plot-1 .ytick text").all_text_contents()
        assert [each.replace("\N{NO-BREAK SPACE}", " ") for each in ticks][2] == unmarked(label(f"{attack}long"))
        assert page.locator(".plot a:not(.modebar-btn), .plot b, .plot i, img, main script").count() == 0
        assert page.locator("script").count() == 4
        assert watched.dialogs == []
        assert watched.complaints == []
        assert watched.requests == [file.as_uri()]


def unmarked(escaped: str) -> str:
    """What a text shows whose markup was taken from it."""
    return escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
