"""The parties of the stories about provenance."""

import people
import pytest
from flask import Flask
from people import Party

from tests.provenance import desks
from tests.provenance.desks import Site


@pytest.fixture
def department(db: object) -> Party:
    return people.approved_department(db, "示例气象局")


@pytest.fixture
def seller(db: object) -> Party:
    return people.approved_company(db, "示例数据公司")


@pytest.fixture
def stranger(db: object) -> Party:
    return people.approved_company(db, "不相干公司")


@pytest.fixture(scope="session")
def application() -> Flask:
    return desks.application()


@pytest.fixture
def site(application: Flask, db: object) -> Site:
    return Site(application)
