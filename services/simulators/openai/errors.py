"""The API's refusals, each under the name that faults order it by."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.simulators.contract import Answer


@dataclass(frozen=True, slots=True)
class ApiError:
    """One refusal: status and the parts of its error object."""

    status: int
    type: str
    code: str | None
    message: str
    param: str | None = None

    def answer(self, message: str | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """The refusal as an answer, with other words if given."""
        error = {"message": message or self.message, "type": self.type, "param": self.param, "code": self.code}
        return Answer(self.status, {"error": error}, headers or {})


_QUOTA = "insufficient_quota"
_OUT = "You have run out of what this {} may spend. Check its plan and billing."

ERRORS: Mapping[str, ApiError] = {
    "bad_request": ApiError(400, "invalid_request_error", None, "The request is not valid."),
    "context_length_exceeded": ApiError(
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "The prompt is longer than the model's context.",
        "messages",
    ),
    "bad_schema": ApiError(400, "invalid_request_error", None, "The schema is not valid.", "response_format"),
    "request_too_large": ApiError(
        400, "tokens", "rate_limit_exceeded", "Request too large: it alone is over the limit of tokens per minute."
    ),
    "invalid_api_key": ApiError(401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    "permission_denied": ApiError(
        403, "invalid_request_error", "unsupported_country_region_territory", "No permission."
    ),
    "model_not_found": ApiError(404, "invalid_request_error", "model_not_found", "The model does not exist.", "model"),
    "request_timeout": ApiError(408, "server_error", None, "The request timed out."),
    "conflict": ApiError(409, "invalid_request_error", None, "The request conflicts with another one."),
    "unprocessable": ApiError(422, "invalid_request_error", None, "The request cannot be processed."),
    "rate_limit_requests": ApiError(429, "requests", "rate_limit_exceeded", "Rate limit of requests reached."),
    "rate_limit_tokens": ApiError(429, "tokens", "rate_limit_exceeded", "Rate limit of tokens reached."),
    "rate_limit_error": ApiError(429, "rate_limit_error", "rate_limit_exceeded", "Rate limit reached."),
    "slow_down": ApiError(429, "rate_limit_error", "slow_down", "Traffic grew too steeply; slow down."),
    "insufficient_quota": ApiError(429, _QUOTA, _QUOTA, _OUT.format("account")),
    "credit_balance_exhausted": ApiError(429, _QUOTA, "credit_balance_exhausted", _OUT.format("balance")),
    "organization_spend_limit_exceeded": ApiError(
        429, _QUOTA, "organization_spend_limit_exceeded", _OUT.format("organization")
    ),
    "project_spend_limit_exceeded": ApiError(429, _QUOTA, "project_spend_limit_exceeded", _OUT.format("project")),
    "organization_usage_limit_exceeded": ApiError(
        429, _QUOTA, "organization_usage_limit_exceeded", _OUT.format("organization")
    ),
    "server_error": ApiError(500, "server_error", None, "The server had an error while processing the request."),
    "overloaded": ApiError(503, "service_unavailable_error", "server_is_overloaded", "The server is overloaded."),
}


def plain_error(status: int, message: str) -> ApiError:
    """A refusal of any status in the API's shape."""
    kind = "server_error" if status >= 500 else "rate_limit_error" if status == 429 else "invalid_request_error"
    return ApiError(status, kind, None, message)


def bad_request(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """A 400 with its own words."""
    return ApiError(400, "invalid_request_error", code, message, param)
