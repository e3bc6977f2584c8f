"""`autoprovision login`, `logout` and `token`: who is signed in."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from autoprovision.cli.commands import Noun
from autoprovision.cli.errors import CliError, MisuseError, SignInNeededError, UnreachableError
from autoprovision.cli.interview import Interview
from autoprovision.cli.profiles import Platform, Profile, Tokens
from autoprovision.cli.render import Output
from autoprovision.cli.session import Session
from autoprovision.cli.signin import Challenge, SignIn, SignInRefusedError

app = Noun()

_MOST_CHALLENGES = 6
EmailArgument = Annotated[
    str, typer.Argument(metavar="EMAIL", help="Your address.", show_default=False)
]
PasswordStdinOption = Annotated[
    bool,
    typer.Option(
        "--password-stdin",
        help="Read passwords from stdin, one a line; the second is the new one if it is asked for.",
    ),
]
CodeOption = Annotated[
    str | None, typer.Option("--code", metavar="CODE", help="The code of your authenticator app.")
]
ApiUrlOption = Annotated[
    str | None,
    typer.Option("--api-url", metavar="URL", help="Another platform than the data folder's own."),
]
RegionOption = Annotated[
    str | None, typer.Option("--region", metavar="REGION", help="The platform's AWS region.")
]
ClientIdOption = Annotated[
    str | None,
    typer.Option("--client-id", metavar="ID", help="The app client; the API tells it if it can."),
]
EndpointOption = Annotated[
    str | None,
    typer.Option("--cognito-endpoint", metavar="URL", help="Where to sign in, if not at AWS."),
]


@app.verb("login", "autoprovision --profile ada login ada@example.edu")
def login(
    session: Session,
    *,
    email: EmailArgument,
    password_stdin: PasswordStdinOption = False,
    code: CodeOption = None,
    api_url: ApiUrlOption = None,
    region: RegionOption = None,
    client_id: ClientIdOption = None,
    cognito_endpoint: EndpointOption = None,
) -> None:
    """Sign in. Without --profile it is the profile `default`; --profile keeps people apart."""
    if api_url:
        platform = platform_at(session, api_url, region, client_id, cognito_endpoint)
    else:
        platform = usual_platform(session)
    interview = Interview(session.out, password_stdin=password_stdin, code=code)
    # `admin` is what commands act as after `up`; signing in must not replace it unasked.
    named = session.named_profile or "default"
    profile = session.profiles.load(named) or Profile(named, platform)
    tokens = sign_in(SignIn(platform), email, interview, session.out)
    session.profiles.save(Profile(profile.name, platform).signed_in(email, tokens))
    document = {"profile": named, "email": email, "apiUrl": platform.api_url}

    def show(_: Console) -> None:
        session.out.say(f"Signed in as {email} with the profile {named}.", "green")

    session.out.emit(document, show)


@app.verb("logout", "autoprovision --profile ada logout")
def logout(
    session: Session,
    *,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="End your sessions on every machine.")
    ] = False,
) -> None:
    """Sign out: the tokens are revoked and forgotten."""
    profile = session.profile()
    if profile.tokens is not None:
        try:
            if everywhere:
                SignIn(profile.platform).sign_out_everywhere(session.api.access_token())
            else:
                SignIn(profile.platform).revoke(profile.tokens)
        except (SignInRefusedError, SignInNeededError, UnreachableError) as problem:
            # Forgotten here they must be in any case; that they live on elsewhere is told.
            session.out.say(f"The tokens could not be revoked: {problem.message}", "yellow")
    session.profiles.save(profile.signed_out())

    def show(_: Console) -> None:
        session.out.say(f"Signed out of the profile {profile.name}.")

    session.out.emit({"profile": profile.name, "signedIn": False}, show)


@app.verb("token", 'curl -H "Authorization: Bearer $(autoprovision token)" "$API/me"')
def token(session: Session) -> None:
    """Print the profile's access token, refreshed if needed, for curl."""
    access = session.api.access_token()
    ends = datetime.fromtimestamp(session.api.expires_at, UTC).isoformat(timespec="seconds")
    document = {"accessToken": access, "expiresAt": ends, "profile": session.chosen_profile}
    session.out.emit(document, lambda _: print(access))


def sign_in(service: SignIn, email: str, interview: Interview, out: Output) -> Tokens:
    """Sign in with a password, and answer whatever is asked after it.

    Raises:
        CliError: It was refused, or asked something nobody can answer here.
    """
    outcome = service.start(email, interview.password())
    for _ in range(_MOST_CHALLENGES):
        if isinstance(outcome, Tokens):
            return outcome
        outcome = _answered(service, outcome, email, interview, out)
    raise CliError("The sign-in service asks and asks.", "Ask an admin to reset the user.")


def _answered(
    service: SignIn, challenge: Challenge, email: str, interview: Interview, out: Output
) -> Tokens | Challenge:
    match challenge.name:
        case "NEW_PASSWORD_REQUIRED":
            out.say("This password was for the first time only.")
            return service.answer(challenge, email, NEW_PASSWORD=interview.new_password())
        case "SOFTWARE_TOKEN_MFA":
            code = interview.code("Code of your authenticator app")
            return service.answer(challenge, email, SOFTWARE_TOKEN_MFA_CODE=code)
        case "MFA_SETUP":
            secret, session = service.associate_totp(session=challenge.session)
            show_totp_secret(out, email, secret)
            code = interview.code("Code of your authenticator app")
            session = service.verify_totp(code, session=session or challenge.session)
            return service.answer(Challenge(challenge.name, session, challenge.parameters), email)
        case other:
            raise CliError(
                f"The sign-in service asks for {other or 'something'}, which is not known here.",
                "Sign in once with the platform's portal.",
            )


def show_totp_secret(out: Output, email: str, secret: str) -> None:
    """Tell what an authenticator app needs to know."""
    out.say("Add this account to your authenticator app:")
    out.say(f"  account  {email}")
    out.say(f"  secret   {secret}")
    out.say(f"  link     otpauth://totp/autoprovision:{email}?secret={secret}&issuer=autoprovision")


def usual_platform(session: Session) -> Platform:
    """The data folder's platform, or that of the profile.

    Raises:
        MisuseError: There is none.
    """
    known = session.profiles.known_platform()
    profile = session.profiles.load(session.chosen_profile)
    # A profile that was signed in with --api-url stays with its platform.
    if profile is not None:
        return profile.platform
    if known is not None:
        return known.platform
    raise MisuseError(
        f"No platform is known in {session.data}.",
        "Start one with `autoprovision up`, or name one with --api-url URL.",
    )


def platform_at(
    session: Session,
    api_url: str,
    region: str | None,
    client_id: str | None,
    cognito_endpoint: str | None,
) -> Platform:
    """The platform at an address; what is not given is asked of the API.

    Raises:
        MisuseError: The API does not tell, and the options do not either.
    """
    told: dict[str, str] = {}
    if client_id is None:
        health = session.anonymous_api(api_url).health()
        told = health.get("signIn") or {}
    client_id = client_id or told.get("clientId")
    region = region or told.get("region")
    endpoint = cognito_endpoint or told.get("endpoint") or ""
    if not client_id or not (region or endpoint):
        raise MisuseError(
            f"{api_url} does not tell where its users sign in.",
            "Give --client-id and --region, as the platform's admin got them from `deploy`.",
        )
    return Platform(api_url.rstrip("/"), region or "", client_id, endpoint)
