"""Roles of people inside an institution (domain: people and steps)."""

from django.db import models


class OrganisationKind(models.TextChoices):
    SELLER = "seller", "Seller"
    BUYER = "buyer", "Buyer"
    VENUE = "venue", "Venue operator"


class Role(models.TextChoices):
    SELLER_ANALYST = "seller_analyst", "Seller analyst"
    VALUER = "valuer", "Valuer"
    SELLER_APPROVER = "seller_approver", "Seller approver"
    SELLER_FINANCE = "seller_finance", "Seller finance"
    BUYER_ANALYST = "buyer_analyst", "Buyer analyst"
    BUYER_SIGNATORY = "buyer_signatory", "Buyer signatory"
    BUYER_FINANCE = "buyer_finance", "Buyer finance"
    OPERATOR = "operator", "Operator"
    COMPLIANCE = "compliance", "Compliance officer"
    VENUE_FINANCE = "venue_finance", "Venue finance"
    AUDITOR = "auditor", "Auditor"
    NOTARY = "notary", "Notary"


SELLER_ROLES = frozenset(
    {Role.SELLER_ANALYST, Role.VALUER, Role.SELLER_APPROVER, Role.SELLER_FINANCE}
)
BUYER_ROLES = frozenset({Role.BUYER_ANALYST, Role.BUYER_SIGNATORY, Role.BUYER_FINANCE})
VENUE_ROLES = frozenset(
    {Role.OPERATOR, Role.COMPLIANCE, Role.VENUE_FINANCE, Role.AUDITOR, Role.NOTARY}
)
FINANCE_ROLES = frozenset({Role.SELLER_FINANCE, Role.BUYER_FINANCE, Role.VENUE_FINANCE})
ROLES_OF_KIND = {
    OrganisationKind.SELLER: SELLER_ROLES,
    OrganisationKind.BUYER: BUYER_ROLES,
    OrganisationKind.VENUE: VENUE_ROLES,
}
