"""Sign-in, sign-out, change of password, choice of language."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from province.console.errors import words_for
from province.console.language import COOKIE, LANGUAGES
from province.console.said import Known, Said
from province.console.visit import SESSION_COOKIE, THEME_COOKIE, THEMES, YEAR_S, Visit, local
from province.errors import InvalidInput, NotFound, NotSignedIn, ProvinceError, RateLimited


@dataclass(frozen=True, slots=True)
class Problem:
    """An error above a form that can be corrected in place."""

    title: str
    advice: str
    detail: Said
    field: str | None
    remedy: Said
    where: str = ""
    """What the page calls the field."""


def problem(visit: Visit, error: ProvinceError, known: Known | None = None) -> Problem:
    """An error in the reader's language. known: what the page calls its fields."""
    title, advice = words_for(error)
    said = visit.said
    return Problem(
        visit.words(title), visit.words(advice), said(error.detail, known), error.field, said(error.remedy, known),
        said.field(error.field, known or {}),
    )  # fmt: skip


async def sign_in(visit: Visit) -> Response:
    """The form, and what becomes of it. Whether the login exists is never told."""
    target = local(visit.request.query_params.get("next", "/"))
    if visit.form is None:
        if visit.session is not None:
            return visit.see(target)
        return visit.page("sign_in.html", {"next": target, "login": "", "problem": None})
    target, login = local(visit.text("next")), visit.text("login")
    password = visit.form.get("password")
    try:
        if not login or not isinstance(password, str) or not password:
            raise InvalidInput("login and password are needed.", field="login", remedy="Fill in both.")
        former = visit.request.cookies.get(SESSION_COOKIE, "")
        agent = visit.request.headers.get("user-agent", "")[:200]
        cookie = await visit.services.sign_in(login, password, visit.actor, former, agent)
    except (NotSignedIn, InvalidInput, RateLimited) as error:
        found = problem(visit, error)
        status = visit.services.status(error)
        return visit.page("sign_in.html", {"next": target, "login": login, "problem": found}, status=status)
    visit.cookies.append((SESSION_COOKIE, cookie, None))
    return visit.see(target)


async def sign_out(visit: Visit) -> Response:
    """End the session everywhere it is known."""
    if visit.session is not None:
        await visit.services.sign_out(visit.session)
    visit.cookies.append((SESSION_COOKIE, None, None))
    return visit.see("/sign-in")


async def password(visit: Visit) -> Response:
    """Change one's own password. The session goes on with a new cookie; the others end."""
    if visit.session is None:
        raise NotSignedIn("this needs an account.", remedy="Sign in.")
    if visit.form is None:
        done = visit.request.query_params.get("done") == "1"
        return visit.page("password.html", {"problem": None, "done": done})
    old, new, again = (str(visit.form.get(name) or "") for name in ("old", "new", "again"))
    try:
        if new != again:
            raise InvalidInput("the two new passwords differ.", field="again", remedy="Type the same twice.")
        await visit.services.change_password(visit.session, old, new)
    except (InvalidInput, NotSignedIn, RateLimited) as error:
        values = {"problem": problem(visit, error), "done": False}
        return visit.page("password.html", values, status=visit.services.status(error))
    return visit.see("/") if visit.session.must_change else visit.see("/account/password", done="1")


async def choose_language(visit: Visit) -> Response:
    """Remember the language for a year and go back."""
    wanted = visit.request.path_params["language"]
    if wanted not in LANGUAGES:
        raise NotFound(f"there is no language {wanted[:10]!r}.", field="language", remedy="Use vi or en.")
    visit.cookies.append((COOKIE, wanted, YEAR_S))
    return visit.see(local(visit.request.query_params.get("next", "/")))


async def choose_theme(visit: Visit) -> Response:
    """Remember light or dark for a year, or forget the choice, and go back."""
    wanted = visit.request.path_params["theme"]
    if wanted not in (*THEMES, "system"):
        raise NotFound(f"there is no theme {wanted[:10]!r}.", field="theme", remedy="Use light, dark or system.")
    visit.cookies.append((THEME_COOKIE, None if wanted == "system" else wanted, YEAR_S))
    return visit.see(local(visit.request.query_params.get("next", "/")))
