"""What other catalogues and tools read of a product, each judged by somebody else's reader of the format."""

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import frictionless
import jsonschema
import market as fair
import mlcroissant
import prov.model
import pyshacl
import pytest
import rdflib
from conftest import Database
from flask.testing import FlaskClient
from opened import Site, opened
from people import approved_company
from rdflib.namespace import ODRL2, SKOS

from exchange import calendar
from exchange.actors import Actor

SHAPES = Path(__file__).with_name("dcat_ap_shapes.ttl")
ODRL = "http://www.w3.org/ns/odrl/2/"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with opened(database, tmp_path) as made:
        calendar.seed(Actor.clock())
        yield made


@pytest.fixture
def client(site: Site) -> FlaskClient:
    return site.client()


@pytest.fixture
def product(site: Site) -> fair.Published:
    """Made with government data, sold with derivation allowed and redistribution barred."""
    seller = approved_company(site, "甲数据公司")
    return fair.published_product(site, seller, fair.OWN_SOURCE, fair.open_data(site))


def fetched(client: FlaskClient, path: str, media_type: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == media_type
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    return answer.text


def graph_of(text: str, form: str) -> rdflib.Graph:
    graph = rdflib.Graph()
    graph.parse(data=text, format=form)
    return graph


def conforms(graph: rdflib.Graph) -> None:
    good, _, report = pyshacl.validate(graph, shacl_graph=str(SHAPES), shacl_graph_format="turtle")
    assert good, report


@pytest.mark.rule("G-15")
def test_croissant_is_accepted_and_names_its_sources(client: FlaskClient, product: fair.Published) -> None:
    told = json.loads(fetched(client, f"/products/{product.product_id}/croissant.json", "application/ld+json"))
    dataset = mlcroissant.Dataset(jsonld=told)
    assert not dataset.metadata.ctx.issues.errors, dataset.metadata.ctx.issues.report()
    assert not dataset.metadata.ctx.issues.warnings, dataset.metadata.ctx.issues.report()
    assert dataset.metadata.name == fair.DESCRIPTION.title_en
    assert [field.name for field in dataset.metadata.record_sets[0].fields] == ["station", "day", "visitors"]
    assert told["distribution"][0]["sha256"] == client.get(f"/api/v1/products/{product.product_id}").json["version"][
        "goods"]["digest"]  # fmt: skip
    assert told["isBasedOn"][0]["name"] == fair.RECORD.source_line_en
    page = client.get(f"/products/{product.product_id}?lang=en").text
    assert '<script type="application/ld+json">' in page


def test_dcat_conforms_and_both_forms_are_one_graph(client: FlaskClient, product: fair.Published) -> None:
    base = f"/products/{product.product_id}/dcat"
    as_json = graph_of(fetched(client, f"{base}.jsonld", "application/ld+json"), "json-ld")
    as_turtle = graph_of(fetched(client, f"{base}.ttl", "text/turtle"), "turtle")
    assert set(as_json) == set(as_turtle)
    conforms(as_turtle)
    listed = graph_of(fetched(client, "/catalogue.ttl", "text/turtle"), "turtle")
    conforms(listed)
    assert set(as_turtle) <= set(listed)


def test_a_graph_that_lacks_something_is_found_out(client: FlaskClient, product: fair.Published) -> None:
    graph = graph_of(fetched(client, f"/products/{product.product_id}/dcat.ttl", "text/turtle"), "turtle")
    dcat = rdflib.Namespace("http://www.w3.org/ns/dcat#")
    graph.remove((None, dcat.accessURL, None))
    good, _, _ = pyshacl.validate(graph, shacl_graph=str(SHAPES), shacl_graph_format="turtle")
    assert not good


def test_the_catalogue_is_fed_page_by_page(
    client: FlaskClient, product: fair.Published, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("listings.feeds.views.PAGE", 1)
    second = fair.published_product(site, approved_company(site, "乙数据公司"))
    seen: list[str] = []
    path: str | None = "/catalogue.jsonld"
    while path is not None:
        told = json.loads(fetched(client, path, "application/ld+json"))
        conforms(graph_of(json.dumps(told), "json-ld"))
        seen += [dataset["dct:identifier"] for dataset in told["dcat:dataset"]]
        path = told["hydra:view"].get("hydra:next", {}).get("@id")
    assert seen == [second.product_id, product.product_id]


def test_an_offer_is_a_policy_of_terms_that_odrl_knows(client: FlaskClient, product: fair.Published) -> None:
    told = fetched(client, f"/offers/{product.offer_id}/odrl.jsonld", "application/ld+json")
    graph = graph_of(told, "json-ld")
    terms = {rdflib.URIRef(str(term)) for triple in graph for term in triple if str(term).startswith(ODRL)}
    assert [term for term in terms if term not in ODRL2] == []  # the vocabulary as the library has it
    [policy] = graph.subjects(rdflib.RDF.type, ODRL2.Offer)
    [target] = set(graph.objects(policy, ODRL2.target))
    assert str(target).endswith(f"/products/{product.product_id}")
    assert len(list(graph.objects(policy, ODRL2.assigner))) == 1
    permitted = {graph.value(rule, ODRL2.action) for rule in graph.objects(policy, ODRL2.permission)}
    barred = {graph.value(rule, ODRL2.action) for rule in graph.objects(policy, ODRL2.prohibition)}
    assert (permitted, barred) == ({ODRL2.use, ODRL2.derive}, {ODRL2.distribute})
    operands = set(graph.objects(None, ODRL2.leftOperand))
    assert operands == {ODRL2.purpose, ODRL2.elapsedTime, ODRL2.spatial, ODRL2.payAmount}
    assert (None, ODRL2.action, ODRL2.attribute) in graph
    concepts = set(purposes(client).subjects(rdflib.RDF.type, SKOS.Concept))
    named = concepts & set(graph.objects(None, ODRL2.rightOperand))
    assert {str(purpose).partition("#")[2] for purpose in named} == {"commercial.analytics", "research"}


def purposes(client: FlaskClient) -> rdflib.Graph:
    return graph_of(fetched(client, "/purposes.jsonld", "application/ld+json"), "json-ld")


def test_the_data_package_is_accepted(client: FlaskClient, product: fair.Published, tmp_path: Path) -> None:
    told = json.loads(fetched(client, f"/products/{product.product_id}/datapackage.json", "application/json"))
    assert frictionless.Package.from_descriptor(told).title == "车站客流日统计 / Daily visitors of stations"
    (tmp_path / told["resources"][0]["path"]).write_bytes(fair.CSV)
    (tmp_path / "datapackage.json").write_text(json.dumps(told), encoding="utf-8")
    report = frictionless.validate(str(tmp_path / "datapackage.json"))
    assert report.valid, report.flatten()
    (tmp_path / told["resources"][0]["path"]).write_bytes(fair.CSV + b"S1,2026-03-01,1\n")
    assert not frictionless.validate(str(tmp_path / "datapackage.json")).valid


def test_prov_is_accepted_and_leads_from_product_to_sources(client: FlaskClient, product: fair.Published) -> None:
    text = fetched(client, f"/products/{product.product_id}/prov.json", "application/json")
    schema = json.loads(files("prov.tests").joinpath("schemas/prov-json.schema.json").read_text())
    jsonschema.validate(json.loads(text), schema)
    document = prov.model.ProvDocument.deserialize(content=text, format="json")
    derivations: list[Any] = list(document.get_records(prov.model.ProvDerivation))
    assert len(derivations) == 2
    told = json.loads(text)
    assert "闸机记录" not in text  # another seller's source is its kind to the public
    assert any(each.get("db:government") == {"$": "true", "type": "xsd:boolean"} for each in told["entity"].values())


def test_what_is_not_shown_has_no_feed(client: FlaskClient, site: Site) -> None:
    for name in ("croissant.json", "dcat.jsonld", "dcat.ttl", "datapackage.json", "prov.json"):
        assert client.get(f"/products/prd_none/{name}").status_code == 404
    assert client.get("/offers/off_none/odrl.jsonld").status_code == 404
