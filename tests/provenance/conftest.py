"""The parties of the stories about provenance."""

import people
import pytest
from people import Party


@pytest.fixture
def department(db: object) -> Party:
    return people.approved_department(db, "示例气象局")


@pytest.fixture
def seller(db: object) -> Party:
    return people.approved_company(db, "示例数据公司")


@pytest.fixture
def stranger(db: object) -> Party:
    return people.approved_company(db, "不相干公司")
