"""The clients of AWS services: made once, by one thread, and some without repeating themselves."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from autoprovision.aws import clients


@pytest.fixture(autouse=True)
def _region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-1")
    monkeypatch.setattr(clients, "_clients", {})
    clients._session.cache_clear()


def test_a_client_is_made_once_however_many_ask() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: clients.client("sqs"), range(8)))
    assert len({id(one) for one in made}) == 1


def test_a_client_that_must_not_repeat_tries_once() -> None:
    once, repeating = clients.client("sesv2", repeats=False), clients.client("sesv2")
    assert once.meta.config.retries["total_max_attempts"] == 1
    assert repeating.meta.config.retries["total_max_attempts"] > 1
