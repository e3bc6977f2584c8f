"""The HTTP API as typed Python: one method an operation, every fault a `CliError`."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx

from autoprovision.cli.errors import (
    CliError,
    MisuseError,
    RefusalError,
    SignInNeededError,
    UnreachableError,
)
from autoprovision.cli.profiles import Profile, ProfileStore
from autoprovision.cli.signin import SignIn
from autoprovision.cli.transport import PatientClient

Document = dict[str, Any]
Query = Mapping[str, str | int | None]
ReadPage = Callable[[Query], Document]

_UNAUTHORIZED = 401
_FIRST_ERROR = 400
_LEEWAY_SECONDS = 30
_PAGE = 100


class ApiClient:
    """Calls the API as the person of one profile.

    Args:
        profile: Who calls, and where.
        store: Keeps refreshed tokens.
    """

    def __init__(self, profile: Profile, store: ProfileStore) -> None:
        self._profile = profile
        self._store = store
        self._http = PatientClient(profile.platform.api_url)

    # -- requests

    def plan(self, template: bytes) -> Document:
        """What a JSON template would bring, without any effect."""
        return self._post("/plans", content=template)

    def submit_request(self, template: bytes, key: str | None = None) -> Document:
        """Submit a JSON template; with the same key and template, the same answer."""
        return self._post("/requests", content=template, key=key)

    def request(self, request_id: str) -> Document:
        """One request."""
        return self._get(f"/requests/{segment(request_id)}")

    def requests(self, query: Query) -> Document:
        """A page of requests."""
        return self._get("/requests", query)

    def request_events(self, request_id: str, cursor: str | None = None) -> Document:
        """A page of a request's timeline."""
        path = f"/requests/{segment(request_id)}/events"
        return self._get(path, {"cursor": cursor, "limit": _PAGE})

    def act_on_request(self, request_id: str, verb: str, template: bytes | None = None) -> Document:
        """`cancel`, `resume` or `resubmit` a request."""
        return self._post(f"/requests/{segment(request_id)}/{verb}", content=template or b"{}")

    # -- approvals

    def approvals(self, query: Query) -> Document:
        """A page of open approvals."""
        return self._get("/approvals", query)

    def approval(self, request_id: str) -> Document:
        """One approval with its question and decisions."""
        return self._get(f"/approvals/{segment(request_id)}")

    def decide(self, request_id: str, decision: Document) -> Document:
        """Approve or reject exactly the plan whose digest is in the decision."""
        return self._post(f"/approvals/{segment(request_id)}", json=decision)

    def redrive_approvals(self) -> Document:
        """Put questions that could not be opened back on the queue."""
        return self._post("/approvals/dead-letters/redrive", json={})

    def delegations(self) -> Document:
        """What was delegated, by this person and to them."""
        return self._get("/delegations")

    def delegate(self, delegation: Document) -> Document:
        """Let another approver decide for this person."""
        return self._post("/delegations", json=delegation)

    def end_delegation(self) -> Document:
        """End what this person delegated."""
        return self._send("DELETE", "/delegations")

    # -- findings

    def findings(self, query: Query) -> Document:
        """A page of findings."""
        return self._get("/findings", query)

    def finding(self, finding_id: str) -> Document:
        """One finding."""
        return self._get(f"/findings/{segment(finding_id)}")

    def remark(self, finding_id: str, verb: str, comment: str) -> Document:
        """`acknowledge` or `resolve` a finding."""
        return self._post(f"/findings/{segment(finding_id)}/{verb}", json={"comment": comment})

    # -- applications

    def applications(self, query: Query) -> Document:
        """A page of applications."""
        return self._get("/applications", query)

    def application(self, application_id: str) -> Document:
        """One application."""
        return self._get(f"/applications/{segment(application_id)}")

    def update_application(self, application_id: str, change: bytes) -> Document:
        """Change an application; the answer is the request that changes it."""
        return self._send("PATCH", f"/applications/{segment(application_id)}", content=change)

    def preview_update(self, application_id: str, change: bytes) -> Document:
        """What an update would do; `preview` is null while CloudFormation works it out."""
        return self._post(f"/applications/{segment(application_id)}/plans", content=change)

    def application_drift(self, application_id: str) -> Document:
        """What was changed by hand behind an application."""
        return self._get(f"/applications/{segment(application_id)}/drift")

    def ending_of(self, application_id: str) -> Document:
        """What ending an application would keep and lose."""
        return self._send("DELETE", f"/applications/{segment(application_id)}?dryRun=true")

    def confirm_termination(self, application_id: str) -> Document:
        """Confirm, as a second person, that a protected application ends."""
        path = f"/applications/{segment(application_id)}/confirm-termination"
        return self._post(path, json={})

    def extend_application(self, application_id: str, duration: str) -> Document:
        """Let an application live longer."""
        path = f"/applications/{segment(application_id)}/extend"
        return self._post(path, json={"duration": duration})

    def publish_application(self, application_id: str) -> Document:
        """Put the project's newest code onto an application, and nothing else."""
        return self._post(f"/applications/{segment(application_id)}/publish", json={})

    def operations_of(self, application_id: str) -> Document:
        """What can be done with an application's machines."""
        return self._get(f"/applications/{segment(application_id)}/operations")

    def operate_application(
        self, application_id: str, operation: str, parameters: Mapping[str, Any]
    ) -> Document:
        """Do something with an application's machines."""
        path = f"/applications/{segment(application_id)}/operations"
        return self._post(path, json={"operation": operation, "parameters": dict(parameters)})

    def diagnostics_of(self, request_id: str) -> Document:
        """What an operation's machines brought."""
        return self._get(f"/requests/{segment(request_id)}/diagnostics")

    def move_application(self, application_id: str, unit: str) -> Document:
        """Let another business unit pay for an application."""
        path = f"/applications/{segment(application_id)}/business-unit"
        return self._send("PUT", path, json={"businessUnit": unit})

    def terminate_application(self, application_id: str) -> Document:
        """End an application; the answer is the request that ends it."""
        return self._send("DELETE", f"/applications/{segment(application_id)}")

    # -- catalog and policy

    def blueprints(self, query: Query) -> Document:
        """A page of what can be ordered."""
        return self._get("/blueprints", query)

    def blueprint(self, blueprint_id: str) -> Document:
        """One blueprint."""
        return self._get(f"/blueprints/{segment(blueprint_id)}")

    def openapi(self) -> Document:
        """The API's own description; needs no token."""
        return self._answer(self._exchange("GET", "/openapi.json", None), "GET", "/openapi.json")

    def health(self) -> Document:
        """Whether the API is well, and where people sign in; needs no token."""
        return self._answer(self._exchange("GET", "/health", None), "GET", "/health")

    def policy(self) -> Document:
        """The approval policy in force."""
        return self._get("/policy")

    def test_policy(self, policy: bytes) -> Document:
        """What a policy would decide, without any effect."""
        return self._post("/policy/test", content=policy)

    def publish_policy(self, policy: bytes) -> Document:
        """Put a policy in force."""
        return self._send("PUT", "/policy", content=policy)

    # -- business units

    def units(self, query: Query) -> Document:
        """A page of business units."""
        return self._get("/business-units", query)

    def unit(self, unit: str) -> Document:
        """One business unit with its quota."""
        return self._get(f"/business-units/{segment(unit)}")

    def set_unit(self, unit: str, quota: int | None) -> Document:
        """Set a business unit's quota, in credits; None is no limit."""
        return self._send("PUT", f"/business-units/{segment(unit)}", json={"quota": quota})

    def unit_ledger(self, unit: str, query: Query) -> Document:
        """A page of a business unit's ledger."""
        return self._get(f"/business-units/{segment(unit)}/ledger", query)

    def reconcile_units(self) -> Document:
        """Hold the ledger against what lives, and tell the differences."""
        return self._post("/business-units/reconcile", json={})

    # -- users

    def me(self) -> Document:
        """Who calls; asking also tells the platform of a second factor that was enrolled."""
        return self._get("/me")

    def users(self, query: Query) -> Document:
        """A page of users."""
        return self._get("/users", query)

    def user_by_email(self, email: str) -> Document:
        """The user with an e-mail address.

        Raises:
            CliError: There is none.
        """
        for user in pages(self.users, {"email": email}):
            if str(user.get("email", "")).casefold() == email.casefold():
                return user
        raise CliError(
            f"There is no user {email}.",
            "`autoprovision user list` shows all of them,"
            " `autoprovision user create EMAIL --unit U --role R` creates one.",
        )

    def create_user(self, user: Document) -> Document:
        """Create a user."""
        return self._post("/users", json=user)

    def import_users(self, roster: Document) -> Document:
        """Create or update a class or team in one call."""
        return self._post("/users/import", json=roster)

    def change_user(self, user_id: str, change: Document) -> Document:
        """Change a user's unit, role or what they approve for."""
        return self._send("PATCH", f"/users/{segment(user_id)}", json=change)

    # -- how a call is made

    def access_token(self) -> str:
        """A valid access token, refreshed if it is about to end.

        Raises:
            SignInNeededError: Nobody is signed in, or no longer.
        """
        tokens = self._profile.tokens
        if tokens is None:
            raise SignInNeededError(
                f"Nobody is signed in with the profile {self._profile.name}.",
                "Sign in with `autoprovision login EMAIL`.",
            )
        if tokens.expires_at - _LEEWAY_SECONDS > time.time():
            return tokens.access
        return self._refreshed()

    @property
    def expires_at(self) -> float:
        """When the access token ends, in seconds since the epoch."""
        return self._profile.tokens.expires_at if self._profile.tokens else 0.0

    def _refreshed(self) -> str:
        tokens = self._profile.tokens
        if tokens is None or not tokens.refresh:
            raise SignInNeededError(
                f"The sign-in of the profile {self._profile.name} has ended.",
                "Sign in again with `autoprovision login EMAIL`.",
            )
        fresh = SignIn(self._profile.platform).refresh(tokens)
        self._profile = self._profile.signed_in(self._profile.email, fresh)
        self._store.save(self._profile)
        return fresh.access

    def _get(self, path: str, query: Query | None = None) -> Document:
        wanted = {name: value for name, value in (query or {}).items() if value is not None}
        return self._send("GET", path, params=wanted)

    def _post(self, path: str, *, key: str | None = None, **options: Any) -> Document:
        return self._send("POST", path, key=key, **options)

    def _send(self, method: str, path: str, *, key: str | None = None, **options: Any) -> Document:
        if method != "GET":
            # One key for the whole call, so that every repetition below is known as one.
            options["headers"] = {"Idempotency-Key": key or str(uuid.uuid4())}
        answer = self._exchange(method, path, self.access_token(), **options)
        if answer.status_code == _UNAUTHORIZED and self._profile.tokens:
            # The clocks may disagree, or the token was revoked: a fresh one settles it.
            answer = self._exchange(method, path, self._refreshed(), **options)
        return self._answer(answer, method, path)

    def _exchange(
        self, method: str, path: str, token: str | None, **options: Any
    ) -> httpx.Response:
        headers = {"Accept": "application/json", **options.pop("headers", {})}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if "content" in options:
            headers["Content-Type"] = "application/json"
        try:
            return self._http.request(method, path, headers=headers, **options)
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            raise UnreachableError(
                f"The API {self._profile.platform.api_url} does not answer: {problem}.",
                "`autoprovision status` shows whether the embedded AWS runs,"
                " `autoprovision up` starts it.",
            ) from problem

    @staticmethod
    def _answer(answer: httpx.Response, method: str, path: str) -> Document:
        try:
            content = answer.json() if answer.content else {}
        except ValueError:
            content = None
        document = content if isinstance(content, dict) else None
        if answer.status_code >= _FIRST_ERROR:
            fallback = {"title": answer.reason_phrase, "detail": (document or {}).get("message")}
            raise RefusalError(
                answer.status_code, {**fallback, **(document or {})},
                method=method, path=path,
            )  # fmt: skip
        if document is None:
            raise UnreachableError(
                f"{answer.url} answered with something that is no JSON object.",
                "Is it the API's address? `autoprovision status` prints the one in use.",
            )
        return document


def pages(read: ReadPage, query: Query, cursor: str | None = None) -> Iterator[Document]:
    """Every item of a list, page by page.

    Args:
        read: Reads one page: `api.users`, `api.requests`, …
        query: Its filters.
        cursor: Where to begin; None for the beginning.
    """
    while True:
        page = read({"limit": _PAGE, **query, "cursor": cursor})
        yield from page.get("items") or []
        cursor = page.get("next")
        if not cursor:
            return


def segment(value: str) -> str:
    """An identifier as one segment of a path, so that no input can point elsewhere.

    Raises:
        MisuseError: It is empty or only dots.
    """
    if not value.strip(". "):
        raise MisuseError(f"{value!r} is not an identifier.", "Look it up with the noun's `list`.")
    return quote(value, safe="@")
