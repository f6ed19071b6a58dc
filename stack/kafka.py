"""A local Apache Kafka: one KRaft broker, run straight from the jars of Maven Central."""

import hashlib
import logging
import re
import shutil
import subprocess
import tempfile
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from stack.console import Console
from stack.errors import StackError
from stack.folder import HOST, StackFolder, write_private
from stack.packages import cache_folder, find_binary, is_known, run_step
from stack.supervisor import Program, run_once

VERSION = "4.3.1"
OLDEST_JAVA = 17
# The second compiler pays off after hours; without it a start costs 5 s of CPU instead of 10.
JVM_OPTIONS = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")
LOGGING = Path(__file__).with_name("kafka-log4j2.properties")
POM = Path(__file__).with_name("pom.xml")
SUMS = Path(__file__).with_name("kafka-jars.sha256")  # as `sha256sum *.jar` writes them

# Asking a broker that is still starting is no news.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

CONFIGURATION = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers={host}:{controller_port}
log.dirs={data}
# The application makes its topics itself, with the partitions it wants.
auto.create.topics.enable=false
# A killed broker is let in again once the controller gave up on the old one (by default 9 s).
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
# One broker: no copies to wait for, and no waiting for more group members.
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""


class Kafka:
    """Apache Kafka's jars and a Java, or whatever KAFKA_BOOTSTRAP_SERVERS leads to."""

    name = "kafka"
    url_variable = "KAFKA_BOOTSTRAP_SERVERS"
    refusals: tuple[type[Exception], ...] = (KafkaError, OSError)

    def missing_packages(self) -> list[str]:
        """See Server."""
        packages = [] if _java() else [_java_package()]
        if not _jars().is_dir() and not find_binary("mvn"):
            packages.append("maven")
        return packages

    def fetch(self, console: Console) -> bool:
        """Fetch Kafka's jars with Maven; a half-fetched set is never taken for whole."""
        jars = _jars()
        if jars.is_dir():
            return False
        jars.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="fetching-", dir=jars.parent) as temporary:
            target = Path(temporary) / "jars"
            run_step(
                console,
                f"fetching Kafka {VERSION} from Maven Central",
                [
                    find_binary("mvn") or "mvn",
                    "-B",
                    "-f",
                    str(POM),
                    "dependency:copy-dependencies",
                    "-DincludeScope=runtime",
                    f"-DoutputDirectory={target}",
                ],
                f"Is Maven Central within reach? Kafka's jars belong into {jars}; stack/pom.xml names them.",
            )
            check_sums(target, SUMS.read_text())
            try:
                target.rename(jars)
            except OSError:
                if not jars.is_dir():  # else another stack was faster
                    raise
        return True

    def version(self) -> str:
        """See Server."""
        return f"Kafka {VERSION}, Java {_java_version(_java() or 'java')}"

    def environment(self, folder: StackFolder) -> dict[str, str]:
        """See Server."""
        return {"KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{folder.port('kafka')}"}

    async def prepare(self, folder: StackFolder, log: Path) -> Program:
        """See Server."""
        home = folder.path / "kafka"
        home.mkdir(exist_ok=True)
        data = home / "data"
        configuration = home / "server.properties"
        text = CONFIGURATION.format(
            host=HOST,
            port=folder.port("kafka"),
            controller_port=folder.port("kafka_controller"),
            data=data,
        )
        write_private(configuration, text)
        java = (
            _java() or "java",
            *JVM_OPTIONS,
            f"-Dlog4j2.configurationFile={LOGGING}",
            "-cp",
            f"{_jars()}/*",
        )
        formatted = home / "formatted"
        if not formatted.exists():
            shutil.rmtree(data, ignore_errors=True)  # the rest of an interrupted first start
            # Its first letter must not be "-", which the tool would take for an option.
            cluster_id = "K" + urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:].rstrip("=")
            storage_tool = (*java, "kafka.tools.StorageTool", "format", "-t", cluster_id)
            await run_once(Program("kafka", (*storage_tool, "-c", str(configuration), "--standalone")), log, 60)
            write_private(formatted, cluster_id + "\n")
        return Program(self.name, (*java, "kafka.Kafka", str(configuration)), stop_limit_seconds=30)

    async def ask_version(self, environment: Mapping[str, str]) -> str:
        """See Server. The protocol doesn't tell the broker's version, so this tells its nodes."""
        client = AIOKafkaAdminClient(
            bootstrap_servers=environment["KAFKA_BOOTSTRAP_SERVERS"], request_timeout_ms=5_000
        )
        try:
            await client.start()
            cluster = await client.describe_cluster()
        finally:
            await client.close()
        return f"Kafka, brokers: {len(cluster['brokers'])}"

    def address(self, environment: Mapping[str, str]) -> str:
        """See Server."""
        return environment["KAFKA_BOOTSTRAP_SERVERS"]


def check_sums(folder: Path, sums: str) -> None:
    """Raise StackError unless the folder holds exactly the files that `sums` lists, with these SHA-256 sums."""
    expected = {name: digest for digest, name in (line.split() for line in sums.splitlines())}
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        raise StackError(
            f"These files of Kafka are not the ones {SUMS.name} lists: {', '.join(wrong[:5])}."
            " Nothing was installed; somebody between here and Maven Central may have changed them."
        )


def _jars() -> Path:
    return cache_folder() / f"kafka-{VERSION}"


def _java() -> str | None:
    """A Java new enough for Kafka: the one on PATH, else one of Debian's."""
    on_path = find_binary("java")
    candidates = [on_path] if on_path else []
    candidates += [str(path) for path in sorted(Path("/usr/lib/jvm").glob("java-*/bin/java"))]
    return next((java for java in candidates if _java_version(java) >= OLDEST_JAVA), None)


def _java_version(java: str) -> int:
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r'version "(?:1\.)?(\d+)', answer)
    return int(found[1]) if found else 0


def _java_package() -> str:
    # Debian 12 has Java 17; later releases only newer ones, under this name.
    return "openjdk-17-jre-headless" if is_known("openjdk-17-jre-headless") else "default-jre-headless"
