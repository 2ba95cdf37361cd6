"""Statistical studies: long simulations whose results are committed, and a reduced form of each for every day."""
