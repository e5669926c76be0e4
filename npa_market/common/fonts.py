"""The font of PDFs: Noto Sans SC (OFL), two static cuts made once per machine.

The installed package carries one variable font. reportlab would set it as Thin, so a regular and a
bold cut are made at first use, kept under the venue's folder and registered. Only characters of
GB 2312, Latin-1 and the punctuation below are kept; reportlab embeds what a document uses.
"""

import hashlib
import io
import os
import tempfile
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import Any

from django.conf import settings

REGULAR, BOLD = "NotoSansSC-Regular", "NotoSansSC-Bold"
WEIGHTS = {REGULAR: 400, BOLD: 700}
PACKAGE = "justmytype-intl-cjk"
SOURCE = "fonts/ofl/notosanssc/NotoSansSC[wght].ttf"
PUNCTUATION = "‐‑‒–—―‘’‚“”„†‡•…‰′″‹›€™−∑∞≈≠≤≥←↑→↓✓■□▲△▼▽●○◆◇★☆"
RECIPE = "1"  # raise it when the cut itself changes
_registering = Lock()


def register_cjk() -> tuple[str, str]:
    """Names (regular, bold) under which reportlab knows the font; cuts it where needed.

    The family is registered too, so `<b>` inside a Paragraph is bold. Safe in threads, and in
    processes that meet at the first cut: files appear whole or not at all.
    """
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    with _registering:
        if BOLD not in pdfmetrics.getRegisteredFontNames():
            for name, path in cut_fonts(Path(settings.VAR_DIR) / "fonts").items():
                pdfmetrics.registerFont(TTFont(name, str(path)))
            pdfmetrics.registerFontFamily(
                REGULAR, normal=REGULAR, bold=BOLD, italic=REGULAR, boldItalic=BOLD
            )
    return REGULAR, BOLD


def cut_fonts(folder: Path) -> dict[str, Path]:
    """Paths of the two cuts in a folder, made where they are missing.

    The key in the file name is of the package's version, the characters and the recipe.
    """
    key = hashlib.sha256(f"{version(PACKAGE)}|{RECIPE}|{_characters()}".encode()).hexdigest()[:12]
    paths = {name: folder / f"{name}-{key}.ttf" for name in WEIGHTS}
    missing = [name for name, path in paths.items() if not path.exists()]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        subset = _subset()
        for name in missing:
            _write_whole(paths[name], _instance(subset, name))
    return paths


@cache
def _characters() -> str:
    """Every character the cuts keep, in order."""
    chinese = {
        decoded
        for high in range(0xA1, 0xF8)
        for low in range(0xA1, 0xFF)
        if (decoded := bytes((high, low)).decode("gb2312", errors="ignore"))
    }
    latin = {chr(code) for code in (*range(0x20, 0x7F), *range(0xA0, 0x100))}
    return "".join(sorted(chinese | latin | set(PUNCTUATION)))


def _subset() -> bytes:
    """The variable font with the kept characters only; cutting it afterwards is three times faster.

    Layout tables go: reportlab does no shaping.
    """
    from fontTools import subset
    from fontTools.ttLib import TTFont

    options = subset.Options(
        layout_features=[], hinting=False, notdef_outline=True, name_IDs=["*"], glyph_names=False
    )
    font = TTFont(str(files("justmytype_intl_cjk") / SOURCE), recalcTimestamp=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=_characters())
    subsetter.subset(font)
    return _bytes_of(font)


def _instance(variable: bytes, name: str) -> bytes:
    """One static weight; both would render alike under one PostScript name, so each has its own."""
    from fontTools.ttLib import TTFont
    from fontTools.varLib import instancer

    font = TTFont(io.BytesIO(variable), recalcTimestamp=False)
    font = instancer.instantiateVariableFont(font, {"wght": WEIGHTS[name]})
    family, style = name.split("-")
    for name_id, text in ((1, family), (2, style), (3, name), (4, f"{family} {style}"), (6, name)):
        font["name"].setName(text, name_id, 3, 1, 0x409)
        font["name"].setName(text, name_id, 1, 0, 0)
    font["OS/2"].usWeightClass = WEIGHTS[name]
    return _bytes_of(font)


def _bytes_of(font: Any) -> bytes:
    buffer = io.BytesIO()
    font.save(buffer)
    return buffer.getvalue()


def _write_whole(path: Path, content: bytes) -> None:
    """Write beside the place, then move: a reader sees all of it or nothing."""
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
