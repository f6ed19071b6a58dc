"""Encrypted ways to Redis, MySQL and Kafka: only to whom the authority we were given vouches for.

Servers of their own with certificates made here; nothing else of the stack is needed.
"""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from app.infra.kafka import KafkaUnavailable, check_kafka, create_topics, open_orders_log, open_producer
from app.infra.mysql import DatabaseUnavailable, open_database
from app.infra.redis import open_redis
from app.settings import Settings
from stack.kafka import JVM_OPTIONS, _jars, _java
from stack.mariadb import _binary, _initialise, _is_mariadb
from stack.packages import find_binary
from tests.world.machine import free_port
from tests.world.waiting import until

PASSWORD = "only-for-this-test"  # noqa: S105
START_SECONDS = 60.0


@dataclass(frozen=True)
class Certificates:
    """An authority, a certificate of it for 127.0.0.1 alone, and an authority that nobody asked."""

    folder: Path

    def __getitem__(self, name: str) -> str:
        return str(self.folder / name)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    made = Certificates(tmp_path_factory.mktemp("certificates"))

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=made.folder, check=True, capture_output=True)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    for name in ("ca", "stranger"):
        openssl(
            "req", "-x509", *new_key, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2",
            "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign",
        )  # fmt: skip
    openssl("req", *new_key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server")
    (made.folder / "san").write_text("subjectAltName=IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n")
    openssl(
        "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
        "-extfile", "san", "-out", "server.pem", "-days", "2",
    )  # fmt: skip
    both = (made.folder / "server.key").read_text() + (made.folder / "server.pem").read_text()
    (made.folder / "both.pem").write_text(both)
    return made


@contextmanager
def server(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process until the block ends."""
    with log.open("wb") as output:
        running = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(30)
        except subprocess.TimeoutExpired:
            running.kill()


def settings(**given: str) -> Settings:
    """Of a process that reaches what is given, and nothing else."""
    nowhere = {
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "DATABASE_URL": "mysql+asyncmy://app:none@127.0.0.1:9/ticketcraze",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
    }
    return Settings.from_environment({**nowhere, **given})


async def ask_redis(of: Settings) -> bool:
    async with open_redis(of) as redis:
        return bool(await redis.ping())


def test_redis(certificates: Certificates, tmp_path: Path) -> None:
    port = free_port()
    command = [
        find_binary("redis-server") or "redis-server", "--port", "0", "--tls-port", str(port),
        "--bind", "127.0.0.1", "127.0.0.2", "--tls-auth-clients", "no", "--save", "", "--dir", str(tmp_path),
        "--tls-cert-file", certificates["server.pem"], "--tls-key-file", certificates["server.key"],
        "--tls-ca-cert-file", certificates["ca.pem"], "--requirepass", PASSWORD,
    ]  # fmt: skip
    url = f"rediss://:{PASSWORD}@127.0.0.1:{port}/0"

    def refused(**given: str) -> bool:
        with pytest.raises(RedisError):
            asyncio.run(ask_redis(settings(**given)))
        return True

    def is_up() -> bool:
        try:
            return asyncio.run(ask_redis(settings(REDIS_URL=url, REDIS_CA=certificates["ca.pem"])))
        except RedisError:
            return False

    with server(command, tmp_path / "log"):
        until(is_up, START_SECONDS)
        assert refused(REDIS_URL=url, REDIS_CA=certificates["stranger.pem"]), "not vouched for"
        assert refused(REDIS_URL=url), "the machine's own authorities do not know it"
        elsewhere = url.replace("127.0.0.1", "127.0.0.2")
        assert refused(REDIS_URL=elsewhere, REDIS_CA=certificates["ca.pem"]), "a certificate for another host"
        assert refused(REDIS_URL=url.replace("rediss", "redis")), "without TLS"


async def ask_mysql(of: Settings) -> str:
    """The cipher of the connection."""
    async with open_database(of) as database:
        row = await database.fetch_one("SHOW STATUS LIKE 'Ssl_cipher'")
        return str(row["Value"]) if row else ""


def test_mysql(certificates: Certificates, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "data").mkdir()
    subprocess.run(_initialise(_binary(), _is_mariadb(_binary())), cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "setup.sql").write_text(
        "CREATE DATABASE ticketcraze;\n"
        f"CREATE USER 'app'@'%' IDENTIFIED BY '{PASSWORD}' REQUIRE SSL;\n"
        "GRANT ALL ON ticketcraze.* TO 'app'@'%';\n"
    )
    command = [
        _binary(), "--no-defaults", f"--datadir={tmp_path}/data", f"--port={port}", "--bind-address=127.0.0.1",
        "--socket=mysql.sock", f"--init-file={tmp_path}/setup.sql", "--skip-name-resolve",
        f"--ssl-cert={certificates['server.pem']}", f"--ssl-key={certificates['server.key']}",
        f"--ssl-ca={certificates['ca.pem']}", *(["--user=root"] if os.geteuid() == 0 else []),
    ]  # fmt: skip
    url = f"mysql+asyncmy://app:{PASSWORD}@127.0.0.1:{port}/ticketcraze"

    def cipher(ca: str) -> str:
        try:
            return asyncio.run(ask_mysql(settings(DATABASE_URL=url, MYSQL_SSL_CA=ca)))
        except DatabaseUnavailable:
            return ""

    with server(command, tmp_path / "log"):
        assert until(lambda: cipher(certificates["ca.pem"]), START_SECONDS)
        assert not cipher(certificates["stranger.pem"])
        with pytest.raises(DatabaseUnavailable):
            asyncio.run(ask_mysql(settings(DATABASE_URL=url)))


KAFKA = """\
process.roles=broker,controller
node.id=1
listeners=SASL_SSL://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=SASL_SSL://127.0.0.1:{port}
listener.security.protocol.map=SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=SASL_SSL
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
ssl.keystore.type=PEM
ssl.keystore.location={both}
ssl.truststore.type=PEM
ssl.truststore.location={ca}
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config={module} username="app" password="{password}" user_app="{password}";
"""


async def use_kafka(of: Settings) -> None:
    """Everything that talks to Kafka, except a ledger."""
    await create_topics(of)
    await check_kafka(of)
    async with open_producer(of) as producer:
        await producer.send([("an order", b"a fact")])
    async with open_orders_log(of) as orders_log:
        assert (await orders_log.lag())[0] == 1


@pytest.mark.slow
def test_kafka(certificates: Certificates, tmp_path: Path) -> None:
    port = free_port()
    configuration = tmp_path / "server.properties"
    configuration.write_text(
        KAFKA.format(
            port=port,
            controller_port=free_port(),
            data=tmp_path / "data",
            both=certificates["both.pem"],
            ca=certificates["ca.pem"],
            password=PASSWORD,
            module="org.apache.kafka.common.security.plain.PlainLoginModule required",
        )
    )
    java = [_java() or "java", *JVM_OPTIONS, "-cp", f"{_jars()}/*"]
    storage = [*java, "kafka.tools.StorageTool", "format", "-t", "K" * 22, "-c", str(configuration)]
    subprocess.run([*storage, "--standalone"], check=True, capture_output=True)
    given = {
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SSL_CA": certificates["ca.pem"],
        "KAFKA_SASL_MECHANISM": "PLAIN",
        "KAFKA_SASL_USERNAME": "app",
        "KAFKA_SASL_PASSWORD": PASSWORD,
    }

    def is_up() -> bool:
        try:
            asyncio.run(use_kafka(settings(**given)))
        except KafkaUnavailable:
            return False
        return True

    with server([*java, "kafka.Kafka", str(configuration)], tmp_path / "log"):
        until(is_up, START_SECONDS)
        for wrong in (
            {"KAFKA_SSL_CA": certificates["stranger.pem"]},
            {"KAFKA_SASL_PASSWORD": "another"},
            {"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT", "KAFKA_SSL_CA": "", "KAFKA_SASL_USERNAME": ""},
        ):
            with pytest.raises(KafkaUnavailable):
                asyncio.run(check_kafka(settings(**{**given, **wrong})))
    shutil.rmtree(tmp_path / "data")
