"""Rules of this repository: sizes, docstrings, layers, versions, text."""

import ast
import configparser
import re
import subprocess
from pathlib import Path

import pytest
import torch
import torchvision
import yaml

import avseld

ROOT = Path(__file__).resolve().parent.parent
FILES = [
    path for room in ("avseld", "detection", "data_prep") for path in sorted((ROOT / room).rglob("*.py"))
]


def test_no_file_has_more_than_400_lines():
    long = {
        str(path.relative_to(ROOT)): n for path in FILES if (n := len(path.read_text().splitlines())) > 400
    }
    assert not long


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_and_public_name_has_a_docstring(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "no module docstring"
    for node in public(tree):
        assert ast.get_docstring(node), f"{node.name} has no docstring"


def public(tree):
    """Yield functions and classes whose names, and those of their classes, have no leading underscore."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)


def test_no_function_body_has_more_than_80_lines():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                body = node.end_lineno - node.lineno - len((ast.get_docstring(node) or "").splitlines())
                assert body <= 80, f"{path.name}: {node.name} has {body} lines"


def test_torch_and_torchvision_match():
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30]])
    kept = torchvision.ops.nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.5)
    assert kept.tolist() == [0, 2]


def test_tracked_files_name_no_local_paths_or_registries():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    if not tracked:
        pytest.skip("no git checkout")
    words = ("/wo" + "rk/", "/ro" + "ot/", "pypi" + ".org", "debian" + ".org")
    for name in tracked:
        path = ROOT / name
        if path.suffix in (".py", ".sh", ".md", ".yaml", ".cfg", ".toml", ".html") and path.exists():
            text = path.read_text()
            assert not [word for word in words if word in text], name


def test_the_map_names_every_folder_of_the_packages():
    mapped = re.findall(r"^\| `(\S+)/` \|", (ROOT / "CONTRIBUTING.md").read_text(), flags=re.M)
    there = {str(path.parent.relative_to(ROOT)) for path in FILES if path.name == "__init__.py"}
    assert sorted(mapped) == sorted(there - {"avseld"}), "the table in CONTRIBUTING.md differs from the tree"


def test_the_map_shows_the_layers_that_the_import_contract_enforces():
    (shown,) = re.findall(r"```text\n(__main__\n.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), flags=re.S)
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    enforced = settings["importlinter:contract:library"]["layers"]
    assert layers(shown) == layers(enforced), "CONTRIBUTING.md differs from setup.cfg"


def layers(text):
    """List the layers of a contract from top to bottom, each a set of modules."""
    return [frozenset(re.split(r"[\s|:]+", line.strip())) for line in text.strip().splitlines()]


def test_package_setup_and_citation_state_the_same_version():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == settings["metadata"]["version"] == avseld.__version__
    assert citation["license"] == settings["metadata"]["license"]
