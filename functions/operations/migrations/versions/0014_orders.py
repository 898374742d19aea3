"""Orders: what was sold, to whom, in which state, and what was paid and given back for it."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE basket.orders (
            id uuid PRIMARY KEY,
            number text NOT NULL UNIQUE,
            user_id uuid NOT NULL,
            status text NOT NULL DEFAULT 'placed'
                CHECK (status IN ('placed', 'paid', 'picking', 'delivering', 'delivered', 'cancelled')),
            payment_method text NOT NULL CHECK (payment_method IN ('cash', 'telegram')),
            payment_status text NOT NULL DEFAULT 'unpaid' CHECK (payment_status IN ('unpaid', 'paid', 'refunded')),
            warehouse_id uuid NOT NULL,
            currency text NOT NULL,
            subtotal bigint NOT NULL CHECK (subtotal >= 0),
            discount_total bigint NOT NULL CHECK (discount_total >= 0),
            fee_total bigint NOT NULL CHECK (fee_total >= 0),
            total bigint NOT NULL,
            delivery jsonb NOT NULL,
            language text NOT NULL,
            version bigint NOT NULL DEFAULT 1,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT orders_total_check CHECK (total = subtotal - discount_total + fee_total)
        );
        CREATE INDEX orders_by_user ON basket.orders (user_id, id);
        CREATE INDEX orders_by_status ON basket.orders (status, id);
        CREATE INDEX orders_awaiting_payment ON basket.orders (created_at)
            WHERE status = 'placed' AND payment_method <> 'cash';
        CREATE TABLE basket.order_lines (
            order_id uuid NOT NULL REFERENCES basket.orders ON DELETE CASCADE,
            position integer NOT NULL,
            product_id uuid NOT NULL,
            sku text NOT NULL,
            name text NOT NULL,
            photo_url text,
            unit text NOT NULL,
            quantity numeric(12, 3) NOT NULL CHECK (quantity > 0),
            price bigint NOT NULL CHECK (price >= 0),
            line_total bigint NOT NULL CHECK (line_total >= 0),
            PRIMARY KEY (order_id, position),
            UNIQUE (order_id, product_id)
        );
        CREATE TABLE basket.order_history (
            order_id uuid NOT NULL REFERENCES basket.orders ON DELETE CASCADE,
            version bigint NOT NULL,
            status text NOT NULL,
            at timestamptz NOT NULL DEFAULT now(),
            actor_id uuid,
            actor_role text NOT NULL,
            reason text,
            PRIMARY KEY (order_id, version)
        );
        CREATE TABLE basket.payments (
            id uuid PRIMARY KEY,
            order_id uuid NOT NULL REFERENCES basket.orders ON DELETE CASCADE,
            provider text NOT NULL CHECK (provider IN ('cash', 'telegram')),
            status text NOT NULL CHECK (status IN ('pending', 'paid', 'failed', 'refunded')),
            amount bigint NOT NULL CHECK (amount >= 0),
            currency text NOT NULL,
            invoice_url text,
            actor_id uuid,
            created_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX payments_by_order ON basket.payments (order_id, id);
        CREATE TABLE basket.refunds (
            id uuid PRIMARY KEY,
            order_id uuid NOT NULL REFERENCES basket.orders ON DELETE CASCADE,
            payment_id uuid NOT NULL REFERENCES basket.payments ON DELETE CASCADE,
            amount bigint NOT NULL CHECK (amount > 0),
            currency text NOT NULL,
            reason text NOT NULL,
            actor_id uuid,
            created_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX refunds_by_order ON basket.refunds (order_id, id);
        CREATE INDEX ix_basket_refunds_payment_id ON basket.refunds (payment_id);

        -- What was sold and what became of it is never deleted by the group itself, nor is its past rewritten.
        GRANT SELECT, INSERT ON basket.orders, basket.order_lines, basket.order_history, basket.payments,
            basket.refunds TO eatit_basket;
        GRANT UPDATE (status, payment_status, version, updated_at) ON basket.orders TO eatit_basket;
        GRANT UPDATE (status) ON basket.payments TO eatit_basket;
    """)
