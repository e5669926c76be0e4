"""Every address of the venue with the rule it declares, read from the URL resolver itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse

from npa_market.auctions.models import Lot, Registration, SaleEvent, TermsTemplate
from npa_market.common.models import Job
from npa_market.diligence.models import Admission, DataRoom, Report
from npa_market.evidence.models import Entry
from npa_market.ledger.models import Hold, JournalEntry
from npa_market.packages.models import Package, PackageExport, SavedCriteria
from npa_market.parties.access import AccessRule
from npa_market.parties.models import Organisation, User
from npa_market.parties.roles import Role
from npa_market.portal.access_table import LIBRARY_RULES
from npa_market.settlement.models import Statement
from npa_market.tapes.history_models import HistoryFile
from npa_market.tapes.models import Loan, SellerMapping, Tape, Upload
from npa_market.transfers.models import Deal
from npa_market.valuation.models import Fit, Scenario, Valuation
from tests.world import world_objects, world_people

MODEL_OF_KEYWORD: dict[str, Any] = {
    "organisation_id": Organisation,
    "job_id": Job,
    "payload_sha256": Entry,
    "tape_id": Tape,
    "upload_id": Upload,
    "mapping_id": SellerMapping,
    "history_id": HistoryFile,
    "loan_id": Loan,
    "package_id": Package,
    "criteria_id": SavedCriteria,
    "export_id": PackageExport,
    "valuation_id": Valuation,
    "scenario_id": Scenario,
    "fit_id": Fit,
    "room_id": DataRoom,
    "report_id": Report,
    "lot_id": Lot,
    "event_id": SaleEvent,
    "registration_id": Registration,
    "template_id": TermsTemplate,
    "deal_id": Deal,
    "statement_id": Statement,
    "hold_id": Hold,
    "entry_id": JournalEntry,
    "admission_id": Admission,
}
# Keywords that name no object of the venue, with a value that is valid or politely unknown.
PLAIN_VALUES: dict[str, str | int] = {
    "form": "csv",
    "table": "months",
    "token_key": "0123456789abcde",
    "uidb36": "1",
    "key": "set-password",
    "pk": 1,
}
# API tables that are named by another word than their keyword in the pages.
KEYWORD_OF_MODEL = {model: keyword for keyword, model in MODEL_OF_KEYWORD.items()}


class UnknownKeyword(Exception):
    """An address asks for an object that the world of the tests does not have."""


@dataclass(frozen=True)
class Door:
    """One address: its full name, the keywords it needs, and how it is opened."""

    name: str
    route: str
    keywords: tuple[str, ...]
    rule: AccessRule | None
    rules: tuple[tuple[str, AccessRule | None], ...] = ()  # by method, known for the API
    model: Any = None

    @property
    def is_api(self) -> bool:
        return self.route.startswith("api/")

    @property
    def is_library(self) -> bool:
        return self.name in LIBRARY_RULES

    @property
    def methods(self) -> tuple[str, ...]:
        """Methods that the address takes; a page is asked with GET first."""
        return tuple(method for method, _ in self.rules) or ("GET",)

    def rule_for(self, method: str) -> AccessRule | None:
        return dict(self.rules).get(method, self.rule)

    def object_keyword(self) -> str | None:
        """The keyword of the object the address is about, None for lists."""
        named = [word for word in self.keywords if word in MODEL_OF_KEYWORD]
        if named:
            return named[-1]
        if "pk" in self.keywords and self.model is not None:
            return KEYWORD_OF_MODEL.get(self.model)
        return None

    def address(self, objects: dict[str, Any]) -> str:
        """The address with the world's keys in it; raises UnknownKeyword."""
        values = {word: self._value(word, objects) for word in self.keywords}
        return reverse(self.name, kwargs=values) if values else reverse(self.name)

    def _value(self, word: str, objects: dict[str, Any]) -> Any:
        wanted = self.object_keyword() if word == "pk" and self.model is not None else word
        if wanted in objects:
            return objects[wanted]
        if wanted in PLAIN_VALUES and wanted not in MODEL_OF_KEYWORD:
            return PLAIN_VALUES[wanted]
        raise UnknownKeyword(
            f"the address {self.route} needs {wanted or self.model or word}: let world_objects() in"
            f" tests/world.py return one (and name its model in tests/doors.py)"
        )


@cache
def all_doors() -> tuple[Door, ...]:
    """Every address that the resolver knows."""
    return tuple(_walk(get_resolver().url_patterns, Place()))


@dataclass(frozen=True)
class Place:
    """How far the walk has come into the resolver."""

    route: str = ""
    namespace: str = ""
    keywords: tuple[str, ...] = ()

    def into(self, pattern: Any) -> "Place":
        words = tuple(pattern.pattern.regex.groupindex)
        route = self.route + str(pattern.pattern).lstrip("^").rstrip("$")
        inside = getattr(pattern, "namespace", None)
        namespace = f"{self.namespace}{inside}:" if inside else self.namespace
        return Place(route, namespace, (*self.keywords, *words))


def _walk(patterns: list[Any], place: Place) -> Iterator[Door]:
    for pattern in patterns:
        inner = place.into(pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, inner)
        else:
            yield _door(pattern, inner)


def _door(pattern: URLPattern, place: Place) -> Door:
    view: Any = pattern.callback
    name = f"{place.namespace}{pattern.name}"
    maker = getattr(view, "cls", None) or getattr(view, "view_class", None)
    actions: dict[str, str] = getattr(view, "actions", None) or {}
    by_action: dict[str, AccessRule] = getattr(maker, "access_by_action", {})
    rule = getattr(maker if maker is not None else view, "access_rule", None)
    return Door(
        name=name,
        route=place.route,
        keywords=place.keywords,
        rule=LIBRARY_RULES.get(name, rule),
        rules=tuple(
            (method.upper(), by_action.get(action, rule)) for method, action in actions.items()
        ),
        model=getattr(maker, "model", None),
    )


def people_and_rules() -> list[tuple[Role, str]]:
    """Each role with the e-mail address of a person who has it alone."""
    return [(role, user.email) for role, user in world_people().by_role.items()]


def page_addresses() -> Iterator[tuple[str, str]]:
    """Pages that a person can look at: address, and the first person who gets it with 200."""
    from django.test import Client

    objects, people = world_objects(), world_people()
    clients: list[tuple[User, Client]] = []
    for user in people.by_role.values():
        client = Client(raise_request_exception=False)
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        clients.append((user, client))
    for door in all_doors():
        if door.is_api or door.name in {"portal:home", "portal:favicon"}:
            continue
        for user, client in clients:
            try:
                answer = client.get(door.address(objects))
            except UnknownKeyword:
                break
            if answer.status_code == 200 and "text/html" in answer.get("Content-Type", ""):
                yield door.address(objects), user.email
                break
