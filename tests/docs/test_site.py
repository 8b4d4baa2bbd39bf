"""The documentation site: its pages, links and reference."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def hooks():
    """Import scripts/docs_site.py, which mkdocs loads by its path, too."""
    spec = importlib.util.spec_from_file_location("docs_site", ROOT / "scripts" / "docs_site.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_site_builds_without_a_broken_link(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]  # --quiet would let warnings pass
    reference = (tmp_path / "reference" / "avseld.metrics" / "index.html").read_text(encoding="utf-8")
    assert 'id="avseld.metrics.api.score"' in reference
    assert (tmp_path / "tutorial" / "index.html").is_file() and (tmp_path / "index.html").is_file()


def test_the_reference_lists_every_public_module(hooks):
    there = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for package in hooks.PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__main__.py" and (path.name == "__init__.py" or not path.name.startswith("_"))
    }
    listed = [module for modules in hooks.rooms().values() for module in modules]
    assert sorted(listed) == sorted(there)


def test_a_public_name_without_a_docstring_stops_the_build(hooks, tmp_path, monkeypatch):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text('"""A package."""\n')
    (package / "part.py").write_text(
        '"""A module."""\n\n\ndef bare():\n    pass\n\n\ndef _private():\n    pass\n'
    )
    monkeypatch.setattr(hooks, "ROOT", tmp_path)
    monkeypatch.setattr(hooks, "PACKAGES", ("package",))
    with pytest.raises(PluginError, match=r"no docstring: package\.part\.bare$"):
        hooks.on_config(MkDocsConfig())


def test_links_of_the_readme_are_those_of_its_page(hooks):
    shown = hooks.from_root("[a](docs/vision.md) [b](CONTRIBUTING.md) ![c](docs/images/overlay.jpg)")
    assert shown == "[a](vision.md) [b](contributing.md) ![c](images/overlay.jpg)"
