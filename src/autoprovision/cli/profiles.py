"""Who is signed in where: one file a profile, readable by its owner only.

No keyring: it needs a desktop session that servers, containers and CI do not have, so tokens lie
in a file of mode 0600 below the data folder.
"""

import contextlib
import json
import os
import re
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autoprovision.cli.errors import CliError, MisuseError

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$", re.ASCII)
DEFAULT = "default"
ADMIN = "admin"


@dataclass(frozen=True)
class Platform:
    """Where one platform is reached.

    Attributes:
        api_url: Base address of the HTTP API.
        region: The AWS region it runs in.
        cognito_endpoint: Where its users sign in; AWS's own address when empty.
        client_id: The app client of its user pool.
    """

    api_url: str
    region: str
    client_id: str
    cognito_endpoint: str = ""

    @property
    def sign_in_url(self) -> str:
        """The address of the sign-in service."""
        return self.cognito_endpoint or f"https://cognito-idp.{self.region}.amazonaws.com/"


@dataclass(frozen=True)
class Tokens:
    """What signing in gave; `expires_at` is the access token's end in seconds since the epoch."""

    access: str
    refresh: str
    expires_at: float

    def __repr__(self) -> str:
        """Everything but the secrets."""
        return f"Tokens(expires_at={self.expires_at})"


@dataclass(frozen=True)
class Profile:
    """One person at one platform."""

    name: str
    platform: Platform
    email: str = ""
    tokens: Tokens | None = None

    def signed_in(self, email: str, tokens: Tokens) -> "Profile":
        """The profile with somebody's tokens."""
        return replace(self, email=email, tokens=tokens)

    def signed_out(self) -> "Profile":
        """The profile without tokens."""
        return replace(self, tokens=None)


@dataclass(frozen=True)
class KnownPlatform:
    """The platform that belongs to a data folder: the one `up` or `deploy` made.

    Attributes:
        embedded: Whether it runs on the embedded AWS of this folder.
        admin_email: Its first admin.
        admin_password: The admin's password; only known of an embedded one.
    """

    platform: Platform
    embedded: bool
    admin_email: str = ""
    admin_password: str = ""

    def __repr__(self) -> str:
        """Everything but the secret."""
        return f"KnownPlatform({self.platform!r}, embedded={self.embedded})"


class ProfileStore:
    """The profiles of one data folder.

    Args:
        data: The data folder; the profiles lie in its subfolder `profiles`.
    """

    def __init__(self, data: Path) -> None:
        self.folder = data / "profiles"
        self._known = data / "platform.json"

    def chosen_name(self, name: str | None) -> str:
        """The profile to act as: the one named, else `default` if it exists, else `admin`."""
        if name:
            return _checked(name)
        made_by_up = self._path(ADMIN).exists() and not self._path(DEFAULT).exists()
        return ADMIN if made_by_up else DEFAULT

    def load(self, name: str) -> Profile | None:
        """A profile, or None if there is none of this name.

        Raises:
            CliError: Its file cannot be read.
        """
        path = self._path(name)
        try:
            return _from_document(name, json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise CliError(
                f"The profile file {path} cannot be read: {problem}.",
                "Remove it, and sign in with `autoprovision login EMAIL`.",
            ) from problem

    def save(self, profile: Profile) -> None:
        """Write a profile whole or not at all.

        Raises:
            CliError: The data folder cannot be written.
        """
        _write_private(self._path(profile.name), _document(profile))

    def known_platform(self) -> KnownPlatform | None:
        """The data folder's platform, or None.

        Raises:
            CliError: Its file cannot be read.
        """
        try:
            content = json.loads(self._known.read_text(encoding="utf-8"))
            return KnownPlatform(
                platform=_platform_from(content),
                embedded=bool(content.get("embedded")),
                admin_email=content.get("adminEmail") or "",
                admin_password=content.get("adminPassword") or "",
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise CliError(
                f"{self._known} cannot be read: {problem}.",
                "Remove it; `autoprovision up` writes it again.",
            ) from problem

    def remember_platform(self, known: KnownPlatform) -> None:
        """Write down the data folder's platform."""
        content = {
            **_platform_document(known.platform),
            "embedded": known.embedded,
            "adminEmail": known.admin_email,
            "adminPassword": known.admin_password,
        }
        _write_private(self._known, content)

    def names(self) -> list[str]:
        """The names of all profiles, sorted."""
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def remove(self, name: str) -> None:
        """Forget a profile, if there is one."""
        self._path(name).unlink(missing_ok=True)

    def forget_platform(self) -> None:
        """Forget the data folder's platform, with the profiles of people who signed in to it."""
        known = self.known_platform()
        if known is None:
            return
        for name in self.names():
            profile = self.load(name)
            if profile is not None and profile.platform.api_url == known.platform.api_url:
                self.remove(name)
        self._known.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.folder / f"{_checked(name)}.json"


def _write_private(path: Path, document: dict[str, Any]) -> None:
    """Write JSON into a file that only its owner reads, whole or not at all.

    Raises:
        CliError: The folder cannot be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
        draft.replace(path)
    except OSError as problem:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise CliError(
            f"{path} cannot be written: {problem.strerror or problem}.",
            "Choose a folder you may write to with --data or AUTOPROVISION_DATA.",
        ) from problem


def _checked(name: str) -> str:
    if not _NAME.match(name):
        raise MisuseError(
            f"{name!r} is not a profile's name.",
            "Use 1 to 64 letters, digits, dots, hyphens or underscores after --profile.",
        )
    return name


def _document(profile: Profile) -> dict[str, Any]:
    tokens = profile.tokens
    return {
        **_platform_document(profile.platform),
        "email": profile.email,
        "tokens": tokens
        and {"access": tokens.access, "refresh": tokens.refresh, "expiresAt": tokens.expires_at},
    }


def _from_document(name: str, content: dict[str, Any]) -> Profile:
    tokens = content.get("tokens")
    return Profile(
        name=name,
        platform=_platform_from(content),
        email=content.get("email") or "",
        tokens=tokens
        and Tokens(tokens["access"], tokens.get("refresh") or "", float(tokens["expiresAt"])),
    )


def _platform_document(platform: Platform) -> dict[str, Any]:
    """The platform's members as they stand in files."""
    return {
        "apiUrl": platform.api_url,
        "region": platform.region,
        "clientId": platform.client_id,
        "cognitoEndpoint": platform.cognito_endpoint,
    }


def _platform_from(content: dict[str, Any]) -> Platform:
    """A platform from the members that `_platform_document` writes."""
    return Platform(
        api_url=content["apiUrl"],
        region=content["region"],
        client_id=content["clientId"],
        cognito_endpoint=content.get("cognitoEndpoint") or "",
    )
