"""Drift: what was changed by hand behind CloudFormation's back, property by property."""

from autoprovision.domain.resource import Resource


class Difference(Resource):
    """One property that is not as the template says.

    Attributes:
        path: a JSON pointer into the resource's properties; empty for one that is deleted.
        expected: what the template says, as text.
        actual: what is there, as text.
    """

    resource: str
    type: str
    path: str = ""
    change: str
    expected: str = ""
    actual: str = ""


class Drift(Resource):
    """What a detection has found.

    Attributes:
        status: IN_SYNC, DRIFTED or UNKNOWN; UNKNOWN when the detection failed.
    """

    status: str
    reason: str = ""
    differences: tuple[Difference, ...] = ()
