"""The floor: row lock, clock, one row written, commit; plain psycopg without the application."""

import asyncio
from time import monotonic

import psycopg

_TABLES = """
CREATE TABLE IF NOT EXISTS bare_lot (id int PRIMARY KEY, price bigint NOT NULL, last int NOT NULL);
CREATE TABLE IF NOT EXISTS bare_bid (lot int, seq int, at timestamptz, UNIQUE (lot, seq));
TRUNCATE bare_bid; DELETE FROM bare_lot; INSERT INTO bare_lot VALUES (1, 0, 0);
"""


def bare_lock_per_second(database_url: str, clients: int, seconds: float) -> float:
    """Bids per second of `clients` connections on one locked row."""
    return asyncio.run(_measure(database_url, clients, seconds))


async def _measure(database_url: str, clients: int, seconds: float) -> float:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as admin:
        await admin.execute(_TABLES)
    connections = [await psycopg.AsyncConnection.connect(database_url) for _ in range(clients)]
    begin = monotonic()
    counts = await asyncio.gather(*(_bid(each, begin + seconds) for each in connections))
    taken = monotonic() - begin
    for each in connections:
        await each.close()
    return sum(counts) / taken


async def _bid(connection: psycopg.AsyncConnection, until: float) -> int:
    done = 0
    while monotonic() < until:
        async with connection.cursor() as cursor:
            await cursor.execute("SELECT price, last FROM bare_lot WHERE id = 1 FOR UPDATE")
            row = await cursor.fetchone()
            assert row is not None
            await cursor.execute("SELECT clock_timestamp()")
            clock = await cursor.fetchone()
            assert clock is not None
            await cursor.execute("INSERT INTO bare_bid VALUES (1, %s, %s)", (row[1] + 1, clock[0]))
            await cursor.execute(
                "UPDATE bare_lot SET price = %s, last = %s WHERE id = 1", (row[0] + 1, row[1] + 1)
            )
        await connection.commit()
        done += 1
    return done
