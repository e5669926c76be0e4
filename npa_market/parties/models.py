"""Who takes part: institutions, their people, and the roles people have in them."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, ClassVar, Self
from uuid import UUID

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models

from npa_market.common.fields import UUID7Key
from npa_market.common.statements import Statement, columns, instances
from npa_market.parties.roles import OrganisationKind, Role


class UserManager(BaseUserManager["User"]):
    """Users are known by their e-mail address."""

    use_in_migrations = True

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A technical account; it sees no deal data without a membership."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    """A person; what they may do comes from memberships alone."""

    id = UUID7Key()
    username = None  # type: ignore[assignment]
    email = models.EmailField(unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        ordering = ["email"]

    def __str__(self) -> str:
        return self.get_full_name() or self.email

    @cached_property
    def active_memberships(self) -> list["Membership"]:
        """Memberships in force with their organisations, read once per request."""
        found = []
        for row in _MEMBERSHIPS.rows(user=self.pk):
            membership, organisation = instances(row, Membership, Organisation)
            membership.user, membership.organisation = self, organisation
            found.append(membership)
        return found

    def organisation_ids(self) -> set[UUID]:
        """Keys of the organisations this person works for."""
        return {membership.organisation_id for membership in self.active_memberships}

    def roles(self) -> frozenset[Role]:
        """Every role this person has anywhere."""
        return frozenset(Role(membership.role) for membership in self.active_memberships)

    def has_role_in(self, organisation_id: UUID | None, roles: Iterable[Role]) -> bool:
        """Does the person have one of the roles in this organisation?"""
        wanted = frozenset(roles)
        return any(
            membership.organisation_id == organisation_id and membership.role in wanted
            for membership in self.active_memberships
        )

    @property
    def works_for_venue(self) -> bool:
        """Operators, compliance, venue finance and auditors see every deal, never a reserve."""
        return any(
            membership.organisation.kind == OrganisationKind.VENUE
            for membership in self.active_memberships
        )


class QualificationState(models.TextChoices):
    APPLIED = "applied_for", "Applied"
    QUALIFIED = "qualified", "Qualified"
    REFUSED = "refused", "Refused"
    SUSPENDED = "suspended", "Suspended"


class OrganisationQuerySet(models.QuerySet["Organisation"]):
    def visible_to(self, user: User) -> Self:
        """One's own institutions; the venue sees all."""
        return self if user.works_for_venue else self.filter(pk__in=user.organisation_ids())


class Organisation(models.Model):
    """An institution on the venue. Buyers bid only while they are qualified."""

    id = UUID7Key()
    kind = models.CharField(max_length=10, choices=OrganisationKind)
    name = models.CharField(max_length=200, unique=True)
    country = models.CharField(max_length=2, default="CN")
    licence_number = models.CharField(max_length=80, blank=True)
    qualification = models.CharField(
        max_length=12, choices=QualificationState, default=QualificationState.APPLIED
    )
    qualification_reason = models.CharField(max_length=500, blank=True)
    qualified_until = models.DateField(null=True, help_text="Papers are renewed every year.")
    delivery_public_key = models.CharField(
        max_length=120, blank=True, help_text="age recipient to which deliveries are encrypted"
    )
    requires_bid_limit = models.BooleanField(
        default=False, help_text="bids only under a limit that two of its people approved"
    )
    created_at = models.DateTimeField()

    objects = OrganisationQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(qualification__in=QualificationState.values),
                name="organisation_qualification_known",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=OrganisationKind.values),
                name="organisation_kind_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One role of one person in one institution."""

    id = UUID7Key()
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="memberships"
    )
    role = models.CharField(max_length=20, choices=Role)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "organisation", "role"], name="one_membership_per_role"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} as {self.role} of {self.organisation}"


_MEMBERSHIPS = Statement(
    lambda *, user: (
        Membership.objects.filter(user=user, is_active=True)
        .order_by("pk")
        .values_list(*columns(Membership), *columns(Organisation, "organisation__"))
    )
)
