"""The set-up brings what the lock names, whatever is newer, and tells a fault in a sentence."""

import ast
import base64
import hashlib
import re
import signal
import subprocess
import sys
import time
import venv
import zipfile
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.book import ROOT
from tests.project.test_environment import declared, pins
from tools import environment
from tools.environment import SetupError, install, python_of

LOCKED = {"alpha": "1.0", "beta": "1.0"}
UV = [Path(sys.executable).parent / "uv", "pip"]
INSTALLERS = {"pip": environment.pip, "uv": lambda folder: UV}
WRONG = "0" * 64


def wheel(index, name, version, needs="", extra=""):
    """Put a wheel without a line of code into an index; return its hash."""
    info = f"{name}-{version}.dist-info"
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}{extra}"
    content = {
        f"{name}.py": "",
        f"{info}/METADATA": about,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{info}/RECORD,,"]
    for file, text in content.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record.append(f"{file},sha256={digest.decode()},{len(text)}")
    content[f"{info}/RECORD"] = "\n".join(record) + "\n"
    page = index / name
    page.mkdir(parents=True, exist_ok=True)
    path = page / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in content.items():
            archive.writestr(file, text)
    links = [f'<a href="{file.name}">{file.name}</a>' for file in sorted(page.glob("*.whl"))]
    (page / "index.html").write_text("<!DOCTYPE html>" + "".join(links), encoding="utf-8")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """An index that has moved on since the lock was made; the lock's hashes by name."""
    index = tmp_path_factory.mktemp("index")
    hashes = {
        "alpha": wheel(index, "alpha", "1.0", "Requires-Dist: beta[extra]>=1\n"),
        "beta": wheel(index, "beta", "1.0", extra="Provides-Extra: extra\n"),
    }
    needs = "Provides-Extra: extra\nRequires-Dist: gamma\n"
    wheel(index, "beta", "2.0", needs)
    wheel(index, "gamma", "1.0")
    return index, hashes


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """An environment with the pip of this Python, made once since that takes seconds."""
    folder = tmp_path_factory.mktemp("template")
    venv.create(folder, symlinks=True, with_pip=True)
    return folder


@pytest.fixture
def folder(template, tmp_path):
    """A new environment that sees the template's pip."""
    made = tmp_path / "venv"
    venv.create(made, symlinks=True)
    for source in template.glob("lib/python*/site-packages/pip*"):
        site = made / source.parent.relative_to(template)
        (site / source.name).symlink_to(source)
    return made


@pytest.fixture
def lock(world, tmp_path, monkeypatch):
    """Write a lock of the given packages and turn both installers to the index."""
    index, hashes = world
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", index.as_uri())
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.as_uri())
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))

    def write(*names, **other):
        path = tmp_path / "requirements.lock"
        known = hashes | other
        lines = [f"{name}==1.0 \\\n    --hash=sha256:{known[name]}\n" for name in names]
        path.write_text("".join(lines), encoding="utf-8")
        return path

    return write


def arrived(folder):
    """Names and versions in an environment, without pip."""
    found = folder.glob("lib/python*/site-packages/*.dist-info")
    parts = [path.name.removesuffix(".dist-info").split("-") for path in found]
    return {name: version for name, version in parts if name != "pip"}


both = pytest.mark.parametrize("installer", INSTALLERS.values(), ids=list(INSTALLERS))


@both
def test_what_is_newer_than_the_lock_does_not_arrive(folder, lock, installer):
    install(folder, installer(folder), lock("alpha", "beta"))
    assert arrived(folder) == LOCKED


@both
def test_resolving_would_have_been_led_astray(folder, lock, installer):
    """The control: the same index, not as a list. alpha's need is met by the newest beta."""
    lock("alpha")
    environment.run(folder, *installer(folder), "install", "alpha==1.0")
    assert arrived(folder) == {"alpha": "1.0", "beta": "2.0", "gamma": "1.0"}


SETTINGS = {
    "PIP_USER": "1",
    "PIP_CONSTRAINT": "/nowhere/constraints.txt",
    "PIP_TARGET": "/nowhere",
    "PIP_DRY_RUN": "1",
    "UV_CONSTRAINT": "/nowhere/constraints.txt",
    "UV_SYSTEM_PYTHON": "1",
    "VIRTUAL_ENV": "/nowhere",
    "PYTHONPATH": "/nowhere",
    "PYTHONHOME": "/nowhere",
}


@both
def test_settings_of_the_user_do_not_lead_astray(folder, lock, installer, monkeypatch):
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    install(folder, installer(folder), lock("alpha", "beta"))
    assert arrived(folder) == LOCKED


def test_settings_that_name_a_mirror_stay(tmp_path, monkeypatch):
    kept = {"PIP_INDEX_URL": "a", "UV_INDEX_URL": "b", "PIP_CERT": "c", "HTTPS_PROXY": "d"}
    for name, value in kept.items():
        monkeypatch.setenv(name, value)
    assert kept.items() <= environment.surroundings(tmp_path).items()


# How each case ends, whichever installer it was.
HASH = "is not the one that requirements.lock names by its hash"
FILE = "has no file for this Python and platform"
LACKS = r"requirements\.lock is not complete"


@both
@pytest.mark.parametrize(
    ("names", "hashes", "sentence"),
    [
        (("alpha", "beta"), {"beta": WRONG}, HASH),
        (("alpha", "beta", "delta"), {"delta": WRONG}, FILE),
        (("alpha",), {}, LACKS),
    ],
    ids=["hash", "file", "incomplete"],
)
def test_a_fault_ends_in_a_sentence_and_is_mended(folder, lock, installer, names, hashes, sentence):
    with pytest.raises(SetupError) as caught:
        install(folder, installer(folder), lock(*names, **hashes))
    assert re.search(sentence, str(caught.value).splitlines()[-1])
    install(folder, installer(folder), lock("alpha", "beta"))
    assert arrived(folder) == LOCKED


@both
def test_no_network_is_told(folder, lock, installer, monkeypatch):
    # Port 9 of this machine is closed: refused at once, which is what no network ends in.
    for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/simple")
    for name in ("PIP_RETRIES", "UV_HTTP_RETRIES"):
        monkeypatch.setenv(name, "1")
    with pytest.raises(SetupError, match="No package index could be reached"):
        install(folder, installer(folder), lock("alpha"))


@pytest.mark.parametrize(
    "said",
    [
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
        "error: failed to write to file: No space left on device (os error 28)",
    ],
)
def test_a_full_disk_is_told(said):
    assert environment.explain(said).splitlines()[-1].startswith("The disk is full: make room")


def test_a_full_disk_while_the_environment_is_made_is_told(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(environment.venv, "create", full)
    with pytest.raises(SetupError, match="The disk is full"):
        environment.make(tmp_path / "venv")


# --- When `.venv` is made, and when it stays --------------------------------------------------


@pytest.fixture
def makes(tmp_path, monkeypatch):
    """Call `main` on a folder of its own, with `make` replaced by a quick one; count its calls."""
    made = tmp_path / ".venv"
    calls = []

    def quick(folder, by_pip):
        calls.append(by_pip)
        venv.create(folder, clear=True, symlinks=True)

    monkeypatch.setattr(environment, "ENVIRONMENT", made)
    monkeypatch.setattr(environment, "make", quick)

    def call(*options):
        before = len(calls)
        environment.main(*options)
        return len(calls) - before

    return call


def test_it_is_made_once_and_anew_when_its_mark_is_not_there(makes):
    assert [makes(), makes()] == [1, 0]
    (environment.ENVIRONMENT / "made-from.sha256").unlink()
    assert [makes(), makes()] == [1, 0]
    python_of(environment.ENVIRONMENT).unlink()
    assert [makes(), makes()] == [1, 0]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SetupError("Why.")])
def test_what_stops_half_way_is_told_and_made_anew(makes, monkeypatch, error):
    makes()

    def stopped(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(environment, "make", stopped)
        patch.setattr(environment, "fingerprint", lambda: "another lock")
        with pytest.raises(SystemExit, match="`make env` starts again from the beginning"):
            environment.main()
    assert makes() == 1


def test_an_environment_of_another_python_stays_unless_this_one_is_asked_for(makes, monkeypatch):
    makes()
    monkeypatch.setattr(sys, "version", "3.99.0 (another one)")
    assert [makes(), makes("--this-python")] == [0, 1]


def test_an_old_python_is_told(makes, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 13))
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer.*make PYTHON="):
        makes()


def test_an_old_python_can_read_as_far_as_the_message():
    source = (ROOT / "tools" / "environment.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 8))


def test_killed_in_the_middle_it_is_made_anew(tmp_path):
    """SIGKILL while an installer runs: no mark is left, whatever had been there before."""
    script = (
        "import sys, time; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; from tools import environment as e\n"
        "e.ENVIRONMENT = Path(sys.argv[2])\n"
        "def slow(*_): print('begun', flush=True); time.sleep(60)\n"
        "e.make = slow; e.main()"
    )
    stamp = tmp_path / "made-from.sha256"
    stamp.write_text("an older lock", encoding="utf-8")
    command = [sys.executable, "-c", script, ROOT, tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 20
        while "begun" not in process.stdout.readline():
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGKILL)
    assert not stamp.exists()


# --- The lock is complete -----------------------------------------------------------------------


def needed(requirement):
    """Requirements of a locked package on this Python and platform, with the extras asked for."""
    extras = requirement.extras or {""}
    for line in requires(requirement.name) or []:
        below = Requirement(line)
        if below.marker is None or any(below.marker.evaluate({"extra": e}) for e in extras):
            yield below


def test_the_lock_is_complete():
    locked = {canonicalize_name(name): version for name, version in pins().items()}
    open_, seen = list(declared()), set()
    while open_:
        requirement = open_.pop()
        name = canonicalize_name(requirement.name)
        assert name in locked, f"{requirement} is not in the lock"
        assert requirement.specifier.contains(locked[name], prereleases=True), requirement
        key = (name, frozenset(requirement.extras))
        if key not in seen:
            seen.add(key)
            open_ += needed(requirement)
    assert {name for name, _ in seen} == set(locked), "the lock holds what nothing needs"
    assert any(extras for _, extras in seen), "no extra was looked into"
