"""The file itself: whole, closed, accessible, self-contained, small, and safe whatever names are in it."""

import re
import tempfile
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner
from PIL import Image

import dasknmf
from dasknmf.cli import commands
from dasknmf.errors import FormatError, InputError, MissingDependencyError
from dasknmf.report.html.page import page_of
from dasknmf.report.html.pictures import picture
from dasknmf.report.html.privacy import told, without_folders
from dasknmf.report.html.runs import gather
from tests.report.results_of_all_kinds import EVIL, FOLDER

VOID = {"meta", "img", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """Everything the tests ask of a page."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.wrong, self.text, self.inside = [], [], [], [], {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes), tuple(self.open)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes), tuple(self.open)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append((tag, self.getpos()))

    def handle_data(self, data):
        where = self.open[-1] if self.open else ""
        self.inside.setdefault(where, []).append(data)
        if where not in ("script", "style"):
            self.text.append(data)

    def of(self, *names):
        return [attributes for tag, attributes, _ in self.tags if tag in names]


@pytest.fixture(scope="module")
def written(runs, tmp_path_factory):
    place = tmp_path_factory.mktemp("page") / "report.html"
    assert dasknmf.write_report(runs, place) == place.stat().st_size
    return place


@pytest.fixture(scope="module")
def source(written):
    return written.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(source):
    return Page(source)


def test_every_tag_is_closed_where_it_was_opened(page):
    assert page.wrong == []
    assert page.open == []
    assert {"html", "head", "body", "main", "nav", "table", "svg", "details"} <= {
        tag for tag, *_ in page.tags
    }


def test_headings_are_in_order_and_there_is_one_title(page):
    levels = [int(tag[1]) for tag, *_ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_image_says_what_it_shows(page):
    images = page.of("img")
    assert len(images) >= 10
    for image in images:
        assert len(image["alt"].split()) >= 5
        assert image["alt"].endswith(".")
        assert int(image["width"]) > 100
    tree = page.of("svg")[0]
    assert tree["aria-label"]


def test_ids_are_unique_and_links_lead_to_them(page):
    ids = [attributes["id"] for _, attributes, _ in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for attributes in page.of("a")]
    assert links[0] == "#content"
    assert all(link.startswith("#") and link[1:] in ids for link in links)


def test_tables_have_captions_and_headers_with_scope(page):
    assert len(page.of("caption")) == len(page.of("table"))
    assert {attributes.get("scope") for attributes in page.of("th")} == {"row", "col"}
    assert page.of("html")[0]["lang"] == "en"


def test_nothing_is_loaded_from_anywhere(page, source):
    for _, attributes, _ in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href", "data", "action", "srcset", "poster"):
            assert attributes.get(name, "#").startswith(("#", "data:image/"))
    assert not page.of("link", "iframe", "object", "embed", "base", "form")
    assert all("src" not in attributes for attributes in page.of("script"))
    assert len(page.of("script")) == 1
    style = "".join(page.inside["style"])
    assert "url(" not in style
    assert "@import" not in style
    policy = next(
        one["content"] for one in page.of("meta") if "content" in one and "default-src" in one["content"]
    )
    assert policy.startswith("default-src 'none'")


def test_evil_names_are_words_and_nothing_else(page):
    said = "".join(page.text)
    for name in EVIL:
        assert name in said
    assert "<b>first</b>" in said
    assert "net & <i>work.zarr" in said
    assert "49" not in re.findall(r"GENE\d+|\b49\b", said)
    assert not page.of("b")
    # italics are ours, around genes alone: nothing of a name became a tag inside them
    assert all("onerror" not in attributes for _, attributes, _ in page.tags)


def test_names_in_pictures_are_no_mathematics(saved):
    fit = dasknmf.load(saved["fit"])
    assert EVIL[2] in fit["gene"].to_numpy()[np.argsort(-fit["W"].to_numpy(), axis=0)[:10].ravel()]
    fraction = fit.assign_coords(gene=np.array(["$\\frac{x$"] * fit.sizes["gene"], dtype=object))
    # matplotlib alone refuses such a name
    with pytest.raises(ValueError, match=r"ParseException|Expected"):
        picture(lambda: _named("$\\frac{x$"), alt="", caption="")
    assert "$\\frac{x$" in page_of(gather({"fit": fraction}))


def _named(text):
    from dasknmf.report.axes import new_figure

    figure = new_figure(2, 1)
    figure.subplots().set_title(text)
    return figure


def test_no_folders_and_no_people(source, page):
    assert FOLDER not in source
    assert "pytest" not in "".join(page.text)
    assert str(Path(tempfile.gettempdir())) not in source


def test_the_same_results_give_the_same_bytes(written, runs, tmp_path):
    again = tmp_path / "again.html"
    dasknmf.write_report(runs[::-1], again)
    assert again.read_bytes() == written.read_bytes()


def luminance(colour):
    parts = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_words_stand_out_from_what_is_behind_them(page):
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", "".join(page.inside["style"])))
    white = "#ffffff"
    for ink, paper in (
        *((colours[name], colours["band"]) for name in ("ink", "soft", "blue")),
        *((colours[name], white) for name in ("ink", "soft", "blue")),
    ):
        bright, dark = sorted((luminance(ink), luminance(paper)), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5


def test_sixty_factors_of_a_whole_genome_stay_below_five_megabytes(tmp_path):
    rng = np.random.default_rng(0)
    n, k = 20_000, 60
    W = rng.gamma(0.1, 1, (n, k)).astype(np.float32)
    fit = xr.Dataset(
        {
            "W": (("gene", "factor"), W),
            "H": (("factor", "gene"), W.T.copy()),
            "scale": ("factor", np.ones(k)),
            "relative_error": ("iteration", np.linspace(1, 0.5, 100)),
        },
        coords={
            "gene": np.array([f"ENSG{g:011d}" for g in range(n)], dtype=object),
            "factor": np.arange(k),
            "iteration": np.arange(1, 101),
        },
        attrs={"format": "dasknmf-fit", "version": "1.0", "relative_error": 0.5, "eckart_young": 0.4},
    )
    sets = {f"pathway {s}": rng.choice(fit["gene"].to_numpy(), 40, replace=False) for s in range(300)}
    sets |= {f"of factor {j}": fit["gene"].to_numpy()[np.argsort(-W[:, j])[:40]] for j in range(k)}
    size = dasknmf.write_report([fit, dasknmf.enrich(fit, sets)], tmp_path / "large.html")
    assert size < 5_000_000
    assert (tmp_path / "large.html").read_text().count("of factor 59") >= 2


def test_a_picture_is_the_smaller_of_svg_and_png():
    few = picture(lambda: _named("few words"), alt="Few words.", caption="")
    many = picture(_points, alt="Many points.", caption="")
    assert few["src"].startswith(("data:image/svg+xml", "data:image/png"))
    # 20,000 circles are megabytes of SVG
    assert many["src"].startswith("data:image/png")
    assert len(many["src"]) < 200_000


def _points():
    from dasknmf.report.axes import new_figure

    figure = new_figure(4, 4)
    rng = np.random.default_rng(0)
    figure.subplots().plot(*rng.random((2, 20_000)), ls="", marker="o")
    return figure


def test_results_of_two_networks_are_refused_unless_asked_for(saved, tmp_path):
    other = dasknmf.nmf(np.kron(np.eye(2), np.ones((3, 3))), 2)
    dasknmf.save(other, tmp_path / "other.zarr")
    given = [saved["fit"], tmp_path / "other.zarr"]
    with pytest.raises(InputError, match=r"2 networks.*fit.zarr: net & <i>work.zarr .*other.zarr.*--mixed"):
        dasknmf.write_report(given, tmp_path / "no.html")
    assert not (tmp_path / "no.html").exists()
    dasknmf.write_report(given, tmp_path / "mixed.html", mixed=True)
    said = "".join(Page((tmp_path / "mixed.html").read_text()).text)
    assert "Results of more than one network are on this page" in said
    assert "a matrix in memory" in said


def test_another_network_is_refused(saved, tmp_path):
    dasknmf.import_network(np.ones((3, 3)), tmp_path / "other.zarr", genes=["a", "b", "c"])
    with pytest.raises(InputError, match="is not the network of these results"):
        dasknmf.write_report(saved["fit"], tmp_path / "no.html", network=tmp_path / "other.zarr")


def test_a_store_that_has_changed_since_is_not_shown(saved, tmp_path):
    dasknmf.import_network(np.ones((3, 3)), tmp_path / "net.zarr", genes=["a", "b", "c"])
    fit = dasknmf.load(saved["fit"]).assign_attrs(network=str(tmp_path / "net.zarr"))
    contents = gather(fit)
    assert contents.card == {}
    assert "was not at hand" in page_of(contents)


def test_a_file_is_never_half_written_nor_replaced_unasked(saved, tmp_path, monkeypatch):
    place = tmp_path / "report.html"
    place.write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        dasknmf.write_report(saved["fit"], place)
    assert place.read_text() == "mine"
    dasknmf.write_report(saved["fit"], place, overwrite=True, title="A & B")
    assert "<h1>A &amp; B</h1>" in place.read_text()
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ([], InputError, "no results"),
        ([3], InputError, "type int"),
        (xr.Dataset(attrs={"format": "else"}), FormatError, "'else'.*dasknmf-fit"),
        ("nowhere.zarr", InputError, "nowhere.zarr"),
    ],
)
def test_what_is_no_result_is_refused(given, error, said, tmp_path):
    with pytest.raises(error, match=said):
        dasknmf.write_report(given, tmp_path / "no.html")
    assert not list(tmp_path.iterdir())


def test_two_results_of_one_name_are_refused(saved, tmp_path):
    with pytest.raises(InputError, match=r"two results are called 'fit\.zarr'"):
        dasknmf.write_report([saved["fit"], saved["fit"]], tmp_path / "no.html")


def test_without_jinja2_the_extra_is_named(saved, tmp_path, monkeypatch):
    import importlib.util

    known = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "jinja2" else known(name))
    with pytest.raises(MissingDependencyError, match=r"jinja2.*dasknmf\[report\]"):
        dasknmf.write_report(saved["fit"], tmp_path / "no.html")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("/home/ann/net.zarr, 3 factors", "net.zarr, 3 factors"),
        ("shuffle null of /home/ann/net.zarr, seed 0", "shuffle null of net.zarr, seed 0"),
        ('{"source": "/data/ann/x.tsv.gz"}', '{"source": "x.tsv.gz"}'),
        (r"C:\Users\ann\net.zarr is sparse", "net.zarr is sparse"),
        ("s3://key:secret@host/net.zarr?token=1 is", "s3://host/net.zarr is"),
        ("file:///home/ann/net.zarr", "net.zarr"),
        ("‖A − WH‖/‖A‖ 0.1 and/or 3 / 4", "‖A − WH‖/‖A‖ 0.1 and/or 3 / 4"),
    ],
)
def test_folders_go_and_words_stay(given, shown):
    assert told(given) == shown


def test_names_of_genes_are_never_taken_for_paths():
    genes = np.array(["/a/b/c", "x"], dtype=object)
    result = xr.Dataset(
        coords={"gene": genes}, attrs={"network": "/home/of ann/net.zarr", "note": "/home/of ann/net.zarr: 1"}
    )
    plain = without_folders(result)
    assert plain["gene"].to_numpy().tolist() == ["/a/b/c", "x"]
    assert plain.attrs == {"network": "net.zarr", "note": "net.zarr: 1"}


def test_the_command_writes_what_python_writes(runs, written, saved, tmp_path):
    place = tmp_path / "command.html"
    arguments = ["report", *map(str, runs), "-o", str(place), "--network", str(saved["network"])]
    done = CliRunner().invoke(commands, arguments)
    assert done.exit_code == 0, done.output
    assert place.read_bytes() == written.read_bytes()
    assert done.output.startswith(f"saved {place}")
    as_json = CliRunner().invoke(commands, [*arguments, "--force", "--json"])
    assert f'"bytes": {place.stat().st_size}' in as_json.output


def test_enrichment_is_saved_by_its_command(saved, tmp_path):
    place = tmp_path / "enriched.zarr"
    sets = saved["fit"].parent / "sets.gmt"
    arguments = [
        "-q",
        "enrich",
        str(saved["fit"]),
        "--gene-sets",
        str(sets),
        "--min-size",
        "3",
        "-o",
        str(place),
    ]
    assert CliRunner().invoke(commands, arguments).exit_code == 0
    assert dasknmf.load(place).identical(dasknmf.load(saved["enrichment"]))


def test_figures_leave_no_trace(saved):
    before = dict(mpl.rcParams)
    page_of(gather(saved["fit"]))
    assert dict(mpl.rcParams) == before
    from matplotlib import pyplot as plt

    assert plt.get_fignums() == []


def test_png_is_of_few_colours():
    import base64
    import io

    made = picture(_points, alt="Many points.", caption="")
    with Image.open(io.BytesIO(base64.b64decode(made["src"].split(",")[1]))) as image:
        assert image.mode == "P"
        assert image.size == (600, 600)
