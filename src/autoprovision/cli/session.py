"""What every command needs to know: the data folder, who acts, and how to answer."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import platformdirs

from autoprovision.cli.client import ApiClient
from autoprovision.cli.errors import CliError, SignInNeededError
from autoprovision.cli.profiles import Platform, Profile, ProfileStore
from autoprovision.cli.render import Output

DATA_VARIABLE = "AUTOPROVISION_DATA"
PROFILE_VARIABLE = "AUTOPROVISION_PROFILE"


def default_data_folder() -> Path:
    """Where the embedded AWS, its log and the profiles live unless told otherwise."""
    return Path(platformdirs.user_data_path("autoprovision", appauthor=False))


@dataclass
class Session:
    """One run of one command.

    Args:
        data: The data folder.
        profile_name: The profile named by --profile, None for the usual one.
        as_json: Whether stdout gets exactly one JSON document.
    """

    data: Path
    profile_name: str | None
    as_json: bool

    @cached_property
    def out(self) -> Output:
        """Where answers go."""
        return Output(as_json=self.as_json)

    @cached_property
    def profiles(self) -> ProfileStore:
        """The profiles of the data folder."""
        return ProfileStore(self.data)

    @property
    def named_profile(self) -> str | None:
        """The profile that was named by --profile or the environment."""
        return self.profile_name or os.environ.get(PROFILE_VARIABLE) or None

    @property
    def chosen_profile(self) -> str:
        """The name of the profile this command acts as."""
        return self.profiles.chosen_name(self.named_profile)

    def profile(self) -> Profile:
        """The profile this command acts as.

        Raises:
            SignInNeededError: There is no such profile.
        """
        profile = self.profiles.load(self.chosen_profile)
        if profile is None:
            known = ", ".join(self.profiles.names())
            there = f" There are: {known}." if known else ""
            raise SignInNeededError(
                f"There is no profile {self.chosen_profile} in {self.data}.{there}",
                "Start a platform with `autoprovision up`, or sign in to one with"
                " `autoprovision login EMAIL --api-url URL`.",
            )
        return profile

    @cached_property
    def api(self) -> ApiClient:
        """The API, as the person of the profile."""
        return ApiClient(self.profile(), self.profiles)

    def anonymous_api(self, api_url: str) -> ApiClient:
        """An API for the operations that need no token."""
        nobody = Profile("nobody", Platform(api_url, "", ""))
        return ApiClient(nobody, self.profiles)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask before something that cannot be taken back.

        Without a terminal nobody could answer: there the command itself is the decision.

        Args:
            question: A yes-or-no question.
            yes: Whether --yes was given.

        Raises:
            CliError: The answer was no.
        """
        if not yes and self.out.can_ask and not self.out.ask_yes(question):
            raise CliError("Nothing was done: you said no.")

    def agrees(self, question: str, *, yes: bool) -> bool:
        """Ask for something that needs an answer even where nobody can be asked.

        Args:
            question: A yes-or-no question.
            yes: Whether --yes was given.

        Raises:
            CliError: Nobody can answer here.
        """
        if yes:
            return True
        if not self.out.can_ask:
            raise CliError(f"Nobody can answer here: {question}", "Add --yes to say so in advance.")
        return self.out.ask_yes(question)
