"""Commands for people: status, query, diff. They read only, and never the build database."""
