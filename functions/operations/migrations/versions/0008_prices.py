"""What prices were: a history that the database itself writes, whoever changes a price; and units everybody needs."""

from alembic import op
from sqlalchemy import text

from eatit.settings import settings

revision = "0008"
down_revision = "0007"

# Code, dimension, factor to the base unit, the common code of UN/CEFACT's Recommendation 20, and names.
UNITS = (
    ("kg", "mass", 1000, "KGM", "килограмм", "kilogram"),
    ("g", "mass", 1, "GRM", "грамм", "gram"),
    ("l", "volume", 1000, "LTR", "литр", "litre"),
    ("ml", "volume", 1, "MLT", "миллилитр", "millilitre"),
    ("piece", "count", 1, "H87", "штука", "piece"),
)


def upgrade() -> None:
    op.execute("""
        CREATE TABLE store.prices (
            product_id uuid NOT NULL REFERENCES store.products,
            since timestamptz NOT NULL,
            amount bigint NOT NULL CHECK (amount >= 0),
            currency text NOT NULL,
            PRIMARY KEY (product_id, since)
        );
        GRANT SELECT, INSERT ON store.prices TO eatit_store;
        INSERT INTO store.prices (product_id, since, amount, currency)
            SELECT id, updated_at, price_amount, currency FROM store.products;

        CREATE FUNCTION store.note_price() RETURNS trigger LANGUAGE plpgsql
        SET search_path = pg_catalog, store, pg_temp AS $$
        BEGIN
            INSERT INTO store.prices (product_id, since, amount, currency)
                VALUES (NEW.id, clock_timestamp(), NEW.price_amount, NEW.currency);
            RETURN NULL;
        END $$;
        REVOKE ALL ON FUNCTION store.note_price() FROM PUBLIC;
        CREATE TRIGGER first_price AFTER INSERT ON store.products
            FOR EACH ROW EXECUTE FUNCTION store.note_price();
        CREATE TRIGGER another_price AFTER UPDATE OF price_amount, currency ON store.products FOR EACH ROW
            WHEN ((OLD.price_amount, OLD.currency) IS DISTINCT FROM (NEW.price_amount, NEW.currency))
            EXECUTE FUNCTION store.note_price();

        ALTER TABLE store.units ADD COLUMN cefact_code text;
    """)
    _units()


def _units() -> None:
    russian = settings().default_language == "ru"
    made = text("""
        INSERT INTO store.units (id, code, name, translations, dimension, factor, cefact_code)
        VALUES (events.new_id(), :code, :name,
            jsonb_build_object(CAST(:language AS text), jsonb_build_object('name', CAST(:other AS text))),
            :dimension, :factor, :cefact)
        ON CONFLICT (code) DO UPDATE SET cefact_code = excluded.cefact_code
    """)
    for code, dimension, factor, cefact, in_russian, in_english in UNITS:
        name, other = (in_russian, in_english) if russian else (in_english, in_russian)
        op.get_bind().execute(
            made,
            {
                "code": code,
                "name": name,
                "language": "en" if russian else "ru",
                "other": other,
                "dimension": dimension,
                "factor": factor,
                "cefact": cefact,
            },
        )
