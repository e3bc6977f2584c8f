"""Trees as ZIP files: the same bytes each time, and nothing hostile comes out."""

import io
import stat
import zipfile

import pytest

from autoprovision.domain.archive import OutputLimits, pack, unpacked
from autoprovision.domain.git_source import SourceError, SourceFile, SourceTree

SMALL = OutputLimits(total_bytes=1000, files=3)


def tree(**files: bytes) -> SourceTree:
    made = {
        name.replace("__", "/"): SourceFile(
            name.replace("__", "/"), len(text), name.endswith("sh"), "0", lambda text=text: text
        )
        for name, text in files.items()
    }
    return SourceTree("c0ffee", made)


def packed(given: SourceTree, root: str = "") -> io.BytesIO:
    target = io.BytesIO()
    pack(given, root, target)
    target.seek(0)
    return target


def archive(*entries: tuple[str, bytes, int]) -> io.BytesIO:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text, mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            made.writestr(entry, text)
    content.seek(0)
    return content


def test_what_is_packed_comes_out_again():
    given = tree(index_html=b"hi", app__run_sh=b"#!", app__x=b"")
    out = unpacked(packed(given), "c0ffee", OutputLimits())
    assert {one.path: (one.read(), one.executable) for one in out} == {
        "app/run_sh": (b"#!", True), "app/x": (b"", False), "index_html": (b"hi", False),
    }  # fmt: skip
    assert out.commit.startswith("c0ffee-")


def test_the_same_tree_is_the_same_bytes_in_any_order():
    assert packed(tree(a=b"1", b=b"2")).getvalue() == packed(tree(b=b"2", a=b"1")).getvalue()


def test_a_folder_is_packed_as_the_top():
    out = unpacked(packed(tree(web__index=b"1", webmaster=b"2"), "web"), "c", OutputLimits())
    assert list(out.files) == ["index"]


def test_other_content_of_the_same_commit_is_another_release():
    one, other = (unpacked(packed(tree(a=text)), "c", OutputLimits()) for text in (b"1", b"2"))
    assert one.commit != other.commit


@pytest.mark.parametrize(
    ("name", "mode", "why"),
    [
        ("../evil", 0o100644, "leads out"),
        ("/etc/passwd", 0o100644, "leads out"),
        ("a/../../b", 0o100644, "leads out"),
        ("C:evil", 0o100644, "leads out"),
        ("a\\b", 0o100644, "leads out"),
        ("a\nb", 0o100644, "control character"),
        ("x" * 901, 0o100644, "longer than"),
        ("link", stat.S_IFLNK | 0o777, "symbolic link"),
    ],
)
def test_a_name_that_is_not_below_is_refused(name: str, mode: int, why: str):
    with pytest.raises(SourceError, match=why) as raised:
        unpacked(archive((name, b"x", mode)), "c", OutputLimits())
    assert raised.value.reason == "SOURCE_UNSAFE_PATH"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (archive(("bomb", b"0" * 1001, 0)), "BUILD_OUTPUT_TOO_LARGE"),
        (archive(*((str(n), b"", 0) for n in range(4))), "BUILD_OUTPUT_TOO_LARGE"),
        (io.BytesIO(b"no archive"), "BUILD_OUTPUT_BROKEN"),
    ],
)
def test_what_is_too_large_or_no_archive_is_refused(content: io.BytesIO, reason: str):
    with pytest.raises(SourceError) as raised:
        unpacked(content, "c", SMALL)
    assert raised.value.reason == reason


def test_a_damaged_file_is_not_read():
    content = bytearray(packed(tree(a=b"x" * 50)).getvalue())
    content[35] ^= 0xFF
    (file,) = unpacked(io.BytesIO(bytes(content)), "c", OutputLimits())
    with pytest.raises(SourceError, match="damaged"):
        file.read()
