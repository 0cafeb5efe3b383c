"""One request to a page: who, in which language, with which form. Every page goes through `door`."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Message, Receive

from province.console import errors, language, navigation, render, tour
from province.console.display import Words
from province.console.said import Speaker
from province.console.services import Services, Session
from province.errors import InvalidInput, NotFound, NotSignedIn, ProvinceError, TooLarge
from province.model.actor import Actor, anonymous

SESSION_COOKIE: Final = "session"
VISITOR_COOKIE: Final = "visitor"
THEME_COOKIE: Final = "theme"
THEMES: Final = ("light", "dark")
YEAR_S: Final = 365 * 86_400


@dataclass(slots=True)
class Visit:
    """What a handler receives. form: None for GET.  cookies: (name, value or None to remove, seconds to live)."""

    request: Request
    services: Services
    language: str
    words: Words
    actor: Actor
    session: Session | None
    csrf_key: str
    form: FormData | None = None
    cookies: list[tuple[str, str | None, int | None]] = field(default_factory=list)

    @property
    def theme(self) -> str:
        """`light` or `dark` as the reader chose, else "": as their system says."""
        chosen = self.request.cookies.get(THEME_COOKIE, "")
        return chosen if chosen in THEMES else ""

    @property
    def next_theme(self) -> str:
        """What the switch in the header leads to: dark, then light, then what the system says."""
        return {"": "dark", "dark": "light"}.get(self.theme, "system")

    @property
    def path(self) -> str:
        """Path and query of this page, for links that come back to it; the answer to a form goes to where it stood."""
        if self.request.method != "GET":
            return local(urlsplit(self.request.headers.get("referer", "")).path)
        query = self.request.url.query
        return self.request.url.path + (f"?{query}" if query else "")

    def text(self, name: str) -> str:
        """A text of the form, trimmed; "" when it is not there."""
        value = self.form.get(name) if self.form is not None else None
        return value.strip() if isinstance(value, str) else ""

    def uploads(self, name: str) -> list[UploadFile]:
        """Files of the form that hold something."""
        found = self.form.getlist(name) if self.form is not None else []
        return [f for f in found if isinstance(f, UploadFile) and f.size]

    @property
    def said(self) -> Speaker:
        """Says to this reader what the code refuses or cites."""
        return Speaker(self.services, self.words)

    def entries(self) -> list[navigation.Entry]:
        """The links of this reader's menu."""
        return navigation.entries(self.services, self.actor, self.request.url.path)

    def page(self, template: str, values: Mapping[str, Any] | None = None, *, status: int = 200) -> Response:
        """A page inside the frame: navigation, language switch, who is signed in."""
        entries = self.entries()
        common = {
            "visit": self,
            "said": self.said,
            "services": self.services,
            "csrf": self.services.csrf_token(self.csrf_key),
            "navigation": entries,
            "menu": navigation.menu(entries),
            "other_language": "en" if self.language == "vi" else "vi",
            "may": lambda permission: self.services.may(self.actor, permission),
            "request_id": self.actor.request,
            "tour": self._tour(),
        }
        return render.page(template, self.language, {**common, **(values or {})}, status=status)

    def _tour(self) -> tuple[int, int, Any] | None:
        """(number, how many, step) while the reader is on the tour."""
        number = self.request.cookies.get(tour.COOKIE, "")
        if not number.isdecimal() or self.request.method != "GET":
            return None
        steps = tour.steps(self.services, self.actor)
        return (int(number), len(steps), steps[int(number) - 1]) if 1 <= int(number) <= len(steps) else None

    @property
    def is_first(self) -> bool:
        """Whether this reader has never been offered the tour, or let it lie."""
        return tour.COOKIE not in self.request.cookies

    def see(self, path: str, **query: str) -> Response:
        """Go on to another page after a form was carried out."""
        return RedirectResponse(path + (f"?{urlencode(query)}" if query else ""), status_code=303)


Handler = Callable[[Visit], Awaitable[Response]]


def local(path: str, default: str = "/") -> str:
    """A path on this site, for `next`; anything that could lead elsewhere becomes `default`."""
    good = path.startswith("/") and not path.startswith("//") and not any(c in path for c in "\\\r\n\t")
    return path if good else default


def door(
    services: Services, handler: Handler, *, public: bool = False, largest: int = 0
) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint: actor, session, form with CSRF check, and errors as pages.

    public: offered to strangers too; else they are sent to the sign-in page.
    largest: bytes of a form, where it may be larger than others.
    """

    async def endpoint(request: Request) -> Response:
        visit = _open(request, services)
        try:
            await _recognise(visit)
            response = await _answer(visit, handler, public, largest or services.max_upload_bytes)
        except ProvinceError as error:
            response = errors.error_page(visit, error)
        finally:
            if visit.form is not None:
                await visit.form.close()
        for name, value, max_age in visit.cookies:
            _set_cookie(response, services, name, value, max_age)
        return render.guard(response)

    return endpoint


async def _answer(visit: Visit, handler: Handler, public: bool, largest: int) -> Response:
    _check_text(visit.request)
    if visit.session is None and not public:
        if visit.request.method == "GET" and "application/json" not in visit.request.headers.get("accept", ""):
            return RedirectResponse(f"/sign-in?next={quote(visit.path, safe='/')}", status_code=303)
        raise NotSignedIn("the session is over.", remedy="Sign in again and repeat the step.")
    if visit.session is not None and visit.session.must_change and visit.request.url.path not in _BEFORE_CHANGE:
        return RedirectResponse("/account/password", status_code=303)
    if visit.request.method == "POST":
        visit.form = await _read_form(visit.request, largest)
        visit.services.check_csrf(visit.csrf_key, visit.text("csrf"))
    return await handler(visit)


def _check_text(request: Request) -> None:
    """No address of ours holds a NUL or what is not UTF-8. Raises: NotFound, InvalidInput."""
    if any(c in request.url.path or any(c in str(v) for v in request.path_params.values()) for c in _NEVER):
        raise NotFound("there is no such page.", remedy="Begin at the start page.")
    for name, value in request.query_params.multi_items():
        if any(c in name or c in value for c in _NEVER):
            raise InvalidInput("the value is not UTF-8 or holds a NUL.", field=name[:40], remedy="Leave it out.")


_NEVER: Final = ("\0", "\ufffd")
_BEFORE_CHANGE: Final = frozenset(("/account/password", "/sign-out"))


def _open(request: Request, services: Services) -> Visit:
    """The visit of a stranger, which is what everybody is until the session is found."""
    request_id = getattr(request.state, "request_id", "") or secrets.token_hex(8)
    stranger = anonymous(services.tenant, address=services.address(request), request=request_id)
    chosen = language.choose(request)
    return Visit(request, services, chosen, Words(chosen), stranger, None, request.cookies.get(VISITOR_COOKIE, ""))


async def _recognise(visit: Visit) -> None:
    """Find the session of the cookie; give a stranger a key for the forms. Raises: Unavailable."""
    cookie = visit.request.cookies.get(SESSION_COOKIE, "")
    if cookie:
        visit.session = await visit.services.session(cookie, visit.actor)
    if visit.session is not None:
        # What is read for a page is read for the purpose of that page, unless a person gave a better one.
        page = f"/{visit.request.url.path.split('/')[1][:40]}"
        visit.actor = msgspec.structs.replace(visit.session.actor, purpose=visit.session.actor.purpose or page)
        visit.csrf_key = visit.actor.session
    elif not visit.csrf_key:
        visit.csrf_key = secrets.token_urlsafe(24)
        visit.cookies.append((VISITOR_COOKIE, visit.csrf_key, None))


async def _read_form(request: Request, limit: int) -> FormData:
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    limited = Request(request.scope, _counted(request.receive, limit))
    try:
        form = await limited.form(max_files=10, max_fields=200, max_part_size=256 * 1024)
    except HTTPException as error:
        raise InvalidInput(
            f"the form cannot be read: {error.detail}", field="body", remedy="Send the form of this page."
        ) from None
    except (UnicodeDecodeError, ClientDisconnect) as error:
        raise InvalidInput(f"the form cannot be read: {error}", field="body", remedy="Send it as UTF-8.") from None
    for name, value in form.multi_items():
        if "\0" in name or "\0" in (value if isinstance(value, str) else value.filename or ""):
            await form.close()
            raise InvalidInput("the value holds a NUL.", field=name[:40].replace("\0", ""), remedy="Leave it out.")
    return form


def _counted(receive: Receive, limit: int) -> Receive:
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise _too_large(limit)
        return message

    return counted


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"the form is larger than {limit // 1024**2} MB.",
        field="body",
        remedy="Send smaller or fewer photos.",
    )


def _set_cookie(response: Response, services: Services, name: str, value: str | None, max_age: int | None) -> None:
    if value is None:
        response.delete_cookie(name, path="/")
        return
    response.set_cookie(
        name, value, max_age=max_age, path="/", httponly=True, secure=services.secure_cookies, samesite="lax"
    )
