"""A mail and the outcome it tells; the words stand in the templates of `autoprovision/mails/`."""

from autoprovision.domain.resource import Resource


class Mail(Resource):
    """One mail.

    Attributes:
        id: `<request id>#<message>`; the same id is sent once.
        to: one address.
    """

    id: str
    to: str
    subject: str
    text: str
    html: str
