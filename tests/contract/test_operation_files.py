"""The port OperationFiles, in dictionaries and on the embedded AWS, whatever machines bring."""

from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError
from tests.contract.conftest import Store

from autoprovision.aws import operations_bucket
from autoprovision.aws.operations_bucket import OperationsBucket
from autoprovision.domain.errors import UnavailableError
from autoprovision.memory.operations import MemoryOperationFiles
from autoprovision.ports import OperationFiles

REGION = "ap-southeast-1"
BROUGHT = "app_1/req_1/diagnostics"


class Files:
    """The port, and the machine that brings something."""

    def __init__(self, store: Store) -> None:
        self.memory = MemoryOperationFiles(store.outside)
        self.port: OperationFiles = self.memory
        self.s3 = None if store.is_memory else store.client("s3")
        self.name = f"{store.prefix}-operations"
        if self.s3 is not None:
            where = {"LocationConstraint": REGION}
            self.s3.create_bucket(Bucket=self.name, CreateBucketConfiguration=where)
            self.port = OperationsBucket(self.s3, bucket=self.name, region=REGION)

    def brings(self, folder: str, text: str, machine: str = "i-1") -> None:
        if self.s3 is None:
            self.memory.brought[folder, machine] = text
            return
        for name, said in (("stdout", text), ("stderr", "aside")):
            plugin = "awsrunShellScript/0.awsrunShellScript"
            self.puts(f"{folder}/diagnostics/c/{machine}/{plugin}/{name}", said.encode())

    def puts(self, key: str, body: bytes = b"x") -> None:
        assert self.s3 is not None
        self.s3.put_object(Bucket=self.name, Key=key, Body=body)

    def left(self) -> list[str]:
        """What lies there of what machines brought."""
        if self.s3 is None:
            return [machine for _, machine in self.memory.brought]
        listed = self.s3.list_objects_v2(Bucket=self.name).get("Contents", [])
        return [one["Key"] for one in listed if not one["Key"].startswith("kept/")]

    def read(self, folder: str) -> str:
        (found,) = self.port.diagnostics(folder)
        return self.memory.kept[folder, "i-1"] if self.s3 is None else httpx.get(found.url).text


@pytest.fixture
def files(store: Store) -> Files:
    return Files(store)


def test_a_script_is_put_and_discarded_as_often_as_one_likes(files: Files):
    port = files.port
    url = port.put_script("app_1/req_1", "command.sh", "echo 1\n")
    assert port.put_script("app_1/req_1", "command.sh", "echo 1\n") == url
    assert url.endswith("/app_1/req_1/command.sh")
    assert port.bucket() in url
    port.discard_script("app_1/req_1", "command.sh")
    port.discard_script("app_1/req_1", "command.sh")


def test_diagnostics_are_kept_as_they_are_cleaned_and_handed_out_for_a_while(files: Files):
    files.brings("app_1/req_1", "hello")
    assert files.port.diagnostics("app_1/req_1") == []
    files.port.keep_diagnostics("app_1/req_1", ["i-1"], str.upper)
    assert files.left() == []
    (found,) = files.port.diagnostics("app_1/req_1")
    assert (found.instance_id, found.size, found.expires_in) == ("i-1", 5, 300)
    assert files.read("app_1/req_1") == "HELLO"
    assert files.port.diagnostics("app_1/req_2") == []


def test_keeping_diagnostics_again_keeps_what_has_come_since(files: Files):
    files.brings("app_1/req_1", "hello")
    files.port.keep_diagnostics("app_1/req_1", ["i-1"], str.upper)
    files.port.keep_diagnostics("app_1/req_1", ["i-1"], str.lower)
    assert files.read("app_1/req_1") == "HELLO"
    files.brings("app_1/req_1", "more")
    files.port.keep_diagnostics("app_1/req_1", ["i-1"], str.upper)
    assert files.read("app_1/req_1") == "MORE"
    files.port.keep_diagnostics("app_1/req_none", ["i-1"], str.upper)


def test_only_what_the_requests_own_machines_brought_is_kept(files: Files):
    files.brings("app_1/req_1", "mine")
    files.brings("app_1/req_1", "another's", machine="i-2")
    files.port.keep_diagnostics("app_1/req_1", ["i-1", "i-3"], str)
    assert files.read("app_1/req_1") == "mine"
    assert files.left() == []


def test_what_a_machine_strews_about_hides_nothing(on_aws: Store, monkeypatch):
    """More than a page of it, deep, long, and in other places than Run Command writes."""
    monkeypatch.setattr(operations_bucket, "_MOST_FILES", 3)
    files = Files(on_aws)
    for number in range(5):
        files.puts(f"{BROUGHT}/a/i-1/{number}")
    strewn = ["c/i-1/stdout", "c/i-1/p/q/0/stdout", "stdout", "c/i-1/p/0/stderr"]
    longest = f"{BROUGHT}/c/i-1/p/"
    strewn.append(f"c/i-1/p/{'x' * (1024 - len(longest))}")
    for place in strewn:
        files.puts(f"{BROUGHT}/{place}")
    files.brings("app_1/req_1", "hello")
    files.port.keep_diagnostics("app_1/req_1", ["i-1"], str)
    assert files.read("app_1/req_1") == "hello"
    assert files.left() == []


def test_the_longest_name_that_a_machine_can_give_is_kept(on_aws: Store):
    files = Files(on_aws)
    head, tail = f"{BROUGHT}/c/i-1/p/", "/stdout"
    files.puts(f"{head}{'x' * (1024 - len(head) - len(tail))}{tail}", b"hello")
    files.port.keep_diagnostics("app_1/req_1", ["i-1"], str)
    assert files.read("app_1/req_1") == "hello"


def test_pages_and_files_without_end_are_left_or_not_kept(on_aws: Store, monkeypatch):
    monkeypatch.setattr(operations_bucket, "_MOST_FILES", 4)
    monkeypatch.setattr(operations_bucket, "_MOST_PAGES", 2)
    monkeypatch.setattr(operations_bucket, "_MOST_KEPT", 3)
    files = Files(on_aws)
    for number in range(10):
        files.puts(f"{BROUGHT}/c/i-1/p/{number}/stdout")
    files.port.keep_diagnostics("app_1/req_1", ["i-1"], str)
    assert len(files.port.diagnostics("app_1/req_1")) == 3
    assert files.left() == [f"{BROUGHT}/c/i-1/p/{number}/stdout" for number in (8, 9)]


def test_small_files_are_whole_and_large_ones_share_what_is_left(on_aws: Store, monkeypatch):
    monkeypatch.setattr(operations_bucket, "_MOST_BYTES", 16)
    monkeypatch.setattr(operations_bucket, "_MOST_IN_ALL", 30)
    files = Files(on_aws)
    for number, size in enumerate([100, 4, 13, 100]):
        files.puts(f"{BROUGHT}/c/i-{number}/p/0/stdout", b"x" * size)
    files.port.keep_diagnostics("app_1/req_1", [f"i-{number}" for number in range(4)], str)
    sizes = [one.size for one in files.port.diagnostics("app_1/req_1")]
    assert sizes == [9, 4, 8, 9]


class _Refusing:
    """S3 that does all but one thing."""

    def __init__(self, s3: Any, name: str, answer: Any) -> None:
        self._s3, self._name, self._answer = s3, name, answer

    def __getattr__(self, name: str) -> Any:
        return self._answer if name == self._name else getattr(self._s3, name)


def _denied(**_: Any) -> Any:
    raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")


def _not_deleted(**_: Any) -> Any:
    return {"Errors": [{"Key": "k", "Code": "AccessDenied", "Message": "no"}]}


@pytest.mark.parametrize(
    ("name", "answer"), [("put_object", _denied), ("delete_objects", _not_deleted)]
)
def test_that_s3_refuses_is_told_in_a_sentence(on_aws: Store, name: str, answer: Any):
    files = Files(on_aws)
    files.brings("app_1/req_1", "hello")
    s3 = _Refusing(files.s3, name, answer)
    port = OperationsBucket(s3, bucket=files.name, region=REGION)
    with pytest.raises(UnavailableError, match="AccessDenied") as refused:
        port.keep_diagnostics("app_1/req_1", ["i-1"], str)
    assert refused.value.reason == "DIAGNOSTICS_NOT_KEPT"
    files.port.keep_diagnostics("app_1/req_1", ["i-1"], str)
    assert files.read("app_1/req_1") == "hello"


def test_what_is_no_text_or_without_end_is_kept_all_the_same(on_aws: Store, monkeypatch):
    monkeypatch.setattr(operations_bucket, "_MOST_BYTES", 8)
    files = Files(on_aws)
    files.puts(f"{BROUGHT}/c/i-1/p/0/stdout", b"ab\xff\xfe" + b"c" * 100)
    files.port.keep_diagnostics("app_1/req_1", ["i-1"], str)
    assert files.read("app_1/req_1") == "ab\ufffd\ufffdcccc"
