"""Streamed answers under ASGI: chunk by chunk, and closed at the end."""

import asyncio

import pytest
from django.http import FileResponse, HttpResponse, StreamingHttpResponse

from npa_market.common.streaming import stream_in_turn


def answered(response):
    async def read():
        answer = stream_in_turn(response)
        return [part async for part in answer] if answer.streaming else answer.content

    return asyncio.run(read())


def test_chunks_are_fetched_one_at_a_time():
    fetched = []

    def chunks():
        for number in range(3):
            fetched.append(number)
            yield b"%d" % number

    response = StreamingHttpResponse(chunks())
    assert fetched == []
    assert answered(response) == [b"0", b"1", b"2"]


@pytest.mark.django_db  # closing an answer closes old connections
def test_a_file_arrives_whole_and_is_closed(tmp_path):
    path = tmp_path / "report.pdf"
    path.write_bytes(b"x" * 10_000)
    handle = path.open("rb")
    response = FileResponse(handle)
    assert b"".join(answered(response)) == b"x" * 10_000
    response.close()
    assert handle.closed


def test_other_answers_pass_unchanged():
    assert answered(HttpResponse(b"plain")) == b"plain"
