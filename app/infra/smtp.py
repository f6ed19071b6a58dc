"""Mail servers, and the folder that stands in for one: both take a whole message."""

import asyncio
import os
import ssl
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

from app.settings import Settings

TIMEOUT_SECONDS = 20.0
MOST_KEPT = 200  # mails in a folder; the oldest go


class MailUnavailable(Exception):
    """The server cannot be reached, or takes nothing now. It says nothing about this mail."""


class MailDeferred(Exception):
    """The server does not take this mail now."""


class MailRefused(Exception):
    """The server never takes this mail: there is no such mailbox, or it does not want what we write."""


class Mailer(Protocol):
    """Whoever carries mail."""

    async def send(self, mail: EmailMessage) -> None:
        """Hands one mail over. Raises MailUnavailable, MailDeferred, MailRefused."""


class SmtpMailer:
    """A server, by `smtp://user:password@host:587` (TLS as soon as it offers it) or `smtps://…:465`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._tls else 587)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None

    async def send(self, mail: EmailMessage) -> None:
        """See Mailer."""
        try:
            await aiosmtplib.send(
                mail,
                hostname=self._host,
                port=self._port,
                use_tls=self._tls,
                start_tls=None if not self._tls else False,
                username=self._user,
                password=self._password,
                timeout=TIMEOUT_SECONDS,
                tls_context=ssl.create_default_context(),
            )
        except aiosmtplib.SMTPRecipientsRefused as error:  # one recipient: the inner one says what it is
            raise _of_code(error.recipients[0].code, error.recipients[0].message, mail) from None
        except aiosmtplib.SMTPAuthenticationError as error:
            raise MailUnavailable(f"{self._host} refuses our name or password: {error.code}") from None
        except aiosmtplib.SMTPConnectError as error:
            raise MailUnavailable(f"{self._host}: {error}") from None
        except aiosmtplib.SMTPResponseException as error:
            if error.code == 421:  # it is closing
                raise MailUnavailable(f"{self._host}: {error.code} {error.message}") from None
            raise _of_code(error.code, error.message, mail) from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise MailUnavailable(f"{self._host}: {type(error).__name__} {error}") from None


class FolderMailer:
    """Writes each mail as a file, for machines without a mail server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, mail: EmailMessage) -> None:
        """See Mailer."""
        try:
            await asyncio.to_thread(self._write, mail)
        except OSError as error:
            raise MailUnavailable(f"{self._folder}: {error.strerror}") from None

    def _write(self, mail: EmailMessage) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = str(mail["Message-ID"]).strip("<>").partition("@")[0]  # the same mail is the same file
        part = self._folder / f".{name}.part"
        part.write_bytes(mail.as_bytes())
        os.replace(part, self._folder / f"{name}.eml")
        for old in sorted(self._folder.glob("*.eml"), key=lambda path: path.stat().st_mtime)[:-MOST_KEPT]:
            old.unlink(missing_ok=True)


def _of_code(code: int, said: str, mail: EmailMessage) -> Exception:
    """What the server said, without the address, which is kept in one place only."""
    text = f"{code} {said.replace(str(mail['To']), 'the address')}"
    return MailRefused(text) if code >= 500 else MailDeferred(text)


def open_mailer(settings: Settings) -> Mailer:
    """The mail server of the settings; without one, the folder."""
    return SmtpMailer(settings.smtp_url) if settings.smtp_url else FolderMailer(Path(settings.mail_folder))
