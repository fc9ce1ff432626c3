"""A report in a real browser, without a window: laid out, not wider than the screen, drawn, and its tree zooms."""

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

import dasknmf

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason=f"no browser: none of {', '.join(NAMES)} is installed"
)

#: What a page says of itself once it is laid out; added to a copy of it, as the page itself lets no other script run.
MEASURE = """
const box = (one) => { const b = one.getBoundingClientRect(); return [b.width, b.height]; };
const tree = document.querySelector(".tree"), node = tree.querySelector('.node[data-node="0"]');
const wide = () => node.querySelector("rect").getBoundingClientRect().width;
const before = wide();
node.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
const zoomed = wide(), label = node.querySelector(".label").textContent, hidden =
  [...tree.querySelectorAll(".node")].filter((one) => one.style.display === "none").length;
tree.querySelector("button").click();
document.body.dataset.measured = JSON.stringify({
  page: document.documentElement.scrollWidth, window: innerWidth,
  headings: [...document.querySelectorAll("h1, h2, h3")].map(box),
  sections: [...document.querySelectorAll("section")].map(box),
  images: [...document.images].map((one) => [one.complete, one.naturalWidth, ...box(one)]),
  sizes: [...document.querySelectorAll("p, td, th, li")].map((one) => parseFloat(getComputedStyle(one).fontSize)),
  before, zoomed, after: wide(), label, hidden,
});
"""


def browse(folder, page, *options):
    return subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--force-device-scale-factor=1",
            "--enable-logging=stderr",
            f"--user-data-dir={folder / 'profile'}",
            *options,
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def page(runs, tmp_path_factory):
    place = tmp_path_factory.mktemp("browser") / "report.html"
    dasknmf.write_report(runs, place)
    return place


@pytest.fixture(scope="module")
def measured(page, tmp_path_factory):
    folder = tmp_path_factory.mktemp("measured")
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text(encoding="utf-8"))
    copy = folder / "copy.html"
    copy.write_text(text.replace("</body>", f"<script>{MEASURE}</script></body>"), encoding="utf-8")
    done = browse(folder, copy, "--window-size=1280,900", "--dump-dom")
    return json.loads(html.unescape(re.search(r'data-measured="([^"]*)"', done.stdout)[1]))


def test_the_page_runs_as_it_is_without_a_complaint(page, tmp_path):
    done = browse(tmp_path, page, "--dump-dom")
    # the one script of the page ran under the page's own policy
    assert 'class="wide tree zooms"' in done.stdout
    assert "Show the whole tree" in done.stdout
    for complaint in ("Refused to", "Uncaught", "violates", "ERR_"):
        assert complaint not in done.stderr


def test_everything_is_laid_out_and_no_wider_than_the_screen(measured):
    assert measured["page"] <= measured["window"]
    assert all(width > 0 and height > 10 for width, height in measured["headings"])
    assert all(height > 50 for _, height in measured["sections"])
    assert min(measured["sizes"]) >= 12
    assert len(measured["images"]) >= 10
    for complete, natural, width, _ in measured["images"]:
        assert complete
        assert natural > 0
        assert 100 < width <= measured["window"]


def test_a_chosen_box_of_the_tree_takes_the_whole_width(measured):
    assert measured["zoomed"] > 1.5 * measured["before"]
    assert measured["hidden"] >= 1
    assert measured["label"]
    assert measured["after"] == pytest.approx(measured["before"], abs=0.5)


@pytest.mark.parametrize("width", [1280, 500])
def test_a_screenshot_shows_words_and_pictures(page, tmp_path, width):
    picture = tmp_path / "page.png"
    browse(tmp_path, page, f"--window-size={width},6000", f"--screenshot={picture}")
    with Image.open(picture) as image:
        seen = np.asarray(image.convert("L"))
    assert seen.shape == (6000, width)
    # ink in most bands of the page, and none of it in the margins
    inked = [(band < 100).any() for band in np.array_split(seen[:3000], 30)]
    assert sum(inked) >= 25
    assert (seen[:, :8] > 200).all()
    assert (seen < 100).mean() < 0.3


def test_it_prints_with_everything_unfolded(page, tmp_path):
    place = tmp_path / "page.pdf"
    browse(tmp_path, page, "--no-pdf-header-footer", f"--print-to-pdf={place}")
    whole = len(re.findall(rb"/Type\s*/Page\b", place.read_bytes()))
    folded = tmp_path / "folded.html"
    # the same without what is folded away
    text = re.sub(r"<details>.*?</details>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    folded.write_text(text, encoding="utf-8")
    browse(tmp_path, folded, "--no-pdf-header-footer", f"--print-to-pdf={place}")
    assert whole >= len(re.findall(rb"/Type\s*/Page\b", place.read_bytes())) + 3
