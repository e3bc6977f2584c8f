"""A mail and the outcome it tells; the words stand in the templates of `autoprovision/mails/`."""

from autoprovision.domain.resource import Resource

# Whoever claimed a mail has ended by then: no function that sends one runs as long. A claim that
# was not confirmed may be taken over from then on.
SENDER_SECONDS = 90.0


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
