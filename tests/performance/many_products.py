"""A shop of a million products, made by SQL: names, compositions, prices and stock as unevenly spread as real ones.

Words go by Zipf's law: the commonest noun and the commonest ingredient stand in every eighth name and in most
compositions, brands are rare. `python -m tests.performance.many_products URL COUNT` fills a database by hand.
"""

from __future__ import annotations

import sys
from typing import Any

import psycopg

BITE = 20_000
CATEGORIES = 400
WAREHOUSES = 3
PREFIX = "MANY-"

NOUNS = """
молоко|сыр|хлеб|кефир|йогурт|творог|сметана|масло|колбаса|сосиски|яблоки|печенье|шоколад|конфеты|сок|вода|чай|
кофе|макароны|рис|гречка|мука|сахар|соль|кетчуп|майонез|соус|рыба|курица|говядина|свинина|пельмени|пицца|мороженое|
торт|пирог|батон|булочка|сухари|крекер|хлопья|мюсли|каша|суп|борщ|салат|огурцы|помидоры|картофель|капуста|морковь|лук|
чеснок|перец|грибы|горошек|кукуруза|фасоль|оливки|маслины|тунец|сардины|шпроты|икра|креветки|кальмары|мидии|бананы|
апельсины|лимоны|груши|виноград|сливы|персики|клубника|малина|черника|варенье|джем|мёд|орехи|миндаль|фундук|арахис|
изюм|курага|чернослив|семечки|чипсы|попкорн|лимонад|квас|компот|морс|кисель|ряженка|простокваша|сливки|пудинг|желе|
зефир|пастила|мармелад|халва|вафли|пряники|баранки|сушки|лаваш|тесто|дрожжи|уксус|горчица|хрен|аджика|приправа|паштет|
ветчина|бекон|карбонад|рулет|фарш|котлеты|наггетсы|вареники|блины|оладьи|сырники|запеканка|омлет|яйца""".replace(
    "\n", ""
)
ADJECTIVES = """
классический|домашний|фермерский|свежий|пастеризованный|обезжиренный|сливочный|шоколадный|ванильный|
клубничный|молочный|копчёный|солёный|сладкий|острый|нежный|деревенский|органический|детский|диетический|постный|
цельнозерновой|ржаной|пшеничный|овсяный|кукурузный|гречневый|растительный|оливковый|подсолнечный|варёный|жареный|
запечённый|замороженный|охлаждённый|сушёный|вяленый|маринованный|квашеный|консервированный|натуральный|премиальный|
столовый|минеральный|газированный|негазированный|зелёный|чёрный|белый|красный|золотой|праздничный|царский|крестьянский|
тройной|лёгкий|воздушный|хрустящий|мягкий|твёрдый|плавленый|творожный|фруктовый|ягодный|овощной|мясной|рыбный|
грибной|ореховый|медовый|имбирный|лимонный|апельсиновый|вишнёвый|яблочный""".replace("\n", "")
INGREDIENTS = """
вода|сахар|соль|молоко|мука пшеничная|масло подсолнечное|сливки|дрожжи|яйцо|крахмал|какао|ванилин|
лимонная кислота|закваска|сыворотка|масло пальмовое|глюкозный сироп|лецитин соевый|желатин|пектин|орехи|мёд|изюм|чеснок|
лук|перец|укроп|горчица|уксус|томатная паста|говядина|свинина|мясо птицы|рыба|специи|паприка|кориандр|куркума|имбирь|
корица|кунжут|солод|клетчатка|витамин|кальций|йод|ароматизатор|краситель|консервант|стабилизатор""".replace("\n", "")
BRANDS = "бел|вер|гор|дар|зар|кам|лес|мор|нив|ок|пол|род|сад|тер|ус|фер|хут|цар|шир|яр"
ENDINGS = "ино|ская|ье|овка|ушка|енка|ада|омир|оград|ица|аль|ель|инка|яна|ович|ево|има|оль|ута|асса"
ALLERGENS = ["celery", "eggs", "fish", "gluten", "milk", "mustard", "nuts", "peanuts", "sesame", "soybeans"]

_CATEGORIES = """
    INSERT INTO store.categories (id, name, slug, parent_id, position)
    SELECT ('0190aaaa-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'Раздел ' || n, 'many-' || n,
        CASE WHEN n >= 20 THEN ('0190aaaa-0000-7000-8000-' || lpad(to_hex(n / 20), 12, '0'))::uuid END, n
    FROM generate_series(1, %(categories)s::int) AS n ON CONFLICT DO NOTHING
"""
_WAREHOUSES = """
    INSERT INTO store.warehouses (id, code, name, address)
    SELECT ('0190bbbb-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'many-' || n, 'Склад ' || n, 'улица ' || n
    FROM generate_series(1, %(warehouses)s::int) AS n ON CONFLICT DO NOTHING
"""
# power(n, random()) falls on k about as often as Zipf's law says: with a share of 1/k.
_PRODUCTS = r"""
    WITH drawn AS MATERIALIZED (
        SELECT n, events.new_id() AS id,
            (%(nouns)s::text[])[floor(power(%(noun_count)s + 1, random()))::int] AS noun,
            (%(adjectives)s::text[])[floor(power(%(adjective_count)s + 1, random()))::int] AS adjective,
            (%(brands)s::text[])[1 + floor(random() * 20)::int] || (%(endings)s::text[])[1 + floor(random() * 20)::int]
                || (ARRAY['', (%(endings)s::text[])[1 + floor(random() * 20)::int]])[1 + round(random())::int] AS brand,
            (ARRAY[100, 150, 200, 250, 300, 400, 450, 500, 750, 900])[1 + floor(random() * 10)::int] AS size,
            floor(1000 + 20000 * power(random(), 3))::bigint AS price,
            (SELECT string_agg((%(ingredients)s::text[])[floor(power(%(ingredient_count)s + 1, random()))::int], ', ')
                FROM generate_series(1, 4 + n %% 7)) AS composition
        FROM generate_series(%(first)s::int, %(last)s::int) AS n
    ), named AS (
        SELECT *, initcap(brand) AS label,
            concat(initcap(noun), ' ', adjective, ' «', initcap(brand), '» ', size, ' г') AS name
        FROM drawn
    )
    INSERT INTO store.products (id, sku, barcode, name, name_key, description, composition, translations, category_id,
        unit_id, pack_size, quantity_step, min_quantity, price_amount, currency, sold_by, unit_price_amount,
        unit_price_per, allergens, status)
    SELECT id, %(prefix)s || lpad(n::text, 8, '0'),
        '27' || lpad(n::text, 10, '0') || (10 - (2 + 7 * 3 + (SELECT sum(substr(lpad(n::text, 10, '0'), i, 1)::int
            * CASE WHEN i %% 2 = 0 THEN 3 ELSE 1 END) FROM generate_series(1, 10) AS i)) %% 10) %% 10,
        name, replace(lower(name), 'ё', 'е'),
        adjective || ' ' || noun || ' от производителя ' || label || ', упаковка ' || size || ' г',
        composition, jsonb_build_object('en', jsonb_build_object('name', 'Food no. ' || n %% 1000 || ' by ' || brand)),
        ('0190aaaa-0000-7000-8000-' || lpad(to_hex(1 + n %% %(categories)s::int), 12, '0'))::uuid,
        (SELECT u.id FROM store.units u WHERE u.code = 'g'), size, 1, 1, price, %(currency)s, 'piece',
        price * 1000 / size, 'kg',
        ARRAY(SELECT DISTINCT (%(allergens)s::text[])[1 + (n * i + n / 7) %% 10] FROM generate_series(1, n %% 3) AS i),
        CASE WHEN n %% 50 = 0 THEN 'archived' ELSE 'active' END
    FROM named
"""
_STOCK = """
    INSERT INTO store.stock (product_id, warehouse_id, on_hand)
    SELECT p.id, ('0190bbbb-0000-7000-8000-' || lpad(to_hex(1 + (hashtext(p.sku) & 1)), 12, '0'))::uuid,
        (hashtext(p.sku) & 255)::numeric
    FROM store.products p WHERE p.sku BETWEEN %(first)s AND %(last)s AND hashtext(p.sku) %% 3 <> 0
    ON CONFLICT DO NOTHING
"""


def fill(connection: psycopg.Connection[Any], count: int, *, currency: str = "RUB") -> None:
    """Add `count` products (sku `MANY-00000001` upwards) to a migrated database in which there are none of these yet,
    with 400 categories in a tree, 3 warehouses and stock; then vacuum, so that plans and figures are those of a shop
    that has stood a while.

    `connection` is the owner's, in autocommit. A million takes some minutes.
    """
    nouns, adjectives, ingredients = (text.split("|") for text in (NOUNS, ADJECTIVES, INGREDIENTS))
    given: dict[str, Any] = {
        "nouns": nouns,
        "noun_count": len(nouns),
        "adjectives": adjectives,
        "adjective_count": len(adjectives),
        "ingredients": ingredients,
        "ingredient_count": len(ingredients),
        "brands": BRANDS.split("|"),
        "endings": ENDINGS.split("|"),
        "allergens": ALLERGENS,
        "categories": CATEGORIES,
        "warehouses": WAREHOUSES,
        "prefix": PREFIX,
        "currency": currency,
    }
    connection.execute("SELECT setseed(0.5)")
    connection.execute(_CATEGORIES, given)
    connection.execute(_WAREHOUSES, given)
    for first in range(1, count + 1, BITE):
        last = min(first + BITE - 1, count)
        connection.execute(_PRODUCTS, {**given, "first": first, "last": last})
        connection.execute(_STOCK, {"first": f"{PREFIX}{first:08d}", "last": f"{PREFIX}{last:08d}"})
    for table in ("products", "prices", "stock", "categories", "search_texts", "search_words"):
        connection.execute(f"VACUUM ANALYZE store.{table}")


if __name__ == "__main__":
    with psycopg.connect(sys.argv[1], autocommit=True) as opened:
        fill(opened, int(sys.argv[2]))
