"""Why a decision, or another move of an approval, is refused.

What the state of things forbids is a ConflictError; what this person may never do to this
approval is a ForbiddenError. A missing comment is a fault of the input, so it is neither.
"""

from autoprovision.domain.errors import ConflictError, ForbiddenError


class ApprovalClosedError(ConflictError):
    """It is not open any more: another move won.

    Extras: `status`, `closedBy`, `closedAt`.
    """

    code = "APPROVAL_CLOSED"


class ApprovalExpiredError(ConflictError):
    """Its time was over before the decision came, whether or not anybody has noted it yet."""

    code = "APPROVAL_EXPIRED"


class NotDueError(ConflictError):
    """It was to expire before its time."""

    code = "NOT_DUE"


class StaleDecisionError(ConflictError):
    """The decision is about another plan than the one that is asked about.

    Extras: `planDigest`, the plan that is asked about now.
    """

    code = "STALE_DECISION"


class SamePersonError(ConflictError):
    """Two approvers means two people, and this one has had their say."""

    code = "SAME_PERSON"


class OwnRequestError(ForbiddenError):
    """Nobody decides on what they asked for themselves, nor somebody else in their name."""

    code = "OWN_REQUEST"


class NoDelegationError(ForbiddenError):
    """The person in whose name it was decided has not delegated to this one, or no longer."""

    code = "NO_DELEGATION"


class NotAuthorizedToLaunchError(ConflictError):
    """The approval does not allow this launch: asking anew is the way on."""

    code = "NOT_AUTHORIZED_TO_LAUNCH"
