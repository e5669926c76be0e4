"""The font of PDFs: cut once, whole files, Chinese text that can be read and copied."""

import io
import shutil
import subprocess

import pytest
from fontTools.ttLib import TTFont
from pypdf import PdfReader
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate

from npa_market.common import fonts

TEXT = "张三 贷款 ¥1,234.50 – 资产包 “未诉” ≤ 22 %"


@pytest.fixture(scope="module")
def cuts(tmp_path_factory):
    return fonts.cut_fonts(tmp_path_factory.mktemp("var") / "fonts")


@pytest.fixture
def registered(cuts, settings):
    """The registered names, from the cuts of this module."""
    settings.VAR_DIR = cuts[fonts.REGULAR].parents[1]
    return fonts.register_cjk()


def page(name, text, size=40):
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(600, 100))
    canvas.setFont(name, size)
    canvas.drawString(20, 30, text)
    canvas.save()
    return buffer.getvalue()


def test_text_on_a_page_can_be_extracted(registered):
    for name in registered:
        pdf = PdfReader(io.BytesIO(page(name, TEXT)))
        assert pdf.pages[0].extract_text().strip() == TEXT
        base = pdf.pages[0]["/Resources"]["/Font"]
        names = {font.get_object()["/BaseFont"] for font in base.values()}
        assert any(name in used for used in names)


def test_registering_again_gives_the_same_names(registered):
    assert fonts.register_cjk() == registered == (fonts.REGULAR, fonts.BOLD)


def test_the_two_cuts_differ_in_name_and_weight(cuts):
    read = {name: TTFont(path) for name, path in cuts.items()}
    assert {font["name"].getDebugName(6) for font in read.values()} == {fonts.REGULAR, fonts.BOLD}
    assert {font["OS/2"].usWeightClass for font in read.values()} == {400, 700}
    assert all("fvar" not in font for font in read.values())


def test_every_promised_character_has_a_glyph(cuts):
    known = TTFont(cuts[fonts.REGULAR]).getBestCmap()
    missing = [char for char in fonts._characters() if ord(char) not in known]
    assert missing == []
    assert len(known) > 7_400


def test_cuts_are_small_and_made_once(cuts):
    folder = cuts[fonts.REGULAR].parent
    assert all(path.stat().st_size < 2_600_000 for path in cuts.values())
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert fonts.cut_fonts(folder) == cuts
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert {path.suffix for path in before} == {".ttf"}


def test_a_missing_cut_is_made_again_with_the_same_bytes(cuts, tmp_path):
    for path in cuts.values():
        shutil.copy(path, tmp_path / path.name)
    lost = tmp_path / cuts[fonts.BOLD].name
    lost.unlink()
    fonts.cut_fonts(tmp_path)
    assert lost.read_bytes() == cuts[fonts.BOLD].read_bytes()


def test_a_cut_that_cannot_be_written_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("pathlib.Path.replace", _full_disk)
    with pytest.raises(OSError, match="full"):
        fonts._write_whole(tmp_path / "font.ttf", b"content")
    assert list(tmp_path.iterdir()) == []


def _full_disk(self, target):
    raise OSError("the disk is full")


@pytest.mark.skipif(not shutil.which("pdftoppm"), reason="install poppler-utils")
def test_bold_inside_a_paragraph_is_darker(registered, tmp_path):
    style = ParagraphStyle("body", fontName=registered[0], fontSize=30, leading=36)
    ink = {}
    for kind, text in {"plain": "贷款资产包", "bold": "<b>贷款资产包</b>"}.items():
        path = tmp_path / f"{kind}.pdf"
        SimpleDocTemplate(str(path), pagesize=(400, 200)).build([Paragraph(text, style)])
        picture = subprocess.run(
            ["pdftoppm", "-gray", "-r", "72", str(path)], capture_output=True, check=True
        ).stdout
        pixels = picture.split(b"255\n", 1)[1]
        ink[kind] = sum(255 - pixel for pixel in pixels)
    assert ink["plain"] > 100_000
    assert ink["bold"] > ink["plain"] * 1.15
