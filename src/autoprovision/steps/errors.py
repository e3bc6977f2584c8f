"""Verdicts of steps that a state machine tells apart by name; docs/saga.md lists the names."""

from autoprovision.domain.errors import AutoprovisionError


class StepRefusedError(AutoprovisionError):
    """The step says no, and trying it again would not help. State machines see `StepRefused`."""

    code = "STEP_REFUSED"


class CancelledError(AutoprovisionError):
    """Somebody asked to stop. State machines see `Cancelled`."""

    code = "CANCELLED"


class ChangeSetPendingError(AutoprovisionError):
    """CloudFormation still works out a change. State machines see `ChangeSetPending`."""

    code = "CHANGE_SET_PENDING"


class UrlNotReadyError(AutoprovisionError):
    """The application does not answer yet. State machines see `UrlNotReady`."""

    code = "URL_NOT_READY"
