"""Organisations, people, roles, qualification of buyers, access rules."""
