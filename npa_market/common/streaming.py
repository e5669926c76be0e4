"""Downloads under ASGI go out chunk by chunk instead of being gathered in memory first."""

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase


async def in_turn(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks of a plain iterator, each fetched on the request's own thread."""
    step = sync_to_async(lambda: next(chunks, None))
    while (chunk := await step()) is not None:
        yield chunk


def stream_in_turn(response: HttpResponseBase) -> HttpResponseBase:
    """The same answer, read asynchronously where it streams from a synchronous view."""
    if isinstance(response, StreamingHttpResponse) and not response.is_async:
        response.streaming_content = in_turn(iter(response.streaming_content))  # type: ignore[arg-type]
    return response
