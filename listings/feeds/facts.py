"""What the feeds say of a product: exactly what its page says to everybody, gathered once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from exchange.citations import Text
from listings import product_page
from listings.states import CATEGORIES
from provenance import explanation
from provenance.explanation import Origin
from provenance.graph import Graph, graph_of
from provenance.lineage import trace

#: Media types by the format that a profile found.
MEDIA_TYPES = {"csv": "text/csv", "jsonl": "application/jsonl", "parquet": "application/vnd.apache.parquet"}


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """A product's shown version as the public page has it.

    Args:
        base: Where people reach the site, without a trailing slash; all addresses begin with it.
        page: `listings.product_page.product`'s answer.
        origin: Lines to print, classification and channel; ``None`` for a version without a declaration.
        lineage: The public lineage.
    """

    base: str
    page: Mapping[str, Any]
    origin: Origin | None
    lineage: Graph | None

    @property
    def url(self) -> str:
        """The product's page: the identifier of the data set everywhere."""
        return f"{self.base}/products/{self.page['product_id']}"

    @property
    def title(self) -> Text:
        """The title in both languages."""
        return Text(**self.page["title"])

    @property
    def description(self) -> Text:
        """The description in both languages."""
        return Text(**self.page["description"])

    @property
    def field(self) -> Text:
        """The industry the product is about."""
        return Text(*CATEGORIES[self.page["category"]])

    @property
    def media_type(self) -> str:
        """What the goods are; bytes of an unknown kind when they are made on order."""
        return MEDIA_TYPES.get(
            self.page["format"] or "", self.page["goods"]["media_type"] or "application/octet-stream"
        )

    @property
    def published_at(self) -> datetime:
        """Since when this version is published; on public notice, since when it is as it stands."""
        instant: datetime = self.page["published_at"] or self.page["changed_at"]
        return instant

    @property
    def source_lines(self) -> Sequence[Text]:
        """What must be printed of government sources (RULES G-15)."""
        return [] if self.origin is None else [Text(line.zh, line.en) for line in self.origin.source_lines]

    @property
    def government_derived(self) -> bool:
        """Whether the product must be traded at an exchange."""
        return self.origin is not None and self.origin.classification.government_derived


def product_facts(session: Session, product_id: str, base: str) -> ProductFacts:
    """The facts of one product.

    Raises:
        NotFound: There is no such product, or nothing of it was ever shown to the public.
    """
    page = product_page.product(session, product_id)
    declaration_id = page["declaration_id"]
    if declaration_id is None:
        return ProductFacts(base, page, None, None)
    links = trace(session, declaration_id)
    return ProductFacts(
        base, page, explanation.origin_of(declaration_id, links), graph_of(declaration_id, links, public=True)
    )
