"""The OpenAPI document of all routes, made from the code of every function."""
