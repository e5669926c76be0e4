"""Downloads under ASGI go out chunk by chunk instead of being gathered in memory first."""

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, StreamingHttpResponse
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


class StreamingASGIHandler(ASGIHandler):
    """Django's handler, which by itself reads the whole of a synchronous stream at once.

    A middleware could not do it: behind a synchronous one Django runs the outer ones
    synchronously as well.
    """

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        return stream_in_turn(await super().get_response_async(request))
