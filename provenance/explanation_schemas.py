"""Answers about why a product is classified as it is, what stands behind it, and what changed."""

from marshmallow import Schema, fields

from provenance.schemas import Text


class ChainLinkOut(Schema):
    """One step of the explanation of a classification."""

    declaration_id = fields.String()
    position = fields.Integer()
    depth = fields.Integer()
    kind = fields.String()
    use = fields.String()
    record_id = fields.String(allow_none=True)
    government = fields.Boolean()
    passing = fields.Boolean()
    text = fields.Nested(Text)


class ClassificationOut(Schema):
    """Whether the product is government-derived, why, and which rules apply."""

    government_derived = fields.Boolean()
    needs_decision = fields.Boolean()
    text = fields.Nested(Text)
    rules = fields.List(fields.String())
    chain = fields.List(fields.Nested(ChainLinkOut))


class StepOut(Schema):
    """One sentence of the chain: a source, its holder, the law it stands under, its use, and what follows."""

    text = fields.Nested(Text)
    rule_id = fields.String()
    subject = fields.String()
    depth = fields.Integer()
    government = fields.Boolean()


class ChannelRuleOut(Schema):
    """Where the product may be traded, and by which rule."""

    channels = fields.List(fields.String())
    text = fields.Nested(Text)
    rule_id = fields.String()


class ExplanationOut(Schema):
    """The classification in words with its whole chain; ``left_out`` counts sources that are not told one by one."""

    classification = fields.Nested(ClassificationOut)
    chain = fields.List(fields.Nested(StepOut))
    channel = fields.Nested(ChannelRuleOut)
    left_out = fields.Integer()


class NodeOut(Schema):
    """Something data came from or went into."""

    id = fields.String()
    kind = fields.String()
    label = fields.Nested(Text)
    note = fields.Nested(Text)
    government = fields.Boolean()
    depth = fields.Integer()


class EdgeOut(Schema):
    """``source`` was used in ``target``; ``passing`` when what it holds stands in the product."""

    source = fields.String()
    target = fields.String()
    use = fields.Nested(Text)
    passing = fields.Boolean()


class GraphOut(Schema):
    """The lineage, nearest first; ``left_out`` counts the sources that did not fit."""

    nodes = fields.List(fields.Nested(NodeOut))
    edges = fields.List(fields.Nested(EdgeOut))
    left_out = fields.Integer()


class FieldChangeOut(Schema):
    """A field and what it said before and after; null where it was not there."""

    name = fields.String()
    before = fields.Raw(allow_none=True)
    after = fields.Raw(allow_none=True)


class ItemChangeOut(Schema):
    """A source or an authorisation that was ``added``, ``removed`` or ``changed``."""

    how = fields.String()
    title = fields.String()
    changed = fields.List(fields.Nested(FieldChangeOut), data_key="fields", attribute="fields")


class DifferenceOut(Schema):
    """Everything that differs between two versions of a declaration."""

    changed = fields.List(fields.Nested(FieldChangeOut), data_key="fields", attribute="fields")
    sources = fields.List(fields.Nested(ItemChangeOut))
    authorisations = fields.List(fields.Nested(ItemChangeOut))
