"""The venue's handler: plain views on pooled threads, streams and live feeds on Django's way."""

import asyncio
import json
import threading

import pytest
from asgiref.testing import ApplicationCommunicator
from django.db import connections
from django.http import HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path

from npa_market.common.serving import VenueHandler
from npa_market.config import urls

pytestmark = pytest.mark.django_db(transaction=True)
STARTED, GATE = threading.Semaphore(0), threading.Event()


def plain(request):
    return HttpResponse(f"{request.method} {request.body.decode()}")


def streamed(request):
    return StreamingHttpResponse(iter([b"one ", b"two"]))


def failing(request):
    raise RuntimeError("broken view")


def waiting(request):
    STARTED.release()
    GATE.wait(20)
    return HttpResponse("done")


async def live(request):
    return HttpResponse(str(asyncio.get_running_loop() is not None))


urlpatterns = [
    *urls.urlpatterns,
    path("plain/", plain),
    path("streamed/", streamed),
    path("failing/", failing),
    path("waiting/", waiting),
    path("live/", live),
]


async def ask(handler, address, method="GET", body=b""):
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": address,
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
        "client": ["127.0.0.1", 1],
        "server": ["testserver", 80],
    }
    client = ApplicationCommunicator(handler, scope)
    await client.send_input({"type": "http.request", "body": body, "more_body": False})
    start = await client.receive_output(20)
    content = b""
    while True:
        part = await client.receive_output(20)
        content += part.get("body", b"")
        if not part.get("more_body", False):
            break
    headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, content


@pytest.fixture
def handler():
    with override_settings(ROOT_URLCONF=__name__, WEB_THREADS=1, WEB_QUEUE=2):
        yield VenueHandler()


def test_a_plain_view_with_its_body(handler):
    # No token of the form stands in the body: the middleware has had its say.
    assert asyncio.run(ask(handler, "/plain/", "POST", b"x"))[0] == 403
    status, headers, content = asyncio.run(ask(handler, "/plain/"))
    assert (status, content) == (200, b"GET ")
    assert "content-security-policy" in headers


def test_streams_go_out_and_no_connection_is_kept(handler):
    assert asyncio.run(ask(handler, "/streamed/"))[2] == b"one two"
    held = handler._pool.submit(
        lambda: [each.connection for each in connections.all(initialized_only=True)]
    ).result()
    assert not any(held)


def test_an_asynchronous_view_runs_in_the_loop(handler):
    assert asyncio.run(ask(handler, "/live/"))[2] == b"True"


def test_an_error_is_an_answer(handler):
    assert asyncio.run(ask(handler, "/failing/"))[0] == 500
    assert asyncio.run(ask(handler, "/nowhere/"))[0] == 404


def test_a_full_process_says_so_at_once_and_works_on(handler):
    async def run():
        GATE.clear()
        first = [asyncio.create_task(ask(handler, "/waiting/")) for _ in range(2)]
        await asyncio.to_thread(STARTED.acquire, timeout=20)
        page = await ask(handler, "/plain/")
        api = await ask(handler, "/api/v1/me/")
        GATE.set()
        return page, api, await asyncio.gather(*first), await ask(handler, "/plain/")

    page, api, first, after = asyncio.run(run())
    assert (page[0], api[0]) == (503, 503)
    assert page[1]["retry-after"] == api[1]["retry-after"] == "1"
    assert json.loads(api[2])["code"] == "busy"
    assert [each[0] for each in first] == [200, 200]
    assert after[0] == 200
