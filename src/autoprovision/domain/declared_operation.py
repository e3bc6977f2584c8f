"""An operation that a blueprint's manifest declares: what can be done with its machines."""

from typing import Annotated

from pydantic import Field

from autoprovision.domain.declared_parameter import DeclaredParameter
from autoprovision.domain.resource import ManifestPart


class DeclaredOperation(ManifestPart):
    """What can be done with the machines of an application: a runbook, and what it is given.

    Attributes:
        runbook: the folder's file in `runbooks/`, without its suffix.
        warning: what to know before; nothing that a runbook did is taken back.
        parameters: what a user may set.
        runbook_parameters: how the runbook's own parameters are filled: name to a source among
            `parameters.<Name>`, `script.<Name>` (where a script is kept), `resource.<LogicalId>`
            (its physical id), `runbook.<name>` (the name of another one), `files.bucket` and
            `files.folder`.
        minutes: longest time that it may take.
    """

    title: str
    description: str
    runbook: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,60}[a-z0-9]$")]
    warning: str = ""
    parameters: dict[str, DeclaredParameter] = Field(default_factory=dict)
    runbook_parameters: dict[str, str] = Field(default_factory=dict)
    minutes: Annotated[int, Field(ge=1, le=720)] = 30
