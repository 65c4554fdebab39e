"""What the operator itself stopped, by time.

The statements stand in the files beside this one, so that they can be read and diffed as SQL.
"""

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _run(Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    _run(Path(__file__).with_name("0010_restraints_down.sql"))


def _run(script: Path) -> None:
    cursor = op.get_bind().connection.cursor()  # the driver itself: nothing here is a parameter
    cursor.execute(script.read_text(encoding="utf-8"))
    cursor.close()
