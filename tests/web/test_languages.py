"""Chinese first; English when the reader asks for it."""

import pytest
from flask.testing import FlaskClient

from exchange.web.languages import COOKIE


@pytest.mark.parametrize(
    ("query", "cookie", "header", "lang"),
    [
        ("", "", "", "zh"),
        ("", "", "en", "en"),
        ("", "", "en-GB,en;q=0.9,zh;q=0.1", "en"),
        ("", "", "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("", "", "fr", "zh"),
        ("", "en", "zh", "en"),
        ("?lang=zh", "en", "en", "zh"),
        ("?lang=en", "zh", "zh", "en"),
        ("?lang=xx", "", "en", "en"),
        ("?lang=", "xx", "", "zh"),
    ],
)
def test_the_reader_chooses(client: FlaskClient, query: str, cookie: str, header: str, lang: str) -> None:
    if cookie:
        client.set_cookie(COOKIE, cookie)
    headers = {"Accept-Language": header} if header else {}
    page = client.get(f"/{query}", headers=headers).text
    assert f'<html lang="{"zh-CN" if lang == "zh" else "en"}">' in page
    assert ("跳到正文" in page) == (lang == "zh")
    problem = client.get(f"/api/v1/nowhere{query}", headers=headers)
    assert problem.json["detail"] == {"zh": "此处没有内容。", "en": "There is nothing here."}[lang]


def test_fields_are_explained_in_the_readers_language(client: FlaskClient) -> None:
    answer = client.post("/api/v1/sessions", json={"password": ""}, headers={"Accept-Language": "zh"})
    assert answer.json["fields"]["json"] == {"email": ["此项必填。"], "password": ["长度应在 1 至 128 之间。"]}
    assert answer.json["title"] == "输入有误"


def test_a_choice_on_a_page_is_kept_and_nothing_else_is(client: FlaskClient) -> None:
    chosen = client.get("/rules?lang=en", base_url="https://exchange.example").headers["Set-Cookie"]
    assert chosen.startswith(f"{COOKIE}=en; ")
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(chosen.split("; "))
    for path in ("/rules", "/rules?lang=xx", "/api/v1/products?lang=en"):
        assert "Set-Cookie" not in client.get(path).headers
