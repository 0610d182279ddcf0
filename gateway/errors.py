"""The one exception tree.

Everything that can go wrong with a request is a `SluiceError`. Each class fixes what a client, a retry
loop and a log line need to know: the HTTP status, the `type` an SDK branches on, who is at fault and
whether another attempt may help. Messages say what was wrong and where; they never carry content.

    SluiceError
    ├── InvalidRequest            400  the body, a header or a parameter is wrong
    │   ├── BodyTooLarge          413
    │   ├── NotFound              404  unknown path, provider or model
    │   └── RequestTimeout        408  the body does not come to an end
    ├── AuthenticationFailed      401
    ├── PermissionDenied          403
    ├── PolicyViolation           400
    ├── RateLimited               429  a limit of the caller's key; it will pass
    ├── BudgetExhausted           429  what the caller's key may spend is spent
    ├── Overloaded                503
    ├── ModelUnavailable          503  a model that must look at texts cannot
    ├── GuardUnavailable          503  a guard failed, and the policy fails closed
    ├── ShuttingDown              503
    ├── ProviderError             the provider answered with an error; its status is kept
    │   ├── ProviderUnreachable   502  no connection, or it broke before an answer
    │   ├── ProviderTimeout       504  connect, first byte, idle or total
    │   ├── ProviderGarbage       502  bytes that are not the protocol it claims
    │   └── UpstreamTruncated     502  the answer stopped without finishing
    ├── InternalError             500  our bug
    └── ConfigError               the configuration file; never seen by a client
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

Source = Literal["client", "provider", "gateway"]


class SluiceError(Exception):
    """A failure that a client can be told about.

    `type` is lower case, as SDKs compare it; `code` is the provider's own where it sent one, else the type
    in capitals. `param` names the field at fault. `retry_after_s` is passed on as `Retry-After`.
    """

    status: int = 500
    type: str = "internal_error"
    source: ClassVar[Source] = "gateway"
    retryable: bool = False

    def __init__(
        self,
        message: str,
        *,
        code: str | int | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.retry_after_s = retry_after_s

    def forget_frames(self) -> None:
        """Let go of the frames that it came through.

        They hold it, and all that a request held: a cycle that lasts until the collector comes by.
        """
        error: BaseException | None = self
        while error is not None:
            error.__traceback__ = None
            error = error.__context__

    def facts(self, request_id: str) -> dict[str, Any]:
        """What every dialect's error envelope is made of."""
        return {
            "message": self.message,
            "type": self.type,
            "code": self.type.upper() if self.code is None else self.code,
            "param": self.param,
            "status": self.status,
            "request_id": request_id,
        }


class InvalidRequest(SluiceError):
    status = 400
    type = "invalid_request_error"
    source = "client"


class BodyTooLarge(InvalidRequest):
    status = 413
    type = "request_too_large"


class NotFound(InvalidRequest):
    status = 404
    type = "not_found_error"


class RequestTimeout(InvalidRequest):
    status = 408
    type = "request_timeout"


class AuthenticationFailed(SluiceError):
    status = 401
    type = "authentication_error"
    source = "client"


class PermissionDenied(SluiceError):
    status = 403
    type = "permission_error"
    source = "client"


class PolicyViolation(SluiceError):
    status = 400
    type = "policy_violation"
    source = "client"


class RateLimited(SluiceError):
    status = 429
    type = "rate_limit_exceeded"
    source = "client"


class BudgetExhausted(SluiceError):
    """OpenAI's word and status for it: SDKs and applications know them, and that waiting does not help."""

    status = 429
    type = "insufficient_quota"
    source = "client"


class Overloaded(SluiceError):
    status = 503
    type = "overloaded_error"
    retryable = True


class ModelUnavailable(SluiceError):
    """The model that the policy asks for failed or took too long. Never says what it was reading."""

    status = 503
    type = "model_unavailable"
    retryable = True


class GuardUnavailable(SluiceError):
    """A guard that the policy asks for failed, and the policy fails closed. Never says what was read."""

    status = 503
    type = "guard_unavailable"
    retryable = True


class ShuttingDown(SluiceError):
    status = 503
    type = "shutting_down"
    retryable = True


class ProviderError(SluiceError):
    """The provider refused or failed. `extra` keeps what else its error object said.

    `asked` is False where no request has reached it.
    """

    status = 502
    type = "provider_error"
    source = "provider"
    asked = True

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        type: str | None = None,
        code: str | int | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, code=code, param=param, retry_after_s=retry_after_s)
        if status is not None:
            self.status = status
        if type is not None:
            self.type = type
        self.retryable = self.status in (408, 409, 429) or self.status >= 500
        self.extra = extra or {}

    def facts(self, request_id: str) -> dict[str, Any]:
        return {**self.extra, **super().facts(request_id)}


class ProviderUnreachable(ProviderError):
    type = "provider_unreachable"


class ProviderTimeout(ProviderError):
    status = 504
    type = "provider_timeout"


class ProviderGarbage(ProviderError):
    type = "provider_garbage"


class UpstreamTruncated(ProviderError):
    type = "upstream_truncated"


class InternalError(SluiceError):
    pass


class ConfigError(SluiceError):
    """The configuration is wrong; the message says where and what would be right."""

    type = "config_error"
