"""The way of the data, from sources to receipt, in one document."""

import json
from importlib.resources import files

import jsonschema
import prov.model
import pytest
from delivered import CONTENT, Shop, bought, completed, grants_of, shop_fixture  # noqa: F401  (a fixture)
from market import open_data, published_product
from people import approved_company

from exchange.errors import NotFound
from settlement import chain

NAMESPACE = "https://exchange.example/prov#"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


@pytest.mark.rule("P-10")
def test_the_chain_is_unbroken_from_source_to_receipt(shop: Shop) -> None:
    product = published_product(shop, shop.seller, open_data(shop), content=CONTENT)
    trade = bought(shop, product=product)
    completed(shop, trade)
    document = chain.provenance_chain(shop.buyer.actor, trade.order_id, NAMESPACE)
    text = json.dumps(document)
    schema = json.loads(files("prov.tests").joinpath("schemas/prov-json.schema.json").read_text())
    jsonschema.validate(document, schema)
    read = prov.model.ProvDocument.deserialize(content=text, format="json")
    back = {}
    for record in read.get_records((prov.model.ProvDerivation, prov.model.ProvSpecialization)):
        later, earlier = (str(value.localpart) for _, value in record.formal_attributes[:2])
        back.setdefault(later, []).append(earlier)
    [grant] = grants_of(trade)
    reached, waiting = set(), [f"{grant.id}.goods"]
    while waiting:
        waiting += back.get(name := waiting.pop(), [])
        reached.add(name)
    assert {grant.version_id, product.declaration_id, f"{product.declaration_id}.0"} <= reached
    told = document["entity"][f"db:{grant.id}.goods"]
    assert told["db:sha256"] == told["db:received_sha256"]
    assert document["activity"][f"db:{trade.order_id}"]["db:contract_sha256"]
    with pytest.raises(NotFound):
        chain.provenance_chain(approved_company(shop, "丁数据公司").actor, trade.order_id, NAMESPACE)
