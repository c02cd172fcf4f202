-- name: all_prices
SELECT provider, item, unit, usd, valid_from, valid_until, long_input_over FROM prices
 ORDER BY provider, item, valid_from, unit

-- name: add_price
-- A price that is there stays as somebody set it.
INSERT INTO prices (provider, item, unit, usd, valid_from, valid_until, long_input_over, source)
VALUES (%(provider)s, %(item)s, %(unit)s, %(usd)s, %(valid_from)s, %(valid_until)s, %(long_input_over)s, %(source)s)
ON CONFLICT (provider, item, unit, valid_from) DO NOTHING
