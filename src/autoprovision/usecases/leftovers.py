"""What carries the platform's marks and belongs to nothing live: resources, names, credentials.

Each look goes page by page up to a bound and changes nothing but credentials that nobody can use
any more: those are forgotten.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from autoprovision.domain.application import ENDED, Application
from autoprovision.domain.clock import iso
from autoprovision.domain.errors import ConflictError, NotFoundError
from autoprovision.domain.finding import LEFT_ON_PURPOSE, Finding, FindingKind, Found, gone
from autoprovision.domain.identifiers import made_at
from autoprovision.ports import Platform
from autoprovision.usecases.findings import standing
from autoprovision.usecases.looks import Look, Pages

_K = FindingKind
BOUNDED = frozenset({
    _K.RESOURCE_WITHOUT_APPLICATION, _K.NAME_WITHOUT_APPLICATION, _K.SECRET_WITHOUT_APPLICATION,
    _K.QUESTION_WITHOUT_REQUEST,
})  # fmt: skip
# Tags of what was just deleted are listed for a while.
_SETTLED_AFTER = timedelta(hours=1)


def look(applications: Sequence[Application], platform: Platform) -> Look:
    """All looks of one pass."""
    looks = [
        _resources(applications, platform), _names(applications, platform),
        _secrets(applications, platform), _questions(platform),
    ]  # fmt: skip
    found = [one for each in looks for one in each.found]
    return Look(found, frozenset().union(*(each.looked_for for each in looks)))


def _resources(applications: Sequence[Application], platform: Platform) -> Look:
    """Tagged resources of applications that have ended; stacks are the proof's."""
    since = iso(platform.now() - _SETTLED_AFTER)
    # Those that are about to end, or have only just, still have something.
    expected = {one.id for one in applications if one.status not in ENDED or one.updated_at > since}
    pages, found, arns = Pages(), [], set()
    for one in pages.of(platform.tagged.list):
        arns.add(one.arn)
        if one.application_id not in expected and ":cloudformation:" not in one.arn:
            sentence = f"It carries the tag of {one.application_id}, which is not live."
            found.append(Found(_K.RESOURCE_WITHOUT_APPLICATION, one.arn, sentence))
    known = _follow_left(arns, platform, whole=pages.whole)
    found = [one for one in found if one.subject not in known]
    return Look(found, frozenset({_K.RESOURCE_WITHOUT_APPLICATION} if pages.whole else ()))


def _follow_left(arns: set[str], platform: Platform, *, whole: bool) -> set[str]:
    """See to what was left on purpose: learn its ARN, and notice when it has gone.

    Returns:
        The ARNs of what was left on purpose.
    """
    at, known = iso(platform.now()), set()
    for finding in list(standing(platform)):
        if finding.kind not in LEFT_ON_PURPOSE or finding.left is None:
            continue
        arn = finding.left.arn or _arn_of(finding.left.physical_id, arns)
        if arn in arns:
            known.add(str(arn))
            seen = finding.with_(
                left=finding.left.with_(arn=arn), last_seen=at, version=finding.version + 1
            )
            _write(seen, finding, platform)
        elif finding.left.arn and whole:
            _write(gone(finding, at), finding, platform)
    return known


def _arn_of(physical_id: str, arns: set[str]) -> str | None:
    ends = (f":{physical_id}", f"/{physical_id}")
    return next((one for one in arns if one == physical_id or one.endswith(ends)), None)


def _write(after: Finding, before: Finding, platform: Platform) -> None:
    try:
        platform.findings.save(after, expected_version=before.version)
    except ConflictError:
        return  # somebody acknowledged it meanwhile; the next pass looks again


def _names(applications: Sequence[Application], platform: Platform) -> Look:
    """Names of applications, `<application>.<environment>.<domain>`, that lead to none."""
    domain = platform.settings.domain_name
    if not platform.settings.hosted_zone_id:
        return Look([], frozenset({_K.NAME_WITHOUT_APPLICATION}))
    live = {
        f"{one.application_name}.{one.target_environment}.{domain}"
        for one in applications
        if one.status not in ENDED
    }
    pages, found = Pages(), []
    for name in pages.of(platform.names.leading):
        labels = name.removesuffix(f".{domain}").split(".")
        is_ours = len(labels) == 2 and labels[1] in {"dev", "stag", "prod"}
        if is_ours and not labels[0].startswith("_") and name not in live:
            sentence = "The name leads somewhere, and no live application has it."
            found.append(Found(_K.NAME_WITHOUT_APPLICATION, name, sentence))
    return Look(found, frozenset({_K.NAME_WITHOUT_APPLICATION} if pages.whole else ()))


def _secrets(applications: Sequence[Application], platform: Platform) -> Look:
    """Credentials that no request under way and no application uses are forgotten.

    Those whose request is not there are told, and stay: nobody knows whose they are.
    """
    used = {one.secret_arn for one in applications if one.status not in ENDED}
    # Credentials are kept before their request is, and an end is told before all is settled.
    since = iso(platform.now() - _SETTLED_AFTER)
    pages, found = Pages(), []
    for arn, request_id in pages.of(platform.secrets.list):
        if arn in used or made_at(request_id) > since:
            continue
        try:
            request = platform.records.request(request_id)
        except NotFoundError:
            sentence = f"The credentials of {request_id} are kept, and there is no such request."
            found.append(Found(_K.SECRET_WITHOUT_APPLICATION, request_id, sentence))
            continue
        ended = request.is_final and request.updated_at < since
        if ended and not _is_used(arn, request.application_id, platform):
            platform.secrets.forget(arn)
    return Look(found, frozenset({_K.SECRET_WITHOUT_APPLICATION} if pages.whole else ()))


def _is_used(arn: str, application_id: str | None, platform: Platform) -> bool:
    """Asked again, consistently: the list of applications may be some minutes old."""
    if not application_id:
        return False
    try:
        application = platform.records.application(application_id)
    except NotFoundError:
        return False
    return application.status not in ENDED and application.secret_arn == arn


def _questions(platform: Platform) -> Look:
    """Open questions of requests that are not there; those of ended ones are the sweep's."""
    pages, found = Pages(), []
    for question in pages.of(platform.approvals.list_open):
        try:
            platform.records.request(question.request_id)
        except NotFoundError:
            sentence = "A question is open, and its request is not there."
            found.append(Found(_K.QUESTION_WITHOUT_REQUEST, question.request_id, sentence))
    return Look(found, frozenset({_K.QUESTION_WITHOUT_REQUEST} if pages.whole else ()))


def summary(found: Sequence[Found]) -> dict[str, Any]:
    """How many of each kind."""
    counts: dict[str, int] = {}
    for one in found:
        counts[one.kind] = counts.get(one.kind, 0) + 1
    return dict(sorted(counts.items()))
