"""What the API tells without a token."""

import httpx


def test_health_tells_where_to_sign_in(world):
    answer = httpx.get(world.installed.api_url + "/health").json()
    assert answer["status"] == "ok"
    assert answer["signIn"]["clientId"] == world.installed.user_pool_client_id


def test_the_document_describes_what_is_there(world):
    document = httpx.get(world.installed.api_url + "/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert "/requests" in document["paths"]


def test_nothing_else_without_a_token(world):
    for path in ("/requests", "/me", "/applications", "/business-units", "/users", "/policy"):
        assert httpx.get(world.installed.api_url + path).status_code == 401
    assert httpx.get(world.installed.api_url + "/nothing").status_code == 404
