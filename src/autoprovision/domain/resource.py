"""The base of everything that is stored and shown: immutable, lowerCamelCase outside."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Resource(BaseModel):
    """An immutable record whose outside names are lowerCamelCase."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore"
    )

    def document(self) -> dict[str, Any]:
        """The record as JSON values under its outside names, without empty members."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def with_(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        return self.model_copy(update=changes)


class ManifestPart(Resource):
    """A part of a blueprint's manifest: a key that is not known is a fault, not ignored."""

    model_config = ConfigDict(**{**Resource.model_config, "extra": "forbid"})
