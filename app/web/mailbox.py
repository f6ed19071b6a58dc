"""The mail that a machine without a mail server wrote into its folder, as pages: in development only."""

import asyncio
import base64
import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.web.problems import Problem
from app.web.rendering import page
from app.web.services import services_of

MOST_LISTED = 50
_NAME = re.compile(r"[0-9a-f-]{36}\.[0-9]{1,15}")
# A mail brings its own style, and nothing from elsewhere.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"


def _folder(request: Request) -> Path:
    """Where mail is. Raises Problem `not_found` in production, and where a server carries it."""
    settings = services_of(request).settings
    if settings.environment != "development" or settings.smtp_url:
        raise Problem("not_found")
    return Path(settings.mail_folder)


def _read(file: Path) -> EmailMessage:
    return message_from_bytes(file.read_bytes(), policy=default)


def _listed(folder: Path) -> list[dict[str, Any]]:
    files = sorted(folder.glob("*.eml"), key=lambda file: file.stat().st_mtime, reverse=True)[:MOST_LISTED]
    mails = [(file.stem, _read(file)) for file in files]
    return [
        {"name": name, "to": str(mail["To"]), "subject": str(mail["Subject"]), "at": str(mail["Date"])}
        for name, mail in mails
    ]


async def _mail(request: Request) -> EmailMessage:
    name: str = request.path_params["name"]
    folder = _folder(request)
    if not _NAME.fullmatch(name) or not (folder / f"{name}.eml").is_file():
        raise Problem("not_found")
    return await asyncio.to_thread(_read, folder / f"{name}.eml")


async def list_page(request: Request) -> Response:
    """The newest mails."""
    return page("development/mails.html", mails=await asyncio.to_thread(_listed, _folder(request)))


async def mail_page(request: Request) -> Response:
    """One mail: who gets it, as text and as HTML, and what is attached."""
    mail = await _mail(request)
    text = mail.get_body(("plain",))
    return page(
        "development/mail.html",
        name=request.path_params["name"],
        to=str(mail["To"]),
        subject=str(mail["Subject"]),
        text=text.get_content() if text else "",
        attachments=[part.get_filename() for part in mail.iter_attachments()],
    )


async def mail_html(request: Request) -> Response:
    """The HTML of a mail, with its pictures inside, for the frame of its page."""
    mail = await _mail(request)
    body = mail.get_body(("html",))
    if body is None:
        raise Problem("not_found")
    html: str = body.get_content()
    for part in mail.walk():
        if part.get_content_maintype() == "image":
            picture = base64.b64encode(part.get_payload(decode=True)).decode()  # type: ignore[arg-type]  # bytes, decoded
            cid = str(part["Content-ID"]).strip("<>")
            html = html.replace(f'"cid:{cid}"', f'"data:{part.get_content_type()};base64,{picture}"')
    return Response(html, media_type="text/html", headers={"Content-Security-Policy": _POLICY})


async def attachment(request: Request) -> Response:
    """A file that is attached to a mail."""
    mail = await _mail(request)
    for part in mail.iter_attachments():
        if part.get_filename() == request.path_params["file"]:
            content = part.get_payload(decode=True)
            return Response(content, media_type=part.get_content_type())
    raise Problem("not_found")
