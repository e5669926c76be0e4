"""The API of institutions, of oneself, and of API tokens."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.mfa.utils import is_mfa_enabled
from django.core.exceptions import ValidationError
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from knox.models import AuthToken
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle

from npa_market.common.api import VisibleRows, body_of
from npa_market.common.errors import Refused
from npa_market.parties import services
from npa_market.parties.access import MEMBERS, PUBLIC, access_for
from npa_market.parties.filters import InstitutionFilter
from npa_market.parties.models import Membership, Organisation, QualificationState, User
from npa_market.parties.queries import tokens_in_force
from npa_market.parties.roles import BUYER_ROLES, Role


class OrganisationSerializer(serializers.ModelSerializer[Organisation]):
    class Meta:
        model = Organisation
        fields = (
            "id",
            "name",
            "kind",
            "country",
            "licence_number",
            "qualification",
            "qualification_reason",
            "qualified_until",
            "delivery_public_key",
            "created_at",
        )
        read_only_fields = fields


class DecisionSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(
        choices=[
            (state.value, state.label)
            for state in QualificationState
            if state != QualificationState.APPLIED
        ]
    )
    reason = serializers.CharField(required=False, allow_blank=True, max_length=500, default="")
    until = serializers.DateField(required=False, allow_null=True, default=None)


class DeliveryKeySerializer(serializers.Serializer[Any]):
    public_key = serializers.CharField(max_length=200, help_text="age recipient, age1…")


class OrganisationViewSet(VisibleRows[Organisation], viewsets.ReadOnlyModelViewSet[Organisation]):
    """Institutions: one's own; the venue sees all."""

    model = Organisation
    access_rule = MEMBERS
    access_by_action = {
        "qualification": access_for(Role.OPERATOR),
        "delivery_key": access_for(*BUYER_ROLES),
    }
    serializer_class = OrganisationSerializer
    filterset_class = InstitutionFilter

    @extend_schema(request=DecisionSerializer, responses=OrganisationSerializer)
    @action(detail=True, methods=["post"])
    def qualification(self, request: Request, pk: str) -> Response:
        """Qualify, refuse or suspend the institution (operator)."""
        organisation = self.get_object()
        values = body_of(request, DecisionSerializer)
        decided = services.decide_qualification(
            user=_person(request),
            organisation_id=organisation.pk,
            state=QualificationState(values["state"]),
            reason=values["reason"],
            until=values["until"],
        )
        return Response(self.get_serializer(decided).data)

    @extend_schema(request=DeliveryKeySerializer, responses=OrganisationSerializer)
    @action(detail=True, methods=["put"], url_path="delivery-key")
    def delivery_key(self, request: Request, pk: str) -> Response:
        """Keep the age public key to which deliveries for this buyer are encrypted."""
        organisation = self.get_object()
        asked = body_of(request, DeliveryKeySerializer)
        changed = services.set_delivery_key(
            user=_person(request), organisation_id=organisation.pk, **asked
        )
        return Response(self.get_serializer(changed).data)


class MembershipSerializer(serializers.ModelSerializer[Membership]):
    organisation = OrganisationSerializer(read_only=True)

    class Meta:
        model = Membership
        fields = ("organisation", "role")
        read_only_fields = fields


class PersonSerializer(serializers.ModelSerializer[User]):
    name = serializers.CharField(source="get_full_name", read_only=True)
    memberships = MembershipSerializer(source="active_memberships", many=True, read_only=True)

    class Meta:
        model = User
        fields = ("id", "email", "name", "memberships")
        read_only_fields = fields


class MeViewSet(viewsets.GenericViewSet[User]):
    """Oneself."""

    access_rule = MEMBERS
    serializer_class = PersonSerializer
    pagination_class = None
    filter_backends = ()

    @extend_schema(responses=forced_singular_serializer(PersonSerializer))
    def list(self, request: Request) -> Response:
        """The person behind the token, with institutions and roles."""
        return Response(self.get_serializer(request.user).data)


class TokenSerializer(serializers.ModelSerializer[AuthToken]):
    class Meta:
        model = AuthToken
        fields = ("token_key", "created", "expiry")
        read_only_fields = fields


class CredentialsSerializer(serializers.Serializer[Any]):
    email = serializers.EmailField()
    password = serializers.CharField(
        max_length=200, trim_whitespace=False, style={"input_type": "password"}
    )


class IssuedTokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(help_text="shown once; send as `Authorization: Token …`")
    token_key = serializers.CharField()
    expiry = serializers.DateTimeField()


class TokenViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[AuthToken]):
    """One's own API tokens."""

    access_rule = MEMBERS
    access_by_action = {"create": PUBLIC}
    serializer_class = TokenSerializer
    pagination_class = None
    filter_backends = ()
    lookup_field = "token_key"
    lookup_value_regex = "[0-9A-Za-z]+"
    throttle_scope = "token"

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return AuthToken.objects.none()
        return tokens_in_force(_person(self.request))

    def get_throttles(self) -> list[Any]:
        return [ScopedRateThrottle()] if self.action == "create" else super().get_throttles()

    @extend_schema(request=CredentialsSerializer, responses={201: IssuedTokenSerializer}, auth=[])
    def create(self, request: Request) -> Response:
        """Exchange e-mail and password for a token; refused to people with a second factor."""
        asked = body_of(request, CredentialsSerializer)
        user = _authenticated(request, **asked)
        if is_mfa_enabled(user):
            raise SecondFactorNeeded
        token, text = services.issue_token(user=user)
        answer = {"token": text, "token_key": token.token_key, "expiry": token.expiry}
        return Response(IssuedTokenSerializer(answer).data, status=201)

    @extend_schema(
        parameters=[OpenApiParameter("token_key", str, OpenApiParameter.PATH)],
        responses={204: OpenApiResponse(description="The token no longer works.")},
    )
    def destroy(self, request: Request, token_key: str) -> Response:
        """Revoke a token; one that is gone already is no error."""
        services.revoke_token(user=_person(request), token_key=token_key)
        return Response(status=204)


class SecondFactorNeeded(Refused):
    """A password alone does not open an account that is guarded by a second factor."""

    status = 403

    def __init__(self) -> None:
        super().__init__(
            "second_factor_needed",
            "This account signs in with a second factor. Make the token on the portal's page"
            " 'API tokens'.",
        )


def _person(request: Any) -> User:
    assert isinstance(request.user, User)
    return request.user


def _authenticated(request: Request, email: str, password: str) -> User:
    """The account of these credentials, under the same failure limits as the sign-in page."""
    django_request = request._request
    try:
        user = get_adapter(django_request).authenticate(
            django_request, email=email.lower(), password=password
        )
    except ValidationError as error:
        raise AuthenticationFailed(" ".join(error.messages)) from error
    if user is None or not user.is_active:
        raise AuthenticationFailed("E-mail and password do not belong to an account.")
    assert isinstance(user, User)
    return user


ROUTES = [
    ("organisations", OrganisationViewSet, "organisation"),
    ("me", MeViewSet, "me"),
    ("tokens", TokenViewSet, "token"),
]
