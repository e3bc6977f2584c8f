"""The JSON template a person sends, and the request it becomes.

`RequestTemplate` is the one definition of the template: it validates, and the published JSON
Schema is generated from it. Keys and enumerated values are matched without regard to case.
"""

import re
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from autoprovision.domain.change import LastGood, Preview
from autoprovision.domain.clock import as_duration
from autoprovision.domain.document import business_unit_name, email_address, faults_of, pointer
from autoprovision.domain.errors import Fault, InvalidInputError
from autoprovision.domain.plan import Plan
from autoprovision.domain.resource import Resource

MAX_SECRET_CHARACTERS = 16 * 1024
RESERVED_NAMES = frozenset(
    """
    www api admin mail smtp imap pop ftp ns ns1 ns2 mx localhost autoconfig autodiscover wpad isatap
    root hostmaster postmaster webmaster abuse security status support help login auth sso account
    accounts billing static assets cdn internal platform autoprovision
    """.split()  # noqa: SIM905 - a page of words reads better than a page of quotes
)
_LABEL = re.compile(r"^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$", re.ASCII)


class TargetEnvironment(StrEnum):
    """Where an application runs; it chooses the topology."""

    DEV = "dev"
    STAG = "stag"
    PROD = "prod"


_ENVIRONMENTS = {
    "dev": "dev", "development": "dev", "stag": "stag", "staging": "stag",
    "prod": "prod", "production": "prod",
}  # fmt: skip


def _environment(value: Any) -> Any:
    if isinstance(value, str):
        return _ENVIRONMENTS.get(value.strip().lower(), value)
    return value


def _application_name(value: str) -> str:
    name = value.lower()
    if not 2 <= len(name) <= 40 or not _LABEL.match(name):
        raise ValueError(
            "Use 2 to 40 letters, digits and hyphens; begin and end with a letter or digit."
        )
    if name.startswith("xn--"):
        raise ValueError("A name may not be an encoded international name (xn--…).")
    if name in RESERVED_NAMES:
        raise ValueError(f"The name {name} is reserved; choose another.")
    return name


def _no_controls(value: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValueError("Control characters are not allowed.")
    return value


Text = Annotated[str, Field(strict=True), AfterValidator(_no_controls)]
ParameterValue = Annotated[str, Field(strict=True, max_length=4096)] | int | float | bool


class RequestTemplate(BaseModel):
    """What a person sends to get an application."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, title="RequestTemplate", str_strip_whitespace=True
    )

    ApplicationName: Annotated[
        Text,
        AfterValidator(_application_name),
        Field(
            description="A DNS label, unique in its environment; it is lower-cased.",
            json_schema_extra={
                "minLength": 2, "maxLength": 40,
                "pattern": "^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$",
            },
            examples=["shop"],
        ),
    ]  # fmt: skip
    TargetEnvironment: Annotated[
        TargetEnvironment,
        BeforeValidator(_environment),
        WithJsonSchema(
            {
                "type": "string",
                "description": "dev, stag or prod; the long names mean the same.",
                "enum": sorted({*_ENVIRONMENTS, "Development", "Staging", "Production"}),
            }
        ),
    ]
    ProjectType: Annotated[
        Text,
        Field(
            description="What the catalog offers, for example Static.", min_length=1, max_length=40
        ),
    ]
    TechStack: Annotated[
        Text | None,
        Field(description="What the blueprint offers; needed unless Static.", max_length=40),
    ] = None
    ProjectURL: Annotated[
        Text | None,
        Field(
            description="A git URL, for example github.com/acme/site, which means https.",
            max_length=2048,
        ),
    ] = None
    AccessToken: Annotated[
        SecretStr | None,
        Field(description="Token for a private repository.", max_length=MAX_SECRET_CHARACTERS),
    ] = None
    PrivateKey: Annotated[
        SecretStr | None,
        Field(description="Deploy key for a private repository.", max_length=MAX_SECRET_CHARACTERS),
    ] = None
    ProjectEmail: Annotated[
        Text,
        AfterValidator(email_address),
        Field(description="Where the URL is mailed.", json_schema_extra={"format": "email"}),
    ]
    BusinessUnit: Annotated[
        Text | None,
        AfterValidator(lambda value: None if value is None else business_unit_name(value)),
        Field(description="Who pays; your own by default."),
    ] = None
    ExpiresAfter: Annotated[
        Text | None,
        AfterValidator(lambda value: None if value is None else as_duration(value)),
        Field(
            description="How long the application lives, for example 7d.",
            json_schema_extra={"pattern": "^[0-9]{1,5}\\s*[mhdwMHDW]$"},
        ),
    ] = None
    Parameters: Annotated[
        dict[Annotated[str, Field(max_length=255)], ParameterValue],
        Field(description="What the blueprint declares beyond the above.", max_length=100),
    ] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        if self.AccessToken is not None and self.PrivateKey is not None:
            raise ValueError("Send AccessToken or PrivateKey, not both.")
        return self

    def without_secrets(self) -> dict[str, Any]:
        """The template as sent, lower-cased where that is the rule, less its secrets."""
        return self.model_dump(
            mode="json", exclude={"AccessToken", "PrivateKey"}, exclude_none=True
        )

    def secrets(self) -> dict[str, str]:
        """The secrets by their keys; empty when there are none."""
        found = {"AccessToken": self.AccessToken, "PrivateKey": self.PrivateKey}
        return {key: value.get_secret_value() for key, value in found.items() if value is not None}


_KEYS = {key.lower(): key for key in RequestTemplate.model_fields}


def canonical_keys(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str], list[Fault]]:
    """The keys of a JSON template, or of a part of one, as this product spells them.

    Returns:
        The values by these keys; how each was spelled in the document; keys that are unknown or
        stand twice.
    """
    faults: list[Fault] = []
    canonical: dict[str, Any] = {}
    spelling: dict[str, str] = {}
    for key, value in document.items():
        known = _KEYS.get(key.strip().lower())
        if known is None:
            offered = ", ".join(RequestTemplate.model_fields)
            faults.append(
                Fault(pointer(key), f"There is no key {key!r}; there are {offered}.", "UNKNOWN_KEY")
            )
        elif known in canonical:
            faults.append(
                Fault(
                    pointer(key),
                    f"{known} stands twice, as {spelling[known]!r} and {key!r}.",
                    "DUPLICATE_KEY",
                )
            )
        else:
            canonical[known], spelling[known] = value, key
    return canonical, spelling, faults


def changed(
    before: dict[str, Any], kept: dict[str, Any], spelling: dict[str, str]
) -> dict[str, Any]:
    """A JSON template with some keys as `canonical_keys` found them; null takes a key away."""
    stays = {key: value for key, value in before.items() if key not in kept}
    wished = {spelling[key]: value for key, value in kept.items()}
    return {key: value for key, value in {**stays, **wished}.items() if value is not None}


def parse_template(document: dict[str, Any]) -> RequestTemplate:
    """The JSON template, checked as far as it can be without the catalog.

    Raises:
        InvalidInputError: naming every fault, with pointers into the document as it was sent.
    """
    canonical, spelling, faults = canonical_keys(document)
    try:
        template = RequestTemplate.model_validate(canonical)
    except ValidationError as error:
        faults.extend(faults_of(error, spelling))
    if faults:
        raise InvalidInputError(sorted(faults, key=lambda fault: fault.pointer))
    return template


class RequestStatus(StrEnum):
    """Where a request stands; docs/glossary.md tells what each means and what can be done next."""

    SUBMITTED = "SUBMITTED"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    PROVISIONING = "PROVISIONING"
    SUCCEEDED = "SUCCEEDED"
    INVALID = "INVALID"
    OVER_QUOTA = "OVER_QUOTA"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    COMPENSATING = "COMPENSATING"
    FAILED = "FAILED"
    NEEDS_OPERATOR = "NEEDS_OPERATOR"


_S = RequestStatus
TRANSITIONS: dict[RequestStatus, frozenset[RequestStatus]] = {
    _S.SUBMITTED: frozenset({_S.AWAITING_APPROVAL, _S.PROVISIONING, _S.CANCELLED, _S.COMPENSATING}),
    _S.AWAITING_APPROVAL: frozenset(
        {_S.SUBMITTED, _S.PROVISIONING, _S.REJECTED, _S.EXPIRED, _S.CANCELLED, _S.COMPENSATING}
    ),
    _S.PROVISIONING: frozenset({_S.AWAITING_APPROVAL, _S.SUCCEEDED, _S.COMPENSATING}),
    _S.COMPENSATING: frozenset({_S.FAILED, _S.CANCELLED, _S.NEEDS_OPERATOR}),
    _S.NEEDS_OPERATOR: frozenset({_S.COMPENSATING, _S.PROVISIONING}),
    **{
        end: frozenset()
        for end in (
            _S.SUCCEEDED,
            _S.INVALID,
            _S.OVER_QUOTA,
            _S.REJECTED,
            _S.EXPIRED,
            _S.CANCELLED,
            _S.FAILED,
        )
    },
}
FINAL = frozenset(status for status, following in TRANSITIONS.items() if not following)
UNFINISHED = frozenset(TRANSITIONS) - FINAL
# All but the first are about what lives already; each kind runs a workflow of its own.
RequestKind = Literal["provision", "update", "terminate", "operate"]


class Request(Resource):
    """A request, immutable in what was asked; status and what follows from it move on.

    Attributes:
        template: the JSON template without its secrets; empty for what could not be parsed.
        secret_arn: where Secrets Manager keeps the secrets; never shown.
        faults: what was wrong, for INVALID.
        failure: what started the way back (`code`, `message`, `end`: the final status it comes
            to), kept for a resume and the mail.
        facts: what the approval policy judged, so that a proposed policy can be tried on the past.
        told: the outcome that its people were told last; an end that was not told is told by the
            sweep.
        preview: what an update does to the stack, as CloudFormation tells it beforehand.
        last_good: how the stack stood before an update.
        replaced_secret_arn: the secrets before, forgotten when an update has brought others.
        execution: how often a workflow was started for it, so that a resume has a name of its own.
        retain: resources that an operator leaves behind, and why, by their name in the stack.
        retained_by: that operator.
        build_folder: where its build takes from and brings to; whoever knows it may read it.
        build_id: CodeBuild's id of its build.
        source_commit: the commit that is built.
        operation: what is done to the machines, by the name that the blueprint gives it; what it
            was given stands in `template`.
        automation_id: Systems Manager's id of its runbook's execution.
        instances: the machines that it is done to.
    """

    id: str
    kind: RequestKind = "provision"
    status: RequestStatus
    reason: str
    message: str
    application_id: str | None = None
    application_name: str | None = None
    target_environment: str | None = None
    project_type: str | None = None
    tech_stack: str | None = None
    business_unit: str | None = None
    template: dict[str, Any] = Field(default_factory=dict)
    plan: Plan | None = None
    project_email: str | None = None
    secret_arn: str | None = None
    url: str | None = None
    stack_id: str | None = None
    source: Literal["api", "s3"] = "api"
    submitted_by: str
    submitted_by_id: str
    submitted_at: str
    updated_at: str
    cancel_requested_by: str | None = None
    failure: dict[str, str] | None = None
    faults: tuple[dict[str, str], ...] = ()
    facts: dict[str, Any] = Field(default_factory=dict)
    preview: Preview | None = None
    last_good: LastGood | None = None
    replaced_secret_arn: str | None = None
    execution: int = 0
    told: str | None = None
    retain: dict[str, str] = Field(default_factory=dict)
    retained_by: str | None = None
    build_folder: str | None = None
    build_id: str | None = None
    source_commit: str | None = None
    operation: str | None = None
    automation_id: str | None = None
    instances: tuple[str, ...] = ()

    @property
    def outcome(self) -> str:
        """What there is to tell: the status, and each call for an operator anew."""
        if self.status is RequestStatus.NEEDS_OPERATOR:
            return f"{self.status.value}#{self.execution}"
        return self.status.value

    @property
    def publishes_only(self) -> bool:
        """Whether it is an update of nothing but the code."""
        return self.kind == "update" and self.plan is None

    @property
    def is_final(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.status in FINAL

    def shown(self) -> dict[str, Any]:
        """The request as its readers see it: without where the secrets are kept."""
        return self.model_dump(
            mode="json",
            by_alias=True,
            exclude={
                "secret_arn",
                "replaced_secret_arn",
                "last_good",
                "submitted_by_id",
                "execution",
                "facts",
                "told",
                "build_folder",
            },
            exclude_none=False,
        )
