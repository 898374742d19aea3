"""Searches of common words rank few products twice, and few that aren't among the first."""

from alembic import op

revision = "0019"
down_revision = "0018"

# The lookups differ in what is looked for, and in whether it is looked for in the sample or in what that leaves: each
# has an index of its own, which Postgres takes only where the condition stands in the statement as it is.
_LOOKUP = """
    RETURN QUERY SELECT t.product_id, search_score(t, query, named, key), t.category_id, t.price_amount, t.allergens
        FROM search_texts t
        WHERE t.document @@ {wanted} AND (t.active OR every) AND (below IS NULL OR t.category_id = ANY (below))
            AND (coded IS NULL OR t.product_id <> ALL (coded)) {but}
            AND get_byte(uuid_send(t.product_id), 15) {part}
        LIMIT most - got;
    GET DIAGNOSTICS found = ROW_COUNT;
    got := got + found;
"""
_NOT_BEGUN = "AND NOT (begun AND t.active AND (t.name_key ^@ key OR coalesce(t.other_key ^@ key, false)))"


def _lookups(wanted: str, but: str = "") -> str:
    sample, rest = (_LOOKUP.format(wanted=wanted, but=but, part=part) for part in ("< 32", ">= 32"))
    return f"{sample} IF got < most THEN {rest} END IF;"


def upgrade() -> None:
    """As migrations 0011 and 0013 have it: the best kinds first, each in the sample and then in what the sample leaves.

    No product is given twice, but where more than `most` are given: then words that must all be there were looked up at
    once, and their best kinds once more. Plans are made for any query: one that is made for a common word may walk
    through the whole table for a rare one.
    """
    op.execute(f"""
        CREATE OR REPLACE FUNCTION store.search_matches(
            query tsquery, code text, key text, key_end text, below uuid[], every boolean, most integer)
        RETURNS TABLE (product_id uuid, score bigint, category_id uuid, price_amount bigint, allergens text[])
        LANGUAGE plpgsql STABLE
        SET search_path = pg_catalog, store, pg_temp
        SET enable_seqscan = off SET max_parallel_workers_per_gather = 0 SET work_mem = '32MB' SET jit = off
        SET plan_cache_mode = force_generic_plan AS $$
        DECLARE
            named tsquery := in_names(query);
            -- What follows from the words in names alone needn't be looked up twice: all but phrases and exclusions.
            in_text tsquery := CASE WHEN query::text ~ '[<!]' THEN query ELSE ''::tsquery END;
            here tsquery := ''::tsquery;
            coded uuid[];
            begun boolean := false;
            full_already boolean := false;
            got integer := 0;
            found integer;
        BEGIN
            IF cardinality(below) BETWEEN 1 AND 200 THEN
                here := (SELECT string_agg(format('''#%s''', id), ' | ') FROM unnest(below) AS id)::tsquery;
            END IF;
            IF code <> '' THEN
                coded := ARRAY(SELECT t.product_id FROM search_texts t
                    WHERE t.document @@ format('''@%s''', code)::tsquery
                        AND (t.active OR every) AND (below IS NULL OR t.category_id = ANY (below))
                    ORDER BY t.product_id LIMIT 100);
                RETURN QUERY SELECT t.product_id, 4000000::bigint, t.category_id, t.price_amount, t.allergens
                    FROM search_texts t WHERE t.product_id = ANY (coded);
                most := most - cardinality(coded);
                coded := nullif(coded, '{{}}');
            END IF;
            -- Of words that must all be there seldom so many match that some must be left out: they are looked up once.
            IF numnode(query) > 1 AND (key = '' OR position(' ' IN key) > 0)
                AND regexp_replace(query::text, '[(][^()]*[)]', '', 'g') !~ '[|]'
            THEN
                {_lookups("(query && here)")}
                IF got BETWEEN 1 AND most - 1 THEN
                    RETURN;
                END IF;
                full_already := got >= most;
                got := 0;
            END IF;
            -- A category's own names that begin so aren't beside each other in the index: they are walked to only where
            -- there is nothing else to look for, as in a query of stop words.
            IF key <> '' AND (below IS NULL OR numnode(query) = 0) THEN
                begun := true;
                RETURN QUERY SELECT t.product_id, search_score(t, query, named, key), t.category_id, t.price_amount,
                        t.allergens
                    FROM (
                        (SELECT * FROM search_texts n WHERE n.active AND n.name_key >= key AND n.name_key < key_end
                            AND (below IS NULL OR n.category_id = ANY (below))
                            AND (coded IS NULL OR n.product_id <> ALL (coded))
                            ORDER BY n.name_key, n.product_id LIMIT most)
                        UNION ALL
                        (SELECT * FROM search_texts o WHERE o.active AND o.other_key IS NOT NULL
                            AND o.other_key >= key AND o.other_key < key_end
                            AND NOT (o.name_key >= key AND o.name_key < key_end)
                            AND (below IS NULL OR o.category_id = ANY (below))
                            AND (coded IS NULL OR o.product_id <> ALL (coded))
                            ORDER BY o.other_key, o.product_id LIMIT most)
                    ) t
                    LIMIT most;
                GET DIAGNOSTICS got = ROW_COUNT;
            END IF;
            IF numnode(query) > 0 AND got < most THEN
                {_lookups("(in_text && named && here)", _NOT_BEGUN)}
                IF got < most AND NOT full_already THEN
                    {_lookups("(query && here && !!named)", _NOT_BEGUN)}
                END IF;
            END IF;
        END $$;
    """)  # noqa: S608
