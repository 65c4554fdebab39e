"""The shared furniture of API v1: one OpenAPI document, strict schemas, common fields."""

import functools
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, cast

from apispec.ext.marshmallow import MarshmallowPlugin, common
from flask import Flask, Request, Response, after_this_request
from flask_smorest import Api, Blueprint
from marshmallow import RAISE, Schema, fields, validate
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from exchange.errors import InvariantBroken
from exchange.money import EXPONENTS
from exchange.web import access
from exchange.web.paging import DEFAULT_LIMIT, MAX_LIMIT

PREFIX = "/api/v1"

OPTIONS = {
    "API_TITLE": "Databourse 数衡",
    "API_VERSION": "v1",
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": PREFIX,
    "OPENAPI_JSON_PATH": "openapi.json",
    "API_SPEC_OPTIONS": {
        "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        "security": [{"bearer": []}],
    },
}


class Body(Schema):
    """Base of every request body and answer: a member that is not known is an error, not ignored."""

    class Meta:
        """Marshmallow's options."""

        unknown = RAISE


class MoneyField(fields.Nested):
    """An amount: ``{"amount": "1200.00", "currency": "HKD"}``; the amount is a string, so nothing rounds it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(_Money, **kwargs)


class _Money(Body):
    amount = fields.String(required=True, validate=validate.Regexp(r"^[0-9]{1,16}(\.[0-9]{1,4})?$"))
    currency = fields.String(required=True, validate=validate.OneOf(sorted(EXPONENTS)))


class PageQuery(Body):
    """The query of a list."""

    cursor = fields.String()
    limit = fields.Integer(load_default=DEFAULT_LIMIT, validate=validate.Range(1, MAX_LIMIT))


def page_of(item: type[Schema]) -> type[Schema]:
    """The schema of a page of ``item``: some items, and the cursor of those that follow (null at the end)."""
    members = {
        "items": fields.List(fields.Nested(item)),
        "next_cursor": fields.String(allow_none=True),
        "__module__": item.__module__,
        "__doc__": f"A page of {item.__name__}.",
    }
    return type(f"{item.__name__}Page", (Schema,), members)


class _Parser(FlaskParser):
    """Reads JSON bodies and nothing in their place, and lets no text through that no table could hold."""

    def load_json(self, req: Request, schema: Schema) -> Any:
        """The body as Python values.

        Raises:
            UnsupportedMediaType: There is a body that is not called JSON.
            BadRequest: It is not JSON, or nested or numbered beyond reason, or holds text that is no Unicode text.
        """
        if not req.is_json and req.get_data():
            raise UnsupportedMediaType
        try:
            found = super().load_json(req, schema)
            storable = _is_storable(found)
        except (RecursionError, ValueError) as fault:  # ValueError: a number of thousands of digits
            raise BadRequest from fault
        if not storable:
            raise BadRequest
        return found


def _is_storable(found: Any) -> bool:
    """Whether PostgreSQL can hold every text in a JSON value: no NUL, no half of a surrogate pair."""
    if isinstance(found, str):
        return _is_text(found)
    below: Iterable[Any] = ()
    if isinstance(found, dict):
        below = (*found, *found.values())
    elif isinstance(found, list):
        below = found
    return all(map(_is_storable, below))


def _is_text(text: str) -> bool:
    """Whether ``text`` is Unicode text without NUL."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


class _Blueprint(Blueprint):  # type: ignore[misc]  # flask-smorest ships no types
    """The library's blueprint with our parser and ETags; the document names each operation and says which are public.

    An answer that tells of one subject (``id``, ``row_version``) carries its ETag ``"<id>:<row_version>"``; sent back
    as ``If-Match`` it holds the next verb to that version.
    """

    ARGUMENTS_PARSER = _Parser()

    def response(self, *args: Any, **kwargs: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """The library's decorator over a view whose answer's version is noted first."""
        outer = super().response(*args, **kwargs)
        return lambda view: cast("Callable[..., Any]", outer(_noting_version(view)))

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Callable[..., Any] | None = None, **options: Any
    ) -> None:
        """Register a guarded view.

        Raises:
            InvariantBroken: The view has no guard.
        """
        guard = access.guard_of(view_func) if view_func is not None else None
        if view_func is None or guard is None:
            raise InvariantBroken("the route %(rule)s has no guard", rule=rule)
        known: dict[str, Any] = {"operationId": f"{self.name.removeprefix('api_')}.{view_func.__name__}"}
        if guard.kind == "public":
            known["security"] = []
        super().add_url_rule(rule, endpoint, self.doc(**known)(view_func), **options)


def _noting_version(view: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(view)
    def call(*args: Any, **kwargs: Any) -> Any:
        answer = view(*args, **kwargs)
        if isinstance(answer, dict) and "id" in answer and "row_version" in answer:
            etag = f'"{answer["id"]}:{answer["row_version"]}"'
            after_this_request(lambda response: _tagged(response, etag))
        return answer

    return call


def _tagged(response: Response, etag: str) -> Response:
    if response.status_code < HTTPStatus.MULTIPLE_CHOICES:
        response.headers["ETag"] = etag
    return response


def blueprint(name: str, module: str, description: str, *, below: str | None = None) -> Blueprint:
    """A blueprint of API v1 below ``/api/v1/<name>``, or below another one's path."""
    return _Blueprint(f"api_{name}", module, url_prefix=f"{PREFIX}/{below or name}", description=description)


class Problem(Schema):
    """Problem details (RFC 9457) with the exchange's stable ``code``; ``rule`` says which duty refused."""

    type = fields.String()
    title = fields.String()
    status = fields.Integer()
    code = fields.String()
    detail = fields.String()
    request_id = fields.String(allow_none=True)
    fields_ = fields.Dict(data_key="fields")
    rule = fields.Dict()
    remedy = fields.String()


class _Api(Api):  # type: ignore[misc]  # flask-smorest ships no types
    """The library's API without its error bodies: ``exchange.web.problems`` answers every error alike."""

    ERROR_SCHEMA = Problem

    def _register_error_handlers(self) -> None:
        pass


def _schema_name(schema: Any) -> str:
    """Rooms use the same words for their own schemas: the document names them by room, ``listings.TermsBody``."""
    cls = cast("type[Schema]", common.resolve_schema_cls(schema))
    room = cls.__module__.removeprefix("exchange.").removesuffix(".schemas").removesuffix("_schemas")
    return f"{room}.{cls.__name__}"


def init_app(app: Flask, *blueprints: Blueprint) -> Api:
    """Register the rooms' blueprints and serve the OpenAPI document."""
    app.config.update(OPTIONS)
    api = _Api(app, spec_kwargs={"marshmallow_plugin": MarshmallowPlugin(schema_name_resolver=_schema_name)})
    for part in blueprints:
        api.register_blueprint(part)
    components = api.spec.components
    for answer in (*components.responses.values(), *components.responses_lazy.values()):
        if "application/json" in answer.get("content", {}):  # the library's errors; ours are problem documents
            answer["content"] = {"application/problem+json": answer["content"].pop("application/json")}
    document = "api-docs.openapi_json"
    app.view_functions[document] = access.public(app.view_functions[document])
    return api
