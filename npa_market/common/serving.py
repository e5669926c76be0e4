"""The venue's ASGI handler: a plain view costs one thread of a pool, start to end.

Django's own handler gives each request a new thread and hops between it and the event loop for
signals, for synchronous middleware, for the view and for closing. Here only asynchronous views
(the live feed) and streamed answers go its way.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import ThreadSensitiveContext, iscoroutinefunction, sync_to_async
from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.core.signals import request_started
from django.db import connections
from django.http import FileResponse, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve, set_script_prefix

from npa_market.common.errors import Busy
from npa_market.common.problems import MEDIA_TYPE, problem_document
from npa_market.common.streaming import stream_in_turn


class VenueHandler(ASGIHandler):
    """Django's handler with a pool of threads for plain views.

    `WEB_THREADS` requests are at work at a time, others wait in order of arrival; beyond
    `WEB_QUEUE` in the process a request is told 503 with Retry-After, and nothing was done.
    """

    def __init__(self) -> None:
        super().__init__()
        self._plain = _PlainHandler()
        self._pool = ThreadPoolExecutor(settings.WEB_THREADS, thread_name_prefix="web")
        self._at_work = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or _is_for_async_view(scope):
            await super().__call__(scope, receive, send)
            return
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        try:
            response = await self._answer(scope, body)
            if response.streaming:
                await self._stream(response, receive, send)
            else:
                await self.send_response(response, send)
        finally:
            body.close()

    async def _answer(self, scope: Any, body: Any) -> HttpResponseBase:
        if self._at_work >= settings.WEB_QUEUE:
            return _overloaded(scope["path"])
        self._at_work += 1
        try:
            # As under a threaded WSGI server a thread keeps its own context, and with it its cache:
            # in the request's context each would connect to Redis anew.
            return await asyncio.get_running_loop().run_in_executor(
                self._pool, self._answered, scope, body
            )
        finally:
            self._at_work -= 1

    def _answered(self, scope: Any, body: Any) -> HttpResponseBase:
        """The whole of a request on one thread; its connections are given back at the end."""
        set_script_prefix(get_script_prefix(scope))
        request_started.send(sender=self.__class__, scope=scope)
        request, refusal = self.create_request(scope, body)
        response = refusal if request is None else self._plain.get_response(request)
        assert response is not None
        response._handler_class = self.__class__  # type: ignore[attr-defined]
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        if response.streaming:
            # It goes on in the thread of its context, with a connection of its own.
            connections.close_all()
        else:
            response.close()
        return response

    async def _stream(self, response: HttpResponseBase, receive: Any, send: Any) -> None:
        async with ThreadSensitiveContext():
            tasks = [
                asyncio.create_task(self.listen_for_disconnect(receive)),
                asyncio.create_task(self.send_response(stream_in_turn(response), send)),
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                ends = await asyncio.gather(*tasks, return_exceptions=True)
                await sync_to_async(response.close)()
        for end in ends:
            if isinstance(end, Exception) and not isinstance(end, RequestAborted):
                raise end


class _PlainHandler(BaseHandler):
    """The same middleware, all of it synchronous."""

    def __init__(self) -> None:
        super().__init__()
        self.load_middleware()


def _is_for_async_view(scope: Any) -> bool:
    if scope["method"] not in {"GET", "HEAD"}:
        return False
    try:
        return iscoroutinefunction(resolve(scope["path"]).func)
    except Resolver404:
        return False


def _overloaded(path: str) -> HttpResponse:
    busy = Busy()
    if path.startswith("/api/"):
        document = problem_document(status=busy.status, code=busy.code, detail=busy.message)
        response: HttpResponse = JsonResponse(document, status=busy.status, content_type=MEDIA_TYPE)
    else:
        response = HttpResponse(
            busy.message, status=busy.status, content_type="text/plain; charset=utf-8"
        )
    response["Retry-After"] = str(busy.retry_after_seconds)
    return response
