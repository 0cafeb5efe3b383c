from engine_fixtures import broker_server, client, database_server, database_template, dsn, pool  # noqa: F401
