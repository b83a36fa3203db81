"""Pure rules and types of the product: no database, no network, no clock; time and facts are handed in."""
