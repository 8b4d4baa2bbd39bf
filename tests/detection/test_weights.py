"""Weights are an existing file, or a release that is downloaded once and verified."""

import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from avseld.base.errors import BadInput
from detection import weights as module
from detection.detect import boxes_of_video
from detection.weights import DEFAULT, RELEASES, Release, cache_folder, fetch, find_weights, sha256

CONTENT = b"weights of a network" * 1000
HASH = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "avseld"


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """Start a server of CONTENT, truncated under /half; give its address and the list of requests."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404 if "absent" in self.path else 200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[: len(CONTENT) // 2] if "half" in self.path else CONTENT)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()


def left(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir()) if cache.exists() else []


@pytest.mark.parametrize("known", [HASH, HASH[:8]])
def test_a_release_is_downloaded_once_and_kept_if_its_hash_matches(server, cache, known):
    address, asked = server
    release = Release(f"{address}/net.onnx", known)
    assert fetch(release) == cache / "net.onnx"
    assert fetch(release).read_bytes() == CONTENT and sha256(cache / "net.onnx") == HASH
    assert asked == ["/net.onnx"] and left(cache) == ["net.onnx"]


@pytest.mark.parametrize(
    ("path", "known", "words"),
    [
        ("net.onnx", "0" * 64, "not the released file"),
        ("half/net.onnx", HASH, "cannot be fetched"),
        ("absent/net.onnx", HASH, "cannot be fetched"),
    ],
)
def test_a_download_with_another_hash_is_refused_and_deleted(server, cache, path, known, words):
    with pytest.raises(BadInput, match=words) as caught:
        fetch(Release(f"{server[0]}/{path}", known))
    assert f"at {cache / 'net.onnx'}, or give --weights FILE" in str(caught.value)
    assert "\n" not in str(caught.value) and left(cache) == []


def test_without_network_the_message_names_the_file_and_its_place(cache):
    with pytest.raises(BadInput) as caught:
        fetch(Release("http://127.0.0.1:9/yolox_tiny.onnx", HASH))
    line = str(caught.value)
    assert re.match(
        r"http://127.0.0.1:9/yolox_tiny.onnx: cannot be fetched \(.*refused.*\); put it at ", line
    )
    assert str(cache / "yolox_tiny.onnx") in line and "\n" not in line and left(cache) == []


def test_a_file_copied_into_the_cache_is_checked(cache):
    release = Release("http://127.0.0.1:9/net.onnx", HASH)
    cache.mkdir(parents=True)
    (cache / "net.onnx").write_bytes(CONTENT)
    assert fetch(release).read_bytes() == CONTENT
    (cache / "net.onnx").write_bytes(CONTENT + b"!")
    with pytest.raises(BadInput, match="remove it"):
        fetch(release)
    assert left(cache) == ["net.onnx"]  # a file of the user is not deleted


def test_an_existing_file_is_used_and_a_release_name_is_downloaded(tmp_path, server, monkeypatch):
    mine = tmp_path / "mine.onnx"
    mine.write_bytes(CONTENT)
    assert find_weights("onnx", mine) == mine
    small = Release(f"{server[0]}/yolox_nano.onnx", HASH)
    monkeypatch.setitem(RELEASES, small.name, small)
    assert find_weights("onnx", Path("yolox_nano.onnx")) == cache_folder() / "yolox_nano.onnx"
    with pytest.raises(BadInput, match=r"absent/yolox_nano\.onnx: not found; give a weights file, or one of"):
        find_weights("onnx", Path("absent/yolox_nano.onnx"))


def test_every_backend_has_an_official_release_with_a_hash():
    """YOLOX-tiny for both, as in the published system; file names of mmdet hold the start of the hash."""
    assert DEFAULT.keys() == {"onnx", "mmdet"}
    assert DEFAULT["mmdet"].name.endswith(f"-{DEFAULT['mmdet'].sha256}.pth")
    for release in RELEASES.values():
        assert re.fullmatch(r"[0-9a-f]{8}|[0-9a-f]{64}", release.sha256)
        assert release.url.startswith("https://")


def test_the_cache_is_in_the_home_folder_unless_the_user_says_otherwise(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in ("", "relative/folder"):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        assert cache_folder() == tmp_path / ".cache" / "avseld"


def test_a_missing_video_is_reported_before_weights_are_downloaded(tmp_path, server, monkeypatch):
    monkeypatch.setitem(module.DEFAULT, "onnx", Release(f"{server[0]}/net.onnx", HASH))
    with pytest.raises(BadInput, match=r"none\.mp4: not found"):
        boxes_of_video(tmp_path / "none.mp4")
    assert server[1] == []
