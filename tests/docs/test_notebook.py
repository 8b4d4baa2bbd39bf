"""The notebook of the documentation, executed from top to bottom."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"


@pytest.mark.slow
def test_the_notebook_runs_from_a_generated_corpus_to_a_figure(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/jpeg" in output.get("data", {}) for output in outputs)
    printed = "".join(output.text for output in outputs if output.get("name") == "stdout")
    assert "20 recordings, 13 classes" in printed
    detected = float(printed.split("\nall ")[1].split()[1])  # the table of scores: ER20, F20, ...
    assert 0.1 < detected <= 1, "the network has learned nothing"
    assert (tmp_path / "notebook" / "run" / "model.safetensors").is_file()
    assert any("<th>class</th>" in output.get("data", {}).get("text/html", "") for output in outputs)
    assert "windows; {'waveform': (8, 4, 59520)" in printed


def test_the_stored_notebook_shows_its_figure_and_no_error():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/jpeg" in output.get("data", {}) for output in outputs)
    assert all(output.output_type != "error" for output in outputs)
