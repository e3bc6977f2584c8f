"""Executions, waits, builds, sites and sources without AWS."""

import threading
from collections.abc import Mapping
from typing import Any

from autoprovision.domain.errors import UnavailableError
from autoprovision.domain.git_source import GitSource, SourceCode, SourceError, SourceTree
from autoprovision.domain.request import RequestKind
from autoprovision.memory.outside import Outside

Started = tuple[RequestKind, str, int]


class MemoryWorkflows:
    """The port `Workflows`: notes what was started and answered; whoever simulates plays the rest.

    Attributes:
        states: executions and their status; set it to let one end.
        answers: task tokens and what they were answered with; an error as `(error, cause)`.
        given_out: task tokens that may be answered; None lets every token be, once.
    """

    def __init__(self, outside: Outside) -> None:
        self._lock = threading.RLock()
        self._outside = outside
        self.states: dict[Started, str] = {}
        self.answers: dict[str, Any] = {}
        self.given_out: set[str] | None = None

    def start(self, kind: RequestKind, request_id: str, *, execution: int = 0) -> None:
        """Start the workflow under the request's id; running or done already is fine."""
        with self._lock:
            self._outside.does("start", kind, request_id, execution)
            self.states.setdefault((kind, request_id, execution), "RUNNING")

    def state(self, kind: RequestKind, request_id: str, *, execution: int = 0) -> str | None:
        """Status of the execution, None if it never began."""
        return self.states.get((kind, request_id, execution))

    def answer(self, token: str, output: Mapping[str, Any]) -> bool:
        """Answer a task token."""
        return self._send("answer", token, dict(output))

    def fail(self, token: str, error: str, cause: str) -> bool:
        """Fail a task token."""
        return self._send("fail", token, (error, cause))

    def _send(self, deed: str, token: str, what: Any) -> bool:
        with self._lock:
            self._outside.does(deed, token)
            is_known = self.given_out is None or token in self.given_out
            if token in self.answers or not is_known:
                return False
            self.answers[token] = what
            return True


class MemoryWaits:
    """The port `Waits`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._waits: dict[str, tuple[str, str, str, str]] = {}

    def put(self, stack_id: str, token: str, *, request_id: str, purpose: str, at: str) -> None:
        """Remember who waits; a new token replaces the old one."""
        with self._lock:
            if stack_id not in self._waits or self._waits[stack_id][3] <= at:
                self._waits[stack_id] = (token, purpose, request_id, at)

    def get(self, stack_id: str) -> tuple[str, str] | None:
        """Token and purpose."""
        found = self._waits.get(stack_id)
        return None if found is None else found[:2]

    def remove(self, stack_id: str, token: str) -> None:
        """Forget a token that was answered, unless another took its place."""
        with self._lock:
            if self._waits.get(stack_id, ("",))[0] == token:
                del self._waits[stack_id]

    def of_request(self, request_id: str, stack_id: str) -> str | None:
        """The token by which a request waits."""
        found = self._waits.get(stack_id)
        return found[0] if found is not None and found[2] == request_id else None


class MemorySources:
    """The port `SourceRepository`; `trees` holds what stands at which URL."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.trees: dict[str, SourceTree] = {}

    def fetch(self, source: GitSource, secrets: Mapping[str, str]) -> SourceTree:
        """The newest tree."""
        self._outside.does("fetch", source.url, sorted(secrets))
        if source.url not in self.trees:
            raise SourceError(SourceCode.NOT_FOUND, "There is no such repository.")
        return self.trees[source.url]


class MemorySites:
    """The port `Sites`; `live` holds the files that each bucket serves, `paths` from where.

    `kept` holds the paths of the releases that are there.
    """

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.live: dict[str, list[str]] = {}
        self.paths: dict[str, str] = {}
        self.kept: dict[str, set[str]] = {}

    def publish(
        self, outputs: Mapping[str, str], tree: SourceTree, *, root: str, before: str = ""
    ) -> str:
        """Put the files live; gives the release's name back."""
        bucket = _bucket(outputs)
        self._outside.does("publish", bucket, tree.commit)
        live, path = self.paths.get(bucket), f"/releases/{tree.commit[:12]}"
        kept = before if before and before != path else live
        self.kept[bucket] = {path, *([kept] if kept else [])}
        self.paths[bucket] = path
        self.live[bucket] = sorted(path for path in tree.files if path.startswith(root))
        return tree.commit[:12]

    def live_path(self, outputs: Mapping[str, str]) -> str:
        """The origin path that is live."""
        return self.paths.get(_bucket(outputs), "/releases/first")

    def go_back(self, outputs: Mapping[str, str], live_path: str) -> None:
        """Serve the release at an origin path again."""
        bucket = _bucket(outputs)
        self._outside.does("goBack", live_path)
        if self.paths.get(bucket) != live_path and live_path not in self.kept.get(bucket, set()):
            raise UnavailableError(f"Nothing lies at {live_path}.", code="SITE_CHANGED_BY_HAND")
        self.paths[bucket] = live_path

    def unpublish(self, bucket: str) -> None:
        """Empty a bucket; gone already is fine."""
        self.paths.pop(bucket, None)
        self._outside.does("unpublish", bucket)
        self.live.pop(bucket, None)
        self.kept.pop(bucket, None)


def _bucket(outputs: Mapping[str, str]) -> str:
    return outputs.get("BucketName", outputs.get("Bucket", ""))


class MemoryProbe:
    """The port `UrlProbe`; `faults` holds what is wrong with which URL."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.faults: dict[str, str] = {}

    def check(self, url: str) -> str | None:
        """None when the URL answers, else what is wrong."""
        self._outside.does("probe", url)
        return self.faults.get(url)
