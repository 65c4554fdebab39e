"""Goods made on order: the file that a seller uploads for one lot, and which files may be that."""

from sqlalchemy import select

from exchange.db import Transaction
from exchange.errors import Conflict, Invalid, NotFound
from listings.models import Deposit, Version
from settlement.grants import latest_grant
from settlement.models import Lot, Order

ON_ORDER = "on_order"


def goods_for(tx: Transaction, order: Order, lot: Lot, deposit_id: str | None) -> str | None:
    """The deposit that a lot is delivered from: ``deposit_id`` of one made on order, none of any other.

    The file has been sealed and scanned like every deposit. It rests on the declaration that the contract names, so a
    file that was listed under another one is none of it.

    Raises:
        NotFound: There is no such deposit, or it is another party's.
        Invalid: The lot is made on order and no deposit is named (``goods_missing``).
        Conflict: The deposit is not sealed and scanned (``deposit_not_ready``), belongs to another product
            (``goods_of_another_product``), or was rejected before (``goods_rejected``); or the lot's goods are those
            on deposit (``goods_on_deposit``).
    """
    if lot.delivery != ON_ORDER:
        if deposit_id is not None:
            raise Conflict("The goods of this lot are on deposit already.", code="goods_on_deposit")
        return None
    if deposit_id is None:
        raise Invalid("Upload the goods first, and say which file it is.", code="goods_missing")
    deposit = tx.session.get(Deposit, deposit_id)
    if deposit is None or deposit.org_id != order.seller_org_id:
        raise NotFound("There is no such %(kind)s.", kind=Deposit.__tablename__)
    if deposit.state != "profiled":
        raise Conflict("This file is not sealed and scanned yet.", code="deposit_not_ready")
    elsewhere = select(Version.id).where(Version.deposit_id == deposit.id, Version.product_id != order.product_id)
    if tx.first(elsewhere) is not None:
        raise Conflict("This file was listed as another product.", code="goods_of_another_product")
    before = latest_grant(tx, lot.id)
    if before is not None and before.digest == deposit.digest:
        raise Conflict("The buyer rejected this very file; upload another one.", code="goods_rejected")
    return deposit.id
