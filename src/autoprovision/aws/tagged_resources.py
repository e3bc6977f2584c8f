"""The port `TaggedResources` on the Resource Groups Tagging API."""

from typing import Any

from autoprovision.aws.answers import answering
from autoprovision.ports.findings import TaggedResource
from autoprovision.ports.pages import Page

_TAG = "autoprovision:application"
_MOST = 100
_SEPARATOR = "|"


class TaggingApi:
    """Resources of several regions, one region after the other.

    The API lists what is in the region that it is asked in; what belongs to no region, such as
    distributions, it lists in us-east-1.
    """

    def __init__(self, *clients: Any) -> None:
        # The platform may itself be in us-east-1.
        self._clients = list({one.meta.region_name: one for one in clients}.values())

    def list(self, *, limit: int, after: str | None = None) -> Page[TaggedResource]:
        """Resources in no order; some that were just deleted may still be among them."""
        place, _, token = (after or f"0{_SEPARATOR}").partition(_SEPARATOR)
        region = int(place)
        start = {"PaginationToken": token} if token else {}
        with answering("Resource Groups"):
            page = self._clients[region].get_resources(
                TagFilters=[{"Key": _TAG}], ResourcesPerPage=min(limit, _MOST), **start
            )
        found = tuple(
            TaggedResource(one["ResourceARN"], tag["Value"])
            for one in page["ResourceTagMappingList"]
            for tag in one["Tags"]
            if tag["Key"] == _TAG
        )
        if page.get("PaginationToken"):
            return Page(found, f"{region}{_SEPARATOR}{page['PaginationToken']}")
        is_last = region + 1 >= len(self._clients)
        return Page(found, None if is_last else f"{region + 1}{_SEPARATOR}")
