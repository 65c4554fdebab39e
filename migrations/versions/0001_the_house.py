"""The house: every table of the first release, with its guards and grants.

The statements stand in the file beside this one, so that they can be read and diffed as SQL.
"""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# What this migration made, and nothing else: the version table and other schemas stay.
_EMPTY = """
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT viewname FROM pg_views WHERE schemaname = 'public' LOOP
        EXECUTE format('DROP VIEW public.%I CASCADE', found.viewname);
    END LOOP;
    FOR found IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('DROP TABLE public.%I CASCADE', found.tablename);
    END LOOP;
    FOR found IN SELECT oid::regprocedure AS signature FROM pg_proc WHERE pronamespace = 'public'::regnamespace LOOP
        EXECUTE format('DROP FUNCTION %s CASCADE', found.signature);
    END LOOP;
END $$
"""


def upgrade() -> None:
    _run(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    _run(_EMPTY)


def _run(script: str) -> None:
    cursor = op.get_bind().connection.cursor()  # the driver itself: nothing here is a parameter
    cursor.execute(script)
    cursor.close()
