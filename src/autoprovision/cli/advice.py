"""What to run next after the API has refused, by what was called and why it was refused."""

from collections.abc import Mapping
from typing import Any

_SERVER_FAULT = 500
_INVALID, _AUTHENTICATE, _FORBIDDEN, _NOT_FOUND, _CONFLICT = 400, 401, 403, 404, 409

_BY_CODE = {
    "OVER_QUOTA": "Terminate something (`autoprovision application list`), or ask an admin for"
    " more (`autoprovision unit set UNIT --quota N`).",
    "NAME_TAKEN": "Choose another ApplicationName, or another TargetEnvironment.",
    "NOT_AUTHENTICATED": "Sign in with `autoprovision login EMAIL`.",
    "FORBIDDEN": "Sign in as somebody whose role allows it:"
    " `autoprovision --profile NAME login EMAIL`.",
    "MFA_REQUIRED": "Run `autoprovision totp enrol`, then sign in again with a code:"
    " `autoprovision login EMAIL`.",
    "IDEMPOTENCY_MISMATCH": "Leave --idempotency-key out, or send what was sent with it before.",
    "OPERATION_IN_PROGRESS": "`autoprovision request show {operation}` tells how far that is, and"
    " what it waits for.",
    "STACK_GONE": "`autoprovision application terminate {id}` gives its name and its quota back;"
    " then request it anew.",
    "PLAN_CHANGED": "`autoprovision application plan {id} FILE` shows what it would come to now.",
    "CHANGE_REFUSED": "Correct the file; `autoprovision application plan {id} FILE` checks it"
    " without any effect.",
    "TOO_LONG": "Extend it by less; `autoprovision application show {id}` tells until when it"
    " lives.",
}
_BY_STATUS = {
    _AUTHENTICATE: _BY_CODE["NOT_AUTHENTICATED"],
    _FORBIDDEN: _BY_CODE["FORBIDDEN"],
    429: "Wait a little and run the same command again.",
}
_TEMPLATE = (
    "Correct the JSON template. `autoprovision blueprint schema` prints what it may hold,"
    " `autoprovision request plan FILE` checks it without any effect."
)
_CHANGE = (
    "Correct the file. `autoprovision blueprint schema` prints what it may hold,"
    " `autoprovision application plan {id} FILE` checks it without any effect."
)
_ARGUMENTS = "Correct what is named above; `--help` behind the command tells what it takes."
_SHOW = "`autoprovision {noun} show {id}` tells how it stands."
# The API's collections, by what the command line calls one of them.
_NOUNS = {
    "requests": "request", "applications": "application", "approvals": "approval",
    "blueprints": "blueprint", "business-units": "unit", "users": "user", "findings": "finding",
}  # fmt: skip
_NOT_SHOWN = frozenset({"", "user"})
# Ids tell what they are of.
_PREFIXES = {"app_": "application", "req_": "request", "fnd_": "finding"}


def next_step(method: str, path: str, status: int, problem: Mapping[str, Any]) -> str:
    """What to run next, as a sentence; empty when nothing is known.

    Args:
        method: the HTTP method that was refused.
        path: the path that was called.
        status: the HTTP status of the refusal.
        problem: the problem document; every member may be missing.
    """
    advice = problem.get("advice")
    if isinstance(advice, str) and advice:
        return advice
    if status >= _SERVER_FAULT:
        return "Run the same command again; if it stays, ask the platform team for its log."
    collection, identity, verb = [*path.partition("?")[0].strip("/").split("/"), "", "", ""][:3]
    known = {"noun": _NOUNS.get(collection, ""), "id": identity}
    if problem.get("operation"):
        known["operation"] = str(problem["operation"])
    if status == _INVALID:
        found = _of_input(method, collection, verb)
    elif status == _NOT_FOUND:
        found = _of_missing(known["noun"], identity)
    else:
        shown = status == _CONFLICT and identity and known["noun"] not in _NOT_SHOWN
        found = _SHOW if shown else ""
    by_code = _BY_CODE.get(str(problem.get("code") or ""), "")
    if "{operation}" in by_code and "operation" not in known:
        by_code = ""
    return (by_code or found or _BY_STATUS.get(status, "")).format(**known)


def _of_input(method: str, collection: str, verb: str) -> str:
    """Which of the things that a person sends was wrong: a template, a change, or arguments."""
    if collection == "applications" and (method == "PATCH" or verb == "plans"):
        return _CHANGE
    whole = collection == "plans" or (collection == "requests" and verb in {"", "resubmit"})
    return _TEMPLATE if whole else _ARGUMENTS


def _of_missing(noun: str, identity: str) -> str:
    other = _PREFIXES.get(identity[:4])
    # An approval has the id of its request.
    if other and other != noun and (noun, other) != ("approval", "request"):
        return f"The id is one of {_article(other)}: `autoprovision {other} show {{id}}`."
    return "`autoprovision {noun} list` shows the ids." if noun else ""


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
