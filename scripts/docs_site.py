"""Hooks of mkdocs: pages taken from the repository's root, the API reference, and its check for missing docstrings.

mkdocs calls the functions named `on_...` (see `hooks` in mkdocs.yml). The reference has one page for each folder of the
three packages, listed from the tree, so that no page names a module that has gone.
"""

import re
from pathlib import Path

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("avseld", "detection", "data_prep")
ROOT_PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Refuse to build with an undocumented public name, and add the reference to the navigation.

    Raises:
        PluginError: naming every public module, class, function or method without a docstring.
    """
    missing = undocumented()
    if missing:
        raise PluginError("no docstring: " + ", ".join(missing))
    config.nav.append({"Reference": [{room: reference_page(room)} for room in rooms()]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add README, CONTRIBUTING and CHANGELOG, and one reference page for each folder of modules."""
    for source, page in ROOT_PAGES.items():
        text = from_root((ROOT / source).read_text(encoding="utf-8"))
        files.append(File.generated(config, page, content=text))
    for room, modules in rooms().items():
        text = f"# {room}\n\n" + "\n".join(f"::: {module}\n" for module in modules)
        files.append(File.generated(config, reference_page(room), content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links to files of the repository's root at their pages on the site."""
    for source, target in ROOT_PAGES.items():
        markdown = markdown.replace(f"](../{source}", f"]({target}")
    return markdown


def from_root(text: str) -> str:
    """Rewrite the links of a page in the repository's root for the site, where `docs/` is the root."""
    text = re.sub(r"\]\(docs/", "](", text)
    text = text.replace("[CITATION.cff](CITATION.cff)", "`CITATION.cff`")  # no page of the site
    for source, page in ROOT_PAGES.items():
        text = text.replace(f"]({source}", f"]({page}")
    return text


def reference_page(room: str) -> str:
    """Name the page of the reference that documents a folder."""
    return f"reference/{room}.md"


def rooms() -> dict[str, list[str]]:
    """List the folders of the three packages and their public modules, by dotted names.

    Returns:
        Folder -> its own docstring's module first, then its modules in alphabetical order.
    """
    found: dict[str, list[str]] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if parts[-1] == "__main__":
                continue
            room = ".".join(parts[:-1])
            if parts[-1] == "__init__":
                found.setdefault(room, []).insert(0, room)
            elif not parts[-1].startswith("_"):
                found.setdefault(room, []).append(".".join(parts))
    return dict(sorted(found.items()))


def undocumented() -> list[str]:
    """List public modules, classes, functions and methods without a docstring, by their dotted names."""
    missing = []
    for package in PACKAGES:
        missing += _undocumented(griffe.load(package, search_paths=[ROOT], allow_inspection=False))
    return sorted(missing)


def _undocumented(thing: griffe.Object) -> list[str]:
    missing = [] if thing.has_docstring else [thing.path]
    for member in thing.members.values():
        if not member.is_alias and not member.name.startswith("_") and not member.is_attribute:
            missing += _undocumented(member)
    return missing
