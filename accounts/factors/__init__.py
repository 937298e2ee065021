"""Factors: what proves who somebody is, beside a password."""
