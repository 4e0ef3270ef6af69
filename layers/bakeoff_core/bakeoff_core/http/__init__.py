"""HTTP as every entry point speaks it: request ids, problem documents, one table of status codes."""

from bakeoff_core.http.api import HttpApi, bytes_response, http_api, json_response
from bakeoff_core.http.bodies import checked, parse, parse_json
from bakeoff_core.http.problems import Problem, problem_for

__all__ = [
    "HttpApi",
    "Problem",
    "bytes_response",
    "checked",
    "http_api",
    "json_response",
    "parse",
    "parse_json",
    "problem_for",
]
