"""What a request passes before any route sees it, and an answer on its way out. From the outside in:

drain      whether an answer is the last of its connection
headers    what every answer tells a browser
CORS       which sites' pages may read answers; only where settings list some
sizes      of the head
origins    which sites' pages may open a WebSocket
cookies    tokens in one; only where settings name it
"""

from starlette.types import ASGIApp

from membership.settings import Settings
from membership.web.cookies import CookieTokens
from membership.web.draining import Drain, LastAnswers
from membership.web.headers import SecurityHeaders
from membership.web.heads import HeadSizes
from membership.web.origins import Cors, SocketOrigins


def at_the_edge(app: ASGIApp, settings: Settings, drain: Drain) -> ASGIApp:
    """The application with everything around it."""
    origins = settings.allowed_origins
    if settings.token_cookie is not None:
        app = CookieTokens(app, settings.token_cookie)
    app = HeadSizes(SocketOrigins(app, origins))
    if origins:
        app = Cors(app, origins, credentials=settings.token_cookie is not None)
    return LastAnswers(SecurityHeaders(app, hsts_seconds=settings.hsts_seconds), drain)
