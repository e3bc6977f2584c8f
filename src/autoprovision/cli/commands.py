"""How commands are declared: nouns with verbs that all know --profile, --data and --json.

A verb is a function whose first parameter is the `Session`. The global options are added to
each verb's own, so that they may stand before the noun or at the end of the line. A parameter that
is a dataclass of options stands for these options.
"""

import functools
import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from autoprovision.cli.errors import INTERRUPTED, CliError
from autoprovision.cli.render import Output
from autoprovision.cli.session import DATA_VARIABLE, Session, default_data_folder

_PANEL = "Everywhere"

ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="Act as the person of this profile.",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help=f"Where the embedded AWS and the profiles live; also {DATA_VARIABLE}.",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document on stdout.", rich_help_panel=_PANEL),
]


@dataclass(frozen=True)
class GlobalOptions:
    """The global options as they stood before the noun."""

    profile: str | None = None
    data: Path | None = None
    as_json: bool = False

    def session(self, profile: str | None, data: Path | None, *, as_json: bool) -> Session:
        """The session of a command; what stands behind the verb wins."""
        folder = data or self.data or _from_environment() or default_data_folder()
        return Session(
            data=folder.expanduser().absolute(),
            profile_name=profile or self.profile,
            as_json=as_json or self.as_json,
        )


class Noun(typer.Typer):
    """A noun of the command line; its verbs are declared with `verb`.

    Args:
        name: The noun, None for verbs without one.
        help_text: What it is about, as a sentence.
    """

    def __init__(self, name: str | None = None, help_text: str | None = None) -> None:
        super().__init__(
            name=name,
            help=help_text,
            no_args_is_help=True,
            pretty_exceptions_enable=False,
            context_settings={"help_option_names": ["-h", "--help"]},
        )

    def verb(self, name: str, example: str) -> Callable[[Callable[..., None]], None]:
        """Declare a verb.

        Args:
            name: The verb.
            example: A whole command line, shown at the end of its help.
        """

        def declare(function: Callable[..., None]) -> None:
            epilog = f"Example: {example}"
            self.command(name, epilog=epilog)(_with_global_options(function))

        return declare


def _with_global_options(function: Callable[..., None]) -> Callable[..., None]:
    own = inspect.signature(function, eval_str=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    declared = [p.replace(kind=keyword) for name, p in own.parameters.items() if name != "session"]
    bundles: dict[str, Any] = {p.name: p.annotation for p in declared if is_dataclass(p.annotation)}

    @functools.wraps(function)
    def run(
        context: typer.Context,
        profile: str | None = None,
        data: Path | None = None,
        as_json: bool = False,
        **values: Any,
    ) -> None:
        before = context.find_object(GlobalOptions) or GlobalOptions()
        session = before.session(profile, data, as_json=as_json)
        for name, bundle in bundles.items():
            values[name] = bundle(**{one.name: values.pop(one.name) for one in fields(bundle)})
        _guarded(lambda: function(session, **values), session.out)

    parameters = [
        inspect.Parameter("context", keyword, annotation=typer.Context),
        *(option for one in declared for option in _options_of(one)),
        inspect.Parameter("profile", keyword, default=None, annotation=ProfileOption),
        inspect.Parameter("data", keyword, default=None, annotation=DataOption),
        inspect.Parameter("as_json", keyword, default=False, annotation=JsonOption),
    ]
    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


def _options_of(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    """The options that a parameter stands for: itself, or the fields of its dataclass."""
    bundle = parameter.annotation
    if not is_dataclass(bundle):
        return [parameter]
    hints = get_type_hints(bundle, include_extras=True)
    return [
        parameter.replace(name=one.name, default=one.default, annotation=hints[one.name])
        for one in fields(bundle)
    ]


def _guarded(action: Callable[[], None], out: Output) -> None:
    """Run a command; whatever goes wrong becomes sentences and an exit code."""
    try:
        action()
    except CliError as problem:
        out.fail(problem)
        raise typer.Exit(problem.exit_code) from problem
    except KeyboardInterrupt as stop:
        out.say("Stopped.")
        raise typer.Exit(INTERRUPTED) from stop
    except (typer.Exit, typer.Abort, BrokenPipeError, EOFError):
        raise
    except Exception as problem:
        message, hint = getattr(problem, "message", None), getattr(problem, "hint", None)
        if isinstance(message, str) and isinstance(hint, str):
            # Errors of the embedded AWS and of the deployer carry sentences of their own.
            out.fail(CliError(message, hint))
            raise typer.Exit(1) from problem
        if os.environ.get("AUTOPROVISION_DEBUG"):
            raise
        out.fail(
            CliError(
                f"Something unexpected happened: {type(problem).__name__}: {problem}",
                "Run it again with AUTOPROVISION_DEBUG=1 to see where, and report it.",
            )
        )
        raise typer.Exit(1) from problem


def _from_environment() -> Path | None:
    value = os.environ.get(DATA_VARIABLE)
    return Path(value) if value else None
