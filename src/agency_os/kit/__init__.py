"""Small tools that know nothing of the product: clocks, ids, money, phones, HTTP, retries, signatures, tokens, logs."""
