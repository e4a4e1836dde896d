"""The report in a browser: what only that can tell. Skipped where there is none."""

import base64
import io
import json
import re
import shutil
import time

import numpy as np
import pytest
from PIL import Image
from reported import make_evaluated, repeat_rows, rewrite

from maskwright.report import render, write_report

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="needs chromium (or google-chrome) and chromedriver"
)
IMAGES = 200
READY = (
    "document.readyState === 'complete' && "
    "(!document.scripts.length || document.documentElement.classList.contains('js'))"
)
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--disable-dev-shm-usage")  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with 200 test images, of which 22 have pictures of pure noise, in a report."""
    folder = tmp_path_factory.mktemp("browser")
    made = make_evaluated(folder / "run", folder / "data")
    repeat_rows(made, IMAGES)
    counts = {"worst": 6, "uncertain": 6, "random": 6, "median": 1, "best": 3}
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    pictures = [noise(made.path / "evaluation", *one) for one in enumerate(kinds)]
    both = pictures[0] | {"kind": "uncertain"}
    rewrite(made, {"images": IMAGES, "pictures": [*pictures[:-1], both]})
    write_report(made)
    return made


def noise(folder, number, kind):
    """A picture and its layers as large as they can be."""
    rng = np.random.default_rng(number)
    files = {"image": f"test-pictures/{number}-noise.jpg"}
    Image.fromarray(rng.integers(0, 256, (240, 320, 3), np.uint8)).save(folder / files["image"])
    for layer in ("truth", "prediction", "difference", "uncertainty"):
        files[layer] = f"test-pictures/{number}-noise-{layer}.png"
        image = Image.fromarray(rng.integers(0, 6, (240, 320), np.uint8), "P")
        image.putpalette(rng.integers(0, 256, 18, np.uint8).tobytes())
        image.save(folder / files[layer], transparency=bytes([0, 50, 99, 150, 200, 255]))
    scores = {"mean_iou": number / 22, "pixel_accuracy": 0.5, "confidence": 0.5}
    return {"kind": kind, "name": f"images/image_{number}.png", **scores, "files": files}


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, run):
    """The report, just opened, on a wide screen."""
    return opened(browser, run.path / "report.html")


def opened(browser, path, width=1280, scheme="light"):
    resize(browser, width)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get(path.as_uri())
    for _ in range(100):  # on a busy machine it may say so before the page's script has run
        if browser.execute_script(f"return {READY}"):
            break
        time.sleep(0.05)
    return browser


def resize(browser, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def names(page):
    """The images whose rows can be seen, in order."""
    return page.execute_script(
        "return [...document.querySelectorAll('.sortable tbody tr')]"
        ".filter(row => row.checkVisibility()).map(row => row.cells[0].textContent)"
    )


def find(page, selector):
    return page.find_element("css selector", selector)


def press(page, keys):
    page.switch_to.active_element.send_keys(keys)


def test_nothing_is_wrong_and_nothing_leaves_the_page(page):
    assert page.get_log("browser") == []
    messages = [json.loads(row["message"])["message"] for row in page.get_log("performance")]
    asked = [one["params"]["request"]["url"] for one in messages
             if one["method"] == "Network.requestWillBeSent"]  # fmt: skip
    assert asked
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}


def test_it_is_light(run):
    assert 2_000_000 < (run.path / "report.html").stat().st_size < 5_000_000


def test_another_script_is_not_run(browser, run, tmp_path):
    path = tmp_path / "report.html"
    attack = "<script>document.title = 'run'</script><img src=x onerror=\"document.title='run'\">"
    path.write_text(render(run).replace("<main>", f"<main>{attack}"), encoding="utf-8")
    assert opened(browser, path).title != "run"
    assert "js" in page_classes(browser)


def page_classes(page):
    return page.execute_script("return [...document.documentElement.classList]")


def test_the_table_sorts_by_mouse_and_by_keyboard(page):
    assert names(page)[:2] == ["images/image_0.png", "images/image_1.png"]
    title = find(page, ".sortable th[aria-sort] button")
    title.click()
    assert names(page)[0] == f"images/image_{IMAGES - 1}.png"
    assert find(page, ".sortable th[aria-sort]").get_attribute("aria-sort") == "descending"
    find(page, ".sortable th:first-child button").send_keys("\ue007")
    assert names(page)[:3] == [f"images/image_{number}.png" for number in (0, 1, 2)]
    press(page, " ")
    assert names(page)[0] == f"images/image_{IMAGES - 1}.png"
    sorted_by = page.find_elements("css selector", ".sortable th[aria-sort]")
    assert [(head.text.split()[0], head.get_attribute("aria-sort")) for head in sorted_by] == [
        ("Image", "descending")
    ]


def test_the_table_filters_and_says_how_many_are_shown(page):
    found = find(page, ".found")
    assert found.text == "20 of 200 images are shown."
    find(page, ".more").click()
    assert len(names(page)) == 200
    find(page, ".named").send_keys("IMAGE_19")
    assert found.text == "11 of 11 images that fit are shown; there are 200."
    find(page, ".below").send_keys("0.5")
    assert names(page) == ["images/image_19.png"]
    find(page, ".named").send_keys("x")
    assert names(page) == []


def test_pictures_change_layers_together_and_alone(page):
    def seen():
        return page.execute_script(
            "return [...document.querySelectorAll('.card')].map(card => "
            "[...card.querySelectorAll('.panel')].filter(one => one.checkVisibility())"
            ".map(one => one.className.replace('panel ', '')).join())"
        )

    assert set(seen()) == {"prediction"}
    find(page, "[name=layer][value=prediction]").send_keys("\ue014")  # arrow to the right
    assert set(seen()) == {"difference"}
    find(page, ".card .next").send_keys("\ue007")
    assert seen()[:2] == ["uncertainty", "difference"]
    assert find(page, ".card .next").text == "Uncertainty"
    assert find(page, "#pictures [role=status]").get_attribute("textContent") == (
        "Uncertainty of images/image_0.png"
    )
    find(page, ".card .panel.uncertainty svg").click()
    assert seen()[0] == "image"
    find(page, "[name=layer][value=truth]").click()
    assert set(seen()) == {"truth"}


def test_pictures_are_chosen_by_kind(page):
    def shown():
        cards = page.find_elements("css selector", ".card")
        return [card.get_attribute("data-kinds") for card in cards if card.is_displayed()]

    assert len(shown()) == 21
    find(page, "[name=kind][value=uncertain]").click()
    assert shown() == ["worst uncertain", *["uncertain"] * 6]
    page.execute_script("document.querySelector('.sortable a[href=\"#picture-2\"]').click()")
    page.execute_async_script("setTimeout(arguments[0], 50)")
    assert len(shown()) == 21


def test_layers_lie_over_their_image(page):
    """The same picture, with and without a layer, differs; every picture can be decoded."""
    svg = find(page, ".hero .panel.truth svg")
    plain = find(page, ".hero .panel.image svg")
    assert colors(svg) != colors(plain)
    sizes = page.execute_script(
        "return [...document.querySelectorAll('.panel svg')].filter(svg => svg.checkVisibility())"
        ".flatMap(svg => [...svg.children]).map(use => use.getBBox().width)"
    )
    assert len(sizes) == 7 + 2 * 21  # the large picture, of which one panel has no layer, and cards
    assert min(sizes) > 0


def pixels(element):
    with Image.open(io.BytesIO(base64.b64decode(element.screenshot_as_base64))) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def colors(element):
    return pixels(element).mean(axis=(0, 1)).round().tolist()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_never_scrolls_sideways(browser, run, width, scheme):
    page = opened(browser, run.path / "report.html", width, scheme)
    page.execute_script("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    paper = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", paper))) > 380) == (scheme == "light")


def test_no_option_of_a_command_is_torn_where_its_line_is_wrapped(browser, run):
    page, torn = opened(browser, run.path / "report.html", 480), []
    for width in range(320, 480, 8):
        resize(page, width)
        rows = page.execute_script(
            "return [...document.querySelectorAll('.commands .unbroken')]"
            ".map(option => [option.textContent, option.getClientRects().length])"
        )
        assert len(rows) > 2
        torn += [(width, option) for option, lines in rows if lines > 1]
    assert not torn


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_table_is_shaded_at_the_edge_behind_which_it_goes_on(browser, run, scheme):
    def shaded():
        top = pixels(find(page, "#scores .scroll"))[1]  # of pixels, above the caption
        return [bool(abs(top[k] - top[len(top) // 2]).max() > 30) for k in (1, -2)]

    page = opened(browser, run.path / "report.html", 390, scheme)
    assert shaded() == [False, True]
    page.execute_script("document.querySelector('#scores .scroll').scrollLeft = 9999")
    assert shaded() == [True, False]
    page = opened(browser, run.path / "report.html", 1280, scheme)
    assert shaded() == [False, False]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(browser, run, scheme):
    page = opened(browser, run.path / "report.html", scheme=scheme)
    read = "const s = getComputedStyle(document.documentElement); return s.getPropertyValue"
    names = ("paper", "raised", "ink", "muted", "accent", "caution", "right", "wrong")
    color = {name: page.execute_script(f"{read}('--{name}')") for name in names}
    pairs = [("ink", ground) for ground in ("paper", "raised", "caution", "right", "wrong")]
    pairs += [("muted", "paper"), ("muted", "raised"), ("accent", "paper")]
    low = {pair for pair in pairs if contrast(*(color[name] for name in pair)) < 4.5}
    assert low == set()


def contrast(one, other):
    """The contrast of two colours "#rrggbb", 1 to 21 (WCAG 2.2)."""
    lights = []
    for color in (one, other):
        parts = np.array([int(color.strip()[k : k + 2], 16) for k in (1, 3, 5)]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        lights.append(float(linear @ [0.2126, 0.7152, 0.0722]))
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def test_without_scripts_everything_is_there(browser, run):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page = opened(browser, run.path / "report.html")
        card = find(page, ".card")
        seen = [one.get_attribute("class") for one in card.find_elements("css selector", ".panel")
                if one.is_displayed()]  # fmt: skip
        assert seen == ["panel image", "panel truth", "panel prediction", "panel difference"]
        assert not find(page, "#images .controls").is_displayed()
        assert find(page, ".sortable tbody tr:last-child").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_it_prints_in_few_pages(page):
    content = base64.b64decode(page.print_page())
    assert 8 < len(re.findall(rb"/Type\s*/Page\b", content)) < 25
