"""HTTP as every entry point speaks it: request ids, problem documents, one table of status codes."""

from bakeoff_core.http.api import HttpApi, http_api
from bakeoff_core.http.bodies import checked, parse, parse_json
from bakeoff_core.http.problems import Problem, problem_for
from bakeoff_core.http.responses import Response, bytes_response, json_response

__all__ = [
    "HttpApi",
    "Problem",
    "Response",
    "bytes_response",
    "checked",
    "http_api",
    "json_response",
    "parse",
    "parse_json",
    "problem_for",
]
