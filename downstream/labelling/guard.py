"""Who may ask the server: the page that this process has handed out, in a browser of this machine.

A page of the internet may send requests to 127.0.0.1, too, and may give a name of its own that
address (DNS rebinding). So a request has to name this machine in `Host`, to come from this very
page if it says where it comes from (`Origin`), and to know a secret that only the address printed
in the terminal has.
"""

import email.message
import hmac
import re
import secrets
from collections.abc import Mapping

Headers = Mapping[str, str] | email.message.Message  # that of a request knows no case
TOKEN_HEADER, TOKEN_FIELD = "X-Label-Token", "token"
_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)
# What the page may load and where it may stand: itself, and nowhere else.
HEADERS = {
  "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
  "img-src 'self'; media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
  "frame-ancestors 'none'",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
}


class Guard:
  """Decides about requests.

  Attributes:
    token: the secret.

  Example:
    >>> guard = Guard("secret")
    >>> guard.refusal({"Host": "localhost:8000"}, "secret") is None
    True
    >>> guard.refusal({"Host": "attacker.example"}, "secret")
    'the server answers to 127.0.0.1 and localhost only'
    >>> guard.refusal({"Host": "127.0.0.1:8000"}, "guess")
    'open the address that the command has printed: it ends in a secret of its own'
  """

  def __init__(self, token: str | None = None):
    """Chooses a secret.

    Args:
      token: the secret; None: it is drawn.
    """
    self.token = token or secrets.token_urlsafe(16)

  def refusal_of_place(self, headers: Headers) -> str | None:
    """Returns why a request is refused, whatever it knows; None: it is not.

    Args:
      headers: of the request.
    """
    host = headers.get("Host") or ""
    if not _HOST.fullmatch(host):
      return "the server answers to 127.0.0.1 and localhost only"
    origin = headers.get("Origin")
    if origin is not None and origin.lower() != f"http://{host.lower()}":
      return "another page has sent this request"
    return None

  def refusal(self, headers: Headers, token: str) -> str | None:
    """Returns why a request is refused; None: it is not.

    Args:
      headers: of the request.
      token: what it gives for the secret.
    """
    if (reason := self.refusal_of_place(headers)) is not None:
      return reason
    if not hmac.compare_digest(token.encode(), self.token.encode()):
      return "open the address that the command has printed: it ends in a secret of its own"
    return None
