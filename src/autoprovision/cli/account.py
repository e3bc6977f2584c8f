"""`autoprovision password`, `signup` and `totp`: one's own account at the sign-in service."""

from typing import Annotated

import typer

from autoprovision.cli.commands import Noun
from autoprovision.cli.interview import Interview
from autoprovision.cli.login import (
    CodeOption,
    EmailArgument,
    PasswordStdinOption,
    show_totp_secret,
    usual_platform,
)
from autoprovision.cli.session import Session
from autoprovision.cli.signin import SignIn

password_app = Noun("password", "Your password.")
signup_app = Noun("signup", "Register yourself, where the platform allows it.")
totp_app = Noun("totp", "A code from an authenticator app as the second factor.")

MailedCodeOption = Annotated[
    str | None, typer.Option("--code", metavar="CODE", help="The code that was mailed to you.")
]


@password_app.verb("change", "autoprovision password change")
def change(session: Session, password_stdin: PasswordStdinOption = False) -> None:
    """Replace your password; you have to know the old one."""
    interview = Interview(session.out, password_stdin=password_stdin)
    access = session.api.access_token()
    old = interview.password("Old password")
    new = interview.new_password()
    SignIn(session.profile().platform).change_password(access, old, new)
    _done(session, "The password is changed.")


@password_app.verb("forgot", "autoprovision password forgot ada@example.edu")
def forgot(session: Session, email: EmailArgument) -> None:
    """Have a code mailed to you that allows a new password."""
    where = SignIn(usual_platform(session)).forgot_password(email)
    _done(session, f"A code was sent to {where or 'your address'}.")
    session.out.say(f"Next: `autoprovision password reset {email} --code CODE`.")


@password_app.verb("reset", "autoprovision password reset ada@example.edu --code 123456")
def reset(
    session: Session,
    email: EmailArgument,
    code: MailedCodeOption = None,
    password_stdin: PasswordStdinOption = False,
) -> None:
    """Set a new password with the code that was mailed to you."""
    interview = Interview(session.out, password_stdin=password_stdin, code=code)
    new = interview.new_password()
    SignIn(usual_platform(session)).reset_password(email, interview.code("Code"), new)
    _done(session, "The password is set.")
    session.out.say(f"Next: `autoprovision login {email}`.")


@signup_app.verb("start", "autoprovision signup start ada@example.edu")
def start(
    session: Session, email: EmailArgument, password_stdin: PasswordStdinOption = False
) -> None:
    """Register with your address; a code is mailed to it."""
    new = Interview(session.out, password_stdin=password_stdin).new_password("Password")
    where = SignIn(usual_platform(session)).sign_up(email, new)
    _done(session, f"A code was sent to {where or 'your address'}.")
    session.out.say(f"Next: `autoprovision signup confirm {email} --code CODE`.")


@signup_app.verb("confirm", "autoprovision signup confirm ada@example.edu --code 123456")
def confirm(session: Session, email: EmailArgument, code: MailedCodeOption = None) -> None:
    """Confirm your address with the code that was mailed to it."""
    mailed = Interview(session.out, code=code).code("Code")
    SignIn(usual_platform(session)).confirm_sign_up(email, mailed)
    _done(session, "Your address is confirmed.")
    session.out.say(f"Next: `autoprovision login {email}`.")


@signup_app.verb("resend", "autoprovision signup resend ada@example.edu")
def resend(session: Session, email: EmailArgument) -> None:
    """Have the code mailed again."""
    where = SignIn(usual_platform(session)).resend_code(email)
    _done(session, f"A code was sent to {where or 'your address'}.")


@totp_app.verb("enrol", "autoprovision totp enrol")
def enrol(
    session: Session,
    code: CodeOption = None,
    code_stdin: Annotated[
        bool,
        typer.Option("--code-stdin", help="Read the code from stdin once the secret is told."),
    ] = False,
) -> None:
    """Ask for a code from an authenticator app at every sign-in from now on."""
    profile, access = session.profile(), session.api.access_token()
    service = SignIn(profile.platform)
    secret, _ = service.associate_totp(access_token=access)
    show_totp_secret(session.out, profile.email, secret)
    interview = Interview(session.out, password_stdin=code_stdin, code=code)
    proof = interview.code("Code of your authenticator app")
    service.verify_totp(proof, access_token=access)
    service.prefer_totp(access, enabled=True)
    # Asked once, the platform knows of it: sign-ins from now on had the second factor.
    needed = (session.api.me().get("secondFactor") or {}).get("needed")
    _done(session, "From now on a code is asked for when you sign in.")
    if needed:
        session.out.say(f"Next: `autoprovision login {profile.email}`; your role needs the code.")


@totp_app.verb("remove", "autoprovision totp remove")
def remove(session: Session) -> None:
    """Ask for no code any more, where the platform allows that."""
    access = session.api.access_token()
    SignIn(session.profile().platform).prefer_totp(access, enabled=False)
    _done(session, "No code is asked for any more.")


def _done(session: Session, sentence: str) -> None:
    session.out.emit({"message": sentence}, lambda _: session.out.say(sentence))
