"""The images of applications with documents: how they find DocumentDB, and whom they trust."""

from pathlib import Path

import pytest
from tests.catalog.stacks import Workbench
from tests.catalog.test_image_recipes import LEAST, NODE, STACKS, Builder, shell

AUTHORITY = "-----BEGIN CERTIFICATE-----\nof AWS\n-----END CERTIFICATE-----\n"
DOCUMENTS = {"OUTPUT_DatabaseEngine": "mongodb", "CURL_GIVES": AUTHORITY}
ACCESS = {"DATABASE_ENGINE": "mongodb", "DATABASE_HOST": "db.internal", "DATABASE_PORT": "27017", "DATABASE_NAME": "application", "DATABASE_USER": "application", "DATABASE_PASSWORD": "pw"}  # fmt: skip


@pytest.fixture(scope="module")
def builder(workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return Builder(workbench, tmp_path_factory.mktemp("programs"))


@pytest.mark.parametrize("stack", ["MEAN", "Node.js", "Socket.IO", "Flask", "FastAPI"])
def test_an_image_finds_its_documents_and_trusts_awss_authority(
    builder: Builder, tmp_path: Path, stack: str
):
    built = builder.build(stack, LEAST[stack], **DOCUMENTS)
    assert built.status == "SUCCEEDED", built.said
    assert any(
        one.startswith("curl ") and one.endswith(" --output aws-authority.pem https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem")
        for one in built.told
    )  # fmt: skip
    # In the image that runs, whatever the project leaves out of its images.
    copied = built.lines.index("COPY aws-authority.pem /etc/ssl/aws-authority.pem")
    assert copied > max(n for n, one in enumerate(built.lines) if one.startswith("FROM "))
    assert built.files[".dockerignore"].splitlines()[-1] == "!aws-authority.pem"
    for name in ("npm", "python"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\nenv\n")
        program.chmod(0o755)
    found = shell(built.command, tmp_path, PORT="8080", **ACCESS)["MONGODB_URI"]
    assert found == (
        "mongodb://application:pw@db.internal:27017/application?authSource=admin&authMechanism=SCRAM-SHA-1&tls=true"
        "&tlsCAFile=/etc/ssl/aws-authority.pem&replicaSet=rs0&retryWrites=false"
    )


@pytest.mark.parametrize("stack", STACKS)
def test_without_documents_nothing_is_fetched(builder: Builder, stack: str):
    built = builder.build(stack, LEAST[stack], OUTPUT_DatabaseEngine="postgres")
    assert not [one for one in built.told if one.startswith("curl ")]
    assert "aws-authority.pem /" not in built.files["Dockerfile"]
    assert "MONGODB_URI" not in built.files["Dockerfile"]


def test_what_is_no_certificate_ends_the_build(builder: Builder):
    built = builder.build("MEAN", NODE, OUTPUT_DatabaseEngine="mongodb", CURL_GIVES="<html>")
    assert built.status == "FAILED"
    assert "AWS's certificates for its databases could not be fetched." in built.said
    assert not [one for one in built.told if one.startswith("docker build")]


def test_a_dockerfile_of_ones_own_finds_the_authority_beside_it(builder: Builder):
    files = {**NODE, "Dockerfile": "FROM scratch\nCOPY aws-authority.pem /\n"}
    built = builder.build("MEAN", files, **DOCUMENTS)
    assert built.files["Dockerfile"] == files["Dockerfile"]
    assert any(one.startswith("curl ") for one in built.told)
