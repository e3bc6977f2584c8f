"""How a phase of a build ends badly."""


class PhaseFailed(Exception):  # noqa: N818
    """A phase failed; what CodeBuild shows as the phase's context.

    Attributes:
        code: the context's status code.
        message: the context's message.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
