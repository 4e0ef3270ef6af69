"""The table of docs/security.md that says which key opens which route."""
