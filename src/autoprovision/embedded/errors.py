"""What can go wrong with the embedded AWS, said so that a person knows what to do next."""


class EmbeddedAwsError(Exception):
    """The embedded AWS could not be started, found or stopped.

    Args:
        message: What happened and why, as a sentence.
        hint: What to do about it, as a sentence.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message} {hint}")
        self.message = message
        self.hint = hint
