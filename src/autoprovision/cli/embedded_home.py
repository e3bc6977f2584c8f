"""The embedded AWS of a data folder, as the command line starts, joins and ends it."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from autoprovision.cli.errors import CliError
from autoprovision.cli.profiles import ADMIN, KnownPlatform, Platform, Profile, Tokens
from autoprovision.cli.session import Session
from autoprovision.cli.signin import SignIn

_NOT_RUNNING = "The embedded AWS does not run."
_START_IT = "`autoprovision up` starts it."


def up(
    session: Session, port: int | None, parameters: Mapping[str, str] | None = None
) -> tuple[KnownPlatform, str]:
    """Start the embedded AWS with the platform on it, or find the one that runs.

    Args:
        session: The command's session.
        port: Its port, None for a free one.
        parameters: Of the platform; given to a running one, they are changed there.

    Returns:
        The platform, its admin signed in, and the embedded AWS's address.

    Raises:
        CliError: It could not be started; nothing is left running.
    """
    from autoprovision.embedded import launcher, platform

    with _one_at_a_time(session):
        running = launcher.status(session.data)
        known = session.profiles.known_platform()
        if running is not None and known is not None and known.embedded:
            session.out.say(f"It already runs: {known.platform.api_url}")
            _sign_admin_in(session, known)
            if parameters:
                platform.install(running, say=session.out.say, parameters=parameters)
            return known, running.endpoint_url
        try:
            return _install(session, port, parameters)
        except BaseException:
            # Half a platform helps nobody: its log stays, its processes do not.
            launcher.stop(session.data)
            raise


def down(session: Session) -> bool:
    """Stop the embedded AWS and forget who was signed in to it; whether it ran."""
    from autoprovision.embedded import launcher

    if not session.data.is_dir():
        return False
    with _one_at_a_time(session):
        stopped = launcher.stop(session.data)
        known = session.profiles.known_platform()
        if known is not None and known.embedded:
            session.profiles.forget_platform()
        return stopped


def endpoint(session: Session) -> tuple[str | None, str | None]:
    """The address and the region of the running embedded AWS; None when it does not run."""
    from autoprovision.embedded import launcher

    aws = launcher.status(session.data)
    return (aws.endpoint_url, aws.region) if aws else (None, None)


def mails(session: Session, to: str | None) -> list[dict[str, Any]]:
    """The mails of the embedded AWS, oldest first.

    Args:
        session: The command's session.
        to: Only mails that this address received; None for all.

    Raises:
        CliError: It does not run, or does not answer.
    """
    from autoprovision.embedded import launcher, mailbox

    aws = launcher.status(session.data)
    if aws is None:
        raise CliError(_NOT_RUNNING, _START_IT)
    try:
        found = mailbox.mailbox(aws)
    except OSError as problem:
        raise CliError(
            f"The embedded AWS does not answer: {problem}.", f"Its log: {aws.log}"
        ) from problem
    return [
        {
            "messageId": mail.message_id,
            "sentAt": mail.sent_at.isoformat(),
            "sender": mail.sender,
            "to": list(mail.to),
            "subject": mail.subject,
            "text": mail.text,
            "html": mail.html,
        }
        for mail in found
        if to is None or to.casefold() in {address.casefold() for address in mail.to}
    ]


def _install(
    session: Session, port: int | None, parameters: Mapping[str, str] | None
) -> tuple[KnownPlatform, str]:
    from autoprovision.embedded import launcher, platform

    session.out.say("Starting the embedded AWS …")
    known = session.profiles.known_platform()
    if known is not None and known.embedded:
        session.profiles.forget_platform()
    aws = launcher.start(session.data, port=port)
    made = platform.install(aws, say=session.out.say, parameters=parameters)
    known = KnownPlatform(
        Platform(made.api_url, made.region, made.user_pool_client_id, made.cognito_endpoint),
        embedded=True,
        admin_email=made.admin_email,
        admin_password=made.admin_password,
    )
    _sign_admin_in(session, known)
    # Written last: a folder with this file has a whole platform.
    session.profiles.remember_platform(known)
    session.out.say("It is not a place to keep data: `autoprovision down` ends it with all it has.")
    return known, aws.endpoint_url


def _sign_admin_in(session: Session, known: KnownPlatform) -> None:
    profile = session.profiles.load(ADMIN)
    if profile is not None and profile.tokens is not None and profile.platform == known.platform:
        return
    outcome = SignIn(known.platform).start(known.admin_email, known.admin_password)
    if not isinstance(outcome, Tokens):
        raise CliError(
            f"The admin's sign-in asks for {outcome.name}.",
            f"Sign in with `autoprovision --profile {ADMIN} login {known.admin_email}`.",
        )
    admin = Profile(ADMIN, known.platform).signed_in(known.admin_email, outcome)
    session.profiles.save(admin)
    session.out.say(f"Signed in as {known.admin_email} with the profile {ADMIN}.", "green")


@contextmanager
def _one_at_a_time(session: Session) -> Iterator[None]:
    """One `up` or `down` at a time in one data folder, whichever process asks."""
    try:
        session.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(session.data / "platform.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as problem:
        raise CliError(
            f"The data folder {session.data} cannot be used: {problem.strerror or problem}.",
            "Choose a folder you may write to with --data.",
        ) from problem
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
