"""An HTTP API that CloudFormation makes answers the pages of the origins that it names.

AWS: `CorsConfiguration` of AWS::ApiGatewayV2::Api (CloudFormation reference) is the API's own
`corsConfiguration`; API Gateway then adds the headers to every answer (API Gateway developer guide,
"Configure CORS for HTTP APIs").

MiniStack: keeps the properties under the template's names, and looks for them under those of its
API, so that no origin is ever allowed.

Mend: they are kept under the names of the API.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

from typing import Any

_CORS = "CorsConfiguration"


def apply() -> None:
    """Rename the members for APIs that CloudFormation makes and updates."""
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]
    create, update = handlers["create"], handlers["update"]

    def create_answering(logical_id: str, properties: dict[str, Any], *rest: Any) -> Any:
        return create(logical_id, _renamed(properties), *rest)

    def update_answering(
        physical_id: str, old: dict[str, Any], new: dict[str, Any], *rest: Any
    ) -> Any:
        return update(physical_id, _renamed(old), _renamed(new), *rest)

    handlers["create"], handlers["update"] = create_answering, update_answering


def _renamed(properties: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(cors := properties.get(_CORS), dict):
        return properties
    return {**properties, _CORS: {name[:1].lower() + name[1:]: one for name, one in cors.items()}}
