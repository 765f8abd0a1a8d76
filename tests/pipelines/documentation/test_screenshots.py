"""Pictures of the planner's pages: how small they get, and what happens without a browser."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from config.errors import InputError
from pipelines.documentation.screenshots import MOST_BYTES, app, small_png
from tests.conftest import PROJECT


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def test_a_picture_of_few_colours_stays_as_it_is() -> None:
    page = Image.new("RGB", (64, 48), "#FFFFFF")
    page.paste("#E8743B", (0, 0, 16, 48))
    small = Image.open(io.BytesIO(small_png(png(page)))).convert("RGB")
    colours = sorted(small.getcolors() or [])
    assert colours == [(16 * 48, (0xE8, 0x74, 0x3B)), (48 * 48, (0xFF, 0xFF, 0xFF))]


def test_colours_go_before_the_size_is_exceeded() -> None:
    slope = Image.linear_gradient("L").convert("RGB")
    many, few = len(small_png(png(slope))), len(small_png(png(slope), 400))
    assert few <= 400 < many
    with pytest.raises(InputError, match="256 x 256 pixels has more than 50 bytes"):
        small_png(png(slope), 50)


def test_without_a_browser_one_line_says_what_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    done = CliRunner().invoke(app, ["--out", str(tmp_path / "pictures")])
    assert (done.exit_code, done.stdout) == (
        0,
        "not taken: today.png, compressor.png, alerts.png, work-order.png. This machine has no Chromium\n",
    )
    assert not (tmp_path / "pictures").exists()


@pytest.mark.parametrize("name", ["today.png", "compressor.png", "alerts.png", "work-order.png"])
def test_the_pictures_of_the_documentation_are_small(name: str) -> None:
    picture = PROJECT / "docs" / "pictures" / name
    assert picture.stat().st_size <= MOST_BYTES
    with Image.open(picture) as opened:
        assert (opened.format, opened.width) == ("PNG", 1280)
