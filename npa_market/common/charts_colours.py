"""The design tokens' colours for pictures, the same in the page and in the PDF."""

SERIES = ("#0f4c81", "#d97706", "#4b8b6f", "#8d6aa8", "#7b8794")
INK, INK_2, INK_3 = "#16202c", "#52606d", "#7b8794"
LINE, GRID = "#dde3ea", "#eef1f5"
GOOD, BAD = "#1b7f4b", "#b42318"
BAND_OPACITY = (0.16, 0.30, 0.40, 0.50)  # outermost band first


def series_colour(index: int) -> str:
    """Colour of the series with this place; they repeat after five."""
    return SERIES[index % len(SERIES)]


def band_opacity(index: int) -> float:
    """Opacity of a fan's band, counted from the outermost."""
    return BAND_OPACITY[min(index, len(BAND_OPACITY) - 1)]
