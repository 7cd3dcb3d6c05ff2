"""Building: the dbt project, the facts of a build, its assets, and the record of it that publish audits."""
