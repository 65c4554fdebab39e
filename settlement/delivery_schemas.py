"""What parties, officers and the public send and receive about deliveries, vouchers and payout accounts."""

from typing import Any

from marshmallow import Schema, fields, validate

from exchange.web.api import Body, PageQuery, page_of
from settlement.voucher_checks import MAX_CHARACTERS, VERDICTS

_SHA256 = validate.Regexp(r"^[0-9a-f]{64}$", error="A SHA-256 is 64 lower-case hexadecimal digits.")


class Hex(fields.Field[bytes]):
    """Raw bytes, shown in hexadecimal."""

    def _serialize(self, value: bytes | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:  # noqa: ARG002  (marshmallow's)
        return None if value is None else value.hex()


class SourceLineOut(Schema):
    """A line that has to be printed with the data (RULES G-15)."""

    zh = fields.String()
    en = fields.String()


class TicketOut(Schema):
    """A ticket; ``token`` is shown this once. ``/api/v1/deliveries/<token>`` holds the file until ``expires_at``."""

    id = fields.String()
    token = fields.String()
    expires_at = fields.AwareDateTime()
    media_type = fields.String()
    size_bytes = fields.Integer()
    sha256 = Hex(metadata={"type": "string"})
    source_lines = fields.List(fields.Nested(SourceLineOut))


class ReceiptBody(Body):
    """The digest of the file as the recipient received it."""

    sha256 = fields.String(required=True, validate=_SHA256)


class ReceiptOut(Schema):
    """A receipt as it stands; ``problem`` says what stands against accepting the delivery."""

    id = fields.String()
    lot_id = fields.String()
    served_at = fields.AwareDateTime(allow_none=True)
    received_at = fields.AwareDateTime(allow_none=True)
    received_sha256 = Hex(attribute="received_digest", metadata={"type": "string"})
    problem = fields.String(allow_none=True)
    completed_at = fields.AwareDateTime(allow_none=True)
    document_sha256 = Hex(attribute="document_digest", metadata={"type": "string"})


class GrantOut(Schema):
    """A right to use delivered goods."""

    id = fields.String()
    state = fields.String()
    order_id = fields.String()
    lot_id = fields.String()
    version_id = fields.String()
    ends_at = fields.AwareDateTime()
    media_type = fields.String(allow_none=True)
    size_bytes = fields.Integer(allow_none=True)
    sha256 = Hex(attribute="digest", metadata={"type": "string"})
    closing_reason = fields.String(allow_none=True)


#: A page of grants, newest first.
GrantPage = page_of(GrantOut)


class VoucherQuery(PageQuery):
    """On which side of the trades."""

    side = fields.String(required=True, validate=validate.OneOf(["buyer", "seller"]))


class VoucherOut(Schema):
    """A voucher for its parties and for officers."""

    id = fields.String()
    number = fields.String()
    state = fields.String()
    order_id = fields.String()
    buyer_org_id = fields.String()
    seller_org_id = fields.String()
    issued_at = fields.AwareDateTime(attribute="created_at")
    title_zh = fields.String()
    title_en = fields.String()
    document_sha256 = Hex(attribute="document_digest", metadata={"type": "string"})


#: A page of vouchers, newest first.
VoucherPage = page_of(VoucherOut)


class VoucherCheckOut(Schema):
    """What anybody learns of a voucher. ``note`` is a signed note (C2SP) that ``key`` verifies."""

    number = fields.String()
    state = fields.String()
    issued_at = fields.AwareDateTime()
    title_zh = fields.String()
    title_en = fields.String()
    note = fields.String()
    key = fields.String()
    notice = fields.Dict(keys=fields.String(), values=fields.String())


class VoucherText(Body):
    """The text of a voucher as a party handed it on: document and signed note, or the note alone."""

    text = fields.String(required=True, validate=validate.Length(1, MAX_CHARACTERS))


class VerdictOut(Schema):
    """What a check came to: ``genuine``, ``suspended`` or ``void`` for our own; the number only then."""

    code = fields.String(validate=validate.OneOf(VERDICTS))
    number = fields.String(allow_none=True)


class ReasonBody(Body):
    """Why an officer decides so."""

    reason = fields.String(required=True, validate=validate.Length(1, 2000))


class PayoutAccountBody(Body):
    """Where the seller's bank is: ISO 3166-1 alpha-2."""

    country = fields.String(required=True, validate=validate.Regexp(r"^[A-Z]{2}$"))


class PayoutAccountOut(Schema):
    """A payout account; ``problem`` says why the gateway opened none."""

    id = fields.String()
    state = fields.String()
    gateway = fields.String()
    country = fields.String()
    created_at = fields.AwareDateTime()
    problem = fields.String(allow_none=True)


#: A page of payout accounts, newest first.
PayoutAccountPage = page_of(PayoutAccountOut)
