"""The Dagster code location of smallcap-lake: vendors → raw lake → dbt → publish."""
