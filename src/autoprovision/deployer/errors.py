"""What can go wrong in a deployment, each with a sentence and the next thing to do."""


class DeployError(Exception):
    """A deployment cannot go on; what was done stays, and running it again goes on from there.

    Attributes:
        message: what happened and why.
        hint: what to do next.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message} {hint}")
        self.message = message
        self.hint = hint


class NotConfirmedError(DeployError):
    """Somebody looked at the changes and said no; nothing of that stack was changed."""


class StackFailedError(DeployError):
    """CloudFormation could not make or change a stack; its reasons are in the message."""


class InvalidCatalogError(DeployError):
    """A blueprint's folder has faults, all of them named in the message."""


class PublishedDifferentlyError(DeployError):
    """A blueprint version was published before with another content; versions are immutable."""
