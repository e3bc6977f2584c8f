"""`autoprovision up`, `down`, `status`, `deploy`, `mailbox`: the platform itself."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console

from autoprovision.cli import embedded_home
from autoprovision.cli.commands import Noun
from autoprovision.cli.errors import CliError, MisuseError, RefusalError, UnreachableError
from autoprovision.cli.profiles import KnownPlatform, Platform
from autoprovision.cli.render import clean, show_fields
from autoprovision.cli.session import Session

app = Noun()

_PARAMETER_FORM = "--parameter NAME=VALUE"
ParameterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter", metavar="K=V", help="A parameter of the platform; may be repeated."
    ),
]


@app.verb("up", "autoprovision up --port 4566")
def up(
    session: Session,
    *,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", metavar="N", min=1, max=65535, help="The port on 127.0.0.1; else a free one."
        ),
    ] = None,
    parameter: ParameterOption = None,
) -> None:
    """Start a platform on an embedded AWS, for trying and testing; not a place to keep data."""
    known, endpoint_url = embedded_home.up(session, port, _parameters(parameter or []))
    document = _status(known.platform, endpoint_url=endpoint_url, running=True)
    session.out.emit(document, lambda _: print(known.platform.api_url))


@app.verb("down", "autoprovision down")
def down(session: Session) -> None:
    """Stop the embedded AWS; what it held is gone."""
    stopped = embedded_home.down(session)
    sentence = "The embedded AWS has stopped." if stopped else "The embedded AWS was not running."
    session.out.emit(_status(None, running=False), lambda _: session.out.say(sentence))


@app.verb("status", "autoprovision status --json")
def status(session: Session) -> None:
    """Show whether the platform runs, and where."""
    document = _current_status(session)

    def show(console: Console) -> None:
        show_fields(
            console,
            [
                ("running", document["running"]),
                ("API", document["apiUrl"]),
                ("embedded AWS", document["endpointUrl"]),
                ("region", document["region"]),
                ("data", session.data),
                ("profiles", session.profiles.names()),
            ],
        )
        if not document["running"]:
            session.out.say("Next: `autoprovision up` starts a platform.")

    session.out.emit(document, show)


@app.verb("mailbox", "autoprovision mailbox --to ada@example.edu")
def mailbox(
    session: Session,
    *,
    to: Annotated[
        str | None, typer.Option("--to", metavar="EMAIL", help="Only what this address received.")
    ] = None,
) -> None:
    """Show the mails of the embedded AWS: none of them left this machine."""
    mails = embedded_home.mails(session, to)

    def show(console: Console) -> None:
        for mail in mails:
            heads = [(name, mail[name]) for name in ("sentAt", "sender", "to", "subject")]
            show_fields(console, heads)
            console.print(clean(f"\n{str(mail['text']).rstrip()}\n"), soft_wrap=True)
        if not mails:
            session.out.say("There are none.")

    session.out.emit({"items": mails, "next": None}, show)


@app.verb("deploy", "autoprovision deploy --region ap-southeast-1 --admin-email ada@example.edu")
def deploy(
    session: Session,
    *,
    region: Annotated[
        str | None,
        typer.Option(
            "--region", metavar="REGION", help="AWS region; else that of the environment."
        ),
    ] = None,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="The platform's name in the account.")
    ] = "autoprovision",
    parameter: ParameterOption = None,
    network: Annotated[
        str,
        typer.Option(
            "--network",
            metavar="ENVS",
            help="Environments that shall have a network, such as dev,prod; a load balancer and"
            " gateways cost money, so none is made unasked.",
        ),
    ] = "",
    admin_email: Annotated[
        str | None,
        typer.Option("--admin-email", metavar="EMAIL", help="Who gets the first invitation."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put the platform into the AWS account of your environment, after showing what changes."""
    from autoprovision.deployer.deploy import DeployOptions
    from autoprovision.deployer.deploy import deploy as run

    aws = aws_session(region)
    options = DeployOptions(
        region=aws.region_name,
        platform_name=name,
        parameters=_parameters(parameter or []),
        networks=tuple(one.strip() for one in network.split(",") if one.strip()),
        admin_email=admin_email,
    )

    def confirm(stack: str, changes: Sequence[object]) -> bool:
        session.out.say(f"The stack {stack} would change:")
        for change in changes:
            session.out.say(f"  {change}")
        return session.agrees(f"Carry this out for {stack}?", yes=yes)

    with aws_faults_told():
        made = run(aws.client, options, say=session.out.say, confirm=confirm)
    platform = Platform(made.api_url, made.region, made.user_pool_client_id)
    _remember(session, KnownPlatform(platform, embedded=False, admin_email=admin_email or ""))
    document = {
        "apiUrl": made.api_url,
        "userPoolId": made.user_pool_id,
        "userPoolClientId": made.user_pool_client_id,
        "region": made.region,
    }
    session.out.emit(document, lambda _: print(made.api_url))
    session.out.say(
        f"Next: `autoprovision login {admin_email or 'EMAIL'} --api-url {made.api_url}"
        f" --region {made.region} --client-id {made.user_pool_client_id}`."
    )


def aws_session(region: str | None) -> Any:
    """The environment's AWS account, as every AWS tool finds it."""
    import boto3

    aws = boto3.Session(region_name=region)
    if aws.region_name is None:
        raise MisuseError("No AWS region is named.", "Give --region REGION, or set AWS_REGION.")
    return aws


@contextmanager
def aws_faults_told() -> Iterator[None]:
    """Turn AWS's faults into sentences."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as problem:
        raise CliError(
            f"AWS refused or did not answer: {problem}",
            "Check the credentials of your environment (`aws sts get-caller-identity`) and run"
            " the same command again: it goes on where it ended.",
        ) from problem


def _current_status(session: Session) -> dict[str, Any]:
    known = session.profiles.known_platform()
    endpoint_url, region = embedded_home.endpoint(session)
    if endpoint_url is not None:
        ours = known.platform if known is not None and known.embedded else None
        return {**_status(ours, endpoint_url=endpoint_url, running=True), "region": region}
    profile = session.profiles.load(session.chosen_profile)
    platform = profile.platform if profile else known.platform if known else None
    if platform is None or (known is not None and known.embedded and platform == known.platform):
        return _status(None, running=False)
    return _status(platform, running=_is_well(session, platform))


def _is_well(session: Session, platform: Platform) -> bool:
    try:
        session.anonymous_api(platform.api_url).health()
    except (UnreachableError, RefusalError) as problem:
        session.out.say(problem.message, "yellow")
        return False
    return True


def _status(
    platform: Platform | None, *, endpoint_url: str | None = None, running: bool
) -> dict[str, Any]:
    return {
        "running": running,
        "apiUrl": platform.api_url if platform else None,
        "endpointUrl": endpoint_url,
        "region": platform.region if platform else None,
    }


def _remember(session: Session, known: KnownPlatform) -> None:
    """Make it the data folder's platform, unless an embedded one lives there."""
    there = session.profiles.known_platform()
    if there is None or not there.embedded:
        session.profiles.remember_platform(known)


def _parameters(given: list[str]) -> dict[str, str]:
    parameters = {}
    for entry in given:
        name, sign, value = entry.partition("=")
        if not sign or not name:
            raise MisuseError(
                f"{entry!r} is not of the form NAME=VALUE.", f"Write {_PARAMETER_FORM}."
            )
        parameters[name] = value
    return parameters
