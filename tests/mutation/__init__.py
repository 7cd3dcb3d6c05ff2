"""Small changes to the SQL of the models, and whether the unit tests of the models notice them."""
