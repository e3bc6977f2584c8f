"""Drift: what was changed by hand behind CloudFormation's back, property by property."""

import re

from autoprovision.domain.resource import Resource

# A release goes live without an update of the stack: nobody has changed these by hand.
_RELEASED = {
    "AWS::CloudFront::Distribution": re.compile(r"/DistributionConfig/Origins/\d+/OriginPath"),
    "AWS::ECS::Service": re.compile(r"/TaskDefinition|/DesiredCount"),
}


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

    @property
    def is_of_a_release(self) -> bool:
        """Whether publishing the project changes this property."""
        known = _RELEASED.get(self.type)
        return known is not None and known.fullmatch(self.path) is not None


class Drift(Resource):
    """What a detection has found.

    Attributes:
        status: IN_SYNC, DRIFTED or UNKNOWN; UNKNOWN when the detection failed.
    """

    status: str
    reason: str = ""
    differences: tuple[Difference, ...] = ()
