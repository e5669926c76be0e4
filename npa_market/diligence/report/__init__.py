"""The due-diligence report: pure functions from a sealed package and a valuation to a PDF."""
