"""The statements that read and change a basket, one for each kind of owner.

A change reads what stood before, checks the product's rules, locks the basket by counting its version up, changes
the line and gives the whole basket. Had somebody else changed, merged or swept the basket meanwhile, what it read would
be stale: it refuses itself (SQLSTATE 40001), and is run again with the basket locked first.

They are the shop's busiest, hence in the driver's own form (see `Database.rows`).
"""

import re

_FOUND = {"user": "b.user_id = :user", "guest": "b.token_digest = :digest AND b.merged_at IS NULL", "nobody": "false"}
_COUNTED_UP = "UPDATE basket.baskets AS b SET version = b.version + 1, updated_at = now()"
_LOCKED = {
    "user": """INSERT INTO basket.baskets AS b (id, user_id) SELECT :new_id, :user FROM sound
        ON CONFLICT (user_id) DO UPDATE SET version = b.version + 1, updated_at = now()""",
    "guest": f"{_COUNTED_UP} FROM sound WHERE {_FOUND['guest']}",
    "nobody": "INSERT INTO basket.baskets AS b (id, token_digest) SELECT :new_id, :new_digest FROM sound",
}
_ITEM = """l.product_id, l.quantity, l.price_seen, l.added_at, p.sku, p.name, p.translations, p.photo_url, p.unit,
    p.price_amount, p.currency, p.status, s.available, l.quantity % p.quantity_step = 0
        AND l.quantity BETWEEN p.min_quantity AND coalesce(p.max_quantity, l.quantity) AS in_steps"""
_WITH_COPIES = """LEFT JOIN basket.products p ON p.id = l.product_id
    LEFT JOIN basket.stock s ON s.product_id = l.product_id"""

_PUT = """
WITH before AS (
    SELECT b.id, b.version, l.quantity, (SELECT count(*) FROM basket.lines c WHERE c.basket_id = b.id) AS lines
    FROM basket.baskets b LEFT JOIN basket.lines l ON l.basket_id = b.id AND l.product_id = :product
    WHERE {found}
), product AS (
    SELECT p.id, p.price_amount, p.status, p.quantity_step, p.min_quantity,
        coalesce(p.max_quantity, :largest) AS max_quantity, {wanted} AS quantity
    FROM basket.products p WHERE p.id = :product
), sound AS (
    SELECT * FROM product
    WHERE status = 'active' AND quantity % quantity_step = 0 AND quantity BETWEEN min_quantity AND max_quantity
        AND (:expected IS NULL OR coalesce((SELECT version FROM before), 0) = ANY(:expected))
        AND (coalesce((SELECT lines FROM before), 0) < :most_lines OR (SELECT quantity FROM before) IS NOT NULL)
        AND quantity IS DISTINCT FROM (SELECT quantity FROM before)
), basket AS (
    {locked} RETURNING b.id, b.version, b.updated_at
), line AS (
    INSERT INTO basket.lines (basket_id, product_id, quantity, price_seen)
    SELECT basket.id, sound.id, sound.quantity, sound.price_amount FROM basket, sound
    ON CONFLICT (basket_id, product_id) DO UPDATE SET quantity = excluded.quantity
    RETURNING basket_id, product_id, quantity, price_seen, added_at
)
SELECT basket.id AS basket_id, basket.version, basket.updated_at, before.id AS before_id,
    before.version AS before_version, before.quantity AS before_quantity, before.lines AS before_lines,
    product.id AS found, product.status AS found_status, product.quantity AS wanted, product.quantity_step,
    product.min_quantity, product.max_quantity, {item}
FROM (VALUES (1)) AS always LEFT JOIN before ON true LEFT JOIN product ON true LEFT JOIN basket ON true
LEFT JOIN (
    SELECT * FROM line
    UNION ALL SELECT l.basket_id, l.product_id, l.quantity, l.price_seen, l.added_at FROM basket.lines l
        WHERE l.basket_id = (SELECT id FROM before) AND l.product_id <> :product
) AS l ON l.basket_id = basket.id
{with_copies}
WHERE basket.refuse_contended(CASE
    WHEN basket.id IS NULL THEN before.id IS NOT NULL AND EXISTS (SELECT FROM sound)
    ELSE basket.version <> coalesce(before.version, 0) + 1 END)
ORDER BY l.added_at, l.product_id
"""

_REMOVE = """
WITH before AS (
    SELECT b.id, b.version, (:expected IS NULL OR b.version = ANY(:expected)) AND EXISTS (
        SELECT FROM basket.lines l WHERE l.basket_id = b.id AND (:product IS NULL OR l.product_id = :product)) AS sound
    FROM basket.baskets b WHERE {found}
), basket AS (
    {counted_up} FROM before WHERE b.id = before.id AND before.sound AND b.merged_at IS NULL
    RETURNING b.id, b.version, b.updated_at
), gone AS (
    DELETE FROM basket.lines l USING basket
    WHERE l.basket_id = basket.id AND (:product IS NULL OR l.product_id = :product) RETURNING l.product_id
)
SELECT coalesce(basket.id, b.id) AS basket_id, coalesce(basket.version, b.version) AS version,
    coalesce(basket.updated_at, b.updated_at) AS updated_at, basket.id IS NOT NULL AS changed, {item}
FROM before JOIN basket.baskets b ON b.id = before.id LEFT JOIN basket ON true
LEFT JOIN basket.lines l ON l.basket_id = before.id AND l.product_id NOT IN (SELECT product_id FROM gone)
{with_copies}
WHERE basket.refuse_contended(
    CASE WHEN basket.id IS NULL THEN before.sound ELSE basket.version <> before.version + 1 END)
ORDER BY l.added_at, l.product_id
"""

_READ = """
SELECT b.id AS basket_id, b.version, b.updated_at, {item}
FROM basket.baskets b LEFT JOIN basket.lines l ON l.basket_id = b.id
{with_copies}
WHERE {found}
ORDER BY l.added_at, l.product_id
"""

_ACCEPT = """
WITH before AS (
    SELECT b.id, b.version, EXISTS (
        SELECT FROM basket.lines l JOIN basket.products p ON p.id = l.product_id
        WHERE l.basket_id = b.id AND p.status = 'active' AND p.price_amount <> l.price_seen) AS sound
    FROM basket.baskets b WHERE {found}
), basket AS (
    {counted_up} FROM before WHERE b.id = before.id AND before.sound AND b.merged_at IS NULL
    RETURNING b.id, b.version, b.updated_at
), line AS (
    UPDATE basket.lines l SET price_seen = p.price_amount FROM basket, basket.products p
    WHERE l.basket_id = basket.id AND p.id = l.product_id AND p.status = 'active' AND p.price_amount <> l.price_seen
    RETURNING l.basket_id, l.product_id, l.quantity, l.price_seen, l.added_at
)
SELECT b.id AS basket_id, coalesce(basket.version, b.version) AS version,
    coalesce(basket.updated_at, b.updated_at) AS updated_at, {item}
FROM before JOIN basket.baskets b ON b.id = before.id LEFT JOIN basket ON true
LEFT JOIN (
    SELECT * FROM line
    UNION ALL SELECT l.basket_id, l.product_id, l.quantity, l.price_seen, l.added_at FROM basket.lines l
        WHERE l.basket_id = (SELECT id FROM before) AND l.product_id NOT IN (SELECT product_id FROM line)
) AS l ON true
{with_copies}
WHERE basket.refuse_contended(
    CASE WHEN basket.id IS NULL THEN before.sound ELSE basket.version <> before.version + 1 END)
ORDER BY l.added_at, l.product_id
"""

# The user's basket is locked before the guest's, as everybody does who locks both: `merged` reads from `basket`.
_MERGE = """
WITH guest AS (
    SELECT b.id, b.version FROM basket.baskets b WHERE {guest}
), mine AS (
    SELECT b.id, b.version, b.updated_at, (SELECT count(*) FROM basket.lines c WHERE c.basket_id = b.id) AS lines
    FROM basket.baskets b WHERE {user}
), beside AS (
    SELECT g.product_id, g.quantity, g.price_seen, g.added_at, coalesce(m.quantity, 0) AS before,
        m.price_seen AS seen_before, coalesce(p.max_quantity, :largest) AS most, coalesce(p.quantity_step, 1) AS step,
        CASE
            WHEN m.product_id IS NULL THEN 'added' WHEN :policy = 'replace' THEN 'replaced'
            WHEN :policy = 'keep' THEN 'kept'
            WHEN m.quantity + g.quantity > coalesce(p.max_quantity, :largest) THEN 'capped' ELSE 'summed'
        END AS code,
        row_number() OVER (PARTITION BY m.product_id IS NULL ORDER BY g.added_at, g.product_id) AS place
    FROM guest JOIN basket.lines g ON g.basket_id = guest.id
    LEFT JOIN basket.lines m ON m.basket_id = (SELECT id FROM mine) AND m.product_id = g.product_id
    LEFT JOIN basket.products p ON p.id = g.product_id
), planned AS (
    SELECT product_id, added_at, before, seen_before, code,
        CASE code
            WHEN 'added' THEN quantity WHEN 'replaced' THEN quantity WHEN 'summed' THEN before + quantity
            WHEN 'capped' THEN coalesce(nullif(most - most % step, 0), before) ELSE before
        END AS after,
        -- A sum was agreed to at the lower of both prices alone.
        CASE
            WHEN code IN ('added', 'replaced') THEN price_seen WHEN code = 'kept' THEN seen_before
            ELSE least(price_seen, seen_before)
        END AS seen
    FROM beside WHERE code <> 'added' OR coalesce((SELECT lines FROM mine), 0) + place <= :most_lines
    UNION ALL
    SELECT product_id, added_at, 0, NULL, 'basket_full', 0, NULL
    FROM beside WHERE code = 'added' AND coalesce((SELECT lines FROM mine), 0) + place > :most_lines
), changed AS (
    SELECT * FROM planned WHERE after <> before OR seen <> seen_before
), basket AS (
    INSERT INTO basket.baskets AS b (id, user_id) SELECT :new_id, :user FROM guest
    ON CONFLICT (user_id) DO UPDATE SET version = b.version + (SELECT least(count(*), 1) FROM changed),
        updated_at = CASE WHEN EXISTS (SELECT FROM changed) THEN now() ELSE b.updated_at END
    RETURNING b.id, b.version, b.updated_at
), merged AS (
    UPDATE basket.baskets AS b SET version = b.version + 1, merged_at = now(), updated_at = now() FROM guest, basket
    WHERE b.id = guest.id AND b.merged_at IS NULL RETURNING b.version
), line AS (
    INSERT INTO basket.lines (basket_id, product_id, quantity, price_seen, added_at)
    SELECT basket.id, changed.product_id, changed.after, changed.seen, changed.added_at FROM basket, merged, changed
    ON CONFLICT (basket_id, product_id) DO UPDATE SET quantity = excluded.quantity, price_seen = excluded.price_seen
    RETURNING basket_id, product_id, quantity, price_seen, added_at
)
SELECT coalesce(basket.id, mine.id) AS basket_id, coalesce(basket.version, mine.version) AS version,
    coalesce(basket.updated_at, mine.updated_at) AS updated_at, guest.id AS guest_id,
    l.told_id, l.told_at, l.before, l.after, l.code, {item}
FROM (VALUES (1)) AS always LEFT JOIN guest ON true LEFT JOIN mine ON true LEFT JOIN basket ON true
LEFT JOIN merged ON true
LEFT JOIN (
    SELECT l.*, p.product_id AS told_id, p.added_at AS told_at, p.before, p.after, p.code
    FROM (
        SELECT * FROM line
        UNION ALL SELECT l.basket_id, l.product_id, l.quantity, l.price_seen, l.added_at FROM basket.lines l
            WHERE l.basket_id = (SELECT id FROM mine) AND l.product_id NOT IN (SELECT product_id FROM line)
    ) AS l FULL JOIN planned p ON p.product_id = l.product_id
) AS l ON true
{with_copies}
WHERE basket.refuse_contended(guest.id IS NOT NULL AND (
    merged.version IS DISTINCT FROM guest.version + 1 OR basket.id <> coalesce(mine.id, :new_id)
    OR basket.version <> coalesce(mine.version + (SELECT least(count(*), 1) FROM changed), 1)))
ORDER BY l.added_at, l.product_id
"""

_LOCK = "SELECT b.id FROM basket.baskets b WHERE {found} FOR UPDATE"
_TYPES = {
    "product": "uuid",
    "user": "uuid",
    "new_id": "uuid",
    "digest": "bytea",
    "new_digest": "bytea",
    "quantity": "numeric",
    "largest": "numeric",
    "expected": "bigint[]",
    "most_lines": "bigint",
    "policy": "text",
}


def _statement(sql: str, kind: str, *, wanted: str = "") -> str:
    """The statement for a kind of owner, its parameters in psycopg's form and typed."""
    filled = sql.format(
        found=_FOUND[kind],
        guest=_FOUND["guest"],
        user=_FOUND["user"],
        locked=_LOCKED[kind],
        counted_up=_COUNTED_UP,
        wanted=wanted,
        item=_ITEM,
        with_copies=_WITH_COPIES,
    )
    return re.sub(r":([a-z_]+)", lambda match: f"%({match[1]})s::{_TYPES[match[1]]}", filled.replace("%", "%%"))


_SET_TO = ":quantity"
_ADDED = "coalesce((SELECT quantity FROM before), 0) + :quantity"
ADD = {kind: _statement(_PUT, kind, wanted=_ADDED) for kind in _FOUND}
SET = {kind: _statement(_PUT, kind, wanted=_SET_TO) for kind in _FOUND}
REMOVE = {kind: _statement(_REMOVE, kind) for kind in ("user", "guest")}
ACCEPT = {kind: _statement(_ACCEPT, kind) for kind in ("user", "guest")}
MERGE = _statement(_MERGE, "user")
READ = {kind: _statement(_READ, kind) for kind in ("user", "guest")}
LOCK = {kind: _statement(_LOCK, kind) for kind in READ}
