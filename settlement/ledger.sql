-- The only writer of the ledger. It runs as its owner, so that the application may post and may not write the tables.
--
-- Transfer n of a posting is the n-th element of each array. All of them are applied, or none; the CHECKs of the tables
-- judge. Rows are touched in one order everywhere, lots before accounts and each by name, so that postings to the same
-- rows wait for each other and never in a circle. Within a lot transfers apply in the order given.
CREATE FUNCTION databourse_post(
    kinds text[], debits text[], credits text[], amounts bigint[], currencies text[], subjects text[], op_ids text[],
    posted_at timestamptz
) RETURNS SETOF bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    t record;
BEGIN
    FOR t IN
        SELECT * FROM unnest(kinds, debits, credits, amounts, currencies, subjects) WITH ORDINALITY
            AS t (kind, debit, credit, amount, currency, subject, position)
        WHERE 'hold:' || subject IN (debit, credit)
        ORDER BY subject, position
    LOOP
        IF t.kind = 'fund' THEN
            INSERT INTO lot_money AS m (lot_id, currency, funded_minor, held_minor)
                VALUES (t.subject, t.currency, t.amount, t.amount)
                ON CONFLICT (lot_id) DO UPDATE SET
                    funded_minor = m.funded_minor + t.amount, held_minor = m.held_minor + t.amount
                    WHERE m.currency = t.currency;
        ELSE
            UPDATE lot_money AS m SET
                held_minor = m.held_minor + CASE WHEN t.kind IN ('release', 'fee', 'refund', 'chargeback')
                    THEN -t.amount ELSE t.amount END,
                released_minor = m.released_minor + CASE t.kind WHEN 'release' THEN t.amount ELSE 0 END,
                reversed_minor = m.reversed_minor + CASE t.kind WHEN 'reversal' THEN t.amount ELSE 0 END,
                refunded_minor = m.refunded_minor + CASE t.kind WHEN 'refund' THEN t.amount
                    WHEN 'chargeback' THEN t.amount WHEN 'chargeback_won' THEN -t.amount ELSE 0 END,
                fee_minor = m.fee_minor + CASE t.kind WHEN 'fee' THEN t.amount
                    WHEN 'fee_return' THEN -t.amount ELSE 0 END
            WHERE m.lot_id = t.subject AND m.currency = t.currency;
        END IF;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a lot holds no money, or money of another currency' USING ERRCODE = 'DB010';
        END IF;
    END LOOP;

    FOR t IN
        SELECT code, split_part(code, ':', 1) AS kind, split_part(code, ':', 3) AS currency,
            sum(CASE WHEN code LIKE 'receivable:%' THEN -credited ELSE credited END)::bigint AS raised
        FROM (
            SELECT * FROM unnest(credits, amounts) AS c (code, credited)
            UNION ALL
            SELECT debit, -amount FROM unnest(debits, amounts) AS d (debit, amount)
        ) AS sides
        WHERE split_part(code, ':', 1) IN ('payable', 'refundable', 'receivable', 'suspense')
        GROUP BY code ORDER BY code
    LOOP
        UPDATE ledger_account AS a SET balance_minor = a.balance_minor + t.raised WHERE a.code = t.code;
        IF NOT FOUND THEN
            INSERT INTO ledger_account AS a (code, kind, currency, balance_minor)
                VALUES (t.code, t.kind, t.currency, t.raised)
                ON CONFLICT (code) DO UPDATE SET balance_minor = a.balance_minor + t.raised;
        END IF;
    END LOOP;

    RETURN QUERY
        INSERT INTO ledger_transfer
            (kind, debit_account, credit_account, amount_minor, currency, subject, op_id, at)
        SELECT kind, debit, credit, amount, currency, subject, op_id, posted_at
        FROM unnest(kinds, debits, credits, amounts, currencies, subjects, op_ids) WITH ORDINALITY
            AS n (kind, debit, credit, amount, currency, subject, op_id, position)
        ORDER BY position
        RETURNING id;
END $$;
