-- Imports write their search words in batches (docs/decisions/search.md, The index and who writes it).
--
-- Entered one by one, the words of 20,000 people took 7 s, nine tenths of their import; in batches 0.9 s. Until
-- a batch is full, readers search through it as well: with at most 1 MB that adds 0.3 ms to a query.
ALTER INDEX candidates_by_words SET (fastupdate = on, gin_pending_list_limit = 1024);
