"""The database: schema, migrations, hot statements, the one writer, the readers. ``driver`` must be imported first."""
