"""The wheel works where nothing else of the repository is."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("avseld", "detection", "data_prep")
DATA = ("avseld/recipes/av_foa.yaml", "avseld/reporting/viewer.html", "avseld/py.typed")
DATA += (
    "data_prep/synth/video/detector_noise.json",
    "detection/shipped/people_drawn.onnx",
    "detection/shipped/people_drawn.json",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """A wheel made of the source archive that is made of a copy of the tree: the archive must be complete, too."""
    pytest.importorskip("build", reason="the package build is not installed; the extra test holds it")
    pytest.importorskip("setuptools", minversion="77")
    folder = tmp_path_factory.mktemp("package")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / "tree" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "tree" / name)
    words = ["-m", "build", "--no-isolation", "--outdir", folder / "dist", folder / "tree"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (path,) = (folder / "dist").glob("*.whl")
    assert len(list((folder / "dist").glob("*.tar.gz"))) == 1
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The wheel installed in an empty folder, without what it depends on."""
    folder = tmp_path_factory.mktemp("installed")
    words = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", folder, wheel]
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return folder


def run(installed: Path, *words: str) -> str:
    """Standard output of a command in another directory, its package taken from the folder."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    words = (str(installed / "bin" / words[0]), *words[1:])
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, cwd=installed / "bin", env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    here = {
        str(path.relative_to(ROOT))
        for name in PACKAGES
        for path in (ROOT / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == here and set(DATA) <= packed


def test_commands_run_from_another_directory(installed):
    code = (
        "import avseld, detection, data_prep; print(avseld.__file__, detection.__file__, data_prep.__file__)"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    places = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=installed,
        env=environment,
    )
    assert all(str(installed) in place for place in places.stdout.split())
    assert "train" in run(installed, "avseld", "--help")
    assert "av_foa" in run(installed, "avseld", "models")
    assert "dcase" in run(installed, "avseld-prep", "--help")
    assert "boxes" in run(installed, "avseld-detect", "--help")
