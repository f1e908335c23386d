"""`reprobox init`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_a_config_is_written_once(desk: Desk) -> None:
    found = desk("init")
    assert found.code == 0
    assert "wrote config.yaml; next: reprobox lock config.yaml" in found.err
    text = (desk.top / "config.yaml").read_text()
    assert "reprobox:" in text
    assert desk("init").code != 0
    assert (desk.top / "config.yaml").read_text() == text


def test_gitignore_is_changed_only_when_asked(desk: Desk) -> None:
    assert "lines that .gitignore could have" in desk("init", "a.yaml").err
    assert not (desk.top / ".gitignore").exists()
    assert "to .gitignore" in desk("init", "b.yaml", "--gitignore").err
    assert "*.rbx" in (desk.top / ".gitignore").read_text().splitlines()
