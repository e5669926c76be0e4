"""Downloads under ASGI go out chunk by chunk instead of being gathered in memory first."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase


async def in_turn(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks of a plain iterator, each fetched on the request's own thread."""
    step = sync_to_async(lambda: next(chunks, None))
    while (chunk := await step()) is not None:
        yield chunk


class StreamInTurnMiddleware:
    """Outermost: gives each streamed answer of a synchronous view an asynchronous reader.

    Without it Django reads the whole of such an answer at once when it runs under ASGI.
    """

    async_capable = True
    sync_capable = True

    def __init__(
        self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]
    ) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if iscoroutinefunction(self.get_response):
            return self._answer(request)
        return self.get_response(request)

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = await self.get_response(request)  # type: ignore[misc]
        if isinstance(response, StreamingHttpResponse) and not response.is_async:
            response.streaming_content = in_turn(iter(response.streaming_content))  # type: ignore[arg-type]
        return response
