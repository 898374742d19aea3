"""Search: what is looked through, beside the products and kept by triggers, its indexes, and the shop's own words.

Readers of products are never locked out, writers only for the moment in which the triggers are made: what is there
already is taken over in bites, each committed, and the indexes are made concurrently. So this migration isn't one
transaction; interrupted, it begins again and goes on.
"""

from alembic import op
from sqlalchemy import text

from eatit.settings import settings

revision = "0011"
down_revision = "0010"

BITE = 5000
INDEXES = {
    "search_texts_by_document": "store.search_texts USING gin (document) WITH (gin_pending_list_limit = 512)",
    "search_texts_by_name": "store.search_texts (name_key, product_id) WHERE active",
    "search_texts_by_other_name": "store.search_texts (other_key, product_id) WHERE active AND other_key IS NOT NULL",
    "search_words_by_spelling": "store.search_words USING gin (spelling {trigrams}.gin_trgm_ops)",
    "search_words_by_start": 'store.search_words ("left"(word, 2), products DESC, word)',
}
FUNCTIONS = (
    "store.plain(text)",
    "store.spelling(text)",
    "store.words_of(text, jsonb)",
    "store.other_name_key(jsonb)",
    "store.document_of(store.products)",
    "store.keep_search()",
    "store.keep_words(uuid[])",
    "store.search_query(text, text, text)",
    "store.in_names(tsquery)",
    "store.search_score(store.search_texts, tsquery, tsquery, text)",
    "store.search_matches(tsquery, text, text, text, uuid[], boolean, integer)",
)
_bite = text("SELECT id FROM store.products WHERE id > :after ORDER BY id LIMIT :bite")
_taken = text("""
    INSERT INTO store.search_texts
        SELECT p.id, p.name_key, store.other_name_key(p.translations), store.document_of(p), p.status = 'active',
            p.category_id, p.price_amount, p.allergens
        FROM store.products p WHERE p.id = ANY (:ids)
    ON CONFLICT (product_id) DO NOTHING
""")
_words_taken = text("SELECT store.keep_words(:ids)")
_schema_of_trigrams = text("SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'pg_trgm'")


def upgrade() -> None:
    op.execute("""
        CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
        CREATE TABLE IF NOT EXISTS store.search_texts (
            product_id uuid PRIMARY KEY REFERENCES store.products ON DELETE CASCADE,
            name_key text COLLATE "C" NOT NULL,
            other_key text COLLATE "C",
            document tsvector NOT NULL,
            active boolean NOT NULL,
            category_id uuid NOT NULL,
            price_amount bigint NOT NULL,
            allergens text[] NOT NULL
        );
        CREATE TABLE IF NOT EXISTS store.search_words (
            word text COLLATE "C" PRIMARY KEY,
            spelling text NOT NULL,
            products integer NOT NULL,
            examples uuid[] NOT NULL
        );
        GRANT SELECT, INSERT, UPDATE, DELETE ON store.search_texts, store.search_words TO eatit_store;
        ALTER TABLE store.search_texts ALTER COLUMN document SET STATISTICS 500;
    """)
    _words()
    _documents()
    _kept_by_triggers()
    _queries()
    _matches()
    op.execute(f"REVOKE ALL ON FUNCTION {', '.join(FUNCTIONS)} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {', '.join(FUNCTIONS)} TO eatit_store")
    with op.get_context().autocommit_block():
        _take_over()


def _words() -> None:
    """Text as it is searched (the Python of queries does the same): NFKC, small letters, ё as е, and a space for
    whatever is neither letter nor digit. The ranges of letters are spelled out, since what a server takes for a letter
    depends on its locale; for the same reason trigrams are made of Latin spellings, in which vowels that sound alike
    are one letter: малако is as near to молоко as can be."""
    op.execute(r"""
        CREATE OR REPLACE FUNCTION store.plain(words text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN lower(translate(regexp_replace(
            translate(normalize(words, NFKC), U&'\00AD\200B\200C\200D\200E\200F\2060\FEFF', ''),
            '[^0-9A-Za-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02AF\u0370-\u1FFF\u3040-\uD7FF]+', ' ', 'g'), 'Ёё', 'Ее'));
        CREATE OR REPLACE FUNCTION store.spelling(word text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN translate(word, 'абвгдежзийклмнопрстуфхцчшщыэюяoeyъь', 'abvgdijziiklmnaprstufhccssiiuaaii');
        CREATE OR REPLACE FUNCTION store.words_of(name text, translations jsonb) RETURNS text
        LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN store.plain(name || coalesce(' ' || (translations -> 'ru' ->> 'name'), '')
            || coalesce(' ' || (translations -> 'en' ->> 'name'), ''));
    """)


def _documents() -> None:
    """A product's document: its words, those of names weighing most (A), then the description (C) and composition (D).
    And marks, which no word can be taken for: `=` before the stems of names, so that names alone can be asked for;
    `#` before the category, so that the index itself narrows to it; `@` before sku and barcode."""
    other = "en" if settings().default_language == "ru" else "ru"
    op.execute(
        "CREATE OR REPLACE FUNCTION store.other_name_key(translations jsonb) RETURNS text"
        " LANGUAGE sql IMMUTABLE PARALLEL SAFE"
        f" RETURN left(lower(translate(normalize(translations -> '{other}' ->> 'name', NFKC), 'Ёё', 'Ее')), 300)"
    )
    op.execute("""
        CREATE OR REPLACE FUNCTION store.document_of(product store.products) RETURNS tsvector
        LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, store, pg_temp AS $$
        DECLARE
            names tsvector := to_tsvector('pg_catalog.russian', words_of(product.name, product.translations));
            ru jsonb := product.translations -> 'ru';
            en jsonb := product.translations -> 'en';
        BEGIN
            RETURN setweight(names, 'A')
                || setweight(to_tsvector('pg_catalog.russian', plain(
                    concat_ws(' ', product.description, ru ->> 'description', en ->> 'description'))), 'C')
                || setweight(to_tsvector('pg_catalog.russian', plain(
                    concat_ws(' ', product.composition, ru ->> 'composition', en ->> 'composition'))), 'D')
                || array_to_tsvector(array_remove(
                    ARRAY(SELECT '=' || stem FROM unnest(tsvector_to_array(names)) AS stem)
                    || ARRAY['#' || product.category_id, '@' || lower(product.sku), '@' || ltrim(product.barcode, '0')],
                    NULL));
        END $$;
    """)


def _kept_by_triggers() -> None:
    """By statement, so that an import's thousand rows cost one pass. A word's row is written only while it has few
    examples: of frequent words nobody waits for nobody."""
    op.execute("""
        CREATE OR REPLACE FUNCTION store.keep_search() RETURNS trigger LANGUAGE plpgsql
        SET search_path = pg_catalog, store, pg_temp AS $$
        BEGIN
            IF TG_OP = 'UPDATE' THEN
                UPDATE search_texts t SET active = p.status = 'active', price_amount = p.price_amount,
                    allergens = p.allergens
                FROM changed p JOIN before o ON o.id = p.id
                WHERE t.product_id = p.id AND (o.status, o.price_amount, o.allergens)
                    IS DISTINCT FROM (p.status, p.price_amount, p.allergens);
                INSERT INTO search_texts
                    SELECT p.id, p.name_key, other_name_key(p.translations), document_of(p::products),
                        p.status = 'active', p.category_id, p.price_amount, p.allergens
                    FROM changed p JOIN before o ON o.id = p.id
                    WHERE (o.name, o.name_key, o.translations, o.description, o.composition, o.sku, o.barcode,
                            o.category_id)
                        IS DISTINCT FROM (p.name, p.name_key, p.translations, p.description, p.composition, p.sku,
                            p.barcode, p.category_id)
                    ORDER BY p.id
                ON CONFLICT (product_id) DO UPDATE SET name_key = excluded.name_key, other_key = excluded.other_key,
                    document = excluded.document, active = excluded.active, category_id = excluded.category_id,
                    price_amount = excluded.price_amount, allergens = excluded.allergens;
                PERFORM keep_words(ARRAY(SELECT p.id FROM changed p JOIN before o ON o.id = p.id
                    WHERE (o.name, o.translations) IS DISTINCT FROM (p.name, p.translations)));
            ELSE
                INSERT INTO search_texts
                    SELECT p.id, p.name_key, other_name_key(p.translations), document_of(p::products),
                        p.status = 'active', p.category_id, p.price_amount, p.allergens
                    FROM changed p ORDER BY p.id
                ON CONFLICT (product_id) DO NOTHING;
                PERFORM keep_words(ARRAY(SELECT id FROM changed));
            END IF;
            RETURN NULL;
        END $$;
        CREATE OR REPLACE FUNCTION store.keep_words(ids uuid[]) RETURNS void LANGUAGE sql
        SET search_path = pg_catalog, store, pg_temp AS $$
            INSERT INTO search_words AS w (word, spelling, products, examples)
                SELECT n.word, spelling(n.word), count(*), (array_agg(n.id))[1:20]
                FROM (SELECT DISTINCT p.id, word
                    FROM products p, string_to_table(words_of(p.name, p.translations), ' ') AS word
                    WHERE p.id = ANY (ids) AND length(word) BETWEEN 2 AND 40 AND word !~ '^[0-9]+$') n
                WHERE NOT EXISTS (
                    SELECT FROM search_words k
                    WHERE k.word = n.word AND (cardinality(k.examples) >= 20 OR n.id = ANY (k.examples)))
                GROUP BY n.word ORDER BY n.word
            ON CONFLICT (word) DO UPDATE
                SET products = w.products + excluded.products, examples = (excluded.examples || w.examples)[1:20]
        $$;
        CREATE OR REPLACE TRIGGER new_to_search AFTER INSERT ON store.products
            REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION store.keep_search();
        CREATE OR REPLACE TRIGGER other_to_search AFTER UPDATE ON store.products
            REFERENCING OLD TABLE AS before NEW TABLE AS changed
            FOR EACH STATEMENT EXECUTE FUNCTION store.keep_search();
    """)


def _queries() -> None:
    """What somebody looks for, as a tsquery: websearch's syntax, and the last word may still be being typed. Of what it
    may become, the index finds a few words of names much quicker than all that begins so. A query that only excludes
    (`-milk`) is none."""
    op.execute(r"""
        CREATE OR REPLACE FUNCTION store.search_query(words text, before_last text, last text) RETURNS tsquery
        LANGUAGE plpgsql STABLE SET search_path = pg_catalog, store, pg_temp AS $$
        DECLARE
            query tsquery := websearch_to_tsquery('pg_catalog.russian', words);
            stem tsquery := plainto_tsquery('pg_catalog.russian', last);
            begun text[];
            typed tsquery;
        BEGIN
            IF last <> '' THEN
                begun := ARRAY(SELECT word FROM search_words
                    WHERE "left"(word, 2) = "left"(last, 2) AND word >= last AND word < last || U&'\+10FFFF' LIMIT 65);
                typed := CASE WHEN cardinality(begun) BETWEEN 1 AND 64 THEN
                    (SELECT string_agg(DISTINCT quote_literal(found.stem), ' | ')
                        FROM unnest(begun) AS word,
                            unnest(tsvector_to_array(to_tsvector('pg_catalog.russian', word))) AS found (stem))::tsquery
                    END;
                typed := coalesce(typed, to_tsquery('pg_catalog.simple', last || ':*'));
                query := CASE
                    WHEN numnode(stem) = 0 THEN query || (query && typed)
                    ELSE websearch_to_tsquery('pg_catalog.russian', before_last) && (stem || typed) END;
            END IF;
            RETURN CASE WHEN numnode(query) = 0 OR querytree(query) = 'T' THEN ''::tsquery ELSE query END;
        END $$;
        CREATE OR REPLACE FUNCTION store.in_names(query tsquery) RETURNS tsquery
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN regexp_replace(regexp_replace(query::text, '<(-|[0-9]+)>', '&', 'g'), '''([^'']+)''', '''=\1''', 'g')
            ::tsquery;
    """)


def _matches() -> None:
    """The matches of a query, a little over `most` of them at the very most: nothing here grows with the shop but the
    index's own lists. Where there are more, the best kinds are taken first: names that begin so, then all words in
    names, then the rest. A product may come twice, with one score. The millions of a score say the kind (4 the very
    code, 3 the very name, 2 a name that begins so, 1 all words in names, 0 elsewhere), the rest is the rank within it.
    """
    op.execute("""
        CREATE OR REPLACE FUNCTION store.search_score(
            found store.search_texts, query tsquery, named tsquery, key text) RETURNS bigint
        LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN (CASE
                WHEN key = (found).name_key OR key = (found).other_key THEN 3000000
                WHEN key <> '' AND ((found).name_key ^@ key OR (found).other_key ^@ key) THEN 2000000
                WHEN (found).document @@ named THEN 1000000
                ELSE 0 END
            + 1000000 * ts_rank('{0.1,0.2,0.4,1}', (found).document, query, 33))::bigint;
        CREATE OR REPLACE FUNCTION store.search_matches(
            query tsquery, code text, key text, key_end text, below uuid[], every boolean, most integer)
        RETURNS TABLE (product_id uuid, score bigint, category_id uuid, price_amount bigint, allergens text[])
        LANGUAGE plpgsql STABLE
        SET search_path = pg_catalog, store, pg_temp
        SET enable_seqscan = off SET max_parallel_workers_per_gather = 0 SET work_mem = '32MB' AS $$
        DECLARE
            named tsquery := in_names(query);
            -- What follows from the words in names alone needn't be looked up twice: all but phrases and exclusions.
            in_text tsquery := CASE WHEN query::text ~ '[<!]' THEN query ELSE ''::tsquery END;
            here tsquery := ''::tsquery;
            got integer := 0;
            full_already boolean := false;
        BEGIN
            IF cardinality(below) BETWEEN 1 AND 200 THEN
                here := (SELECT string_agg(format('''#%s''', id), ' | ') FROM unnest(below) AS id)::tsquery;
            END IF;
            IF code <> '' THEN
                RETURN QUERY SELECT t.product_id, 4000000::bigint, t.category_id, t.price_amount, t.allergens
                    FROM search_texts t
                    WHERE t.document @@ format('''@%s''', code)::tsquery
                        AND (t.active OR every) AND (below IS NULL OR t.category_id = ANY (below))
                    ORDER BY t.product_id LIMIT 100;
            END IF;
            -- Of several words seldom so many match that some must be left out: they are looked up once.
            IF numnode(query) > 1 AND (key = '' OR position(' ' IN key) > 0) THEN
                RETURN QUERY SELECT t.product_id, search_score(t, query, named, key), t.category_id, t.price_amount,
                        t.allergens
                    FROM search_texts t
                    WHERE t.document @@ (query && here) AND (t.active OR every)
                        AND (below IS NULL OR t.category_id = ANY (below))
                    LIMIT most;
                GET DIAGNOSTICS got = ROW_COUNT;
                IF got BETWEEN 1 AND most - 1 THEN
                    RETURN;
                END IF;
                full_already := got >= most;
            END IF;
            got := 0;
            -- A category's own names that begin so aren't beside each other in the index.
            IF key <> '' AND (below IS NULL OR numnode(query) = 0) THEN
                RETURN QUERY SELECT t.product_id, search_score(t, query, named, key), t.category_id, t.price_amount,
                        t.allergens
                    FROM (
                        (SELECT * FROM search_texts n WHERE n.active AND n.name_key >= key AND n.name_key < key_end
                            ORDER BY n.name_key, n.product_id LIMIT most)
                        UNION ALL
                        (SELECT * FROM search_texts o WHERE o.active AND o.other_key IS NOT NULL
                            AND o.other_key >= key AND o.other_key < key_end
                            AND NOT (o.name_key >= key AND o.name_key < key_end)
                            ORDER BY o.other_key, o.product_id LIMIT most)
                    ) t
                    WHERE below IS NULL OR t.category_id = ANY (below)
                    LIMIT most;
                GET DIAGNOSTICS got = ROW_COUNT;
            END IF;
            IF numnode(query) > 0 AND got < most THEN
                most := most - got;
                RETURN QUERY SELECT t.product_id, search_score(t, query, named, key), t.category_id, t.price_amount,
                        t.allergens
                    FROM search_texts t
                    WHERE t.document @@ (in_text && named && here) AND (t.active OR every)
                        AND (below IS NULL OR t.category_id = ANY (below))
                        AND (key = '' OR (t.name_key ^@ key OR coalesce(t.other_key ^@ key, false)) IS FALSE
                            OR every OR below IS NOT NULL)
                    LIMIT most;
                GET DIAGNOSTICS got = ROW_COUNT;
                most := CASE WHEN full_already THEN 0 ELSE most - got END;
                RETURN QUERY SELECT t.product_id, search_score(t, query, named, key), t.category_id, t.price_amount,
                        t.allergens
                    FROM search_texts t
                    WHERE t.document @@ (query && here && !!named) AND (t.active OR every)
                        AND (below IS NULL OR t.category_id = ANY (below))
                    LIMIT most;
            END IF;
        END $$;
    """)


def _take_over() -> None:
    connection = op.get_bind()
    after = "00000000-0000-0000-0000-000000000000"
    while True:
        ids = connection.execute(_bite, {"after": after, "bite": BITE}).scalars().all()
        if not ids:
            break
        connection.execute(_taken, {"ids": ids})
        connection.execute(_words_taken, {"ids": ids})
        after = ids[-1]
    schema = connection.execute(_schema_of_trigrams).scalar_one()
    for name, columns in INDEXES.items():
        # One that an interrupted run left behind would be there, and invalid.
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS store.{name}")
        op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {columns.format(trigrams=schema)}")
    op.execute("ANALYZE store.search_texts")
    op.execute("ANALYZE store.search_words")
