"""Lists of products, the names of facets, and the words of search."""
