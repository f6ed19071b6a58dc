"""`ticketcraze migrate`: the schema of MySQL and the topics of Kafka."""

import argparse
from urllib.parse import urlsplit

from app.cli.command import Answer, Commands, Failed
from app.infra.kafka import create_topics
from app.infra.migrations import MigrationFailed, grant, migrate
from app.infra.mysql import open_database_as_owner
from app.settings import Settings


def add(commands: Commands) -> None:
    """Adds the command."""
    commands.add(
        "migrate", "Brings MySQL's schema and Kafka's topics up to date.", _migrate, "ticketcraze migrate"
    )


async def _migrate(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database_as_owner(settings) as database:
        try:
            done = await migrate(database)
        except (MigrationFailed, TimeoutError) as error:
            raise Failed(str(error)) from error
        user = urlsplit(settings.database_url).username
        if user and user != urlsplit(settings.owner_database_url).username:
            await grant(database, user)
    await create_topics(settings)
    return {"migrations": done}, "\n".join(done) or "The schema is up to date."
