"""Dagster assets that ask the vendors and append what they answer to the raw lake."""
