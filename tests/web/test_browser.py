"""The pages in Debian's Chromium, as a person uses them: by mouse, by keyboard, enlarged, read aloud."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from web_demo import SWEEP, digest, laboratory, outputs
from web_world import HOSTILE, Served, World, png, served

from reprobox.kit import canon

SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Sixty runs; the first is named, has a tag and outputs of several kinds."""
    made = World.at(tmp_path_factory.mktemp("browser") / "digits")
    for number in range(60):
        curve = "".join(f"{s},{math.exp(-s / 20) + number / 100}\n" for s in range(30))
        made.run(
            number,
            {
                "metrics.json": json.dumps({"accuracy": 0.9 + number / 1000}).encode(),
                "history.csv": f"step,loss\n{curve}".encode(),
                "curve.png": png(60, 40, number),
            },
            config={"train": {"lr": 0.1 if number % 2 else 0.01}},
            name="base" if number == 0 else None,
            tags=("best",) if number == 7 else (),
            stdout=f"run {number}\n".encode(),
        )
    return made


@pytest.fixture(scope="module")
def site(world: World) -> Iterator[Served]:
    with served(world.context) as made:
        yield made


@pytest.fixture
def page(browser: Browser, site: Served) -> Iterator[Page]:
    """A page that was let in; a script error or a blocked resource fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    found = context.new_page()
    faults: list[str] = []
    found.on("pageerror", lambda error: faults.append(str(error)))
    found.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    asked: list[str] = []
    found.on("request", lambda request: asked.append(request.url))
    found.goto(site.start)
    found.wait_for_url("**/runs")
    yield found
    context.close()
    assert faults == []
    here = (f"http://127.0.0.1:{site.port}/", "data:")
    assert [url for url in asked if not url.startswith(here)] == []


def address(site: Served, path: str) -> str:
    return f"http://127.0.0.1:{site.port}{path}"


def accessible(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in SERIOUS] == []


def contrast(page: Page) -> None:
    """The rule of axe that depends on the colours."""
    found = Axe().run(page, options={"runOnly": ["color-contrast"]}).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def ids(page: Page) -> list[str]:
    return page.locator("table.runs tbody th .id").all_inner_texts()


def test_the_address_loses_its_token(page: Page, site: Served) -> None:
    assert page.url == address(site, "/runs")
    assert page.evaluate("document.cookie") == ""
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Runs")


def test_runs_are_filtered_sorted_and_paged(page: Page, world: World) -> None:
    every = list(reversed(world.runs.ids()))
    assert ids(page) == every[:50]
    page.get_by_role("link", name="next", exact=True).click()
    assert ids(page) == every[50:]
    expect(page.get_by_text("page 2 of 2")).to_be_visible()
    page.get_by_label("Condition").fill("accuracy > 0.9505 and lr < 0.05")
    page.get_by_role("button", name="Apply").click()
    wanted = [one for at, one in enumerate(world.runs.ids()) if at > 50 and at % 2 == 0]
    assert ids(page) == wanted[::-1]
    page.get_by_role("link", name="accuracy").click()
    assert ids(page) == wanted[::-1]
    head = page.locator("th[aria-sort=descending]")
    expect(head).to_contain_text("accuracy")
    head.get_by_role("link").click()
    assert ids(page) == wanted
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("accuracy")


def test_filters_by_name_tag_and_a_wrong_condition(page: Page, world: World) -> None:
    page.get_by_label("Tag").fill("best")
    page.get_by_label("Tag").press("Enter")
    assert ids(page) == [world.runs.ids()[7]]
    page.get_by_role("link", name="Reset").click()
    page.get_by_label("Name").fill("ba*")
    page.get_by_label("Name").press("Enter")
    assert ids(page) == [world.runs.ids()[0]]


def test_a_condition_that_is_none_says_why(site: Served) -> None:
    status, _, body = site.ask("/runs?where=accuracy%3E")
    assert status == 400
    assert b"expected a value" in body
    status, _, body = site.ask("/runs?where=nonsense%3E1&state=finished")
    assert (status, b"no run has a value called" in body) == (400, True)


def test_groups_have_mean_and_spread(page: Page) -> None:
    page.get_by_label("Group by").fill("lr")
    page.get_by_label("Columns").fill("accuracy")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("status")).to_have_text("60 runs in 2 groups")
    expect(page.get_by_role("table")).to_contain_text("0.93 ± 0.018 (30)")


def test_a_run_shows_what_it_is(page: Page, world: World) -> None:
    first = world.runs.ids()[0]
    page.goto(page.url + "?name=base")
    page.get_by_role("link", name=first).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(first)
    for name in ("Facts", "Curves", "Outputs", "Log", "Config", "Environment", "Notes"):
        expect(page.get_by_role("heading", name=name, level=2)).to_be_visible()
    expect(page.get_by_role("img", name="loss")).to_be_visible()
    picture = page.get_by_role("img", name="curve.png")
    picture.scroll_into_view_if_needed()
    page.wait_for_function("document.images[0].naturalWidth === 60")
    expect(page.get_by_role("log", name="stdout")).to_have_text("run 0\n")
    with page.expect_download() as saved:
        page.get_by_label("save metrics.json").click()
    assert saved.value.suggested_filename == "metrics.json"
    accessible(page)


def test_a_note_is_added_in_the_browser(page: Page, world: World) -> None:
    run = world.runs.ids()[3]
    page.goto(page.url.replace("/runs", f"/run/{run}"))
    page.get_by_label("New note").fill("<img src=x onerror=alert(1)>")
    page.get_by_role("button", name="Add the note").click()
    expect(page.locator(".note")).to_contain_text("<img src=x onerror=alert(1)>")
    assert [note.text for note in world.runs.annotation(run).notes] == [
        "<img src=x onerror=alert(1)>"
    ]


def test_hostile_names_and_logs_are_texts(page: Page, world: World, site: Served) -> None:
    lines = (
        b"<script>document.title='owned'</script>\n\x1b[31mred\x1b[0m \x1b]0;title\x07\n"
         b"10%\r50%\r100%\n" + b"z" * 10_000_000 + b"\n\xff\xfe\n</pre><img src=x>\n"
    )  # fmt: skip
    run = world.run(
        100,
        {HOSTILE: png(4, 4, 9), "a/'\"><b>.txt": b"x"},
        name="<script>document.title='owned'</script>",
        tags=("<b>tag</b>",),
        config={"<i>key</i>": "</td><script>document.title='owned'</script>"},
        stdout=lines,
        stderr=lines,
    )
    page.goto(address(site, f"/run/{run}"))
    assert page.title() == f"Run {run} · reprobox"
    assert page.locator("main script, main b, main i, pre img").count() == 0
    log = page.get_by_role("log", name="stdout").inner_text()
    assert "</pre><img src=x>" in log
    assert len(log) < 10_000
    expect(page.locator("body")).to_contain_text("\\u202e\\xff \"'&.png")
    page.goto(address(site, "/runs"))
    assert page.title() == "Runs · reprobox"
    expect(page.locator("table.runs")).to_contain_text("<script>document.title='owned'</script>")
    world.runs.remove(run)


def test_a_live_log_is_followed_to_its_end(page: Page, world: World, site: Served) -> None:
    intent = world.intent(200)
    run = world.begin(intent)
    (run.path / "out").mkdir()
    with (run.path / "out" / "stdout").open("ab", buffering=0) as log:
        log.write(b"epoch 1\nepo")
        page.goto(address(site, f"/run/{intent.id}"))
        live = page.get_by_role("log", name="stdout")
        expect(live).to_have_text("epoch 1\n")
        log.write(b"ch 2\n<script>document.title='owned'</script>\n")
        expect(live).to_have_text("epoch 1\nepoch 2\n<script>document.title='owned'</script>\n")
        log.write(b"the end without a line end")
    world.finish(
        run,
        intent,
        stdout=b"epoch 1\nepoch 2\n<script>document.title='owned'</script>\nthe end without a line end",
    )
    expect(page.locator("#live")).to_contain_text("The run has ended.")
    expect(live).to_contain_text("the end without a line end")
    assert page.title() == f"Run {intent.id} · reprobox"
    page.get_by_role("link", name="Show its record").click()
    expect(page.get_by_role("heading", name="Facts")).to_be_visible()
    world.runs.remove(intent.id)


def test_by_keyboard_alone(page: Page, world: World) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Condition")).to_be_focused()
    page.keyboard.type("accuracy > 0.9585")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("1 run")
    last = world.runs.ids()[-1]
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == last:
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(last)


def widths(page: Page) -> tuple[int, int]:
    found = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    return int(found[0]), int(found[1])


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> World:
    return laboratory(tmp_path_factory.mktemp("laboratory") / "digits")


@pytest.fixture(scope="module")
def lab_site(lab: World) -> Iterator[Served]:
    with served(lab.context) as made:
        yield made


def everywhere(lab: World) -> list[str]:
    """The address of each kind of page."""
    base, candidate = (
        next(row.id for row in lab.runs.list(name=name) if row.replay_of is None)
        for name in ("baseline", "candidate")
    )
    data = outputs(0.01, 0, 60)
    return [
        "/runs",
        "/runs?group=lr&columns=accuracy",
        f"/run/{base}",
        f"/run/{base}/output/{digest(data['results/weights.npy'])}",
        f"/run/{base}/output/{digest(data['results/predictions.csv'])}",
        "/verdicts",
        f"/divergence?run={base}&run={candidate}",
        f"/compare?run={base}&run={candidate}",
        "/sweeps",
        f"/sweep/{SWEEP}",
        "/history",
        "/nothing",
    ]


@pytest.fixture(scope="module")
def opened(browser: Browser, lab_site: Served) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(lab_site.start)
    page.wait_for_url("**/runs")
    yield page
    context.close()


def test_enlarged_nothing_scrolls_sideways_and_axe_finds_nothing_serious(
    opened: Page, lab: World, lab_site: Served
) -> None:
    """200 % of a window of 1280 is a layout of 640 (WCAG 2.2, 1.4.4); 320 is 1.4.10."""
    for path in everywhere(lab):
        opened.set_viewport_size({"width": 1280, "height": 800})
        opened.emulate_media(color_scheme="light")
        opened.goto(address(lab_site, path))
        accessible(opened)
        if path in ("/runs", "/verdicts", f"/sweep/{SWEEP}"):
            opened.emulate_media(color_scheme="dark")
            contrast(opened)
        for width in (640, 320):
            opened.set_viewport_size({"width": width, "height": 500})
            content, window = widths(opened)
            assert content <= window, (path, width)


def test_matrix_divergence_compare_sweep_and_history_are_reached(
    opened: Page, lab: World, lab_site: Served
) -> None:
    opened.set_viewport_size({"width": 1280, "height": 800})
    opened.goto(address(lab_site, "/runs?name=baseline&since=2026-01-01"))
    rows = opened.locator("table.runs tbody tr")
    expect(rows).to_have_count(5)
    rows.nth(4).get_by_role("checkbox").check()
    rows.nth(1).get_by_role("checkbox").check()
    opened.get_by_role("button", name="Where do two diverge?").click()
    expect(opened.get_by_role("img", name="Steps and tensors")).to_be_visible()
    assert opened.locator("rect.first").count() == 2  # one in the map, one in its key
    opened.get_by_role("link", name="Compare the two").click()
    expect(opened.get_by_role("heading", name="Verdicts")).to_be_visible()
    opened.wait_for_function("document.images.length === 2")
    opened.locator("img").first.scroll_into_view_if_needed()
    opened.wait_for_function("[...document.images].every((one) => one.naturalWidth === 220)")
    opened.get_by_role("link", name="Verdicts").click()
    opened.get_by_role("link", name="by GPU").click()
    expect(opened.get_by_role("columnheader", name="NVIDIA H100")).to_be_visible()
    opened.get_by_role("link", name="different").click()
    expect(opened.get_by_role("heading", level=1)).to_have_text("Compare 2 runs")
    opened.get_by_role("link", name="Sweeps").click()
    opened.get_by_role("link", name=SWEEP).click()
    opened.get_by_label("Metric").select_option("loss")
    opened.get_by_role("button", name="Show").click()
    expect(opened.get_by_role("heading", name="by the smallest loss")).to_be_visible()
    opened.get_by_role("link", name="History").click()
    opened.get_by_text("As a list").first.click()
    expect(opened.get_by_role("listitem").first).to_be_visible()


def test_a_download_by_another_page_is_not_possible(site: Served, world: World) -> None:
    run = world.runs.ids()[0]
    digest = canon.digest_bytes(b'{"accuracy": 0.9}')[7:]
    assert site.ask(f"/run/{run}/file/{digest}", cookie=False)[0] == 403
    assert site.ask(f"/run/{run}/file/{digest}")[0] == 200
