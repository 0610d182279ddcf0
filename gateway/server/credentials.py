"""Credentials that must be fetched and expire: AWS by botocore's chain, Google by google-auth.

Each class answers `headers_for`: the headers that authenticate one request, asked for right before it is
sent. Both libraries block, so they run in a thread; what they give is kept until shortly before it expires
and renewed by one task at a time. They are extras, imported only where a provider is configured to need
them. A provider with a fixed key needs nothing from here.

Errors name the provider and the remedy, and of what went wrong only its type: a library's own message may
hold a response, a command's output or a path.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from gateway.config import Provider
from gateway.errors import (
    AuthenticationFailed,
    ConfigError,
    ProviderError,
    ProviderTimeout,
    ProviderUnreachable,
    SluiceError,
)
from gateway.providers import aws
from gateway.providers.google import SCOPE

if TYPE_CHECKING:
    from botocore.credentials import Credentials as AWSCredentials

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Headers = list[tuple[str, str]]

# So long before they expire new ones are fetched, while the old serve on. botocore insists on new ones ten
# minutes before, google-auth four: less than this, and it would hand out the old ones again.
RENEW_S = 225
# With less left than this, a request waits for the new ones: it may reach the provider late.
SPARE_S = 60
# Between two attempts, so that what cannot be had is not asked for with every request.
PAUSE_S = 5.0
# The longest that a request waits. The attempt itself goes on.
WAIT_S = 30.0


class Authentication(Protocol):
    async def headers_for(
        self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> Headers:
        """What to add to a request; nothing of it may change afterwards. Raises what `Kept.get` does."""


class Source(Protocol[T_co]):
    """Where a value comes from that expires. `obtain` blocks, and raises SluiceError."""

    def obtain(self) -> T_co: ...

    def expires_within(self, seconds: float) -> bool: ...


class Kept(Generic[T]):
    """The value of a source, renewed in time. A value is never None."""

    def __init__(self, source: Source[T]) -> None:
        self._source = source
        self._value: T | None = None
        self._fault: SluiceError | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._next_at = 0.0

    async def get(self) -> T:
        """The value; waits only if there is none that lasts.

        Raises AuthenticationFailed if there are no credentials or they were refused, ProviderUnreachable
        or ProviderTimeout if whoever gives them was not there.
        """
        if self._value is None or self._source.expires_within(RENEW_S):
            if self._renewal is None and monotonic() >= self._next_at:
                self._renewal = asyncio.create_task(self._renew())
            if self._value is None or self._source.expires_within(SPARE_S):
                return await self._renewed()
        return self._value

    async def _renewed(self) -> T:
        if self._renewal is not None:
            try:
                async with asyncio.timeout(WAIT_S):
                    await asyncio.shield(self._renewal)
            except TimeoutError:
                raise _unasked(
                    ProviderTimeout(f"no credentials for the provider within {WAIT_S:g} s")
                ) from None
        if self._fault is not None:
            # A new one for each: those who wait together must not share a traceback.
            raise _unasked(type(self._fault)(self._fault.message))
        assert self._value is not None
        return self._value

    async def _renew(self) -> None:
        try:
            self._value = await asyncio.to_thread(self._source.obtain)
            self._fault = None
        except SluiceError as error:
            self._fault = error
        finally:
            self._next_at = monotonic() + PAUSE_S
            self._renewal = None


def _unasked(fault: SluiceError) -> SluiceError:
    """Whoever gives credentials failed: the provider has not heard of the request, and bills nothing."""
    if isinstance(fault, ProviderError):
        fault.asked = False
    return fault


def _require(provider: str, extra: str, library: str, *modules: str) -> None:
    try:
        for module in modules:
            import_module(module)
    except ImportError:
        raise ConfigError(
            f"provider {provider}: {library} is not installed; pip install 'sluice-gateway[{extra}]'"
        ) from None


# --- AWS --------------------------------------------------------------------------------------------------


class AWSSignature:
    """Signs requests with the credentials of botocore's chain: environment, profile, container, instance.

    `profile` is a section of the AWS configuration files. Raises ConfigError without botocore.
    """

    def __init__(
        self, provider: str, region: str, *, profile: str | None = None, service: str = aws.SERVICE
    ) -> None:
        _require(provider, "bedrock", "botocore", "botocore.session")
        # It logs what STS answers, keys included, and what a command that gives credentials has to say.
        logging.getLogger("botocore").setLevel(logging.CRITICAL)
        self._region = region
        self._service = service
        self._credentials = Kept(_AWSChain(provider, region, profile))

    async def headers_for(
        self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> Headers:
        credentials = await self._credentials.get()
        return aws.sign(
            method,
            url,
            headers,
            body,
            credentials=credentials,
            region=self._region,
            service=self._service,
            at=datetime.now(UTC),
        )


class _AWSChain:
    def __init__(self, provider: str, region: str, profile: str | None) -> None:
        self._provider = provider
        self._region = region
        self._profile = profile
        self._found: AWSCredentials | None = None

    def obtain(self) -> aws.Credentials:
        from botocore.exceptions import ConnectionError, HTTPClientError, MetadataRetrievalError

        try:
            if self._found is None:
                self._found = self._find()
            frozen = self._found.get_frozen_credentials()
            access_key, secret_key = frozen.access_key, frozen.secret_key
            if not access_key or not secret_key:
                raise ValueError("half a key")
        except SluiceError:
            raise
        except (ConnectionError, HTTPClientError, MetadataRetrievalError) as error:
            raise ProviderUnreachable(
                f"provider {self._provider}: AWS credentials could not be fetched ({type(error).__name__})"
            ) from None
        except Exception as error:
            raise AuthenticationFailed(
                f"provider {self._provider}: AWS credentials were found but could not be used "
                f"({_aws_reason(error)}); check the profile and the role it assumes"
            ) from None
        return aws.Credentials(access_key, secret_key, frozen.token or None)

    def _find(self) -> AWSCredentials:
        from botocore.session import Session

        session = Session(profile=self._profile)
        session.set_config_variable("region", self._region)  # of the STS that is asked for a role
        found = session.get_credentials()
        if found is None:
            raise AuthenticationFailed(
                f"provider {self._provider}: no AWS credentials found; set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY or a profile, or give this machine a role"
            )
        return found

    def expires_within(self, seconds: float) -> bool:
        from botocore.credentials import RefreshableCredentials

        found = self._found
        return isinstance(found, RefreshableCredentials) and found.refresh_needed(refresh_in=int(seconds))


def _aws_reason(error: Exception) -> str:
    """The error's type, and AWS's own code if it answered: `AccessDenied`."""
    response: Any = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return f"{type(error).__name__}, {code}" if code else type(error).__name__


# --- Google -----------------------------------------------------------------------------------------------


class GoogleToken:
    """Access tokens for Vertex AI.

    From a service account's key in `file`; without one, from the Application Default Credentials: the file
    in GOOGLE_APPLICATION_CREDENTIALS, `gcloud auth application-default login`, the metadata server. Raises
    ConfigError without google-auth.
    """

    def __init__(self, provider: str, *, file: str | None = None) -> None:
        _require(provider, "vertex", "google-auth[requests]", "google.auth.transport.requests")
        self._headers = Kept(_GoogleChain(provider, file))

    async def headers_for(
        self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> Headers:
        return await self._headers.get()


class _GoogleChain:
    def __init__(self, provider: str, file: str | None) -> None:
        self._provider = provider
        self._file = file
        self._found: Any = None  # google-auth leaves its methods untyped

    def obtain(self) -> Headers:
        from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError
        from google.auth.transport.requests import Request

        request = Request()
        try:
            with closing(request.session):
                if self._found is None:
                    self._found = self._find(request)
                self._found.refresh(request)
        except DefaultCredentialsError:
            raise AuthenticationFailed(
                f"provider {self._provider}: no Google credentials found; set "
                "GOOGLE_APPLICATION_CREDENTIALS, run `gcloud auth application-default login`, or give this "
                "machine a service account"
            ) from None
        except Exception as error:
            reason = f"({type(error).__name__})"
            if isinstance(error, TransportError) or (isinstance(error, RefreshError) and error.retryable):
                raise ProviderUnreachable(
                    f"provider {self._provider}: no Google access token could be fetched {reason}"
                ) from None
            raise AuthenticationFailed(
                f"provider {self._provider}: Google credentials were found but could not be used {reason}; "
                "check the service account and its key"
            ) from None
        headers: dict[str, str] = {}
        self._found.apply(headers)  # the token, and the project to bill if the credentials name one
        return list(headers.items())

    def _find(self, request: Any) -> Any:
        import google.auth
        from google.oauth2 import service_account

        scopes = [SCOPE]
        if self._file is not None:
            key: Any = service_account.Credentials
            return key.from_service_account_file(self._file, scopes=scopes)
        return google.auth.default(scopes=scopes, request=request)[0]

    def expires_within(self, seconds: float) -> bool:
        # In UTC, without saying so.
        expiry: datetime | None = self._found.expiry if self._found is not None else None
        return expiry is not None and expiry.replace(tzinfo=UTC) - datetime.now(UTC) < timedelta(
            seconds=seconds
        )


def authentications(providers: Sequence[Provider]) -> dict[str, Authentication]:
    """By name, how requests to those providers are authenticated that have no key of their own."""
    found: dict[str, Authentication] = {}
    for each in providers:
        if not each.keys and each.row.auth == "aws":
            found[each.name] = AWSSignature(each.name, each.region, profile=each.profile)
        elif not each.keys and each.row.auth == "google":
            found[each.name] = GoogleToken(each.name, file=each.credentials)
    return found
