"""Applications and the claims of their names in the table `Applications`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from boto3.dynamodb.conditions import Attr, ConditionBase

from autoprovision.aws.dynamodb.expressions import Change, Write, delete, put, update
from autoprovision.aws.dynamodb.items import Item, changed_members, record
from autoprovision.aws.dynamodb.reading import MOST_ITEMS, due_before, newest_of
from autoprovision.aws.dynamodb.writing import ConditionsFailedError, write_alone
from autoprovision.aws.records.tables import Tables
from autoprovision.domain.application import ENDED, Application
from autoprovision.domain.endings import check_application_patch
from autoprovision.domain.refusals import changed_meanwhile, name_taken, no_application
from autoprovision.ports import Page

_KIND = "APPLICATION"
_LIVE = "LIVE"


def name_key(application: Application) -> dict[str, str]:
    """Where the claim of an application's name stands."""
    return {"id": f"NAME#{application.target_environment}#{application.application_name}"}


def put_application(tables: Tables, application: Application) -> Write:
    """Write an application that is not there yet."""
    is_new = Attr("id").not_exists()
    item: Item = {
        **application.document(), "kind": _KIND, "unit": application.business_unit,
        "expiryKind": _expiry_kind(application),
    }  # fmt: skip
    return put("application", tables.applications, item, is_new)


def claim_name(tables: Tables, application: Application) -> Write:
    """Claim the name, unless another application has it."""
    is_free_or_ours = Attr("id").not_exists() | Attr("applicationId").eq(application.id)
    item = {**name_key(application), "applicationId": application.id}
    write = put("name", tables.applications, item, is_free_or_ours)
    taken = name_taken(application.target_environment, application.application_name)
    return replace(write, refusal=lambda _: taken)


def free_name(tables: Tables, application: Application) -> Write:
    """Give the name free; one that is free already, or another's by now, stays as it is."""
    is_free_or_ours = Attr("id").not_exists() | Attr("applicationId").eq(application.id)
    return delete("name", tables.applications, name_key(application), is_free_or_ours)


def change_application(
    tables: Tables, application: Application, changes: Mapping[str, Any], condition: ConditionBase
) -> Write:
    """Change an application as it was read, together with its index attributes."""
    after = application.with_(**changes)
    values = {
        **changed_members(Application, changes),
        "unit": after.business_unit,
        "expiryKind": _expiry_kind(after),
    }
    return update(
        "application", tables.applications, {"id": application.id},
        Change(values, {"versionNumber": 1}), condition,
    )  # fmt: skip


def _expiry_kind(application: Application) -> str | None:
    lives = application.status not in ENDED
    return _LIVE if lives and application.expires_at else None


def is_unchanged(application: Application) -> ConditionBase:
    """The condition that nobody wrote since the application was read."""
    return Attr("versionNumber").eq(application.version_number)


def application_of(item: Mapping[str, Any]) -> Application:
    """The application that an item holds."""
    return record(Application, item)


class ApplicationRecords:
    """The part of `Records` about applications alone."""

    _tables: Tables

    def application(self, application_id: str) -> Application:
        """The application, strongly consistent. Raises NotFoundError."""
        item = self._tables.get(self._tables.applications, {"id": application_id})
        # The claims of names stand in the same table.
        if item is None or "applicationName" not in item:
            raise no_application(application_id)
        return application_of(item)

    def applications(
        self, units: Collection[str] | None, *, limit: int, after: str | None = None
    ) -> Page[Application]:
        """Applications of these units (None: of all), newest first."""
        partitions = (
            [("byKind", "kind", _KIND)]
            if units is None
            else [("byUnit", "unit", unit) for unit in sorted(units)]
        )
        ids, following = newest_of(
            self._tables, self._tables.applications, partitions, limit=min(limit, MOST_ITEMS),
            after=after,
        )  # fmt: skip
        return Page(tuple(self._applications(ids)), following)

    def expiring(self, before: str, *, limit: int, after: str | None = None) -> Page[Application]:
        """Live applications whose `expires_at` is before a moment, soonest first."""
        ids, following = due_before(
            self._tables, self._tables.applications, "byExpiry", ("expiryKind", _LIVE),
            ("expiresAt", before), limit=min(limit, MOST_ITEMS), after=after, more_key={},
        )  # fmt: skip
        # An index lags: what has ended or was extended meanwhile is left out.
        due = (
            one
            for one in self._applications(ids)
            if one.status not in ENDED and one.expires_at and one.expires_at < before
        )
        return Page(tuple(due), following)

    def _applications(self, ids: Sequence[str]) -> list[Application]:
        items = self._tables.get_all(self._tables.applications, [{"id": one} for one in ids])
        return [application_of(item) for item in items]

    def patch_application(
        self, application_id: str, *, expected_version: int | None = None, **changes: Any
    ) -> Application:
        """Set fields; with `expected_version`, only if nobody wrote since.

        Raises:
            ConflictError: code CHANGED_MEANWHILE.
            NotFoundError: there is no such application.
        """
        check_application_patch(changes)
        exists = Attr("applicationName").exists()
        nobody_wrote_since = Attr("versionNumber").eq(expected_version)
        condition = exists if expected_version is None else exists & nobody_wrote_since
        values = changed_members(Application, changes)
        if "expires_at" in changes:
            values["expiryKind"] = _LIVE if changes["expires_at"] else None
        write = update(
            "application", self._tables.applications, {"id": application_id},
            Change(values, {"versionNumber": 1}), condition,
        )  # fmt: skip
        try:
            return application_of(write_alone(self._tables.client, write))
        except ConditionsFailedError as failed:
            if failed.items["application"] is None:
                raise no_application(application_id) from None
            raise changed_meanwhile(f"application {application_id}") from None
