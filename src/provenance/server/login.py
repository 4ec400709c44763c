"""The form that asks people for the token, once: their browser keeps a cookie that opens the door until it is closed."""

from http import HTTPStatus
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from provenance.server.access import LOGIN, Door, cookie_of

_LONGEST_FORM = 16_384  # bytes: a token, and an address to go back to
router = APIRouter(include_in_schema=False)


@router.get(LOGIN)
def form(request: Request, next: str = "") -> Response:  # noqa: A002 - its name in the address
    """The form; where no token is asked for, straight on."""
    door: Door = request.app.state.door
    if door.token is None:
        return RedirectResponse(door.prefix + _own(next), HTTPStatus.SEE_OTHER)
    return _form(request, next)


@router.post(LOGIN)
async def enter(request: Request) -> Response:
    """Lets in who types the token, and leads them to where they were going."""
    door: Door = request.app.state.door
    if door.token is None:
        return form(request)
    said = await _typed(request)
    onward = said.get("next", "")
    if not door.opens(said.get("token", "").strip()):
        return _form(request, onward, status=HTTPStatus.FORBIDDEN, refused=True)
    answer = RedirectResponse(door.prefix + _own(onward), HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        cookie_of(request),
        door.pass_,
        path=door.prefix or "/",
        httponly=True,
        samesite="strict",
        secure=door.is_secure or request.url.scheme == "https",
    )
    return answer


def _form(request: Request, onward: str, *, status: int = HTTPStatus.OK, refused: bool = False) -> Response:
    from provenance.server.pages.showing import bare_page

    return bare_page(request, "login.html", "Token", status=status, next=_own(onward), refused=refused)


async def _typed(request: Request) -> dict[str, str]:
    """The fields of the form.

    Raises:
        HTTPException: It is longer than any form of ours, or no text.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_FORM:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "that is longer than the form")
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=8)
    except ValueError as error:  # no text, or too many fields
        raise HTTPException(HTTPStatus.BAD_REQUEST, "that is not what the form sends") from error
    return {name: values[0] for name, values in fields.items()}


def _own(onward: str) -> str:
    """A path of this server, whatever a link said: two slashes, or a backslash, would lead elsewhere."""
    is_ours = onward.startswith("/") and not onward.startswith("//") and onward.isprintable()
    return onward if is_ours and "\\" not in onward else "/"
