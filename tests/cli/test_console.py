"""What is shown while one waits: on a terminal, after two seconds, and gone afterwards."""

import io
import time

import pytest
from rich.console import Console

from mecllm.cli import console


@pytest.fixture
def screen(monkeypatch):
    """A terminal's output, where waiting begins after a twentieth of a second."""
    text = io.StringIO()
    made = Console(file=text, force_terminal=True, width=80, markup=False)
    monkeypatch.setattr(console, "console", lambda stderr=False: made)
    monkeypatch.setattr(console, "_WAITING_SECONDS", 0.05)
    return text


def test_what_lasts_is_told_with_what_is_done_now(screen):
    with console.waiting("priced on [town]") as tell:
        time.sleep(0.3)
        tell("proposed")
        time.sleep(0.3)
    shown = screen.getvalue()
    assert shown.index("priced on [town]") < shown.index("proposed")
    # Nothing of it stays: the line is erased and the cursor is back.
    assert shown.rstrip().endswith("\x1b[2K")


def test_what_is_done_soon_says_nothing(screen):
    with console.waiting("priced"):
        pass
    time.sleep(0.2)
    assert "priced" not in screen.getvalue()


def test_a_file_or_a_pipe_is_told_nothing(monkeypatch, capsys):
    monkeypatch.setattr(console, "_WAITING_SECONDS", 0.0)
    with console.waiting("priced") as tell:
        time.sleep(0.1)
        tell("proposed")
    assert capsys.readouterr() == ("", "")


def test_an_error_ends_the_line_and_passes(screen):
    def fail():
        with console.waiting("priced"):
            time.sleep(0.2)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert screen.getvalue().rstrip().endswith("\x1b[2K")
