"""The live page in a real browser: events, picture, latency and faults as they come."""

import numpy as np
import pytest
from browser import opened

from avseld.io.boxes import Boxes
from avseld.io.events import Events
from avseld.reporting.colours import colour
from avseld.streaming.camera import Picture
from avseld.streaming.faults import FaultLog
from avseld.streaming.messages import Update
from avseld.streaming.sinks.web_socket import LOOPBACK
from avseld.streaming.view import PictureFeed, view_server

CLASSES = ["bell", "door </script><b id=out>"]
START = {"type": "start", "input": "array", "channels": 4, "sample_rate": 24000, "step": 0.1}


def update(second, azimuth, elevation, label=0, track=7):
    row = {
        "type": "event",
        "time": second,
        "duration": 0.1,
        "class": CLASSES[label],
        "label": label,
        "track": track,
        "azimuth": azimuth,
        "elevation": elevation,
        "distance": None,
        "score": 0.75,
        "latency": 0.187,
    }
    return Update(second + 0.1, Events.empty(), (row,), 0.187, None)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page beside its server and what feeds it."""
    server, faults = view_server(CLASSES), FaultLog()
    faults.tell = server.notice
    server.notice(START)
    faults.report("clipped", 1.0, 3, "channel 2")  # before the page is open
    seen = {"picture": None}
    boxes = Boxes(np.zeros(1), np.array([[[0.6, 0.4, 0.7, 0.9]]]), np.ones((1, 1)), np.zeros((1, 1), int))
    feed = PictureFeed(server, lambda: seen["picture"], lambda: boxes)
    with opened(f"http://{LOOPBACK}:{server.port}/", tmp_path_factory.mktemp("browser")) as one:
        one.wait("document.getElementById('state').hasAttribute('data-on')")
        yield one, server, faults, seen
    feed.stop()
    server.close()


def pixel(page, azimuth, elevation):
    """Colour of the map in a direction, (red, green, blue)."""
    script = f"""(() => {{ const map = document.getElementById('map');
        const x = (180 - {azimuth}) / 360 * map.width, y = (90 - {elevation}) / 180 * map.height;
        return [...map.getContext('2d').getImageData(Math.round(x), Math.round(y), 1, 1).data].slice(0, 3); }})()"""
    return page.value(script)


def rgb(name):
    return [int(name[place : place + 2], 16) for place in (1, 3, 5)]


def test_an_event_is_shown_with_its_class_direction_score_and_latency(page):
    one, server, *_ = page
    for number in range(5):
        server.update(update(2.0 + 0.1 * number, 60.0, -20.0))
    one.wait("document.getElementById('clock').textContent === '2.5 s'")
    cells = one.value("[...document.querySelectorAll('#now td')].map(cell => cell.textContent)")
    assert cells == ["bell", "+60°, \N{MINUS SIGN}20°", "0.75", "2.0 s"]
    assert one.value("document.getElementById('latency').textContent") == "latency 187 ms"
    one.wait("!stale")
    assert pixel(one, 60, -20) == rgb(colour(0)) and pixel(one, -60, -20) != rgb(colour(0))
    assert one.value("document.getElementById('state').textContent") == "array"


def test_an_event_that_has_ended_leaves_the_table_and_stays_in_the_trail(page):
    one, server, *_ = page
    server.update(update(3.5, -100.0, 30.0, label=1, track=8))
    one.wait("document.getElementById('clock').textContent === '3.6 s' && !stale")
    assert one.value("[...document.querySelectorAll('#now tr')].length") == 1
    assert pixel(one, 60, -20) != [38, 40, 43] and one.value("rows.length") == 6
    assert (
        one.value("[...document.querySelectorAll('#classes button')].map(one => one.textContent)") == CLASSES
    )
    assert one.value("document.getElementById('out')") is None


def test_a_class_can_be_hidden(page):
    one, *_ = page
    one.value("document.querySelectorAll('#classes button')[1].click()")
    one.wait("!stale")
    assert pixel(one, -100, 30) != rgb(colour(1))
    one.value("document.querySelectorAll('#classes button')[1].click()")
    one.wait("!stale")
    assert pixel(one, -100, 30) == rgb(colour(1))


def test_picture_and_people_are_shown_behind_the_directions(page):
    one, _, _, seen = page
    seen["picture"] = Picture(1.0, np.full((64, 128, 3), (250, 20, 20), np.uint8))
    one.wait("picture !== null && boxes.length === 1 && !stale")
    red, green, blue = pixel(one, 170, 20)
    assert red > 130 and green < 60 and blue < 60
    edge = pixel(one, 180 - 0.6 * 360, 90 - 0.65 * 180)  # the left side of the box
    assert min(edge) > 150


def test_the_page_goes_on_while_the_next_picture_is_decoded(page):
    one, server, _, seen = page
    one.value("decode = createImageBitmap; last = picture; 0")
    one.value(
        "createImageBitmap = async blob => { await new Promise(go => setTimeout(go, 300)); return decode(blob); }; 0"
    )
    seen["picture"] = Picture(2.0, np.full((64, 128, 3), (20, 250, 20), np.uint8))
    for number in range(20):
        server.update(update(4.0 + 0.1 * number, 0.0, 0.0))
        one.wait(f"document.getElementById('clock').textContent === '{4.1 + 0.1 * number:.1f} s'", 5.0)
    one.wait("picture !== last && !stale")
    assert pixel(one, 170, 20)[1] > 130
    one.value("createImageBitmap = decode; 0")


def test_faults_are_listed_also_those_from_before_the_page_was_opened(page):
    one, _, faults, _ = page
    faults.report("gap", 4.25, 480)
    one.wait("document.querySelectorAll('#faults li').length === 2")
    said = one.value("[...document.querySelectorAll('#faults li')].map(item => item.textContent)")
    assert said[0].startswith("samples reach full scale (channel 2): 1 times, last at 1.0 s")
    assert "against the clock" in said[1] and "4.3 s" in said[1]


def test_the_timeline_shows_the_last_half_minute_only(page):
    one, server, *_ = page
    server.update(update(50.0, 10.0, 0.0, track=9))
    one.wait("document.getElementById('clock').textContent === '50.1 s'")
    assert one.value("rows.length") == 1 and one.value("tracks.size") == 1


def test_the_page_comes_back_to_a_stream_that_begins_again(page):
    one, server, *_ = page
    server.notice({**START, "input": "again"})
    one.wait("document.getElementById('state').textContent === 'again' && rows.length === 0")
    server.notice({"type": "summary"})
    one.wait("document.getElementById('state').textContent === 'again (ended)'")
    assert one.value("document.title") == "avseld stream"
