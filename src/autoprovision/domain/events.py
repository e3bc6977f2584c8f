"""What has happened, in the past tense: names on the event bus and in the timeline."""

from enum import StrEnum


class EventName(StrEnum):
    """EventBridge detail types of source `autoprovision`."""

    REQUEST_SUBMITTED = "RequestSubmitted"
    QUOTA_RESERVED = "QuotaReserved"
    APPROVAL_REQUESTED = "ApprovalRequested"
    APPROVAL_VOIDED = "ApprovalVoided"
    REQUEST_APPROVED = "RequestApproved"
    REQUEST_REJECTED = "RequestRejected"
    REQUEST_EXPIRED = "RequestExpired"
    REQUEST_CANCELLED = "RequestCancelled"
    REQUEST_INVALID = "RequestInvalid"
    REQUEST_OVER_QUOTA = "RequestOverQuota"
    STACK_LAUNCHED = "StackLaunched"
    APPLICATION_PROVISIONED = "ApplicationProvisioned"
    APPLICATION_UPDATED = "ApplicationUpdated"
    APPLICATION_PUBLISHED = "ApplicationPublished"
    APPLICATION_EXTENDED = "ApplicationExtended"
    APPLICATION_EXPIRING = "ApplicationExpiring"
    APPLICATION_OPERATED = "ApplicationOperated"
    APPLICATION_TERMINATED = "ApplicationTerminated"
    PROVISIONING_FAILED = "ProvisioningFailed"
    UPDATE_FAILED = "UpdateFailed"
    OPERATION_FAILED = "OperationFailed"
    TERMINATION_FAILED = "TerminationFailed"
    COMPENSATION_FAILED = "CompensationFailed"
    QUOTA_RELEASED = "QuotaReleased"
    QUOTA_CHANGED = "QuotaChanged"
