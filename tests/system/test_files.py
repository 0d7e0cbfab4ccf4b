"""Files of the package: written whole, read with one clear error."""

import pytest

from mecllm.errors import ScenarioError
from mecllm.system import files


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "table.csv"
    files.write_whole(path, lambda draft: draft.write_text("old"))

    def stop(draft):
        draft.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write_whole(path, stop)
    assert path.read_text() == "old"


@pytest.mark.parametrize("content", [b"a = ", b"\xff", None])
def test_what_is_no_toml_is_refused_by_name(tmp_path, content):
    path = tmp_path / "my.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ScenarioError, match=r"my\.toml: file"):
        files.read_toml(path)
